"""Seed-to-voxel maps: the correlation of a seed's cleaned series with that of every voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ketfc.imaging.run.connectivity import fisher_z
from ketfc.imaging.run.voxels import VoxelSeries

_AT_ONCE = 8192
"""Voxels that are cleaned at a time: few enough for a processor's cache, many for its BLAS."""

_ROUNDING = 1e-5
"""Share of a voxel's size before cleaning below which what is left of it, at single precision, is
rounding."""

_CONSTANT = 1e-10
"""The same of a seed, whose series has double precision."""


def seed_maps(
    matrix: NDArray[np.float64], seeds: NDArray[np.float64], voxels: VoxelSeries
) -> NDArray[np.float64]:
    """Return the Fisher z of every seed with every voxel.

    Cleaning is linear, so with C the operator, s a seed's series and x a voxel's, both as they were
    read, r = (C s)ᵀ(C x) / (|C s| |C x|), after C is made to take out the mean of what it keeps.
    One product cleans the voxels for all seeds, and one with the seeds' series gives every map.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (n_kept, n_volumes)
        The operator of the volumes that are used.
    seeds : numpy.ndarray of float64, shape (n_volumes, n_seeds)
        Series of the seeds, not denoised; NaN in the whole column of one that is not covered.
    voxels : VoxelSeries
        The voxels.

    Returns
    -------
    numpy.ndarray of float64, shape (n_seeds, n_voxels)
        NaN for a seed that is not covered, and for voxels of which cleaning leaves nothing.
    """
    centred = matrix - matrix.mean(axis=0)
    # the mean is taken out first: it is a thousand times the signal, and cleaning removes it anyway
    cleaned = centred @ (seeds - seeds.mean(axis=0))
    length = np.sqrt((cleaned**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        varying = length > _CONSTANT * np.abs(seeds).max(axis=0)
        unit = np.where(varying, cleaned / length, np.nan).T.astype(np.float32)
    narrow = centred.astype(np.float32)
    values = voxels.values
    r = np.empty((seeds.shape[1], values.shape[1]))
    for first in range(0, values.shape[1], _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        raw = values[:, part]
        series = narrow @ raw
        left = np.sqrt(np.einsum("ij,ij->j", series, series))
        size = np.sqrt(np.einsum("ij,ij->j", raw, raw))
        with np.errstate(invalid="ignore", divide="ignore"):
            r[:, part] = np.where(left > _ROUNDING * size, (unit @ series) / left, np.nan)
    return fisher_z(r)
