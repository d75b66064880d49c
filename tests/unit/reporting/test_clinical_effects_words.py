"""Sentences on effects on the scores, and the panels of their figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from made_design import design_of

from ketfc.inference.clinical.effects import COUNTS, EFFECT_COLUMNS, NUMBERS
from ketfc.inference.clinical.time_course import TIME_COURSE_COLUMNS
from ketfc.reporting.figures.clinical.scores import BETWEEN, WITHIN, draw_clinical
from ketfc.reporting.text.clinical.effects import (
    effects_in_words,
    effects_methods,
    effects_section,
)

TWO_ARMS = design_of({"arms": {"ketamine": "ket", "control": "saline"}})
NAME = {
    "by": "all",
    "level": "all",
    "scale": "si",
    "instrument": "SSI",
    "item": "total",
    "reference": "pre",
    "role": "post",
    "hours": 24.0,
}
SCORE = {
    "contrast": "between arms",
    "outcome": "score",
    "effect": "difference at equal baseline",
    "estimate": -4.96,
    "ci_low": -7.59,
    "ci_high": -2.33,
    "effect_size": -0.75,
    "effect_size_ci_low": -1.2,
    "effect_size_ci_high": -0.3,
    "effect_size_type": "difference / pooled follow-up SD (Hedges g)",
    "p": 0.0004,
    "n": 80,
    "n_ketamine": 41,
    "n_control": 39,
}
WITHIN_KET = SCORE | {
    "contrast": "within arm",
    "arm": "ket",
    "effect": "mean change",
    "estimate": -9.1,
    "effect_size": -1.4,
    "effect_size_type": "dz (Hedges g)",
    "p": np.nan,
}
COUNTED = {
    "p_method": "Fisher's exact",
    "contrast": "between arms",
    "outcome": "response",
    "p": 0.04,
    "n_ketamine": 40,
    "n_control": 38,
    "events_ketamine": 22,
    "events_control": 12,
}


def table(*rows: dict) -> pd.DataFrame:
    frame = pd.DataFrame([NAME | row for row in rows], columns=list(EFFECT_COLUMNS))
    return frame.astype(dict.fromkeys(NUMBERS, float) | dict.fromkeys(COUNTS, "Int64"))


def shares(low: float) -> list[dict]:
    number = {"effect": "number needed to treat"}
    number |= (
        {"estimate": 4.3, "ci_low": 2.3, "ci_high": 29.8} if low > 0 else {"flags": "not-estimable"}
    )
    return [
        COUNTED | {"effect": "risk difference", "estimate": 0.23, "ci_low": low, "ci_high": 0.44},
        COUNTED | {"effect": "risk ratio", "estimate": 1.74, "ci_low": 1.0, "ci_high": 3.0},
        COUNTED | {"effect": "odds ratio", "estimate": 2.65, "ci_low": 1.1, "ci_high": 6.7},
        COUNTED | number,
    ]


def test_the_terminal_has_the_direction_the_interval_and_the_kind_of_g() -> None:
    text = effects_in_words(table(SCORE, WITHIN_KET, *shares(0.03)), TWO_ARMS)
    assert "SSI, pre → post (24 h)" in text
    assert (
        "ket − saline, difference at equal baseline: −4.96 [−7.59, −2.33], p < .001, n = 80" in text
    )
    assert "g = −0.75 [−1.20, −0.30] (difference / pooled follow-up SD (Hedges g) = 6.61)" in text
    assert "not to be read" not in text
    tiny = effects_in_words(table(SCORE | {"effect_size": -9.55}), TWO_ARMS)
    assert "(Hedges g) = 0.519; not to be read: that SD is too small)" in tiny
    assert "within ket, mean change: −9.10" in text
    assert "response: 22 of 40, 55 % (ket) against 12 of 38, 32 % (saline)" in text
    assert "Fisher's exact p = .040; number needed to treat 4.3 [2.3, 29.8]" in text
    assert "no effect of a treatment" in text


def test_a_number_needed_that_cannot_be_given_is_said_to_be_none() -> None:
    rows = table(*shares(-0.02))
    why = "number needed to treat not estimable (the interval of the difference holds 0)"
    assert why in effects_in_words(rows, TWO_ARMS)
    (row,) = effects_section(rows, TWO_ARMS).shares.rows
    assert why in row


def test_changes_within_arms_stand_in_a_table_and_a_panel_of_their_own() -> None:
    rows = table(SCORE, WITHIN_KET)
    section = effects_section(rows, TWO_ARMS)
    assert [len(section.between.rows), len(section.within.rows)] == [1, 1]
    assert "41 + 39" in section.between.rows[0]
    figure, numbers = draw_clinical(pd.DataFrame(columns=list(TIME_COURSE_COLUMNS)), rows, TWO_ARMS)
    assert dict(zip(numbers["panel"], numbers["value"], strict=True)) == {
        BETWEEN: -0.75,
        WITHIN: -1.4,
    }
    drawn = {axes.get_title(loc="left").replace("\n", " "): axes for axes in figure.axes}
    assert list(drawn) == ["ket − saline", "Within arms: no treatment effect"]
    of_within = [line.get_xdata()[0] for line in drawn["Within arms: no treatment effect"].lines]
    assert -1.4 in of_within
    assert -0.75 not in of_within


def test_methods_name_what_was_done_and_nothing_else() -> None:
    (text,) = effects_methods(table(SCORE, WITHIN_KET, *shares(0.03)), TWO_ARMS)
    assert "ANCOVA at equal baseline" in text
    assert "[@newcombe1998]" in text
    assert "[@altman1998]" in text
    assert "not effects of a treatment" in text
    (alone,) = effects_methods(table(WITHIN_KET | {"arm": "all"}), design_of({}))
    assert "ANCOVA" not in alone
    assert "@altman1998" not in alone
    assert effects_methods(table(), TWO_ARMS) == []


def test_a_single_arm_is_said_to_have_no_control() -> None:
    rows = table(WITHIN_KET | {"arm": "all", "p": 0.01})
    text = effects_in_words(rows, design_of({}))
    assert "There is no control arm" in text
    assert "  mean change: −9.10" in text


def test_a_crossover_counts_who_responded_after_one_drug_alone() -> None:
    design = design_of(
        {
            "kind": "crossover",
            "baseline": "pla",
            "followup": "ket",
            "contrasts": [["pla", "ket"]],
            "sessions": {"pre": "b", "ket": "k", "pla": "p"},
            "drugs": {"ketamine": "ketamine", "control": "placebo"},
            "participants": {"sub-01": None},
            "sequences": {"sub-01": "ketamine-first"},
            "si": {"instrument": "SSI"},
        }
    )
    about = {
        "by": "all", "level": "all", "scale": "si", "instrument": "SSI", "item": "total",
        "reference": "pla", "role": "ket", "contrast": "between drugs", "outcome": "response",
        "p": 0.0703, "p_method": "McNemar's exact", "n": 21, "n_missing": 2, "n_ketamine": 21,
        "n_control": 21, "events_ketamine": 8, "events_control": 2, "only_ketamine": 7,
        "only_control": 1,
    }  # fmt: skip
    kinds = [
        ("risk difference", 0.286, 0.026, 0.507, None),
        ("odds ratio", 7.0, 0.9, 315.5, None),
        ("number needed to treat", 3.5, 2.0, 38.3, None),
    ]
    rows = [
        about | {"effect": name, "estimate": one, "ci_low": low, "ci_high": high, "flags": flags}
        for name, one, low, high, flags in kinds
    ]
    table = pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))
    text = effects_in_words(table, design)
    assert "response: 8 of 21, 38 % (ketamine) against 2 of 21, 10 % (placebo)" in text
    assert "(after one alone: 7 after ketamine and 1 after placebo); risk difference 0.29" in text
    assert "McNemar's exact p = .070; number needed to treat 3.5" in text
    (row,) = effects_section(table, design).shares.rows
    assert "7 and 1" in str(row)
    assert "McNemar's exact test [@mcnemar1947]" in effects_methods(table, design)[0]
