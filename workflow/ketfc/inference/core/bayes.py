"""Bayes factors for an effect against none, with the usual default priors."""

from __future__ import annotations

from math import exp, inf, lgamma, log, nan, pi

import numpy as np

from ketfc.inference.core.permutation import Floats

CAUCHY_SCALE = 0.707
"""Scale of the Cauchy prior on a standardised effect (JASP and BayesFactor: medium)."""

JZS_MEAN = "JZS, mean / SD"
"""Kind of a Bayes factor: of a mean change in its standard deviations."""

JZS_DIFFERENCE = "JZS, difference / residual SD, approximate (one variance)"
"""Of a difference between arms or drugs: approximate, since arms or orders share one variance."""

JEFFREYS = "Jeffreys, partial r, approximate (nuisance as lost n)"
"""Of a correlation beside nuisance, each column of which counts as a participant less."""

JEFFREYS_RANKS = "Jeffreys, partial rho, approximate (ranks as values)"
"""Of a correlation of ranks."""


def jzs(t: float, weight: float, df: int) -> float:
    """Return BF10 of a coefficient's t under the JZS prior.

    The effect is a mean or coefficient divided by the residual standard deviation σ. Its prior is
    Cauchy(0, :data:`CAUCHY_SCALE`), that of σ is 1/σ, and those of nuisance coefficients are flat
    along what the tested column does not explain of them.

    Parameters
    ----------
    t : float
        Its classical t, one residual variance for everybody.
    weight : float
        Sum of squares of the tested column beside the others: estimate / σ has the sampling
        variance 1 / `weight`. n for the mean of n participants; n₁n₂/(n₁ + n₂) for a difference of
        two groups coded 0 and 1, less where covariates differ between them.
    df : int
        Residual degrees of freedom; at least 1.

    Returns
    -------
    float
        How many times likelier the data are with such an effect than without one; NaN where t is.

    References
    ----------
    Rouder JN et al. (2009), Psychon Bull Rev 16:225–237, doi:10.3758/PBR.16.2.225.
    Rouder JN, Morey RD (2012), Multivar Behav Res 47:877–903, doi:10.1080/00273171.2012.734737
    (regression).
    """
    from scipy import integrate

    if np.isnan(t) or df < 1:
        return nan
    if np.isinf(t):
        return inf

    def log_density(u: float | Floats) -> Floats:
        """Return the log of the integrand at log g, the prior's variance in its own units."""
        g = np.exp(u)
        spread = 1 + weight * g * CAUCHY_SCALE**2
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


def _exp(value: float) -> float:
    return exp(value) if value < 700 else inf
