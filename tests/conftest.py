"""Fixtures of several test modules: random numbers, the data kit, and small made-up runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

# one thread for linear algebra, as a job of the workflow has; read when numpy is loaded
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import pytest

# modules of helpers (made_*.py) lie beside this file, simulated studies among the benchmarks
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from made_runs import MadeRun, build_run


def pytest_configure(config: pytest.Config) -> None:
    """Let xdist keep the order of files: it would put those of few tests last, the longest ones."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let xdist begin with whole runs of the workflow: none goes on alone when all else is done."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: item.path.parent.name != "workflow")


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run of a test."""
    return np.random.default_rng(20251122)


@pytest.fixture(scope="session")
def kit() -> Path:
    """The folder of the data kit; tests that need it are skipped where it is missing."""
    folder = os.environ.get("KETFC_KIT")
    if not folder:
        pytest.skip("the environment variable KETFC_KIT does not name the data kit")
    path = Path(folder).resolve()
    if not (path / "README.md").is_file():
        pytest.skip(f"KETFC_KIT={folder} holds no data kit")
    return path


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., MadeRun]:
    """Return :func:`made_runs.build_run` for the test's own folder."""
    return partial(build_run, tmp_path)


@pytest.fixture
def native() -> pd.DataFrame:
    """Recorded voxel sizes of six runs: coarse, fine, and one that is not known."""
    sizes = [(3.75, 3.75, 3.5)] * 2 + [(2.0, 2.0, 2.000001)] * 3 + [(np.nan,) * 3]
    table = pd.DataFrame(sizes, columns=["native_x", "native_y", "native_z"])
    table.insert(0, "run", [f"run{i}" for i in range(6)])
    table["native_source"] = ["source image"] * 5 + [None]
    return table


@pytest.fixture
def interpolating_nilearn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nilearn interpolate every censored volume.

    It writes ``volumes[~sample_mask]`` where the mask holds indices, and so leaves a censored
    volume as it is where the volume as far from the other end of the run is censored too.
    """
    from nilearn import signal

    as_it_is = signal._interpolate_volumes

    def corrected(volumes, sample_mask, *arguments):
        mask = np.zeros(len(volumes), dtype=bool)
        mask[sample_mask] = True
        return as_it_is(volumes, mask, *arguments)

    monkeypatch.setattr(signal, "_interpolate_volumes", corrected)
