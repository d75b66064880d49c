"""Connectivity: Pearson's r of cleaned series, and each circuit's mean Fisher z."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.imaging.registry import Circuit

EDGE = "edge"
MEAN = "mean"


def pearson(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation of every pair of columns.

    Plain Pearson, not the shrunk estimate of ``ConnectivityMeasure(kind="correlation")``, whose
    shrinkage grows as volumes are censored.

    Parameters
    ----------
    series : numpy.ndarray, shape (n_volumes, n_regions)
        Columns that hold NaN, or do not vary, correlate with nothing.

    Returns
    -------
    numpy.ndarray, shape (n_regions, n_regions)
        Symmetric; NaN on the diagonal, which carries no information, and where undefined.
    """
    centred = series - series.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    # cleaning leaves rounding residue of a constant series; what is left of it is no signal
    scale = np.abs(series).max(axis=0, initial=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.where(length > 1e-10 * np.maximum(scale, 1e-300), centred / length, np.nan)
    r: NDArray[np.float64] = np.clip(unit.T @ unit, -1, 1)
    r = (r + r.T) / 2
    np.fill_diagonal(r, np.nan)
    return r


def fisher_z(r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return artanh(r), with |r| kept below 1 by 1e-7 so that z stays finite."""
    z: NDArray[np.float64] = np.arctanh(np.clip(r, -1 + 1e-7, 1 - 1e-7))
    return z


def circuit_rows(r: pd.DataFrame, circuits: Iterable[Circuit], coverage: pd.Series) -> pd.DataFrame:
    """Return the rows of one session and strategy in ``connectivity.tsv``.

    Parameters
    ----------
    r : pandas.DataFrame
        Square matrix of Pearson's r over the registry's regions.
    circuits : iterable of Circuit
        The circuits to list.
    coverage : pandas.Series
        Share of covered voxels by region.

    Returns
    -------
    pandas.DataFrame
        ``circuit measure region_a region_b r z coverage_a coverage_b``: a row per edge, then one
        per circuit with the mean Fisher z of its edges (and the r that it stands for). A circuit
        with an edge that is missing is missing: a mean over fewer edges would be another measure.
    """
    rows: list[dict[str, object]] = []
    for circuit in circuits:
        values = np.array([r.loc[a, b] for a, b in circuit.edges], dtype=np.float64)
        z = fisher_z(values)
        for (a, b), edge_r, edge_z in zip(circuit.edges, values, z, strict=True):
            rows.append(
                {
                    "circuit": circuit.id,
                    "measure": EDGE,
                    "region_a": a,
                    "region_b": b,
                    "r": edge_r,
                    "z": edge_z,
                    "coverage_a": coverage[a],
                    "coverage_b": coverage[b],
                }
            )
        mean = z.mean()
        rows.append(
            {
                "circuit": circuit.id,
                "measure": MEAN,
                "region_a": None,
                "region_b": None,
                "r": np.tanh(mean),
                "z": mean,
                "coverage_a": np.nan,
                "coverage_b": np.nan,
            }
        )
    return pd.DataFrame(rows)
