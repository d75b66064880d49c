"""Detectable effects against statsmodels, pingouin, printed tables and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.power.formulas import (
    detectable_difference,
    detectable_dz,
    detectable_partial_r,
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
