"""Size, tSNR and place of regions, by which pairs of them are matched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from ketfc.imaging.parcellations import Parcellation


def region_features(coverage: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return how many voxels of each region were averaged, and their tSNR, over all runs.

    Parameters
    ----------
    coverage : iterable of pandas.DataFrame
        The coverage tables of one atlas, a table per run; those of excluded runs hold no numbers.

    Returns
    -------
    pandas.DataFrame
        Columns `size` and `tsnr` (means), indexed by region; missing where never measured.
    """
    tables = pd.concat(list(coverage), ignore_index=True)
    tables = tables.assign(size=tables["n_shared"], tsnr=tables["tsnr"])
    return tables.groupby("region", sort=True)[["size", "tsnr"]].mean()


def parcel_centres(parcellation: Parcellation) -> pd.DataFrame:
    """Return the centres of gravity of parcels.

    Parameters
    ----------
    parcellation : ketfc.imaging.parcellations.Parcellation
        With its label image.

    Returns
    -------
    pandas.DataFrame
        Columns `x`, `y`, `z` in mm, indexed by parcel; missing for parcels without a voxel.
    """
    labels = parcellation.labels.ravel()
    n = max(int(labels.max()), int(parcellation.indices.max())) + 1
    count = np.bincount(labels, minlength=n).astype(np.float64)
    indices = np.indices(parcellation.labels.shape).reshape(3, -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.stack([np.bincount(labels, axis, minlength=n) / count for axis in indices])
    affine = parcellation.grid.affine
    world = affine[:3, :3] @ mean + affine[:3, 3:]
    names = pd.Index(parcellation.names, name="region")
    return pd.DataFrame(world[:, parcellation.indices].T, index=names, columns=list("xyz"))


def measured_parcels(
    runs: pd.DataFrame, coverage: Mapping[str, pd.DataFrame], min_coverage: float
) -> pd.DataFrame:
    """Return which parcels were measured in which sessions.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    coverage : mapping of str to pandas.DataFrame
        The parcellation's coverage table of every run that was processed.
    min_coverage : float
        Share of a parcel's voxels below which it is n/a.

    Returns
    -------
    pandas.DataFrame
        Bool, indexed by participant and role, a column per parcel: whether any run of the session
        covered it.
    """
    rows: dict[tuple[str, str], pd.Series[bool]] = {}
    for record in runs.to_dict("records"):
        table = coverage.get(str(record["run"]))
        if table is None:
            continue
        share = table.set_index("region")["coverage_shared"]
        covered = (share >= min_coverage) & (share > 0)
        key = (str(record["participant_id"]), str(record["role"]))
        rows[key] = covered | rows[key] if key in rows else covered
    return pd.DataFrame(rows).T.astype(bool)
