"""Scores and arms: every shape of table, and what is wrong with each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ketfc.base.errors import Problem
from ketfc.study.config.config import Config, parse_config
from ketfc.study.lab_tables import Table, read_table
from ketfc.study.people.groups import arms_of
from ketfc.study.scores.instruments import load_instruments
from ketfc.study.scores.long_scores import SCORE_COLUMNS, long_scores

CATALOGUE, _ = load_instruments()
KNOWN = ("sub-01", "sub-02", "sub-03")
ARMS = {"column": "arm", "ketamine": "ketamine", "control": "midazolam"}


def config(**scores: Any) -> Config:
    study = {
        "name": "t",
        "derivatives": "d",
        "sessions": {"pre": "base", "post": "day1"},
        "arms": ARMS,
    }
    section = {"table": "t.tsv", "si": {"instrument": "SSI", "column": "SSI"}} | scores
    return parse_config({"study": study, "scores": section})


@pytest.fixture
def table(tmp_path: Path):
    def table(*rows: str, known: tuple[str, ...] = KNOWN) -> Table:
        """Return a table from rows whose cells are parted by spaces."""
        path = tmp_path / "scores.tsv"
        path.write_text("\n".join(row.replace(" ", "\t") for row in rows), encoding="utf-8")
        return read_table(path, field="scores.table", known=known)

    return table


def scored(read: Table, **scores: Any) -> tuple[pd.DataFrame, list[Problem]]:
    chosen = config(**scores)
    long, problems = long_scores([read], chosen.scores, chosen.study, CATALOGUE)
    # what is wrong with a table as such is tested elsewhere
    return long, [problem for problem in problems if problem not in read.problems]


def values(long: pd.DataFrame) -> dict[tuple[str, ...], float | None]:
    """Return the scores by participant, role and item, each of which must be there once."""
    keys = list(zip(long["participant_id"], long["role"], long["scale"], long["item"], strict=True))
    assert len(set(keys)) == len(keys)
    numbers = long["score"].astype(object).where(long["score"].notna(), None)
    return dict(zip(keys, numbers, strict=True))


def errors(problems: list[Problem]) -> list[tuple[str | None, ...]]:
    return [
        (p.participant_id, p.session, p.field, p.value) for p in problems if p.severity == "error"
    ]


def test_wide_columns_become_a_row_per_session(table) -> None:
    read = table("participant_id SSI_ses-base SSI_ses-day1", "01 12 3", "02 7.0 +1", "03 0 1e1")
    long, problems = scored(read)
    assert problems == []
    assert tuple(long.columns) == SCORE_COLUMNS
    assert values(long) == {
        ("sub-01", "pre", "si", "total"): 12.0,
        ("sub-01", "post", "si", "total"): 3.0,
        ("sub-02", "pre", "si", "total"): 7.0,
        ("sub-02", "post", "si", "total"): 1.0,
        ("sub-03", "pre", "si", "total"): 0.0,
        ("sub-03", "post", "si", "total"): 10.0,
    }
    assert set(zip(long["role"], long["session"], strict=True)) == {
        ("pre", "base"),
        ("post", "day1"),
    }
    assert set(long["instrument"]) == {"SSI"}


@pytest.mark.parametrize("prefix", ["", "ses-"])
def test_rows_per_session_are_read_with_and_without_prefix(table, prefix: str) -> None:
    read = table(
        "participant_id session_id SSI",
        f"01 {prefix}day1 3",
        f"01 {prefix}base 12",
        f"01 {prefix}month6 99",
        f"02 {prefix}base 5",
        f"02 {prefix}day1 6",
        known=("sub-01", "sub-02"),
    )
    long, problems = scored(read)
    assert problems == []
    assert values(long) == {
        ("sub-01", "pre", "si", "total"): 12.0,
        ("sub-01", "post", "si", "total"): 3.0,
        ("sub-02", "pre", "si", "total"): 5.0,
        ("sub-02", "post", "si", "total"): 6.0,
    }


def test_a_depression_scale_brings_its_total_and_its_item(table) -> None:
    read = table(
        "participant_id SSI_ses-base SSI_ses-day1 M_ses-base M_ses-day1 M10_ses-base M10_ses-day1",
        "01 1 2 30 20 4 1",
    )
    long, problems = scored(
        read, depression={"instrument": "MADRS", "column": "M", "si-item": "M10"}
    )
    assert problems == []
    assert values(long) == {
        ("sub-01", "pre", "si", "total"): 1.0,
        ("sub-01", "post", "si", "total"): 2.0,
        ("sub-01", "pre", "depression", "total"): 30.0,
        ("sub-01", "post", "depression", "total"): 20.0,
        ("sub-01", "pre", "depression", "si-item"): 4.0,
        ("sub-01", "post", "depression", "si-item"): 1.0,
        ("sub-01", "pre", "depression", "total-less-si-item"): 26.0,
        ("sub-01", "post", "depression", "total-less-si-item"): 19.0,
    }
    assert set(long.loc[long["scale"] == "depression", "instrument"]) == {"MADRS"}


def test_change_scores_are_no_session_of_their_own(table) -> None:
    read = table("participant_id delta", "01 -4.5", "02 n/a")
    long, problems = scored(read, si={"instrument": "BPRS", "change-column": "delta"})
    assert values(long) == {
        ("sub-01", "change", "si", "total"): -4.5,
        ("sub-02", "change", "si", "total"): None,
    }
    assert long["session"].isna().all()
    assert [(p.severity, p.participant_id, p.value) for p in problems] == [
        ("note", None, "BPRS"),
        ("note", "sub-02", None),
    ]


@pytest.mark.parametrize("rows", [("base n/a", "day1 -4"), ("base -4", "day1 -4")])
def test_a_change_in_a_table_with_rows_per_session_is_read_once(table, rows: Any) -> None:
    read = table("participant_id session_id delta", *(f"01 {row}" for row in rows), "02 base n/a")
    long, problems = scored(read, si={"instrument": "BPRS", "change-column": "delta"})
    assert values(long) == {
        ("sub-01", "change", "si", "total"): -4.0,
        ("sub-02", "change", "si", "total"): None,
    }
    assert errors(problems) == []


def test_two_changes_of_one_participant_are_an_error(table) -> None:
    read = table("participant_id session_id delta", "01 base -4", "01 day1 -5")
    _, problems = scored(read, si={"instrument": "SSI", "change-column": "delta"})
    assert [(p.severity, p.participant_id) for p in problems] == [("error", "sub-01")]
    assert "lines 2, 3" in problems[0].message


def test_a_missing_score_is_noted_and_kept_as_missing(table) -> None:
    read = table("participant_id SSI_ses-base SSI_ses-day1", "01 n/a 3", "02 1 2")
    long, problems = scored(read)
    assert values(long)["sub-01", "pre", "si", "total"] is None
    assert [(p.severity, p.participant_id, p.session, p.field) for p in problems] == [
        ("note", "sub-01", "base", "SSI_ses-base")
    ]


def test_a_missing_row_of_a_session_is_a_missing_score(table) -> None:
    read = table("participant_id session_id SSI", "01 base 4", "01 day1 3", "02 day1 1", "03 x 1")
    long, problems = scored(read)
    assert values(long)["sub-02", "pre", "si", "total"] is None
    assert values(long)["sub-03", "post", "si", "total"] is None
    noted = {(p.participant_id, p.session) for p in problems if p.severity == "note"}
    assert noted == {("sub-02", "base"), ("sub-03", "base"), ("sub-03", "day1")}
    assert errors(problems) == []


@pytest.mark.parametrize("text", ["high", "inf", "-inf", "nan", "1,5", "1_0", "1e999", "NA", "<5"])
def test_a_score_of_text_is_an_error_with_its_place(table, text: str) -> None:
    read = table("participant_id SSI_ses-base SSI_ses-day1", f"01 {text} 3", "02 1 2")
    long, problems = scored(read)
    assert errors(problems) == [("sub-01", "base", "SSI_ses-base", text)]
    assert problems[0].file == "scores.tsv"
    assert problems[0].allowed == "a number or n/a"
    assert values(long)["sub-01", "pre", "si", "total"] is None


def test_every_bad_score_is_listed(table) -> None:
    read = table("participant_id SSI_ses-base SSI_ses-day1", "01 x 3", "02 1 y", "03 z w")
    assert len(errors(scored(read)[1])) == 4


def test_a_missing_column_is_an_error_with_the_closest(table) -> None:
    read = table("participant_id SSI_ses-base SSI_ses-day2", "01 1 3")
    long, problems = scored(read)
    assert errors(problems) == [(None, None, "scores.si", "SSI_ses-day1")]
    assert "did you mean 'SSI_ses-" in problems[0].message
    assert problems[0].allowed == "participant_id, SSI_ses-base, SSI_ses-day2"
    assert set(long["role"]) == {"pre"}


def test_a_missing_column_of_a_long_table_is_one_error(table) -> None:
    read = table("participant_id session_id SSI", "01 base 1", "01 day1 1")
    _, problems = scored(read, si={"instrument": "BSS", "column": "BSS"})
    assert errors(problems) == [(None, None, "scores.si", "BSS")]


def test_session_labels_that_no_row_has_are_errors_with_the_closest(table) -> None:
    read = table("participant_id session_id SSI", "01 baseline 1", "01 week1 1")
    _, problems = scored(read)
    assert errors(problems) == [
        (None, None, "study.sessions.pre", "base"),
        (None, None, "study.sessions.post", "day1"),
    ]
    assert "did you mean 'baseline'?" in problems[0].message
    assert problems[0].allowed == "baseline, week1"


def test_a_row_without_a_session_is_an_error(table) -> None:
    read = table("participant_id session_id SSI", "01 base 1", "01 day1 1", "02 n/a 5")
    _, problems = scored(read)
    assert ("error", "no session_id in line 4") in [(p.severity, p.message) for p in problems]


@pytest.mark.parametrize(
    ("rows", "session"),
    [
        (("participant_id SSI_ses-base SSI_ses-day1", "01 1 2", "sub-01 1 3"), None),
        (("participant_id session_id SSI", "01 base 1", "01 ses-base 2", "01 day1 3"), "base"),
    ],
)
def test_two_rows_for_one_participant_are_an_error(table, rows: Any, session: Any) -> None:
    _, problems = scored(table(*rows))
    assert errors(problems) == [("sub-01", session, "participant_id", "sub-01")]
    assert "lines 2, 3" in problems[0].message


def test_nothing_follows_from_a_table_that_could_not_be_read(tmp_path: Path) -> None:
    read = read_table(tmp_path / "none.tsv", field="scores.table", known=KNOWN)
    long, problems = scored(read)
    assert long.empty
    assert tuple(long.columns) == SCORE_COLUMNS
    assert problems == []


def test_arms_are_read_by_their_labels(table) -> None:
    read = table("participant_id arm", "01 ketamine", "02 midazolam", "03 ketamine")
    found, problems = arms_of(read, config().study.arms)
    assert found == {"sub-01": "ketamine", "sub-02": "control", "sub-03": "ketamine"}
    assert problems == ()


@pytest.mark.parametrize(("label", "value"), [("saline", "saline"), ("n/a", "n/a")])
def test_who_is_in_neither_arm_is_left_out(table, label: str, value: str) -> None:
    read = table("participant_id arm", "01 ketamine", "02 midazolam", f"03 {label}")
    found, problems = arms_of(read, config().study.arms)
    assert found["sub-03"] is None
    assert [(p.severity, p.participant_id, p.value, p.allowed) for p in problems] == [
        ("excluded", "sub-03", value, "ketamine, midazolam")
    ]


def test_a_missing_arm_is_not_an_arm_called_none(table) -> None:
    study = config().study
    named = study.model_copy(update={"arms": study.arms.model_copy(update={"control": "None"})})
    read = table("participant_id arm", "01 ketamine", "02 None", "03 n/a")
    assert arms_of(read, named.arms)[0] == {
        "sub-01": "ketamine",
        "sub-02": "control",
        "sub-03": None,
    }


def test_who_is_in_both_arms_is_an_error(table) -> None:
    rows = ["01 base ketamine", "01 day1 midazolam", "02 base midazolam", "03 base ketamine"]
    found, problems = arms_of(table("participant_id session_id arm", *rows), config().study.arms)
    assert [(p.severity, p.participant_id, p.value) for p in problems] == [
        ("error", "sub-01", "ketamine, midazolam")
    ]
    assert found["sub-01"] is None


def test_the_arm_may_stand_in_one_of_several_rows(table) -> None:
    rows = ["01 base n/a", "01 day1 ketamine", "02 base midazolam", "02 day1 midazolam"]
    found, problems = arms_of(table("participant_id session_id arm", *rows), config().study.arms)
    assert found == {"sub-01": "ketamine", "sub-02": "control"}
    assert problems == ()


def test_a_label_that_nobody_has_is_an_error_that_names_those_there_are(table) -> None:
    read = table("participant_id arm", "01 Ketamine", "02 midazolam")
    _, problems = arms_of(read, config().study.arms)
    assert [(p.field, p.value, p.allowed) for p in problems if p.severity == "error"] == [
        ("study.arms.ketamine", "ketamine", "Ketamine, midazolam")
    ]


def test_a_missing_arm_column_is_an_error_with_the_closest(table) -> None:
    found, problems = arms_of(table("participant_id Arms", "01 ketamine"), config().study.arms)
    assert found == {}
    assert errors(problems) == [(None, None, "study.arms.column", "arm")]
    assert "did you mean 'Arms'?" in problems[0].message


def test_a_study_without_arms_has_none(table) -> None:
    study = config().study.model_copy(update={"arms": None})
    assert arms_of(table("participant_id arm", "01 ketamine"), study.arms) == ({}, ())
