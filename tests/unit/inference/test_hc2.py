"""HC2 against statsmodels, Welch's test and simulated variances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.core.hc2 import hc2_coefficient


def design(n: int, seed: int):
    rng = np.random.default_rng(seed)
    x, a = rng.gamma(1.0, size=n), rng.normal(size=n)
    return x, np.column_stack([np.ones(n), a]), rng


def test_the_error_is_hc2_of_statsmodels():
    import statsmodels.api as sm

    x, nuisance, rng = design(18, 1)
    y = x + rng.normal(size=18) * x
    ours = hc2_coefficient(y, x, nuisance, alpha=0.10)
    fit = sm.OLS(y, np.column_stack([x, nuisance])).fit(cov_type="HC2", use_t=True)
    assert ours.estimate == pytest.approx(fit.params[0])
    assert ours.statistic == pytest.approx(fit.tvalues[0])
    half = stats.t.ppf(0.95, ours.df) * fit.bse[0]
    assert ours.ci_low == pytest.approx(fit.params[0] - half)
    assert ours.p == pytest.approx(2 * stats.t.sf(abs(fit.tvalues[0]), ours.df))


def test_two_groups_are_welchs_t():
    rng = np.random.default_rng(2)
    arm = np.repeat([1.0, 0.0], [6, 9])
    y = rng.normal(size=15) * (1 + arm)
    ours = hc2_coefficient(y, arm, np.ones((15, 1)), alpha=0.05)
    welch = stats.ttest_ind(y[arm == 1], y[arm == 0], equal_var=False)
    assert ours.statistic == pytest.approx(welch.statistic)
    even = hc2_coefficient(y[:12], arm[:12], np.ones((12, 1)), alpha=0.05)
    assert even.df == pytest.approx(10), "equal groups: Satterthwaite at equal variances"


def test_df_are_those_of_the_variance_estimate_under_equal_variances():
    x, nuisance, rng = design(14, 3)
    estimates = []
    for _ in range(20000):
        fit = hc2_coefficient(rng.normal(size=14), x, nuisance, alpha=0.05)
        estimates.append((fit.estimate / fit.statistic) ** 2)
    variance = np.array(estimates)
    df = 2 * variance.mean() ** 2 / variance.var()
    assert fit.df == pytest.approx(df, rel=0.05)
    true = np.linalg.inv(np.column_stack([x, nuisance]).T @ np.column_stack([x, nuisance]))[0, 0]
    assert variance.mean() == pytest.approx(true, rel=0.02)


@pytest.mark.parametrize("perfect", [True, False])
def test_where_the_error_is_undefined_there_is_an_estimate_but_no_interval(perfect):
    x, nuisance, rng = design(12, 4)
    y = 2 * x + 1 if perfect else rng.normal(size=12)
    if not perfect:
        lone = np.zeros(12)
        lone[3] = 1.0
        nuisance = np.column_stack([nuisance, lone])
    ours = hc2_coefficient(y, x, nuisance, alpha=0.05)
    assert np.isfinite(ours.estimate)
    assert np.isnan([ours.ci_low, ours.ci_high, ours.statistic, ours.df, ours.p]).all()
