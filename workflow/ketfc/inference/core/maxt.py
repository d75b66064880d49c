"""Family-wise error by max-T: a family of tests under joint permutations.

One arrangement of whole participants is applied to all tests of the family at once, so that their
dependence is kept, and every ``|t|`` is compared with the largest one of each arrangement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.joint_tests import (
    Models,
    Tally,
    constant_columns,
    indicators,
    missing_patterns,
    without_absent,
)
from ketfc.inference.core.permutation import Blocks, Floats, orders_within, sign_flips
from ketfc.inference.core.variance_groups import Groups, deviates


@dataclass(frozen=True, eq=False)
class FamilyTest:
    """Outcome of a family of two-sided tests; arrays have one value per test.

    Attributes
    ----------
    estimate : numpy.ndarray of shape (tests,)
        The mean, or the coefficient of the tested regressor by ordinary least squares, or the
        partial Spearman correlation where ranks are tested.
    statistic, df, n : numpy.ndarray of shape (tests,)
        t (infinite for a perfect fit), its degrees of freedom and the rows (participants) that
        entered.
    p : numpy.ndarray of shape (tests,)
        Permutation p of each test alone.
    p_fwer : numpy.ndarray of shape (tests,)
        Share of arrangements whose largest ``|t|`` over the family is no smaller than the
        test's, each t taken for the standard normal deviate that it amounts to.
    permutations : int
        Arrangements evaluated: all there are when `exhaustive`, else m, and p = (b + 1)/(m + 1).
    exhaustive : bool
        Whether every arrangement was evaluated, the observed one included.
    untestable : mapping of int to str
        Tests that are no part of the family, all their numbers NaN, and why: ``too-few``,
        ``constant`` or ``collinear``.
    """

    estimate: Floats
    statistic: Floats
    df: Floats
    n: npt.NDArray[np.int64]
    p: Floats
    p_fwer: Floats
    permutations: int
    exhaustive: bool
    untestable: Mapping[int, str]


def sign_flip_family(
    differences: Floats,
    *,
    permutations: int,
    rng: np.random.Generator,
    blocks: npt.NDArray[np.int64] | None = None,
) -> FamilyTest:
    """Test many means against zero under joint sign flips.

    Parameters
    ----------
    differences : numpy.ndarray of shape (n, tests)
        Paired differences, a row per participant; NaN where missing. A missing value adds nothing
        to its sum under any signs, so participants are flipped whole whatever they lack.
    permutations : int
        Number of random sign patterns, or all of them when they are no more than that.
    rng : numpy.random.Generator
        Source of the random patterns.
    blocks : numpy.ndarray of shape (n,), optional
        Rows of the same block (sessions of one participant, say) change sign together.

    Returns
    -------
    FamilyTest
        With the t of the one-sample t test.
    """
    present = np.isfinite(differences)
    n = present.sum(axis=0)
    untestable = {int(i): "constant" for i in np.flatnonzero(constant_columns(differences))}
    untestable |= {int(i): "too-few" for i in np.flatnonzero(n < 3)}
    tested = _others(untestable, len(n))
    unit = np.where(present, differences, 0.0)[:, tested]
    means = unit.sum(axis=0) / n[tested]
    unit = unit / (np.linalg.norm(unit, axis=0) * np.sqrt(n[tested]))
    df = (n[tested] - 1).astype(np.float64)
    t = t_of_mean(unit.sum(axis=0), df)
    if blocks is not None:
        unit = indicators(blocks).T @ unit
    signs, exhaustive = sign_flips(len(unit), permutations=permutations, rng=rng)
    tally = Tally(len(tested), len(signs))
    for i, column in enumerate(unit.T):
        observed = float(deviates(t[i : i + 1], df[i])[0])
        tally.compare(i, t[i], df[i], observed, deviates(t_of_mean(signs @ column, df[i]), df[i]))
    return _outcome(tally, means, tested, n, exhaustive=exhaustive, untestable=untestable)


def freedman_lane_family(
    outcome: Floats,
    tested: Floats,
    nuisance: Floats,
    *,
    own_nuisance: Floats | None = None,
    permutations: int,
    rng: np.random.Generator,
    blocks: Blocks | None = None,
    groups: Groups | None = None,
    by_ranks: bool = False,
) -> FamilyTest:
    """Test one regressor in each of many models by the method of Freedman and Lane, jointly.

    Either many outcomes have one regressor (connectivity of many edges on the arm), or one outcome
    has many regressors (a score on the change of many edges), or both are many.

    Parameters
    ----------
    outcome, tested : numpy.ndarray of shape (n,) or (n, tests)
        Outcome and tested regressor: one for all tests, or one per test with NaN where missing.
    nuisance : numpy.ndarray of shape (n, k)
        Other columns that all tests share, the intercept among them.
    own_nuisance : numpy.ndarray of shape (n, tests), optional
        One more nuisance column of each test (the edge's own baseline in an ANCOVA); NaN where
        missing.
    permutations : int
        Number of random orders, or all of them when they are no more than that.
    rng : numpy.random.Generator
        Source of the random orders.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are exchanged within their block (site) only. Blocks are not added to the
        nuisance: give their columns where their means may differ.
    groups : numpy.ndarray of shape (n,), optional
        Groups whose residuals have a variance each
        (:mod:`ketfc.inference.core.variance_groups`).
    by_ranks : bool
        Whether every column is replaced by its ranks among the rows that enter a test (partial
        Spearman correlation, rank ANCOVA).

    Returns
    -------
    FamilyTest
        With Aspin and Welch's t; by ranks, `estimate` is the partial Spearman correlation. A test
        that lacks participants takes those that it has, in the joint order with the absent left
        out of each block: its own p stays that of Freedman and Lane within its participants,
        while the joint exchange, and with it `p_fwer`, is approximate as far as participants are
        absent.

    Raises
    ------
    ValueError
        If a column that all tests share has missing values, or shapes do not fit.

    References
    ----------
    Winkler AM et al. (2014), NeuroImage 92:381–397, doi:10.1016/j.neuroimage.2014.01.060.
    Westfall PH, Young SS (1993), Resampling-based multiple testing, Wiley.
    """
    columns = [outcome, tested] + ([] if own_nuisance is None else [own_nuisance])
    present = _present(columns, nuisance)
    blocks = np.zeros(len(nuisance), dtype=np.int64) if blocks is None else blocks
    order, exhaustive = orders_within(blocks, permutations=permutations, rng=rng)
    untestable: dict[int, str] = {}
    fits = []
    for rows, members in missing_patterns(present):
        y, x, *own = [
            column[rows][:, members] if column.ndim == 2 else column[rows, np.newaxis]
            for column in columns
        ]
        shared = nuisance[rows]
        if by_ranks:
            y, x, shared, *own = (ranks_within(column) for column in (y, x, shared, *own))
        models = Models.fit(y, x, shared, *own, groups=None if groups is None else groups[rows])
        untestable |= {int(members[i]): why for i, why in models.untestable.items()}
        fits.append((rows, members[models.kept], models))
    tested_ones = _others(untestable, present.shape[1])
    place = np.searchsorted(tested_ones, np.arange(present.shape[1]))
    slopes = np.zeros(len(tested_ones))
    tally = Tally(len(tested_ones), len(order))
    for rows, members, models in fits:
        slopes[place[members]] = models.partial_r if by_ranks else models.slope
        found = models.statistics(without_absent(order, rows, blocks))
        for test, (t, df, observed, null) in zip(place[members], found, strict=True):
            tally.compare(test, t, df, observed, null)
    n = present.sum(axis=0)
    return _outcome(tally, slopes, tested_ones, n, exhaustive=exhaustive, untestable=untestable)


def t_of_mean(r: Floats, df: Floats | float) -> Floats:
    """Return t of means or correlations in bounded form, t / √(t² + df)."""
    left = 1.0 - r**2
    with np.errstate(divide="ignore"):
        t: Floats = np.sign(r) * np.sqrt(r**2 * df / np.where(left > 1e-14, left, 0.0))
    return t


def false_discovery(p: Floats) -> Floats:
    """Return p values corrected by Benjamini and Hochberg's method; missing ones do not count.

    References
    ----------
    Benjamini Y, Hochberg Y (1995), J R Stat Soc B 57:289–300.
    """
    from scipy import stats

    known = np.isfinite(p)
    corrected = np.full(len(p), np.nan)
    if known.any():
        corrected[known] = stats.false_discovery_control(p[known], method="bh")
    return corrected


def ranks_within(columns: Floats) -> Floats:
    """Return the ranks within each column, mean ranks for ties; a constant stays constant."""
    from scipy import stats

    ranks: Floats = stats.rankdata(columns, axis=0)
    return ranks


def _present(columns: list[Floats], nuisance: Floats) -> npt.NDArray[np.bool_]:
    """Return which rows enter which test; refuse shapes that do not fit."""
    many = [column for column in columns if column.ndim == 2]
    shared = [nuisance, *(column for column in columns if column.ndim == 1)]
    if not all(np.isfinite(column).all() for column in shared):
        raise ValueError("a column that all tests share has missing values")
    present = np.ones((len(nuisance), many[0].shape[1] if many else 1), dtype=bool)
    for column in many:
        if column.shape != present.shape:
            raise ValueError(f"columns of shape {column.shape} beside {present.shape}")
        present &= np.isfinite(column)
    return present


def _others(untestable: Mapping[int, str], tests: int) -> npt.NDArray[np.intp]:
    """Return the tests that are not untestable, in order."""
    return np.setdiff1d(np.arange(tests), list(untestable)).astype(np.intp)


def _outcome(
    tally: Tally,
    estimate: Floats,
    tested: npt.NDArray[np.intp],
    n: npt.NDArray[np.int64],
    *,
    exhaustive: bool,
    untestable: Mapping[int, str],
) -> FamilyTest:
    """Return a tally's numbers at the places of its tests, and NaN for the others."""

    def spread(values: Floats) -> Floats:
        whole = np.full(len(n), np.nan)
        whole[tested] = values
        return whole

    p, p_fwer = tally.p_values(exhaustive=exhaustive)
    return FamilyTest(
        estimate=spread(estimate),
        statistic=spread(tally.t),
        df=spread(tally.df),
        n=n,
        p=spread(p),
        p_fwer=spread(p_fwer),
        permutations=tally.permutations,
        exhaustive=exhaustive,
        untestable=dict(sorted(untestable.items())),
    )
