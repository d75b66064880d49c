"""Sequential permutation p values: more permutations for unsettled tests of a family."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.maxt import FamilyTest
from ketfc.inference.core.permutation import Floats

FEW = 10
"""A test that so many arrangements have reached is settled."""

_AT_ONCE = 10_000
"""Most arrangements that are drawn together."""

Again = Callable[[npt.NDArray[np.intp], int, int], FamilyTest]
"""Tests some of the family again: their places, how many arrangements, and the number of the draw,
which names its random stream."""


def sequential_p(
    first: FamilyTest, again: Again, *, alpha: float
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return p values fine enough for a correction by Benjamini and Hochberg.

    With m arrangements no p is below 1/(m + 1), and where a family is large and few of its tests
    have an effect, the correction asks for less. Tests that fewer than :data:`FEW` arrangements
    have reached are therefore permuted again, with twice as many arrangements at every step and
    the counts of all steps taken together, until all are settled, or all that are left would be
    rejected at `alpha`, or the smallest p is below `alpha` divided by the size of the family. A
    test stops by its own counts, so its p stays valid (Besag and Clifford).

    Parameters
    ----------
    first : FamilyTest
        The family under its joint arrangements. Where they are exhaustive nothing is added.
    again : callable
        Tests some of the family with other random arrangements.
    alpha : float
        Level of the correction.

    Returns
    -------
    p : numpy.ndarray of shape (tests,)
        (b + 1)/(m + 1) with b and m of all steps a test took part in; NaN where untestable.
    permutations : numpy.ndarray of shape (tests,)
        m; 0 where untestable.

    References
    ----------
    Besag J, Clifford P (1991), Biometrika 78:301–304, doi:10.1093/biomet/78.2.301.
    """
    testable = np.isfinite(first.p)
    drawn = np.where(testable, first.permutations, 0).astype(np.int64)
    tests = np.count_nonzero(testable)
    if first.exhaustive or tests == 0:
        return first.p, drawn
    beyond = _beyond(first)
    m, draws = first.permutations, 0
    while m < tests / alpha:
        near = np.flatnonzero(testable & (beyond < FEW) & (drawn == m))
        if len(near) == 0 or len(near) * alpha / tests >= FEW / (m + 1):
            break
        size = min(m, _AT_ONCE)
        count = m // size
        for _ in range(count):
            beyond[near] += _beyond(again(near, size, draws))
            draws += 1
        m += count * size
        drawn[near] = m
    return np.where(testable, (beyond + 1) / (drawn + 1), np.nan), drawn


def _beyond(test: FamilyTest) -> npt.NDArray[np.int64]:
    """Return how many random arrangements reached each test; 0 where it is untestable."""
    counts = np.nan_to_num(test.p) * (test.permutations + 1) - 1
    return np.maximum(np.rint(counts), 0).astype(np.int64)
