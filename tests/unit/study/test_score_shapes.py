"""The shapes in which labs keep their scores: all of them give the same long table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from made_scores import lines_of, plan_of, values_of

EXPECTED = {
    ("sub-01", "pre", "si", "total"): 12.0,
    ("sub-01", "post", "si", "total"): 3.0,
    ("sub-02", "pre", "si", "total"): 9.0,
    ("sub-02", "post", "si", "total"): 4.0,
}
SHAPES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "wide": ({"scores.tsv": "participant_id SSI_ses-pre SSI_ses-post\n01 12 3\n02 9 4\n"}, {}),
    "long": (
        {"scores.tsv": "participant_id session_id SSI\n01 pre 12\n01 post 3\n02 pre 9\n02 post 4"},
        {},
    ),
    "indexed by run too": (
        {
            "phenotype/ssi.tsv": "participant_id session_id run_id SSI\nsub-01 ses-pre run-1 12\n"
            "sub-01 ses-post run-1 3\nsub-02 ses-pre run-1 9\nsub-02 ses-post run-2 4\n"
        },
        {"table": "phenotype/ssi.tsv"},
    ),
    "one of several phenotypes": (
        {
            "phenotype/ssi.tsv": "participant_id session_id SSI\n01 ses-pre 12\n01 ses-post 3\n"
            "02 ses-pre 9\n02 ses-post 4\n",
            "phenotype/other.tsv": "participant_id session_id YMRS\n01 ses-pre 1\n",
        },
        {"table": "phenotype/*.tsv"},
    ),
    "sessions files": (
        {
            "sub-01/sub-01_sessions.tsv": "session_id SSI\nses-pre 12\nses-post 3\n",
            "sub-02/sub-02_sessions.tsv": "session_id day SSI\nses-post n/a 4\nses-pre n/a 9\n",
        },
        {"table": "sessions"},
    ),
    "columns and visits of the lab's own": (
        {"visits.csv": "Subject;Visit;Beck\n01;Baseline;12\n01;T1;3\n02;Baseline;9\n02;T1;4\n"},
        {
            "table": "visits.csv",
            "columns": {"participant_id": "Subject", "session_id": "Visit", "SSI": "Beck"},
            "sessions": {"Baseline": "pre", "T1": "ses-post"},
        },
    ),
    "wide columns of the lab's own": (
        {"scores.tsv": "participant_id before after\n01 12 3\n02 9 4\n"},
        {"columns": {"SSI_ses-pre": "before", "SSI_ses-post": "after"}},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_scores(tmp_path: Path, shape: str) -> None:
    files, scores = SHAPES[shape]
    plan = plan_of(tmp_path, files, scores=scores)
    assert lines_of(plan, "error", "excluded", "note") == []
    assert values_of(plan) == EXPECTED
    assert set(plan.scores["session"]) == {"pre", "post"}


def test_scales_may_be_in_tables_of_their_own(tmp_path: Path) -> None:
    files = {
        "ssi.tsv": "participant_id SSI_ses-pre SSI_ses-post\n01 12 3\n02 9 4\n",
        "madrs.tsv": "participant_id session_id M\n01 pre 30\n01 post 20\n02 pre 25\n02 post 9\n",
        "items.tsv": "participant_id M10_ses-pre M10_ses-post\n01 4 2\n02 3 1\n",
    }
    scores = {
        "table": list(files),
        "depression": {"instrument": "MADRS", "column": "M", "si-item": "M10"},
    }
    plan = plan_of(tmp_path, files, scores=scores)
    assert lines_of(plan, "error", "excluded", "note") == []
    less = {k[:2]: v for k, v in values_of(plan).items() if k[3] == "total-less-si-item"}
    assert less == {
        ("sub-01", "pre"): 26,
        ("sub-01", "post"): 18,
        ("sub-02", "pre"): 22,
        ("sub-02", "post"): 8,
    }


def test_faults_are_shown_with_the_labs_own_names_and_files(tmp_path: Path) -> None:
    files = {
        "sub-01/sub-01_sessions.tsv": "session_id Beck\nses-pre 12\nses-post 99\n",
        "sub-02/sub-02_sessions.tsv": "session_id Beck\nses-pre 1\nses-pre 2\nses-post 9\n",
    }
    scores = {"table": "sessions", "columns": {"SSI": "Beck"}}
    assert lines_of(plan_of(tmp_path, files, scores=scores)) == [
        "sub-02_sessions.tsv: sub-02 ses-pre: participant_id = sub-02: has 2 rows (lines 2, 3); "
        "one is expected",
        "sub-01_sessions.tsv: sub-01 ses-post: Beck = 99: is out of the range of SSI; if it stands "
        "for a missing score, name it in scores.missing (allowed: a whole number from 0 to 38)",
    ]


def test_the_wide_columns_of_a_study_with_many_missing_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(3007)
    people = [f"{i:02}" for i in range(1, 41)]
    columns = [f"{name}_ses-{session}" for name in ("MADRS", "BDI") for session in ("pre", "post")]
    cells = {
        (who, column): str(rng.integers(0, 61)) if rng.random() > 0.4 else "n/a"
        for who in people
        for column in columns
    }
    rows = [" ".join([f"sub-{who}", *(cells[who, c] for c in columns)]) for who in people]
    text = "\n".join([" ".join(["participant_id", *columns]), *rows])
    known = tuple(f"sub-{who}" for who in people)
    scores = {
        "table": "participants.tsv",
        "si": None,
        "depression": {"instrument": "BDI", "column": "BDI"},
    }
    plan = plan_of(tmp_path, {"participants.tsv": text}, scores=scores, known=known)
    assert lines_of(plan, "error", "excluded") == []
    wanted = {
        (f"sub-{who}", role, "depression", "total"): float(cells[who, f"BDI_ses-{role}"])
        for who in people
        for role in ("pre", "post")
        if cells[who, f"BDI_ses-{role}"] != "n/a"
    }
    assert values_of(plan) == wanted
    missing = [p.participant_id for p in plan.problems if p.message == "the score is missing"]
    assert len(missing) == 80 - len(wanted) > 20
    assert len(plan.scores) == 80


def test_the_change_only_table_of_a_real_trial(kit) -> None:
    from ketfc.study.config.config import parse_config
    from ketfc.study.plan import make_plan
    from ketfc.study.runs.index import index_runs

    folder = kit / "studies/stages"
    config = parse_config(
        {
            "study": {
                "name": "stages",
                "derivatives": str(folder),
                "sessions": {"pre": "1", "post": "2"},
                "arms": {"column": "arm", "ketamine": "medication", "control": "placebo"},
            },
            "scores": {
                "table": "participants.tsv",
                "si": {"instrument": "BPRS", "change-column": "BPRS_change_6mo_z"},
            },
        }
    )
    plan = make_plan(config, index_runs(config.study, [folder]), [folder])
    assert plan.usable
    assert lines_of(plan, "note", "excluded") == [
        "note: scores.si.instrument = BPRS: is not in the catalogue, so the range of its scores is "
        "not checked"
    ]
    found = dict(zip(plan.scores["participant_id"], plan.scores["score"], strict=True))
    assert (found["sub-001"], found["sub-007"], len(found)) == (-0.1, -1.401, 12)
    assert set(plan.scores["role"]) == {"change"}


def test_further_roles_may_lack_scores_or_images(tmp_path: Path) -> None:
    files = {"scores.tsv": "participant_id session_id SSI\n01 pre 12\n01 post 3\n01 m40 2\n"}
    sessions = {"pre": "pre", "post": "post", "early": "m40", "late": "w6"}
    plan = plan_of(tmp_path, files, study={"sessions": sessions}, known=("sub-01",))
    assert lines_of(plan) == []
    assert plan.scores["role"].tolist() == ["early", "post", "pre"]
    assert lines_of(plan, "note") == [
        "note: scores.tsv: study.sessions.late = w6: no row has this session "
        "(allowed: m40, post, pre)"
    ]


HOURS = "participant_id session_id SSI hours\n01 pre 12 -1\n01 post 3 30\n02 pre 9 -1\n"
HOURS += "02 post 4 n/a\n"


def test_hours_come_from_their_column_then_from_the_config(tmp_path: Path) -> None:
    scores = {"hours-column": "hours", "hours-since-dose": {"post": 24}}
    plan = plan_of(tmp_path, {"scores.tsv": HOURS}, scores=scores)
    rows = plan.scores[["participant_id", "role", "hours"]].itertuples(index=False, name=None)
    assert set(rows) == {
        ("sub-01", "pre", -1.0),
        ("sub-01", "post", 30.0),
        ("sub-02", "pre", -1.0),
        ("sub-02", "post", 24.0),
    }


@pytest.mark.parametrize(
    ("scan", "limit", "notes"),
    [
        (24, 24, []),
        (2, 24, ["SSI was taken more than 24 h from the scan, which was 2 h after the dose: sub-01 "
                 "30 h"]),
        (2, 28, []),
        (2, 20, ["SSI was taken more than 20 h from the scan, which was 2 h after the dose: sub-01 "
                 "30 h, sub-02 24 h"]),
    ],
)  # fmt: skip
def test_a_score_far_from_its_scan_is_noted_with_both_times(
    tmp_path: Path, scan: float, limit: float, notes: list[str]
) -> None:
    scores = {"hours-column": "hours", "hours-since-dose": {"post": 24}, "max-hours-apart": limit}
    study = {"hours-since-dose": {"post": scan}}
    plan = plan_of(tmp_path, {"scores.tsv": HOURS}, scores=scores, study=study)
    assert [p.message for p in plan.problems if p.severity == "note"] == notes


def test_hours_of_a_role_are_noted_once_for_everybody(tmp_path: Path) -> None:
    scores, study = {"hours-since-dose": {"post": 72}}, {"hours-since-dose": {"post": 1}}
    plan = plan_of(tmp_path, SHAPES["wide"][0], scores=scores, study=study)
    assert lines_of(plan, "note") == [
        "note: ses-post: scores.max-hours-apart = 24: SSI was taken more than 24 h from the scan, "
        "which was 1 h after the dose: 2 participants, 72 h"
    ]
