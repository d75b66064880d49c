"""Results of one test: estimate, interval, statistic, p values and flags."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

from ketfc.base.english import plural

ONE_SIDED = "one-sided"
"""Flag of a test whose p values are one-sided."""


@dataclass(frozen=True)
class Evidence:
    """Results of one test; numbers that do not exist are not-a-number.

    Attributes
    ----------
    estimate, ci_low, ci_high : float
        Estimate in its own units, and its confidence interval.
    effect_size : float
        Standardised effect.
    effect_low, effect_high : float
        Its confidence interval.
    effect_size_type : str or None
        What `effect_size` is.
    partial_r : float
        Correlation of outcome and term beside the nuisance, of ranks where ranks are tested; of a
        mean t/√(t² + df).
    statistic, df, p_parametric : float
        t, its degrees of freedom and its p.
    p_permutation : float
        Permutation p. Like the other it is two-sided, unless flagged ``one-sided``. Where there is
        one, the interval holds what that test does not reject, save that of a rank correlation.
    permutations : int or None
        Arrangements it rests on.
    flags : tuple of str
        Short words on what to keep in mind.
    obstacle : str or None
        The reason, in plain words, that there are no numbers; None where there are.
    """

    estimate: float = nan
    ci_low: float = nan
    ci_high: float = nan
    effect_size: float = nan
    effect_low: float = nan
    effect_high: float = nan
    effect_size_type: str | None = None
    partial_r: float = nan
    statistic: float = nan
    df: float = nan
    p_permutation: float = nan
    p_parametric: float = nan
    permutations: int | None = None
    flags: tuple[str, ...] = ()
    obstacle: str | None = None


@dataclass(frozen=True)
class Interval:
    """A confidence interval; both ends are NaN and `obstacle` says why where there is none.

    `obstacle` is ``too-few`` (n < 3), ``constant`` (the statistic does not vary), ``one-sided``
    (all resamples lie on one side of the estimate), ``undefined`` (too many resamples have no
    value, or the estimate has none), ``p-floor`` (there are too few arrangements to reject
    anything) or None.
    """

    low: float
    high: float
    obstacle: str | None = None


def untestable(flag: str, obstacle: str) -> Evidence:
    """Return evidence without numbers, with the flag and the plain words that say why."""
    return Evidence(flags=(flag,), obstacle=obstacle)


def too_few(n: int, needed: int) -> Evidence:
    """Return evidence without numbers of a test that needs more complete participants."""
    return untestable(
        "too-few", f"{plural(n, 'complete participant')}, at least {needed} are needed"
    )


def one_sided_p(statistic: float, df: float, direction: str) -> float:
    """Return the p of a t statistic in one direction, ``+`` or ``-``."""
    from scipy import stats

    return float(stats.t.sf(statistic if direction == "+" else -statistic, df))


def permutation_flags(*, exhaustive: bool, smallest_p: float, alpha: float) -> tuple[str, ...]:
    """Return ``exhaustive`` and ``p-floor`` (no p below `alpha` is possible) where they apply."""
    return (("exhaustive",) if exhaustive else ()) + (("p-floor",) if smallest_p > alpha else ())
