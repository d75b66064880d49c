"""Proportional odds against scikit-learn, a known parameter, and its traps."""

from __future__ import annotations

import numpy as np
import pytest

from ketfc.inference.robustness.ordinal import ordinal_evidence


def item(n: int, seed: int, slope: float):
    rng = np.random.default_rng(seed)
    change, before = rng.normal(size=(2, n))
    latent = slope * change + 0.5 * before + rng.logistic(size=n)
    return np.digitize(latent, [-1.5, 0.0, 1.5]).astype(float), change, before


def test_with_two_values_it_is_a_logistic_regression():
    import statsmodels.api as sm

    score, change, before = item(60, seed=1, slope=0.8)
    score = (score > 1).astype(float)
    ours = ordinal_evidence(("item", score), {"c": change * 3, "b": before}, alpha=0.05)
    fit = sm.Logit(score, np.column_stack([change * 3, before, np.ones(60)])).fit(disp=False)
    low, high = fit.conf_int(0.05)[0]
    assert ours.estimate == pytest.approx(fit.params[0], rel=1e-4)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((low, high), rel=1e-3)
    assert ours.p_parametric == pytest.approx(fit.pvalues[0], rel=1e-2)
    assert ours.statistic == pytest.approx(fit.tvalues[0], rel=1e-3)
    assert ours.effect_size == pytest.approx(fit.params[0] * np.std(change * 3, ddof=1), rel=1e-4)


def test_a_known_slope_is_found():
    score, change, before = item(4000, seed=2, slope=0.7)
    ours = ordinal_evidence(("item", score), {"c": change, "b": before}, alpha=0.01)
    assert ours.ci_low < 0.7 < ours.ci_high
    assert ours.ci_high - ours.ci_low < 0.2


def test_units_of_score_and_regressor_do_not_matter():
    score, change, before = item(50, seed=3, slope=0.7)
    first = ordinal_evidence(("item", score), {"c": change, "b": before}, alpha=0.05)
    second = ordinal_evidence(
        ("item", score**2 * 10), {"c": change * 1e4 + 5, "b": before}, alpha=0.05
    )
    assert second.estimate == pytest.approx(first.estimate / 1e4, rel=1e-6)
    assert second.p_parametric == pytest.approx(first.p_parametric, rel=1e-6)


def test_values_and_regressors_need_two_participants_more():
    score, change, before = item(40, seed=5, slope=0.2)
    first = [int(np.flatnonzero(score == level)[i]) for i in range(3) for level in range(4)]
    regressors = {"c": change, "b": before, "d": np.sin(7 * change)}
    for n, enough in ((9, True), (8, False)):
        own = {name: column[first[:n]] for name, column in regressors.items()}
        ours = ordinal_evidence(("item", score[first[:n]]), own, alpha=0.05)
        assert ("too-few" not in ours.flags) == enough


@pytest.mark.parametrize("values", [2, 4])
def test_categories_told_apart_exactly_are_reported_not_estimated(values):
    change = np.linspace(-2, 2, 24)
    score = np.repeat(np.arange(values), 24 // values).astype(float)
    ours = ordinal_evidence(("item", score), {"c": change}, alpha=0.05)
    assert ours.flags[0] in ("separated", "not-converged")
    assert ours.obstacle
    assert np.isnan([ours.estimate, ours.ci_low, ours.p_parametric]).all()


@pytest.mark.parametrize(
    ("score", "flag"),
    [(np.zeros(20), "constant"), (np.arange(20.0), "too-few"), (np.arange(3.0), "too-few")],
)
def test_what_cannot_be_fitted_has_a_flag_and_no_numbers(score, flag):
    change = np.random.default_rng(4).normal(size=len(score))
    ours = ordinal_evidence(("item", score), {"c": change}, alpha=0.05)
    assert ours.flags == (flag,)
    assert np.isnan(ours.p_parametric)
