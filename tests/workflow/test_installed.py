"""A wheel, installed as a user installs it: in an environment of its own, and run from there."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from made_study import REPO

ONLY_MINE = 0o077


def wheel(folder: Path) -> Path:
    """Build the wheel of this clone, from a copy that a build may write into."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", ".snakemake", "build")
    for name in ("atlases", "config", "workflow"):
        shutil.copytree(REPO / name, folder / "clone" / name, symlinks=True, ignore=unwanted)
    for name in ("Snakefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPO / name, folder / "clone")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", folder, folder / "clone"]
    subprocess.run([*pip, *build], check=True)
    shutil.rmtree(folder / "clone")
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_demo_runs_from_a_wheel_in_a_path_with_a_blank_for_one_user_alone(
    tmp_path: Path,
) -> None:
    place = tmp_path / "a lab's folder"
    place.mkdir()
    built = wheel(place)
    # neither this environment nor this clone is seen from there
    own = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "KETFC_KIT")
    }

    def run(*call: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            call, cwd=folder, env=own, umask=ONLY_MINE, capture_output=True, text=True, check=False
        )

    venv = place / "an environment"
    assert run(sys.executable, "-m", "venv", venv, folder=place).returncode == 0
    install = ["install", "-q", "-c", REPO / "constraints.txt", built]
    done = run(venv / "bin/python", "-m", "pip", *install, folder=place)
    assert done.returncode == 0, done.stderr
    shutil.copytree(venv / "lib", place / "before", symlinks=True)

    study = place / "the demo"
    study.mkdir(mode=0o700)
    # as somebody at a shell: the environment's programs first
    own["PATH"] = f"{venv / 'bin'}:{own['PATH']}"
    done = run("ketfc", "run", "--cores", "2", folder=study)
    assert done.returncode == 0, done.stderr
    assert "This is the demo" in done.stderr
    assert "results/report.html" in done.stderr
    hypotheses = (study / "results/tests/hypotheses.tsv").read_text(encoding="utf-8")
    assert hypotheses.count("\n") > 10
    modes = {
        stat.S_IMODE(path.stat().st_mode) & ONLY_MINE
        for path in (study / "results").rglob("*")
        if not path.is_symlink()
    }
    assert modes == {0}
    assert {path.name for path in study.iterdir()} <= {".snakemake", "logs", "resources", "results"}
    # what was installed stays as it was, save Python's own caches
    compared = run("diff", "-rq", "-x", "__pycache__", place / "before", venv / "lib", folder=place)
    assert compared.stdout == ""
