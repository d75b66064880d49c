"""Bootstrap intervals: bias-corrected and accelerated, and percentiles over two samples."""

from __future__ import annotations

from collections.abc import Callable
from math import nan, sqrt

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.evidence import Interval
from ketfc.inference.core.linear import is_constant
from ketfc.inference.core.permutation import Floats

Rows = npt.NDArray[np.intp]
Statistic = Callable[[Rows], Floats]
"""Values of a statistic, shape (b,), on samples of rows of shape (b, size)."""

_FAILED = 0.05
"""Share of resamples without a value of the statistic beyond which there is no interval."""


def bca_mean(
    values: Floats, *, alpha: float, resamples: int, rng: np.random.Generator, expand: bool = True
) -> Interval:
    """Return the BCa interval of a mean.

    Parameters
    ----------
    values : numpy.ndarray of shape (n,)
        Finite values.
    alpha, resamples, rng, expand
        As for :func:`bca_interval`.
    """
    if len(values) >= 3 and is_constant(values):
        return Interval(nan, nan, "constant")
    return bca_interval(
        len(values),
        lambda rows: values[rows].mean(axis=1),
        alpha=alpha,
        resamples=resamples,
        rng=rng,
        expand=expand,
    )


def bca_interval(
    n: int,
    statistic: Statistic,
    *,
    alpha: float,
    resamples: int,
    rng: np.random.Generator,
    expand: bool = True,
) -> Interval:
    """Return the bias-corrected and accelerated bootstrap interval of any statistic.

    Parameters
    ----------
    n : int
        Number of rows (participants), who are resampled whole.
    statistic : callable
        Takes row numbers of shape (b, size), size n or n − 1, and returns b values.
    alpha : float
        The interval covers 1 − `alpha`.
    resamples : int
        Bootstrap samples.
    rng : numpy.random.Generator
        Source of the samples.
    expand : bool
        Widen the normal quantiles to √(n / (n − 1)) · t quantiles with n − 1 degrees of freedom:
        plain bootstrap intervals of small samples are too narrow, as if the standard deviation
        were divided by n and known.

    Returns
    -------
    Interval
        With ends on the scale of the statistic.

    References
    ----------
    Efron B (1987), J Am Stat Assoc 82:171–185.
    Hesterberg TC (2015), Am Stat 69:371–386, doi:10.1080/00031305.2015.1089789 (expansion).
    """
    from scipy import stats

    free = n - 1
    if free < 2:
        return Interval(nan, nan, "too-few")
    values = _in_parts(statistic, rng.integers(0, n, size=(resamples, n)))
    estimate = float(statistic(np.arange(n, dtype=np.intp)[np.newaxis])[0])
    known = values[np.isfinite(values)]
    left_out = statistic(_each_left_out(n))
    if not np.isfinite(estimate) or not np.isfinite(left_out).all():
        return Interval(nan, nan, "undefined")
    if len(known) < (1 - _FAILED) * resamples:
        return Interval(nan, nan, "undefined")
    if is_constant(known) or is_constant(left_out):
        return Interval(nan, nan, "constant")
    below = ((known < estimate).mean() + (known <= estimate).mean()) / 2
    if not 0 < below < 1:
        return Interval(nan, nan, "one-sided")
    bias = float(stats.norm.ppf(below))
    spread = free / n * (left_out.mean() - left_out)
    acceleration = float((spread**3).sum() / (6 * (spread**2).sum() ** 1.5))
    edge = (
        sqrt(n / free) * float(stats.t.ppf(alpha / 2, free))
        if expand
        else float(stats.norm.ppf(alpha / 2))
    )
    moved = bias + np.array([edge, -edge])
    # beyond this the transformation turns back; the extreme resamples are all there is
    turned = 1 - acceleration * moved
    shares = np.where(
        turned > 0,
        stats.norm.cdf(bias + moved / np.where(turned > 0, turned, 1.0)),
        (np.sign(moved) + 1) / 2,
    )
    low, high = np.percentile(known, 100 * shares)
    return Interval(float(low), float(high))


def two_sample_interval(
    n: int,
    m: int,
    statistic: Callable[[Rows, Rows], Floats],
    *,
    alpha: float,
    resamples: int,
    rng: np.random.Generator,
) -> Interval:
    """Return the percentile bootstrap interval of any statistic of two independent samples.

    Without the corrections of :func:`bca_interval`, which overshoot where the statistic has a bend
    (an absolute value near 0), and widened as there: to t quantiles, with Welch and Satterthwaite's
    degrees of freedom of the jackknife's variances.

    Parameters
    ----------
    n, m : int
        Rows of the two samples, resampled whole and each within its sample.
    statistic : callable
        Takes row numbers of both, of shape (b, size), where b may be 1 in one of them, and returns
        b values.
    alpha, resamples, rng
        As for :func:`bca_interval`.

    References
    ----------
    Efron B, Tibshirani RJ (1993), An introduction to the bootstrap, chapters 8 and 13.
    Hesterberg TC (2015), Am Stat 69:371–386, doi:10.1080/00031305.2015.1089789 (expansion).
    """
    from scipy import stats

    if min(n, m) < 3:
        return Interval(nan, nan, "too-few")
    sizes = [len(part) for part in np.array_split(range(resamples), resamples // 2000 + 1)]
    values = np.concatenate(
        [statistic(rng.integers(0, n, (b, n)), rng.integers(0, m, (b, m))) for b in sizes]
    )
    known = values[np.isfinite(values)]
    every = [np.arange(size, dtype=np.intp)[np.newaxis] for size in (n, m)]
    left_out = statistic(_each_left_out(n), every[1]), statistic(every[0], _each_left_out(m))
    if len(known) < (1 - _FAILED) * resamples or not np.isfinite(np.concatenate(left_out)).all():
        return Interval(nan, nan, "undefined")
    if is_constant(known):
        return Interval(nan, nan, "constant")
    # variances as a bootstrap has them, and as they ought to be
    plain = np.array([((part - part.mean()) ** 2).sum() for part in left_out])
    plain *= (np.array([n, m]) - 1) ** 2 / np.array([n, m]) ** 2
    full = plain * np.array([n / (n - 1), m / (m - 1)])
    df = full.sum() ** 2 / (full**2 / (np.array([n, m]) - 1)).sum()
    edge = float(stats.t.ppf(1 - alpha / 2, df)) * sqrt(full.sum() / plain.sum())
    low, high = np.percentile(known, 100 * stats.norm.cdf([-edge, edge]))
    return Interval(float(low), float(high))


def _each_left_out(n: int) -> Rows:
    """Return all row numbers but one, for each, shape (n, n − 1)."""
    rows: Rows = np.tile(np.arange(n, dtype=np.intp), (n, 1))[~np.eye(n, dtype=bool)]
    return rows.reshape(n, n - 1)


def _in_parts(statistic: Statistic, rows: Rows) -> Floats:
    """Return the statistic of many samples, some thousands at a time to bound the memory."""
    return np.concatenate([statistic(part) for part in np.array_split(rows, len(rows) // 2000 + 1)])
