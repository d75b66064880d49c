"""Brain masks on the grid of their BOLD image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.reader import read_volume


def read_mask(path: str | Path, grid: Grid) -> NDArray[np.bool_]:
    """Return a brain mask on the grid of its BOLD image.

    Parameters
    ----------
    path : str or pathlib.Path
        A 3-D NIfTI image of 0 and one other number, which is brain.
    grid : Grid
        The grid that the mask must have.

    Returns
    -------
    numpy.ndarray of bool, shape (grid.n_voxels,)
        In Fortran order.

    Raises
    ------
    RunError
        ``damaged-image``, ``not-3d``, ``mask-grid``, ``mask-values`` or
        ``mask-empty``.
    """
    path = Path(path)
    data, mask_grid = read_volume(path)
    if not mask_grid.matches(grid):
        raise RunError(
            "mask-grid",
            f"{path.name} has another grid than its BOLD image: {mask_grid.describe()}; "
            f"BOLD {grid.describe()}",
            value=mask_grid.describe(),
            threshold=grid.describe(),
        )
    values = data.ravel(order="F")
    if not np.isfinite(values).all():
        raise RunError("mask-values", f"{path.name} holds NaN or infinite values")
    mask: NDArray[np.bool_] = values != 0
    if not mask.any():
        raise RunError("mask-empty", f"{path.name} holds no brain voxel", value=0, threshold=1)
    inside = values[mask]
    low, high = float(inside.min()), float(inside.max())
    if low != high or low < 0:
        raise RunError(
            "mask-values",
            f"{path.name} is no mask: beside 0 it holds values from {low:g} to {high:g}, where one "
            "positive value is expected",
            value=f"{low:g} to {high:g}",
            threshold="one value above 0",
        )
    return mask


def require_outside(mask: NDArray[np.bool_], path: Path) -> None:
    """Refuse a mask that holds every voxel of its image: it was not made from a brain.

    Raises
    ------
    RunError
        ``mask-full``.
    """
    if mask.all():
        raise RunError(
            "mask-full",
            f"{path.name} takes the whole image for brain",
            value=mask.size,
            threshold=mask.size - 1,
        )
