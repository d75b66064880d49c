"""Intervals that belong to Holm's correction: what is shown beside a corrected verdict."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import Floats

_JUST = 1e-6
"""Share of the estimate to which an end is moved that must leave out zero."""


@dataclass(frozen=True)
class HolmInterval:
    """The interval at the level at which Holm's procedure judged a test.

    Attributes
    ----------
    low, high : float
        Its ends; NaN where there are too few arrangements for a test at that level.
    level : float
        The interval covers 1 − `level`.
    moved : bool
        Whether the end next to zero was set by the decision of the test, since the interval is
        not the inversion of that test and contradicted it.
    """

    low: float
    high: float
    level: float
    moved: bool = False


def holm_levels(p: pd.Series[float], family: pd.Series[str], *, alpha: float) -> Floats:
    """Return the level at which Holm's procedure judges each test.

    The smallest p of a family of m is judged at α/m, the next at α/(m − 1), and so on until the
    first that is not below its level; all that follow are not rejected either, at that same level.
    A test is therefore rejected exactly where its own p is not above its own level, and the
    interval that covers 1 − level leaves out zero exactly where Holm rejects. Equal p values are
    judged alike.

    Parameters
    ----------
    p : pandas.Series of float
        Uncorrected p values; missing ones have no level and do not count.
    family : pandas.Series of str
        Family of each, with the same index.
    alpha : float
        Level of a family.

    Returns
    -------
    numpy.ndarray
        In the order of `p`. Where nothing is rejected in a family all are α/m, and the intervals
        are Bonferroni's, which hold together with a probability of at least 1 − α. Where something
        is, intervals that hold together and agree with Holm's decisions stick to the border of the
        null hypothesis and say no more of a rejected one than its sign: each of these covers at
        its own level instead.

    References
    ----------
    Holm S (1979), Scand J Stat 6:65–70.
    Brannath W, Kluge L, Scharpenberg M (2024), doi:10.48550/arXiv.2402.13719 (what intervals that
    are compatible with Holm's procedure can say).
    """
    values = p.to_numpy(dtype=np.float64)
    levels = np.full(len(values), nan)
    for name in family.unique():
        member = np.flatnonzero((family == name).to_numpy(dtype=bool) & ~np.isnan(values))
        order = member[np.argsort(values[member], kind="stable")]
        before, stopped = -inf, False
        level = nan
        for k, i in enumerate(order):
            if values[i] > before and not stopped:
                level = alpha / (len(order) - k)
                # as multipletests corrects: p times the number of those not yet rejected
                stopped = values[i] * (len(order) - k) > alpha
            levels[i], before = level, values[i]
    return levels


def agreeing(
    low: float, high: float, *, level: float, estimate: float, rejected: bool
) -> HolmInterval:
    """Return an interval that leaves out zero exactly where the test rejects.

    Inverted permutation tests do so by themselves. The interval of a rank correlation rests on a
    standard error, not on the permutations that decide; where the two disagree at zero, its end
    next to zero is moved to where the decision of the test allows it.

    Parameters
    ----------
    low, high : float
        Ends of the interval that covers 1 − `level`; NaN where there is none.
    level : float
        The level.
    estimate : float
        The estimate, within the interval.
    rejected : bool
        Whether the test rejects zero at that level.
    """
    if not isfinite(low) or (low > 0 or high < 0) == rejected:
        return HolmInterval(low, high, level)
    if not rejected:
        return HolmInterval(min(low, 0.0), max(high, 0.0), level, moved=True)
    just = _JUST * estimate
    if estimate > 0:
        return HolmInterval(max(low, just), high, level, moved=True)
    return HolmInterval(low, min(high, just), level, moved=True)
