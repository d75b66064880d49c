"""Anatomy of the demo study: brain voxels, tissues, and the voxels of each signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ketfc.demo.signals import Array

Mask = NDArray[np.bool_]
Spheres = Sequence[tuple[tuple[float, float, float], float]]
"""Centres (x, y, z in mm) and radii (mm)."""

_INTENSITY = {"grey": 10000.0, "white": 8500.0, "csf": 12500.0, "scalp": 4000.0}


@dataclass(frozen=True, eq=False)
class PlacedSignals:
    """Voxels that carry the signals of parcels and circuit regions.

    Attributes
    ----------
    names : tuple of str
        Region ids.
    voxels : numpy.ndarray of int, shape (n,)
        Flat indices (Fortran order) of the regions' voxels inside the brain.
    weights : numpy.ndarray, shape (n, n_regions)
        Share of each region's signal in each of these voxels, such that the mean over a region's
        voxels is exactly its signal, also where regions overlap.
    labels : numpy.ndarray of int, shape (n_grid,)
        Parcel of every voxel of the grid (Fortran order), 0 for none.
    members : tuple of numpy.ndarray of int
        Rows of `voxels` that belong to each region.
    """

    names: tuple[str, ...]
    voxels: NDArray[np.int64]
    weights: Array
    labels: NDArray[np.integer]
    members: tuple[NDArray[np.int64], ...]


def place_signals(
    regions: Sequence[tuple[str, Spheres]],
    labels: NDArray[np.integer],
    brain: Mask,
    affine: Array,
) -> PlacedSignals:
    """Find the voxels of regions and parcels.

    Parameters
    ----------
    regions : sequence of (id, spheres)
        Voxels whose centres lie within the radius belong to a sphere; where none does, the voxel
        that holds its centre. Only voxels of the brain count.
    labels : numpy.ndarray of int, 3-D
        A parcellation, 0 outside.
    brain : numpy.ndarray of bool, 3-D
        The brain.
    affine : numpy.ndarray, shape (4, 4)
        From voxel indices to mm.
    """
    place, world = _positions(brain, affine)
    inverse = np.linalg.inv(affine)
    belongs = np.zeros((len(regions), len(place)), dtype=bool)
    for row, (_, spheres) in enumerate(regions):
        for centre, radius in spheres:
            inside = ((world - np.asarray(centre)) ** 2).sum(axis=1) <= radius**2
            if not inside.any():
                nearest = np.rint(inverse[:3, :3] @ np.asarray(centre) + inverse[:3, 3])
                inside = (place == nearest).all(axis=1)
            belongs[row] |= inside
    used = np.flatnonzero(belongs.any(axis=0))
    averaging = belongs[:, used] / np.maximum(belongs.sum(axis=1, keepdims=True), 1)
    return PlacedSignals(
        names=tuple(name for name, _ in regions),
        voxels=np.ravel_multi_index(tuple(place[used].T), brain.shape, order="F"),
        weights=np.linalg.pinv(averaging),
        labels=labels.ravel(order="F"),
        members=tuple(np.flatnonzero(row) for row in belongs[:, used]),
    )


@dataclass(frozen=True, eq=False)
class Head:
    """The brain and a rim of scalp around it, as a list of voxels.

    Attributes
    ----------
    voxels : numpy.ndarray of int, shape (n,)
        Flat indices in Fortran order.
    world : numpy.ndarray, shape (n, 3)
        Centres in mm.
    tissue : mapping of str to numpy.ndarray of bool, shape (n,)
        ``grey``, ``white`` (without grey), ``csf`` and ``scalp``: each voxel is one of them.
    baseline : numpy.ndarray, shape (n,)
        Intensity without noise.
    slopes : numpy.ndarray, shape (n, 3)
        Change of the baseline per mm along x, y and z.
    box : tuple of slice
        The part of the grid that holds the brain.
    """

    voxels: NDArray[np.int64]
    world: Array
    tissue: Mapping[str, Mask]
    baseline: Array
    slopes: Array
    box: tuple[slice, slice, slice]

    @property
    def brain(self) -> Mask:
        """Mask of brain voxels, shape (n,)."""
        return ~self.tissue["scalp"]


def make_head(brain: Mask, gm: Mask, wm: Mask, placed: PlacedSignals, affine: Array) -> Head:
    """Divide the brain into tissues and give each its intensity.

    Whatever carries a signal is grey matter; white matter is what is not grey, and cerebrospinal
    fluid the rest, so that both are as free of grey matter as fMRIPrep's masks for aCompCor.

    Parameters
    ----------
    brain, gm, wm : numpy.ndarray of bool, 3-D
        The brain; its grey and its white matter, which may overlap.
    placed : PlacedSignals
        Where the signals go.
    affine : numpy.ndarray, shape (4, 4)
        From voxel indices to mm; its axes are those of the world.
    """
    signal = placed.labels > 0
    signal[placed.voxels] = True
    grey = brain & (gm | signal.reshape(brain.shape, order="F"))
    white = brain & wm & ~grey
    rim = _grown(_grown(brain)) & ~brain
    volumes = {"grey": grey, "white": white, "csf": brain & ~grey & ~white, "scalp": rim}
    intensity = np.zeros(brain.shape)
    for name, where in volumes.items():
        intensity[where] = _INTENSITY[name]
    for axis in range(3):
        intensity = smoothed(intensity, axis, 0.5) / 2
    slopes = [np.gradient(intensity, affine[axis, axis], axis=axis) for axis in range(3)]
    place, world = _positions(brain | rim, affine)
    at = tuple(place.T)
    corners = [(line.min(), line.max() + 1) for line in np.nonzero(brain)]
    x, y, z = (slice(int(low), int(high)) for low, high in corners)
    return Head(
        voxels=np.ravel_multi_index(at, brain.shape, order="F"),
        world=world,
        tissue={name: where[at] for name, where in volumes.items()},
        baseline=intensity[at],
        slopes=np.stack([slope[at] for slope in slopes], axis=1),
        box=(x, y, z),
    )


def smoothed(values: NDArray[Any], axis: int, neighbour: float) -> NDArray[Any]:
    """Return values plus `neighbour` times both neighbours along an axis."""
    lines = np.moveaxis(values, axis, 0)
    smoothed = lines.copy()
    weight = values.dtype.type(neighbour)
    smoothed[1:] += weight * lines[:-1]
    smoothed[:-1] += weight * lines[1:]
    return np.moveaxis(smoothed, 0, axis)


def _grown(mask: Mask) -> Mask:
    """Return a mask and the voxels that share a face with it."""
    grown = mask.copy()
    for axis in range(3):
        ahead, behind = np.moveaxis(grown, axis, 0), np.moveaxis(mask, axis, 0)
        ahead[1:] |= behind[:-1]
        ahead[:-1] |= behind[1:]
    return grown


def _positions(mask: Mask, affine: Array) -> tuple[NDArray[np.int64], Array]:
    """Return indices and centres (mm) of a mask's voxels, in Fortran order."""
    flat = np.flatnonzero(mask.ravel(order="F"))
    place = np.stack(np.unravel_index(flat, mask.shape, order="F"), axis=1)
    return place, place @ affine[:3, :3].T + affine[:3, 3]
