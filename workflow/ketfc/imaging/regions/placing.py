"""Placing of regions on a run's grid: voxels and their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ketfc.base.errors import Problem, RunError, StudyError
from ketfc.imaging.io.grid import Grid, resample_labels, voxel_shares, voxels_in_sphere
from ketfc.imaging.io.reader import read_volume

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from ketfc.imaging.atlas.parcellations import Parcellation
    from ketfc.imaging.regions.definitions import AtlasLabels, Region, Sphere

CIRCUITS = "Circuits"
"""Name of the set of all regions of the circuits, used as the name of an atlas."""

NEAREST_VOXEL = "nearest-voxel"
"""Note of a sphere so small that no voxel centre lay within its radius."""

WEIGHTED = "weighted"
"""Note of a region whose voxels have different weights."""

MAP_FLOOR = 0.01
"""Values of a probability map below this count as 0: interpolated maps are never quite 0."""


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
        Above 0 where a voxel (Fortran order) belongs to a region; 1 unless the region is weighted.
    notes : tuple of str
        One per region: ``nearest-voxel``, ``weighted``, or empty.
    picture : bool
        Whether it serves only a figure: measured in all of the run's own voxels, and ignored when
        the run is judged.
    """

    atlas: str
    names: tuple[str, ...]
    weights: csr_matrix
    notes: tuple[str, ...]
    picture: bool = False


def _membership(
    rows: Sequence[NDArray[np.integer]],
    n_voxels: int,
    weights: Sequence[NDArray[np.floating]] | None = None,
) -> csr_matrix:
    from scipy.sparse import csr_matrix

    counts = [len(row) for row in rows]
    indices = np.concatenate([np.empty(0, dtype=np.int64), *rows])
    data = np.ones(len(indices)) if weights is None else np.concatenate([np.empty(0), *weights])
    return csr_matrix(
        (data.astype(np.float32), indices, np.cumsum([0, *counts])), shape=(len(rows), n_voxels)
    )


def place_regions(
    regions: Sequence[Region],
    space: str,
    grid: Grid,
    parcellations: Mapping[str, Parcellation] = MappingProxyType({}),
) -> RegionSet:
    """Place regions of any kind on a grid.

    A voxel belongs to a sphere when its centre lies within the radius. Where no centre does (a
    3 mm sphere between the centres of 4 mm voxels), the one voxel that contains the sphere's
    centre stands for it and the region carries the note ``nearest-voxel``; a sphere outside the
    grid has no voxel at all, and its coverage is zero. So has a shell that no centre falls into.

    Labels have the voxels whose centres are nearest to them, as parcels have. Weighted by
    fraction, they have every voxel that they fill a part of, with that part as its weight; a
    probability map gives each voxel its mean over the voxel. Such regions carry the note
    ``weighted``. In a union, a voxel has the largest of its weights.

    Parameters
    ----------
    regions : sequence of ketfc.imaging.regions.definitions.Region
        The regions.
    space : str
        Template space of the grid.
    grid : Grid
        The run's grid.
    parcellations : mapping of str to ketfc.imaging.atlas.parcellations.Parcellation
        Those that the regions take labels of, by name.

    Raises
    ------
    StudyError
        If a parcellation lacks a label, or a map cannot be used.
    """
    moved: dict[str, NDArray[np.int32]] = {}
    placed = []
    for region in regions:
        parts = []
        for leaf in region.leaves:
            parts += [_sphere(sphere, grid) for sphere in leaf.spheres_in(space)]
            for labels in leaf.labels:
                parcellation = parcellations[labels.atlas]
                wanted = label_indices(labels, parcellation, region.id)
                if labels.fraction:
                    inside = np.isin(parcellation.labels, wanted).astype(np.float64)
                    parts.append(
                        (*voxel_shares(inside, parcellation.grid, grid, linear=False), WEIGHTED)
                    )
                    continue
                if labels.atlas not in moved:
                    moved[labels.atlas] = resample_labels(
                        parcellation.labels, parcellation.grid, grid
                    )
                voxels = np.flatnonzero(np.isin(moved[labels.atlas], wanted))
                parts.append((voxels, np.ones(len(voxels)), ""))
            chosen = leaf.map_in(space)
            if chosen is not None:
                voxels, weights = voxel_shares(
                    *read_map(chosen.image, region.id), grid, linear=True
                )
                kept = weights >= MAP_FLOOR
                parts.append((voxels[kept], weights[kept], WEIGHTED))
        placed.append(_together(parts))
    return RegionSet(
        atlas=CIRCUITS,
        names=tuple(region.id for region in regions),
        weights=_membership(
            [voxels for voxels, _, _ in placed],
            grid.n_voxels,
            [weights for _, weights, _ in placed],
        ),
        notes=tuple(note for _, _, note in placed),
    )


def sphere_regions(regions: Sequence[Region], space: str, grid: Grid) -> RegionSet:
    """Place regions that are made of spheres alone: :func:`place_regions` without parcellations."""
    return place_regions(regions, space, grid)


_Part = tuple[NDArray[np.integer], NDArray[np.float64], str]
"""Voxels, their weights, and a note."""


def _sphere(sphere: Sphere, grid: Grid) -> _Part:
    voxels = voxels_in_sphere(grid, sphere.centre, sphere.radius, inner=sphere.inner)
    nearest = grid.nearest_voxel(sphere.centre)
    # the voxel at its centre is what a shell leaves out
    if not voxels.size and nearest is not None and not sphere.inner:
        only = np.array([np.ravel_multi_index(nearest, grid.shape, order="F")])
        return only, np.ones(1), NEAREST_VOXEL
    return voxels, np.ones(len(voxels)), ""


def _together(parts: Sequence[_Part]) -> _Part:
    voxels, place = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    weights = np.zeros(len(voxels))
    np.maximum.at(weights, place, np.concatenate([part[1] for part in parts]))
    notes = dict.fromkeys(note for _, _, note in parts if note)
    return voxels.astype(np.int64), weights, "; ".join(notes)


def label_indices(labels: AtlasLabels, parcellation: Parcellation, region: str) -> list[int]:
    """Return the numbers of a region's labels in a parcellation.

    Raises
    ------
    StudyError
        If it has no label of that name; the message has the nearest one.
    """
    known = dict(zip(parcellation.names, parcellation.indices.tolist(), strict=True))
    problems = label_problems(labels, parcellation.names, file=None, field=f"regions.{region}")
    if problems:
        raise StudyError(problems)
    return [known[name] for name in labels.names]


def label_problems(
    labels: AtlasLabels, known: Sequence[str], *, file: str | None, field: str
) -> list[Problem]:
    """Return an error for each label that a parcellation lacks, with the closest it has."""
    problems = []
    for name in labels.names:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.5)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            message = f"is not a label of {labels.atlas}{hint}"
            some = ", ".join(known[:12]) + (f" … ({len(known)} in all)" if len(known) > 12 else "")
            problems.append(Problem("error", message, file, field=field, value=name, allowed=some))
    return problems


def read_map(path: str, region: str) -> tuple[NDArray[np.float64], Grid]:
    """Read the values of a probability map and its grid; missing values count as 0.

    Raises
    ------
    StudyError
        If it cannot be read, or its values are not between 0 and 1, or all of them are 0.
    """
    try:
        data, grid = read_volume(path)
    except RunError as error:
        message = f"cannot be used: {error.reason}"
    else:
        values = np.nan_to_num(data.astype(np.float64))
        low, high = float(values.min()), float(values.max())
        if low >= 0 and MAP_FLOOR <= high <= 1 + 1e-6:
            return values, grid
        message = f"holds values from {low:g} to {high:g}, where a map of probabilities has 0 to 1"
    field = f"regions.{region}.map.image"
    raise StudyError([Problem("error", message, file=Path(path).name, field=field, value=path)])


def region_centres(
    regions: Sequence[Region], space: str, parcellations: Mapping[str, Parcellation]
) -> dict[str, NDArray[np.float64]]:
    """Return the centre of each region, x, y, z in mm, by its id.

    The mean of the centres of its spheres, of the centroids of its labels on their parcellation's
    own grid, and of the weighted centroid of its map.
    """
    centres = {}
    for region in regions:
        found: list[NDArray[np.float64]] = []
        for leaf in region.leaves:
            found += [np.asarray(sphere.centre) for sphere in leaf.spheres_in(space)]
            for labels in leaf.labels:
                atlas = parcellations[labels.atlas]
                wanted = label_indices(labels, atlas, region.id)
                found.append(_centroid(np.isin(atlas.labels, wanted), atlas.grid))
            chosen = leaf.map_in(space)
            if chosen is not None:
                found.append(_centroid(*read_map(chosen.image, region.id)))
        centres[region.id] = np.mean(found, axis=0)
    return centres


def _centroid(values: NDArray[Any], grid: Grid) -> NDArray[np.float64]:
    """Return the mean position (mm) of an image's voxels, weighted by their values."""
    voxels = np.argwhere(values > 0)
    if not len(voxels):
        return np.full(3, np.nan)
    weights = values[tuple(voxels.T)].astype(np.float64)
    middle = weights @ voxels / weights.sum()
    centre: NDArray[np.float64] = grid.affine[:3, :3] @ middle + grid.affine[:3, 3]
    return centre


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
