"""The bundle of a small study, its figures drawn again elsewhere, and Snakemake's own report."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from made_study import REPO, Study, contents, snakemake

HERE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def packed(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The finished study with its bundle."""
    study = finished.copy(tmp_path_factory.mktemp("packed") / "study")
    # a lab's own paths, which must not get into the bundle
    study.configure(study={"derivatives": str(study.derivatives)})
    done = study.run("bundle", "--rerun-triggers", "mtime")
    assert done.code == 0, done.text
    assert "results/bundle.zip" in done.text
    return study


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another folder with all that a clone has of the workflow."""
    folder = tmp_path_factory.mktemp("another") / "ketfc"
    unwanted = shutil.ignore_patterns("__pycache__", "*.egg-info", ".snakemake")
    for name in ("atlases", "config", "profiles", "workflow"):
        shutil.copytree(REPO / name, folder / name, symlinks=True, ignore=unwanted)
    shutil.copy(REPO / "Snakefile", folder)
    return folder


def unpack(study: Study, folder: Path) -> Path:
    with zipfile.ZipFile(study.results / "bundle.zip") as archive:
        archive.extractall(folder)
    return folder


def test_two_builds_are_the_same_bytes(packed: Study, tmp_path: Path) -> None:
    again = packed.copy(tmp_path / "again")
    before = (again.results / "bundle.zip").read_bytes()
    (again.results / "bundle.zip").unlink()
    done = again.run("bundle", "--rerun-triggers", "mtime")
    assert done.jobs == {"bundle": 1}, done.text
    assert (again.results / "bundle.zip").read_bytes() == before


def test_every_table_of_tests_and_every_figure_is_in_the_bundle(packed: Study) -> None:
    with zipfile.ZipFile(packed.results / "bundle.zip") as archive:
        names = set(archive.namelist())
    for folder in ("tests", "clinical", "figures"):
        found = contents(packed.results / folder)
        missing = {f"results/{folder}/{name}" for name in found} - names
        assert not {name for name in missing if not name.endswith(".txt")}
    assert not {name for name in names if "_bold" in name or name.endswith(".npz")}
    assert not {name for name in names if name.startswith("/") or ".." in name}


def test_nothing_tells_where_or_by_whom_it_was_made(packed: Study) -> None:
    with zipfile.ZipFile(packed.results / "bundle.zip") as archive:
        content = b"\n".join(archive.read(name) for name in archive.namelist())
    for place in (str(packed.folder), str(HERE), str(Path.home()), socket.gethostname()):
        # a home such as / or a host such as localhost tells nothing
        if len(place) > 5 and place != "localhost":
            assert place.encode() not in content, place
    assert f"/{getpass.getuser()}/".encode() not in content


def test_a_clone_in_another_folder_draws_identical_files(
    packed: Study, clone: Path, tmp_path: Path
) -> None:
    folder = unpack(packed, tmp_path / "elsewhere")
    # one as it came, all others gone
    for path in (folder / "results/figures").glob("*"):
        if not path.name.startswith("paired") and path.suffix not in (".md", ".rst"):
            path.unlink()
    done = subprocess.run(
        [sys.executable, "redraw.py", str(clone)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"All (\d+) files of the figures are identical", done.stdout)
    assert told is not None
    mine, theirs = contents(folder / "results/figures"), contents(packed.results / "figures")
    assert mine == theirs
    assert int(told[1]) == len(theirs) > 50


def test_nothing_but_figures_is_made_of_a_bundle(
    packed: Study, clone: Path, tmp_path: Path
) -> None:
    folder = unpack(packed, tmp_path / "elsewhere")
    ask = ("figures", "-n", "--configfile", "redraw.yaml")
    assert set(snakemake(*ask, folder=folder, repo=clone).jobs) == {"figure", "figures"}
    (folder / "results/tests/edges.tsv").unlink()
    refused = snakemake(*ask, folder=folder, repo=clone)
    assert refused.code != 0
    assert "The bundle is not whole: results/tests/edges.tsv is not in this folder" in refused.text


def test_a_run_that_did_not_end_well_gives_no_bundle(packed: Study, tmp_path: Path) -> None:
    study = packed.copy(tmp_path / "study")
    (study.results / "bundle.zip").unlink()
    (study.results / "figures/paired.svg").write_bytes(b"")
    done = study.run("bundle", "--rerun-triggers", "mtime", "--allowed-rules", "bundle")
    assert done.code != 0
    assert "results/figures/paired.svg: is missing or empty" in done.text
    assert not (study.results / "bundle.zip").exists()


def test_the_checklist_is_of_this_study(packed: Study) -> None:
    text = (packed.results / "cobidas.md").read_text(encoding="utf-8")
    assert "# COBIDAS checklist of the study tiny" in text
    assert "12 participants planned (6 ketamine, 6 midazolam)" in text
    assert "Repetition time 2 s; 100 volumes (3.33 min) a run" in text
    assert "recorded voxel size 3 × 3 × 3 mm" in text


def test_snakemakes_own_report_has_every_figure_with_title_and_caption(
    finished: Study, tmp_path: Path
) -> None:
    study = finished.copy(tmp_path / "study")
    # no way to the network: the report must find all it needs in the installed Snakemake
    for name in ("http_proxy", "https_proxy"):
        os.environ[name] = "http://127.0.0.1:9"
    try:
        done = study.run("--report", "report.zip")
    finally:
        for name in ("http_proxy", "https_proxy"):
            del os.environ[name]
    assert done.code == 0, done.text
    with zipfile.ZipFile(study.folder / "report.zip") as archive:
        pages = {name: archive.read(name) for name in archive.namelist()}
    figures = {path.stem for path in (study.results / "figures").glob("*.png")}
    shown = {Path(name).stem for name in pages if name.endswith(".png")}
    assert figures <= shown
    text = b"\n".join(pages.values()).decode("utf-8", errors="replace")
    assert json.dumps("Connectivity before and after, and its change") in text
    assert "thin lines are participants with both sessions" in text
