"""Meta-analyses against published numbers, and metrics against metafor's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.synthesis.metrics import (
    correlation_effect,
    difference_effect,
    drug_effect,
    paired_effect,
)
from ketfc.inference.synthesis.pooling import pooled

# Trials of BCG against tuberculosis (Colditz 1994): cases and people, vaccinated and not
BCG = np.array(
    [
        (4, 123, 11, 139),
        (6, 306, 29, 303),
        (3, 231, 11, 220),
        (62, 13598, 248, 12867),
        (33, 5069, 47, 5808),
        (180, 1541, 372, 1451),
        (8, 2545, 10, 629),
        (505, 88391, 499, 88391),
        (29, 7499, 45, 7277),
        (17, 1716, 65, 1665),
        (186, 50634, 141, 27338),
        (5, 2498, 3, 2341),
        (27, 16913, 29, 17854),
    ],
    dtype=float,
)


def log_ratios() -> tuple[np.ndarray, np.ndarray]:
    a, n1, c, n2 = BCG.T
    return np.log(a / n1 / (c / n2)), 1 / a - 1 / n1 + 1 / c - 1 / n2


def test_the_trials_of_bcg_give_metafors_numbers() -> None:
    found = pooled(*log_ratios(), alpha=0.05)
    assert found.tau2 == pytest.approx(0.31324, abs=5e-6)
    assert found.estimate == pytest.approx(-0.71453, abs=5e-6)
    assert found.se == pytest.approx(0.18079, abs=5e-6)
    assert (found.ci_low, found.ci_high) == pytest.approx((-1.1084, -0.3206), abs=5e-5)
    assert found.p == pytest.approx(0.00192, abs=5e-6)
    assert found.q == pytest.approx(152.233, abs=5e-4)
    assert (found.normal_low, found.normal_high) == pytest.approx((-1.8667, 0.4376), abs=5e-5)
    assert not found.truncated


def test_the_prediction_interval_has_two_degrees_of_freedom_less_than_studies() -> None:
    # Higgins, Thompson & Spiegelhalter 2009, with Knapp and Hartung's error
    found = pooled(*log_ratios(), alpha=0.1)
    half = stats.t.ppf(0.95, 11) * math.sqrt(found.tau2 + found.se**2)
    ends = (found.estimate - half, found.estimate + half)
    assert (found.prediction_low, found.prediction_high) == pytest.approx(ends)
    y, v = log_ratios()
    assert math.isnan(pooled(y[:2], v[:2], alpha=0.05).prediction_low)
    assert math.isfinite(pooled(y[:3], v[:3], alpha=0.05).prediction_low)


def test_studies_that_agree_too_well_do_not_shrink_the_error() -> None:
    # Knapp and Hartung's error of equal effects is 0
    v = np.array([0.04, 0.09])
    found = pooled(np.array([0.31, 0.30]), v, alpha=0.05)
    assert found.truncated
    assert found.se == pytest.approx(math.sqrt(1 / (1 / 0.04 + 1 / 0.09)))
    reach = stats.t.ppf(0.975, 1) * found.se
    assert found.ci_high - found.estimate == pytest.approx(reach)
    assert found.p == pytest.approx(2 * stats.t.sf(found.estimate / found.se, 1))


def test_a_common_effect_is_the_inverse_variance_mean() -> None:
    y, v = np.array([0.1, 0.5, -0.2]), np.array([0.01, 0.04, 0.02])
    found = pooled(y, v, alpha=0.05)
    weights = np.array([100, 25, 50])
    assert found.common == pytest.approx(weights @ y / 175)
    assert found.common_se == pytest.approx(math.sqrt(1 / 175))
    assert found.common_low == pytest.approx(found.common - 1.959964 * found.common_se)
    # with a variance between studies they weigh more alike
    assert found.weights.sum() == pytest.approx(100)
    assert np.argmax(found.weights) == 0
    assert found.weights[0] < 100 * 100 / 175


def test_one_study_is_not_pooled() -> None:
    with pytest.raises(ValueError, match="1 study cannot be pooled"):
        pooled(np.array([0.2]), np.array([0.1]), alpha=0.05)


def test_a_paired_change_is_standardised_as_metafor_does() -> None:
    effect = paired_effect(0.8, 1.0, 10)
    assert effect.estimate == pytest.approx(0.73110, abs=5e-6)
    assert effect.variance == pytest.approx(0.12673, abs=5e-6)


def test_drugs_weigh_as_much_as_their_orders() -> None:
    # of orders of equal size the variance is that of a paired change
    assert drug_effect(0.7, 6, 6).variance == pytest.approx(1 / 12 + 0.49 / 24)
    assert drug_effect(0.7, 3, 9).variance == pytest.approx((1 / 3 + 1 / 9) / 4 + 0.49 / 24)


def test_a_difference_keeps_its_units_and_its_error() -> None:
    effect = difference_effect(-0.3, -2.5)
    assert (effect.estimate, effect.se) == pytest.approx((-0.3, 0.12))


def test_a_rank_correlation_has_bonett_and_wrights_variance() -> None:
    effect = correlation_effect(0.5, 30, 2)
    assert effect.estimate == pytest.approx(math.atanh(0.5))
    assert effect.variance == pytest.approx(1.125 / 25)
