"""ReHo: how alike the series of a voxel and its neighbours are, as Kendall's W."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ketfc.imaging.activity.alff import CHUNK
from ketfc.imaging.io.grid import Grid

NEIGHBOURS = 27
"""Voxels of a neighbourhood: a cube of 3 × 3 × 3, the voxel itself among them."""

FEWEST = 14
"""More than half of a neighbourhood must have a series: at the edge of the brain few voxels have,
and chance alone gives W = 1 / voxels."""

_BOX = 1_000_000
"""Voxels that are summed at a time: few enough for a processor's cache."""


def reho(
    matrix: NDArray[np.float64],
    values: NDArray[np.floating],
    voxels: NDArray[np.integer],
    grid: Grid,
) -> NDArray[np.float64]:
    """Return Kendall's W of every voxel and its neighbours, corrected for ties.

    With c the ranks of a voxel's volumes less their mean, W over K voxels is
    Σ_volumes (Σ_voxels c)² / (K Σ_voxels Σ_volumes c²), which is the usual formula with its
    correction for ties, as the squares of tied ranks sum to less. Sums are of whole numbers and
    exact.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n_kept, n_volumes)
        The operator that cleans the series.
    values : numpy.ndarray, shape (n_volumes, n_voxels)
        As for :func:`ketfc.imaging.activity.alff.amplitudes`.
    voxels : numpy.ndarray of int, shape (n_voxels,)
        Their flat indices on the grid, Fortran order.
    grid : Grid
        The grid.

    Returns
    -------
    numpy.ndarray, shape (n_voxels,)
        From 0 to 1; NaN where fewer than :data:`FEWEST` of the :data:`NEIGHBOURS` have a series.

    References
    ----------
    Zang YF et al. (2004), NeuroImage 22:394–400, doi:10.1016/j.neuroimage.2003.12.030.
    Kendall MG, Gibbons JD (1990), Rank correlation methods, 5th ed., ch. 6.
    """
    ranks = _centred_ranks(matrix, values)
    squares = np.einsum("ij,ij->j", ranks, ranks, dtype=np.int64)
    neighbours = _Neighbourhoods(voxels, grid)
    count = neighbours.sums(np.ones((1, len(voxels)), dtype=np.int64))[0]
    # a sum of ranks over a neighbourhood, which small numbers hold for all but very long runs
    small = NEIGHBOURS * len(ranks) <= np.iinfo(np.int16).max
    between = np.zeros(len(voxels))
    for start in range(0, len(ranks), neighbours.at_once):
        some = ranks[start : start + neighbours.at_once]
        total = neighbours.sums(some.astype(np.int16 if small else np.int64)).astype(np.float64)
        between += (total * total).sum(axis=0)
    among = count * neighbours.sums(squares[np.newaxis])[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((count >= FEWEST) & (among > 0), between / among, np.nan)


def _centred_ranks(
    matrix: NDArray[np.float64], values: NDArray[np.floating]
) -> NDArray[np.int16] | NDArray[np.int32]:
    """Return 2 rank − (n + 1) of cleaned series over their volumes, mean ranks for ties."""
    from scipy.stats import rankdata

    n, n_voxels = len(matrix), values.shape[1]
    operator = matrix.astype(values.dtype)
    ranks = np.empty((n, n_voxels), dtype=np.int16 if n <= np.iinfo(np.int16).max else np.int32)
    places = np.arange(1 - n, n, 2, dtype=ranks.dtype)[np.newaxis]
    for start in range(0, n_voxels, CHUNK):
        part = slice(start, start + CHUNK)
        cleaned = np.ascontiguousarray((operator @ values[:, part]).T)
        order = np.argsort(cleaned, axis=1)
        own = np.empty(cleaned.shape, dtype=ranks.dtype)
        np.put_along_axis(own, order, places, axis=1)
        ordered = np.take_along_axis(cleaned, order, axis=1)
        tied = (np.diff(ordered, axis=1) == 0).any(axis=1)
        if tied.any():
            own[tied] = 2 * rankdata(cleaned[tied], axis=1) - (n + 1)
        ranks[:, part] = own.T
    return ranks


class _Neighbourhoods:
    """Sums over the cube of 3 × 3 × 3 voxels around each of some voxels."""

    def __init__(self, voxels: NDArray[np.integer], grid: Grid) -> None:
        # the first index of the image runs fastest in memory, hence last here
        place = np.array(np.unravel_index(voxels, grid.shape, order="F"))[::-1]
        low = place.min(axis=1, keepdims=True)
        # a border of nothing all around, so that no neighbour lies outside
        self._shape = tuple(int(size) for size in np.ptp(place, axis=1) + 3)
        self._place = np.ravel_multi_index(tuple(place - low + 1), self._shape)
        inner = tuple(int(size) for size in np.ptp(place, axis=1) + 1)
        self._inner = np.ravel_multi_index(tuple(place - low), inner)
        self.at_once = max(1, _BOX // math.prod(self._shape))
        """Volumes to sum at a time."""

    def sums(self, values: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return the sums of values, shape (n_volumes, n_voxels), in the values' own type."""
        boxes = np.zeros((len(values), *self._shape), dtype=values.dtype)
        boxes.reshape(len(values), -1)[:, self._place] = values
        boxes = boxes[:, :-2] + boxes[:, 1:-1] + boxes[:, 2:]
        boxes = boxes[:, :, :-2] + boxes[:, :, 1:-1] + boxes[:, :, 2:]
        boxes = boxes[:, :, :, :-2] + boxes[:, :, :, 1:-1] + boxes[:, :, :, 2:]
        found: NDArray[np.integer] = boxes.reshape(len(values), -1)[:, self._inner]
        return found
