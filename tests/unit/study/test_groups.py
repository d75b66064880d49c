"""Groups and orders of drugs, as a participants table holds them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ketfc.study.config.arms import Crossover, Groups
from ketfc.study.design.detection import alternating_columns
from ketfc.study.lab_tables import Table
from ketfc.study.people.groups import groups_of, sequences_of

GROUPS = Groups.model_validate({"column": "group", "patients": ["MDD", "BP"], "controls": "HC"})
ORDER = Crossover.model_validate({"order": ["first", "second"], "ketamine": "d", "control": "p"})
GOOD = [("d", "p"), ("p", "d")]


def table(rows: list[tuple[str | None, ...]], *columns: str) -> Table:
    frame = pd.DataFrame(rows, columns=list(columns), dtype=object)
    frame = frame.where(frame.notna(), None)
    if "participant_id" not in frame:
        frame.insert(0, "participant_id", [f"sub-{i + 1:02d}" for i in range(len(frame))])
    return Table(Path("participants.tsv"), frame, ())


def said(problems: tuple) -> list[tuple]:
    return [(p.severity, p.participant_id, p.field, p.value, p.message) for p in problems]


def test_groups_are_read_by_any_of_their_labels():
    found, problems = groups_of(table([("MDD",), ("BP",), ("HC",)], "group"), GROUPS)
    assert found == {"sub-01": "patients", "sub-02": "patients", "sub-03": "controls"}
    assert problems == ()


def test_who_is_in_no_group_is_excluded_and_a_label_of_nobody_is_an_error():
    found, problems = groups_of(table([("MDD",), ("ADHD",), (None,), ("HC",)], "group"), GROUPS)
    assert [found[f"sub-0{i}"] for i in (1, 2, 3, 4)] == ["patients", None, None, "controls"]
    assert said(problems) == [
        ("excluded", "sub-02", "group", "ADHD", "is in no group of the config"),
        ("excluded", "sub-03", "group", "n/a", "is in no group of the config"),
        ("error", None, "study.groups.patients", "BP", "no participant has this label"),
    ]
    assert problems[0].file == "participants.tsv"
    assert problems[0].allowed == "MDD, BP, HC"


def test_two_groups_for_one_participant_are_an_error():
    rows = [("sub-01", "MDD"), ("sub-01", "HC"), ("sub-02", "BP"), ("sub-03", "BP")]
    found, problems = groups_of(table(rows, "participant_id", "group"), GROUPS)
    assert found["sub-01"] is None
    assert said(problems) == [("error", "sub-01", "group", "MDD, HC", "is in more than one group")]


def test_a_missing_column_is_named_with_the_one_that_was_meant():
    found, (problem,) = groups_of(table([("HC",)], "Group"), GROUPS)
    assert found == {}
    assert problem.message == "has no such column; did you mean 'Group'?"
    _, problems = sequences_of(table([("d",)], "frist"), ORDER)
    assert [p.value for p in problems] == ["first", "second"]


def test_orders_are_read_with_those_who_had_one_drug_or_none():
    rows = [*GOOD, ("d", None), ("p", None), (None, None), (None, "d")]
    found, problems = sequences_of(table(rows, "first", "second"), ORDER)
    assert list(found.values()) == [
        "ketamine-first", "control-first", "ketamine-only", "control-only", None, None
    ]  # fmt: skip
    assert [(p.severity, p.participant_id, p.field) for p in problems] == [
        ("excluded", "sub-03", "second"),
        ("excluded", "sub-04", "second"),
        ("excluded", "sub-05", "first"),
        ("excluded", "sub-06", "first"),
    ]
    assert {p.allowed for p in problems} == {"d, p"}


@pytest.mark.parametrize(
    ("row", "field", "value", "message"),
    [
        (("d", "P"), "second", "P", "is not a drug of the config"),
        (("ket", "p"), "first", "ket", "is not a drug of the config"),
        (("d", "d"), "second", "d", "had the same drug twice"),
    ],
)
def test_labels_that_are_no_order_are_errors(row, field, value, message):
    found, problems = sequences_of(table([*GOOD, row], "first", "second"), ORDER)
    assert found["sub-03"] is None
    assert said(problems) == [("error", "sub-03", field, value, message)]


def test_a_drug_that_nobody_had_first_or_second_is_an_error():
    _, problems = sequences_of(table([("d", "p"), ("d", "p")], "first", "second"), ORDER)
    assert [(p.field, p.value, p.allowed) for p in problems] == [
        ("study.crossover.control", "p", "first: d"),
        ("study.crossover.ketamine", "d", "second: p"),
    ]


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        ([*GOOD, ("d", None)], ("infusion_1", "infusion_2"), ("infusion_1", "infusion_2")),
        ([*GOOD, ("d", "d")], ("infusion_1", "infusion_2"), None),
        ([("d", "p"), ("d", "p")], ("infusion_1", "infusion_2"), None),
        ([("1", "2"), ("3", "1")], ("score_1", "score_2"), None),
        (GOOD, ("before", "after"), None),
    ],
)
def test_columns_that_look_like_a_crossover_are_found(rows, columns, expected):
    assert alternating_columns(table(rows, *columns).rows) == expected
