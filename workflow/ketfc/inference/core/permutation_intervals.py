"""Test-inversion intervals: the values that a permutation test does not reject."""

from __future__ import annotations

from collections.abc import Callable
from math import nan, sqrt

import numpy as np

from ketfc.inference.core.evidence import Interval
from ketfc.inference.core.permutation import (
    Blocks,
    Floats,
    below,
    orders_within,
    orthonormal,
    sign_flips,
)
from ketfc.inference.core.variance_groups import Groups, Studentised

_DOUBLINGS = 60
"""Steps in search of a rejected coefficient; each is twice as long as the one before."""

_HALVINGS = 34
"""Steps in search of the end: to 1e-10 of the last step."""


def sign_flip_interval(
    differences: Floats, *, alpha: float, permutations: int, rng: np.random.Generator
) -> Interval:
    """Return the means that the test by sign flips does not reject.

    A pattern of signs reaches the observed sum of ``differences − mean`` as long as `mean` lies
    between the mean of those that it flips and the mean of those that it leaves: the share of
    patterns that do falls with the distance from the observed mean, and the interval ends at a
    quantile of subset means.

    Parameters
    ----------
    differences : numpy.ndarray of shape (n,)
        Paired differences, not all the same; n ≥ 2.
    alpha : float
        The interval covers 1 − `alpha` where differences are symmetric about their mean.
    permutations : int
        Number of random sign patterns, or all 2^n when they are no more than that.
    rng : numpy.random.Generator
        Source of the random patterns. In the state in which it was given to
        :func:`ketfc.inference.core.permutation.sign_flip_test`, the interval holds 0 exactly where
        that test gives p > `alpha`.

    Returns
    -------
    ketfc.inference.core.evidence.Interval
        NaN with the obstacle ``p-floor`` where too few patterns exist to reject anything.

    References
    ----------
    Hartigan JA (1969), J Am Stat Assoc 64:1303–1317 (intervals of subset means).
    """
    signs, exhaustive = sign_flips(len(differences), permutations=permutations, rng=rng)
    extra = 0 if exhaustive else 1
    left = (signs > 0).astype(np.float64)
    counts = np.column_stack([left.sum(axis=1), (1 - left).sum(axis=1)])
    sums = np.column_stack([left @ differences, (1 - left) @ differences])
    # whoever flips nobody, or everybody, reaches any mean
    empty = counts.min(axis=1) == 0
    means = sums / np.where(empty[:, np.newaxis], 1.0, counts)
    low = np.sort(np.where(empty, -np.inf, means.min(axis=1)))
    high = np.sort(np.where(empty, np.inf, means.max(axis=1)))[::-1]
    # the fewest patterns whose share is above alpha
    needed = int(np.floor(alpha * (len(signs) + extra) + 1e-9)) + 1 - extra
    if needed < 1 or not np.isfinite(high[needed - 1]):
        return Interval(nan, nan, "p-floor")
    return Interval(float(low[needed - 1]), float(high[needed - 1]))


def freedman_lane_interval(
    outcome: Floats,
    tested: Floats,
    nuisance: Floats,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    blocks: Blocks | None = None,
    groups: Groups | None = None,
) -> Interval:
    """Return the coefficients that the test of Freedman and Lane does not reject.

    Parameters
    ----------
    outcome, tested, nuisance, permutations
        As for :func:`ketfc.inference.core.permutation.freedman_lane_test`.
    alpha : float
        The interval covers 1 − `alpha`.
    rng : numpy.random.Generator
        Source of the random orders. In the state in which it was given to
        :func:`ketfc.inference.core.permutation.freedman_lane_test`, the interval holds 0 exactly
        where that test gives p > `alpha` (unless p is no falling function of the distance).
    blocks, groups : numpy.ndarray of shape (n,), optional
        As for :func:`ketfc.inference.core.permutation.freedman_lane_test`.

    Returns
    -------
    ketfc.inference.core.evidence.Interval
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
    model = Studentised.of(own / size, basis, groups)
    # the residuals of a rearranged remainder are linear in the coefficient, their sums of squares
    # quadratic; those of the observed one do not depend on it
    arranged = order[:, model.order]
    outcomes, terms = left[arranged], own[arranged]
    along_outcome, along_term = outcomes @ model.columns, terms @ model.columns
    squares = model.squares(outcomes, along_outcome)
    across = model.products(outcomes, along_outcome, terms, along_term)
    tail = model.squares(terms, along_term)
    observed_squares = model.squares(
        unexplained[np.newaxis, model.order], np.zeros((1, model.columns.shape[1]))
    )
    extra = 0 if exhaustive else 1

    def rejected(coefficient: float) -> bool:
        total = float(unexplained @ unexplained) + ((estimate - coefficient) * size) ** 2
        along = along_outcome[:, 0] - coefficient * along_term[:, 0]
        now = np.maximum(squares - coefficient * (2 * across - coefficient * tail), 0.0)
        null = np.abs(model.deviates(along, now, total))
        apart = np.array([(estimate - coefficient) * size])
        observed = abs(float(model.deviates(apart, observed_squares, total)[0]))
        beyond = int(np.count_nonzero(null >= below(observed)))
        return (beyond + extra) / (len(order) + extra) <= alpha

    spread = float(np.linalg.norm(unexplained)) / size / sqrt(len(outcome))
    low, high = (_end(rejected, estimate, side * spread) for side in (-1, 1))
    if low is None or high is None:
        return Interval(nan, nan, "p-floor")
    return Interval(low, high)


def _end(rejected: Callable[[float], bool], inside: float, step: float) -> float | None:
    """Return where rejection begins on one side, or None where it never does."""
    for _ in range(_DOUBLINGS):
        outside = inside + step
        if rejected(outside):
            break
        inside, step = outside, 2 * step
    else:
        return None
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if rejected(middle):
            outside = middle
        else:
            inside = middle
    return inside
