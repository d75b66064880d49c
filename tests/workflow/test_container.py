"""Jobs in the image: what Snakemake calls, with a stand-in for apptainer that runs it right here.

The stand-in tests the directive and the command line, not apptainer.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from made_study import Study, snakemake

STAND_IN = """#!/bin/sh
if [ "$1" = --version ]; then echo apptainer version 1.3.6; exit; fi
echo "$@" >> "{calls}"
while [ "$1" != ketfc.sif ] && [ "$1" != "$PWD/ketfc.sif" ]; do shift; done
shift
exec "$@"
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in on the path, under both of its names; return where it lists its calls."""
    path = tmp_path / "calls.txt"
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("apptainer", "singularity"):
        program = folder / name
        program.write_text(STAND_IN.format(calls=path), encoding="utf-8")
        program.chmod(0o755)
    # "python" in the image is the one that ketfc is installed for, as this one is
    places = (str(folder), str(Path(sys.executable).parent), os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(places))
    return path


def plan(study: Study) -> tuple[int, str]:
    done = snakemake(
        "plan", "--software-deployment-method", "apptainer",
        "--apptainer-args", "--bind /data", "--configfile", "config.yaml",
        folder=study.folder, cores=1,
    )  # fmt: skip
    return done.code, done.text


def test_every_job_runs_in_the_image_of_the_folder(empty, calls: Path) -> None:
    study = empty()
    (study.folder / "ketfc.sif").touch()
    code, text = plan(study)
    assert code == 0, text
    assert (study.results / "plan/summary.txt").exists()
    listed = [call.split() for call in calls.read_text(encoding="utf-8").splitlines()]
    # the heads of the tables, the inventory and the plan
    assert len(listed) == 3
    for call in listed:
        assert call[:3] == ["exec", "--home", str(study.folder)]
        assert call[3:5] == ["--bind", "/data"]
        # the image's own Python, not that of the host
        assert call[call.index("-c") :][-2] == "python"


def test_an_image_that_is_not_there_is_said_before_any_job(empty, calls: Path) -> None:
    study = empty()
    code, text = plan(study)
    assert code != 0
    assert "needs the image ketfc.sif in this folder" in text
    assert not calls.exists()


def test_without_the_option_nothing_asks_for_an_image(empty, calls: Path) -> None:
    study = empty()
    done = study.run("plan", cores=1)
    assert done.code == 0, done.text
    assert not calls.exists()
