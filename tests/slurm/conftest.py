"""A running Slurm and a small study to submit to it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_cluster import PROGRAMS, Cluster, free_ports
from made_study import Study, labels, people, write_blocks, write_participants, write_run


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Slurm with two nodes; without its programs or Snakemake's plugin, tests are skipped."""
    if shutil.which("slurmctld", path=PROGRAMS) is None:
        pytest.skip("Slurm is not installed (Debian: slurm-wlm)")
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("the extra 'slurm' is not installed")
    folder = tmp_path_factory.mktemp("slurm")
    script = Path(__file__).with_name("slurm_up.sh")
    started = subprocess.run(
        [script, folder, str(free_ports(3))], capture_output=True, text=True, check=False
    )
    if started.returncode != 0:
        pytest.skip(f"Slurm does not start here: {started.stdout}{started.stderr}")
    cluster = Cluster(folder)
    yield cluster
    cluster.forget_jobs()
    for pid in folder.glob("run/*.pid"):
        os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A small study, never run: four participants in two arms, before and after."""
    study = Study(tmp_path_factory.mktemp("tiny"))
    rows: list[dict[str, Any]] = people(2)
    for participant in labels(rows):
        for session in ("pre", "post"):
            write_run(study, participant, session)
    write_participants(study, rows)
    write_blocks(study)
    study.configure(
        denoising={"primary": "acompcor", "strategies": ["acompcor", "24P"], "min-time": 60}
    )
    return study


@pytest.fixture(scope="session")
def local(pristine: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The small study after a run on this machine alone."""
    study = pristine.copy(tmp_path_factory.mktemp("local"))
    done = study.run()
    assert done.code == 0, done.text
    return study


@pytest.fixture
def study(pristine: Study, tmp_path: Path) -> Study:
    """A copy of the small study to submit."""
    return pristine.copy(tmp_path / "study")
