"""Reading a lab's tables: what is accepted, what is refused, what each problem says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketfc.base.errors import Problem
from ketfc.study.lab_tables import Table, duplicate_rows, find_table, read_table

KNOWN = ("sub-01", "sub-02")


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str | bytes, name: str = "scores.tsv", known: tuple[str, ...] = KNOWN) -> Table:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path, field="scores.table", known=known)

    return read


def cells(table: Table) -> list[list[str | None]]:
    return table.rows.to_numpy().tolist()


def only_problem(table: Table) -> Problem:
    assert len(table.problems) == 1, table.problems
    return table.problems[0]


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("name", ["scores.tsv", "scores.csv", "SCORES.CSV", "scores.txt"])
def test_tabs_commas_and_semicolons_are_told_apart(read, separator: str, name: str) -> None:
    text = "participant_id\tarm\tSSI\nsub-01\tketamine\t12\n02\tplacebo\t7.5\n"
    table = read(text.replace("\t", separator), name)
    assert cells(table) == [["sub-01", "ketamine", "12"], ["sub-02", "placebo", "7.5"]]
    assert table.problems == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_end_are_read(read, encoding: str, newline: str) -> None:
    text = newline.join(["participant_id,arm", "01,kétamine", "02,n/a", ""])
    table = read(text.encode(encoding), "scores.csv")
    assert cells(table) == [["sub-01", "kétamine"], ["sub-02", None]]
    assert table.problems == ()


def test_ids_keep_their_leading_zeros_with_and_without_prefix(read) -> None:
    known = ("sub-01", "sub-002", "sub-A3")
    table = read("participant_id\nsub-01\n002\nA3\n", known=known)
    assert table.rows["participant_id"].tolist() == list(known)
    assert table.problems == ()


def test_missing_cells_are_none_and_nothing_else_is(read) -> None:
    table = read("participant_id\ta\tb\tc\n01\tn/a\t\tNA\n02\t0\tnan\tNone\n")
    assert cells(table) == [["sub-01", None, None, "NA"], ["sub-02", "0", "nan", "None"]]


def test_spaces_around_cells_are_no_part_of_them(read) -> None:
    table = read("participant_id, arm\nsub-01 , ketamine\n02, \n", "scores.csv")
    assert list(table.rows.columns) == ["participant_id", "arm"]
    assert cells(table) == [["sub-01", "ketamine"], ["sub-02", None]]


def test_quotes_hold_a_cell_together(read) -> None:
    table = read('"participant_id","note"\n"01","a, b"\n"02","said ""no"""\n', "scores.csv")
    assert cells(table) == [["sub-01", "a, b"], ["sub-02", 'said "no"']]


def test_empty_lines_of_a_spreadsheet_are_passed_over_and_lines_still_counted(read) -> None:
    table = read("participant_id,arm\n01,a\n\n,\n02,b\n02,b\n,,\n", "scores.csv")
    assert table.rows.index.tolist() == [2, 5, 6]
    assert table.problems == ()
    problem = duplicate_rows(table, ["participant_id"])[0]
    assert "2 rows (lines 5, 6)" in problem.message


def test_more_cells_than_the_header_are_refused_and_never_shift_columns(read) -> None:
    # a decimal comma in a table with commas
    table = read("participant_id,pre,post\n01,1,5,2\n02,3,4\n", "scores.csv")
    problem = only_problem(table)
    assert problem.severity == "error"
    assert "line 2 has 4 cells, the header only 3" in problem.message
    assert table.rows.empty


def test_empty_cells_beyond_the_header_and_cells_left_out_at_the_end_do_no_harm(read) -> None:
    table = read("participant_id\tpre\tpost\n01\t1\t2\t\n02\t3\n")
    assert cells(table) == [["sub-01", "1", "2"], ["sub-02", "3", None]]
    assert table.problems == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("participant_id\tSSI\tSSI\n01\t1\t2\n", "two columns called 'SSI'"),
        ("participant_id\tnote\n01\tGröße\n".encode("latin-1"), "can't decode"),
        ('participant_id,note\n01,"never closed\n02,x\n', "unexpected end of data"),
    ],
)
def test_a_table_that_cannot_be_read_is_an_error(read, text: str | bytes, reason: str) -> None:
    table = read(text)
    problem = only_problem(table)
    assert (problem.severity, problem.file) == ("error", "scores.tsv")
    assert (problem.field, problem.participant_id) == ("scores.table", None)
    assert reason in problem.message
    assert table.rows.empty


def test_a_missing_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    table = read_table(tmp_path / "none.tsv", field="scores.table", known=KNOWN)
    problem = only_problem(table)
    assert (problem.severity, problem.field) == ("error", "scores.table")
    assert problem.value == str(tmp_path / "none.tsv")
    assert "no such file" in problem.message


@pytest.mark.parametrize("text", ["", "\n", "subject\n01\n"])
def test_a_table_without_participant_ids_is_an_error(read, text: str) -> None:
    problem = only_problem(read(text))
    assert problem.severity == "error"
    assert "has no column participant_id" in problem.message


def test_the_column_that_was_meant_is_named(read) -> None:
    problem = only_problem(read("Participant-ID\tSSI\n01\t3\n"))
    assert "did you mean 'Participant-ID'?" in problem.message
    assert problem.allowed == "Participant-ID, SSI"


def test_a_table_without_rows_is_an_error(read) -> None:
    table = read("participant_id\tSSI\n")
    assert "holds no participant" in [
        problem.message for problem in table.problems if problem.severity == "error"
    ]


def test_rows_without_an_id_are_an_error_with_their_lines(read) -> None:
    table = read("participant_id\tSSI\n01\t3\n\t4\n02\t5\nn/a\t6\n")
    problem = only_problem(table)
    assert (problem.severity, problem.message) == ("error", "no participant_id in lines 3, 5")
    assert table.rows["participant_id"].tolist() == ["sub-01", "sub-02"]


@pytest.mark.parametrize(
    ("known", "written", "meant"),
    [("sub-01", "1", "sub-01"), ("sub-001", "sub-01", "sub-001"), ("sub-7", "007", "sub-7")],
)
def test_a_lost_leading_zero_is_an_error_that_names_who_was_meant(
    read, known: str, written: str, meant: str
) -> None:
    table = read(f"participant_id\n02\n{written}\n", known=("sub-02", known))
    problem = next(p for p in table.problems if p.severity == "error")
    assert "leading zeros lost" in problem.message
    written_as = f"sub-{written.removeprefix('sub-')}"
    assert (problem.participant_id, problem.allowed) == (written_as, meant)


def test_letters_are_never_taken_for_lost_zeros(read) -> None:
    table = read("participant_id\n01\n02\n0A\n", known=(*KNOWN, "sub-A"))
    assert [problem.severity for problem in table.problems] == ["note", "excluded"]


def test_who_has_no_images_is_noted_and_who_has_no_row_is_left_out(read) -> None:
    table = read("participant_id\n01\n09\n09\n")
    assert [(p.severity, p.participant_id, p.message) for p in table.problems] == [
        ("note", "sub-09", "is in the table but has no images"),
        ("excluded", "sub-02", "has images but no row in the table"),
    ]


def test_a_table_of_other_participants_is_an_error(read) -> None:
    table = read("participant_id\nsubject1\nsubject2\n")
    errors = [problem for problem in table.problems if problem.severity == "error"]
    assert [problem.message for problem in errors] == ["holds nobody who has images"]
    # everybody is still listed
    assert {problem.participant_id for problem in table.problems} == {
        None,
        "sub-01",
        "sub-02",
        "sub-subject1",
        "sub-subject2",
    }


def test_a_participant_with_two_rows_is_an_error_with_the_lines(read) -> None:
    table = read("participant_id\tSSI\n01\t1\n02\t2\nsub-01\t3\n")
    assert duplicate_rows(table, ["participant_id"]) == [
        Problem(
            "error",
            "has 2 rows (lines 2, 4); one is expected",
            file="scores.tsv",
            participant_id="sub-01",
            field="participant_id",
            value="sub-01",
        )
    ]


def test_rows_of_other_sessions_are_no_duplicates(read) -> None:
    table = read("participant_id\tsession_id\n01\tpre\n01\tpost\n02\tpre\n02\tpre\n")
    found = duplicate_rows(table, ["participant_id", "session_id"])
    assert [(p.participant_id, p.session) for p in found] == [("sub-02", "pre")]


def test_a_table_is_looked_up_in_the_working_directory_then_in_the_derivatives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, here = tmp_path / "a", tmp_path / "b", tmp_path / "here"
    for folder in (first, second, here):
        folder.mkdir()
    monkeypatch.chdir(here)
    folders = [first, second]
    assert find_table("scores.tsv", folders) == Path("scores.tsv")
    (second / "scores.tsv").touch()
    assert find_table("scores.tsv", folders) == second / "scores.tsv"
    (first / "scores.tsv").touch()
    assert find_table("scores.tsv", folders) == first / "scores.tsv"
    (here / "scores.tsv").touch()
    assert find_table("scores.tsv", folders) == Path("scores.tsv")
    assert find_table(str(second / "scores.tsv"), folders) == second / "scores.tsv"
