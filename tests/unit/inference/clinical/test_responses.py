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
    Matched,
    ShareEffect,
    fisher_p,
    matched_effects,
    mcnemar_p,
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


def matched(*counts: int) -> dict[str, ShareEffect]:
    return {one.kind: one for one in matched_effects(Matched(*counts), alpha=0.05)}


def test_matched_pairs_have_the_published_numbers() -> None:
    # Bentur 2009's airways, as in Fagerland MW et al. (2014), Stat Med 33:2850–2875
    counts = (1, 1, 7, 12)
    risk = matched(*counts)[RISK_DIFFERENCE]
    assert risk.estimate == pytest.approx(-6 / 21)
    assert (risk.ci_low, risk.ci_high) == pytest.approx((-0.507, -0.026), abs=5e-4)
    assert mcnemar_p(Matched(*counts)) == pytest.approx(0.0703, abs=5e-5)
    ratio = matched(*counts)[ODDS_RATIO]
    assert ratio.estimate == pytest.approx(1 / 7)
    # exact (Clopper–Pearson) interval of 1 of 8, as odds
    low, high = stats.beta.ppf(0.025, 1, 8), stats.beta.ppf(0.975, 2, 7)
    assert (ratio.ci_low, ratio.ci_high) == pytest.approx((low / (1 - low), high / (1 - high)))
    number = matched(*counts)[NEEDED_TO_HARM]
    assert number.estimate == pytest.approx(21 / 6)


@pytest.mark.parametrize("counts", [(4, 9, 2, 5), (0, 6, 0, 3), (7, 0, 3, 0), (3, 2, 2, 11)])
def test_mcnemars_p_is_the_binomial_of_who_had_it_once_alone(counts: tuple[int, ...]) -> None:
    once = counts[1] + counts[2]
    expected = stats.binomtest(counts[1], once, 0.5).pvalue
    assert mcnemar_p(Matched(*counts)) == pytest.approx(expected)


def test_the_interval_turns_round_with_the_drugs() -> None:
    one, other = matched(4, 9, 2, 5)[RISK_DIFFERENCE], matched(4, 2, 9, 5)[RISK_DIFFERENCE]
    assert (one.ci_low, one.ci_high) == pytest.approx((-other.ci_high, -other.ci_low))


def test_who_never_differed_says_nothing_of_the_ratio() -> None:
    found = matched(5, 0, 0, 6)
    assert mcnemar_p(Matched(5, 0, 0, 6)) == 1
    assert found[RISK_DIFFERENCE].estimate == 0
    assert math.isnan(found[ODDS_RATIO].estimate)
    assert found[NEEDED_TO_TREAT].flags == (NOT_ESTIMABLE,)
    # nobody had it at all
    assert (
        matched(0, 0, 0, 6)[RISK_DIFFERENCE].ci_low
        < 0
        < matched(0, 0, 0, 6)[RISK_DIFFERENCE].ci_high
    )


def test_one_empty_side_gives_an_infinite_ratio_and_says_so() -> None:
    ratio = matched(2, 5, 0, 3)[ODDS_RATIO]
    assert math.isinf(ratio.estimate)
    assert math.isinf(ratio.ci_high)
    assert ratio.ci_low == pytest.approx(0.025**0.2 / (1 - 0.025**0.2))
    assert ratio.flags == (EMPTY_CELL,)
