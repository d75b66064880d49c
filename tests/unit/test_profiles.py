"""The profiles of clusters, and how the one of Grid Engine judges what became of a job."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

PROFILES = Path(__file__).parents[2] / "workflow/profiles"
CLUSTERS = ("slurm", "sge", "lsf", "kubernetes")


def profile(name: str) -> dict[str, object]:
    content = yaml.safe_load((PROFILES / name / "config.yaml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_cluster_s_profile_retries_and_waits_for_files(name: str) -> None:
    told = profile(name)
    assert told["retries"] == 2
    assert told["latency-wait"] == 60
    assert told["executor"] in ("slurm", "cluster-generic", "lsf", "kubernetes")


def judge(folder: Path, **programs: str) -> str:
    """Return what the profile makes of job 17, with stand-ins for the scheduler's programs."""
    for name, body in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    command = f"{profile('sge')['cluster-generic-status-cmd']} '17'"
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, shell=True, check=True, capture_output=True, text=True, env={"PATH": path}
    )
    return done.stdout


GONE = "exit 1"


@pytest.mark.parametrize(
    ("qstat", "qacct", "verdict"),
    [
        ('echo "17 0.5 job me r x"', GONE, "running"),
        ('echo "17 0.5 job me qw x"', GONE, "running"),
        # a job that could not be started stays in the queue for ever
        ('echo "17 0.5 job me Eqw x"', GONE, "failed"),
        # another job's error is not this one's
        ('echo "17 0.5 job me r x"; echo "117 0.5 job me Eqw x"', GONE, "running"),
        (GONE, 'echo "exit_status  0   "', "success"),
        (GONE, 'echo "failed 100"; echo "exit_status  137"', "failed"),
        # a node died and nothing was accounted for
        (GONE, GONE, "failed"),
    ],
)
def test_what_became_of_a_job_of_grid_engine(
    tmp_path: Path, qstat: str, qacct: str, verdict: str
) -> None:
    assert judge(tmp_path, qstat=qstat, qacct=qacct, sleep="exit 0") == f"{verdict}\n"


def test_accounting_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    late = f'[ -e {asked} ] && echo "exit_status 0" || {{ touch {asked}; exit 1; }}'
    assert judge(tmp_path, qstat=GONE, qacct=late, sleep="exit 0") == "success\n"
