"""Effect of a study as a meta-analysis takes it: one metric and variance for each design."""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, sqrt

from ketfc.inference.core.effect_sizes import hedges_factor

DIFFERENCE = "difference between arms, units of the measure (ANCOVA)"
PAIRED = "mean change / SD of the change (SMCC)"
DRUGS = "difference between drugs / SD of the difference within orders (SMCC)"
CORRELATION = "partial Spearman correlation, Fisher's z"


@dataclass(frozen=True)
class Effect:
    """An estimate with the variance that weighs it.

    Attributes
    ----------
    metric : str
        :data:`DIFFERENCE`, :data:`PAIRED`, :data:`DRUGS` or :data:`CORRELATION`. Effects of two
        metrics are never pooled.
    estimate, variance : float
        In that metric.
    """

    metric: str
    estimate: float
    variance: float

    @property
    def se(self) -> float:
        """The standard error."""
        return sqrt(self.variance)


def paired_effect(mean: float, sd: float, n: int) -> Effect:
    """Return the standardised mean change, by the standard deviation of the change.

    Parameters
    ----------
    mean, sd : float
        Mean and standard deviation of the changes.
    n : int
        Participants, at least 3.

    Returns
    -------
    Effect
        J · mean / sd with the variance 1/n + d²/(2n).

    References
    ----------
    Gibbons RD, Hedeker DR, Davis JM (1993), J Educ Stat 18:271–279,
    doi:10.3102/10769986018003271 (as ``SMCC`` of metafor).
    """
    d = hedges_factor(n - 1) * mean / sd
    return Effect(PAIRED, d, 1 / n + d**2 / (2 * n))


def drug_effect(g: float, ketamine_first: int, control_first: int) -> Effect:
    """Return the standardised difference between two drugs within participants.

    Parameters
    ----------
    g : float
        The difference at equal period, in standard deviations of the difference pooled within
        orders, corrected for small samples.
    ketamine_first, control_first : int
        Participants by order.

    Returns
    -------
    Effect
        With the variance of a mean of two means of half the weight, (1/n₁ + 1/n₂)/4 + g²/(2n).
    """
    n = ketamine_first + control_first
    mean = (1 / ketamine_first + 1 / control_first) / 4
    return Effect(DRUGS, g, mean + g**2 / (2 * n))


def difference_effect(difference: float, statistic: float) -> Effect:
    """Return the adjusted difference between two arms in its own units.

    Parameters
    ----------
    difference : float
        The coefficient of the arm, Fisher z.
    statistic : float
        Its t, not 0, from which its standard error follows.
    """
    return Effect(DIFFERENCE, difference, (difference / statistic) ** 2)


def correlation_effect(rho: float, n: int, nuisance: int) -> Effect:
    """Return a partial rank correlation as Fisher's z.

    Parameters
    ----------
    rho : float
        Partial Spearman correlation, between −1 and 1.
    n : int
        Participants, more than `nuisance` + 3.
    nuisance : int
        Columns that it is given, without the intercept.

    Returns
    -------
    Effect
        artanh ρ with the variance (1 + ρ²/2)/(n − k − 3).

    References
    ----------
    Bonett DG, Wright TA (2000), Psychometrika 65:23–28, doi:10.1007/BF02294183.
    """
    return Effect(CORRELATION, atanh(rho), (1 + rho**2 / 2) / (n - nuisance - 3))
