"""The workflow on a real Slurm: the same tables, and nothing lost when jobs die."""

from __future__ import annotations

import os
import signal

import pytest
from made_cluster import Cluster, finish
from made_study import Study, assert_same_tables, tables

pytestmark = pytest.mark.slurm

ONE_PERSON = [
    f"results/derivatives/sub-01/ses-{session}/func/sub-01_ses-{session}_task-rest"
    "_space-MNI152NLin2009cAsym_desc-ketfc_qc.json"
    for session in ("pre", "post")
]
"""Both runs of a participant, two submissions: enough to lose one."""


@pytest.fixture(scope="session")
def one_person(pristine: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The participant's runs, measured on this machine."""
    study = pristine.copy(tmp_path_factory.mktemp("one"))
    done = study.run(*ONE_PERSON)
    assert done.code == 0, done.text
    assert len(tables(study)) > 10
    return study


def test_slurm_gives_the_bytes_of_a_local_run(
    cluster: Cluster, study: Study, one_person: Study
) -> None:
    done = cluster.run(study, *ONE_PERSON)
    assert done.code == 0, done.text
    # both runs went to the cluster, and the small steps did not
    assert study.newest_log().count("has been submitted with SLURM jobid") == 2
    assert "localrule parcellation" in study.newest_log()
    # and the terminal, which is none here, has the stages and no control character
    assert "reading, denoising     4 of 4 " in done.text
    assert len(done.text.splitlines()) <= 20, done.text
    assert not set(done.text) & set("\r\x1b\b")
    assert_same_tables(study, one_person)


@pytest.mark.slow
def test_a_cancelled_job_is_submitted_again(
    cluster: Cluster, study: Study, one_person: Study
) -> None:
    process = cluster.start(study, *ONE_PERSON)
    cluster.call("scancel", cluster.wait_for("RUNNING")[0])
    done = finish(process)
    assert done.code == 0, done.text
    assert "Trying to restart job" in study.newest_log()
    assert_same_tables(study, one_person)


@pytest.mark.slow
def test_without_retries_a_cancelled_job_fails_and_a_plain_call_completes(
    cluster: Cluster, study: Study, one_person: Study
) -> None:
    process = cluster.start(study, *ONE_PERSON, "--retries", "0")
    cluster.call("scancel", cluster.wait_for("RUNNING")[0])
    assert finish(process).code == 1
    assert not all((study.folder / file).exists() for file in ONE_PERSON)
    done = cluster.run(study, *ONE_PERSON)
    assert done.code == 0, done.text
    assert_same_tables(study, one_person)


@pytest.mark.slow
def test_a_job_out_of_memory_gets_more(cluster: Cluster, study: Study, one_person: Study) -> None:
    # reading and denoising are one submission, which is given the larger memory of the two
    small = [f"{rule}:mem_mb=150*attempt**3" for rule in ("extract_run", "denoise_run")]
    done = cluster.run(study, *ONE_PERSON, "--set-resources", *small)
    assert done.code == 0, done.text
    assert "Trying to restart job" in study.newest_log()
    assert_same_tables(study, one_person)


@pytest.mark.slow
def test_jobs_of_a_node_that_goes_down_run_on_another(
    cluster: Cluster, study: Study, one_person: Study
) -> None:
    process = cluster.start(study, *ONE_PERSON)
    try:
        running = cluster.wait_for("RUNNING")[0]
        node = cluster.call("squeue", "-h", "-j", running, "-o", "%N").strip()
        cluster.call("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        done = finish(process)
    finally:
        cluster.bring_back_nodes()
    assert done.code == 0, done.text
    assert "Trying to restart job" in study.newest_log()
    assert_same_tables(study, one_person)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_snakemake_itself_can_end_and_be_started_again(
    cluster: Cluster, study: Study, one_person: Study, number: signal.Signals
) -> None:
    process = cluster.start(study, *ONE_PERSON)
    cluster.wait_for("RUNNING")
    os.kill(process.pid, number)
    assert finish(process).code != 0
    # a killed Snakemake leaves its jobs running and its lock: docs/cluster.md says what to do
    cluster.forget_jobs()
    if number == signal.SIGKILL:
        assert list(study.folder.glob(".snakemake/locks/*"))
        assert cluster.run(study, *ONE_PERSON, "--unlock").code == 0
    done = cluster.run(study, *ONE_PERSON)
    assert done.code == 0, done.text
    assert_same_tables(study, one_person)


@pytest.mark.slow
def test_a_whole_study_on_slurm_has_the_bytes_of_a_local_run(
    cluster: Cluster, study: Study, local: Study
) -> None:
    # some twenty jobs one after the other, each of which starts Snakemake twice
    done = cluster.run(study, seconds=1800)
    assert done.code == 0, done.text
    assert study.newest_log().count("has been submitted with SLURM jobid") >= 8
    # every rule asks for what a partition of one hour gives, at the first attempt
    assert "Trying to restart job" not in study.newest_log()
    assert "rule figure:" in study.newest_log()
    assert len(tables(study)) > 40
    assert_same_tables(study, local)
