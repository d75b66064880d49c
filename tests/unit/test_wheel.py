"""A wheel that is built and installed elsewhere holds all that a run needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]

ASK = """
from ketfc.base.bundled import bundled
from ketfc.study.scores.instruments import load_instruments

catalogue, problems = load_instruments()
assert "SSI" in catalogue.instruments and not problems, problems
print(bundled("Snakefile"))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return a folder in which the wheel of this clone is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("atlases", "config", "workflow"):
        # as it is in a clone: what a build leaves there must not get into the wheel
        unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", ".snakemake")
        shutil.copytree(REPO / name, folder / "clone" / name, symlinks=True, ignore=unwanted)
    for name in ("Snakefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPO / name, folder / "clone")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    wheel = ["wheel", "--no-deps", "--no-build-isolation", "-w", folder, folder / "clone"]
    subprocess.run([*pip, *wheel], check=True)
    (built,) = folder.glob("*.whl")
    shutil.rmtree(folder / "clone")
    target = folder / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", target, built], check=True)
    return target


def contents(folder):
    """Return the content of every file in a folder and the folders that it links to, by path."""
    found = {}
    for place, _, names in os.walk(folder, followlinks=True):
        inside = Path(place).relative_to(folder)
        if not {"__pycache__", ".snakemake"} & set(inside.parts):
            found |= {
                (inside / name).as_posix(): (Path(place) / name).read_bytes() for name in names
            }
    return found


def test_the_wheel_holds_every_file_of_the_package_and_of_the_workflow(site):
    installed = contents(site / "ketfc")
    assert installed == contents(REPO / "workflow/ketfc")
    for name in ("Snakefile", "atlases", "config", "workflow/profiles", "workflow/rules"):
        inside = "bundled/" + name.replace("workflow/profiles", "profiles")
        ours = contents(REPO / name) or {"": (REPO / name).read_bytes()}
        assert ours == {
            path.removeprefix(inside).removeprefix("/"): content
            for path, content in installed.items()
            if path.startswith(inside)
        }


def elsewhere(site):
    return {**os.environ, "PYTHONPATH": str(site)}


def test_an_installed_wheel_finds_its_files(site, tmp_path):
    ask = [sys.executable, "-c", ASK]
    done = subprocess.run(
        ask, cwd=tmp_path, env=elsewhere(site), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == site / "ketfc/bundled/Snakefile"


@pytest.mark.slow
def test_the_demo_is_planned_from_an_installed_wheel(site, tmp_path):
    snakefile = site / "ketfc/bundled/Snakefile"
    command = [sys.executable, "-m", "snakemake", "-s", snakefile, "--cores", "1", "plan"]
    done = subprocess.run(
        command, cwd=tmp_path, env=elsewhere(site), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    summary = (tmp_path / "results/plan/summary.txt").read_text(encoding="utf-8")
    assert summary.startswith("Study demo: parallel design, 16 participants")
