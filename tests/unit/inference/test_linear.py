"""Regression: HC3 by its formula, and what forbids a fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.core.linear import hc3_coefficient, obstacle_to_fit, regression_evidence


def values(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def test_hc3_is_its_formula():
    n = 20
    x, a = values(n, 0), values(n, 1)
    y = 0.5 * x + a + values(n, 2) * (1 + x**2)
    X = np.column_stack([x, np.ones(n), a])
    bread = np.linalg.inv(X.T @ X)
    beta = bread @ X.T @ y
    weight = (y - X @ beta) / (1 - np.diag(X @ bread @ X.T))
    se = np.sqrt((bread @ (X.T * weight**2) @ X @ bread)[0, 0])
    half = stats.t.ppf(0.95, n - 3) * se

    ours = hc3_coefficient(y, x, X[:, 1:], alpha=0.10)

    assert ours.estimate == pytest.approx(beta[0])
    assert ours.ci_low == pytest.approx(beta[0] - half)
    assert ours.ci_high == pytest.approx(beta[0] + half)
    assert ours.statistic == pytest.approx(beta[0] / se)
    assert ours.df == n - 3
    assert ours.p == pytest.approx(2 * stats.t.sf(abs(beta[0] / se), n - 3))


@pytest.mark.parametrize(
    ("outcome", "regressors", "flag"),
    [
        (values(4, 0), {"x": values(4, 1), "a": values(4, 2)}, "too-few"),
        (np.full(12, 0.3), {"x": values(12, 1)}, "constant"),
        (np.zeros(12), {"x": values(12, 1), "a": values(12, 2)}, "constant"),
        # equal but for the rounding of a subtraction
        (values(12, 0), {"x": np.arange(12) * 0.1 + 0.3 - np.arange(12) * 0.1}, "constant"),
        (values(12, 0), {"x": values(12, 1), "a": np.full(12, 20.0)}, "constant"),
        (values(12, 0), {"x": values(12, 1), "a": 3 - 2 * values(12, 1)}, "collinear"),
        (
            values(12, 0),
            {"x": values(12, 1), "a": values(12, 2), "b": 5 + 40 * values(12, 2)},
            "collinear",
        ),
        # the score did not move for anyone
        (values(12, 2) * 9 + 20, {"x": values(12, 1), "a": values(12, 2) * 9 + 20}, "constant"),
    ],
)
def test_what_cannot_be_fitted_has_a_flag_and_no_numbers(outcome, regressors, flag):
    ours = regression_evidence(
        ("the score", outcome),
        regressors,
        alpha=0.05,
        permutations=20,
        rng=np.random.default_rng(0),
    )
    assert ours.flags == (flag,)
    assert ours.obstacle
    numbers = [ours.estimate, ours.ci_low, ours.effect_size, ours.p_permutation, ours.p_parametric]
    assert np.isnan(numbers).all()
    assert ours.permutations is None


def test_five_participants_are_enough_for_two_regressors_and_nothing_is_in_the_way():
    regressors = {"x": values(5, 1), "a": values(5, 2)}
    assert obstacle_to_fit(("y", values(5, 0)), regressors) is None
    alone = obstacle_to_fit(("y", np.ones(1)), {"x": np.ones(1)})
    assert alone is not None
    assert alone.obstacle == "1 complete participant, at least 4 are needed"


@pytest.mark.parametrize("perfect", [True, False])
def test_a_perfect_fit_has_no_interval_and_a_lone_participant_a_test_like_any_other(perfect):
    x = values(12, 1)
    lone = np.zeros(12)
    lone[3] = 1.0  # leverage 1: fitted whatever the outcome
    ours = regression_evidence(
        ("y", 2 * x + 1 if perfect else values(12, 0)),
        {"x": x} if perfect else {"lone": lone, "x": x},
        alpha=0.05,
        permutations=99,
        rng=np.random.default_rng(0),
    )
    assert ours.flags == ()
    assert np.isfinite([ours.estimate, ours.p_permutation, ours.df, ours.effect_size]).all()
    assert np.isinf(ours.statistic) == (ours.p_parametric == 0) == perfect
    assert np.isnan([ours.ci_low, ours.ci_high]).all() == perfect
    if perfect:
        assert ours.estimate == pytest.approx(2)
        assert ours.p_permutation == 0.01


def test_somebody_whom_a_covariate_fits_exactly_changes_neither_estimate_nor_statistic():
    y, x, age = values(12, 0), values(12, 1), values(12, 2)
    lone = np.zeros(12)
    lone[3] = 1.0
    about = {"alpha": 0.05, "permutations": 99}
    ours = regression_evidence(
        ("y", y), {"x": x, "age": age, "lone": lone}, rng=np.random.default_rng(0), **about
    )
    rest = np.arange(12) != 3
    without = regression_evidence(
        ("y", y[rest]), {"x": x[rest], "age": age[rest]}, rng=np.random.default_rng(0), **about
    )
    for name in ("estimate", "statistic", "df", "p_parametric", "effect_size"):
        assert getattr(ours, name) == pytest.approx(getattr(without, name)), name
    assert ours.flags == ()


def test_hc3_is_that_of_statsmodels_whatever_the_units():
    import statsmodels.api as sm

    x, a = values(15, 1) * 1e-6, 300 + values(15, 2)
    y = 5e4 * x + 2 * a + values(15, 0)
    nuisance = np.column_stack([np.ones(15), a])
    fit = sm.OLS(y, np.column_stack([x, nuisance])).fit(cov_type="HC3", use_t=True)
    ours = hc3_coefficient(y, x, nuisance, alpha=0.05)
    assert ours.estimate == pytest.approx(fit.params[0])
    assert (ours.ci_low, ours.ci_high) == pytest.approx(tuple(fit.conf_int()[0]))
    assert (ours.statistic, ours.df, ours.p) == pytest.approx((fit.tvalues[0], 12, fit.pvalues[0]))


@pytest.mark.parametrize("slope", [0.0, 0.4, 0.8])
def test_interval_and_permutation_p_agree(slope):
    for seed in range(30):
        regressors = {"x": values(12, seed), "a": values(12, 100 + seed)}
        ours = regression_evidence(
            ("y", slope * regressors["x"] + values(12, 200 + seed)),
            regressors,
            alpha=0.05,
            permutations=199,
            rng=np.random.default_rng(seed),
        )
        assert (ours.ci_low <= 0 <= ours.ci_high) == (ours.p_permutation > 0.05)


def test_twins_among_few_orders_leave_no_interval_and_this_is_said():
    """Of two against two there are 24 orders, but only 6 allocations: no p is below 1/3."""
    ours = regression_evidence(
        ("y", np.array([0.1, 0.3, 2.2, 2.5])),
        {"arm": np.array([0.0, 0, 1, 1])},
        alpha=0.05,
        permutations=99,
        rng=np.random.default_rng(0),
    )
    assert ours.flags == ("exhaustive", "p-floor")
    assert ours.p_permutation == pytest.approx(1 / 3)
    assert np.isnan([ours.ci_low, ours.ci_high]).all()


def test_a_sample_too_small_for_any_p_below_alpha_says_so():
    ours = regression_evidence(
        ("y", values(8, 0)),
        {"x": values(8, 1)},
        alpha=0.05,
        permutations=9,
        rng=np.random.default_rng(0),
    )
    assert "p-floor" in ours.flags
