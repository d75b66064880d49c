from __future__ import annotations

import dataclasses
import pickle

import pytest

from ketfc.base.errors import COLUMNS, Problem, StudyError, closest, problems_table
from ketfc.base.files import read_tsv, write_tsv


def test_a_problem_reads_from_place_to_what_is_allowed():
    problem = Problem(
        "error",
        "is not a number",
        file="scores.tsv",
        participant_id="sub-01",
        session="pre",
        field="SSI",
        value="abc",
        allowed="a number or n/a",
    )
    assert str(problem) == (
        "scores.tsv: sub-01 ses-pre: SSI = abc: is not a number (allowed: a number or n/a)"
    )
    left_out = Problem("excluded", "truncated\nfile", run="run-1")
    assert str(left_out) == "excluded: run-1: truncated file"


def test_the_table_of_problems_has_errors_first_and_else_keeps_their_order():
    listed = [
        Problem("note", "a"),
        Problem("error", "b", session="01"),
        Problem("excluded", "c"),
        Problem("error", "d"),
    ]
    table = problems_table(listed)
    assert tuple(table.columns) == COLUMNS
    assert set(COLUMNS) == {field.name for field in dataclasses.fields(Problem)}
    assert list(table["message"]) == ["b", "d", "c", "a"]
    assert str(StudyError(listed)).splitlines()[:2] == ["ses-01: b", "d"]


def test_the_table_of_problems_survives_its_file(tmp_path):
    table = problems_table([Problem("error", "b", session="01", value="a\tb")])
    write_tsv(tmp_path / "problems.tsv", table)
    read = read_tsv(tmp_path / "problems.tsv")
    assert read.to_dict("records") == table.to_dict("records")
    assert read.loc[0, "file"] is None


def test_no_problems_are_a_table_without_rows():
    table = problems_table([])
    assert (len(table), tuple(table.columns)) == (0, COLUMNS)


def test_an_error_survives_pickling_into_another_process():
    error = StudyError([Problem("error", "a", file="f"), Problem("error", "b")])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("fd_thresh", ["min-time", "fd-thresh"], "fd-thresh"),
        ("SSI_ses-Pre", ["SSI_ses-pre", "SSI_ses-post"], "SSI_ses-pre"),
        ("a-b", ["a_b", "a-b"], "a-b"),
        ("session-1", ["session-01", "other"], "session-01"),
        ("colour", ["name", "task"], None),
        ("x", [], None),
    ],
)
def test_the_closest_name_is_what_was_probably_meant(name, candidates, expected):
    assert closest(name, candidates) == expected
