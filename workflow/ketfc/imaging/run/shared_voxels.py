"""The voxels that all sessions of a participant have in common, so that no region changes size."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.imaging.io.grid import Grid, resample_labels
from ketfc.imaging.io.masks import read_mask
from ketfc.imaging.io.reader import read_header, require_whole, stored_volumes

N_FIRST = 10
"""Volumes at the start of a run, of which one must be a number other than zero at a voxel."""


def shared_voxels(runs: Iterable[tuple[Path, Path]], grid: Grid) -> NDArray[np.bool_]:
    """Return the voxels inside the brain mask, and with signal, in every run.

    A region that has 80 voxels before treatment and 60 after is not one region; so all runs of a
    participant are measured in the voxels that all of them have. Whether a voxel has signal is
    told by the first volumes of each run: outside the field of view, and in regions that were
    lost, every volume is zero or NaN. A run that cannot be read, or has no signal at all,
    excludes itself and does not narrow the others.

    Parameters
    ----------
    runs : iterable of (pathlib.Path, pathlib.Path)
        BOLD image and brain mask of every run of one participant that is to be compared.
    grid : Grid
        The grid wanted; runs on another one are brought to it by nearest neighbour.

    Returns
    -------
    numpy.ndarray of bool, shape (grid.n_voxels,)
        In Fortran order.
    """
    shared = np.ones(grid.n_voxels, dtype=bool)
    for bold, mask in runs:
        try:
            # the first volumes alone would not show that the header is wrong
            require_whole(bold)
            own_grid = read_header(bold).grid
            inside = read_mask(mask, own_grid)
            inside[inside] = _has_signal(bold, np.flatnonzero(inside))
        except RunError:
            continue
        # a run without any signal is left out for that, and would leave nothing of the others
        if not inside.any():
            continue
        if not own_grid.matches(grid):
            labels = inside.reshape(own_grid.shape, order="F").astype(np.int32)
            inside = resample_labels(labels, own_grid, grid) > 0
        shared &= inside
    return shared


def _has_signal(bold: Path, voxels: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return a mask of the voxels with a number other than zero in the first volumes."""
    has = np.zeros(voxels.size, dtype=bool)
    left = N_FIRST
    for batch in stored_volumes(bold, voxels):
        head = batch[:left]
        has |= (np.isfinite(head) & (head != 0)).any(axis=0)
        left -= len(head)
        if left <= 0:
            break
    return has
