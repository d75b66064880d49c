"""Regions on a run's grid: which voxels, with which weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ketfc.imaging.errors import RunError
from ketfc.imaging.grid import Grid, resample_labels, voxels_in_sphere

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from ketfc.imaging.parcellations import Parcellation
    from ketfc.imaging.registry import Region

CIRCUITS = "Circuits"
"""Name, in the place of an atlas, of the set of all regions of the registry's circuits."""

NEAREST_VOXEL = "nearest-voxel"
"""Note of a sphere so small that no voxel centre lay within its radius."""


@dataclass(frozen=True, eq=False)
class RegionSet:
    """The regions of one atlas on one grid.

    Attributes
    ----------
    atlas : str
        Name of the parcellation, or ``Circuits``.
    names : tuple of str
        One per region.
    weights : scipy.sparse.csr_matrix, shape (n_regions, grid.n_voxels)
        1 where a voxel (Fortran order) belongs to a region.
    notes : tuple of str
        One per region: ``nearest-voxel`` or empty.
    picture : bool
        For a picture alone: measured in the run's own voxels, shared or not, and without a say in
        whether the run can be used.
    """

    atlas: str
    names: tuple[str, ...]
    weights: csr_matrix
    notes: tuple[str, ...]
    picture: bool = False


def _membership(rows: Sequence[NDArray[np.integer]], n_voxels: int) -> csr_matrix:
    from scipy.sparse import csr_matrix

    counts = [len(row) for row in rows]
    indices = np.concatenate([np.empty(0, dtype=np.int64), *rows])
    return csr_matrix(
        (np.ones(len(indices), dtype=np.float32), indices, np.cumsum([0, *counts])),
        shape=(len(rows), n_voxels),
    )


def sphere_regions(regions: Sequence[Region], space: str, grid: Grid) -> RegionSet:
    """Place the spheres of regions on a grid.

    A voxel belongs to a sphere when its centre lies within the radius. Where no centre does (a
    3 mm sphere between the centres of 4 mm voxels), the one voxel that contains the sphere's
    centre stands for it and the region carries the note ``nearest-voxel``; a sphere outside the
    grid has no voxel at all, and its coverage is zero. So has a shell that no centre falls into.

    Parameters
    ----------
    regions : sequence of ketfc.imaging.registry.Region
        Each must have spheres in `space`.
    space : str
        Template space of the grid.
    grid : Grid
        The run's grid.
    """
    rows, notes = [], []
    for region in regions:
        found = [np.empty(0, dtype=np.int64)]
        note = ""
        for sphere in region.spheres_in(space):
            voxels = voxels_in_sphere(grid, sphere.centre, sphere.radius, inner=sphere.inner)
            nearest = grid.nearest_voxel(sphere.centre)
            # the voxel at its centre is what a shell leaves out
            if not voxels.size and nearest is not None and not sphere.inner:
                voxels = np.array([np.ravel_multi_index(nearest, grid.shape, order="F")])
                note = NEAREST_VOXEL
            found.append(voxels)
        rows.append(np.unique(np.concatenate(found)))
        notes.append(note)
    return RegionSet(
        atlas=CIRCUITS,
        names=tuple(region.id for region in regions),
        weights=_membership(rows, grid.n_voxels),
        notes=tuple(notes),
    )


def label_regions(parcellation: Parcellation, grid: Grid) -> RegionSet:
    """Place a parcellation on a grid by nearest neighbour.

    Parcels that no voxel centre falls into stay in the set with no voxels, so that columns never
    shift; their coverage is zero.

    Raises
    ------
    RunError
        ``no-overlap`` if the whole parcellation lies outside the grid.
    """
    labels = resample_labels(parcellation.labels, parcellation.grid, grid)
    labelled = np.flatnonzero(labels)
    if not labelled.size:
        raise RunError(
            "no-overlap",
            f"no label of {parcellation.name} lies in the field of view: it has "
            f"{parcellation.grid.describe()}, the image {grid.describe()}",
            value=0,
            threshold="1 voxel",
        )
    order = labelled[np.argsort(labels[labelled], kind="stable")]
    ordered = labels[order]
    first = np.searchsorted(ordered, parcellation.indices, side="left")
    last = np.searchsorted(ordered, parcellation.indices, side="right")
    rows = [order[a:b] for a, b in zip(first, last, strict=True)]
    return RegionSet(
        atlas=parcellation.name,
        names=parcellation.names,
        weights=_membership(rows, grid.n_voxels),
        notes=("",) * len(rows),
    )
