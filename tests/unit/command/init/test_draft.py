"""Configs that are written for studies: what is found in them, what is chosen, what is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_study import Study, touch_run

from ketfc.base.bundled import bundled
from ketfc.base.errors import StudyError
from ketfc.command.init.draft import draft
from ketfc.command.init.entries import Draft, Entry, Question
from ketfc.imaging.preflight.study_plan import StudyFiles, StudyPlan, study_plan
from ketfc.study.config.config import Config, parse_config, questions
from ketfc.workflow.study import study_folders

SPACE = "MNI152NLin2009cAsym"


def written(made: Draft) -> dict[str, Any]:
    """Return what the text of a draft is as YAML, which must be what the draft says it is."""
    content: dict[str, Any] = yaml.safe_load(made.text())
    assert content == made.config()
    return content


def asked(config: Mapping[str, Any]) -> dict[str, str]:
    return dict(questions(config))


def planned(given: Mapping[str, Any]) -> tuple[Config, StudyPlan]:
    config = parse_config(given)
    registry = str(bundled("atlases/circuits.yaml"))
    files = StudyFiles(study_folders(config), registry, bundled("atlases/parcellations.yaml"))
    return config, study_plan(config, files)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Study]:
    """Write a study of empty images with these sessions, and a table; go to its folder."""
    monkeypatch.chdir(tmp_path)

    def write(table: str, *, sessions: tuple[str, ...] = ("pre", "post"), people: int = 4) -> Study:
        made = Study(tmp_path)
        for n in range(1, people + 1):
            for session in sessions:
                touch_run(made, f"{n:02}", session)
        (tmp_path / "fmriprep/participants.tsv").write_text(table, encoding="utf-8")
        return made

    return write


def rows(header: str, *lines: str) -> str:
    """Return a table of participants 01, 02, …, with blanks for tabs."""
    text = [f"participant_id {header}", *(f"sub-{n:02} {line}" for n, line in enumerate(lines, 1))]
    return "\n".join(text).replace(" ", "\t") + "\n"


TWO_ARMS = rows(
    "arm SSI_ses-pre SSI_ses-post MADRS_ses-pre MADRS_ses-post age",
    "esketamine 20 3 33 10 30",
    "esketamine 14 2 28 9 41",
    "saline 18 17 30 29 25",
    "saline 22 20 35 31 52",
)


def test_a_whole_study_leaves_no_question_and_can_be_planned(study: Callable[..., Study]) -> None:
    study(TWO_ARMS)
    made = draft(Path("fmriprep"), [])
    given = written(made)
    assert asked(given) == {}
    assert given["study"]["derivatives"] == "fmriprep"
    assert given["study"]["sessions"] == {"pre": "pre", "post": "post"}
    assert given["study"]["arms"] == {
        "column": "arm", "ketamine": "esketamine", "control": "saline",
    }  # fmt: skip
    assert given["scores"] == {
        "table": "participants.tsv",
        "si": {"instrument": "SSI", "column": "SSI"},
        "depression": {"instrument": "MADRS", "column": "MADRS"},
    }
    # images are empty: what is planned of them is not the matter here
    config, plan = planned(given)
    scores = plan.plan.scores
    assert len(scores[(scores["scale"] == "si") & scores["score"].notna()]) == 8
    assert config.study.arms is not None
    assert {plan.plan.design.participants[f"sub-0{n}"] for n in (1, 2)} == {"ketamine"}


def test_every_value_but_plain_ones_has_a_reason(study: Callable[..., Study]) -> None:
    study(TWO_ARMS)
    made = draft(Path("fmriprep"), [])
    silent = {entry.key for entries in made.sections.values() for entry in entries if not entry.why}
    assert silent <= {"name", "table"}


def test_arms_that_do_not_say_which_had_ketamine_are_asked_about(
    study: Callable[..., Study],
) -> None:
    study(TWO_ARMS.replace("esketamine", "B").replace("saline", "A"))
    open_questions = asked(written(draft(Path("fmriprep"), [])))
    assert list(open_questions) == ["study.arms.ketamine", "study.arms.control"]
    assert "arm has A (2) and B (2)" in open_questions["study.arms.ketamine"]
    # answered at a terminal, the other arm follows
    said = []

    def answer(question: Question) -> str | None:
        said.append(question.options)
        return "B"

    given = written(draft(Path("fmriprep"), [], answer))
    assert said == [("A", "B")]
    assert given["study"]["arms"] == {"column": "arm", "ketamine": "B", "control": "A"}


@pytest.mark.parametrize(
    ("labels", "groups", "arms"),
    [
        (("HC", "MDD", "MDD", "BP"), {"patients": ["BP", "MDD"], "controls": ["HC"]}, None),
        (("control", "patient"), {"patients": ["patient"], "controls": ["control"]}, None),
        (
            ("control", "ketamine"),
            None,
            {"column": "group", "ketamine": "ketamine", "control": "control"},
        ),
        (
            ("HC", "ketamine", "midazolam"),
            {"patients": ["ketamine", "midazolam"], "controls": ["HC"]},
            {"column": "group", "ketamine": "ketamine", "control": "midazolam"},
        ),
    ],
)
def test_a_group_is_of_healthy_people_or_of_drugs_by_its_labels(
    labels: tuple[str, ...],
    groups: dict[str, Any] | None,
    arms: dict[str, str] | None,
    study: Callable[..., Study],
) -> None:
    table = rows(
        "group SSI_ses-pre SSI_ses-post", *(f"{label} 3 {n}" for n, label in enumerate(labels * 2))
    )
    study(table, people=2 * len(labels))
    given = written(draft(Path("fmriprep"), []))["study"]
    assert given.get("arms") == arms
    assert given.get("groups") == (None if groups is None else {"column": "group", **groups})


def test_people_without_images_say_nothing_about_arms(study: Callable[..., Study]) -> None:
    study(TWO_ARMS + "sub-09\tlost\tn/a\tn/a\tn/a\tn/a\t33\n")
    assert asked(written(draft(Path("fmriprep"), []))) == {}


@pytest.mark.parametrize(
    ("labels", "roles"),
    [
        (("1", "2"), {"pre": "1", "post": "2"}),
        (("day1", "baseline"), {"pre": "baseline", "post": "day1"}),
        (("10", "9"), {"pre": "9", "post": "10"}),
        (("baseline", "day1", "week4"), {"pre": "baseline", "post": "day1", "week4": "week4"}),
    ],
)
def test_sessions_are_told_by_name_or_number(
    labels: tuple[str, ...], roles: dict[str, str], study: Callable[..., Study]
) -> None:
    study(TWO_ARMS, sessions=labels)
    assert written(draft(Path("fmriprep"), []))["study"]["sessions"] == roles


@pytest.mark.parametrize(
    ("labels", "fields"),
    [
        # neither says what is before
        (("ket", "follow"), ["pre", "post"]),
        (("baseline", "week1", "week4"), ["post"]),
        (("baseline",), ["pre", "post"]),
    ],
)
def test_sessions_that_could_be_either_are_asked_about(
    labels: tuple[str, ...], fields: list[str], study: Callable[..., Study]
) -> None:
    study(TWO_ARMS, sessions=labels)
    found = asked(written(draft(Path("fmriprep"), [])))
    assert [name.removeprefix("study.sessions.") for name in found if "sessions" in name] == fields


CROSSOVER = rows(
    "drug1 drug2 MADRS_b0 MADRS_d2 MADRS_p2",
    "d p 30 20 29",
    "p d 31 15 30",
    "d p 28 11 25",
    "p d 35 22 33",
)


def test_the_sessions_of_a_crossover_follow_from_which_drug_is_ketamine(
    study: Callable[..., Study],
) -> None:
    study(CROSSOVER, sessions=("b0", "d2", "d10", "p2", "p10"))
    given = written(draft(Path("fmriprep"), []))
    assert list(asked(given)) == [
        "study.sessions.post", "study.sessions.control",
        "study.crossover.ketamine", "study.crossover.control",
    ]  # fmt: skip
    # the answer for either drug stands ready in the file
    flat = " ".join(draft(Path("fmriprep"), []).text().replace("#", " ").split())
    assert "If d is ketamine, write here {pre: b0, post: d2, control: p2, post10: d10," in flat
    answered = written(draft(Path("fmriprep"), [], lambda question: "p"))
    assert answered["study"]["sessions"] == {
        "pre": "b0", "post": "p2", "control": "d2", "post10": "p10", "control10": "d10",
    }  # fmt: skip
    assert answered["study"]["crossover"]["ketamine-session"] == ["post", "post10"]
    assert planned(answered)[1].plan.design.kind == "crossover"


def test_columns_of_a_wide_table_that_are_named_otherwise_are_renamed(
    study: Callable[..., Study],
) -> None:
    study(CROSSOVER, sessions=("b0", "d2", "d10", "p2", "p10"))
    scores = written(draft(Path("fmriprep"), []))["scores"]
    assert scores["depression"] == {"instrument": "MADRS", "column": "MADRS"}
    assert scores["columns"] == {f"MADRS_ses-{s}": f"MADRS_{s}" for s in ("b0", "d2", "p2")}
    assert scores["si"] is None


def test_a_name_whose_numbers_do_not_fit_is_asked_about(study: Callable[..., Study]) -> None:
    study(TWO_ARMS.replace("\t20\t3\t", "\t77\t3\t"))
    found = asked(written(draft(Path("fmriprep"), [])))
    assert list(found) == ["scores.si"]
    assert "has the name of SSI, but holds 77" in found["scores.si"]


def test_two_scales_of_ideation_are_asked_about(study: Callable[..., Study]) -> None:
    study(TWO_ARMS.replace("MADRS", "BSS"))
    question = asked(written(draft(Path("fmriprep"), [])))["scores.si"]
    assert "SSI (participants.tsv, scores from 2 to 22)" in question
    assert "Which is the primary outcome?" in question
    chosen = written(draft(Path("fmriprep"), [], lambda question: "BSS"))
    assert chosen["scores"]["si"] == {"instrument": "BSS", "column": "BSS"}


def test_of_two_scales_of_depression_the_catalogue_s_first_is_taken_and_the_other_told(
    study: Callable[..., Study],
) -> None:
    study(rows(
        "HAMD_ses-pre HAMD_ses-post MADRS_ses-pre MADRS_ses-post",
        "20 9 33 10", "21 8 28 9", "18 17 30 29", "22 19 35 31",
    ))  # fmt: skip
    made = draft(Path("fmriprep"), [])
    assert written(made)["scores"]["depression"] == {"instrument": "MADRS", "column": "MADRS"}
    (entry,) = (each for each in made.sections["scores"] if each.key == "depression")
    assert "HAMD (participants.tsv, scores from 8 to 22) could stand in its place" in entry.why


def test_numbers_that_may_be_codes_are_asked_about_and_words_are_not(
    study: Callable[..., Study],
) -> None:
    study(TWO_ARMS.replace("\t3\t", "\tNA\t").replace("\t2\t", "\t-99\t"))
    question = asked(written(draft(Path("fmriprep"), [])))["scores.missing"]
    assert "-99 (1 cell)" in question
    said = written(draft(Path("fmriprep"), [], lambda question: "missing"))
    assert said["scores"]["missing"] == ["NA", -99]
    study(TWO_ARMS.replace("\t3\t", "\tNA\t"))
    assert written(draft(Path("fmriprep"), []))["scores"]["missing"] == ["NA"]


def test_a_study_without_any_scale_is_asked_for_one(study: Callable[..., Study]) -> None:
    study(rows("arm mood_change", "ketamine -3", "ketamine 2", "placebo 0", "placebo 1"))
    question = asked(written(draft(Path("fmriprep"), [])))["scores.si"]
    assert "mood_change (participants.tsv, changes from -3 to 2)" in question
    given = written(draft(Path("fmriprep"), [], lambda question: "mood_change"))
    assert given["scores"]["si"] == {"instrument": "mood_change", "change-column": "mood_change"}


def test_sites_are_a_suggestion_and_no_choice(study: Callable[..., Study]) -> None:
    study(rows("site SSI_ses-pre SSI_ses-post", "A 20 3", "B 14 2", "A 18 17", "B 22 20"))
    made = draft(Path("fmriprep"), [])
    assert written(made)["study"]["covariates"] == {"site": "site"}
    assert "statistics" not in made.config()
    assert "\n# statistics:\n" in made.text()
    assert "  # blocks: site\n" in made.text()


def test_a_folder_above_the_derivatives_leads_to_them(study: Callable[..., Study]) -> None:
    made = study(TWO_ARMS)
    (made.folder / "outer").mkdir()
    (made.folder / "fmriprep").rename(made.folder / "outer/fmriprep")
    assert written(draft(Path("outer"), []))["study"]["derivatives"] == "outer/fmriprep"


def test_several_tasks_and_spaces_are_told_and_chosen_or_asked(
    study: Callable[..., Study],
) -> None:
    made = study(TWO_ARMS)
    for path in sorted(made.derivatives.rglob("*")):
        if path.is_file() and "ses-" in path.name:
            other = path.with_name(path.name.replace("task-rest", "task-nback"))
            other.write_bytes(path.read_bytes())
    assert written(draft(Path("fmriprep"), []))["study"]["task"] == "rest"
    for path in sorted(made.derivatives.rglob("*task-rest*")):
        path.rename(path.with_name(path.name.replace("task-rest", "task-emo")))
    found = asked(written(draft(Path("fmriprep"), [])))
    assert "task emo (8) and nback (8)" in found["study.task"]


def test_a_long_table_of_a_lab_s_own_names_is_read_by_them(
    study: Callable[..., Study], tmp_path: Path
) -> None:
    study(rows("arm", "ketamine", "ketamine", "placebo", "placebo"))
    table = "Subject,Visit,Beck SSI\n" + "".join(
        f"{n:02},{visit},{10 + n}\n" for n in range(1, 5) for visit in ("pre", "post")
    )
    (tmp_path / "scores.csv").write_text(table, encoding="utf-8")
    given = written(draft(Path("fmriprep"), [Path("scores.csv")]))
    assert given["scores"] == {
        "table": "scores.csv",
        "columns": {"participant_id": "Subject", "session_id": "Visit"},
        "si": {"instrument": "SSI", "column": "Beck SSI"},
    }
    _, plan = planned(given)
    assert plan.plan.scores["score"].notna().sum() == 8


def test_a_spreadsheet_is_named_with_the_reason_why_it_was_not_read(
    study: Callable[..., Study], tmp_path: Path
) -> None:
    study(TWO_ARMS)
    (tmp_path / "scores.xlsx").write_bytes(b"PK\x03\x04rest")
    made = draft(Path("fmriprep"), [Path("scores.xlsx")])
    assert "save the sheet as CSV" in " ".join(made.found)


def test_long_questions_and_quotes_come_back_from_yaml_as_they_were() -> None:
    text = "Is 'this' it: a, b or \"c\"? # really " * 8
    made = Draft((), {"study": [Entry("arms", {"column": "x", "control": Question(text)}, text)]})
    assert written(made)["study"]["arms"]["control"] == f"? {text}"


def test_no_question_is_passed_over_by_the_check_of_a_config() -> None:
    given = {"study": {"name": "x", "sessions": {"pre": "? Which?", "post": "b"}, "z": ["? More?"]}}
    with pytest.raises(StudyError) as refused:
        parse_config(given, source="ketfc.yaml")
    assert str(refused.value).splitlines() == [
        "ketfc.yaml: study.sessions.pre: answer here: Which?",
        "ketfc.yaml: study.z[0]: answer here: More?",
    ]


def test_the_real_trial_stops_at_its_score_and_is_planned_once_that_is_named(kit: Path) -> None:
    made = draft(kit / "studies/stages", [])
    given = written(made)
    assert list(asked(given)) == ["scores.si"]
    assert given["study"]["arms"] == {
        "column": "arm", "ketamine": "medication", "control": "placebo",
    }  # fmt: skip
    assert given["denoising"] == {"min-time": 150}
    given["scores"]["si"] = {"instrument": "BPRS", "change-column": "BPRS_change_6mo_z"}
    _, plan = planned(given)
    assert plan.plan.usable, plan.plan.problems
    assert len(plan.manifest) == 24


def test_the_real_crossover_stops_at_its_images_and_drugs(kit: Path) -> None:
    place = kit / "tables/ds005917"
    given = written(draft(place, []))
    assert list(asked(given)) == [
        "study.derivatives", "study.sessions.post", "study.sessions.control",
        "study.crossover.ketamine", "study.crossover.control",
    ]  # fmt: skip
    assert "raw BIDS dataset" in given["study"]["derivatives"]
    assert given["study"]["groups"]["controls"] == ["HC"]
    answered = written(draft(place, [], lambda question: "d"))
    assert answered["study"]["sessions"]["control10"] == "p10"
    answered["study"]["derivatives"] = "none"
    _, plan = planned(answered)
    stops = [str(problem) for problem in plan.plan.problems if problem.severity == "error"]
    assert stops == [
        "config: study.derivatives = none: the study has no images: only `snakemake clinical` can "
        "be run"
    ]
    # the known answer: 27 people with a diagnosis of depression have MADRS before and after
    scores = plan.plan.scores
    own = scores[(scores["item"] == "total") & scores["score"].notna()]
    both = own[own["role"].isin(["pre", "post"])].groupby("participant_id").size()
    mdd = plan.plan.participants
    patients = set(mdd.loc[mdd["group"] == "patients", "participant_id"])
    assert len([who for who, n in both.items() if n == 2 and who in patients]) >= 27


def test_the_real_tables_of_connectivity_stop_at_their_arms_and_codes(kit: Path) -> None:
    given = written(draft(kit / "tables/ocd_tms", []))
    assert list(asked(given)) == [
        "study.arms.ketamine", "study.arms.control", "scores.missing",
    ]  # fmt: skip
    assert given["study"]["connectivity"]["values"] == {
        "corr": "r", "ALFF": "as-is", "fALFF": "as-is",
    }  # fmt: skip
    given["study"]["arms"] |= {"ketamine": "group1", "control": "group2"}
    given["scores"]["missing"] = [9999, 99999]
    given["scores"]["si"] = {
        "instrument": "Y-BOCS", "column": "YBOCS_Total", "range": [0, 40],
    }  # fmt: skip
    _, plan = planned(given)
    assert plan.plan.usable, plan.plan.problems
    assert len(plan.plan.runs) == 98
