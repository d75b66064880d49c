"""Sentences of the report on the clinical course."""

from __future__ import annotations

import pandas as pd
from made_design import design_of

from ketfc.base.files import read_tsv, write_tsv
from ketfc.reporting.pages.report.clinical_course import NOTE, clinical_course
from ketfc.study.scores.instruments import Rule
from ketfc.study.scores.response import clinical_scores, clinical_summary

RULES = {
    ("si", "total"): Rule("SSI", low=0, high=38, remission=3),
    ("depression", "total"): Rule("MADRS", low=0, high=60, remission=10),
    ("depression", "si-item"): Rule("item 10 of MADRS", low=0, high=6),
    ("depression", "total-less-si-item"): Rule("MADRS", low=0, high=54),
}
DESIGN = design_of({"sessions": {"pre": "base", "post": "day1"}})


def shown(tmp_path, rows: list[tuple[str, str, str, str, float | None]]):
    """Return the sentences and the table for rows of participant, role, scale, item, score."""
    scores = pd.DataFrame(rows, columns=["participant_id", "role", "scale", "item", "score"])
    scores["instrument"] = scores["scale"].map({"si": "SSI", "depression": "MADRS"})
    scores["hours"] = float("nan")
    scores["score"] = scores["score"].astype(float)
    people = pd.DataFrame({"participant_id": sorted(set(scores["participant_id"]))})
    people = people.assign(arm=None, group=None)
    course = clinical_scores(scores, RULES, [("pre", "post")])
    summary = clinical_summary(scores, course, people, RULES, DESIGN)
    write_tsv(tmp_path / "summary.tsv", summary)
    return clinical_course(read_tsv(tmp_path / "summary.tsv"), DESIGN)


def test_a_row_has_both_sessions_the_change_and_who_responded(tmp_path) -> None:
    values = {"sub-01": (20, 10), "sub-02": (30, 29), "sub-03": (10, None)}
    rows = [
        (who, role, "si", "total", value)
        for who, pair in values.items()
        for role, value in zip(("pre", "post"), pair, strict=True)
    ]
    remarks, table = shown(tmp_path, rows)
    assert remarks == []
    (row,) = (dict(zip(table.columns, cells, strict=True)) for cells in table.rows)
    assert row == {
        "score": "SSI",
        "in": "all",
        "sessions": "base → day1",
        "before": "20.00 ± 10.00",
        "after": "19.50 ± 13.44",
        "n": "2",
        "lacking": "1",
        "change": "−5.50 ± 6.36",
        "dz": "−0.86",
        "response": "1 of 2",
        "remission": "0 of 2",
    }


def test_totals_are_shown_with_and_without_the_suicide_item_but_not_the_item(tmp_path) -> None:
    items = ("total", "si-item", "total-less-si-item")
    rows = [("sub-01", role, "depression", item, 9.0) for item in items for role in ("pre", "post")]
    _, table = shown(tmp_path, rows)
    assert [cells[0] for cells in table.rows] == ["MADRS", "MADRS without its suicide item"]


def test_floors_and_low_baselines_are_said(tmp_path) -> None:
    values = [(0, 0), (2, 1), (20, 0), (20, 10)]
    rows = [
        (f"sub-{i}", role, "si", "total", float(value))
        for i, pair in enumerate(values)
        for role, value in zip(("pre", "post"), pair, strict=True)
    ]
    remarks, _ = shown(tmp_path, rows)
    assert [remark.partition(",")[0] for remark in remarks] == [
        "SSI at base (all): 25 % of 4 have the lowest possible score",
        "SSI at day1 (all): 50 % of 4 have the lowest possible score",
        "SSI to day1 (all): 2 with a baseline below 4",
    ]


def test_changes_alone_are_a_row_without_sessions(tmp_path) -> None:
    rows = [(f"sub-{i}", "change", "si", "total", float(-i)) for i in range(3)]
    _, table = shown(tmp_path, rows)
    (row,) = (dict(zip(table.columns, cells, strict=True)) for cells in table.rows)
    assert (row["sessions"], row["before"], row["change"]) == ("change", "n/a", "−1.00 ± 1.00")


def test_a_study_without_scores_has_no_table(tmp_path) -> None:
    remarks, table = shown(tmp_path, [("sub-01", "pre", "si", "total", None)])
    assert (remarks, table.rows) == ([], [])


def test_nothing_is_claimed_that_is_not_tested() -> None:
    assert "nothing is compared between arms in this table, and nothing" in NOTE
