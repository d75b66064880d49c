"""Processes that are killed, at random and one by one: a plain call ends in the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from made_study import (
    Study,
    assert_nothing_half_written,
    assert_same_tables,
    command,
    contents,
    snakemake,
)

pytestmark = pytest.mark.slow
MEASURE = "results/connectivity.tsv"
SEED, KILLS = 20251122, 24


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start Snakemake in a process group of its own."""
    return subprocess.Popen(
        command(*arguments, cores=2),
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def scripts_of(process: subprocess.Popen[str], rule: str) -> list[int]:
    """Return the processes that run the scripts of a rule's jobs."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            line = (entry / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if parent == str(process.pid) and f".{rule}.py".encode() in line:
            found.append(int(entry.name))
    return found


def wait_for_scripts(process: subprocess.Popen[str], rule: str) -> list[int]:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        found = scripts_of(process, rule)
        if found:
            return found
        assert process.poll() is None
        time.sleep(0.02)
    pytest.fail(f"no job of {rule} was started")


def test_one_job_killed_fails_alone_and_a_plain_call_completes(
    few: Study, few_measured: Study, tmp_path: Path
) -> None:
    study = few.copy(tmp_path / "study")
    process = start(study.folder, MEASURE, "--configfile", "config.yaml")
    os.kill(wait_for_scripts(process, "extract_run")[0], signal.SIGKILL)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "was killed (by you, the system, or for its memory)" in said
    assert_nothing_half_written(study, few_measured)
    # the three others went on, and there is no lock to take away
    done = study.run(MEASURE)
    assert done.code == 0, done.text
    assert done.jobs["extract_run"] == 1
    assert_same_tables(study, few_measured)


def test_jobs_that_outlive_their_snakemake_do_no_harm(
    few: Study, few_measured: Study, tmp_path: Path
) -> None:
    study = few.copy(tmp_path / "study")
    process = start(study.folder, MEASURE, "--configfile", "config.yaml")
    jobs = wait_for_scripts(process, "extract_run")
    os.kill(process.pid, signal.SIGKILL)
    # so that they certainly live on while the same runs are read again
    for job in jobs:
        os.kill(job, signal.SIGSTOP)
    process.wait()
    try:
        assert study.run("--unlock", cores=1).code == 0
    finally:
        for job in jobs:
            os.kill(job, signal.SIGCONT)
    done = study.run(MEASURE)
    assert done.code == 0, done.text
    assert_same_tables(study, few_measured)


@pytest.fixture(scope="module")
def offline() -> list[str]:
    """The words before a command that take the network away from it."""
    for words in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if (
            shutil.which("unshare")
            and subprocess.run([*words, "true"], check=False).returncode == 0
        ):
            return words
    pytest.skip("a network namespace of one's own is not allowed here")


@pytest.fixture(scope="module")
def undisturbed(offline: list[str], tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The demo, run to its end without a network and with its scripts watched."""
    folder = tmp_path_factory.mktemp("undisturbed")
    here = str(Path(__file__).parent / "watched")
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    began = time.monotonic()
    done = subprocess.run(
        [*offline, *command(cores=2)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "WATCHED": str(folder / "watched.txt")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (folder / "seconds.txt").write_text(f"{time.monotonic() - began:.1f}")
    return Study(folder)


def test_the_demo_needs_no_network(undisturbed: Study) -> None:
    assert (undisturbed.results / "report.html").stat().st_size > 100_000


def watched(study: Study, what: str) -> list[tuple[str, Path]]:
    """Return script and path of what jobs listed or wrote below the study's own folder."""
    lines = (study.folder / "watched.txt").read_text().splitlines()
    done = [line.split("\t") for line in lines]
    return [(script, Path(path)) for script, did, path in done if did == what]


def test_every_output_of_the_demo_appears_by_renaming(undisturbed: Study) -> None:
    outputs = (undisturbed.results, undisturbed.folder / "resources")
    written = [
        (script, path)
        for script, path in watched(undisturbed, "write")
        if any(path.is_relative_to(folder) for folder in outputs)
    ]
    assert len(written) > 1000
    assert [done for done in written if not done[1].name.startswith(".tmp-")] == []


def test_no_job_of_the_demo_looks_into_a_folder_of_results(undisturbed: Study) -> None:
    # what another node has just written may not be listed yet where files are far away
    listed = watched(undisturbed, "list")
    # the simulated study itself is looked through as a real one would be
    assert "inventory.py" in {script for script, _ in listed}
    assert [done for done in listed if done[1].is_relative_to(undisturbed.results)] == []


def test_after_kills_at_random_moments_the_demo_ends_in_the_same_bytes(
    undisturbed: Study, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    began = time.monotonic()
    nothing = snakemake("-n", folder=undisturbed.folder)
    start_up = time.monotonic() - began
    assert "Nothing to be done" in nothing.text
    # so that the kills are spread over the whole of the work
    share = float((undisturbed.folder / "seconds.txt").read_text()) / KILLS
    study = Study(tmp_path / "demo0")
    study.folder.mkdir()
    killed = 0
    while killed < KILLS:
        process = start(study.folder)
        try:
            process.communicate(timeout=rng.uniform(0.2, 2 * (share + start_up)))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
            assert_nothing_half_written(study, undisturbed)
            # what --unlock does
            shutil.rmtree(study.folder / ".snakemake/locks", ignore_errors=True)
        else:
            # there is some killing left to do
            assert process.returncode == 0
            assert_same_tables(study, undisturbed)
            study = Study(tmp_path / f"demo{killed}")
            study.folder.mkdir()
    assert snakemake("--unlock", folder=study.folder).code == 0
    done = snakemake(folder=study.folder)
    assert done.code == 0, done.text
    assert_same_tables(study, undisturbed)
    simulated, theirs = (contents(each.folder / "resources") for each in (study, undisturbed))
    assert {name: simulated[name] for name in theirs} == theirs
    assert "Nothing to be done" in snakemake("-n", folder=study.folder).text
