"""Detectable effects against statsmodels, pingouin, printed tables and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.power.formulas import (
    POWER,
    RANK_EFFICIENCY,
    detectable_difference,
    detectable_dz,
    detectable_partial_r,
    power_of_difference,
    power_of_dz,
    power_of_partial_r,
    power_of_t,
)


@pytest.mark.parametrize(
    ("n", "alpha", "dz", "r"),
    [
        (24, 0.05, 0.60, 0.54),
        (24, 0.01, 0.75, 0.63),
        (40, 0.05, 0.45, 0.43),
        (40, 0.01, 0.56, 0.51),
    ],
)
def test_the_usual_sample_sizes_have_the_known_detectable_effects(n, alpha, dz, r):
    assert detectable_dz(n, alpha=alpha) == pytest.approx(dz, abs=0.006)
    assert detectable_partial_r(n, alpha=alpha) == pytest.approx(r, abs=0.006)


@pytest.mark.parametrize("n", [4, 12, 40, 200])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("power", [0.8, 0.95])
def test_dz_is_that_of_statsmodels_and_pingouin(n, alpha, power):
    import pingouin as pg
    from statsmodels.stats.power import TTestPower

    ours = detectable_dz(n, alpha=alpha, power=power)
    assert TTestPower().power(ours, nobs=n, alpha=alpha) == pytest.approx(power, rel=1e-6)
    if n >= 12:
        theirs = pg.power_ttest(n=n, alpha=alpha, power=power, contrast="paired")
        assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize(("n1", "n2"), [(12, 12), (30, 9)])
def test_a_difference_is_that_of_statsmodels(n1, n2):
    from statsmodels.stats.power import TTestIndPower

    theirs = TTestIndPower().solve_power(nobs1=n1, ratio=n2 / n1, alpha=0.05, power=0.8)
    assert detectable_difference(n1, n2, alpha=0.05) == pytest.approx(float(theirs), rel=1e-4)


def test_a_covariate_that_explains_variance_lowers_the_detectable_difference():
    plain = detectable_difference(20, 20, alpha=0.05)
    adjusted = detectable_difference(20, 20, nuisance=1, explained=0.36, alpha=0.05)
    # arms that differ in the covariate by chance cost about one participant in forty
    assert adjusted == pytest.approx(0.8 * plain * (39 / 38) ** 0.5, rel=0.005)


@pytest.mark.parametrize("n", [12, 24, 40, 84])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_a_correlation_is_close_to_the_approximation_of_pingouin(n, alpha):
    import pingouin as pg

    theirs = pg.power_corr(n=n, power=0.8, alpha=alpha)
    assert detectable_partial_r(n, alpha=alpha) == pytest.approx(theirs, abs=0.007)


def test_simulated_studies_detect_it_as_often_as_said():
    n, studies = 20, 4000
    rng = np.random.default_rng(1)
    dz = detectable_dz(n, alpha=0.05)
    p = stats.ttest_1samp(rng.normal(dz, 1, (studies, n)), 0, axis=1).pvalue
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.02)
    r = detectable_partial_r(n, nuisance=1, alpha=0.05)
    found = 0
    for _ in range(studies):
        z, x, y = rng.normal(size=(3, n))
        x, y = x + z, r / np.sqrt(1 - r**2) * x + y - 2 * z
        basis = np.linalg.qr(np.column_stack([np.ones(n), z]))[0]
        x, y = x - basis @ (basis.T @ x), y - basis @ (basis.T @ y)
        partial = x @ y / np.sqrt((x @ x) * (y @ y))
        t = partial * np.sqrt((n - 3) / (1 - partial**2))
        found += abs(t) > stats.t.ppf(0.975, n - 3)
    assert found / studies == pytest.approx(0.8, abs=0.02)


def test_samples_too_small_for_any_test_have_no_detectable_effect():
    assert np.isnan(
        [
            detectable_dz(1, alpha=0.05),
            detectable_partial_r(4, nuisance=2, alpha=0.05),
            detectable_difference(9, 0, alpha=0.05),
            detectable_difference(1, 1, alpha=0.05),
        ]
    ).all()


def test_two_or_three_participants_detect_only_the_enormous():
    assert detectable_dz(3, alpha=0.05) > 3
    assert detectable_dz(2, alpha=0.01) > 50
    assert 0.99 < detectable_partial_r(3, alpha=0.05) < 1


def test_without_an_effect_power_is_the_level():
    assert power_of_t(0.0, 11, alpha=0.05) == pytest.approx(0.05)
    assert power_of_t(50.0, 39, alpha=0.05) == pytest.approx(1.0)


@pytest.mark.parametrize(("n", "nuisance", "power"), [(12, 0, 0.8), (24, 2, 0.9), (9, 1, 0.3)])
def test_what_is_detected_has_the_power_asked_for(n, nuisance, power):
    r = detectable_partial_r(n, nuisance=nuisance, alpha=0.02, power=power)
    assert power_of_partial_r(r, n, nuisance=nuisance, alpha=0.02) == pytest.approx(power)
    about = {"nuisance": nuisance, "explained": 0.3, "alpha": 0.02}
    d = detectable_difference(n, 5, power=power, **about)
    assert power_of_difference(d, n, 5, **about) == pytest.approx(power)


@pytest.mark.parametrize(("n", "nuisance"), [(12, 0), (9, 2)])
def test_power_of_a_correlation_is_the_mean_over_changes_that_differ_by_sample(n, nuisance):
    r, df = 0.6, n - nuisance - 2
    # the changes of a sample, and the noncentrality that theirs gives
    ratio = r / (1 - r**2) ** 0.5
    expected = stats.chi2(df + 1).expect(lambda v: power_of_t(ratio * v**0.5, df, alpha=0.05))
    found = power_of_partial_r(r, n, nuisance=nuisance, alpha=0.05)
    assert found == pytest.approx(expected, abs=1e-4)


def test_power_of_an_ancova_is_the_mean_over_arms_that_differ_by_chance():
    # one covariate: the share of the comparison that is not its own is beta
    n1, n2, nuisance, d = 9, 14, 2, 0.9
    df = n1 + n2 - 2 - nuisance
    size = d * (n1 * n2 / (n1 + n2)) ** 0.5 / (1 - 0.36) ** 0.5
    share = stats.beta((df + 1) / 2, nuisance / 2)
    expected = share.expect(lambda b: power_of_t(size * b**0.5, df, alpha=0.05))
    found = power_of_difference(d, n1, n2, nuisance=nuisance, explained=0.36, alpha=0.05)
    assert found == pytest.approx(expected, abs=1e-4)


def test_power_is_that_of_statsmodels_down_to_the_smallest_samples():
    from statsmodels.stats.power import TTestIndPower, TTestPower

    assert power_of_dz(0.7, 2, alpha=0.1) == pytest.approx(TTestPower().power(0.7, 2, 0.1))
    found = power_of_difference(1.3, 2, 1, alpha=0.1)
    assert found == pytest.approx(TTestIndPower().power(1.3, 2, 0.1, ratio=0.5))
    # what covariates explain without being adjusted for, as if it were taken away
    found = power_of_difference(0.8, 7, 12, explained=0.36, alpha=0.05)
    assert found == pytest.approx(TTestIndPower().power(1.0, 7, 0.05, ratio=12 / 7))


def test_the_smallest_samples_with_and_without_a_test():
    assert 0.05 < power_of_partial_r(0.6, 3, alpha=0.05) < 0.2
    assert np.isnan(power_of_partial_r(0.6, 2, alpha=0.05))
    assert 0.05 < power_of_difference(1.0, 2, 2, nuisance=1, alpha=0.05) < 0.2
    assert np.isnan(power_of_difference(1.0, 2, 1, nuisance=1, alpha=0.05))
    assert np.isnan(power_of_difference(1.0, 9, 0, alpha=0.05))
    assert np.isnan(power_of_difference(1.0, 0, 9, alpha=0.05))
    assert detectable_difference(2, 1, alpha=0.05) > 10
    assert detectable_difference(1, 9, alpha=0.05) > 2


def test_what_is_published():
    assert POWER == 0.8
    assert pytest.approx((3 / np.pi) ** 2, abs=5e-4) == RANK_EFFICIENCY
