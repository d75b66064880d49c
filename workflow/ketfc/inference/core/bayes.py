"""Bayes factors for an effect against none, with the usual default priors."""

from __future__ import annotations

from math import exp, inf, lgamma, log, nan, pi

import numpy as np

from ketfc.inference.core.permutation import Floats

CAUCHY_SCALE = 0.707
"""Scale of the Cauchy prior on a standardised effect (JASP and BayesFactor: medium)."""


def jzs_one_sample(t: float, n: int) -> float:
    """Return BF10 of a one-sample or paired t.

    Parameters
    ----------
    t : float
        Its value.
    n : int
        Participants; at least 2.

    Returns
    -------
    float
        How many times likelier the data are with an effect ~ Cauchy(0, 0.707) than without one;
        NaN where t is.

    References
    ----------
    Rouder JN et al. (2009), Psychon Bull Rev 16:225–237, doi:10.3758/PBR.16.2.225.
    """
    return _jzs(t, float(n), n - 1)


def jzs_two_sample(t: float, n1: int, n2: int, *, covariates: int = 0) -> float:
    """Return BF10 of a two-sample t (equal variances), as :func:`jzs_one_sample`.

    Of an analysis of covariance, give the t of the groups and the number of `covariates`; the
    covariates are taken to be balanced between the groups.
    """
    return _jzs(t, n1 * n2 / (n1 + n2), n1 + n2 - 2 - covariates)


def correlation_bf10(r: float, n: int) -> float:
    """Return BF10 of a correlation under Jeffreys' uniform prior (stretched beta, κ = 1).

    Parameters
    ----------
    r : float
        Pearson correlation; of a partial one take `n` less the number of nuisance regressors.
    n : int
        Participants.

    Returns
    -------
    float
        NaN where r is not a number or n < 3; infinite where r = ±1.

    References
    ----------
    Ly A, Verhagen J, Wagenmakers EJ (2016), J Math Psychol 72:19–32,
    doi:10.1016/j.jmp.2015.06.004 (equation 25).
    """
    from scipy import integrate, special

    if np.isnan(r) or n < 3:
        return nan
    if abs(r) >= 1:
        return inf
    # 2F1((n − 1)/2, (n − 1)/2; n/2 + 1; r²) by Euler's transformation and Euler's integral: the
    # function itself overflows, and scipy's fails in large samples
    integral = integrate.quad(
        lambda u: u**0.5 * (1 - u) ** ((n - 3) / 2) * (1 - r**2 * u) ** -1.5,
        0,
        1,
        points=[1 / n],
        epsabs=0,
        epsrel=1e-10,
        limit=500,
    )[0]
    log_hyper = (2 - n / 2) * log(1 - r**2) + log(integral) - special.betaln(1.5, (n - 1) / 2)
    return _exp(0.5 * log(pi) - log(2) + lgamma((n + 1) / 2) - lgamma(n / 2 + 1) + log_hyper)


def _jzs(t: float, n: float, df: int) -> float:
    """Integrate over g, the variance of the effect in units of the prior's, on a log scale."""
    from scipy import integrate

    if np.isnan(t) or df < 1:
        return nan
    if np.isinf(t):
        return inf

    def log_density(u: float | Floats) -> Floats:
        g = np.exp(u)
        spread = 1 + n * g * CAUCHY_SCALE**2
        found: Floats = (
            -0.5 * np.log(spread)
            - (df + 1) / 2 * np.log1p(t**2 / (spread * df))
            - 0.5 * log(2 * pi)
            - 0.5 * u  # g^(-3/2), times g for the change of variable
            - 0.5 / g
        )
        return found

    grid = np.linspace(-6.0, 60.0, 2641)
    values = log_density(grid)
    top = float(values.max())
    peak = float(grid[values.argmax()])
    integral = integrate.quad(
        lambda u: exp(float(log_density(u)) - top), -6.0, 60.0, points=[peak], limit=200
    )[0]
    return _exp(top + log(integral) + (df + 1) / 2 * float(np.log1p(t**2 / df)))


def _exp(value: float) -> float:
    return exp(value) if value < 700 else inf
