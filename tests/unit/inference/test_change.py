"""Change: golden numbers, calibration and planted effects."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from made_models import adjusted_difference, describe_change, mean_change, welch
from scipy import stats

from ketfc.inference.core.effect_sizes import (
    FOLLOWUP_SD,
    hedges_factor,
    standardised_interval,
)

SETTINGS = {"alpha": 0.05, "permutations": 199}


def paired(n: int, seed: int, effect: float = 0.0):
    rng = np.random.default_rng(seed)
    baseline = rng.normal(0.2, 0.25, n)
    return baseline, 0.5 * baseline + 0.1 + effect + rng.normal(0, 0.2, n)


def arms(n: int) -> np.ndarray:
    return np.arange(n, dtype=float) % 2


def test_hedges_factor_is_the_exact_one():
    # Γ in closed form: df = 2 gives 1/√π, df = 4 gives √(2/π)
    assert hedges_factor(2) == pytest.approx(np.pi**-0.5)
    assert hedges_factor(4) == pytest.approx((2 / np.pi) ** 0.5)
    # and the usual approximation 1 − 3 / (4 df − 1)
    assert hedges_factor(30) == pytest.approx(1 - 3 / 119, abs=1e-4)


def test_a_mean_change_has_the_numbers_of_scipy_and_pingouin():
    import pingouin as pg

    baseline, followup = paired(14, seed=1, effect=0.1)
    ours = mean_change(baseline, followup, **SETTINGS, rng=np.random.default_rng(0))
    t = stats.ttest_rel(followup, baseline)
    dz = pg.compute_effsize(followup, baseline, paired=True, eftype="cohen_dz")
    assert ours.estimate == pytest.approx(np.mean(followup - baseline))
    assert ours.ci_low < ours.estimate < ours.ci_high
    assert (ours.statistic, ours.df, ours.p_parametric) == pytest.approx(
        (t.statistic, 13, t.pvalue)
    )
    assert ours.effect_size == pytest.approx(dz * hedges_factor(13))
    assert ours.effect_size_type == "dz (Hedges g)"
    assert ours.permutations == 199


def test_a_mean_change_of_few_has_the_exact_sign_flip_p():
    baseline, followup = paired(7, seed=2, effect=0.15)
    ours = mean_change(baseline, followup, **SETTINGS, rng=np.random.default_rng(0))
    theirs = stats.permutation_test(
        (followup - baseline,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert ours.p_permutation == pytest.approx(theirs.pvalue)
    assert (ours.ci_low <= 0 <= ours.ci_high) == (theirs.pvalue > 0.05)
    assert ours.flags == ("exhaustive",)
    assert ours.permutations == 128


def test_three_people_can_never_reach_the_level_and_this_is_said():
    ours = mean_change(*paired(3, seed=3, effect=5), **SETTINGS, rng=np.random.default_rng(0))
    assert ours.p_permutation == 0.25
    assert np.isnan([ours.ci_low, ours.ci_high]).all(), "no mean is ever rejected"
    assert ours.flags == ("exhaustive", "p-floor")


def test_a_description_has_an_interval_but_no_p():
    baseline, followup = paired(9, seed=4)
    ours = describe_change(baseline, followup, alpha=0.05)
    tested = mean_change(baseline, followup, **SETTINGS, rng=np.random.default_rng(0))
    assert (ours.estimate, ours.effect_size) == (tested.estimate, tested.effect_size)
    t = stats.ttest_rel(followup, baseline).confidence_interval(0.95)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((t.low, t.high))
    assert np.isnan([ours.statistic, ours.p_permutation, ours.p_parametric]).all()


@pytest.mark.parametrize(
    ("baseline", "followup", "flag"),
    [
        (np.array([0.1, 0.2]), np.array([0.2, 0.2]), "too-few"),
        (np.array([]), np.array([]), "too-few"),
        (np.arange(8) * 0.1, np.arange(8) * 0.1 + 0.3, "constant"),
    ],
)
def test_a_change_that_cannot_be_tested_has_a_flag_and_no_numbers(baseline, followup, flag):
    ours = mean_change(baseline, followup, **SETTINGS, rng=np.random.default_rng(0))
    assert ours.flags == (flag,)
    assert ours.obstacle
    assert np.isnan([ours.estimate, ours.p_permutation, ours.p_parametric]).all()


def test_the_adjusted_difference_is_that_of_statsmodels():
    import pandas as pd
    import statsmodels.formula.api as smf

    baseline, followup = paired(17, seed=5)
    treated = arms(17)
    followup = followup + 0.3 * treated
    ours = adjusted_difference(
        baseline, followup, treated, **SETTINGS, rng=np.random.default_rng(0)
    )
    frame = pd.DataFrame({"post": followup, "pre": baseline, "arm": treated})
    fit = smf.ols("post ~ pre + arm", frame).fit()
    assert ours.estimate == pytest.approx(fit.params["arm"])
    assert (ours.ci_low <= 0 <= ours.ci_high) == (ours.p_permutation > 0.05)
    found = (ours.statistic, ours.df, ours.p_parametric)
    assert found == pytest.approx(welch(fit, "arm", treated))


def test_its_effect_size_is_in_standard_deviations_at_followup():
    import pingouin as pg

    baseline, followup = paired(16, seed=6)
    treated = arms(16)
    ours = adjusted_difference(
        baseline, followup, treated, **SETTINGS, rng=np.random.default_rng(0)
    )
    # Cohen's d between the arms at follow-up is their difference in the same unit
    a, b = followup[treated == 1], followup[treated == 0]
    pooled = (a.mean() - b.mean()) / pg.compute_effsize(a, b, eftype="cohen")
    assert ours.effect_size == pytest.approx(ours.estimate / pooled * hedges_factor(14))
    assert ours.effect_size_type == FOLLOWUP_SD
    ends = standardised_interval(
        ours.estimate, ours.ci_low, ours.ci_high, spread=pooled, df=14, alpha=SETTINGS["alpha"]
    )
    assert (ours.effect_low, ours.effect_high) == pytest.approx(ends)


def test_a_tiny_spread_at_baseline_makes_no_giant_effect():
    rng = np.random.default_rng(2)
    treated = arms(20)
    baseline = 0.3 + rng.normal(0, 0.01, 20)
    followup = rng.normal(0.3, 0.2, 20) + 0.2 * treated
    ours = adjusted_difference(
        baseline, followup, treated, **SETTINGS, rng=np.random.default_rng(0)
    )
    assert 0 < ours.effect_size < 2.5
    assert ours.effect_low < ours.effect_size < ours.effect_high


def test_the_partial_r_beside_it_is_that_of_pingouin():
    pg = pytest.importorskip("pingouin")
    pd = pytest.importorskip("pandas")
    baseline, followup = paired(17, seed=5)
    treated = arms(17)
    ours = adjusted_difference(
        baseline, followup, treated, **SETTINGS, rng=np.random.default_rng(0)
    )
    frame = pd.DataFrame({"post": followup, "pre": baseline, "arm": treated})
    theirs = pg.partial_corr(frame, "arm", "post", "pre")["r"].iloc[0]
    assert ours.partial_r == pytest.approx(theirs)
    change = mean_change(baseline, followup, **SETTINGS, rng=np.random.default_rng(0))
    t = change.statistic
    assert change.partial_r == pytest.approx(t / np.sqrt(t**2 + 16))


def test_an_arm_that_differed_at_baseline_only_shows_no_difference_at_followup():
    rng = np.random.default_rng(7)
    treated = arms(40)
    baseline = rng.normal(size=40) + 2 * treated
    followup = baseline + 0.1 * rng.normal(size=40)
    ours = adjusted_difference(
        baseline, followup, treated, **SETTINGS, rng=np.random.default_rng(0)
    )
    assert ours.ci_low < 0 < ours.ci_high
    assert ours.p_permutation > 0.05


@pytest.mark.parametrize("n", [12, 24])
@pytest.mark.parametrize("design", ["single-arm", "parallel"])
def test_under_the_null_the_level_is_kept(n, design):
    rng = np.random.default_rng(n)
    studies = 400
    rejected = 0
    for _ in range(studies):
        baseline = rng.normal(0.2, 0.25, n)
        # sessions of unequal length: heavier errors in some, none of them shifted
        error = rng.normal(0, 0.2, n) * rng.uniform(0.5, 2, n)
        if design == "single-arm":
            ours = mean_change(baseline, baseline + error, **SETTINGS, rng=rng)
        else:
            ours = adjusted_difference(
                baseline, 0.5 * baseline + error, arms(n), **SETTINGS, rng=rng
            )
        rejected += ours.p_permutation <= 0.05
    low, high = stats.binom.interval(0.99, studies, 0.05)
    assert low <= rejected <= high


@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_change_is_found_with_its_sign(sign):
    rng = np.random.default_rng(8)
    baseline = rng.normal(0.2, 0.25, 20)
    followup = 0.5 * baseline + 0.1 + rng.normal(0, 0.15, 20)
    single = mean_change(
        baseline, baseline + sign * 0.3 + rng.normal(0, 0.15, 20), **SETTINGS, rng=rng
    )
    parallel = adjusted_difference(
        baseline, followup + sign * 0.4 * arms(20), arms(20), **SETTINGS, rng=rng
    )
    for ours in (single, parallel):
        assert ours.p_permutation <= 0.01
        assert np.sign([ours.estimate, ours.ci_low, ours.ci_high]).tolist() == [sign] * 3


# -- one-sided, as preregistered -------------------------------------------------------------------

SIDES = {"+": "greater", "-": "less"}


@pytest.mark.parametrize("direction", SIDES)
def test_a_one_sided_change_has_the_p_values_of_scipy(direction):
    baseline, followup = paired(9, seed=5, effect=0.1)
    change = followup - baseline
    found = mean_change(
        baseline,
        followup,
        alpha=0.05,
        permutations=1024,
        rng=np.random.default_rng(0),
        direction=direction,
    )
    expected = stats.permutation_test(
        (change,),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        alternative=SIDES[direction],
        n_resamples=np.inf,
        vectorized=True,
    )
    assert found.p_permutation == pytest.approx(expected.pvalue)
    t = stats.ttest_1samp(change, 0, alternative=SIDES[direction])
    assert found.p_parametric == pytest.approx(t.pvalue)
    # the interval is the two-sided one
    both = mean_change(
        baseline, followup, alpha=0.05, permutations=1024, rng=np.random.default_rng(0)
    )
    assert (found.ci_low, found.ci_high) == (both.ci_low, both.ci_high)
    assert "one-sided" in found.flags


@pytest.mark.parametrize("direction", SIDES)
def test_a_one_sided_comparison_of_arms_has_the_p_values_of_scipy(direction):
    """Without an effect of the baseline, Freedman–Lane rearranges the residuals of a mean."""
    rng = np.random.default_rng(8)
    treated = arms(8)
    # baseline balanced between arms and unrelated to follow-up, so that it takes nothing out
    baseline = np.repeat([-1.0, -1, 1, 1], 2) * 0.1
    followup = rng.normal(0.3, 0.2, 8)
    for group in (0, 1):
        own = (treated == group) & (baseline > 0)
        other = (treated == group) & (baseline < 0)
        followup[own] += followup[other].mean() - followup[own].mean()
    found = adjusted_difference(
        baseline,
        followup,
        treated,
        alpha=0.05,
        permutations=40320,
        rng=np.random.default_rng(0),
        direction=direction,
    )

    design = np.column_stack([treated, np.ones(8), baseline])

    def t_of(outcome, axis=-1):
        """Welch's t with nuisance, as the deviate that it amounts to, with 1.5 df less an arm."""
        outcome = np.moveaxis(np.atleast_2d(outcome), axis, -1)
        weight = np.linalg.pinv(design)
        left = outcome - outcome @ weight.T @ design.T
        free = 1 - np.diag(design @ weight)
        parts = [
            (left[..., own] ** 2).sum(axis=-1) / free[own].sum() * (weight[0, own] ** 2).sum()
            for own in (treated == 0, treated == 1)
        ]
        df = sum(parts) ** 2 / sum(
            part**2 / (free[treated == group].sum() - 1.5) for group, part in enumerate(parts)
        )
        return stats.norm.isf(stats.t.sf((outcome @ weight[0]) / np.sqrt(sum(parts)), df))

    nuisance = design[:, 1:]
    residual = followup - nuisance @ np.linalg.pinv(nuisance) @ followup
    null = t_of(residual[np.array(list(permutations(range(8))))])
    observed = t_of(residual)[0]
    sign = 1 if direction == "+" else -1
    assert found.p_permutation == pytest.approx((sign * null >= sign * observed - 1e-9).mean())
    assert found.p_parametric == pytest.approx(stats.t.sf(sign * found.statistic, found.df))


def test_a_one_sided_test_cannot_find_the_opposite():
    baseline, followup = paired(20, seed=3, effect=0.8)
    p = {
        direction: mean_change(
            baseline, followup, rng=np.random.default_rng(0), direction=direction, **SETTINGS
        ).p_permutation
        for direction in (None, *SIDES)
    }
    assert p["+"] == 1 / 200
    assert p["-"] > 0.99
    assert p[None] == 1 / 200


@pytest.mark.parametrize("direction", SIDES)
@pytest.mark.parametrize("test", ["paired", "arms"])
def test_one_sided_p_values_are_uniform_where_nothing_changes(direction, test):
    rng = np.random.default_rng(77)
    p = []
    for _ in range(400):
        baseline = rng.normal(0, 0.2, 14)
        followup = 0.5 * baseline + rng.normal(0, 0.2, 14)
        if test == "paired":
            followup = baseline + rng.normal(0, 0.2, 14)
            found = mean_change(baseline, followup, rng=rng, direction=direction, **SETTINGS)
        else:
            found = adjusted_difference(
                baseline, followup, arms(14), rng=rng, direction=direction, **SETTINGS
            )
        p.append(found.p_permutation)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.09
