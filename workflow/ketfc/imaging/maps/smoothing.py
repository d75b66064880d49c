"""Spatial smoothing inside the brain, of many volumes in the memory they lie in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ketfc.imaging.run.voxels import VoxelSeries

_REACH = 4.0
"""Standard deviations at which the Gaussian is cut off, as in SciPy and nilearn."""

_BLOCK = 24
"""Rows of a banded matrix that are multiplied at a time, with the columns that they reach: half of
the time of the whole matrix, which is mostly zeros."""


def smooth(voxels: VoxelSeries, fwhm: float) -> None:
    """Smooth every volume with a Gaussian, among the voxels of the brain alone; in place.

    What lies outside has no part in it: each voxel is the weighted mean of those around it that
    are in the brain, as the smoothed image divided by the smoothed mask. The Gaussian is separable,
    so a volume is three products with banded matrices, one along each axis, in single precision:
    ten times as fast as convolutions, which matters for hundreds of volumes.

    Parameters
    ----------
    voxels : VoxelSeries
        Overwritten.
    fwhm : float
        Full width at half maximum in mm, above 0.
    """
    place = np.array(np.unravel_index(voxels.voxels, voxels.grid.shape, order="F"))
    low = place.min(axis=1)
    i, j, k = place - low[:, None]
    box = tuple(int(n) for n in place.max(axis=1) - low + 1)
    sizes = np.sqrt((voxels.grid.affine[:3, :3] ** 2).sum(axis=0))
    along_i, along_j, along_k = (
        _gaussian(n, fwhm / size) for n, size in zip(box, sizes, strict=True)
    )
    flat = i + box[0] * (j + box[1] * k)
    volume, by_row, by_column, whole = (
        np.zeros((box[2], box[1], box[0]), dtype=np.float32) for _ in range(4)
    )

    def smoothed(values: NDArray[np.float32]) -> NDArray[np.float32]:
        volume.ravel()[flat] = values
        for weights, own, reached in along_i:
            np.matmul(volume[:, :, reached], weights.T, out=by_row[:, :, own])
        for weights, own, reached in along_j:
            np.matmul(weights, by_row[:, reached], out=by_column[:, own])
        for weights, own, reached in along_k:
            layers = by_column[reached].reshape(weights.shape[1], -1)
            whole[own] = (weights @ layers).reshape(whole[own].shape)
        found: NDArray[np.float32] = whole.ravel()[flat]
        return found

    weight = smoothed(np.ones(flat.size, dtype=np.float32))
    for values in voxels.values:
        values[:] = smoothed(values) / weight


_Band = tuple[NDArray[np.float32], slice, slice]
"""Weights of some voxels in a row, those voxels, and all that they reach."""


def _gaussian(n: int, fwhm: float) -> list[_Band]:
    """Return what smooths `n` voxels in a row, some of them at a time; `fwhm` in voxels.

    Weights are those of ``scipy.ndimage.gaussian_filter1d`` with zeros beyond the ends.
    """
    sigma = fwhm / math.sqrt(8 * math.log(2))
    reach = int(_REACH * sigma + 0.5)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    weights /= weights.sum()
    bands = []
    for first in range(0, n, _BLOCK):
        own = slice(first, min(first + _BLOCK, n))
        reached = slice(max(own.start - reach, 0), min(own.stop + reach, n))
        apart = np.arange(n)[own, None] - np.arange(n)[reached]
        near = np.abs(apart) <= reach
        matrix = np.where(near, weights[np.where(near, apart + reach, 0)], 0)
        bands.append((matrix.astype(np.float32), own, reached))
    return bands
