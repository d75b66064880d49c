"""Partial volume of the habenula: its share of voxels of the recorded size.

Everything here is geometry. The point spread of the sequence, errors of registration and any
smoothing make it worse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.definitions import Region
from ketfc.imaging.regions.placing import sphere_regions

OFFSETS = 300
"""Number of random positions of the grid over which medians are taken."""

_SEED = 168
"""Fixed, so that a voxel size has one verdict, whatever seed a study takes for its tests."""

_PARTS = 8
"""Fewest sampling points in a voxel along each axis."""

_STEP = 0.5
"""Largest distance in mm between these points."""


@dataclass(frozen=True, eq=False)
class Body:
    """A three-dimensional body in template space.

    Attributes
    ----------
    contains : callable
        Function of points (mm), shape (n, 3), that returns which lie inside, shape (n,).
    low, high : numpy.ndarray, shape (3,)
        Corners (mm) of a box that holds it whole.
    """

    contains: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Purity:
    """Expected shares of habenula (medians over positions of the grid), from 0 to 1.

    Attributes
    ----------
    best_voxel : float
        Of the voxel that holds most habenula.
    region : float
        Of the mean over the region's voxels.
    weighted : float
        Of a mean weighted by each voxel's own share, as by a probability map that is right.
    """

    best_voxel: float
    region: float
    weighted: float


@dataclass(frozen=True)
class _Spheroid:
    """A spheroid: centre (mm), volume (mm³), half-length (mm) and direction of its long axis."""

    centre: tuple[float, float, float]
    volume: float
    half_length: float
    axis: tuple[float, float, float]


# Volume, centroid and principal axis of the labels HN of CIT168 (Pauli et al. 2018,
# 10.1038/sdata.2018.63) on its 1 mm copies in both templates. The half-length is √5 times the
# standard deviation along the axis, which is what an ellipsoid has.
_CIT168 = {
    ("MNI152NLin2009cAsym", "left"): _Spheroid((-3.3, -23.9, 2.7), 66, 5.1, (0.25, 0.56, 0.79)),
    ("MNI152NLin2009cAsym", "right"): _Spheroid((3.6, -23.1, 2.7), 59, 4.7, (-0.27, 0.55, 0.79)),
    ("MNI152NLin6Asym", "left"): _Spheroid((-3.3, -23.8, 2.9), 68, 5.5, (0.25, 0.53, 0.81)),
    ("MNI152NLin6Asym", "right"): _Spheroid((2.5, -23.0, 3.0), 63, 5.3, (-0.25, 0.52, 0.82)),
}


def habenula_body(space: str, hemisphere: str) -> Body:
    """Return one habenula as a spheroid with CIT168's volume, centroid, length and direction.

    The label itself is bent and ragged, so that voxels hold a little less of it: 0.02 to 0.08
    less in the best voxel of 2 to 3.75 mm, 0.01 to 0.02 less in a sphere of 3 mm radius. CIT168's
    habenula is also larger than others' (THOMAS: 38 to 43 mm³ a side). Both make shares too large.

    Parameters
    ----------
    space : str
        ``MNI152NLin2009cAsym`` or ``MNI152NLin6Asym``.
    hemisphere : str
        ``left`` or ``right``.
    """
    shape = _CIT168[space, hemisphere]
    centre = np.asarray(shape.centre)
    axis = np.asarray(shape.axis) / np.linalg.norm(shape.axis)
    radius2 = shape.volume / (4 / 3 * np.pi * shape.half_length)

    def contains(points: NDArray[np.float64]) -> NDArray[np.bool_]:
        offsets = points - centre
        along2 = (offsets @ axis) ** 2
        across2 = (offsets**2).sum(axis=1) - along2
        inside: NDArray[np.bool_] = along2 / shape.half_length**2 + across2 / radius2 <= 1
        return inside

    reach = np.sqrt(axis**2 * shape.half_length**2 + (1 - axis**2) * radius2)
    return Body(contains=contains, low=centre - reach, high=centre + reach)


def label_body(labels: NDArray[np.integer], grid: Grid, label: int) -> Body:
    """Return the voxels of one label of an image as a body.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape `grid.shape`
        The label image, such as CIT168.
    grid : Grid
        Its grid, in the template space of the study.
    label : int
        The habenula of one side.

    Raises
    ------
    ValueError
        If no voxel has the label.
    """
    belongs = labels == label
    voxels = np.argwhere(belongs)
    if not len(voxels):
        raise ValueError(f"no voxel has the label {label}")
    inverse = np.linalg.inv(grid.affine)
    last = np.asarray(grid.shape) - 1

    def contains(points: NDArray[np.float64]) -> NDArray[np.bool_]:
        place = np.rint(points @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.int64)
        within = ((place >= 0) & (place <= last)).all(axis=1)
        found: NDArray[np.bool_] = within & belongs[tuple(np.clip(place, 0, last).T)]
        return found

    centres = voxels @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    half = np.abs(grid.affine[:3, :3]).sum(axis=1) / 2
    return Body(contains=contains, low=centres.min(axis=0) - half, high=centres.max(axis=0) + half)


def label_bodies(parcellation: Parcellation) -> dict[str, Body]:
    """Return the habenulae of a parcellation with CIT168's labels, by hemisphere.

    Parameters
    ----------
    parcellation : ketfc.imaging.atlas.parcellations.Parcellation
        With parcels ``HN_LH`` and ``HN_RH``.
    """
    return {
        side: label_body(parcellation.labels, parcellation.grid, int(index))
        for index, name in zip(parcellation.indices, parcellation.names, strict=True)
        for side, wanted in (("left", "HN_LH"), ("right", "HN_RH"))
        if name == wanted
    }


def expected_purity(
    native: Sequence[float],
    body: Body,
    region: Region,
    space: str,
    *,
    offsets: int = OFFSETS,
    seed: int = _SEED,
) -> Purity:
    """Return the expected share of habenula in voxels of a size.

    A grid of such voxels, parallel to the axes of the template, is laid over the body with random
    offsets. The region is placed on it as on any grid (:func:`sphere_regions`: voxels whose
    centres lie in the sphere, or the one nearest to its centre). One that is defined by labels is
    taken to be the body: voxels whose centres lie in it or, if it is weighted, all that it touches,
    by the share it fills.

    Parameters
    ----------
    native : sequence of float
        Size of the recorded voxels along x, y and z in mm.
    body : Body
        The habenula.
    region : ketfc.imaging.regions.definitions.Region
        The region that is measured.
    space : str
        Template space of both.
    offsets : int
        Number of grids.
    seed : int
        Seed of their offsets.

    Returns
    -------
    Purity
        Medians over the grids.
    """
    size = np.asarray(native, dtype=np.float64)
    rng = np.random.default_rng(seed)
    spheres = region.spheres_in(space)
    by_share = any(each.fraction for leaf in region.leaves for each in leaf.labels) or any(
        leaf.maps for leaf in region.leaves
    )
    rims = [np.add(s.centre, reach) for s in spheres for reach in (-s.radius, s.radius)]
    corners = np.stack([body.low, body.high, *rims])
    low = corners.min(axis=0) - 2 * size
    n_i, n_j, n_k = (int(n) for n in np.ceil((corners.max(axis=0) - low) / size) + 2)
    counts = np.maximum(np.ceil(size / _STEP), _PARTS).astype(int)
    parts = [(np.arange(n) + 0.5) / n for n in counts]
    within = np.stack(np.meshgrid(*parts, indexing="ij"), axis=-1).reshape(-1, 3) * size
    found = []
    for _ in range(offsets):
        # the corner of the first voxel; its centre, which the affine gives, is half a voxel on
        start = low + rng.random(3) * size
        affine = np.diag([*size, 1.0])
        affine[:3, 3] = start + size / 2
        grid = Grid(shape=(n_i, n_j, n_k), affine=affine)
        first = np.floor((body.low - start) / size).astype(int)
        last = np.floor((body.high - start) / size).astype(int)
        ranges = [np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]
        touched = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
        points = (start + touched * size)[:, np.newaxis] + within
        inside = body.contains(points.reshape(-1, 3)).reshape(len(touched), len(within))
        share = np.zeros(grid.n_voxels)
        flat = np.ravel_multi_index(tuple(touched.T), grid.shape, order="F")
        share[flat] = inside.mean(axis=1)
        weighted = (share**2).sum() / share.sum()
        if spheres:
            mean = share[sphere_regions([region], space, grid).weights.indices].mean()
        elif by_share:
            mean = weighted
        else:
            centred = body.contains(start + (touched + 0.5) * size)
            mean = share[flat[centred]].mean() if centred.any() else share.max()
        found.append((share.max(), mean, weighted))
    best, own, ideal = np.median(found, axis=0)
    return Purity(best_voxel=float(best), region=float(own), weighted=float(ideal))
