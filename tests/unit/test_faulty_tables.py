"""Faulty tables: each says what is wrong in one line, and all of it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_scores import lines_of, plan_of

WIDE = "participant_id SSI_ses-pre SSI_ses-post\n01 12 3\n02 9 4\n"
LONG = "participant_id session_id SSI\n01 pre 12\n01 post 3\n02 pre 9\n02 post 4\n"
MADRS = "participant_id SSI_ses-pre SSI_ses-post M_ses-pre M_ses-post M10_ses-pre M10_ses-post\n"
DEPRESSION = {"instrument": "MADRS", "column": "M", "si-item": "M10"}
RANGE = "a whole number from 0 to 38"

CODE = "; if it stands for a missing score, name it in scores.missing"

# what is wrong: the tables, what the config says, and the one line
FAULTS: dict[str, tuple[str | dict[str, str], dict[str, Any], str]] = {
    "above the range": (
        WIDE.replace("12", "39"),
        {},
        "scores.tsv: sub-01 ses-pre: SSI_ses-pre = 39: is out of the range of SSI "
        f"(allowed: {RANGE})",
    ),
    "below the range": (
        WIDE.replace("12", "-2"),
        {},
        "scores.tsv: sub-01 ses-pre: SSI_ses-pre = -2: is out of the range of SSI "
        f"(allowed: {RANGE})",
    ),
    "a code for missing": (
        WIDE.replace("12", "999"),
        {},
        "scores.tsv: sub-01 ses-pre: SSI_ses-pre = 999: is out of the range of SSI"
        f"{CODE} (allowed: {RANGE})",
    ),
    "a fraction": (
        WIDE.replace("12", "12.5"),
        {},
        "scores.tsv: sub-01 ses-pre: SSI_ses-pre = 12.5: is not a possible score of SSI "
        f"(allowed: {RANGE})",
    ),
    "a gap": (
        WIDE.replace(" 4", " 1"),
        {"si": {"instrument": "C-SSRS intensity", "column": "SSI"}},
        "scores.tsv: sub-02 ses-post: SSI_ses-post = 1: is not a possible score of C-SSRS "
        "intensity (allowed: a whole number from 0 to 25 other than 1)",
    ),
    "text": (
        WIDE.replace("12", "high"),
        {},
        "scores.tsv: sub-01 ses-pre: SSI_ses-pre = high: is not a number "
        "(allowed: a number or n/a)",
    ),
    "a decimal comma": (
        WIDE.replace("12", "1,5"),
        {},
        "scores.tsv: sub-01 ses-pre: SSI_ses-pre = 1,5: is not a number (allowed: a number or n/a)",
    ),
    "another word for missing": (
        WIDE.replace("12", "NaN"),
        {},
        f"scores.tsv: sub-01 ses-pre: SSI_ses-pre = NaN: is not a number{CODE} "
        "(allowed: a number or n/a)",
    ),
    "a misspelt column": (
        WIDE.replace("SSI_ses-post", "SSI_ses-pots"),
        {},
        "scores.tsv: scores.si = SSI_ses-post: has no such column; did you mean 'SSI_ses-pots'? "
        "(allowed: participant_id, SSI_ses-pre, SSI_ses-pots)",
    ),
    "a misspelt session": (
        LONG.replace("post", "pots"),
        {},
        "scores.tsv: study.sessions.post = post: no row has this session; did you mean 'pots'? "
        "(allowed: pots, pre)",
    ),
    "a score without a session": (
        LONG + "02 n/a 5\n",
        {},
        "scores.tsv: session_id: no session_id in line 6",
    ),
    "a row twice": (
        LONG + "02 ses-post 5\n",
        {},
        "scores.tsv: sub-02 ses-post: participant_id = sub-02: has 2 rows (lines 5, 6); one is "
        "expected",
    ),
    "two runs of one session": (
        "participant_id session_id run_id SSI\n01 pre 1 12\n01 pre 2 13\n01 post 1 3\n"
        "02 pre 1 9\n02 post 1 4\n",
        {},
        "scores.tsv: sub-01 ses-pre: participant_id = sub-01: has 2 rows (lines 2, 3) that differ "
        "in run_id; one is expected",
    ),
    "an ID without its zero": (
        WIDE.replace("\n02", "\n02 9 4\n2"),
        {},
        "scores.tsv: sub-2: participant_id = 2: no images have this ID, but sub-02 has some: were "
        "leading zeros lost (in a spreadsheet)? (allowed: sub-02)",
    ),
    "nobody's score": (
        WIDE + " 3 4\n",
        {},
        "scores.tsv: participant_id: no participant_id in line 4",
    ),
    "an item above its total": (
        MADRS + "01 12 3 30 20 4 2\n02 9 4 5 20 6 2\n",
        {"depression": DEPRESSION},
        "scores.tsv: sub-02 ses-pre: M10_ses-pre = 6: is above the total it is part of "
        "(M_ses-pre = 5) (allowed: at most 5)",
    ),
    "an impossible item": (
        MADRS + "01 12 3 30 20 4 2\n02 9 4 25 20 7 2\n",
        {"depression": DEPRESSION},
        "scores.tsv: sub-02 ses-pre: M10_ses-pre = 7: is out of the range of item 10 of MADRS"
        f"{CODE} (allowed: a whole number from 0 to 6)",
    ),
    "an impossible change": (
        "participant_id delta\n01 -4\n02 -40\n",
        {"si": {"instrument": "SSI", "change-column": "delta"}},
        "scores.tsv: sub-02: delta = -40: is not a possible change of SSI in points "
        "(allowed: a whole number from -38 to 38)",
    ),
    "a column in two tables": (
        {"a.tsv": WIDE, "b.tsv": WIDE},
        {"table": ["a.tsv", "b.tsv"]},
        "scores.si = SSI: is a column of several tables (a.tsv, b.tsv); it must be in one only",
    ),
    "a column in no table": (
        {"a.tsv": WIDE, "b.tsv": "participant_id M_ses-pre M_ses-post\n01 1 2\n02 1 2\n"},
        {"table": ["a.tsv", "b.tsv"], "si": {"instrument": "BSS", "column": "BSS"}},
        "scores.si = BSS: none of the 2 tables has this column "
        "(allowed: participant_id, SSI_ses-pre, SSI_ses-post, M_ses-pre, M_ses-post)",
    ),
    "a pattern without a match": (
        WIDE,
        {"table": ["scores.tsv", "phenotype/*.tsv"]},
        "scores.table = phenotype/*.tsv: matches no file in the working directory or the "
        "derivatives",
    ),
    "a mapping of a column that is not there": (
        WIDE,
        {"columns": {"session_id": "Visit"}},
        "scores.columns.session_id = Visit: no table has this column "
        "(allowed: SSI_ses-post, SSI_ses-pre, participant_id)",
    ),
    "a mapping of a session that is not there": (
        LONG,
        {"sessions": {"Baselin": "pre"}},
        "scores.sessions = Baselin: no table has this session (allowed: post, pre)",
    ),
    "two names for one column": (
        "participant_id Subject SSI_ses-pre SSI_ses-post\n01 01 1 2\n02 02 1 2\n",
        {"columns": {"participant_id": "Subject"}},
        "scores.tsv: scores.table: cannot be read as a table in UTF-8: it has a column "
        "'participant_id', and 'Subject' is to be renamed to it",
    ),
    "an hour that is none": (
        LONG.replace("SSI\n", "SSI hours\n").replace("post 3\n", "post 3 noon\n"),
        {"hours-column": "hours"},
        "scores.tsv: sub-01 ses-post: hours = noon: is not a number "
        "(allowed: a number of hours or n/a)",
    ),
    "hours of an unknown role": (
        WIDE,
        {"hours-since-dose": {"later": 3}},
        "scores.hours-since-dose = later: is not a role of study.sessions (allowed: pre, post)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_table_has_one_clear_message(tmp_path: Path, fault: str) -> None:
    tables, scores, line = FAULTS[fault]
    files = {"scores.tsv": tables} if isinstance(tables, str) else tables
    assert lines_of(plan_of(tmp_path, files, scores=scores)) == [line]


def test_the_tables_are_right_without_their_faults(tmp_path: Path) -> None:
    for text in (WIDE, LONG, MADRS + "01 12 3 30 20 4 2\n02 9 4 5 20 5 2\n"):
        assert lines_of(plan_of(tmp_path, {"scores.tsv": text})) == []


def test_all_problems_of_a_table_are_said_at_once(tmp_path: Path) -> None:
    text = MADRS + "01 39 x 30 20 4 2\n02 9.5 4 5 20 6 n/a\n1 1 1 1 1 1 1\n02 1 1 n/a 3 3 3\n"
    plan = plan_of(tmp_path, {"scores.tsv": text}, scores={"depression": DEPRESSION})
    assert [line.partition(" (allowed")[0] for line in lines_of(plan)] == [
        "scores.tsv: sub-1: participant_id = 1: no images have this ID, but sub-01 has some: were "
        "leading zeros lost (in a spreadsheet)?",
        "scores.tsv: sub-02: participant_id = sub-02: has 2 rows (lines 3, 5); one is expected",
        "scores.tsv: sub-01 ses-pre: SSI_ses-pre = 39: is out of the range of SSI",
        "scores.tsv: sub-02 ses-pre: SSI_ses-pre = 9.5: is not a possible score of SSI",
        f"scores.tsv: sub-01 ses-post: SSI_ses-post = x: is not a number{CODE}",
        "scores.tsv: sub-02 ses-pre: M10_ses-pre = 6: is above the total it is part of "
        "(M_ses-pre = 5)",
    ]
    assert not plan.usable


def test_half_filled_rows_are_noted_with_the_half_that_is_there(tmp_path: Path) -> None:
    text = MADRS + "01 1 1 30 20 n/a 2\n02 1 1 n/a 20 3 2\n"
    plan = plan_of(tmp_path, {"scores.tsv": text}, scores={"depression": DEPRESSION})
    assert lines_of(plan, "note") == [
        "note: scores.tsv: sub-02 ses-pre: M_ses-pre: the score is missing, though M10_ses-pre of "
        "the same row is there",
        "note: scores.tsv: sub-01 ses-pre: M10_ses-pre: the score is missing, though M_ses-pre of "
        "the same row is there",
    ]
    assert plan.usable


def test_a_table_that_no_score_is_in_does_not_count(tmp_path: Path) -> None:
    files = {
        "a.tsv": WIDE,
        "b.tsv": "participant_id QIDS\n07 1\n07 2\n",
        "c.tsv": "subject QIDS\n01 2\n",
    }
    plan = plan_of(tmp_path, files, scores={"table": "*.tsv"})
    assert lines_of(plan) == []
    assert lines_of(plan, "note", "excluded") == [
        "note: c.tsv: participant_id: has no column participant_id (allowed: subject, QIDS)"
    ]
    assert "sub-07" not in set(plan.participants["participant_id"])


@pytest.mark.parametrize(
    ("depression", "si", "said"),
    [
        ({"instrument": "MADRS", "column": "M"}, None, "totals only: MADRS contains"),
        ({"instrument": "CES-D", "column": "M"}, None, "totals only: CES-D may contain"),
        (
            {"instrument": "MADRS", "column": "M"},
            {"instrument": "MADRS item 10", "column": "M10"},
            "name its column M10 here too",
        ),
    ],
)
def test_totals_alone_are_warned_of(tmp_path: Path, depression: Any, si: Any, said: str) -> None:
    scores = {"depression": depression} | ({"si": si} if si else {})
    text = MADRS + "01 12 3 30 20 4 2\n02 9 4 25 20 6 2\n"
    plan = plan_of(tmp_path, {"scores.tsv": text}, scores=scores)
    warnings = [p.message for p in plan.problems if p.field == "scores.depression.si-item"]
    assert [said in message for message in warnings] == [True]


@pytest.mark.parametrize(
    ("instrument", "said"),
    [
        ("SIS", "is not in the catalogue, so the range of its scores is not checked; did you"),
        ("Own", "is not in the catalogue, so the range of its scores is not checked"),
    ],
)
def test_an_unknown_instrument_is_used_with_a_note(tmp_path: Path, instrument, said) -> None:
    scores = {"si": {"instrument": instrument, "column": "SSI"}}
    plan = plan_of(tmp_path, {"scores.tsv": WIDE.replace("12", "712")}, scores=scores)
    assert plan.usable
    (note,) = lines_of(plan, "note")
    assert said in note
    with_range = {"si": {**scores["si"], "range": [0, 100]}}
    plan = plan_of(tmp_path, {"scores.tsv": WIDE}, scores=with_range)
    assert lines_of(plan, "note", "error") == []


def test_a_scale_that_runs_against_depression_is_suspected_of_being_reversed(
    tmp_path: Path,
) -> None:
    people = [f"{i:02}" for i in range(1, 12)]
    known = tuple(f"sub-{person}" for person in people)
    scores = {"depression": {"instrument": "MADRS", "column": "M", "si-item": None}}
    for sign, expected in ((1, []), (-1, ["scores.si"])):
        rows = [f"{p} {19 + sign * int(p)} 3 {20 + int(p)} 9" for p in people]
        text = MADRS.partition(" M10")[0] + "\n" + "\n".join(rows) + "\n"
        plan = plan_of(tmp_path, {"scores.tsv": text}, scores=scores, known=known)
        assert [p.field for p in plan.problems if "in reverse" in p.message] == expected


def test_a_scale_that_is_said_to_be_reversed_is_said_in_words(tmp_path: Path) -> None:
    scores = {"si": {"instrument": "SSI", "column": "SSI", "direction": "higher-better"}}
    plan = plan_of(tmp_path, {"scores.tsv": WIDE}, scores=scores)
    assert [("a rise is an improvement" in line) for line in lines_of(plan, "note")] == [True]
