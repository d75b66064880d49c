"""Spheres spread over the cortex, with the circuits' radii, from which matched pairs are drawn.

A parcel is larger than most regions of the circuits, the habenula's most of all, so that no pair of
parcels is like their edges. These spheres have the circuits' own radii; they are measured in the
same read as everything else, by the primary strategy alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.atlas.templates import ANY_MNI
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.definitions import Region, Sphere
from ketfc.imaging.regions.placing import RegionSet, sphere_regions
from ketfc.imaging.regions.registry import Registry

SPHERES = "KetfcSpheres"
"""Name of the set of these spheres, used as the name of an atlas."""

N_SPHERES = 480
"""Number of spheres, shared among the radii."""

_USUAL_RADII = (3.0, 5.0, 8.0)
"""Radii in mm for regions that are not spheres."""

_AT_ONCE = 1000
"""Points compared with the centres at a time."""

_SEED = 12
"""Fixed seed: positions of the spheres are part of their definition, not of a study."""


def null_spheres(registry: Registry, space: str, cortex: Parcellation) -> pd.DataFrame:
    """Return spheres in the cortex, equally many of each radius in the registry.

    Centres are drawn from the voxels of the cortex, one after the other, leaving out what would
    overlap with a sphere of the same radius already there.

    Parameters
    ----------
    registry : Registry
        Whose radii are taken, and some usual ones where regions have none; shells, which are
        no ends of edges, are passed over.
    space : str
        The study's template space.
    cortex : ketfc.imaging.atlas.parcellations.Parcellation
        Voxels with a label are cortex.

    Returns
    -------
    pandas.DataFrame
        ``name``, ``x``, ``y``, ``z`` (mm) and ``radius``, the smallest first.
    """
    ends = {end for circuit in registry.circuits.values() for edge in circuit.edges for end in edge}
    regions = [registry.regions[end] for end in ends]
    found = {sphere.radius for region in regions for sphere in region.spheres_in(space)}
    if any(leaf.labels or leaf.maps for region in regions for leaf in region.leaves):
        found |= set(_USUAL_RADII)
    radii = sorted(found)
    affine = cortex.grid.affine
    centres = np.argwhere(cortex.labels > 0) @ affine[:3, :3].T + affine[:3, 3]
    rng = np.random.default_rng(_SEED)
    rows = [
        {"name": f"r{radius:g}n{i:03d}", **dict(zip("xyz", centre, strict=True)), "radius": radius}
        for radius in radii
        for i, centre in enumerate(
            _apart(centres[rng.permutation(len(centres))], 2 * radius, N_SPHERES // len(radii))
        )
    ]
    return pd.DataFrame(rows, columns=["name", "x", "y", "z", "radius"])


def _apart(points: NDArray[np.float64], distance: float, count: int) -> list[NDArray[np.float64]]:
    """Return up to `count` points, each at least `distance` from those before."""
    chosen: list[NDArray[np.float64]] = []
    # most points are never looked at: the first few hundred hold as many as are wanted
    for start in range(0, len(points), _AT_ONCE):
        left = points[start : start + _AT_ONCE]
        for earlier in chosen:
            left = _beyond(left, earlier, distance)
        while len(left) and len(chosen) < count:
            chosen.append(left[0])
            left = _beyond(left, left[0], distance)
        if len(chosen) == count:
            break
    return chosen


def _beyond(
    points: NDArray[np.float64], centre: NDArray[np.float64], distance: float
) -> NDArray[np.float64]:
    squared: NDArray[np.float64] = ((points - centre) ** 2).sum(axis=1)
    return points[squared >= distance**2]


def place_spheres(spheres: pd.DataFrame, grid: Grid) -> RegionSet:
    """Place the spheres on a grid.

    Parameters
    ----------
    spheres : pandas.DataFrame
        As :func:`null_spheres` gives them.
    grid : Grid
        The run's grid.
    """
    regions = [
        Region(
            id=name,
            name=name,
            hemisphere="midline",
            spheres=(Sphere(ANY_MNI, (x, y, z), radius),),
            source="null_spheres",
            verified=False,
        )
        for name, (x, y, z, radius) in zip(
            spheres["name"], spheres[["x", "y", "z", "radius"]].to_numpy().tolist(), strict=True
        )
    ]
    return replace(sphere_regions(regions, ANY_MNI, grid), atlas=SPHERES)
