"""The same bytes whatever the number of cores, and after a kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from itertools import accumulate
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


def runs_done(study: Study) -> int:
    """Return how many runs have written their last file; names of unfinished files are hidden."""
    return len(list(study.results.rglob("sub-*_desc-ketfc_qc.json")))


def kill_after(study: Study, n_runs: int) -> str:
    """Start a full run, kill all its processes once some runs are done, return its log."""
    call = command("--configfile", "config.yaml", cores=2)
    said = study.folder / "killed.txt"
    with said.open("w") as log:
        process = subprocess.Popen(
            call, cwd=study.folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            deadline = time.monotonic() + 600
            while runs_done(study) < n_runs:
                assert process.poll() is None, said.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return study.newest_log()


def most_at_once(said: str) -> int:
    """Return the largest number of jobs that Snakemake had under way."""
    started_or_finished = re.findall(r"^(?:(?:local)?(rule) \w+:|(Finished) jobid)", said, re.M)
    under_way = accumulate(1 if rule else -1 for rule, _ in started_or_finished)
    return max(under_way)


@pytest.mark.slow
def test_after_a_kill_a_plain_call_ends_in_the_same_bytes(
    pristine: Study, finished: Study, tmp_path: Path
) -> None:
    study = pristine.copy(tmp_path / "study")
    said = kill_after(study, 8)
    assert not (study.results / "report.html").exists()
    # a run holds its core until Snakemake has noted it down, so no more than two can be in between
    n_done = runs_done(study)
    assert most_at_once(said) == 2

    # a process that is killed leaves its lock, which snakemake asks to be taken away
    locked = study.run(cores=1)
    assert locked.code != 0
    assert "--unlock" in locked.text
    assert study.run("--unlock", cores=1).code == 0

    done = study.run(cores=1)
    assert done.code == 0, done.text
    # what was done is not done again
    assert 24 - n_done <= done.jobs["denoise_run"] <= 24 - n_done + 2
    assert most_at_once(done.log) == 1
    assert_same_tables(study, finished)
    assert study.run("-n").jobs == {}
