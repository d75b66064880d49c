"""Bayes factors against pingouin and brute-force integrals, of arms and drugs as of numbers."""

from __future__ import annotations

import numpy as np
import pytest
from made_models import model_like
from scipy import integrate, stats

from ketfc.inference.core.bayes import (
    JEFFREYS,
    JEFFREYS_RANKS,
    JZS_DIFFERENCE,
    JZS_MEAN,
    correlation_bf10,
    jzs,
)
from ketfc.inference.design.fit import bayes_factor
from ketfc.inference.design.model import Model


@pytest.mark.parametrize("t", [0.0, 0.3, -2.2, 3.5, 8.0])
@pytest.mark.parametrize("n", [3, 12, 40, 200])
def test_jzs_is_that_of_pingouin(t, n):
    import pingouin as pg

    assert jzs(t, n, n - 1) == pytest.approx(
        float(pg.bayesfactor_ttest(t, n, n, paired=True)), rel=1e-6
    )
    two = jzs(t, n * (n + 5) / (2 * n + 5), 2 * n + 3)
    assert two == pytest.approx(float(pg.bayesfactor_ttest(t, n, n + 5)), rel=1e-6)


def test_the_published_example_of_rouder_holds():
    # t = 3.5 in two groups of 20 (validated by pingouin against JASP and BayesFactor)
    assert jzs(3.5, 10, 38) == pytest.approx(26.743, abs=5e-4)
    assert jzs(3.5, 20, 19) == pytest.approx(17.185, abs=5e-4)


def test_jzs_is_the_ratio_of_noncentral_t_averaged_over_the_prior():
    t, n = 1.7, 15
    prior = stats.cauchy(scale=0.707)
    marginal = integrate.quad(
        lambda d: stats.nct.pdf(t, n - 1, d * n**0.5) * prior.pdf(d), -15, 15, limit=500
    )[0]
    assert jzs(t, n, n - 1) == pytest.approx(marginal / stats.t.pdf(t, n - 1), rel=1e-3)


@pytest.mark.parametrize("r", [0.0, 0.1, -0.5, 0.6, 0.95])
@pytest.mark.parametrize("n", [3, 12, 40, 150])
def test_the_correlation_is_that_of_pingouin(r, n):
    import pingouin as pg

    assert correlation_bf10(r, n) == pytest.approx(pg.bayesfactor_pearson(r, n), rel=1e-8)


def test_a_strong_correlation_of_many_has_a_finite_bayes_factor():
    assert 1e140 < correlation_bf10(0.95, 300) < 1e160


def test_no_value_gives_no_bayes_factor_and_a_perfect_one_an_infinite():
    assert np.isnan([jzs(np.nan, 9, 8), correlation_bf10(np.nan, 9)]).all()
    assert np.isnan([jzs(1.0, 1, 0), correlation_bf10(0.2, 2)]).all()
    assert jzs(np.inf, 9, 8) == jzs(-np.inf, 4.5, 16) == np.inf
    assert correlation_bf10(1.0, 9) == correlation_bf10(-1.0, 9) == np.inf
    assert jzs(1e4, 500, 499) == np.inf


# --- from models ---------------------------------------------------------------------------------


def integrated(y: np.ndarray, design: np.ndarray) -> float:
    """BF10 of the first column by integrals of the likelihood itself over its effect and σ.

    The prior of effect / σ is Cauchy(0, 0.707), of σ 1/σ; other coefficients are flat.
    """
    others = design[:, 1:]

    def left(column: np.ndarray) -> np.ndarray:
        return column - others @ np.linalg.lstsq(others, column, rcond=None)[0]

    out, own = left(y), left(design[:, 0])
    free = len(y) - others.shape[1]
    grid = np.linspace(-6, 6, 4001)  # log σ around the residuals' own spread
    sigma = np.exp(grid) * np.sqrt(out @ out / free)

    def marginal(effect: float) -> float:
        squares = ((out - effect * sigma[:, np.newaxis] * own) ** 2).sum(axis=1)
        logs = -free * np.log(sigma) - squares / (2 * sigma**2)
        return float(np.exp(logs - scale).sum())

    squares = out @ out
    scale = float((-free * np.log(sigma) - squares / (2 * sigma**2)).max())
    # by the quantile of the prior, so that its tails count
    prior = stats.cauchy(scale=0.707)
    shares = (np.arange(4000) + 0.5) / 4000
    return float(np.mean([marginal(d) for d in prior.ppf(shares)])) / marginal(0.0)


def arms_and_baseline() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Baselines that differ between the arms (5 and 9), and follow-ups."""
    rng = np.random.default_rng(3)
    treated = np.isin(np.arange(14), (0, 3, 4, 8, 12)).astype(float)
    before = rng.normal(0, 1, 14) + 1.2 * treated
    return before, 0.6 * before + 0.9 * treated + rng.normal(0, 0.7, 14), treated


def test_a_bayes_factor_of_arms_takes_the_covariates_as_they_are():
    before, after, treated = arms_and_baseline()
    found, kind = bayes_factor(model_like("change", before, after, treated=treated))
    design = np.column_stack([treated, np.ones(14), before])
    assert found == pytest.approx(integrated(after, design), rel=2e-3)
    assert kind == JZS_DIFFERENCE
    # were the baselines taken to be balanced it would be another number
    fit = np.linalg.lstsq(design, after, rcond=None)[0]
    s2 = ((after - design @ fit) ** 2).sum() / 11
    t = fit[0] / np.sqrt(s2 * np.linalg.inv(design.T @ design)[0, 0])
    assert abs(jzs(t, 5 * 9 / 14, 11) / found - 1) > 0.05


def test_the_prior_of_a_crossover_is_as_wide_as_that_of_one_arm():
    rng = np.random.default_rng(8)
    control, ketamine = rng.normal(0, 1, 11), rng.normal(0.4, 1, 11)
    first = np.isin(np.arange(11), (1, 2, 5, 9)).astype(float)
    found, kind = bayes_factor(model_like("change", control, ketamine, first=first))
    order = 2 * first - 1
    design = np.column_stack([order, np.ones(11)])
    periods = (ketamine - control) * order
    # the coefficient is the mean difference between the drugs, its σ that of dz within orders
    assert found == pytest.approx(integrated(periods, design), rel=2e-3)
    assert kind == JZS_DIFFERENCE
    # without an effect of the period, and in many, it is that of the differences of one arm
    change = rng.normal(0.1, 1, 400)
    first = np.arange(400) % 2.0
    order = 2 * first - 1
    change -= order * (change * order).mean()
    crossover, _ = bayes_factor(model_like("change", 0 * change, change, first=first))
    one_arm, of_mean = bayes_factor(model_like("change", 0 * change, change))
    assert crossover == pytest.approx(one_arm, rel=0.01)
    assert of_mean == JZS_MEAN


def test_bayes_factors_of_associations_say_that_they_are_approximate():
    rng = np.random.default_rng(1)
    y, x, other = rng.normal(0, 1, (3, 15))
    model = Model(("y", y), ("x", x), {"other": other})
    assert bayes_factor(model)[1] == JEFFREYS
    ranked = Model(("y", y), ("x", x), {"other": other}, by_ranks=True)
    assert bayes_factor(ranked)[1] == JEFFREYS_RANKS
    for kind in (JEFFREYS, JEFFREYS_RANKS, JZS_DIFFERENCE):
        assert "approximate" in kind


def test_arms_that_differ_and_do_not_vary_have_an_infinite_bayes_factor():
    treated = np.array([1.0, 0, 0, 1, 0, 1, 0])
    before = np.array([0.3, 0.1, 0.7, 0.2, 0.9, 0.4, 0.8])
    found, kind = bayes_factor(model_like("change", before, before + treated, treated=treated))
    assert found == np.inf
    assert kind == JZS_DIFFERENCE
