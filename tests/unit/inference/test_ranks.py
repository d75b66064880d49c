"""Rank tests against pingouin, scipy and brute force; what one participant decides."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ketfc.inference.core.permutation import freedman_lane_test
from ketfc.inference.core.ranks import rank_evidence, theil_sen

SETTINGS = {"alpha": 0.05, "permutations": 299}


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def study(n: int, seed: int, slope: float = 0.0):
    """A floor-ridden score after treatment, its baseline, and a change in connectivity."""
    rng = seeded(seed)
    change = rng.normal(size=n)
    before = rng.poisson(9, n).astype(float)
    after = np.maximum(0, np.round(0.5 * before - 3 + slope * change + rng.normal(0, 2, n)))
    return after, change, before


def test_the_partial_spearman_correlation_is_that_of_pingouin():
    import pingouin as pg

    after, change, before = study(25, seed=1, slope=1.5)
    age = seeded(2).normal(40, 10, 25)
    ours = rank_evidence(
        ("SI", after), {"change": change, "before": before, "age": age}, **SETTINGS, rng=seeded()
    )
    frame = pd.DataFrame({"y": after, "x": change, "a": before, "b": age})
    theirs = pg.partial_corr(frame, x="x", y="y", covar=["a", "b"], method="spearman").iloc[0]
    assert ours.estimate == ours.effect_size == pytest.approx(theirs["r"], abs=1e-9)
    assert ours.p_parametric == pytest.approx(theirs.filter(like="p").iloc[0], rel=1e-6)
    assert ours.df == 21
    assert ours.effect_size_type == "partial Spearman rho"


def test_without_nuisance_it_is_spearmans_rho_with_bonett_and_wrights_interval():
    after, change, _ = study(30, seed=3, slope=1)
    ours = rank_evidence(("SI", after), {"change": change}, **SETTINGS, rng=seeded())
    rho = stats.spearmanr(after, change).statistic
    ends = np.array([ours.ci_low, ours.ci_high])
    away = np.abs(np.arctanh(ends) - np.arctanh(rho))
    assert away == pytest.approx(1.959964 * np.sqrt((1 + ends**2 / 2) / 27), abs=1e-6)
    assert ours.ci_low < rho < ours.ci_high


def test_its_permutation_p_is_freedman_and_lanes_on_ranks():
    after, change, before = study(18, seed=4, slope=0.8)
    ours = rank_evidence(
        ("SI", after), {"change": change, "before": before}, **SETTINGS, rng=seeded(5)
    )
    theirs = freedman_lane_test(
        stats.rankdata(after),
        stats.rankdata(change),
        np.column_stack([np.ones(18), stats.rankdata(before)]),
        permutations=299,
        rng=seeded(5),
    )
    assert (ours.p_permutation, ours.statistic) == (theirs.p, theirs.statistic)


def test_a_rank_ancova_is_the_ancova_of_ranks():
    after, _, before = study(20, seed=6)
    arm = np.arange(20) % 2.0
    after = after + 3 * arm
    ours = rank_evidence(("SI", after), {"arm": arm, "before": before}, **SETTINGS, rng=seeded())
    import statsmodels.api as sm

    design = np.column_stack([arm, np.ones(20), stats.rankdata(before)])
    theirs = sm.OLS(stats.rankdata(after), design).fit()
    assert ours.statistic == pytest.approx(theirs.tvalues[0])
    assert ours.p_parametric == pytest.approx(theirs.pvalues[0])


def test_ranks_do_not_depend_on_units_or_on_how_far_the_outlier_lies():
    after, change, before = study(20, seed=7, slope=1)
    regressors = {"change": change, "before": before}
    first = rank_evidence(("SI", after), regressors, **SETTINGS, rng=seeded())
    stretched = {"change": np.exp(change), "before": before * 1000}
    second = rank_evidence(("SI", after**3), stretched, **SETTINGS, rng=seeded())
    assert second == first


def test_a_crowded_floor_is_flagged():
    after, change, before = study(20, seed=8)
    after[:11] = 0
    after[11:] += 1
    ours = rank_evidence(
        ("SI", after), {"change": change, "before": before}, **SETTINGS, rng=seeded()
    )
    assert "ties" in ours.flags
    assert np.isfinite(ours.p_permutation)
    # half of them, or a tenth, are no crowd
    for few in (10, 2):
        after[few:11] = np.arange(few, 11)
        ours = rank_evidence(
            ("SI", after), {"change": change, "before": before}, **SETTINGS, rng=seeded()
        )
        assert "ties" not in ours.flags


@pytest.mark.parametrize(
    ("after", "change", "before", "flag"),
    [
        (np.zeros(12), np.arange(12.0), seeded(1).normal(size=12), "constant"),
        (seeded(1).normal(size=12), np.full(12, 0.1), np.arange(12.0), "constant"),
        (np.arange(3.0), np.array([0.3, 0.1, 0.2]), np.array([1.0, 5, 3]), "too-few"),
        # not collinear as values, but as ranks
        (seeded(1).normal(size=12), np.arange(12.0), np.arange(12.0) ** 3, "collinear"),
        (np.arange(12.0) ** 2, seeded(2).normal(size=12), np.arange(12.0), "constant"),
    ],
)
def test_what_cannot_be_tested_has_a_flag_and_no_numbers(after, change, before, flag):
    ours = rank_evidence(
        ("SI", after), {"change": change, "before": before}, **SETTINGS, rng=seeded()
    )
    assert ours.flags == (flag,)
    assert ours.obstacle
    assert np.isnan([ours.estimate, ours.p_permutation, ours.p_parametric]).all()


def test_a_perfect_rank_order_has_no_interval_and_no_zero_p():
    x = np.arange(12.0)
    ours = rank_evidence(("SI", x**2), {"change": x}, **SETTINGS, rng=seeded())
    assert ours.estimate == pytest.approx(1)
    assert np.isnan([ours.ci_low, ours.ci_high]).all()
    assert ours.p_permutation == pytest.approx(1 / 300)


def test_theil_sen_is_the_median_of_all_pairwise_slopes():
    after, change, _ = study(15, seed=9, slope=1)
    ours = theil_sen(after, change, np.ones((15, 1)), alpha=0.05)
    slopes = [
        (after[j] - after[i]) / (change[j] - change[i])
        for i, j in itertools.combinations(range(15), 2)
    ]
    theirs = stats.theilslopes(after, change, alpha=0.95)
    assert ours.slope == pytest.approx(np.median(slopes))
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.low_slope, theirs.high_slope))


def test_theil_sen_takes_the_nuisance_out_of_both():
    _, change, before = study(20, seed=10)
    after = 3 * change + 50 * before
    ours = theil_sen(after, change, np.column_stack([np.ones(20), before]), alpha=0.05)
    assert ours.slope == pytest.approx(3)


@pytest.mark.parametrize(
    ("y", "x", "why"),
    [
        (np.arange(2.0), np.arange(2.0), "too-few"),
        (np.zeros(9), np.arange(9.0), "constant"),
        (np.arange(9.0), np.full(9, 0.1), "constant"),
    ],
)
def test_there_is_no_slope_without_spread(y, x, why):
    ours = theil_sen(y, x, np.ones((len(y), 1)), alpha=0.05)
    assert ours.obstacle == why
    assert np.isnan([ours.slope, ours.ci_low, ours.ci_high]).all()


def test_four_participants_are_enough_for_an_interval():
    score, change = np.array([4.0, 1.0, 3.0, 9.0]), np.array([0.1, 0.2, 0.3, 0.4])
    ours = rank_evidence(("SI", score), {"change": change}, **SETTINGS, rng=seeded())
    assert ours.estimate == pytest.approx(0.4)
    assert -1 < ours.ci_low < 0.4 < ours.ci_high < 1
