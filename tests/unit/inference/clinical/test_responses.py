"""Shares of responders in two arms: published numbers, and what cannot be given."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from ketfc.inference.clinical.responses import (
    EMPTY_CELL,
    NEEDED_TO_HARM,
    NEEDED_TO_TREAT,
    NOT_ESTIMABLE,
    ODDS_RATIO,
    RISK_DIFFERENCE,
    RISK_RATIO,
    Counts,
    ShareEffect,
    fisher_p,
    needed,
    share_effects,
)


def effects(*counts: int) -> dict[str, ShareEffect]:
    return {one.kind: one for one in share_effects(Counts(*counts), alpha=0.05)}


def test_remission_in_abbar_2022() -> None:
    # published: 63.0 % against 31.6 %; OR 3.7 (1.9–7.3), where these counts alone give 7.2
    found = effects(46, 73, 25, 79)
    ratio = found[ODDS_RATIO]
    assert ratio.estimate == pytest.approx(3.7, abs=0.05)
    assert ratio.ci_low == pytest.approx(1.9, abs=0.05)
    assert ratio.ci_high == pytest.approx(7.3, abs=0.15)
    assert found[RISK_DIFFERENCE].estimate == pytest.approx(0.630 - 0.316, abs=1e-3)


def test_response_in_grunebaum_2018() -> None:
    found = effects(22, 40, 12, 40)
    assert found[ODDS_RATIO].estimate == pytest.approx(2.85, abs=5e-3)
    assert found[NEEDED_TO_TREAT].estimate == pytest.approx(4)
    assert found[RISK_RATIO].estimate == pytest.approx(55 / 30)


def test_the_interval_of_the_difference_is_newcombes() -> None:
    # Newcombe RG (1998), Stat Med 17:873–890, table II, example a, method 10
    risk = effects(56, 70, 48, 80)[RISK_DIFFERENCE]
    assert risk.estimate == pytest.approx(0.2)
    assert (risk.ci_low, risk.ci_high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_number_needed_has_the_reciprocal_interval() -> None:
    found = effects(22, 40, 12, 40)
    risk, number = found[RISK_DIFFERENCE], found[NEEDED_TO_TREAT]
    assert (number.ci_low, number.ci_high) == pytest.approx((1 / risk.ci_high, 1 / risk.ci_low))
    assert number.ci_low < number.estimate < number.ci_high


def test_no_number_is_needed_where_the_interval_holds_zero() -> None:
    # Altman 1998: it would run from benefit over infinity to harm
    number = effects(6, 20, 4, 22)[NEEDED_TO_TREAT]
    assert number.flags == (NOT_ESTIMABLE,)
    assert math.isnan(number.estimate)
    assert math.isnan(number.ci_high)
    at_the_edge = ShareEffect(RISK_DIFFERENCE, 0.2, 0.0, 0.4)
    assert needed(at_the_edge).flags == (NOT_ESTIMABLE,)


def test_a_worse_treated_arm_has_a_number_needed_to_harm() -> None:
    found = effects(5, 40, 20, 38)
    assert NEEDED_TO_TREAT not in found
    risk, number = found[RISK_DIFFERENCE], found[NEEDED_TO_HARM]
    assert number.estimate == pytest.approx(-1 / risk.estimate)
    assert 0 < number.ci_low < number.estimate < number.ci_high
    assert (number.ci_low, number.ci_high) == pytest.approx((-1 / risk.ci_low, -1 / risk.ci_high))


def test_an_empty_cell_adds_half_a_participant_to_all_cells_of_the_ratios_alone() -> None:
    found = effects(5, 7, 0, 8)
    assert found[ODDS_RATIO].estimate == pytest.approx(5.5 / 2.5 / (0.5 / 8.5))
    assert found[RISK_RATIO].estimate == pytest.approx(5.5 / 8 / (0.5 / 9))
    assert found[ODDS_RATIO].flags == found[RISK_RATIO].flags == (EMPTY_CELL,)
    assert found[RISK_DIFFERENCE].estimate == pytest.approx(5 / 7)
    assert found[RISK_DIFFERENCE].flags == ()


@pytest.mark.parametrize("counts", [(0, 7, 0, 9), (7, 7, 9, 9)])
def test_there_are_no_ratios_where_nobody_or_everybody_responded(counts) -> None:
    found = effects(*counts)
    assert math.isnan(found[ODDS_RATIO].estimate)
    assert math.isnan(found[RISK_RATIO].ci_low)
    assert found[RISK_DIFFERENCE].estimate == 0


def test_p_is_of_fishers_exact_test() -> None:
    counts = Counts(5, 7, 1, 8)
    assert fisher_p(counts) == pytest.approx(stats.fisher_exact([[5, 2], [1, 7]]).pvalue)
    assert fisher_p(Counts(0, 7, 0, 8)) == 1
