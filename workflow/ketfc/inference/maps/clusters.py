"""Tables of what survives in group maps: clusters, their peaks and where these lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.base.files import read_tsv
from ketfc.imaging.io.grid import Grid
from ketfc.inference.families import holm
from ketfc.inference.maps.questions import GroupMap

CLUSTER_COLUMNS = (
    "seed",
    "question",
    "strategy",
    "result",
    "cluster",
    "x",
    "y",
    "z",
    "region",
    "network",
    "size_mm3",
    "n_voxels",
    "peak_effect",
    "peak_t",
    "peak_df",
    "p_tfce",
    "p_t",
    "p_type",
    "p_holm",
    "n",
    "n_map_voxels",
    "permutations",
)
"""Columns of ``maps/clusters.tsv``."""

CLUSTER_NUMBERS = tuple(
    column
    for column in CLUSTER_COLUMNS
    if column not in ("seed", "question", "strategy", "result", "region", "network", "p_type")
)
"""Those of them that hold numbers."""

CLUSTER, NOTHING = "cluster", "no voxel survives"
"""Results of a row; a map that could not be tested has the reason in their place."""

COUNTED, PARETO = "counted", "pareto-tail"
"""Ways in which p was found."""


@dataclass(frozen=True, eq=False)
class Parcels:
    """A parcellation, to say where a peak lies.

    Attributes
    ----------
    labels : numpy.ndarray of int, 3-D
        0 is background.
    grid : Grid
        Its grid.
    table : pandas.DataFrame
        `index`, `name` and `network` of its labels.
    """

    labels: npt.NDArray[Any]
    grid: Grid
    table: pd.DataFrame

    def at(self, point: tuple[float, float, float]) -> tuple[str | None, str | None]:
        """Return name and network of the parcel at a point in mm, None where there is none."""
        voxel = self.grid.nearest_voxel(point)
        label = 0 if voxel is None else int(self.labels[voxel])
        rows = self.table[self.table["index"] == label]
        if rows.empty:
            return None, None
        name, network = rows["name"].iloc[0], rows["network"].iloc[0]
        return str(name), None if pd.isna(network) else str(network)


def map_clusters(found: GroupMap, parcels: Parcels, *, alpha: float) -> pd.DataFrame:
    """Return the clusters of surviving voxels of one map.

    Parameters
    ----------
    found : GroupMap
        The map.
    parcels : Parcels
        Where peaks lie.
    alpha : float
        Voxels survive whose p is no larger.

    Returns
    -------
    pandas.DataFrame
        :data:`CLUSTER_COLUMNS` but `p_holm`, a row per cluster: surviving voxels of one sign that
        touch (26 neighbours), those of the smallest p first, its peak the voxel of the largest
        enhanced value. One row where nothing survives, which gives the voxel of the smallest p,
        and one without numbers where the test could not be made.
    """
    about = {
        "seed": found.seed,
        "question": found.question,
        "strategy": found.strategy,
        "n": found.n,
        "n_map_voxels": int(found.mask.sum()),
    }
    columns = [column for column in CLUSTER_COLUMNS if column != "p_holm"]
    test = found.test
    if test is None:
        return pd.DataFrame([about | {"result": found.obstacle}], columns=columns)
    labels, counts = _labelled(found, alpha)
    voxel_mm3 = np.abs(np.linalg.det(found.grid.affine[:3, :3]))
    rows: list[dict[str, Any]] = []
    for label in range(1, counts + 1):
        members = np.flatnonzero(labels == label)
        peak = int(members[np.argmax(np.abs(test.enhanced[members]))])
        size = {"n_voxels": len(members), "size_mm3": float(voxel_mm3 * len(members))}
        rows.append(about | {"result": CLUSTER} | _peak(found, peak, parcels) | size)
    rows.sort(key=lambda row: (row["p_tfce"], -row["size_mm3"]))
    for number, row in enumerate(rows, start=1):
        row["cluster"] = number
    if not rows:
        peak = int(np.argmax(np.abs(test.enhanced)))
        rows = [about | {"result": NOTHING} | _peak(found, peak, parcels)]
    return pd.DataFrame(rows, columns=columns)


def all_clusters(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Gather the clusters of all maps: ``maps/clusters.tsv``.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        From :func:`map_clusters`.

    Returns
    -------
    pandas.DataFrame
        :data:`CLUSTER_COLUMNS`. `p_tfce` is corrected within a map; `p_holm` is the smallest p of
        the map, corrected for all seeds of the question by Holm's method: the same in all rows of
        a map. Whole numbers that may be missing are kept whole.
    """
    smallest = pd.Series([table["p_tfce"].min() for table in tables], dtype=np.float64)
    questions = pd.Series([str(table["question"].iloc[0]) for table in tables], dtype=object)
    corrected = holm(smallest, questions)["p_holm"]
    parts = [table.assign(p_holm=p) for table, p in zip(tables, corrected, strict=True)]
    found = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    found = found[list(CLUSTER_COLUMNS)].astype(dict.fromkeys(CLUSTER_NUMBERS, np.float64))
    whole = ("cluster", "n_voxels", "n", "n_map_voxels", "permutations")
    return found.astype(dict.fromkeys(whole, "Int64"))


def read_clusters(paths: Sequence[str]) -> pd.DataFrame | None:
    """Read ``maps/clusters.tsv``, numbers as numbers; None without a path: no maps were made."""
    return read_tsv(paths[0], numeric=CLUSTER_NUMBERS) if paths else None


def rows_of(clusters: pd.DataFrame, seed: str, question: str) -> pd.DataFrame:
    """Return the rows of one map among those of all."""
    return clusters[(clusters["seed"] == seed) & (clusters["question"] == question)]


def survivors(found: GroupMap, *, alpha: float) -> npt.NDArray[np.bool_]:
    """Tell which tested voxels survive, shape (kept,)."""
    if found.test is None:
        return np.zeros(int(found.mask.sum()), dtype=bool)
    kept: npt.NDArray[np.bool_] = found.test.p_tfce <= alpha
    return kept


def _labelled(found: GroupMap, alpha: float) -> tuple[npt.NDArray[np.intp], int]:
    """Return the cluster of each tested voxel, 0 for none, and how many there are."""
    from scipy import ndimage

    inside = found.mask.ravel(order="F")
    signs = found.volume(np.sign(found.test.enhanced) if found.test else np.empty(0))
    survive = found.volume(survivors(found, alpha=alpha).astype(np.float32)) > 0
    labels, count = np.zeros(len(inside), dtype=np.intp), 0
    for sign in (1, -1):
        side = (survive & (signs == sign)).reshape(found.grid.shape, order="F")
        own, number = ndimage.label(side, structure=np.ones((3, 3, 3)))
        own = own.ravel(order="F")
        labels[own > 0] = own[own > 0] + count
        count += number
    return labels[inside], count


def _peak(found: GroupMap, place: int, parcels: Parcels) -> dict[str, Any]:
    """Return where a tested voxel lies and its numbers."""
    test = found.test
    if test is None:
        raise ValueError("a map that was not tested has no peak")
    voxel = np.unravel_index(
        np.flatnonzero(found.mask.ravel(order="F"))[place], found.grid.shape, order="F"
    )
    x, y, z = (found.grid.affine @ [*voxel, 1])[:3].round(3).tolist()
    region, network = parcels.at((x, y, z))
    return {
        "x": x,
        "y": y,
        "z": z,
        "region": region,
        "network": network,
        "peak_effect": float(test.estimate[place]),
        "peak_t": float(test.t[place]),
        "peak_df": float(test.df[place]),
        "p_tfce": float(test.p_tfce[place]),
        "p_t": float(test.p_t[place]),
        "p_type": PARETO if test.fitted[place] else COUNTED,
        "permutations": test.permutations,
    }
