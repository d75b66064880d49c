"""Intraclass correlation for agreement, and the reliability of a change."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np

from ketfc.inference.core.linear import is_constant
from ketfc.inference.core.permutation import Floats

LEAST = 5
"""With fewer participants nothing is said of reliability: the interval would hold everything."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of repeated measurements: ICC(2,1), also called ICC(A,1).

    Attributes
    ----------
    n, k : int
        Participants, and measurements of each.
    icc, ci_low, ci_high : float
        Reliability of one measurement. Below 0 where participants differ less than chance has it.
    error_sd : float
        Standard deviation of a measurement around the participant's own mean, differences between
        the occasions that all share taken out; in the units of the measurements.
    error_df : int
        Degrees of freedom behind it.
    obstacle : str or None
        ``too-few`` (fewer than :data:`LEAST` participants or 2 measurements) or ``constant``,
        where there are no numbers.
    """

    n: int
    k: int
    icc: float = nan
    ci_low: float = nan
    ci_high: float = nan
    error_sd: float = nan
    error_df: int = 0
    obstacle: str | None = None

    def averaged(self, times: int) -> tuple[float, float, float]:
        """Return the reliability, with its interval, of the mean of several measurements.

        Spearman and Brown's formula; of k measurements it is McGraw and Wong's ICC(A,k). NaN where
        a value lies so far below 0 that no mean of so many can have it.
        """

        def of(one: float) -> float:
            below = 1 + (times - 1) * one
            return times * one / below if below > 0 else nan

        return of(self.icc), of(self.ci_low), of(self.ci_high)


@dataclass(frozen=True)
class TrueShare:
    """Share of the variance of a change that is not error of measurement, with its interval.

    Attributes
    ----------
    share, ci_low, ci_high : float
        Below 0 where the change varies less than the error alone would make it.
    """

    share: float = nan
    ci_low: float = nan
    ci_high: float = nan


def agreement(values: Floats, *, alpha: float) -> Agreement:
    """Return the intraclass correlation for absolute agreement of single measurements.

    Parameters
    ----------
    values : numpy.ndarray of shape (n, k)
        Measurements of n participants at the same k occasions; none missing.
    alpha : float
        The interval covers 1 − `alpha`.

    Returns
    -------
    Agreement
        Two-way random effects: participants and occasions are draws from many.

    References
    ----------
    McGraw KO, Wong SP (1996), Psychol Methods 1:30–46, doi:10.1037/1082-989X.1.1.30: ICC(A,1) in
    table 4, its interval in table 7. Shrout PE, Fleiss JL (1979), Psychol Bull 86:420–428.
    """
    from scipy import stats

    n, k = values.shape
    if n < LEAST or k < 2:
        return Agreement(n, k, obstacle="too-few")
    people, occasions = values.mean(axis=1), values.mean(axis=0)
    left = values - people[:, np.newaxis] - occasions + values.mean()
    if is_constant(left) or is_constant(people):
        return Agreement(n, k, obstacle="constant")
    df = (n - 1) * (k - 1)
    between = k * float(people.var(ddof=1))
    occasion = n * float(occasions.var(ddof=1))
    error = float((left**2).sum()) / df
    icc = (between - error) / (between + (k - 1) * error + k * (occasion - error) / n)
    # Satterthwaite's degrees of freedom of the denominator, at the estimate
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    parts = (a * occasion) ** 2 / (k - 1) + (b * error) ** 2 / df
    v = (a * occasion + b * error) ** 2 / parts
    lower = float(stats.f.isf(alpha / 2, n - 1, v))
    upper = float(stats.f.isf(alpha / 2, v, n - 1))
    rest = k * occasion + (k * n - k - n) * error
    return Agreement(
        n,
        k,
        icc,
        n * (between - lower * error) / (lower * rest + n * between),
        n * (upper * between - error) / (rest + n * upper * between),
        sqrt(error),
        df,
    )


def true_share(
    spread: float, df: int, *, error_sd: float, error_df: int | None, alpha: float
) -> TrueShare:
    """Return the reliability of a difference between two measurements, with its interval.

    The share is 1 − 2 σ² / Var(change), with σ the error of one measurement: the classical
    reliability of a difference, written so that it needs neither equal spreads at both sessions
    nor their correlation.

    Parameters
    ----------
    spread : float
        Standard deviation of the change.
    df : int
        Its degrees of freedom.
    error_sd : float
        Standard deviation of the error of one measurement.
    error_df : int or None
        Its degrees of freedom; None where it is not an estimate, so that there is no interval.
    alpha : float
        The interval covers 1 − `alpha`. It is that of a ratio of two independent variances of
        normal values (F).

    References
    ----------
    Lord FM, Novick MR (1968), Statistical theories of mental test scores, ch. 3.
    """
    from scipy import stats

    ratio = spread**2 / (2 * error_sd**2)
    if error_df is None:
        return TrueShare(1 - 1 / ratio)
    small, large = map(float, stats.f.ppf([alpha / 2, 1 - alpha / 2], df, error_df))
    return TrueShare(1 - 1 / ratio, 1 - large / ratio, 1 - small / ratio)
