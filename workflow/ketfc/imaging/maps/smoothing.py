"""Spatial smoothing inside the brain, of many volumes in the memory they lie in."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ketfc.imaging.run.voxels import VoxelSeries

_REACH = 4.0
"""Standard deviations at which the Gaussian is cut off, as in SciPy and nilearn."""


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
    volume = np.zeros((box[2], box[1], box[0]), dtype=np.float32)

    def smoothed(values: NDArray[np.float32]) -> NDArray[np.float32]:
        volume.ravel()[flat] = values
        by_row = (volume.reshape(-1, box[0]) @ along_i).reshape(volume.shape)
        by_column = along_j @ by_row
        whole = along_k @ by_column.reshape(box[2], -1)
        found: NDArray[np.float32] = whole.ravel()[flat]
        return found

    weight = smoothed(np.ones(flat.size, dtype=np.float32))
    for values in voxels.values:
        values[:] = smoothed(values) / weight


def _gaussian(n: int, fwhm: float) -> NDArray[np.float32]:
    """Return the matrix that smooths `n` voxels in a row; `fwhm` in voxels.

    Symmetric; weights are those of ``scipy.ndimage.gaussian_filter1d`` with zeros beyond the ends.
    """
    sigma = fwhm / math.sqrt(8 * math.log(2))
    reach = int(_REACH * sigma + 0.5)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    weights /= weights.sum()
    apart = np.arange(n)[:, None] - np.arange(n)
    near = np.abs(apart) <= reach
    matrix = np.where(near, weights[np.where(near, apart + reach, 0)], 0)
    return matrix.astype(np.float32)
