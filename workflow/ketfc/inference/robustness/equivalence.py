"""Equivalence tests: two one-sided tests (TOST) against a margin."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np

from ketfc.inference.core.linear import Coefficient, is_constant
from ketfc.inference.core.permutation import Floats


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests of an estimate against −margin and +margin.

    Attributes
    ----------
    margin : float
        In the units of the estimate.
    ci_low, ci_high : float
        The interval of 1 − 2·alpha, which lies within ±margin exactly where `p` ≤ alpha.
    p_above, p_below : float
        One-sided p of an effect above −margin, and of one below +margin.
    p : float
        The larger of both.
    equivalent : bool
        Whether p ≤ alpha. If not, the effect has not been shown to be large either.
    obstacle : str or None
        ``too-few``, ``constant`` or ``no-error`` (the estimate has no standard error) where there
        are no numbers.
    """

    margin: float
    ci_low: float
    ci_high: float
    p_above: float
    p_below: float
    p: float
    equivalent: bool
    obstacle: str | None = None


def tost_paired(
    baseline: Floats,
    followup: Floats,
    *,
    alpha: float,
    margin: float | None = None,
    margin_dz: float | None = None,
) -> Equivalence:
    """Test whether the mean change is smaller than a margin.

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,)
        Values of the same participants.
    alpha : float
        Level of either test.
    margin : float, optional
        The smallest change that matters, in the values' own units (Fisher z); above 0.
    margin_dz : float, optional
        The same in standard deviations of the change, as observed: the margin then depends on the
        data, so that the level is only approximate in small samples.

    Raises
    ------
    ValueError
        Unless exactly one margin is given, and it is above 0.

    References
    ----------
    Lakens D (2017), Soc Psychol Personal Sci 8:355–362, doi:10.1177/1948550617697177.
    """
    if (margin is None) == (margin_dz is None):
        raise ValueError("give either margin or margin_dz")
    change = followup - baseline
    n = len(change)
    if n < 3 or is_constant(change):
        stated = nan if margin is None else _positive(margin)
        return _nothing(stated, "too-few" if n < 3 else "constant")
    sd = float(change.std(ddof=1))
    # a multiple of the spread, or the margin as it is
    limit = _positive(margin if margin is not None else (margin_dz or 0.0) * sd)
    return _tost(float(change.mean()), sd / n**0.5, n - 1, limit, alpha)


def tost_coefficient(coefficient: Coefficient, *, margin: float, alpha: float) -> Equivalence:
    """Test whether a regression coefficient is smaller than a margin.

    Parameters
    ----------
    coefficient : ketfc.inference.core.linear.Coefficient
        With estimate, t and degrees of freedom, as
        :func:`ketfc.inference.core.linear.hc3_coefficient` gives it.
    margin : float
        The smallest coefficient that matters, in its own units; above 0.
    alpha : float
        Level of either test.

    Raises
    ------
    ValueError
        If the margin is not above 0.
    """
    limit = _positive(margin)
    if not np.isfinite(coefficient.statistic) or coefficient.statistic == 0:
        return _nothing(limit, "no-error")
    error = coefficient.estimate / coefficient.statistic
    return _tost(coefficient.estimate, error, coefficient.df, limit, alpha)


def _positive(margin: float) -> float:
    if not margin > 0:
        raise ValueError(f"the margin is {margin}, it must be above 0")
    return margin


def _nothing(margin: float, why: str) -> Equivalence:
    return Equivalence(margin, nan, nan, nan, nan, nan, equivalent=False, obstacle=why)


def _tost(estimate: float, error: float, df: float, margin: float, alpha: float) -> Equivalence:
    from scipy import stats

    above = float(stats.t.sf((estimate + margin) / error, df))
    below = float(stats.t.cdf((estimate - margin) / error, df))
    half = float(stats.t.ppf(1 - alpha, df)) * error
    return Equivalence(
        margin=margin,
        ci_low=estimate - half,
        ci_high=estimate + half,
        p_above=above,
        p_below=below,
        p=max(above, below),
        equivalent=max(above, below) <= alpha,
    )
