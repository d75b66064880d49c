"""Exclusions made by hand, and mistakes in their table."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketfc.study.runs.index import RunName
from ketfc.study.runs.manifest import named_runs, without
from ketfc.study.runs.manual import FIELD, ManualExclusions, manual_exclusions

RUNS = [
    RunName(f"{one}_ses-{session}_task-rest{run}", one, session)
    for one in ("sub-01", "sub-02", "sub-10")
    for session in ("pre", "post")
    for run in ("_run-1", "_run-2")
]


def read(folder: Path, *lines: str, header: str = "participant_id,session,run,reason"):
    path = folder / "mine.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return manual_exclusions(path, RUNS)


def errors(found: ManualExclusions) -> list[str]:
    return [str(problem) for problem in found.problems if problem.severity == "error"]


@pytest.mark.parametrize(
    ("line", "n", "every"),
    [
        ("sub-01,,,cyst", 4, "sub-01_"),
        ("01,,,cyst", 4, "sub-01_"),
        ("sub-01,post,,cyst", 2, "sub-01_ses-post"),
        ("sub-01,ses-post,n/a,cyst", 2, "sub-01_ses-post"),
        ("sub-01,post,2,cyst", 1, "sub-01_ses-post_task-rest_run-2"),
        ("sub-01,post,run-2,cyst", 1, "sub-01_ses-post_task-rest_run-2"),
        ("sub-01,,sub-01_ses-post_task-rest_run-2,cyst", 1, "sub-01_ses-post_task-rest_run-2"),
    ],
)
def test_a_line_leaves_out_what_it_names_and_no_more(tmp_path, line, n, every):
    found = read(tmp_path, line)
    assert errors(found) == []
    assert len(found.runs) == n
    assert all(run.startswith(every) for run in found.runs)
    assert {problem.run for problem in found.problems} == found.runs
    assert {(p.severity, p.field, p.message) for p in found.problems} == {
        ("excluded", FIELD, "left out by hand: cyst")
    }


def test_without_a_table_nothing_is_left_out():
    assert manual_exclusions(None, RUNS) == ManualExclusions()


def test_two_lines_of_one_run_give_both_reasons(tmp_path):
    found = read(tmp_path, "sub-01,pre,,asleep", "sub-01,pre,1,coil", "sub-01,pre,2,asleep")
    said = {problem.run: problem.message for problem in found.problems}
    assert said == {
        "sub-01_ses-pre_task-rest_run-1": "left out by hand: asleep; coil",
        "sub-01_ses-pre_task-rest_run-2": "left out by hand: asleep",
    }


def test_all_wrong_lines_are_told_together(tmp_path):
    found = read(
        tmp_path,
        "sub-1,,,cyst",
        "sub-02,pst,,cyst",
        "sub-02,post,3,cyst",
        "sub-02,,1,cyst",
        "sub-02,post,,",
        ",post,,cyst",
        "sub-10,pre,1,fine",
    )
    said = errors(found)
    assert len(said) == 6
    for text, wanted in zip(
        said,
        (
            r"mine.csv: sub-1: participant_id = sub-1: line 2: has no run in this study; did you "
            r"mean 'sub-01'?",
            r"session = pst: line 3: no run of sub-02 has this session; did you mean 'post'? "
            r"(allowed: pre, post)",
            r"run = 3: line 4: no run of sub-02 has this name (allowed: sub-02_ses-post_",
            r"run = 1: line 5: 2 runs of sub-02 have this name",
            r"reason: line 6: has no reason, and nothing is left out without one",
            r"participant_id: line 7: no participant_id",
        ),
        strict=True,
    ):
        assert wanted in text
    assert found.runs == {"sub-10_ses-pre_task-rest_run-1"}


def test_columns_that_are_missing_or_would_be_overlooked_are_errors(tmp_path):
    said = errors(read(tmp_path, "sub-01,pre,x", header="participant_id,session_id,reasons"))
    assert len(said) == 2
    assert "has no column reason; did you mean 'reasons'?" in said[0]
    assert "session_id: is not a column that is read; did you mean 'session'?" in said[1]
    assert errors(read(tmp_path, "sub-01,x,me", header="participant_id,reason,who")) == []


def test_a_file_that_is_not_there_or_no_table_is_an_error(tmp_path):
    (text,) = errors(manual_exclusions(tmp_path / "none.tsv", RUNS))
    assert "quality.exclusions" in text
    assert "there is no such file" in text
    (tmp_path / "bad.tsv").write_bytes(b"participant_id\treason\n\xff\xfe")
    (text,) = errors(manual_exclusions(tmp_path / "bad.tsv", RUNS))
    assert "cannot be read as a table in UTF-8" in text


def test_what_is_left_out_is_taken_from_the_list_of_runs():
    manifest = {
        run.name: {"participant_id": run.participant_id, "session": run.session} for run in RUNS
    }
    assert named_runs(manifest) == RUNS
    left = without(manifest, {RUNS[0].name})
    assert list(left) == [run.name for run in RUNS[1:]]
