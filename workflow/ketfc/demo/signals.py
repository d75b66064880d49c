"""Time series of the demo study: neural signals, coloured noise and head motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HEAD_RADIUS_MM = 50.0
"""Radius of the sphere that turns rotations into displacements (Power et al. 2012)."""

_RMSD_RADIUS_MM = 80.0


def coloured(rng: np.random.Generator, n_series: int, n_volumes: int, exponent: float = 1) -> Array:
    """Return noise whose power falls as 1 / frequency ** `exponent`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    n_series, n_volumes : int
        Shape of the result.
    exponent : float
        0 is white noise, 1 is 1/f.

    Returns
    -------
    numpy.ndarray, shape (n_series, n_volumes)
        Each row has mean 0 and standard deviation 1.
    """
    spectrum = np.fft.rfft(rng.standard_normal((n_series, n_volumes)))
    frequency = np.arange(spectrum.shape[1], dtype=np.float64)
    frequency[0] = np.inf
    series = np.fft.irfft(spectrum * frequency ** (-exponent / 2), n_volumes)
    return np.asarray(series / series.std(axis=1, keepdims=True))


def cosine_drift(n_volumes: int, t_r: float, period: float = 128.0) -> Array:
    """Return fMRIPrep's discrete cosine basis of slow drifts.

    As `nipype.algorithms.confounds` makes it, which has one cosine fewer than nilearn's
    ``create_cosine_drift`` for the same cut-off.

    Parameters
    ----------
    n_volumes : int
        Length of the run.
    t_r : float
        Repetition time in s.
    period : float
        Shortest period of a drift, in s.

    Returns
    -------
    numpy.ndarray, shape (n_volumes, n_cosines)
        Orthonormal columns, without the constant.
    """
    order = max(int(np.floor(2 * n_volumes * t_r / period)), 1)
    phase = np.pi / n_volumes * (np.arange(n_volumes) + 0.5)
    basis = np.sqrt(2 / n_volumes) * np.cos(phase[:, None] * np.arange(1, order))
    return np.asarray(basis)


def correlated(rng: np.random.Generator, correlation: Array, n_volumes: int, t_r: float) -> Array:
    """Return 1/f-like series that have exactly the correlation asked for.

    Coloured noise without slow drifts is whitened in the sample (so that no correlation is left
    to chance) and mixed by the Cholesky factor of `correlation`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    correlation : numpy.ndarray, shape (n, n)
        Positive definite, with a unit diagonal.
    n_volumes : int
        Length of the run, more than n plus the number of drifts.
    t_r : float
        Repetition time in s.

    Returns
    -------
    numpy.ndarray, shape (n, n_volumes)
        Each row has mean 0 and standard deviation 1.

    Raises
    ------
    ValueError
        If `correlation` is not positive definite.
    """
    try:
        mixing = np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError as error:
        raise ValueError("the correlations asked for cannot hold together") from error
    series = coloured(rng, len(correlation), n_volumes, 0.7)
    drift = cosine_drift(n_volumes, t_r)
    series -= series @ drift @ drift.T
    # symmetric whitening changes each series as little as possible
    values, vectors = np.linalg.eigh(series @ series.T / n_volumes)
    return np.asarray(mixing @ (vectors / np.sqrt(values)) @ vectors.T @ series)


def head_motion(
    rng: np.random.Generator, n_volumes: int, typical_fd: float, *, heavy: bool = False
) -> Array:
    """Return the six rigid-body parameters of a head that wanders and now and then jerks.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    n_volumes : int
        Length of the run.
    typical_fd : float
        Mean framewise displacement, in mm, without the jerks.
    heavy : bool
        Whether the head jerks in a third of the volumes instead of two or three times.

    Returns
    -------
    numpy.ndarray, shape (n_volumes, 6)
        Translations along x, y, z in mm and rotations about them in radians, with six decimals as
        motion-correction programs write them.
    """
    # the head nods and slides along the bore rather than sideways
    share = np.array([0.6, 1.0, 1.4, 1.4, 0.7, 0.6]) / np.array([1, 1, 1, *[HEAD_RADIUS_MM] * 3])
    steps = rng.standard_normal((n_volumes, 6)) * share
    place = np.zeros((n_volumes, 6))
    for volume in range(1, n_volumes):
        place[volume] = 0.97 * place[volume - 1] + steps[volume]
    place *= typical_fd / framewise_displacement(place)[1:].mean()
    n_jerks = n_volumes // 3 if heavy else rng.poisson(20 * typical_fd)
    for volume in rng.choice(np.arange(2, n_volumes - 2), n_jerks, replace=False):
        jerk = rng.standard_normal(6) * share
        size = np.abs(jerk * [1, 1, 1, *[HEAD_RADIUS_MM] * 3]).sum()
        jerk *= rng.uniform(0.7, 1.6) / size
        returns = rng.random() < 0.85
        place[volume : volume + 1 if returns else n_volumes] += jerk
    return np.round(place, 6)


def framewise_displacement(motion: Array) -> Array:
    """Return framewise displacement (Power et al. 2012): the sum of absolute changes.

    Parameters
    ----------
    motion : numpy.ndarray, shape (n_volumes, 6)
        Translations in mm and rotations in radians.

    Returns
    -------
    numpy.ndarray, shape (n_volumes,)
        mm; the first is not a number.
    """
    change = np.abs(np.diff(motion, axis=0))
    displacement = change[:, :3].sum(axis=1) + HEAD_RADIUS_MM * change[:, 3:].sum(axis=1)
    return np.concatenate([[np.nan], displacement])


def relative_rms(motion: Array) -> Array:
    """Return the relative root mean square deviation of Jenkinson (1999), FSL's ``rmsd``.

    Parameters
    ----------
    motion : numpy.ndarray, shape (n_volumes, 6)
        Translations in mm and rotations in radians about the origin.

    Returns
    -------
    numpy.ndarray, shape (n_volumes,)
        mm, over a sphere of 80 mm; the first is not a number.
    """
    matrices = np.tile(np.eye(4), (len(motion), 1, 1))
    matrices[:, :3, 3] = motion[:, :3]
    x, y, z = (_rotations(axis, motion[:, 3 + axis]) for axis in range(3))
    matrices[:, :3, :3] = x @ y @ z
    change = matrices[1:] @ np.linalg.inv(matrices[:-1]) - np.eye(4)
    turning = (change[:, :3, :3] ** 2).sum(axis=(1, 2)) * _RMSD_RADIUS_MM**2 / 5
    return np.concatenate([[np.nan], np.sqrt(turning + (change[:, :3, 3] ** 2).sum(axis=1))])


def _rotations(axis: int, angles: Array) -> Array:
    """Return one 3 × 3 rotation about a coordinate axis per angle."""
    after, last = (axis + 1) % 3, (axis + 2) % 3
    matrices = np.tile(np.eye(3), (len(angles), 1, 1))
    matrices[:, after, after] = matrices[:, last, last] = np.cos(angles)
    matrices[:, last, after] = np.sin(angles)
    matrices[:, after, last] = -np.sin(angles)
    return matrices
