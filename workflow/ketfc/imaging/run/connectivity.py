"""Connectivity: Pearson's r of cleaned series, and each circuit's mean Fisher z."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.imaging.regions.registry import Circuit

EDGE = "edge"
MEAN = "mean"

_NOTHING_LEFT = 1e-8
"""Share of a region's variance below which what a regression leaves of it is rounding."""


def pearson(
    series: NDArray[np.float64], magnitude: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return Pearson's correlation of every pair of columns.

    Plain Pearson, not the shrunk estimate of ``ConnectivityMeasure(kind="correlation")``, whose
    shrinkage grows as volumes are censored.

    Parameters
    ----------
    series : numpy.ndarray, shape (n_volumes, n_regions)
        Columns that hold NaN, or do not vary, correlate with nothing.
    magnitude : numpy.ndarray, shape (n_regions,), optional
        Largest absolute value of each column before cleaning; of `series` itself if not given.
        Columns that vary by less than 1e-10 of it do not vary: cleaning leaves of a constant
        column its rounding, which is as large as what is left itself.

    Returns
    -------
    numpy.ndarray, shape (n_regions, n_regions)
        Symmetric; NaN on the diagonal, which carries no information, and where undefined.
    """
    centred = series - series.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    if magnitude is None:
        magnitude = np.abs(series).max(axis=0, initial=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = np.where(length > 1e-10 * np.maximum(magnitude, 1e-300), centred / length, np.nan)
    r: NDArray[np.float64] = np.clip(unit.T @ unit, -1, 1)
    r = (r + r.T) / 2
    np.fill_diagonal(r, np.nan)
    return r


def fisher_z(r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return artanh(r), with the size of r kept below 1 by 1e-7 so that z stays finite."""
    z: NDArray[np.float64] = np.arctanh(np.clip(r, -1 + 1e-7, 1 - 1e-7))
    return z


def semipartial(
    r: pd.DataFrame, edge: tuple[str, str], regress: Mapping[str, Sequence[str]]
) -> float:
    """Return the correlation of two regions after others were regressed from either.

    What is left of a least-squares regression on cleaned series is correlated, which the
    correlations among all of them determine: with S the series regressed from a, and T from b,
    the residuals a − S R_SS⁻¹ R_Sa and b − T R_TT⁻¹ R_Tb have the covariance and variances used
    here. With one series s regressed from a alone this is the semipartial correlation
    (r_ab − r_as r_sb) / √(1 − r_as²).

    Parameters
    ----------
    r : pandas.DataFrame
        Square matrix of Pearson's r; its diagonal is not used.
    edge : tuple of str
        The two regions a and b.
    regress : mapping of str to sequence of str
        What is regressed from a region; nothing from those it does not name.

    Returns
    -------
    float
        NaN where a correlation is missing, or where the others explain a region whole.

    References
    ----------
    Cohen J, Cohen P, West SG, Aiken LS (2003), Applied multiple regression, 3rd ed., ch. 3.
    """
    names = list(dict.fromkeys([*edge, *(name for end in edge for name in regress.get(end, ()))]))
    known = r.loc[names, names].to_numpy(dtype=np.float64, copy=True)
    np.fill_diagonal(known, 1.0)
    if np.isnan(known).any():
        return float("nan")
    left = np.zeros((2, len(names)))
    for row, end in enumerate(edge):
        left[row, names.index(end)] = 1.0
        by = [names.index(name) for name in regress.get(end, ())]
        if by:
            # lstsq, because regressors may determine one another
            among, with_end = known[np.ix_(by, by)], known[by, names.index(end)]
            left[row, by] = -np.linalg.lstsq(among, with_end, rcond=None)[0]
    covariance = left @ known @ left.T
    variances = covariance.diagonal()
    if variances.min() < _NOTHING_LEFT:
        return float("nan")
    return float(np.clip(covariance[0, 1] / np.sqrt(variances.prod()), -1, 1))


def circuit_rows(r: pd.DataFrame, circuits: Iterable[Circuit], coverage: pd.Series) -> pd.DataFrame:
    """Return the rows of one session and strategy in ``connectivity.tsv``.

    Parameters
    ----------
    r : pandas.DataFrame
        Square matrix of Pearson's r over the registry's regions. For circuits that `regress`
        regions from others, edges are :func:`semipartial` correlations.
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
        values = np.array(
            [
                semipartial(r, edge, circuit.regress) if circuit.regress else r.loc[edge]
                for edge in circuit.edges
            ],
            dtype=np.float64,
        )
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
