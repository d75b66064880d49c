"""Mean connectivity matrices of sessions and arms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

RELMAT_COLUMNS = (
    "atlas",
    "strategy",
    "role",
    "arm",
    "region_a",
    "region_b",
    "network_a",
    "network_b",
    "z",
    "n",
)


def mean_relmats(
    matrices: Iterable[tuple[str, str, pd.DataFrame]],
    *,
    atlas: str,
    strategy: str,
    networks: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Average correlation matrices over participants, for each session role and arm.

    Parameters
    ----------
    matrices : iterable of (role, arm, matrix)
        One per participant and session: the role, the arm's label (or ``all``) and Pearson r,
        regions × regions, with names on both axes and missing where excluded. Read one at a time;
        memory holds one sum per role and arm.
    atlas, strategy : str
        Written into the table.
    networks : mapping of str to str, optional
        Network of each region; missing where a region has none.

    Returns
    -------
    pandas.DataFrame
        :data:`RELMAT_COLUMNS`: the mean Fisher z of every pair of regions above the diagonal and
        the number `n` of matrices that have it (z missing where n = 0); roles and arms in order
        of appearance, regions in the order of the first matrix.

    Raises
    ------
    ValueError
        If a matrix has other regions than the first.
    """
    regions: pd.Index[str] | None = None
    rows = columns = np.empty(0, dtype=np.intp)
    sums: dict[tuple[str, str], np.ndarray] = {}
    counts: dict[tuple[str, str], np.ndarray] = {}
    for role, arm, matrix in matrices:
        if regions is None:
            regions = matrix.columns
            rows, columns = np.triu_indices(len(regions), k=1)
        r = _in_order(matrix, regions)[rows, columns]
        # |r| = 1 off the diagonal is one signal counted as two regions: it has no Fisher z
        known = np.abs(r) < 1.0
        z = np.arctanh(np.where(known, r, 0.0))
        cell = (role, arm)
        if cell not in sums:
            sums[cell] = np.zeros(len(rows))
            counts[cell] = np.zeros(len(rows), dtype=np.int64)
        sums[cell] += z
        counts[cell] += known
    if regions is None:
        return pd.DataFrame(columns=list(RELMAT_COLUMNS))
    names = regions.to_numpy(dtype=object)
    lookup = networks or {}
    network = np.array([lookup.get(name) for name in names], dtype=object)
    parts = [
        pd.DataFrame(
            {
                "atlas": atlas,
                "strategy": strategy,
                "role": role,
                "arm": arm,
                "region_a": names[rows],
                "region_b": names[columns],
                "network_a": network[rows],
                "network_b": network[columns],
                "z": np.where(n > 0, sums[role, arm] / np.maximum(n, 1), np.nan),
                "n": n,
            }
        )
        for (role, arm), n in counts.items()
    ]
    return pd.concat(parts, ignore_index=True)[list(RELMAT_COLUMNS)]


def _in_order(matrix: pd.DataFrame, regions: pd.Index[str]) -> np.ndarray:
    """Return the matrix as an array with its regions in the given order."""
    if not (matrix.columns.equals(regions) and matrix.index.equals(regions)):
        if set(matrix.columns) != set(regions) or set(matrix.index) != set(regions):
            odd = sorted(map(str, set(matrix.columns) ^ set(regions)))
            raise ValueError(f"matrices have different regions, among them: {', '.join(odd[:5])}")
        matrix = matrix.loc[regions, regions]
    return matrix.to_numpy(dtype=np.float64)
