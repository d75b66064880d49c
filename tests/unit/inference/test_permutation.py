"""Permutation tests against scipy, statsmodels, nilearn and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.core.permutation import (
    freedman_lane_test,
    orders,
    sign_flip_test,
    sign_flips,
    stream,
)


def regression(n: int, seed: int, slope: float = 0.5):
    rng = np.random.default_rng(seed)
    nuisance = np.column_stack([np.ones(n), rng.normal(20, 5, n), rng.integers(0, 2, n)])
    tested = rng.normal(size=n) + 0.1 * nuisance[:, 1]
    outcome = nuisance @ [3, 0.4, -1] + slope * tested + rng.normal(size=n)
    return outcome, tested, nuisance


def test_a_stream_depends_on_the_seed_and_the_name_alone():
    first = stream(7, "dmn/change").random(4)
    assert np.array_equal(first, stream(7, "dmn/change").random(4))
    assert not np.array_equal(first, stream(8, "dmn/change").random(4))
    assert not np.array_equal(first, stream(7, "dmn/association").random(4))


@pytest.mark.parametrize(("n", "m", "exhaustive"), [(3, 8, True), (3, 7, False), (13, 10000, True)])
def test_all_sign_patterns_are_used_when_there_are_no_more_than_asked_for(n, m, exhaustive):
    signs, complete = sign_flips(n, permutations=m, rng=np.random.default_rng(0))
    assert complete is exhaustive
    assert signs.shape == (2**n if exhaustive else m, n)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    if exhaustive:
        assert len(np.unique(signs, axis=0)) == 2**n


def test_differences_have_one_variance_and_none_is_pooled():
    rng = np.random.default_rng(0)
    differences = np.array([0.3, -0.1, 0.4, 0.2, 0.1])
    found = sign_flip_test(differences, permutations=100, rng=rng)
    assert not found.pooled
    assert found.df == 4


@pytest.mark.parametrize(("n", "m", "exhaustive"), [(4, 24, True), (4, 23, False), (30, 50, False)])
def test_all_orders_are_used_when_there_are_no_more_than_asked_for(n, m, exhaustive):
    order, complete = orders(n, permutations=m, rng=np.random.default_rng(0))
    assert complete is exhaustive
    assert np.array_equal(np.sort(order, axis=1), np.tile(np.arange(n), (m, 1)))
    assert len(np.unique(order, axis=0)) > (23 if exhaustive else 15)


def test_the_exhaustive_sign_flip_p_is_that_of_scipy():
    differences = np.random.default_rng(3).normal(0.4, 1, 11)
    ours = sign_flip_test(differences, permutations=2048, rng=np.random.default_rng(0))
    theirs = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    t = stats.ttest_1samp(differences, 0)
    assert ours.exhaustive
    assert ours.permutations == 2048
    assert ours.p == pytest.approx(theirs.pvalue, abs=1e-12)
    assert ours.statistic == pytest.approx(t.statistic, rel=1e-10)
    assert ours.smallest_p == 2 / 2048


def test_sums_that_tie_but_for_rounding_count_as_equal():
    whole = np.array([7, 6, 6, 6, -5, 6, 8, -3, -4])
    sums = [
        abs(int(np.dot(signs, whole))) for signs in itertools.product((-1, 1), repeat=len(whole))
    ]
    exact = np.mean([s >= abs(whole.sum()) for s in sums])
    ours = sign_flip_test(whole * 0.1, permutations=512, rng=np.random.default_rng(0))
    assert ours.p == exact


def test_a_monte_carlo_p_counts_the_observed_arrangement_and_is_never_zero():
    differences = np.random.default_rng(0).normal(9, 0.1, 20)
    ours = sign_flip_test(differences, permutations=99, rng=np.random.default_rng(0))
    assert not ours.exhaustive
    assert ours.p == ours.smallest_p == 1 / 100
    outcome, tested, nuisance = regression(20, seed=0, slope=50)
    ours = freedman_lane_test(
        outcome, tested, nuisance, permutations=99, rng=np.random.default_rng(0)
    )
    assert ours.p == ours.smallest_p == 1 / 100


def test_freedman_lane_t_and_partial_r_are_those_of_statsmodels_and_pingouin():
    import pandas as pd
    import pingouin as pg
    import statsmodels.api as sm

    outcome, tested, nuisance = regression(24, seed=1)
    ours = freedman_lane_test(
        outcome, tested, nuisance, permutations=10, rng=np.random.default_rng(0)
    )
    fit = sm.OLS(outcome, np.column_stack([tested, nuisance])).fit()
    frame = pd.DataFrame({"y": outcome, "x": tested, "a": nuisance[:, 1], "b": nuisance[:, 2]})
    partial = pg.partial_corr(frame, x="x", y="y", covar=["a", "b"])["r"].iloc[0]
    assert ours.statistic == pytest.approx(fit.tvalues[0], rel=1e-9)
    assert ours.partial_r == pytest.approx(partial, rel=1e-9)


def test_the_exhaustive_freedman_lane_p_is_that_of_refitting_every_order():
    import statsmodels.api as sm

    rng = np.random.default_rng(4)
    nuisance = np.column_stack([np.ones(6), rng.normal(size=6)])
    tested = rng.normal(size=6)
    outcome = 2 * nuisance[:, 1] + tested + rng.normal(size=6)
    ours = freedman_lane_test(
        outcome, tested, nuisance, permutations=720, rng=np.random.default_rng(0)
    )
    design = np.column_stack([tested, nuisance])
    reduced = sm.OLS(outcome, nuisance).fit()
    null = [
        abs(sm.OLS(reduced.fittedvalues + reduced.resid[list(order)], design).fit().tvalues[0])
        for order in itertools.permutations(range(6))
    ]
    observed = abs(sm.OLS(outcome, design).fit().tvalues[0])
    assert ours.exhaustive
    assert ours.p == np.mean(np.array(null) >= observed * (1 - 1e-9))
    assert ours.smallest_p == 1 / 720


def test_freedman_lane_agrees_with_nilearn_within_monte_carlo_error():
    from nilearn.mass_univariate import permuted_ols

    outcome, tested, nuisance = regression(18, seed=5, slope=0.1)
    ours = freedman_lane_test(
        outcome, tested, nuisance, permutations=10000, rng=np.random.default_rng(0)
    )
    theirs = permuted_ols(
        tested[:, np.newaxis],
        outcome[:, np.newaxis],
        confounding_vars=nuisance[:, 1:],
        model_intercept=True,
        n_perm=2000,
        two_sided_test=True,
        random_state=0,
        output_type="dict",
    )
    p = 10 ** -theirs["logp_max_t"].item()
    error = np.sqrt(p * (1 - p) * (1 / 2000 + 1 / 10000))
    assert 0.05 < p < 0.5, "an informative p"
    assert abs(ours.statistic) == pytest.approx(abs(theirs["t"].item()), rel=1e-6)
    assert abs(ours.p - p) < 3.5 * error


def test_p_does_not_depend_on_units():
    outcome, tested, nuisance = regression(15, seed=6)
    first = freedman_lane_test(
        outcome, tested, nuisance, permutations=500, rng=np.random.default_rng(0)
    )
    scaled = freedman_lane_test(
        outcome * 1e-4 + 7,
        tested * 1e5,
        nuisance * 30,
        permutations=500,
        rng=np.random.default_rng(0),
    )
    assert scaled.p == first.p
    assert scaled.statistic == pytest.approx(first.statistic)


def test_a_perfect_fit_has_an_infinite_t_and_a_p_all_the_same():
    _, tested, nuisance = regression(12, seed=7)
    ours = freedman_lane_test(
        -2 * tested + nuisance[:, 1],
        tested,
        nuisance,
        permutations=99,
        rng=np.random.default_rng(0),
    )
    assert ours.statistic == -np.inf
    assert ours.partial_r == pytest.approx(-1)
    assert ours.p == 1 / 100
