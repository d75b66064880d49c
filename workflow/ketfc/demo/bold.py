"""Images of the demo study: signals, noise and artefacts of every voxel.

A voxel is its baseline intensity times one plus, in fractions of it: the signal of its parcel or
circuit region (grey matter), spatially smooth noise, scanner drift, a global signal, signals of
white matter and cerebrospinal fluid that leak into grey matter, and effects of head motion;
thermal noise has the same size everywhere. One place that no circuit names follows a seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ketfc.demo.head import Head, PlacedSignals, smoothed
from ketfc.demo.signals import (
    HEAD_RADIUS_MM,
    Array,
    coloured,
    correlated,
    cosine_drift,
    framewise_displacement,
)
from ketfc.demo.study import (
    CIRCUITS,
    MAP_CENTRE,
    MAP_RADIUS,
    MAP_SEED,
    DemoParticipant,
    planted_correlation,
    planted_edges,
    planted_map_z,
    stream,
)

T_R = 2.0
SLOPE = 4.0
"""Intensity of one step of the stored integers."""

_SMOOTH_NOISE = {"grey": 0.004, "white": 0.007, "csf": 0.020, "scalp": 0.0}
_SIGNAL = 0.012
_NETWORK_SHARE = 0.45
_THERMAL = 50.0
# neighbours weighted so, along each axis, give white noise a width of about 7 mm on a 4 mm grid
_NEIGHBOUR = 0.45
_LAG = 0.4
_LARGEST = 32767


def simulate(
    person: DemoParticipant,
    session: str,
    *,
    seed: int,
    placed: PlacedSignals,
    head: Head,
    networks: Sequence[str],
    motion: Array,
    shape: tuple[int, ...],
) -> NDArray[np.int16]:
    """Return the intensities of one run, as integers in steps of `SLOPE`.

    Parameters
    ----------
    person : DemoParticipant
        Who.
    session : str
        ``pre`` or ``post``.
    seed : int
        Seed of the study.
    placed : PlacedSignals
        Where the signals go.
    head : Head
        The voxels.
    networks : sequence of str
        The network of label 1, 2, ...
    motion : numpy.ndarray, shape (n_volumes, 6)
        Rigid-body parameters, mm and radians.
    shape : tuple of int
        Of the grid.

    Returns
    -------
    numpy.ndarray of int16, shape (n_volumes, n_voxels)
    """
    n_volumes = len(motion)
    change = _smooth_noise(stream(seed, person.id, session, "noise"), head, shape, n_volumes)
    # double precision here: sums must not depend on how many threads the BLAS has
    maps = _nuisance_maps(stream(seed, person.id, "maps"), head)
    series = _nuisance_series(stream(seed, person.id, session, "nuisance"), motion)
    change += (series @ maps).astype(np.float32)

    regions = region_series(person, session, seed=seed, names=placed.names, n_volumes=n_volumes)
    rng = stream(seed, person.id, session, "parcels")
    parcels = _parcel_series(rng, placed, networks, regions)
    label = placed.labels[head.voxels]
    change[:, label > 0] += (_SIGNAL * parcels[label[label > 0] - 1]).T.astype(np.float32)
    # a circuit region's own signal takes the place of the parcels' in its voxels
    column = np.searchsorted(head.voxels, placed.voxels)
    signal = placed.weights @ regions
    below = placed.labels[placed.voxels]
    signal[below > 0] -= parcels[below[below > 0] - 1]
    change[:, column] += (_SIGNAL * signal).T.astype(np.float32)
    # and so does a signal in a place that no circuit names
    voxels = map_voxels(placed, head)
    own = map_series(person, session, seed=seed, of=regions[placed.names.index(MAP_SEED)])
    change[:, voxels] += (_SIGNAL * (own - parcels[label[voxels] - 1])).T.astype(np.float32)

    change += 1
    change *= (head.baseline / SLOPE).astype(np.float32)
    thermal = stream(seed, person.id, session, "thermal")
    change += np.float32(_THERMAL / SLOPE) * thermal.standard_normal(change.shape, np.float32)
    return np.clip(np.rint(change), 0, _LARGEST).astype(np.int16)


def region_series(
    person: DemoParticipant, session: str, *, seed: int, names: Sequence[str], n_volumes: int
) -> Array:
    """Return the noise-free signals of circuit regions, correlated exactly as planted.

    Parameters
    ----------
    person : DemoParticipant
        Who.
    session : str
        ``pre`` or ``post``.
    seed : int
        Seed of the study.
    names : sequence of str
        Region ids.
    n_volumes : int
        Length of the run.

    Returns
    -------
    numpy.ndarray, shape (n_regions, n_volumes)
        Mean 0, standard deviation 1.
    """
    correlation = planted_correlation(names, planted_edges(person, session, seed=seed))
    return correlated(stream(seed, person.id, session, "regions"), correlation, n_volumes, T_R)


def map_voxels(placed: PlacedSignals, head: Head) -> NDArray[np.intp]:
    """Return the voxels of the head, by their number, that have the effect that a map finds.

    Those of the parcels' around `MAP_CENTRE`, but for those of circuit regions.
    """
    near = np.linalg.norm(head.world - np.array(MAP_CENTRE), axis=1) < MAP_RADIUS
    grey = placed.labels[head.voxels] > 0
    return np.flatnonzero(near & grey & ~np.isin(head.voxels, placed.voxels))


def map_series(person: DemoParticipant, session: str, *, seed: int, of: Array) -> Array:
    """Return the signal of the map's effect: correlated with that of its seed exactly as planted.

    Parameters
    ----------
    person, session, seed
        As for :func:`region_series`.
    of : numpy.ndarray, shape (n_volumes,)
        The seed's signal: mean 0, standard deviation 1, no drifts.
    """
    own = coloured(stream(seed, person.id, session, "map series"), 1, len(of), 0.7)[0]
    drift = cosine_drift(len(of), T_R)
    own -= own.mean() + drift @ (drift.T @ own)
    own -= of * (of @ own) / (of @ of)
    r = np.tanh(planted_map_z(person, session, seed=seed))
    return np.asarray(r * of + np.sqrt(1 - r**2) * own / own.std())


def _parcel_series(
    rng: np.random.Generator, placed: PlacedSignals, networks: Sequence[str], regions: Array
) -> Array:
    """Return one series per parcel: partly its network's, partly its own.

    A network that holds regions of the default-mode or the salience circuit follows them, so that
    parcels and circuits agree; the others have a signal of their own.
    """
    anchors = {region for name in ("dmn", "salience") for edge in CIRCUITS[name] for region in edge}
    followed: dict[str, list[int]] = {}
    for row, (name, members) in enumerate(zip(placed.names, placed.members, strict=True)):
        inside = placed.labels[placed.voxels[members]]
        inside = inside[inside > 0]
        if name in anchors and len(inside):
            network = networks[int(np.bincount(inside).argmax()) - 1]
            followed.setdefault(network, []).append(row)
    kinds = sorted(set(networks))
    shared = coloured(rng, len(kinds), regions.shape[1])
    for row, kind in enumerate(kinds):
        if kind in followed:
            mean = regions[followed[kind]].mean(axis=0)
            mixed = 0.8 * mean / mean.std() + 0.6 * shared[row]
            shared[row] = mixed / mixed.std()
    own = coloured(rng, len(networks), regions.shape[1])
    of = [kinds.index(network) for network in networks]
    series = np.sqrt(_NETWORK_SHARE) * shared[of] + np.sqrt(1 - _NETWORK_SHARE) * own
    return np.asarray(series)


def _nuisance_series(rng: np.random.Generator, motion: Array) -> Array:
    """Return physiology, drifts and motion, shape (n_volumes, 23), as rows of `_nuisance_maps`."""
    n_volumes = len(motion)
    physiology = coloured(rng, 7, n_volumes)
    # slow changes of breathing depth, around 0.03 Hz, are most of the global signal
    time = np.arange(n_volumes) * T_R
    wander = np.cumsum(rng.normal(0, 0.15, n_volumes))
    physiology[0] = 0.7 * physiology[0] + np.cos(2 * np.pi * 0.03 * time + wander)
    physiology[4:] = 0.6 * physiology[4:] + 0.8 * rng.standard_normal((3, n_volumes))
    trend = np.linspace(-1, 1, n_volumes)
    drift = np.stack([trend, np.cos(np.pi * (trend + rng.uniform(-1, 1)))])
    away = motion - motion.mean(axis=0)
    scale = np.array([1.0, 1, 1, *[HEAD_RADIUS_MM] * 3])
    speed = np.diff(motion, axis=0, prepend=motion[:1]) * scale
    jerk = np.clip(np.nan_to_num(framewise_displacement(motion)) - 0.3, 0, None)
    return np.concatenate([physiology, drift, away.T, speed.T, jerk[None]]).T


def _nuisance_maps(rng: np.random.Generator, head: Head) -> Array:
    """Return the weight of each nuisance series in each voxel, as a fraction of its intensity.

    In this order: the global signal; three signals of white matter and three of cerebrospinal
    fluid, which leak into grey matter; two drifts; the six motion parameters, through what
    realignment leaves of the shift of the image against the voxel (a tenth of the displacement
    times the slope of the intensity, greatest at the brain's edge); their six derivatives, as a
    stand-in for spin history; the loss of signal in a volume in which the head jerks.
    """
    grey, white, csf = (head.tissue[name] for name in ("grey", "white", "csf"))
    field = _fields(rng, head.world, 16)
    everywhere = (1 + 0.3 * field[0]) * (0.004 * grey + 0.002 * white + 0.003 * csf)
    # the first signal of each is shared by the tissue, the other two differ from place to place
    shared = np.array([1.0, 0, 0])[:, None]
    of_white = (shared + 0.6 * field[1:4]) * (0.004 * white + 0.0015 * grey)
    of_csf = (shared + 0.6 * field[4:7]) * (0.008 * csf + 0.0015 * grey)
    drift = 0.004 * (1 + 0.4 * field[7:9])
    turning = np.cross(head.world, head.slopes)
    shift = -0.1 * np.concatenate([head.slopes, turning], axis=1).T / head.baseline
    spin = 0.008 * field[9:15]
    loss = -0.01 * (1 + 0.5 * field[15])
    return np.concatenate([everywhere[None], of_white, of_csf, drift, shift, spin, loss[None]])


def _fields(rng: np.random.Generator, world: Array, count: int) -> Array:
    """Return smooth random maps of standard deviation 1, shape (count, n_voxels)."""
    direction = rng.standard_normal((count, 6, 3))
    direction /= np.linalg.norm(direction, axis=2, keepdims=True)
    wave = direction * (2 * np.pi / rng.uniform(80, 200, (count, 6, 1)))
    phase = rng.uniform(0, 2 * np.pi, (count, 6))
    maps = np.empty((count, len(world)))
    for row in range(count):
        maps[row] = np.cos(world @ wave[row].T + phase[row]).sum(axis=1)
    maps -= maps.mean(axis=1, keepdims=True)
    return np.asarray(maps / maps.std(axis=1, keepdims=True))


def _smooth_noise(
    rng: np.random.Generator, head: Head, shape: tuple[int, ...], n_volumes: int
) -> NDArray[np.float32]:
    """Return noise that is smooth in space and, a little, in time; shape (n_volumes, n_voxels)."""
    size = tuple(side.stop - side.start for side in head.box)
    noise = rng.standard_normal((n_volumes, *size), dtype=np.float32)
    for axis in (1, 2, 3):
        noise = smoothed(noise, axis, _NEIGHBOUR)
    noise *= np.float32((1 + 2 * _NEIGHBOUR**2) ** -1.5)
    grid = np.unravel_index(head.voxels, shape, order="F")
    inside = head.brain
    within = [line[inside] - side.start for line, side in zip(grid, head.box, strict=True)]
    size_of = sum(_SMOOTH_NOISE[name] * where for name, where in head.tissue.items())
    change = np.zeros((n_volumes, len(head.voxels)), dtype=np.float32)
    change[:, inside] = noise.reshape(n_volumes, -1)[:, np.ravel_multi_index(within, size)]
    change *= np.asarray(size_of, dtype=np.float32)
    for volume in range(1, n_volumes):
        change[volume] *= np.float32(np.sqrt(1 - _LAG**2))
        change[volume] += np.float32(_LAG) * change[volume - 1]
    return change
