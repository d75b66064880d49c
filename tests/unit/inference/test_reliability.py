"""Attenuation and baseline coupling against simulated truth and printed numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.robustness.reliability import (
    attenuated,
    baseline_coupling,
    change_reliability,
    expected_coupling,
)


def measured(n: int, seed: int, *, slope: float, reliability: float):
    """True values, whose change depends on them by `slope`, measured twice with error."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=n)
    later = true + slope * true + rng.normal(0, 0.3, n)
    error = ((1 - reliability) / reliability) ** 0.5
    return true + rng.normal(0, error, n), later + rng.normal(0, error, n)


def test_a_true_correlation_is_observed_smaller_as_printed():
    assert attenuated(0.6, 0.3, 0.7) == pytest.approx(0.27, abs=0.006)
    assert attenuated(1.0, 0.5, 0.5) == 0.5
    rng = np.random.default_rng(0)
    x, e, f, g = rng.normal(size=(4, 200_000))
    y = 0.6 * x + 0.8 * e
    noisy = np.corrcoef(x + f * (7 / 3) ** 0.5, y + g * (3 / 7) ** 0.5)[0, 1]
    assert noisy == pytest.approx(attenuated(0.6, 0.3, 0.7), abs=0.01)


def test_a_change_is_less_reliable_than_its_measures():
    assert change_reliability(0.6, 0.5) == pytest.approx(0.2)
    assert change_reliability(0.6, 0.0) == 0.6
    assert change_reliability(0.3, 0.5) == 0.0
    assert change_reliability(1.0, 1.0) == 0.0


def test_independent_sessions_couple_baseline_and_change_at_minus_root_one_half():
    assert expected_coupling(1, 1) == pytest.approx(-(0.5**0.5))
    rng = np.random.default_rng(1)
    a, b = rng.multivariate_normal([0, 0], [[4, 1.2], [1.2, 1]], 100_000).T
    assert expected_coupling(2, 1, r=0.6) == pytest.approx(np.corrcoef(a, b - a)[0, 1], abs=0.01)


def test_the_observed_slope_and_r_are_those_of_scipy():
    baseline, followup = measured(30, 2, slope=-0.2, reliability=0.6)
    ours = baseline_coupling(baseline, followup, reliability=None, alpha=0.05)
    fit = stats.linregress(baseline, followup - baseline)
    assert (ours.slope, ours.r) == pytest.approx((fit.slope, fit.rvalue))
    assert np.isnan([ours.corrected, ours.corrected_low]).all()


@pytest.mark.parametrize("slope", [0.0, -0.5, 0.3])
def test_blomqvist_finds_the_true_slope_that_the_observed_one_hides(slope):
    baseline, followup = measured(40_000, 3, slope=slope, reliability=0.5)
    ours = baseline_coupling(baseline, followup, reliability=0.5, alpha=0.01)
    assert ours.slope < slope - 0.2
    assert ours.corrected == pytest.approx(slope, abs=0.03)
    assert ours.corrected_low < slope < ours.corrected_high


def test_a_perfect_measure_needs_no_correction():
    baseline, followup = measured(30, 4, slope=-0.4, reliability=0.8)
    ours = baseline_coupling(baseline, followup, reliability=1.0, alpha=0.05)
    assert (ours.corrected, ours.corrected_low) == pytest.approx((ours.slope, ours.ci_low))


@pytest.mark.parametrize(
    ("baseline", "followup", "why"),
    [
        (np.arange(3.0), np.array([1.0, 0, 4]), "too-few"),
        (np.full(9, 6.0), np.arange(9.0), "constant"),
        (np.arange(9.0), np.arange(9.0) + 1, "constant"),
    ],
)
def test_where_nothing_varies_there_is_no_coupling(baseline, followup, why):
    ours = baseline_coupling(baseline, followup, reliability=0.7, alpha=0.05)
    assert ours.obstacle == why
    assert np.isnan([ours.r, ours.slope, ours.corrected]).all()


def test_everyone_at_zero_afterwards_is_a_coupling_of_minus_one():
    ours = baseline_coupling(np.arange(9.0), np.zeros(9), reliability=None, alpha=0.05)
    assert (ours.r, ours.slope, ours.r_independent) == pytest.approx((-1, -1, -1))


@pytest.mark.parametrize("reliability", [-0.1, 1.2, 0.0])
def test_an_impossible_reliability_is_refused(reliability):
    with pytest.raises(ValueError, match="reliability"):
        baseline_coupling(np.arange(9.0), np.ones(9), reliability=reliability, alpha=0.05)
