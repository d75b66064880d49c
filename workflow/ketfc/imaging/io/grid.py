"""Voxel grids: spheres, resampling of labels, and shares of voxels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular voxel grid.

    Attributes
    ----------
    shape : tuple of int
        Voxels along i, j and k.
    affine : numpy.ndarray, shape (4, 4)
        From voxel indices to world coordinates in mm.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    @property
    def n_voxels(self) -> int:
        """Number of voxels of the grid."""
        return math.prod(self.shape)

    def matches(self, other: Grid, *, tolerance: float = 1e-3) -> bool:
        """Return whether both grids have one shape and affines equal within `tolerance` mm."""
        return self.shape == other.shape and bool(
            np.allclose(self.affine, other.affine, rtol=0, atol=tolerance)
        )

    def describe(self) -> str:
        """Return shape, voxel size and origin in words, for messages."""
        sizes = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return (
            f"{'×'.join(map(str, self.shape))} voxels of "
            f"{'×'.join(f'{size:g}' for size in sizes.round(3))} mm "
            f"with origin ({', '.join(f'{x:g}' for x in self.affine[:3, 3].round(3))})"
        )

    def nearest_voxel(self, point: tuple[float, float, float]) -> tuple[int, int, int] | None:
        """Return the voxel whose centre is nearest to `point` (mm), None outside the grid."""
        inverse = np.linalg.inv(self.affine)
        i, j, k = np.rint(inverse[:3, :3] @ np.asarray(point) + inverse[:3, 3]).astype(int)
        inside = all(0 <= x < size for x, size in zip((i, j, k), self.shape, strict=True))
        return (int(i), int(j), int(k)) if inside else None


def voxels_in_sphere(
    grid: Grid, centre: tuple[float, float, float], radius: float, *, inner: float = 0.0
) -> NDArray[np.int64]:
    """Return the voxels whose centres lie within `radius` mm of `centre`.

    Parameters
    ----------
    grid : Grid
        The grid.
    centre : tuple of float
        x, y, z in mm.
    radius : float
        Radius in mm; a centre at exactly this distance is inside.
    inner : float
        If above 0, leave out centres within this distance, or at it: the rest is a shell.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        Flat indices in Fortran order (i fastest), as NIfTI stores a volume; sorted.
    """
    inverse = np.linalg.inv(grid.affine)
    middle = inverse[:3, :3] @ np.asarray(centre) + inverse[:3, 3]
    # a sphere maps to an ellipsoid; the norms of the rows of the inverse bound it along each axis
    reach = radius * np.sqrt((inverse[:3, :3] ** 2).sum(axis=1)) + 1e-6
    low = np.maximum(np.ceil(middle - reach), 0).astype(int)
    high = np.minimum(np.floor(middle + reach), np.asarray(grid.shape) - 1).astype(int)
    if (low > high).any():
        return np.empty(0, dtype=np.int64)
    box = np.stack(
        np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True)), indexing="ij"),
        axis=-1,
    ).reshape(-1, 3)
    world = box @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    distance2 = ((world - np.asarray(centre)) ** 2).sum(axis=1)
    inside = box[(distance2 <= radius**2 + 1e-9) & ((inner <= 0) | (distance2 > inner**2 + 1e-9))]
    return np.sort(np.ravel_multi_index(tuple(inside.T), grid.shape, order="F").astype(np.int64))


def resample_labels(labels: NDArray[np.integer], source: Grid, target: Grid) -> NDArray[np.int32]:
    """Move a label image to another grid by nearest neighbour.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape `source.shape`
        The label image; 0 is background.
    source, target : Grid
        Its grid, and the grid wanted.

    Returns
    -------
    numpy.ndarray of int32, shape (target.n_voxels,)
        Labels at the target's voxel centres in Fortran order; 0 outside the source.
    """
    flat = labels.ravel(order="F").astype(np.int32)
    if source.matches(target):
        return flat
    step = np.linalg.inv(source.affine) @ target.affine
    out = np.zeros(target.n_voxels, dtype=np.int32)
    ni, nj, nk = target.shape
    i, j = np.tile(np.arange(ni), nj), np.repeat(np.arange(nj), ni)
    # slice by slice, so that a fine grid never needs coordinates of all its voxels at once
    for k in range(nk):
        where = np.zeros(i.size, dtype=np.int64)
        inside = np.ones(i.size, dtype=bool)
        stride = 1
        for axis, size in enumerate(source.shape):
            row = step[axis]
            # the small shift settles ties at cell borders alike on every axis and platform
            index = np.floor(row[0] * i + row[1] * j + (row[2] * k + row[3]) + 0.5 + 1e-6)
            index = index.astype(np.int64)
            inside &= (index >= 0) & (index < size)
            where += np.where(inside, index, 0) * stride
            stride *= size
        out[k * ni * nj : (k + 1) * ni * nj] = np.where(inside, flat[where * inside], 0)
    return out


_PARTS = 4
"""Sampling points along each axis per voxel of the source."""

_AT_ONCE = 1_000_000
"""Points sampled at a time."""


def voxel_shares(
    values: NDArray[np.floating], source: Grid, target: Grid, *, linear: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the mean of an image over each voxel of another grid.

    Where `values` are 1 inside something and 0 outside, that is the share of each voxel that it
    fills. The mean is taken over points that divide a voxel evenly, at least four to a voxel of the
    source along each axis; on one grid it is the value itself.

    Parameters
    ----------
    values : numpy.ndarray of float, shape `source.shape`
        Not negative; 0 outside the source.
    source, target : Grid
        The image's grid, and the grid wanted.
    linear : bool
        Whether values between voxel centres are interpolated, or those of the nearest one.

    Returns
    -------
    voxels : numpy.ndarray of int64, shape (n,)
        Flat indices on the target in Fortran order, sorted, where the mean is above 0.
    means : numpy.ndarray of float64, shape (n,)
    """
    from scipy.ndimage import map_coordinates

    if source.matches(target):
        flat = values.ravel(order="F").astype(np.float64)
        same = np.flatnonzero(flat > 0)
        return same.astype(np.int64), flat[same]
    occupied = np.argwhere(values > 0)
    nothing = np.empty(0, dtype=np.int64), np.empty(0)
    if not len(occupied):
        return nothing
    to_target = np.linalg.inv(target.affine) @ source.affine
    reach = 1.0 if linear else 0.5
    ends = np.stack([occupied.min(axis=0) - reach, occupied.max(axis=0) + reach])
    corners = np.stack(np.meshgrid(*ends.T, indexing="ij"), axis=-1).reshape(-1, 3)
    corners = corners @ to_target[:3, :3].T + to_target[:3, 3]
    low = np.maximum(np.ceil(corners.min(axis=0) - 0.5), 0).astype(int)
    high = np.floor(corners.max(axis=0) + 0.5).astype(int)
    high = np.minimum(high, np.asarray(target.shape) - 1)
    if (low > high).any():
        return nothing
    axes = (np.arange(a, b + 1) for a, b in zip(low, high, strict=True))
    box = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    sizes = [np.sqrt((grid.affine[:3, :3] ** 2).sum(axis=0)) for grid in (target, source)]
    counts = np.ceil(_PARTS * np.maximum(sizes[0] / sizes[1].min(), 1) - 1e-6).astype(int)
    parts = [(np.arange(n) + 0.5) / n - 0.5 for n in counts]
    within = np.stack(np.meshgrid(*parts, indexing="ij"), axis=-1).reshape(-1, 3)
    to_source = np.linalg.inv(to_target)
    within = within @ to_source[:3, :3].T
    means = np.empty(len(box))
    step = max(1, _AT_ONCE // len(within))
    for first in range(0, len(box), step):
        centres = box[first : first + step] @ to_source[:3, :3].T + to_source[:3, 3]
        points = (centres[:, None] + within).reshape(-1, 3).T
        if not linear:
            # ties at cell borders are settled as resample_labels() settles them
            points = np.floor(points + 0.5 + 1e-6)
        found = map_coordinates(
            values.astype(np.float64), points, order=int(linear), mode="constant", cval=0.0
        )
        means[first : first + step] = found.reshape(len(centres), -1).mean(axis=1)
    kept = means > 0
    flat_box = np.ravel_multi_index(tuple(box[kept].T), target.shape, order="F").astype(np.int64)
    order = np.argsort(flat_box, kind="stable")
    return flat_box[order], means[kept][order]
