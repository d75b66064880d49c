"""Power of two-sided tests by t, and the smallest effects that they detect with a given power.

A permutation test of the same statistic has about the same power.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan, sqrt

import numpy as np

from ketfc.inference.core.permutation import Floats

POWER = 0.80
"""The power that is asked for by default."""

RANK_EFFICIENCY = 0.912
"""Share of the participants that a test by values would need for the power of one by ranks.

(3/π)², for normal values: Hotelling H, Pabst MR (1936), Ann Math Stat 7:29–43.
"""

_SHARES = 400
"""Equally likely values that stand for a distribution."""


def detectable_dz(n: int, *, alpha: float, power: float = POWER) -> float:
    """Return the smallest mean change, in its standard deviations, that a paired t test detects.

    Parameters
    ----------
    n : int
        Participants.
    alpha : float
        Two-sided level.
    power : float
        Probability of detection.

    Returns
    -------
    float
        Above 0; NaN below two participants.
    """
    return _smallest(lambda dz: power_of_dz(dz, n, alpha=alpha), n - 1, power)


def power_of_dz(dz: float, n: int, *, alpha: float) -> float:
    """Return the power of a paired t test.

    Parameters
    ----------
    dz : float
        Mean change in its standard deviations, not below 0.
    n : int
        Participants, at least 2.
    alpha : float
        Two-sided level.
    """
    return power_of_t(dz * sqrt(n), n - 1, alpha=alpha)


def detectable_partial_r(n: int, *, nuisance: int = 0, alpha: float, power: float = POWER) -> float:
    """Return the smallest (partial) correlation that a regression detects.

    Parameters
    ----------
    n : int
        Participants.
    nuisance : int
        Regressors beside the tested one and the intercept: 0 for a plain correlation.
    alpha, power : float
        As for :func:`detectable_dz`.

    Returns
    -------
    float
        Between 0 and 1; NaN without residual degrees of freedom. All variables are taken to be
        normal and to differ from sample to sample, a change in connectivity no less than a score:
        the noncentrality of t is r / √(1 − r²) times the root of a χ² with n − 1 − `nuisance`
        degrees of freedom, over which the power is averaged.
    """
    df = n - nuisance - 2
    slope = _smallest(lambda f: _power_of_slope(f, df, alpha), df, power)
    return slope / sqrt(1 + slope**2)


def power_of_partial_r(r: float, n: int, *, nuisance: int = 0, alpha: float) -> float:
    """Return the power of the test of a (partial) correlation by a regression.

    Parameters
    ----------
    r : float
        The correlation, from 0 to below 1.
    n, nuisance
        As for :func:`detectable_partial_r`; NaN without residual degrees of freedom.
    alpha : float
        Two-sided level.
    """
    df = n - nuisance - 2
    return nan if df < 1 else _power_of_slope(r / sqrt(1 - r**2), df, alpha)


def _power_of_slope(slope: float, df: int, alpha: float) -> float:
    """Return the power for a slope in residual standard deviations per one of the regressor."""
    from scipy import stats

    shares = (np.arange(_SHARES) + 0.5) / _SHARES
    spread = np.sqrt(stats.chi2.ppf(shares, df + 1))
    return power_of_t(slope * spread, df, alpha=alpha)


def detectable_difference(
    n1: int,
    n2: int,
    *,
    nuisance: int = 0,
    explained: float = 0.0,
    alpha: float,
    power: float = POWER,
) -> float:
    """Return the smallest difference between two arms that a t test or an ANCOVA detects.

    Parameters
    ----------
    n1, n2 : int
        Participants in each arm.
    nuisance : int
        Covariates (1 for an ANCOVA with the baseline).
    explained : float
        Share of the variance within arms that the covariates explain: the squared correlation of
        baseline and follow-up, 0 where it is not known.
    alpha, power : float
        As for :func:`detectable_dz`.

    Returns
    -------
    float
        In standard deviations of the outcome within arms; NaN where an arm is empty or no residual
        degrees of freedom are left. Covariates are taken to be normal and to differ between the
        arms by chance, from sample to sample: the share of the comparison that is not theirs is a
        beta variable, over which the power is averaged.
    """
    df = n1 + n2 - 2 - nuisance
    if min(n1, n2) < 1:
        return nan

    def power_of(effect: float) -> float:
        return power_of_difference(
            effect, n1, n2, nuisance=nuisance, explained=explained, alpha=alpha
        )

    return _smallest(power_of, df, power)


def power_of_difference(
    difference: float,
    n1: int,
    n2: int,
    *,
    nuisance: int = 0,
    explained: float = 0.0,
    alpha: float,
) -> float:
    """Return the power of a t test or an ANCOVA of two arms.

    Parameters
    ----------
    difference : float
        In standard deviations of the outcome within arms, not below 0.
    n1, n2, nuisance, explained
        As for :func:`detectable_difference`; NaN where that has none.
    alpha : float
        Two-sided level.
    """
    from scipy import stats

    df = n1 + n2 - 2 - nuisance
    if min(n1, n2) < 1 or df < 1:
        return nan
    expected = difference * sqrt(n1 * n2 / (n1 + n2)) / sqrt(1 - explained)
    if nuisance == 0:
        return power_of_t(expected, df, alpha=alpha)
    shares = (np.arange(_SHARES) + 0.5) / _SHARES
    own = np.sqrt(stats.beta.ppf(shares, (df + 1) / 2, nuisance / 2))
    return power_of_t(expected * own, df, alpha=alpha)


def power_of_t(noncentrality: float | Floats, df: int, *, alpha: float) -> float:
    """Return the power of a two-sided t test.

    Parameters
    ----------
    noncentrality : float or numpy.ndarray
        Expected size of t, above 0: the effect over its standard error. Of several that are
        equally likely the mean power is returned.
    df : int
        Degrees of freedom.
    alpha : float
        Two-sided level.
    """
    from scipy import stats

    edge = float(stats.t.ppf(1 - alpha / 2, df))
    # scipy's lower tail is not a number where it is too small to matter
    lower = np.nan_to_num(stats.nct.cdf(-edge, df, noncentrality))
    return float(np.mean(stats.nct.sf(edge, df, noncentrality) + lower))


def _smallest(power_of: Callable[[float], float], df: int, power: float) -> float:
    """Return the effect whose power is the one asked for."""
    from scipy import optimize

    if df < 1:
        return nan

    def missing(effect: float) -> float:
        return power_of(effect) - power

    highest = 1.0
    while missing(highest) < 0:
        highest *= 2
    return float(optimize.brentq(missing, 0.0, highest, xtol=1e-10))
