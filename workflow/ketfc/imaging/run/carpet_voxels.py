"""Voxels for the carpet of a run: chosen evenly over the brain, measured with all regions.

They are regions of one voxel each, so that a picture needs no second read of the image. They are in
no table and decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.placing import RegionSet

CARPET = "Carpet"
"""Name, in the place of an atlas, of the set of these voxels."""

N_VOXELS = 800
"""Voxels of a carpet, as many rows as a screen shows."""

MAX_CELLS = 200_000
"""Voxels × volumes of a carpet at most: a longer run has fewer voxels, so that files stay small."""


@dataclass(frozen=True, eq=False)
class CarpetVoxels:
    """The voxels that are drawn, in the order of the rows.

    Attributes
    ----------
    voxels : numpy.ndarray of int64, shape (n,)
        Flat indices on the grid, Fortran order.
    parcel : numpy.ndarray of int16, shape (n,)
        Row of the parcellation's table, first; −1 for the voxels outside it, which come last.
    depth : numpy.ndarray of float32, shape (n,)
        mm to the nearest voxel outside the brain mask.
    """

    voxels: NDArray[np.int64]
    parcel: NDArray[np.int16]
    depth: NDArray[np.float32]

    def regions(self, n_voxels: int) -> RegionSet:
        """Return a region of each voxel, on a grid of `n_voxels`."""
        from scipy.sparse import csr_matrix

        count = len(self.voxels)
        weights = csr_matrix(
            (np.ones(count, dtype=np.float32), self.voxels, np.arange(count + 1)),
            shape=(count, n_voxels),
        )
        names = tuple(map(str, range(count)))
        return RegionSet(CARPET, names, weights, ("",) * count, picture=True)


@dataclass(frozen=True, eq=False)
class CarpetSeries:
    """The voxels of a carpet and what was read of them.

    Attributes
    ----------
    parcel, depth : numpy.ndarray, shape (n_voxels,)
        As in :class:`CarpetVoxels`.
    series : numpy.ndarray of float64, shape (n_volumes, n_voxels)
        In the image's units, not denoised; NaN in the whole column where there is no signal.
    """

    parcel: NDArray[np.int16]
    depth: NDArray[np.float32]
    series: NDArray[np.float64]


def sample_voxels(
    mask: NDArray[np.bool_], grid: Grid, parcels: RegionSet, *, n_volumes: int
) -> CarpetVoxels:
    """Choose voxels of the brain mask, evenly over the brain and always the same ones.

    Voxels are taken at equal steps along a Morton curve, in the parcellation and outside it in
    proportion to their numbers. Those in it are put in the order of its parcels, the others in
    that of their depth, from the deepest to the edge of the brain, where motion shows first; so
    no tissue map is needed.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (grid.n_voxels,)
        Brain mask in Fortran order.
    grid : Grid
        Its grid.
    parcels : RegionSet
        The parcellation on it.
    n_volumes : int
        Of the run; see :data:`MAX_CELLS`.
    """
    label = np.full(grid.n_voxels, -1, dtype=np.int16)
    label[parcels.weights.indices] = np.repeat(
        np.arange(len(parcels.names), dtype=np.int16), np.diff(parcels.weights.indptr)
    )
    inside = np.flatnonzero(mask)
    inside = inside[np.argsort(_morton(inside, grid), kind="stable")]
    count = min(N_VOXELS, max(1, MAX_CELLS // max(n_volumes, 1)), inside.size)
    within, without = inside[label[inside] >= 0], inside[label[inside] < 0]
    n_within = round(count * within.size / inside.size)
    depth = _depth(mask, grid)
    first, last = _evenly(within, n_within), _evenly(without, count - n_within)
    first = first[np.argsort(label[first], kind="stable")]
    last = last[np.argsort(-depth[last], kind="stable")]
    voxels = np.concatenate([first, last])
    return CarpetVoxels(voxels, label[voxels], depth[voxels])


def _evenly(items: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `count` items at equal steps."""
    places = (np.arange(count) + 0.5) * (items.size / max(count, 1))
    return items[places.astype(np.int64)]


def _morton(voxels: NDArray[np.int64], grid: Grid) -> NDArray[np.int64]:
    """Return each voxel's place on a curve that fills space: the bits of i, j and k in turn."""
    code = np.zeros(voxels.size, dtype=np.int64)
    for axis, index in enumerate(np.unravel_index(voxels, grid.shape, order="F")):
        for bit in range(max(grid.shape).bit_length()):
            code |= ((index >> bit) & 1) << (3 * bit + axis)
    return code


def _depth(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.float32]:
    """Return the distance of every voxel to the nearest one outside the mask, mm."""
    from scipy.ndimage import distance_transform_edt, find_objects

    image = mask.reshape(grid.shape, order="F")
    # the box around the brain is a fraction of the grid
    box = find_objects(image.astype(np.uint8))[0]
    sizes = np.sqrt((grid.affine[:3, :3] ** 2).sum(axis=0))
    depth = np.zeros(grid.shape, dtype=np.float32)
    depth[box] = distance_transform_edt(np.pad(image[box], 1), sampling=sizes)[1:-1, 1:-1, 1:-1]
    return depth.ravel(order="F")
