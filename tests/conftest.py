"""What several test modules share: random numbers, the data kit, and small made-up runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ketfc.imaging.run import RunFiles

# modules of helpers (made_*.py) lie beside this file
sys.path.insert(0, str(Path(__file__).parent))

from made_runs import AFFINE, MadeRun, confounds_table, nifti_bytes, write_gzip  # noqa: E402

RunMaker = Callable[..., MadeRun]


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
def make_run(tmp_path: Path) -> RunMaker:
    """Return a function that writes a run; `data` are the numbers that the image stands for."""

    def make(
        n_volumes: int = 60,
        shape: tuple[int, int, int] = (12, 13, 11),
        *,
        dtype: str = "float32",
        slope: float = np.nan,
        repetition_time: float = 2.0,
        edit: Callable[[np.ndarray], Any] | None = None,
        confounds: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
        sidecar: dict[str, Any] | None = None,
        seed: int = 0,
    ) -> MadeRun:
        rng = np.random.default_rng(seed)
        shared = rng.standard_normal((3, n_volumes)).cumsum(axis=1)
        loading = rng.standard_normal((*shape, 3))
        data = 10_000 + 500 * rng.standard_normal(shape)[..., None]
        data = data + 8 * loading @ shared + 60 * rng.standard_normal((*shape, n_volumes))
        if edit is not None:
            edit(data)
        scale = slope if np.isfinite(slope) else 1.0
        if np.dtype(dtype).kind in "iu":
            stored = np.rint(data / scale).astype(dtype)
        else:
            stored = (data / scale).astype(dtype)
        mask = np.ones(shape, dtype=np.uint8)
        mask[0], mask[:, -1] = 0, 0
        stem = tmp_path / "sub-01_ses-pre_task-rest"
        space = f"{stem}_space-MNI152NLin2009cAsym"
        files = RunFiles(
            bold=Path(f"{space}_desc-preproc_bold.nii.gz"),
            mask=Path(f"{space}_desc-brain_mask.nii.gz"),
            confounds=Path(f"{stem}_desc-confounds_timeseries.tsv"),
        )
        content = nifti_bytes(
            stored,
            slope=slope,
            inter=0.0 if np.isfinite(slope) else np.nan,
            repetition_time=repetition_time,
        )
        write_gzip(files.bold, content)
        write_gzip(files.mask, nifti_bytes(mask))
        table = confounds_table(n_volumes, seed)
        if confounds is not None:
            table = confounds(table)
        table.to_csv(files.confounds, sep="\t", na_rep="n/a", index=False)
        about = {"RepetitionTime": repetition_time} if sidecar is None else sidecar
        files.sidecar.write_text(json.dumps(about), encoding="utf-8")
        return MadeRun(files, stored * scale, AFFINE, mask.astype(bool), table)

    return make
