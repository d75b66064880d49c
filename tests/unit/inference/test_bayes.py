"""Bayes factors against pingouin and brute-force integrals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from ketfc.inference.core.bayes import correlation_bf10, jzs_one_sample, jzs_two_sample


@pytest.mark.parametrize("t", [0.0, 0.3, -2.2, 3.5, 8.0])
@pytest.mark.parametrize("n", [3, 12, 40, 200])
def test_jzs_is_that_of_pingouin(t, n):
    import pingouin as pg

    assert jzs_one_sample(t, n) == pytest.approx(
        pg.bayesfactor_ttest(t, n, n, paired=True), rel=1e-6
    )
    assert jzs_two_sample(t, n, n + 5) == pytest.approx(pg.bayesfactor_ttest(t, n, n + 5), rel=1e-6)


def test_the_published_example_of_rouder_holds():
    # t = 3.5 in two groups of 20 (validated by pingouin against JASP and BayesFactor)
    assert jzs_two_sample(3.5, 20, 20) == pytest.approx(26.743, abs=5e-4)
    assert jzs_one_sample(3.5, 20) == pytest.approx(17.185, abs=5e-4)


def test_jzs_is_the_ratio_of_noncentral_t_averaged_over_the_prior():
    t, n = 1.7, 15
    prior = stats.cauchy(scale=0.707)
    marginal = integrate.quad(
        lambda d: stats.nct.pdf(t, n - 1, d * n**0.5) * prior.pdf(d), -15, 15, limit=500
    )[0]
    assert jzs_one_sample(t, n) == pytest.approx(marginal / stats.t.pdf(t, n - 1), rel=1e-3)


@pytest.mark.parametrize("r", [0.0, 0.1, -0.5, 0.6, 0.95])
@pytest.mark.parametrize("n", [3, 12, 40, 150])
def test_the_correlation_is_that_of_pingouin(r, n):
    import pingouin as pg

    assert correlation_bf10(r, n) == pytest.approx(pg.bayesfactor_pearson(r, n), rel=1e-8)


def test_a_strong_correlation_of_many_has_a_finite_bayes_factor():
    assert 1e140 < correlation_bf10(0.95, 300) < 1e160


def test_no_value_gives_no_bayes_factor_and_a_perfect_one_an_infinite():
    assert np.isnan([jzs_one_sample(np.nan, 9), correlation_bf10(np.nan, 9)]).all()
    assert np.isnan([jzs_one_sample(1.0, 1), correlation_bf10(0.2, 2)]).all()
    assert jzs_one_sample(np.inf, 9) == jzs_two_sample(-np.inf, 9, 9) == np.inf
    assert correlation_bf10(1.0, 9) == correlation_bf10(-1.0, 9) == np.inf
    assert jzs_one_sample(1e4, 500) == np.inf
