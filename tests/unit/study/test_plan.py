"""The plan of a study: nobody vanishes, every problem is listed, and what stops it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ketfc.base.errors import Problem, problems_table
from ketfc.base.files import read_tsv, write_tsv
from ketfc.study.config.config import parse_config
from ketfc.study.design.design import read_design, write_design
from ketfc.study.plan import RUN_COLUMNS, Plan, make_plan
from ketfc.study.runs.index import index_runs
from ketfc.study.summary import summary, unusable

ARMS = {"column": "arm", "ketamine": "ketamine", "control": "midazolam"}
GOOD = {
    "01": ("ketamine", "20", "5"),
    "02": ("ketamine", "18", "9"),
    "03": ("midazolam", "21", "20"),
    "04": ("midazolam", "19", "18"),
}


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that plans a study of empty images."""
    monkeypatch.chdir(tmp_path)

    def planned(
        people: dict[str, tuple[str, str, str]] | None = None,
        *,
        without: tuple[tuple[str, str], ...] = (),
        without_mask: tuple[tuple[str, str], ...] = (),
        arms: dict[str, str] | None = ARMS,
        extra: tuple[Problem, ...] = (),
        **study: Any,
    ) -> Plan:
        people = GOOD if people is None else people
        lines = ["participant_id\tarm\tSSI_ses-pre\tSSI_ses-post"]
        lines += ["\t".join((person, *cells)) for person, cells in people.items()]
        (tmp_path / "participants.tsv").write_text("\n".join(lines), encoding="utf-8")
        for person in GOOD:
            for session in ("pre", "post"):
                if (person, session) not in without:
                    add_run(
                        tmp_path / "fmriprep",
                        person,
                        session,
                        mask=(person, session) not in without_mask,
                    )
        section = {
            "name": "trial",
            "derivatives": "fmriprep",
            "sessions": {"pre": "pre", "post": "post"},
            "arms": arms,
        } | study
        scores = {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}}
        config = parse_config({"study": section, "scores": scores})
        folders = [Path(folder) for folder in config.study.derivatives]
        return make_plan(config, index_runs(config.study, folders), folders, extra=extra)

    return planned


def add_run(root: Path, person: str, session: str, *, mask: bool = True) -> None:
    folder = root / f"sub-{person}/ses-{session}/func"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"sub-{person}_ses-{session}_task-rest"
    space = f"{stem}_space-MNI152NLin2009cAsym"
    (folder / f"{space}_desc-preproc_bold.nii.gz").touch()
    (folder / f"{stem}_desc-confounds_timeseries.tsv").touch()
    if mask:
        (folder / f"{space}_desc-brain_mask.nii.gz").touch()


def errors(plan: Plan) -> list[str]:
    return [problem.message for problem in plan.problems if problem.severity == "error"]


def test_a_good_study_is_planned_without_a_problem(planned) -> None:
    plan = planned()
    assert plan.problems == ()
    assert plan.usable
    assert tuple(plan.runs.columns) == RUN_COLUMNS
    assert len(plan.runs) == 8
    assert set(plan.runs["status"]) == {"ok"}
    assert plan.runs["reason"].isna().all()
    assert plan.design.participants == {
        "sub-01": "ketamine",
        "sub-02": "ketamine",
        "sub-03": "control",
        "sub-04": "control",
    }
    assert len(plan.scores) == 8


def test_nobody_vanishes_wherever_they_are_missing(planned) -> None:
    people = {**GOOD, "09": ("ketamine", "11", "3")}
    del people["02"]
    plan = planned(people, without=(("03", "post"),), without_mask=(("04", "pre"),))
    assert set(plan.design.participants) == {f"sub-0{i}" for i in (1, 2, 3, 4, 9)}
    assert plan.design.participants["sub-02"] is None
    said = {(p.participant_id, p.session, p.severity): p.message for p in plan.problems}
    assert said["sub-02", None, "excluded"] == "has images but no row in the table"
    assert said["sub-03", "post", "excluded"] == "has no usable run of session post"
    assert said["sub-04", "pre", "excluded"] == "has no usable run of session pre"
    assert said["sub-09", None, "note"] == "is in the table but has no images"
    assert said["sub-09", "post", "excluded"] == "has no usable run of session post"
    assert plan.usable


def test_a_run_without_a_mask_is_listed_as_excluded_with_the_reason(planned) -> None:
    runs = planned(without_mask=(("04", "pre"),)).runs
    row = runs[runs["status"] == "excluded"].iloc[0]
    assert (row["run"], row["arm"]) == ("sub-04_ses-pre_task-rest", "control")
    assert "has no brain mask" in row["reason"]
    assert pd.isna(row["mask"])
    assert (runs["status"] == "ok").sum() == 7


def test_another_run_of_the_session_keeps_the_participant(planned, tmp_path: Path) -> None:
    planned()
    first = tmp_path / "fmriprep/sub-01/ses-pre/func"
    for file in list(first.iterdir()):
        name = file.name.replace("task-rest", "task-rest_run-2")
        if "mask" not in name:
            (first / name).touch()
    plan = planned()
    assert [p.run for p in plan.problems] == ["sub-01_ses-pre_task-rest_run-2"]
    assert (plan.runs["status"] == "ok").sum() == 8


def test_a_problem_of_a_later_room_excludes_the_run_it_names(planned) -> None:
    run = "sub-01_ses-pre_task-rest"
    late = Problem("excluded", "the confounds lack a column", run=run, participant_id="sub-01")
    note = Problem("note", "is n/a in strategy 36P", run="sub-02_ses-pre_task-rest")
    plan = planned(extra=(late, note))
    excluded = plan.runs[plan.runs["status"] == "excluded"]
    assert list(zip(excluded["run"], excluded["reason"], strict=True)) == [(run, late.message)]
    assert ("sub-01", "pre") in {(p.participant_id, p.session) for p in plan.problems}


def test_every_problem_is_listed_at_once(planned) -> None:
    people = {
        "1": ("ketamine", "20", "5"),
        "02": ("ketamine", "high", "9"),
        "03": ("saline", "21", "20"),
        "sub-02": ("ketamine", "1", "1"),
        "04": ("midazolam", "19", "inf"),
    }
    plan = planned(people, sessions={"pre": "pre", "post": "post", "late": "day7"})
    said = [(p.field, p.value) for p in plan.problems if p.severity == "error"]
    assert said == [
        ("study.sessions.late", "day7"),
        ("participant_id", "1"),
        ("participant_id", "sub-02"),
        ("SSI_ses-pre", "high"),
        ("SSI_ses-post", "inf"),
    ]
    noted = [(p.field, p.value) for p in plan.problems if p.severity == "note"]
    assert ("scores.si", "SSI_ses-day7") in noted
    assert not plan.usable


def test_arms_may_stand_in_a_table_of_their_own(planned, tmp_path: Path) -> None:
    (tmp_path / "groups.tsv").write_text(
        "participant_id\tgroup\n01\tketamine\n02\tketamine\n03\tmidazolam\n03\tketamine\n"
    )
    plan = planned(participants="groups.tsv", arms=ARMS | {"column": "group"})
    assert plan.design.participants["sub-01"] == "ketamine"
    said = {(p.file, p.participant_id): p.message for p in plan.problems}
    assert said["groups.tsv", "sub-03"] == "is in more than one arm"
    assert said["groups.tsv", "sub-04"] == "has images but no row in the table"
    assert [p.message for p in plan.problems if "2 rows" in p.message] == [
        "has 2 rows (lines 4, 5); one is expected"
    ]


def test_a_missing_arms_table_is_an_error(planned) -> None:
    plan = planned(participants="nowhere.tsv")
    assert [(p.field, p.value) for p in plan.problems if p.severity == "error"] == [
        ("study.participants", "nowhere.tsv")
    ]


def test_without_arms_nobody_needs_one(planned) -> None:
    plan = planned({key: ("", *cells[1:]) for key, cells in GOOD.items()}, arms=None)
    assert plan.problems == ()
    assert set(plan.design.participants.values()) == {None}


def test_a_study_without_a_usable_run_stops(planned) -> None:
    everybody = tuple((person, session) for person in GOOD for session in ("pre", "post"))
    plan = planned(without_mask=everybody)
    assert len(errors(plan)) == 1
    assert errors(plan)[0] == (
        "no test is possible: 0 of ketamine and 0 of midazolam would have usable runs of both "
        "ses-pre and ses-post, and at least 2 of each are needed; of 8 runs, 8 by missing-file are "
        "left out (results/plan/runs.tsv)"
    )


def test_unusable_lists_errors_alone_and_nothing_for_a_good_study() -> None:
    problems = [
        Problem("note", "is a note"),
        Problem("error", "is not a number", participant_id="sub-01", field="SSI", value="x"),
        Problem("excluded", "has no usable run"),
        Problem("error", "is not a folder", field="study.derivatives", value="d"),
    ]
    text = unusable(problems_table(problems))
    assert text is not None
    head, *rest = text.split("\n")
    assert "2 problems to fix" in head
    assert "results/plan/problems.tsv" in head
    assert rest == [
        "  - sub-01: SSI = x: is not a number",
        "  - study.derivatives = d: is not a folder",
    ]
    others = [problem for problem in problems if problem.severity != "error"]
    assert unusable(problems_table(others)) is None
    assert unusable(problems_table([])) is None


def written_and_read(plan: Plan, folder: Path) -> tuple[Any, ...]:
    """Return the plan's tables as a script gets them, from their files."""
    write_tsv(folder / "runs.tsv", plan.runs)
    write_tsv(folder / "scores.tsv", plan.scores)
    write_design(folder / "design.json", plan.design)
    write_tsv(folder / "problems.tsv", problems_table(plan.problems))
    return (
        read_tsv(folder / "runs.tsv"),
        read_tsv(folder / "scores.tsv", numeric=("score",)),
        read_design(folder / "design.json"),
        read_tsv(folder / "problems.tsv"),
    )


def test_the_summary_says_who_and_what_there_is(planned, tmp_path: Path) -> None:
    people = {**GOOD, "02": ("ketamine", "n/a", "9")}
    plan = planned(people, without=(("03", "post"),))
    text = summary(*written_and_read(plan, tmp_path / "out"))
    assert text.split("\n") == [
        "Study trial: parallel design, 4 participants",
        "  design: parallel (detected from study.arms, column arm); to override: study.design",
        "  arms: ketamine n = 2, midazolam n = 2",
        "  session pre (pre): 4 participants, 4 runs",
        "  session post (post): 3 participants, 3 runs",
        "  both pre and post: 3 participants (ketamine n = 2, midazolam n = 1) at most; images can "
        "still be damaged, or censored too much",
        "  score SSI (si, total), post: 4 of 4 participants",
        "  score SSI (si, total), pre: 3 of 4 participants",
        f"  change: {plan.design.estimand['change']}",
        f"  association: {plan.design.estimand['association']}",
        "3 things to mend, left out or worth knowing (results/plan/problems.tsv):",
        "  - excluded: sub-03 ses-post: study.sessions.post: has no usable run of session post",
        "  - note: participants.tsv: sub-02 ses-pre: SSI_ses-pre: the score is missing",
        "  - note: study: no test is possible: 2 of ketamine and 1 of midazolam would have usable "
        "runs of both ses-pre and ses-post, and at least 2 of each are needed",
        "",
    ]


def test_the_summary_of_a_study_without_runs_scores_or_arms_does_not_fail(
    planned, tmp_path: Path
) -> None:
    plan = planned({}, arms=None, derivatives="nowhere")
    assert not plan.usable
    text = summary(*written_and_read(plan, tmp_path / "out"))
    assert text.startswith("Study trial: single-arm design, 0 participants\n")
    assert isinstance(plan.runs, pd.DataFrame)
    assert plan.runs.empty


def test_what_is_left_out_by_hand_is_its_first_reason(planned) -> None:
    name = "sub-03_ses-post_task-rest"
    extra = [
        Problem("excluded", message, run=name, participant_id="sub-03", session="post", field=field)
        for field, message in (
            ("rot_x", "the confounds lack this column"),
            ("quality.exclusions", "left out by hand: asleep"),
        )
    ]
    plan = planned(without_mask=(("04", "pre"),), extra=tuple(extra[:1]))
    rules = plan.runs.set_index("run")["rule"]
    assert rules[name] == "confounds"
    assert rules["sub-04_ses-pre_task-rest"] == "missing-file"
    assert rules.isna().sum() == 6
    row = planned(extra=tuple(extra)).runs.set_index("run").loc[name]
    assert (row["status"], row["rule"]) == ("excluded", "manual")
    assert row["reason"] == "left out by hand: asleep"


@pytest.fixture
def crossover(planned, tmp_path: Path):
    """Return a function that plans a crossover; sub-04 is a healthy control."""

    def crossover(orders: dict[str, tuple[str, str, str]], **study: Any) -> Plan:
        lines = ["participant_id\tgroup\tdrug_1\tdrug_2"]
        lines += ["\t".join((person, *cells)) for person, cells in orders.items()]
        (tmp_path / "people.tsv").write_text("\n".join(lines), encoding="utf-8")
        order = {"order": ["drug_1", "drug_2"], "ketamine": "d", "control": "p"}
        return planned(
            **{
                "arms": None,
                "participants": "people.tsv",
                "crossover": order | {"control-session": "pre"},
                "groups": {"column": "group", "patients": "MDD", "controls": "HC"},
            }
            | study
        )

    return crossover


ORDERS = {
    "01": ("MDD", "d", "p"),
    "02": ("MDD", "p", "d"),
    "03": ("MDD", "d", "n/a"),
    "04": ("HC", "n/a", "n/a"),
}


def test_a_crossover_is_planned_with_its_orders_and_groups(crossover, tmp_path: Path) -> None:
    plan = crossover(ORDERS)
    assert plan.usable
    assert plan.design.kind == "crossover"
    assert plan.design.sequences == {
        "sub-01": "ketamine-first",
        "sub-02": "control-first",
        "sub-03": "ketamine-only",
        "sub-04": None,
    }
    # a healthy control needs no drug
    assert [(p.severity, p.participant_id, p.field) for p in plan.problems] == [
        ("excluded", "sub-03", "drug_2"),
        ("note", None, "study"),
    ]
    text = summary(*written_and_read(plan, tmp_path / "out"))
    assert "design: crossover (detected from study.crossover, columns drug_1 and drug_2)" in text
    assert "groups: patients (MDD) n = 3, controls (HC) n = 1" in text
    assert (
        "order, patients: ketamine-first 1, control-first 1, ketamine-only 1, control-only 0, "
        "not known 0"
    ) in text


def test_a_control_without_any_run_is_listed_and_one_session_is_enough(
    crossover, planned, tmp_path: Path
) -> None:
    plan = crossover(ORDERS, without=(("04", "post"), ("03", "post")))
    said = {(p.participant_id, p.field): p.message for p in plan.problems}
    assert ("sub-04", "study.sessions") not in said
    assert said["sub-03", "study.sessions.post"] == "has no usable run of session post"
    (tmp_path / "fmriprep/sub-04/ses-pre/func").rename(tmp_path / "elsewhere")
    plan = crossover(ORDERS, without=(("04", "pre"), ("04", "post")))
    said = {(p.participant_id, p.field): p.message for p in plan.problems}
    assert said["sub-04", "study.sessions"] == "has no usable run"


def test_an_unknown_drug_stops_the_plan_and_names_the_place(crossover) -> None:
    plan = crossover(ORDERS | {"01": ("MDD", "d", "P"), "03": ("MDD", "d", "p")})
    (problem,) = [p for p in plan.problems if p.severity == "error"]
    assert str(problem) == (
        "people.tsv: sub-01: drug_2 = P: is not a drug of the config (allowed: d, p)"
    )


def test_a_crossover_that_the_config_does_not_name_is_not_read_as_something_else(
    crossover,
) -> None:
    plan = crossover(ORDERS, crossover=None)
    assert [p.field for p in plan.problems if p.severity == "error"] == ["study.design"]
    assert crossover(ORDERS, crossover=None, design="single-arm").usable
