"""Standardised and rank-based sizes of a change or a difference."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np

from ketfc.inference.change import hedges_factor
from ketfc.inference.linear import is_constant
from ketfc.inference.permutation import Floats

_EXACT_BELOW = 50
"""Samples up to this size have the exact null distribution of rank sums."""


@dataclass(frozen=True)
class PairedEffect:
    """Mean change in two units of standard deviation, both corrected for small samples.

    Attributes
    ----------
    dz : float
        In standard deviations of the change: what the paired test sees.
    d_av : float
        In the mean of the standard deviations before and after: what can be compared with
        differences between groups.
    obstacle : str or None
        ``too-few`` (n < 3) or ``constant`` where there is neither.
    """

    dz: float
    d_av: float
    obstacle: str | None = None


@dataclass(frozen=True)
class Shift:
    """A Hodges–Lehmann shift with the interval and p of the rank test that belongs to it.

    Attributes
    ----------
    estimate, ci_low, ci_high : float
        Shift in the values' own units; the interval is NaN where too few values allow none.
    statistic : float
        Wilcoxon's W+ (paired) or Mann and Whitney's U (of the first sample).
    p : float
        Two-sided p: exact without ties or zeros up to 50 values, else by the normal approximation.
    effect_size : float
        Rank-biserial correlation: share of favourable pairs or rank sums less unfavourable.
    obstacle : str or None
        ``too-few`` or ``constant`` where there are no numbers.
    """

    estimate: float
    ci_low: float
    ci_high: float
    statistic: float
    p: float
    effect_size: float
    obstacle: str | None = None


def paired_effect(baseline: Floats, followup: Floats) -> PairedEffect:
    """Return dz and d_av of a change.

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,)
        Values of the same participants.

    References
    ----------
    Lakens D (2013), Front Psychol 4:863, doi:10.3389/fpsyg.2013.00863 (d_z, d_av). Both are
    multiplied by Hedges' factor at n − 1 degrees of freedom, the smaller of those in use for d_av.
    """
    change = followup - baseline
    n = len(change)
    if n < 3:
        return PairedEffect(nan, nan, "too-few")
    if is_constant(change):
        return PairedEffect(nan, nan, "constant")
    mean, factor = float(change.mean()), hedges_factor(n - 1)
    average = (float(baseline.std(ddof=1)) + float(followup.std(ddof=1))) / 2
    return PairedEffect(dz=factor * mean / float(change.std(ddof=1)), d_av=factor * mean / average)


def paired_shift(baseline: Floats, followup: Floats, *, alpha: float) -> Shift:
    """Return the Hodges–Lehmann change with Wilcoxon's signed-rank test.

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,)
        Values of the same participants.
    alpha : float
        The interval covers at least 1 − `alpha`.

    Returns
    -------
    Shift
        Median of the means of all pairs of changes (each with itself too). Zero changes count for
        the estimate and its interval, and are left out of W and p.

    References
    ----------
    Hollander M, Wolfe DA (1999), Nonparametric statistical methods, 2nd ed, sections 3.1 to 3.3.
    """
    from scipy import stats

    change = followup - baseline
    n = len(change)
    if n < 3:
        return _nothing("too-few")
    if is_constant(change):
        return _nothing("constant")
    walsh = ((change[:, np.newaxis] + change) / 2)[np.triu_indices(n)]
    positions = np.arange(1, n + 1, dtype=np.float64)
    low, high = _ends(
        np.sort(walsh),
        alpha,
        counts=_subset_sums(n) if n <= _EXACT_BELOW else None,
        variance=float((positions**2).sum() / 4),
    )
    nonzero = change[change != 0]
    ranks = stats.rankdata(np.abs(nonzero))
    positive = float(ranks[nonzero > 0].sum())
    tied = len(np.unique(ranks)) < n
    method = "approx" if tied or n > _EXACT_BELOW else "exact"
    test = stats.wilcoxon(change, zero_method="wilcox", method=method)
    return Shift(
        estimate=float(np.median(walsh)),
        ci_low=low,
        ci_high=high,
        statistic=positive,
        p=float(test.pvalue),
        effect_size=2 * positive / float(ranks.sum()) - 1,
    )


def two_sample_shift(first: Floats, second: Floats, *, alpha: float) -> Shift:
    """Return the Hodges–Lehmann difference of two samples with Mann and Whitney's test.

    Parameters
    ----------
    first, second : numpy.ndarray of shape (n1,) and (n2,)
        Values of two groups; the shift is first − second.
    alpha : float
        The interval covers at least 1 − `alpha`.

    Returns
    -------
    Shift
        Median of all differences between the groups; ``too-few`` below two in either.
    """
    from scipy import stats

    n1, n2 = len(first), len(second)
    if min(n1, n2) < 2:
        return _nothing("too-few")
    if is_constant(np.concatenate([first, second])):
        return _nothing("constant")
    differences = np.sort((first[:, np.newaxis] - second).ravel())
    small = max(n1, n2) <= _EXACT_BELOW
    low, high = _ends(
        differences,
        alpha,
        counts=_mann_whitney_counts(n1, n2) if small else None,
        variance=n1 * n2 * (n1 + n2 + 1) / 12,
    )
    tied = len(np.unique(np.concatenate([first, second]))) < n1 + n2
    test = stats.mannwhitneyu(first, second, method="asymptotic" if tied or not small else "exact")
    return Shift(
        estimate=float(np.median(differences)),
        ci_low=low,
        ci_high=high,
        statistic=float(test.statistic),
        p=float(test.pvalue),
        effect_size=2 * float(test.statistic) / (n1 * n2) - 1,
    )


def dz_from_t(t: float, n: int) -> float:
    """Return the uncorrected dz of a one-sample or paired t: t / √n."""
    return t / sqrt(n)


def r_from_t(t: float, df: float) -> float:
    """Return the (partial) correlation of a t: t / √(t² + df)."""
    return t / sqrt(t**2 + df)


def _nothing(why: str) -> Shift:
    return Shift(nan, nan, nan, nan, nan, nan, why)


def _ends(
    ordered: Floats, alpha: float, *, counts: Floats | None, variance: float
) -> tuple[float, float]:
    """Return the interval of shifts that the rank test does not reject.

    `counts` are the arrangements of each rank sum 0, 1, …; None takes the normal approximation.
    """
    from scipy import stats

    if counts is not None:
        below = np.cumsum(counts) / counts.sum()
        outside = int(np.count_nonzero(below <= alpha / 2))
    else:
        outside = int(len(ordered) / 2 + stats.norm.ppf(alpha / 2) * sqrt(variance))
    if outside == 0:
        return nan, nan
    return float(ordered[outside - 1]), float(ordered[-outside])


def _subset_sums(n: int) -> Floats:
    """Return how many subsets of 1 … n have the sum 0, 1, …, n(n + 1)/2."""
    counts = np.zeros(n * (n + 1) // 2 + 1)
    counts[0] = 1.0
    for rank in range(1, n + 1):
        counts[rank:] = counts[rank:] + counts[:-rank]
    return counts


def _mann_whitney_counts(n1: int, n2: int) -> Floats:
    """Return how many arrangements of two samples have U = 0, 1, …, n1 · n2."""
    ways = np.zeros((n1 + 1, n1 * n2 + 1))
    ways[0, 0] = 1.0
    # the coefficients of a Gaussian binomial: partitions into at most n1 parts of at most n2
    for part in range(n2 + 1):
        for used in range(1, n1 + 1):
            ways[used, part:] += ways[used - 1, : n1 * n2 + 1 - part]
    counts: Floats = ways[n1]
    return counts
