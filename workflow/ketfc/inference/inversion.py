"""Intervals of a regression coefficient that agree with its permutation test: the test inverted."""

from __future__ import annotations

from collections.abc import Callable
from math import nan, sqrt

import numpy as np

from ketfc.inference.intervals import Interval
from ketfc.inference.permutation import Blocks, Floats, orders_within, orthonormal

_TIE = 1e-10
"""Statistics bounded by 1 that differ by less are equal: they differ by rounding only."""

_STEPS = 60
"""Doublings in search of a rejected coefficient, and halvings in search of the end."""


def freedman_lane_interval(
    outcome: Floats,
    tested: Floats,
    nuisance: Floats,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    blocks: Blocks | None = None,
) -> Interval:
    """Return the coefficients that the test of Freedman and Lane does not reject.

    Parameters
    ----------
    outcome, tested : numpy.ndarray of shape (n,)
        Outcome and tested regressor; neither may be a combination of the nuisance columns.
    nuisance : numpy.ndarray of shape (n, k)
        Other columns of the model, the intercept among them.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random orders, or all n! when they are no more than that.
    rng : numpy.random.Generator
        Source of the random orders. In the state in which it was given to
        :func:`ketfc.inference.permutation.freedman_lane_test`, the interval holds 0 exactly where
        that test gives p > `alpha` (unless p is no falling function of the distance).
    blocks : numpy.ndarray of shape (n,), optional
        Participants are exchanged within their block (site) only.

    Returns
    -------
    ketfc.inference.intervals.Interval
        NaN with the obstacle ``p-floor`` where too few orders exist to reject anything, and
        ``constant`` where nothing is left of the outcome but the tested column.
    """
    basis = orthonormal(nuisance)
    own = tested - basis @ (basis.T @ tested)
    size = float(np.linalg.norm(own))
    left = outcome - basis @ (basis.T @ outcome)
    estimate = float(own @ left) / size**2
    unexplained = left - estimate * own
    if np.linalg.norm(unexplained) <= 1e-9 * np.linalg.norm(left):
        return Interval(nan, nan, "constant")
    blocks = np.zeros(len(outcome), dtype=np.int64) if blocks is None else blocks
    order, exhaustive = orders_within(blocks, permutations=permutations, rng=rng)
    columns = np.column_stack([own / size, basis])
    along_outcome, along_own = left[order] @ columns, own[order] @ columns
    extra = 0 if exhaustive else 1

    def rejected(coefficient: float) -> bool:
        remainder = left - coefficient * own
        total = float(remainder @ remainder)
        along = along_outcome - coefficient * along_own
        free = total - (along[:, 1:] ** 2).sum(axis=1)
        usable = free > _TIE * total
        null = np.where(usable, np.abs(along[:, 0]) / np.sqrt(np.where(usable, free, 1.0)), 0.0)
        observed = abs(float(remainder @ own)) / size / sqrt(total)
        beyond = int(np.count_nonzero(null >= observed - _TIE))
        return (beyond + extra) / (len(order) + extra) <= alpha

    spread = float(np.linalg.norm(unexplained)) / size / sqrt(len(outcome))
    low, high = (_end(rejected, estimate, side * spread) for side in (-1, 1))
    if low is None or high is None:
        return Interval(nan, nan, "p-floor")
    return Interval(low, high)


def _end(rejected: Callable[[float], bool], inside: float, step: float) -> float | None:
    """Return where rejection begins on one side, or None where it never does."""
    for _ in range(_STEPS):
        outside = inside + step
        if rejected(outside):
            break
        inside, step = outside, 2 * step
    else:
        return None
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if rejected(middle):
            outside = middle
        else:
            inside = middle
    return inside
