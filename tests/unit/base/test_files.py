"""Tables and JSON: what is written comes back, whole or not at all."""

from __future__ import annotations

import errno
import math
import os
import re
import stat

import numpy as np
import pandas as pd
import pytest

from ketfc.base.errors import StudyError
from ketfc.base.files import (
    read_json,
    read_json_of_others,
    read_tsv,
    replacing,
    unchanged,
    write_json,
    write_text,
    write_tsv,
)


def leftovers(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_its_block_succeeds(tmp_path):
    path = tmp_path / "new" / "table.nii.gz"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.endswith(".nii.gz")
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert leftovers(path.parent) == ["table.nii.gz"]


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        fail()
    assert path.read_text() == "old"
    assert leftovers(tmp_path) == ["a.txt"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as orphan:
        orphan.write_text("of the job that outlived its Snakemake")
        write_text(path, "of the job in its place")
        assert path.read_text() == "of the job in its place"
        assert orphan.exists()
    assert path.read_text() == "of the job that outlived its Snakemake"
    assert leftovers(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_file_that_cannot_be_written_is_named_with_what_to_do(tmp_path, number):
    path = tmp_path / "a.txt"

    def fill_the_disk() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError(number, os.strerror(number))

    said = re.escape(f"{path}: cannot be written ({os.strerror(number)}): ") + "(make room|work in)"
    with pytest.raises(StudyError, match=said):
        fill_the_disk()
    assert leftovers(tmp_path) == []


def test_other_errors_of_the_system_are_passed_on(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        pass


def test_a_file_that_is_left_alone_is_unchanged(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "x")
    with unchanged([path, tmp_path / "absent"]):
        assert path.read_text() == "x"


@pytest.mark.parametrize("change", ["grown", "touched", "replaced", "gone", "come"])
def test_a_file_that_changes_while_it_is_read_is_named(tmp_path, change):
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    write_text(other, "x")
    if change != "come":
        write_text(path, "old")
        os.utime(path, (1, 1))

    def read() -> None:
        with unchanged([str(path), other]):
            if change == "grown":
                with path.open("a") as handle:
                    handle.write("!")
                os.utime(path, (1, 1))
            elif change == "touched":
                path.touch()
            elif change == "gone":
                path.unlink()
                # as whatever reads it next finds it
                path.read_text()
            else:
                write_text(path, "new")

    with pytest.raises(StudyError, match=r"changed or vanished while it was read") as raised:
        read()
    assert [problem.file for problem in raised.value.problems] == [str(path)]


def test_files_have_the_permissions_that_the_umask_gives(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_a_table_comes_back_as_text_except_for_its_numeric_columns(tmp_path):
    table = pd.DataFrame(
        {
            "participant_id": ["sub-01", "sub-002"],
            "session": ["01", "NA"],
            "arm": [None, "ketamine"],
            "score": [1.5, np.nan],
            "n": [3, 4],
        }
    )
    path = tmp_path / "table.tsv"
    write_tsv(path, table)
    assert path.read_text() == (
        "participant_id\tsession\tarm\tscore\tn\nsub-01\t01\tn/a\t1.5\t3\nsub-002\tNA\tketamine\tn/a\t4\n"
    )
    back = read_tsv(path, numeric=("score", "absent"))
    assert back["session"].tolist() == ["01", "NA"]
    assert back["arm"].tolist() == [None, "ketamine"]
    assert back["n"].tolist() == ["3", "4"]
    assert back["score"].dtype == np.float64
    assert back["score"][0] == 1.5
    assert math.isnan(back["score"][1])


def test_a_byte_order_mark_and_empty_cells_are_understood(tmp_path):
    path = tmp_path / "excel.tsv"
    path.write_bytes(b"\xef\xbb\xbfparticipant_id\tage\r\nsub-01\t\r\n")
    table = read_tsv(path)
    assert table.columns.tolist() == ["participant_id", "age"]
    assert table["age"].tolist() == [None]


@pytest.mark.parametrize("labels", [None, "Node"])
def test_a_table_of_floats_is_written_as_pandas_would(labels, rng, tmp_path):
    values = rng.standard_normal((6, 4)) * 10.0 ** rng.integers(-9, 9, (6, 4))
    values[1, 2] = np.nan
    values[2, 0] = 0.0
    table = pd.DataFrame(values, columns=["a", "nan", "c", "d"], index=[*"uvwxy", "nan"])
    write_tsv(tmp_path / "fast.tsv", table, digits=8, index_label=labels)
    table.to_csv(
        tmp_path / "pandas.tsv",
        sep="\t",
        na_rep="n/a",
        float_format="%.8g",
        index=labels is not None,
        index_label=labels,
        lineterminator="\n",
    )
    assert (tmp_path / "fast.tsv").read_text() == (tmp_path / "pandas.tsv").read_text()


def test_nine_digits_bring_a_float32_back(rng, tmp_path):
    table = pd.DataFrame({"x": rng.normal(1e4, 1e2, 200).astype(np.float32)})
    write_tsv(tmp_path / "x.tsv", table, digits=9)
    back = read_tsv(tmp_path / "x.tsv", numeric=("x",))
    np.testing.assert_array_equal(back["x"].to_numpy().astype(np.float32), table["x"])


def test_a_table_without_rows_keeps_its_header(tmp_path):
    write_tsv(tmp_path / "a.tsv", pd.DataFrame(columns=["x", "y"], dtype=float))
    write_tsv(tmp_path / "b.tsv", pd.DataFrame(columns=["x", "y"]))
    assert (tmp_path / "a.tsv").read_text() == (tmp_path / "b.tsv").read_text() == "x\ty\n"


def test_json_keeps_every_letter_and_refuses_what_is_not_json(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"name": "Gärtner", "n": 3, "none": None})
    assert "Gärtner" in path.read_text(encoding="utf-8")
    assert read_json(path) == {"name": "Gärtner", "n": 3, "none": None}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"r": float("nan")})
    assert read_json(path)["n"] == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "the key 'c' occurs twice"),
        ("[" * 200_000, "nested too deeply"),
        ("{", "Expecting property name"),
        ("1" * 5000, "limit"),
    ],
)
def test_json_of_others_is_read_strictly(text, said, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=said):
        read_json_of_others(path)
    path.write_text('\ufeff{"a": [1, {"b": null}]}', encoding="utf-8")
    assert read_json_of_others(path) == {"a": [1, {"b": None}]}
