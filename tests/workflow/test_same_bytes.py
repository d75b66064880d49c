"""The same bytes whatever the number of cores, and after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from made_study import Study, assert_same_tables, command


@pytest.mark.slow
def test_one_core_and_two_give_the_same_bytes(
    pristine: Study, finished: Study, tmp_path: Path
) -> None:
    study = pristine.copy(tmp_path / "study")
    done = study.run(cores=1)
    assert done.code == 0, done.text
    assert_same_tables(study, finished)


def kill_after(study: Study, n_runs: int) -> None:
    """Start a full run and kill all its processes once some runs are done."""
    call = command("--configfile", "config.yaml", cores=2)
    with (study.folder / "killed.txt").open("w") as log:
        process = subprocess.Popen(
            call, cwd=study.folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            deadline = time.monotonic() + 600
            while len(list(study.results.rglob("*_desc-ketfc_qc.json"))) < n_runs:
                assert process.poll() is None, (study.folder / "killed.txt").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_after_a_kill_a_plain_call_ends_in_the_same_bytes(
    pristine: Study, finished: Study, tmp_path: Path
) -> None:
    study = pristine.copy(tmp_path / "study")
    kill_after(study, 8)
    assert not (study.results / "report.html").exists()

    # a process that is killed leaves its lock, which snakemake asks to be taken away
    locked = study.run(cores=1)
    assert locked.code != 0
    assert "--unlock" in locked.text
    assert study.run("--unlock", cores=1).code == 0

    done = study.run(cores=1)
    assert done.code == 0, done.text
    # what was done is not done again
    assert 24 - 12 <= done.jobs["bold_run"] <= 24 - 8 + 2
    assert_same_tables(study, finished)
    assert study.run("-n").jobs == {}
