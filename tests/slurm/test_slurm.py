"""The workflow on a real Slurm: the same tables, and nothing lost when jobs die."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from made_cluster import Cluster, finish
from made_study import Study, tables
from made_study import assert_same_tables as same_tables

pytestmark = pytest.mark.slurm


def assert_same_tables(study: Study, other: Study) -> None:
    same_tables(study, other)
    assert len(tables(study)) > 40


def test_slurm_gives_the_bytes_of_a_local_run(cluster: Cluster, study: Study, local: Study) -> None:
    done = cluster.run(study)
    assert done.code == 0, done.text
    # every run went to the cluster, and the small steps did not
    assert done.text.count("has been submitted with SLURM jobid") >= 8
    assert "rule figure_circuits" in done.text
    assert_same_tables(study, local)


def test_a_cancelled_job_is_submitted_again(cluster: Cluster, study: Study, local: Study) -> None:
    process = cluster.start(study)
    cancelled = cluster.wait_for("RUNNING")[0]
    cluster.call("scancel", cancelled)
    done = finish(process)
    assert done.code == 0, done.text
    assert "Trying to restart job" in done.text
    assert_same_tables(study, local)


def test_without_retries_a_cancelled_job_fails_and_a_plain_call_completes(
    cluster: Cluster, study: Study, local: Study
) -> None:
    process = cluster.start(study, "--retries", "0")
    cluster.call("scancel", cluster.wait_for("RUNNING")[0])
    assert finish(process).code == 1
    assert not (study.results / "report.html").exists()
    done = cluster.run(study)
    assert done.code == 0, done.text
    assert_same_tables(study, local)


def test_a_job_out_of_memory_gets_more(cluster: Cluster, study: Study, local: Study) -> None:
    done = cluster.run(study, "--set-resources", "bold_run:mem_mb=150*attempt**3")
    assert done.code == 0, done.text
    assert "Trying to restart job" in done.text
    assert_same_tables(study, local)


def test_jobs_of_a_node_that_goes_down_run_on_another(
    cluster: Cluster, study: Study, local: Study
) -> None:
    process = cluster.start(study)
    try:
        running = cluster.wait_for("RUNNING")[0]
        node = cluster.call("squeue", "-h", "-j", running, "-o", "%N").strip()
        cluster.call("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        done = finish(process)
    finally:
        cluster.call("scontrol", "update", "nodename=node[1-2]", "state=resume")
    assert done.code == 0, done.text
    assert_same_tables(study, local)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_snakemake_itself_can_end_and_be_started_again(
    cluster: Cluster, study: Study, local: Study, number: signal.Signals
) -> None:
    process = cluster.start(study)
    cluster.wait_for("RUNNING")
    os.kill(process.pid, number)
    ended = finish(process)
    assert ended.code != 0
    # a killed Snakemake leaves its jobs running and its lock: docs/cluster.md says what to do
    cluster.forget_jobs()
    if number == signal.SIGKILL:
        assert Path(study.folder / ".snakemake/locks").exists()
        assert cluster.run(study, "--unlock").code == 0
    done = cluster.run(study)
    assert done.code == 0, done.text
    assert_same_tables(study, local)
