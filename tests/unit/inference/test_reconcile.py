"""Whatever the exclusions do not explain becomes a line of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_design import design_of

from ketfc.imaging.group.excluded_runs import EXCLUSION_COLUMNS
from ketfc.inference.account.reconcile import planned_for, with_gaps
from ketfc.study.design.design import Groups

DESIGN = design_of(
    {
        "participants": {"a": "ketamine", "b": "ketamine", "c": "control", "d": None},
        "arms": {"ketamine": "esketamine", "control": "midazolam"},
        "sessions": {"pre": "1", "post": "2"},
        "baseline": "pre",
        "followup": "post",
        "strategy": "24P",
    }
)
RUNS = pd.DataFrame(
    [
        ("a1", "a", "1", "ok"),
        ("a2", "a", "2", "ok"),
        ("b1", "b", "1", "ok"),
        ("b2", "b", "2", "excluded"),
        ("c1", "c", "1", "ok"),
    ],
    columns=["run", "participant_id", "session", "status"],
)
# b's second run is lost, of c one session was never found, a lacks a region before and a score,
# and d has nothing but a line in the table
LINES = [
    ("plan", "session", "c", "2", None, None, None, "study.sessions.post"),
    ("plan", "session", "a", "2", None, None, None, "SSI_ses-2"),
    ("plan", "participant", "d", None, None, None, None, "arm"),
    ("plan", "session", "d", "1", None, None, None, "study.sessions.pre"),
    ("plan", "session", "d", "2", None, None, None, "study.sessions.post"),
    ("imaging", "run", "b", "2", "b2", None, None, "min-time"),
    ("region", "region", "a", "1", "a1", "Circuits:y", None, "min-coverage"),
    ("region", "region", "a", "1", "a1", "Blocks:z", None, "min-coverage"),
]
LEFT_OUT = [
    ("a", "xy", "change", "connectivity excluded at pre"),
    ("b", "xy", "change", "connectivity excluded at post"),
    ("c", "xy", "change", "no connectivity at post"),
    ("d", "xy", "change", "no arm; no connectivity at pre; no connectivity at post"),
    ("a", "xz", "association", "no SSI score at post"),
    ("b", "xz", "association", "connectivity excluded at post"),
    ("c", "xz", "association", "no connectivity at post"),
    ("d", "xz", "association", "no arm; no connectivity at pre"),
]


def connectivity() -> pd.DataFrame:
    rows = [
        (one, session, role, "24P", f"x{other}", "edge", "x", other,
         np.nan if (one, role) == ("b", "post") or (one, role, other) == ("a", "pre", "y") else 0.1)
        for one, sessions in (("a", "12"), ("b", "12"), ("c", "1"))
        for session in sessions
        for role in [{"1": "pre", "2": "post"}[session]]
        for other in "yz"
    ]  # fmt: skip
    columns = ["participant_id", "session", "role", "strategy", "circuit", "measure"]
    return pd.DataFrame(rows, columns=[*columns, "region_a", "region_b", "z"])


def exclusions(lines: list[tuple[str | None, ...]] | None = None) -> pd.DataFrame:
    names = ["stage", "unit", "participant_id", "session", "run", "region", "strategy", "rule"]
    before = pd.DataFrame(LINES if lines is None else lines, columns=names)
    tested = pd.DataFrame(
        [
            {"stage": "test", "unit": "test", "participant_id": one, "rule": f"{circuit} / {test}"}
            for one, circuit, test, _ in LEFT_OUT
        ]
    )
    table = pd.concat([before, tested]).reindex(columns=list(EXCLUSION_COLUMNS))
    return table.reset_index(drop=True)


def hypotheses(n: int = 0) -> pd.DataFrame:
    rows = [("xy", "change", n, 4), ("xz", "association", 0, 4)]
    return pd.DataFrame(rows, columns=["hypothesis", "test", "n", "n_excluded"])


def gaps(table: pd.DataFrame, **changed: pd.DataFrame) -> list[tuple[object, ...]]:
    left_out = pd.DataFrame(LEFT_OUT, columns=["participant_id", "hypothesis", "test", "reason"])
    given = {
        "runs": RUNS,
        "connectivity": connectivity(),
        "hypotheses": hypotheses(),
        "left_out": left_out,
    }
    full = with_gaps(table, design=DESIGN, **(given | changed))
    assert full[: len(table)].equals(table) or len(full) > len(table)
    added = full[len(table) :]
    assert (added["stage"] == "check").all()
    shown = added[["unit", "participant_id", "session", "reason"]].astype(object)
    return list(shown.where(shown.notna(), None).itertuples(index=False, name=None))


def test_where_all_is_explained_nothing_is_added():
    assert gaps(exclusions()) == []


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (0, [("participant", "c", "2", "no connectivity at post")]),
        (1, [("participant", "a", "2", "no SSI score at post")]),
        (2, [("participant", "d", None, "no arm")]),
        (3, [("participant", "d", "1", "no connectivity at pre")]),
        (5, [("run", "b", "2", "the run is not used"), ("session", "b", "2", "x – y")]),
        (6, [("session", "a", "1", "x – y")]),
        (7, []),
    ],
)
def test_a_line_that_is_missing_is_noticed(missing, said):
    lines = [line for i, line in enumerate(LINES) if i != missing]
    found = gaps(exclusions(lines))
    wanted = {(unit, one, session) for unit, one, session, _ in said}
    assert {row[:3] for row in found} == wanted
    for *_, text in said:
        assert any(text in str(row[3]) for row in found)


def test_counts_that_do_not_add_up_are_noticed():
    (row,) = gaps(exclusions(), hypotheses=hypotheses(n=1))
    assert row[3] == "xy / change: 1 in it and 4 left out of 4 planned, 4 of them listed"
    table = exclusions()
    few = table[~((table["stage"] == "test") & (table["participant_id"] == "c"))]
    assert len(gaps(few.reset_index(drop=True))) == 2


def test_who_is_left_out_of_some_tests_and_in_others_is_no_gap():
    rows = [("xy", "change", 0, 4), ("xz", "association", 0, 4), ("yz", "change", 3, 1)]
    rows.append(("yz", "change-esketamine", 1, 1))
    table = pd.DataFrame(rows, columns=["hypothesis", "test", "n", "n_excluded"])
    tested = {"stage": "test", "unit": "test"}
    lines = [tested | {"participant_id": "b", "rule": "yz / change"}]
    lines.append(tested | {"participant_id": "b", "rule": "yz / change-esketamine"})
    told = pd.concat([exclusions(), pd.DataFrame(lines)], ignore_index=True)
    assert gaps(told, hypotheses=table) == []
    # somebody of the other arm is not planned for the last
    told.loc[len(told) - 1, "participant_id"] = "c"
    (row,) = gaps(told, hypotheses=table)
    assert row[3].startswith("yz / change-esketamine: 1 in it and 1 left out of 2 planned, 1 of")


@pytest.mark.parametrize(
    "line",
    [
        ("region", "region", "a", "1", "a1", "x", None, "min-coverage"),
        ("region", "region", "a", "1", "a1", "y", None, "min-coverage"),
        ("imaging", "strategy", "a", "1", "a1", None, "24P", "too few volumes"),
        ("imaging", "run", "a", "1", "a1", None, None, "min-time"),
    ],
)
def test_a_missing_edge_is_that_of_either_region_of_the_strategy_or_of_the_run(line):
    region = line[5] and f"Circuits:{line[5]}"
    lines = [one for i, one in enumerate(LINES) if i != 6]
    told = gaps(exclusions([*lines, (*line[:5], region, *line[6:])]))
    assert not [row for row in told if row[0] == "session"]


def test_a_study_without_a_score_explains_that_itself():
    left_out = pd.DataFrame(
        [("a", "xy", "association", "the study has no SI score")],
        columns=["participant_id", "hypothesis", "test", "reason"],
    )
    assert gaps(exclusions(), left_out=left_out) == []


def test_a_run_that_was_used_and_is_listed_as_lost_is_noticed():
    line = ("imaging", "run", "a", "1", "a1", None, None, "min-time")
    (row,) = gaps(exclusions([*LINES, line]))
    assert row[:3] == ("run", "a", "1")


def test_a_test_within_an_arm_is_planned_for_that_arm():
    assert planned_for("change", DESIGN) == {"a", "b", "c", "d"}
    assert planned_for("change-esketamine", DESIGN) == {"a", "b"}
    assert planned_for("association-midazolam", DESIGN) == {"c"}
    assert planned_for("change", replace(DESIGN, arms={})) == {"a", "b", "c", "d"}


def test_no_test_is_planned_for_healthy_controls():
    people = {"a": "patients", "b": "patients", "c": "patients", "d": "controls"}
    groups = Groups(("MDD",), ("HC",), people)
    assert planned_for("change", replace(DESIGN, groups=groups)) == {"a", "b", "c"}
