"""Standardised and rank-based sizes of a change or a difference."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log, nan, sqrt

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.linear import is_constant
from ketfc.inference.core.permutation import Blocks, Floats, orders_within

DZ = "dz (Hedges g)"
"""Mean change in standard deviations of the change, corrected for small samples."""

FOLLOWUP_SD = "difference / pooled follow-up SD (Hedges g)"
"""Adjusted difference in standard deviations at follow-up, pooled within arms, corrected for small
samples: as meta-analyses standardise it. The spread at baseline alone may be tiny by chance."""

DZ_WITHIN_ORDER = "dz within orders (Hedges g)"
"""Difference between drugs in pooled standard deviations of the difference within an order."""

_EXACT_BELOW = 50
"""Samples up to this size have the exact null distribution of rank sums."""

_TIE = 1e-10
"""Weighted sums of ranks that differ by less are equal: they differ by rounding only."""


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
        Wilcoxon's W+ (paired), Mann and Whitney's U (of the first sample) or, within blocks, van
        Elteren's sum.
    p : float
        Two-sided p: exact without ties or zeros up to 50 values, else by the normal approximation;
        within blocks by permutation.
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


def hedges_factor(df: int) -> float:
    """Return J, which removes the small-sample bias of a standardised mean difference.

    ``J = Γ(df/2) / (√(df/2) Γ((df − 1)/2))``: Hedges LV (1981), J Educ Stat 6:107–128,
    doi:10.3102/10769986006002107.
    """
    return exp(lgamma(df / 2) - 0.5 * log(df / 2) - lgamma((df - 1) / 2))


def standardised_interval(
    estimate: float, low: float, high: float, *, spread: float, df: int, alpha: float
) -> tuple[float, float]:
    """Return the interval of an estimate divided by a standard deviation.

    It holds the ratios δ for which 0 lies in the interval of estimate − δ · spread, which joins the
    given interval with that of the standard deviation (χ²; method of variance estimates recovery).
    So it excludes 0 where the given interval does, and nowhere else.

    Parameters
    ----------
    estimate, low, high : float
        The estimate and its interval.
    spread : float
        Standard deviation, larger than 0.
    df : int
        Its degrees of freedom.
    alpha : float
        The interval covers 1 − `alpha`, if `low` and `high` do.

    Returns
    -------
    low, high : float
        NaN where `low` or `high` is.

    References
    ----------
    Donner A, Zou GY (2012), Stat Methods Med Res 21:347–359, doi:10.1177/0962280210383082.
    """
    from scipy import stats

    shrunk, grown = (
        spread * sqrt(df / float(stats.chi2.ppf(share, df))) for share in (1 - alpha / 2, alpha / 2)
    )

    def lower(mean: float, end: float) -> float:
        # (mean − δ spread)² = (mean − end)² + δ² room², solved for δ
        room = grown - spread if end > 0 else spread - shrunk
        square = spread**2 - room**2
        reached = end * (2 * mean - end)
        root = sqrt(max((mean * spread) ** 2 - square * reached, 0.0))
        # both forms are the same root; neither divides by a difference that may vanish
        if mean > 0 and end > 0:
            return reached / (mean * spread + root)
        return (mean * spread - root) / square

    if not np.isfinite([low, high]).all():
        return nan, nan
    return lower(estimate, low), -lower(-estimate, -high)


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


def stratified_shift(
    values: Floats,
    first: npt.NDArray[np.bool_],
    blocks: Blocks,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
) -> Shift:
    """Return the Hodges–Lehmann difference within blocks with van Elteren's test.

    Parameters
    ----------
    values : numpy.ndarray of shape (n,)
        Values of both groups.
    first : numpy.ndarray of bool, shape (n,)
        Who belongs to the first group; the shift is first − second.
    blocks : numpy.ndarray of shape (n,)
        Block (site) of each: differences are taken within them alone.
    alpha : float
        The interval covers at least 1 − `alpha`.
    permutations : int
        Random assignments to groups within blocks, or all orders where they are no more.
    rng : numpy.random.Generator
        Stream of this test.

    Returns
    -------
    Shift
        `statistic` is Σ R / (N + 1) over the first group, with R the rank in a block and N its
        size; `p` and the interval are those of its distribution over the assignments. The
        estimate is the median of the differences within blocks, each weighted by 1 / (N + 1);
        the effect size the share of favourable pairs less unfavourable ones, weighted alike.
        ``too-few`` with fewer than two of either group in blocks that hold both.

    References
    ----------
    van Elteren PH (1960), Bull Int Stat Inst 37:351–361.
    """
    from scipy import stats

    parts = [blocks == block for block in np.unique(blocks)]
    parts = [inside for inside in parts if 0 < first[inside].sum() < inside.sum()]
    compared = np.logical_or.reduce(parts) if parts else np.zeros(len(values), dtype=bool)
    if min((compared & first).sum(), (compared & ~first).sum()) < 2:
        return _nothing("too-few")
    ranks, places, pairs = np.zeros(len(values)), np.zeros(len(values)), []
    for inside in parts:
        weight = 1 / (int(inside.sum()) + 1)
        ranks[inside] = weight * stats.rankdata(values[inside])
        places[inside] = weight * np.arange(1, inside.sum() + 1)
        own = (values[inside & first][:, np.newaxis] - values[inside & ~first]).ravel()
        pairs.append(np.column_stack([own, np.full(len(own), weight)]))
    differences, weights = np.concatenate(pairs).T
    if is_constant(differences) and differences[0] == 0:
        return _nothing("constant")
    order, exhaustive = orders_within(blocks, permutations=permutations, rng=rng)
    statistic, expected = float(ranks @ first), float((compared & first).sum() / 2)
    beyond = np.abs(ranks[order] @ first - expected) >= abs(statistic - expected) - _TIE
    counted = 0 if exhaustive else 1
    low, high = _weighted_ends(
        differences, weights, places[order] @ first - expected, alpha=alpha, counted=counted
    )
    return Shift(
        estimate=_weighted_median(differences, weights),
        ci_low=low,
        ci_high=high,
        statistic=statistic,
        p=float((beyond.sum() + counted) / (len(order) + counted)),
        effect_size=float(weights @ np.sign(differences) / weights.sum()),
    )


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


def _weighted_ends(
    differences: Floats, weights: Floats, null: Floats, *, alpha: float, counted: int
) -> tuple[float, float]:
    """Return the interval of shifts that a sum of ranks within blocks does not reject.

    The sum exceeds its expectation by the weight of the differences above the shift, less half of
    all; `null` holds what it exceeds it by over the assignments. `counted` is 1 where they are
    random, and the observed one is one more of them.
    """
    null = np.sort(null)
    # ranks without ties: all values of a sum are well apart but for rounding
    at_most = np.searchsorted(null, null + _TIE, side="right")
    rejected = null[(at_most + counted) / (len(null) + counted) <= alpha / 2]
    if len(rejected) == 0:
        return nan, nan
    outside = float(rejected[-1]) + float(weights.sum()) / 2
    ends = []
    for sign in (1.0, -1.0):
        order = np.argsort(sign * differences)
        above = np.cumsum(weights[order]) > outside + _TIE
        ends.append(float(differences[order][int(above.argmax())]))
    return ends[0], ends[1]


def _weighted_median(values: Floats, weights: Floats) -> float:
    """Return the middle of values with half of the weight on either side."""
    order = np.argsort(values)
    below, half = np.cumsum(weights[order]), float(weights.sum()) / 2
    first = int((below >= half - _TIE).argmax())
    last = int((below > half + _TIE).argmax())
    return float((values[order][first] + values[order][last]) / 2)


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
