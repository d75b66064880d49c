"""Two one-sided tests against pingouin and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.core.linear import Coefficient, hc3_coefficient
from ketfc.inference.robustness.equivalence import tost_coefficient, tost_paired


def paired(n: int, seed: int):
    rng = np.random.default_rng(seed)
    baseline = rng.normal(size=n)
    return baseline, 0.8 * baseline + 0.1 + rng.normal(0, 0.5, n)


def test_p_is_that_of_pingouin_and_statsmodels():
    import pingouin as pg
    from statsmodels.stats.weightstats import ttost_paired

    baseline, followup = paired(25, seed=1)
    ours = tost_paired(baseline, followup, alpha=0.05, margin=0.3)
    theirs = pg.tost(followup, baseline, bound=0.3, paired=True).iloc[0]
    p, above, below = ttost_paired(followup, baseline, -0.3, 0.3)
    assert ours.p == pytest.approx(p)
    assert ours.p == pytest.approx(theirs["pval" if "pval" in theirs.index else "p_val"])
    assert (ours.p_above, ours.p_below) == pytest.approx((above[1], below[1]))


def test_a_margin_in_dz_is_that_many_standard_deviations_of_the_change():
    baseline, followup = paired(25, seed=2)
    sd = np.std(followup - baseline, ddof=1)
    first = tost_paired(baseline, followup, alpha=0.05, margin_dz=0.5)
    second = tost_paired(baseline, followup, alpha=0.05, margin=0.5 * sd)
    assert first.margin == pytest.approx(0.5 * sd)
    assert first.p == pytest.approx(second.p)


def test_three_people_and_an_equal_p_are_enough():
    baseline, followup = paired(3, seed=6)
    change = followup - baseline
    found = tost_paired(baseline, followup, alpha=0.05, margin=2.0)
    assert found.p_above == pytest.approx(
        stats.ttest_1samp(change, -2.0, alternative="greater").pvalue
    )
    again = tost_paired(baseline, followup, alpha=found.p, margin=2.0)
    assert again.equivalent


@pytest.mark.parametrize("margin", [0.05, 0.3])
def test_it_is_equivalent_exactly_where_the_interval_lies_within_the_margin(margin):
    baseline, followup = paired(60, seed=3)
    ours = tost_paired(baseline, followup, alpha=0.05, margin=margin)
    t = stats.ttest_rel(followup, baseline).confidence_interval(0.90)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((t.low, t.high))
    assert ours.equivalent == (-margin < ours.ci_low and ours.ci_high < margin)
    assert ours.equivalent == (margin == 0.3)


def test_a_coefficient_is_tested_with_its_hc3_error():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 40))
    fit = hc3_coefficient(y, x, np.ones((40, 1)), alpha=0.10)
    ours = tost_coefficient(fit, margin=0.4, alpha=0.05)
    error = (fit.ci_high - fit.ci_low) / 2 / stats.t.ppf(0.95, 38)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((fit.ci_low, fit.ci_high))
    assert ours.p == pytest.approx(stats.t.sf((0.4 - abs(fit.estimate)) / error, 38))


@pytest.mark.parametrize(
    ("baseline", "followup", "why"),
    [(np.zeros(2), np.ones(2), "too-few"), (np.zeros(9), np.full(9, 0.2), "constant")],
)
def test_without_spread_nothing_is_equivalent(baseline, followup, why):
    for margin in ({"margin": 0.5}, {"margin_dz": 0.5}):
        ours = tost_paired(baseline, followup, alpha=0.05, **margin)
        assert ours.obstacle == why
        assert not ours.equivalent
        assert np.isnan(ours.p)


def test_a_coefficient_without_an_error_is_not_equivalent():
    nan = np.nan
    ours = tost_coefficient(Coefficient(0.0, nan, nan, nan, 9, nan), margin=1, alpha=0.05)
    assert ours.obstacle == "no-error"
    assert not ours.equivalent


@pytest.mark.parametrize(
    "margins", [{}, {"margin": 1, "margin_dz": 1}, {"margin": 0}, {"margin_dz": 0}]
)
def test_a_margin_must_be_stated_once_and_above_zero(margins):
    with pytest.raises(ValueError, match="margin"):
        tost_paired(*paired(9, seed=5), alpha=0.05, **margins)
