"""The frame around every script: log, check of the code, and whose results they are."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from ketfc.base.job import running
from ketfc.base.logs import problem_in
from ketfc.base.software import generated_by
from ketfc.base.source import code_digests


def job(folder: Path, code: str) -> SimpleNamespace:
    return SimpleNamespace(log=[folder / "log.txt"], params=SimpleNamespace(code=code))


def test_results_of_a_job_name_its_code(tmp_path: Path) -> None:
    code = code_digests()["motion"]
    with running(job(tmp_path, code)):
        print("said")
        assert generated_by()[0]["Description"] == f"source {code}"
    assert "Description" not in generated_by()[0]
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "said\n"


def test_edited_code_ends_a_job_before_it_starts(
    tmp_path: Path,
) -> None:
    with pytest.raises(SystemExit), running(job(tmp_path, "motion 0123456789abcdef")):
        raise AssertionError("started")
    assert problem_in(tmp_path / "log.txt") == (
        "the code behind motion was changed after this job was planned, and nothing was written: "
        "start again with the same command"
    )
