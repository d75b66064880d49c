"""Seed maps of made runs, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.files import write_json
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.images import write_image
from ketfc.inference.maps.clusters import CLUSTER_COLUMNS

GRID = Grid((6, 5, 4), np.array([[3.0, 0, 0, -9], [0, 2, 0, -4], [0, 0, 4, 2], [0, 0, 0, 1]]))
"""No two sides and no two steps are equal."""


class MadeMaps:
    """Seed maps and the tables that go with them.

    Attributes
    ----------
    files : dict
        Image and sidecar, by run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, tuple[str, str]] = {}
        self._runs: list[dict[str, str]] = []

    def add(
        self,
        participant: str,
        role: str,
        z: np.ndarray | None,
        *,
        tdof: float = 100.0,
        excluded: str | None = None,
        grid: Grid = GRID,
    ) -> None:
        """Add a run; without a map it is planned only."""
        run = f"{participant}_ses-{role}_run-{len(self._runs):03d}"
        self._runs.append({"run": run, "participant_id": participant, "role": role})
        if z is None and excluded is None:
            return
        stem = self.folder / run
        about: dict[str, Any] = {"Excluded": excluded, "DegreesOfFreedom": tdof}
        about |= {"Seed": {"Id": "sgACC"}, "SmoothingFWHM": 6}
        write_json(f"{stem}.json", about)
        if z is None:
            z, grid = np.array([np.nan]), Grid((1, 1, 1), np.eye(4))
        write_image(f"{stem}.nii.gz", z, grid)
        self.files[run] = (f"{stem}.nii.gz", f"{stem}.json")

    @property
    def runs(self) -> pd.DataFrame:
        """As much of ``plan/runs.tsv`` as is needed."""
        return pd.DataFrame(self._runs, columns=["run", "participant_id", "role"], dtype=object)


def scores_of(values: Mapping[str, tuple[float, float]]) -> pd.DataFrame:
    """SSI of participants at both sessions."""
    rows = [
        (who, role, "si", "SSI", score)
        for who, pair in values.items()
        for role, score in zip(("pre", "post"), pair, strict=True)
    ]
    columns = ["participant_id", "role", "scale", "instrument", "score"]
    return pd.DataFrame(rows, columns=columns)


def image_files(folder: Path, *, survive: bool, tested: bool = True) -> list[str]:
    """Write t, surviving t and mask of a map on a coarse grid of a head; return their names."""
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    affine[:3, 3] = -76, -108, -68
    grid = Grid((20, 23, 20), affine)
    voxels = np.indices(grid.shape).reshape(3, -1, order="F")
    mm = affine[:3, :3] @ voxels + affine[:3, 3:]
    mask = ((mm - [[0], [-18], [8]]) ** 2 / np.array([[66], [84], [64]]) ** 2).sum(axis=0) < 1
    t = np.random.default_rng(1).normal(size=grid.n_voxels) * mask
    peak = ((mm - [[-44], [14], [22]]) ** 2).sum(axis=0) < 15**2
    t[peak] = 6.5 if survive else t[peak]
    volumes = {"t": t, "thresholded": np.where(peak & survive, t, 0.0), "mask": mask}
    files = []
    for name, values in volumes.items():
        files.append(str(folder / f"{name}.nii.gz"))
        write_image(files[-1], (values * tested).astype(np.float32), grid)
    return files


def cluster_row(seed: str, question: str, result: str = "cluster", **others: Any) -> dict[str, Any]:
    """A row of ``maps/clusters.tsv``."""
    about = {"seed": seed, "question": question, "strategy": "acompcor", "result": result}
    numbers: dict[str, Any] = {
        "cluster": 1,
        **{"x": -44.0, "y": 14.0, "z": 22.0},
        "region": "LH_Cont_PFCl_3",
        "network": "Cont",
        "size_mm3": 12345.0,
        "n_voxels": 193,
        "peak_effect": 0.312,
        "peak_t": 6.54,
        "peak_df": 12.0,
        "p_tfce": 0.0042,
        "p_t": 0.02,
        "p_type": "counted",
        "p_holm": 0.021,
        "n": 14,
        "n_map_voxels": 29398,
        "permutations": 5000,
    }
    return about | numbers | others


def cluster_table(*rows: dict[str, Any]) -> pd.DataFrame:
    """Such rows as a table."""
    return pd.DataFrame(rows, columns=list(CLUSTER_COLUMNS))


def clusters() -> pd.DataFrame:
    """Two clusters of one map, a map without, and one that could not be tested."""
    none = {"p_tfce": 0.21, "p_holm": 0.42, "cluster": np.nan, "size_mm3": np.nan}
    tail = {"region": None, "network": None, "p_type": "pareto-tail"}
    why = "the placebo arm has no complete participant"
    return cluster_table(
        cluster_row("sgACC", "change"),
        cluster_row("sgACC", "change", cluster=2, peak_t=-5.0, **tail),
        cluster_row("rHabenula", "change", "no voxel survives", **none),
        cluster_row("sgACC", "association", why, p_tfce=np.nan),
    )
