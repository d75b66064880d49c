"""The series of every voxel of the brain, kept of the one read where maps are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.reader import read_header

_NOWHERE = Grid((1, 1, 1), np.eye(4))
"""Grid of the maps of a run whose image has no header that could be read."""


@dataclass(frozen=True, eq=False)
class VoxelSeries:
    """The series of the voxels in which all runs of a participant can be compared.

    Attributes
    ----------
    values : numpy.ndarray of float32, shape (n_volumes, n_voxels)
        All volumes, not denoised, in the image's units; the mean of each voxel over time is taken
        out, so that single precision keeps what varies. Rows may lie further apart than they are
        long.
    voxels : numpy.ndarray of int64, shape (n_voxels,)
        Flat indices on the grid in Fortran order, increasing: inside the brain mask, with signal
        in all runs that are compared, and not constant in this one.
    grid : Grid
        The run's grid.
    """

    values: NDArray[np.float32]
    voxels: NDArray[np.int64]
    grid: Grid

    def image(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return a number per voxel as an image, flat in Fortran order, NaN elsewhere."""
        image = np.full(self.grid.n_voxels, np.nan, dtype=np.float32)
        image[self.voxels] = values
        return image


def kept_voxels(
    differences: NDArray[np.float32],
    voxels: NDArray[np.integer],
    kept: NDArray[np.bool_],
    *,
    mean: NDArray[np.floating],
    slope: float,
    grid: Grid,
) -> VoxelSeries:
    """Return the series of some of the voxels that were read, in the memory they lie in.

    Parameters
    ----------
    differences : numpy.ndarray of float32, shape (n_volumes, n_read)
        Stored values less those of the first volume; overwritten.
    voxels : numpy.ndarray of int, shape (n_read,)
        Flat indices on the grid.
    kept : numpy.ndarray of bool, shape (n_read,)
        Those wanted.
    mean : numpy.ndarray of float, shape (n_read,)
        Of the differences over time.
    slope : float
        Units per stored unit.
    grid : Grid
        Of the image.
    """
    chosen = np.flatnonzero(kept)
    middle = mean[chosen].astype(np.float32)
    count = chosen.size
    # volume by volume, since a copy of the whole would double the memory of the job
    for volume in differences:
        volume[:count] = (volume[chosen] - middle) * np.float32(slope)
    return VoxelSeries(differences[:, :count], voxels[chosen].astype(np.int64), grid)


def grid_of(bold: Path) -> Grid:
    """Return the grid of a run's maps also where the run cannot be used.

    Parameters
    ----------
    bold : pathlib.Path
        Its image; where even the header cannot be read, the grid is one voxel.
    """
    try:
        return read_header(bold).grid
    except RunError:
        return _NOWHERE
