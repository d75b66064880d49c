"""Participants left for the tests, and plans that leave nothing to test."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from made_design import design_of

from ketfc.inference.design import moderation, samples
from ketfc.study.design import possible
from ketfc.study.design.possible import complete_by_group, why_no_test

ARMS = {"ketamine": "ket", "control": "saline"}


def runs_of(*had: tuple[str, str, str | None]) -> pd.DataFrame:
    """Return ``runs.tsv`` of participants, sessions, and rules by which they are left out."""
    rows = [
        {"participant_id": who, "role": role, "status": "excluded" if rule else "ok", "rule": rule}
        for who, role, rule in had
    ]
    return pd.DataFrame(rows, columns=["participant_id", "role", "status", "rule"])


def both(*people: str) -> list[tuple[str, str, str | None]]:
    return [(who, role, None) for who in people for role in ("pre", "post")]


def test_the_minima_are_those_of_the_tests() -> None:
    assert possible.FEWEST_OF_EACH == samples.MIN_ARM
    assert possible.FEWEST_OF_ONE == samples.SMALL_ARM
    assert possible.FEWEST_AT_BASELINE == moderation.MIN_CELL


def test_who_has_usable_runs_of_both_sessions_is_counted_by_arm() -> None:
    arms = {"a": "ketamine", "b": "ketamine", "c": "control", "d": "control", "e": None}
    design = design_of({"arms": ARMS, "participants": arms})
    runs = runs_of(*both("a", "b", "d", "e"), ("c", "pre", None), ("c", "post", "min-time"))
    assert complete_by_group(design, runs) == {"ket": 2, "saline": 1}
    alone = design_of({"participants": dict.fromkeys("abcd")})
    assert complete_by_group(alone, runs) == {"all": 3}
    order = dict(
        zip("abcd", ["ketamine-first", "control-first", "ketamine-only", None], strict=True)
    )
    crossed = design_of(
        {
            "kind": "crossover",
            "drugs": ARMS,
            "sequences": order,
            "participants": dict.fromkeys("abcd"),
        }
    )
    assert complete_by_group(crossed, runs) == {"ketamine-first": 1, "control-first": 1}


@pytest.mark.parametrize(
    ("ketamine", "control", "tested"),
    [(2, 2, True), (1, 2, False), (4, 1, False), (5, 0, True), (1, 5, True), (0, 0, False)],
)
def test_two_arms_need_two_of_each_or_five_of_one(
    ketamine: int, control: int, tested: bool
) -> None:
    people = {f"k{i}": "ketamine" for i in range(ketamine)}
    people |= {f"c{i}": "control" for i in range(control)}
    design = design_of({"arms": ARMS, "participants": people})
    said = why_no_test(design, runs_of(*both(*people)))
    assert (said is None) == tested
    if said:
        assert f"{ketamine} of ket and {control} of saline would have usable runs of both" in said
        assert "at least 2 of each are needed" in said


def test_one_arm_needs_three_and_tests_at_baseline_ten() -> None:
    people = dict.fromkeys("abcdefghij")
    design = design_of({"participants": people})
    assert why_no_test(design, runs_of(*both("a", "b", "c"))) is None
    said = why_no_test(design, runs_of(*both("a", "b")))
    assert said is not None
    assert "2 participants would have usable runs of both ses-pre and ses-post" in said
    before = [(who, "pre", None) for who in people]
    assert why_no_test(design, runs_of(*before)) is None
    assert why_no_test(design, runs_of(*before[1:])) is not None


def test_further_sessions_may_have_tests_of_their_own() -> None:
    design = design_of(
        {"contrasts": [["pre", "post"], ["pre", "late"]], "participants": {"a": None}}
    )
    assert why_no_test(design, runs_of(("a", "pre", None))) is None


def test_rules_that_leave_runs_out_are_counted_the_most_frequent_first() -> None:
    design = design_of({"participants": {"a": None, "b": None}})
    had = [("a", "pre", "min-time"), ("a", "post", "manual"), ("b", "pre", "min-time")]
    said = why_no_test(design, runs_of(*had, ("b", "post", None)))
    assert said is not None
    assert said.endswith(
        "; of 4 runs, 2 by min-time and 1 by manual are left out (results/plan/runs.tsv)"
    )
