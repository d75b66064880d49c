"""Questions on later scores: which roles they compare, and what is refused at `plan`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ketfc.base.errors import StudyError, problems_table
from ketfc.study.config.config import parse_config
from ketfc.study.design.design import Design, LaterOutcome
from ketfc.study.design.detection import describe_design
from ketfc.study.design.later_outcomes import without_scores
from ketfc.study.plan import Plan, make_plan
from ketfc.study.runs.index import index_runs
from ketfc.study.summary import summary

ARMS = {"column": "arm", "ketamine": "ket", "control": "midazolam"}
SESSIONS = {"pre": "b0", "post": "d1", "day3": "d3", "day7": "d7"}
ORDER = {"order": ["first", "second"], "ketamine": "k", "control": "p", "control-name": "saline"}
PAIRS = {"ketamine-session": ["post", "day7"], "control-session": ["control", "control7"]}
DRUGS = {"pre": "b0", "control": "p1", "post": "k1", "control7": "p7", "day7": "k7"}
DAY7 = {"name": "seven", "score": "day7"}


def described(
    *asked: dict[str, str],
    si: Any = None,
    scanned: set[str] | None = None,
    hours: dict[str, Any] | None = None,
    **study: Any,
) -> tuple[Design, list[tuple[str | None, str | None, str, str | None]]]:
    scale = {"instrument": "SSI", "column": "SSI"} if si is None else si
    config = parse_config(
        {
            "study": {"name": "t", "derivatives": "d", "sessions": SESSIONS, "arms": ARMS} | study,
            "scores": {"table": "t.tsv", "si": scale or None}
            | ({} if scale else {"depression": {"instrument": "MADRS", "column": "M"}})
            | (hours or {}),
            "statistics": {"later-outcomes": list(asked)},
        }
    )
    design, problems = describe_design(config, {"sub-01": "ketamine"}, scanned=scanned)
    return design, [(p.field, p.value, p.message, p.allowed) for p in problems]


def test_a_question_names_the_roles_of_both_sides_and_survives_design_json() -> None:
    design, problems = described(DAY7, {"name": "late", "connectivity": "day3", "score": "day7"})
    assert problems == []
    assert design.later_outcomes == (
        LaterOutcome("seven", ("pre", "post"), ("pre", "day7")),
        LaterOutcome("late", ("pre", "day3"), ("pre", "day7")),
    )
    again = Design.from_json(json.loads(json.dumps(design.to_json())))
    assert again.later_outcomes == design.later_outcomes
    assert list(design.estimand)[-2:] == ["later-seven", "later-late"]
    assert design.estimand["later-seven"] == (
        "Partial Spearman correlation of SSI at d7 with the change in Fisher z from b0 to d1, "
        "given baseline SSI and arm; an association, not an effect."
    )
    assert "SSI at d7 with the change in Fisher z from b0 to d3" in design.estimand["later-late"]
    assert described()[0].later_outcomes == ()


def test_a_crossover_compares_the_drugs_at_the_later_session() -> None:
    design, problems = described(DAY7, arms=None, crossover=ORDER | PAIRS, sessions=DRUGS)
    assert problems == []
    (asked,) = design.later_outcomes
    assert asked == LaterOutcome("seven", ("control", "post"), ("control7", "day7"))
    said = design.estimand["later-seven"]
    assert "difference in SSI between ketamine and saline (sessions k7 and p7)" in said
    assert "difference in Fisher z between them (sessions k1 and p1)" in said


def test_sessions_with_scores_alone_are_in_no_contrast_of_connectivity() -> None:
    two, all_four = {"pre", "post"}, set(SESSIONS)
    design, problems = described(DAY7, scanned=two)
    assert problems == []
    assert design.contrasts == (("pre", "post"),)
    assert list(design.estimand) == ["change", "association", "later-seven"]
    assert described(scanned=all_four)[0].contrasts[1:] == (("pre", "day3"), ("pre", "day7"))
    alone = described(DAY7, scanned=two, arms=None)[0]
    assert (alone.kind, alone.contrasts) == ("single-arm", (("pre", "post"),))
    assert "the 2 roles of study.sessions with images" in alone.detected
    assert described(scanned=two | {"day7"}, arms=None)[0].kind == "longitudinal"
    drugs = described(
        DAY7, arms=None, crossover=ORDER | PAIRS, sessions=DRUGS, scanned={*two, "control"}
    )[0]
    assert drugs.contrasts == (("control", "post"),)
    assert drugs.later_outcomes[0].score == ("control7", "day7")


@pytest.mark.parametrize(
    ("asked", "keys", "problem"),
    [
        (
            {"connectivity": "pots", "score": "day7"},
            {},
            ("connectivity", "pots", "is not a role of study.sessions; did you mean 'post'?",
             "post, day3, day7"),
        ),
        (
            {"score": "day8"},
            {},
            ("score", "day8", "is not a role of study.sessions; did you mean 'day7'?",
             "post, day3, day7"),
        ),
        (
            {"connectivity": "day3", "score": "day7"},
            {"scanned": {"pre", "post"}},
            ("connectivity", "day3",
             "is no follow-up with images whose connectivity is compared", "post"),
        ),
        (
            {"score": "pre"},
            {},
            ("score", "pre", "is no session after treatment whose score is compared",
             "post, day3, day7"),
        ),
        (
            {"score": "post"},
            {},
            ("score", "post", "this is the primary association, which is tested anyway", None),
        ),
        (
            {"connectivity": "day7", "score": "day3"},
            {},
            ("score", "day3", "is before day7, whose scan cannot come after it", None),
        ),
        (
            {"connectivity": "day3", "score": "day7"},
            {"hours_since_dose": {"day3": 72}, "hours": {"hours-since-dose": {"day7": 24}}},
            ("score", "day7", "is before day3, whose scan cannot come after it", None),
        ),
        (
            {"score": "day7"},
            {"si": {"instrument": "SSI", "change-column": "delta"}},
            ("score", "day7",
             "needs the scores themselves, since a change does not say at which session",
             "scores.si.column in place of change-column"),
        ),
        (
            {"score": "day7"},
            {"si": {}},
            ("score", "day7", "the study has no scale of suicidal ideation (scores.si is null)",
             None),
        ),
        (
            {"score": "control7"},
            {"arms": None, "crossover": ORDER | PAIRS, "sessions": DRUGS},
            ("score", "control7", "is no session after treatment whose score is compared",
             "post, day7"),
        ),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_asked_is_refused_with_its_place(asked, keys, problem) -> None:
    keys = {key.replace("_", "-") if key != "si" else key: value for key, value in keys.items()}
    design, problems = described({"name": "late"} | asked, **keys)
    key, *rest = problem
    assert (f"statistics.later-outcomes.late.{key}", *rest) in problems
    assert design.later_outcomes == ()


def test_by_hours_a_role_that_is_named_last_may_come_first() -> None:
    hours = {"hours-since-dose": {"day3": 72}}
    asked = {"name": "early", "connectivity": "day7", "score": "day3"}
    design, problems = described(asked, hours=hours, **{"hours-since-dose": {"day7": 24}})
    assert problems == []
    assert len(design.later_outcomes) == 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([DAY7, DAY7 | {"score": "day3"}], "gives two questions the same name"),
        ([DAY7, DAY7 | {"name": "again"}], "asks the same question twice"),
        ([DAY7 | {"name": "day 7"}], "letters and digits"),
    ],
)
def test_questions_are_told_apart_by_name_and_roles(asked, message) -> None:
    with pytest.raises(StudyError, match=message):
        described(*asked)


def test_a_session_where_nobody_has_a_score_is_an_error() -> None:
    scores = pd.DataFrame(
        {
            "scale": ["si", "si", "depression", "si"],
            "role": ["pre", "post", "day7", "day7"],
            "score": [3.0, 2.0, 9.0, None],
        }
    )
    asked = [LaterOutcome("seven", ("pre", "post"), ("pre", "day7"))]
    (problem,) = without_scores(asked, scores)
    assert problem.severity == "error"
    assert problem.field == "statistics.later-outcomes.seven.score"
    assert (problem.value, problem.allowed) == ("day7", "pre, post")
    assert without_scores(asked, scores.fillna({"score": 1.0})) == []


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A trial with scores of four sessions and images of two."""
    monkeypatch.chdir(tmp_path)
    header = ["participant_id", "arm", *(f"SSI_ses-{label}" for label in SESSIONS.values())]
    rows = [[f"0{i}", "ket" if i % 3 else "midazolam", "20", "9", "8", str(i)] for i in range(1, 6)]
    rows[2][-1] = "n/a"
    text = "\n".join("\t".join(row) for row in [header, *rows])
    Path("participants.tsv").write_text(text, encoding="utf-8")
    for i in range(1, 6):
        for session in ("b0", "d1"):
            folder = Path(f"fmriprep/sub-0{i}/ses-{session}/func")
            folder.mkdir(parents=True)
            stem = f"sub-0{i}_ses-{session}_task-rest"
            space = f"{stem}_space-MNI152NLin2009cAsym_desc"
            for name in (f"{space}-preproc_bold.nii.gz", f"{space}-brain_mask.nii.gz"):
                (folder / name).touch()
            (folder / f"{stem}_desc-confounds_timeseries.tsv").touch()
    config = parse_config(
        {
            "study": {"name": "t", "derivatives": "fmriprep", "sessions": SESSIONS, "arms": ARMS},
            "scores": {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}},
            "statistics": {"later-outcomes": [DAY7]},
        }
    )
    folders = [Path("fmriprep")]
    return make_plan(config, index_runs(config.study, folders), folders)


def test_the_plan_of_a_study_with_scores_alone_at_later_sessions(planned: Plan) -> None:
    assert planned.usable
    assert planned.design.contrasts == (("pre", "post"),)
    assert planned.design.later_outcomes[0].score == ("pre", "day7")
    notes = [
        p for p in planned.problems if p.field in ("study.sessions.day3", "study.sessions.day7")
    ]
    assert [p.severity for p in notes] == ["note", "note"]
    assert "no change in connectivity is tested" in notes[0].message
    said = summary(planned.runs, planned.scores, planned.design, problems_table(planned.problems))
    assert "later-seven: Partial Spearman correlation of SSI at d7" in said
    assert "change-day7" not in said
