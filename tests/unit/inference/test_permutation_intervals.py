"""The interval holds what the permutation test does not reject."""

from __future__ import annotations

import numpy as np
import pytest

from ketfc.inference.core.linear import hc3_coefficient
from ketfc.inference.core.permutation import freedman_lane_test, sign_flip_test
from ketfc.inference.core.permutation_intervals import freedman_lane_interval, sign_flip_interval


def regression(n: int, seed: int, slope: float = 0.5):
    rng = np.random.default_rng(seed)
    nuisance = np.column_stack([np.ones(n), rng.normal(20, 5, n)])
    tested = rng.normal(size=n) + 0.1 * nuisance[:, 1]
    return nuisance @ [3, 0.4] + slope * tested + rng.normal(size=n), tested, nuisance


def seeded() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.mark.parametrize("n", [6, 15, 30])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_just_inside_the_test_does_not_reject_and_just_outside_it_does(n, alpha):
    y, x, nuisance = regression(n, seed=n)
    ours = freedman_lane_interval(y, x, nuisance, alpha=alpha, permutations=720, rng=seeded())

    def p(at: float) -> float:
        return freedman_lane_test(y - at * x, x, nuisance, permutations=720, rng=seeded()).p

    little = 1e-6 * (ours.high - ours.low)
    assert min(p(ours.low + little), p(ours.high - little)) > alpha
    assert max(p(ours.low - little), p(ours.high + little)) <= alpha


def test_it_holds_zero_exactly_where_p_is_above_alpha():
    for seed in range(40):
        y, x, nuisance = regression(12, seed=seed, slope=0.6)
        p = freedman_lane_test(y, x, nuisance, permutations=199, rng=seeded()).p
        ours = freedman_lane_interval(y, x, nuisance, alpha=0.05, permutations=199, rng=seeded())
        assert (ours.low <= 0 <= ours.high) == (p > 0.05)


def test_with_normal_errors_it_is_close_to_that_of_least_squares():
    import statsmodels.api as sm

    y, x, nuisance = regression(60, seed=1)
    ours = freedman_lane_interval(y, x, nuisance, alpha=0.05, permutations=4999, rng=seeded())
    low, high = sm.OLS(y, np.column_stack([x, nuisance])).fit().conf_int(0.05)[0]
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.06 * (high - low))


def test_units_move_the_interval_and_nothing_else():
    y, x, nuisance = regression(14, seed=2)
    first = freedman_lane_interval(y, x, nuisance, alpha=0.05, permutations=299, rng=seeded())
    second = freedman_lane_interval(
        y * 1e-3 + 7, x * 1e3, nuisance, alpha=0.05, permutations=299, rng=seeded()
    )
    assert (second.low, second.high) == pytest.approx((first.low * 1e-6, first.high * 1e-6))


def test_a_participant_with_leverage_one_leaves_an_interval_where_hc3_has_none():
    y, x, nuisance = regression(12, seed=4)
    lone = np.zeros(12)
    lone[3] = 1.0
    nuisance = np.column_stack([nuisance, lone])
    ours = freedman_lane_interval(y, x, nuisance, alpha=0.05, permutations=299, rng=seeded())
    assert np.isnan(hc3_coefficient(y, x, nuisance, alpha=0.05).ci_low)
    assert ours.low < ours.high


def test_where_nothing_can_be_rejected_or_nothing_varies_there_is_no_interval():
    y, x, nuisance = regression(4, seed=5)
    few = freedman_lane_interval(y, x, nuisance, alpha=0.01, permutations=99, rng=seeded())
    assert few.obstacle == "p-floor"
    y, x, nuisance = regression(12, seed=6)
    exact = freedman_lane_interval(
        2 * x + nuisance[:, 1], x, nuisance, alpha=0.05, permutations=99, rng=seeded()
    )
    assert exact.obstacle == "constant"
    assert np.isnan([few.low, few.high, exact.low, exact.high]).all()


# -- sign flips ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "permutations"), [(7, 1000), (9, 512), (15, 999)])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_means_inside_are_not_rejected_by_sign_flips_and_means_outside_are(n, permutations, alpha):
    change = np.random.default_rng(n).gamma(1.0, size=n)
    ours = sign_flip_interval(change, alpha=alpha, permutations=permutations, rng=seeded())

    def p(at: float) -> float:
        return sign_flip_test(change - at, permutations=permutations, rng=seeded()).p

    little = 1e-6 * (ours.high - ours.low)
    assert min(p(ours.low + little), p(ours.high - little)) > alpha
    assert max(p(ours.low - little), p(ours.high + little)) <= alpha


def test_its_ends_are_means_of_subsets():
    """All 2⁶ patterns at α = 1/16: rejected are the 4 that lie beyond the two outermost means."""
    change = np.array([0.1, 0.7, 1.5, 2.0, 3.0, 4.1])
    ours = sign_flip_interval(change, alpha=1 / 16, permutations=64, rng=seeded())
    # beside nobody and everybody, flipping the smallest alone and its mirror image reach farthest
    assert (ours.low, ours.high) == pytest.approx(((0.1 + 0.7) / 2, (3.0 + 4.1) / 2))


def test_of_many_normal_changes_it_is_close_to_that_of_t():
    from scipy import stats

    change = np.random.default_rng(8).normal(0.2, 1.0, 60)
    ours = sign_flip_interval(change, alpha=0.05, permutations=9999, rng=seeded())
    t = stats.ttest_1samp(change, 0).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((t.low, t.high), abs=0.05 * (t.high - t.low))


@pytest.mark.parametrize(("n", "permutations"), [(5, 1000), (12, 10)])
def test_too_few_patterns_leave_no_interval(n, permutations):
    change = np.random.default_rng(n).normal(5, 1, n)
    ours = sign_flip_interval(change, alpha=0.05, permutations=permutations, rng=seeded())
    assert ours.obstacle == "p-floor"
    assert np.isnan([ours.low, ours.high]).all()
