"""A generalised Pareto distribution in the tail of the largest values of permuted maps.

Counting gives no p below 1/(permutations + 1). Where the config asks for it, small p are taken
from a generalised Pareto distribution fitted to the largest quarter of the permuted maxima, or to
fewer where it does not fit these. A fit whose range ends would give values beyond its end a p of
zero; the exponential distribution takes its place.

References
----------
Winkler AM et al. (2016), NeuroImage 141:502–516, doi:10.1016/j.neuroimage.2016.05.068.
Hosking JRM, Wallis JR (1987), Technometrics 29:339–349, doi:10.1080/00401706.1987.10488243.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.permutation import Floats

FITTED_BELOW = 0.1
"""Only p below this are taken from the fit (Winkler et al. 2016)."""

_SHARES = (0.25, 0.2, 0.15, 0.1)
_FEWEST = 25
"""Shares of the maxima that are taken for the tail, one after the other, and the fewest of them."""

_SIMULATED, _ALPHA = 199, 0.05
"""Samples that the misfit of the tail is compared with, and the level at which it is refused."""


@dataclass(frozen=True)
class Tail:
    """The fitted tail of a distribution of maxima.

    Attributes
    ----------
    threshold : float
        Where it starts.
    share : float
        Share of the maxima beyond.
    shape, scale : float
        Hosking and Wallis's k, not above 0, and σ.
    """

    threshold: float
    share: float
    shape: float
    scale: float

    def holds(self, values: Floats, counted: Floats) -> npt.NDArray[np.bool_]:
        """Tell which values are in the tail and have a small counted p."""
        inside: npt.NDArray[np.bool_] = (values > self.threshold) & (counted < FITTED_BELOW)
        return inside

    def p(self, values: Floats, counted: Floats) -> Floats:
        """Return p of values: fitted where the tail holds them, counted elsewhere."""
        from tfce.tails import gpd_sf

        beyond = np.maximum(np.asarray(values, dtype=np.float64) - self.threshold, 0.0)
        fitted = self.share * gpd_sf(beyond, self.shape, self.scale)
        return np.where(self.holds(values, counted), fitted, counted)


def fit_tail(largest: Floats, rng: np.random.Generator) -> Tail | None:
    """Fit the tail of permuted maxima; None where no tail fits, so that p stay counted.

    Parameters
    ----------
    largest : numpy.ndarray of shape (arrangements,)
        The largest value of each arrangement.
    rng : numpy.random.Generator
        Source of the samples that the fit is checked with (Anderson and Darling's statistic).
    """
    ordered = np.sort(np.asarray(largest, dtype=np.float64))
    for share in _SHARES:
        size = int(share * len(ordered))
        if size < _FEWEST or size >= len(ordered):
            continue
        threshold = float(ordered[-size - 1 : -size + 1].mean()) if size > 1 else float("nan")
        beyond = ordered[-size:, np.newaxis] - threshold
        if not beyond[-1, 0] > 0:
            continue
        shape, scale = _fitted(beyond)
        drawn = np.sort(_drawn(rng.random((size, _SIMULATED)), shape[0], scale[0]), axis=0)
        worse = np.count_nonzero(_misfit(drawn, *_fitted(drawn)) >= _misfit(beyond, shape, scale))
        if (worse + 1) / (_SIMULATED + 1) >= _ALPHA:
            tail = size / len(ordered)
            return Tail(threshold, tail, float(shape[0]), float(scale[0]))
    return None


def _fitted(beyond: Floats) -> tuple[Floats, Floats]:
    """Return k and σ of each column of sorted excesses, by probability-weighted moments."""
    from tfce.tails import gpd_fit_pwm

    shape, scale = gpd_fit_pwm(beyond)
    open_ended = np.isfinite(shape) & (shape <= 0)
    return np.where(open_ended, shape, 0.0), np.where(open_ended, scale, beyond.mean(axis=0))


def _drawn(uniform: Floats, shape: float, scale: float) -> Floats:
    """Return draws of the distribution from uniform ones."""
    if shape == 0:
        return -scale * np.log(uniform)
    drawn: Floats = scale / shape * (1 - uniform**shape)
    return drawn


def _misfit(beyond: Floats, shape: Floats, scale: Floats) -> Floats:
    """Return Anderson and Darling's A² of each column of sorted excesses."""
    from tfce.tails import gpd_sf

    size = len(beyond)
    left = np.clip(gpd_sf(beyond, shape, scale), 1e-12, 1 - 1e-12)
    weight = (2 * np.arange(1, size + 1) - 1)[:, np.newaxis] / size
    a2: Floats = -size - (weight * (np.log1p(-left) + np.log(left[::-1]))).sum(axis=0)
    return a2
