"""ALFF and fALFF: how strongly a voxel fluctuates slowly, from a few rows of Fourier transform.

Everything before the square root is linear: filling censored volumes in, filter, regression and
Fourier transform are one matrix, which is multiplied with the voxels once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketfc.base.errors import RunError

CHUNK = 8192
"""Voxels at a time: what is in memory beside the run is a few MB."""

_ON_A_BIN = 1e-9
"""Share of a bin's width by which rounding may put a frequency outside the band."""


@dataclass(frozen=True, eq=False)
class Spectra:
    """The matrices that give the spectrum of any series of a run.

    A row for the cosine of every frequency, then one for its sine, scaled so that the sum of their
    squares is the power of the one-sided periodogram (a sine of amplitude A has A²/2).

    Attributes
    ----------
    banded : numpy.ndarray of float64, shape (2 n_bins, n_volumes)
        The frequencies of the band, of the band-passed series.
    whole : numpy.ndarray of float64, shape (2 n_frequencies, n_volumes)
        All frequencies but zero, of the series that are not band-passed.
    in_band : numpy.ndarray of bool, shape (n_frequencies,)
        Which of those are in the band.
    """

    banded: NDArray[np.float64]
    whole: NDArray[np.float64]
    in_band: NDArray[np.bool_]


def spectra(
    banded: NDArray[np.float64],
    whole: NDArray[np.float64],
    *,
    repetition_time: float,
    band: tuple[float, float],
) -> Spectra:
    """Return the matrices of the spectra of a run from those that clean it.

    Censored volumes are interpolated in both, so that every run has the periodogram of equally
    spaced volumes: a Lomb–Scargle periodogram of the kept ones alone grows as volumes are censored,
    without any change in the brain.

    Parameters
    ----------
    banded, whole : numpy.ndarray, shape (n_filled, n_volumes)
        From :func:`ketfc.imaging.denoise.operator.filled_operator`: with a band-pass, and without.
    repetition_time : float
        Seconds.
    band : tuple of float
        Lowest and highest frequency in Hz, both within.

    Raises
    ------
    RunError
        ``activity-band`` where the run has no frequency of the band, or not all of them.
    """
    n = len(whole)
    require_band(n, repetition_time, band)
    in_band = _in_band(n, repetition_time, band)
    transform = _fourier(n)
    return Spectra(
        transform[np.concatenate([in_band, in_band])] @ banded, transform @ whole, in_band
    )


def require_band(n_volumes: int, repetition_time: float, band: tuple[float, float]) -> None:
    """Refuse a run whose spectrum does not have a band.

    Raises
    ------
    RunError
        ``activity-band``.
    """
    low, high = band
    fastest = 1 / (2 * repetition_time)
    if high >= fastest or not _in_band(n_volumes, repetition_time, band).any():
        raise RunError(
            "activity-band",
            f"the spectrum of {n_volumes} volumes every {repetition_time:g} s does not hold "
            f"{low:g} to {high:g} Hz",
            value=round(fastest, 6),
            threshold=high,
        )


def _in_band(n: int, repetition_time: float, band: tuple[float, float]) -> NDArray[np.bool_]:
    """Return which frequencies of `n` volumes, but zero, lie in the band."""
    low, high = (edge * n * repetition_time for edge in band)
    k = np.arange(1, n // 2 + 1)
    inside: NDArray[np.bool_] = (k >= low - _ON_A_BIN) & (k <= high + _ON_A_BIN)
    return inside


def _fourier(n: int) -> NDArray[np.float64]:
    """Return the rows of cosines, then of sines, of all frequencies of `n` volumes but zero."""
    k = np.arange(1, n // 2 + 1)
    angle = 2 * np.pi * (np.outer(k, np.arange(n)) % n) / n
    # the power of a frequency is that of its positive and its negative half, which at half the
    # sampling rate are one
    scale = np.where(2 * k == n, 1.0, np.sqrt(2.0))[:, np.newaxis] / n
    return np.concatenate([scale * np.cos(angle), scale * np.sin(angle)])


def amplitudes(
    found: Spectra, values: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ALFF and fALFF of voxels.

    Parameters
    ----------
    found : Spectra
        Of the run.
    values : numpy.ndarray, shape (n_volumes, n_voxels)
        Series without their mean, in the image's units, not denoised; products are taken in their
        precision.

    Returns
    -------
    alff : numpy.ndarray, shape (n_voxels,)
        Twice the mean, over the frequencies of the band, of the square root of the power of the
        band-passed series, in the image's units: A√2/n_bins for a sine of amplitude A on one of
        them. Zang's measure with XCP-D's factor.
    falff : numpy.ndarray, shape (n_voxels,)
        Sum of the square root of power over the band, divided by that over all frequencies but
        zero, both of the series that are not band-passed; NaN where these have no power.

    References
    ----------
    Zang YF et al. (2007), Brain Dev 29:83–91, doi:10.1016/j.braindev.2006.07.002 (ALFF).
    Zou QH et al. (2008), J Neurosci Methods 172:137–141, doi:10.1016/j.jneumeth.2008.04.012.
    """
    both = np.concatenate([found.banded, found.whole]).astype(values.dtype)
    split = len(found.banded)
    n_voxels = values.shape[1]
    alff, falff = np.empty(n_voxels), np.empty(n_voxels)
    for start in range(0, n_voxels, CHUNK):
        part = slice(start, start + CHUNK)
        coefficients = both @ values[:, part]
        alff[part] = 2 * _roots(coefficients[:split]).mean(axis=0, dtype=np.float64)
        roots = _roots(coefficients[split:])
        total = roots.sum(axis=0, dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            falff[part] = roots[found.in_band].sum(axis=0, dtype=np.float64) / total
    return alff, falff


def _roots(coefficients: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the square root of power by frequency, from rows of cosines, then of sines."""
    cosine, sine = np.split(coefficients, 2)
    power = cosine * cosine
    power += sine * sine
    roots: NDArray[np.floating] = np.sqrt(power, out=power)
    return roots
