"""Sentences made from numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_design import design_of

from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.holm_intervals import HolmInterval
from ketfc.reporting.design_words import study_wise_error
from ketfc.reporting.text.verdicts import Setting, verdict
from ketfc.reporting.words import compact

SETTING = Setting(
    circuit="sgACC – right lateral PFC",
    expected_sign="+",
    kind="change",
    arms=None,
    within=None,
    baseline="pre",
    followup="post",
    instrument="SSI",
    rank="primary",
    change_score=False,
    alpha=0.05,
)
ARMS = replace(SETTING, arms=("medication", "placebo"))
FOUND = Evidence(estimate=0.2123, ci_low=0.051, ci_high=0.37, p_permutation=0.002)


def say(
    evidence: Evidence,
    setting: Setting,
    *,
    n: int = 41,
    p_holm: float = 0.01,
    holm: HolmInterval | None = None,
) -> str:
    return verdict(evidence, setting, n=n, p_holm=p_holm, tests=5, holm=holm)


def test_one_arm_is_a_pre_post_change_without_control():
    assert say(FOUND, SETTING) == (
        "sgACC – right lateral PFC: connectivity rose from pre to post by 0.212 Fisher z "
        "on average (95 % CI 0.051 to 0.37; p = .010 after Holm over 5 primary tests; n = 41): "
        "evidence for a pre–post change in the expected direction; no control arm."
    )


def test_two_arms_are_called_by_the_labels_of_the_study():
    text = say(FOUND, ARMS)
    assert "0.212 Fisher z higher under medication than under placebo" in text
    assert "ketamine" not in text
    assert "ketamine" not in say(FOUND, ARMS, p_holm=0.3)


def test_direction_follows_the_sign_and_the_expectation():
    fell = replace(FOUND, estimate=-0.2, ci_low=-0.37, ci_high=-0.05)
    assert "fell from pre to post by 0.2 Fisher z" in say(fell, SETTING)
    assert "against the expected direction" in say(fell, SETTING)
    assert "(95 % CI −0.37 to −0.05;" in say(fell, SETTING)
    assert "lower under medication" in say(fell, ARMS)
    assert "expected" not in say(fell, replace(SETTING, expected_sign="?"))


@pytest.mark.parametrize("setting", [SETTING, ARMS, replace(SETTING, kind="association")])
def test_no_evidence_for_an_effect_is_not_called_no_effect(setting):
    text = say(replace(FOUND, p_permutation=0.2), setting, p_holm=0.4)
    assert "no evidence" in text
    assert "That is not evidence for no " in text
    assert "uncorrected" not in text


def test_what_holm_takes_away_is_shown_with_the_interval_that_belongs_to_it():
    wider = HolmInterval(-0.0123, 0.4123, 0.01)
    text = say(replace(FOUND, p_permutation=0.02), SETTING, p_holm=0.1, holm=wider)
    assert "no evidence" in text
    assert "99 % CI −0.0123 to 0.412; p = .100 after Holm over 5 primary tests" in text
    # neither the p nor the interval of the test alone, from which one could pick
    assert ".020" not in text
    assert "95 %" not in text
    none = HolmInterval(np.nan, np.nan, 0.0125)
    assert "no 98.75 % CI; p" in say(FOUND, SETTING, p_holm=0.1, holm=none)


def test_a_p_that_equals_the_level_is_evidence():
    assert ": evidence for" in say(FOUND, SETTING, p_holm=0.05)
    assert "no evidence" in say(FOUND, SETTING, p_holm=0.0501)


def test_associations_tell_which_way_is_better_and_claim_no_cause():
    setting = replace(SETTING, kind="association")
    falls = Evidence(estimate=-0.7134, ci_low=-0.9, ci_high=-0.45, p_permutation=0.0002)
    text = say(falls, setting, p_holm=0.0005)
    assert "SSI at post was lower, given SSI at pre" in text
    assert "partial Spearman ρ −0.713, 95 % CI −0.9 to −0.45; p < .001" in text
    assert "better with more connectivity" in text
    assert "not for a cause" in text
    assert "given SSI at pre and arm" in say(falls, replace(ARMS, kind="association"))
    rises = replace(falls, estimate=0.7)
    of_changes = say(rises, replace(setting, change_score=True))
    assert "SSI fell less (Spearman ρ 0.7," in of_changes
    assert "worse with more connectivity" in say(rises, setting)


def test_flags_that_matter_are_in_the_sentence():
    flagged = replace(FOUND, flags=("exploratory", "interval-moved", "p-floor"))
    text = say(flagged, SETTING, n=4)
    assert "n = 4, exploratory" in text
    assert "by the decision of the permutation test" in text
    assert "no p below 0.05 was possible" in text


def test_what_is_described_has_no_p():
    text = say(FOUND, replace(ARMS, within="placebo"), p_holm=np.nan)
    assert text.startswith("sgACC – right lateral PFC, placebo arm: connectivity rose")
    assert "p =" not in text
    assert "Described only" in text


def test_what_could_not_be_tested_says_why():
    text = say(untestable("constant", "SSI at post is the same in all 8 participants"), SETTING)
    assert text == (
        "sgACC – right lateral PFC: no result, because SSI at post is the same in all "
        "8 participants."
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.21234, "0.212"),
        (-12345.6, "−12300"),
        (0.00001234, "0.0000123"),
        (-0.0, "0"),
        (3.0, "3"),
        # whole numbers are whole, unless they are a million or more
        (-999_999, "−999999"),
        (1_000_000.0, "1e+06"),
        (-2_345_678, "−2.35e+06"),
        (999_999.4, "1000000"),
    ],
)
def test_numbers_have_three_digits_and_no_powers(value, text):
    assert compact(value) == text


def test_the_study_wise_error_is_told_for_two_families_and_for_one_question():
    si = {"instrument": "SSI", "shape": "pre-post"}
    both = design_of({"si": si})
    assert study_wise_error(both).endswith(
        "at most 5 % in either, and of at most 10 % in the study."
    )
    one = study_wise_error(design_of({"si": si, "primary_question": "association", "alpha": 0.01}))
    assert one.startswith("The primary question is association with SSI: its tests are the only")
    assert one.endswith("at most 1 %. Tests of change are secondary.")
    assert study_wise_error(design_of({})).startswith("The primary tests are one family")
