"""Permutation tests: random streams keyed by name, sign flips, Freedman–Lane.

Making the arrangements is kept apart from computing the statistic, so that several outcomes can
be tested under the same arrangements.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, product
from itertools import permutations as arrangements
from typing import TypedDict
from zlib import crc32

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.variance_groups import Groups, Studentised

Floats = npt.NDArray[np.float64]
Blocks = npt.NDArray[np.int64]
"""Block (site) of each participant, shape (n,): who may be exchanged with whom."""

_TIE = 1e-7
"""Statistics that differ by less, of a size of 1 or of their own, differ by rounding only."""

_PERFECT = 1e-14
"""Unexplained share of a sum of squares below which a fit leaves nothing unexplained."""


@dataclass(frozen=True)
class PermutationTest:
    """Outcome of a permutation test, two-sided unless it was asked for one direction.

    Attributes
    ----------
    statistic, df : float
        The observed t and its degrees of freedom; t is infinite for a perfect fit.
    partial_r : float
        Partial correlation of outcome and tested column; of a mean ``t / sqrt(t² + df)``.
    pooled : bool
        Whether groups that ought to have a variance each share one.
    error_ratio : float
        Standard error of t over that of the classical t.
    p : float
        Exact share of arrangements when `exhaustive`, else (b + 1) / (m + 1).
    permutations : int
        Arrangements evaluated: all there are when `exhaustive`, else m.
    exhaustive : bool
        Whether every arrangement was evaluated, the observed one included.
    smallest_p : float
        The smallest p that these arrangements can give: the share of those that are as extreme as
        the most extreme one when `exhaustive`, else 1 / (m + 1).
    """

    statistic: float
    df: float
    partial_r: float
    pooled: bool
    error_ratio: float
    p: float
    permutations: int
    exhaustive: bool
    smallest_p: float


def stream(seed: int, test_id: str) -> np.random.Generator:
    """Return the random stream of one test.

    The stream depends on the study's seed and the name of the test alone, hence neither on the
    order in which tests run nor on which others run.

    Parameters
    ----------
    seed : int
        The study's seed, not negative.
    test_id : str
        Name of the test.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, crc32(test_id.encode("utf-8"))]))


def sign_flips(n: int, *, permutations: int, rng: np.random.Generator) -> tuple[Floats, bool]:
    """Return sign patterns for `n` paired differences.

    Parameters
    ----------
    n : int
        Number of differences.
    permutations : int
        How many patterns to draw; when all 2^n are no more than that, all are returned.
    rng : numpy.random.Generator
        Source of the random patterns.

    Returns
    -------
    signs : numpy.ndarray of shape (patterns, n)
        Values −1 and 1.
    exhaustive : bool
        Whether these are all patterns.
    """
    # 2^n ≤ m, without computing 2^n for a large n
    exhaustive = n < permutations.bit_length()
    if exhaustive:
        bits = (np.arange(2**n)[:, np.newaxis] >> np.arange(n)) & 1
    else:
        bits = rng.integers(0, 2, size=(permutations, n))
    return 1.0 - 2.0 * bits.astype(np.float64), exhaustive


def orders(
    n: int, *, permutations: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], bool]:
    """Return rearrangements of `n` participants.

    As :func:`orders_within` gives them for a single block; all there are when n! is no more than
    `permutations`.
    """
    if n <= 20 and math.factorial(n) <= permutations:
        return np.array(list(arrangements(range(n))), dtype=np.intp), True
    tiled = np.tile(np.arange(n, dtype=np.intp), (permutations, 1))
    return rng.permuted(tiled, axis=1), False


def orders_within(
    blocks: Blocks, *, permutations: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], bool]:
    """Return orders that exchange participants within their block only.

    Parameters
    ----------
    blocks : numpy.ndarray of shape (n,)
        Block of each participant.
    permutations : int
        How many orders to draw; when all are no more than that, all are returned.
    rng : numpy.random.Generator
        Source of the random orders.

    Returns
    -------
    orders : numpy.ndarray of shape (orders, n)
        Each row holds 0 … n − 1.
    exhaustive : bool
        Whether these are all orders.
    """
    groups = [np.flatnonzero(blocks == block) for block in np.unique(blocks)]
    if len(groups) == 1:
        return orders(len(blocks), permutations=permutations, rng=rng)
    exhaustive = math.prod(math.factorial(len(group)) for group in groups) <= permutations
    places = np.concatenate(groups)
    if exhaustive:
        within = [list(arrangements(group)) for group in groups]
        drawn = np.array([[*chain(*choice)] for choice in product(*within)], dtype=np.intp)
    else:
        tiled = [np.tile(group, (permutations, 1)) for group in groups]
        drawn = np.concatenate([rng.permuted(part, axis=1) for part in tiled], axis=1)
    found = np.empty_like(drawn)
    found[:, places] = drawn
    return found, exhaustive


def sign_flip_test(
    differences: Floats,
    *,
    permutations: int,
    rng: np.random.Generator,
    direction: str | None = None,
) -> PermutationTest:
    """Test whether paired differences are symmetric about zero.

    Parameters
    ----------
    differences : numpy.ndarray of shape (n,)
        Paired differences, not all zero; n ≥ 2.
    permutations : int
        Number of random sign patterns, or all 2^n when they are no more than that.
    rng : numpy.random.Generator
        Source of the random patterns.
    direction : str or None
        ``+`` or ``-`` for a one-sided test of that direction.

    Returns
    -------
    PermutationTest
        With the t statistic of the one-sample t test.
    """
    n = len(differences)
    signs, exhaustive = sign_flips(n, permutations=permutations, rng=rng)
    # The sum of squares is the same under every pattern, so |t| rises with |sum| / its maximum.
    unit = differences / (np.linalg.norm(differences) * math.sqrt(n))
    mean = float(unit.sum())
    left = 1.0 - mean**2
    t = mean * math.sqrt((n - 1) / left) if left > _PERFECT else math.copysign(math.inf, mean)
    return PermutationTest(
        statistic=t,
        df=n - 1,
        partial_r=max(-1.0, min(1.0, mean)),
        pooled=False,
        error_ratio=1.0,
        **_counted(mean, signs @ unit, exhaustive=exhaustive, direction=direction),
    )


def freedman_lane_test(
    outcome: Floats,
    tested: Floats,
    nuisance: Floats,
    *,
    permutations: int,
    rng: np.random.Generator,
    direction: str | None = None,
    blocks: Blocks | None = None,
    groups: Groups | None = None,
) -> PermutationTest:
    """Test one regressor beside nuisance regressors by the method of Freedman and Lane.

    The residuals of the outcome on the nuisance columns are rearranged, added back to the fitted
    values and regressed on the full model; t of the tested column, with a residual variance for
    each group (:mod:`ketfc.inference.core.variance_groups`), is compared with the observed.

    Parameters
    ----------
    outcome, tested : numpy.ndarray of shape (n,)
        Outcome and tested regressor; neither may be a combination of the nuisance columns.
    nuisance : numpy.ndarray of shape (n, k)
        Other columns of the model, the intercept among them.
    permutations : int
        Number of random orders, or all n! when they are no more than that.
    rng : numpy.random.Generator
        Source of the random orders.
    direction : str or None
        ``+`` or ``-`` for a one-sided test of that direction.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are exchanged within their block only. Blocks are not added to the nuisance:
        give their columns where their means may differ.
    groups : numpy.ndarray of shape (n,), optional
        Groups whose residuals have a variance each; one variance for all without.

    Returns
    -------
    PermutationTest
        With Aspin and Welch's t, which without groups is that of ordinary least squares.

    References
    ----------
    Freedman D, Lane D (1983), J Bus Econ Stat 1:292–298.
    Winkler AM et al. (2014), NeuroImage 92:381–397, doi:10.1016/j.neuroimage.2014.01.060.
    """
    basis = orthonormal(nuisance)
    residual = outcome - basis @ (basis.T @ outcome)
    residual = residual / np.linalg.norm(residual)
    own = tested - basis @ (basis.T @ tested)
    own = own / np.linalg.norm(own)
    model = Studentised.of(own, basis, groups)
    blocks = np.zeros(len(outcome), dtype=np.int64) if blocks is None else blocks
    order, exhaustive = orders_within(blocks, permutations=permutations, rng=rng)

    def parts(outcomes: Floats) -> tuple[Floats, Floats]:
        # fitted values of the nuisance drop out of t
        along = outcomes @ model.columns
        return along[:, 0], model.squares(outcomes, along)

    own_parts = parts(residual[np.newaxis, model.order])
    t, df = model.t(*own_parts)
    observed = float(model.deviates(*own_parts)[0])
    null = model.deviates(*parts(residual[order[:, model.order]]))
    return PermutationTest(
        statistic=float(t[0]),
        df=float(df[0]),
        partial_r=max(-1.0, min(1.0, float(own @ residual))),
        pooled=model.pooled,
        error_ratio=model.error_ratio(own_parts[1][0]),
        **_counted(observed, null, exhaustive=exhaustive, direction=direction),
    )


def orthonormal(columns: Floats) -> Floats:
    """Return an orthonormal basis, shape (n, rank), of the space that the columns span."""
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    basis: Floats = left[:, values > 1e-10 * values[0]]
    return basis


class _Counted(TypedDict):
    p: float
    permutations: int
    exhaustive: bool
    smallest_p: float


def _counted(observed: float, null: Floats, *, exhaustive: bool, direction: str | None) -> _Counted:
    """Count the arrangements whose statistic is as extreme as the observed one."""
    if direction is None:
        extreme, reached = np.abs(null), abs(observed)
    else:
        sign = 1 if direction == "+" else -1
        extreme, reached = sign * null, sign * observed
    beyond = int(np.count_nonzero(extreme >= below(reached)))
    m = len(null)
    most = int(np.count_nonzero(extreme >= below(float(extreme.max()))))
    return _Counted(
        p=beyond / m if exhaustive else (beyond + 1) / (m + 1),
        permutations=m,
        exhaustive=exhaustive,
        smallest_p=most / m if exhaustive else 1 / (m + 1),
    )


def below(statistic: float) -> float:
    """Return the value from which on a statistic equals the given one but for rounding."""
    return statistic - _TIE * max(1.0, abs(statistic)) if math.isfinite(statistic) else statistic
