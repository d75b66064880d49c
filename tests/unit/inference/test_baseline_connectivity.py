"""Connectivity before treatment and the score after it: numbers, family, small cells, words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
import statsmodels.formula.api as smf
from made_hypotheses import CIRCUITS, SETTINGS, Study, adjusted, frame_of, study
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ketfc.inference.design.baseline_connectivity import (
    PRESCRIPTIVE,
    PROGNOSTIC,
    baseline_tests,
)
from ketfc.inference.design.circuit_tests import planned_samples
from ketfc.inference.flags import add_motion_flags
from ketfc.inference.hypotheses import run_test

FAMILY = "baseline-connectivity"


def unequal(made: Study, *, treated: int) -> Study:
    """The first participants have ketamine, all others the control."""
    people = sorted(made.content["participants"])
    arms = {who: "ketamine" if i < treated else "control" for i, who in enumerate(people)}
    made.content["participants"] = arms
    return made


def after(made: Study, score: pd.Series) -> Study:
    """Give participants other scores after treatment."""
    own = made.scores["role"].eq("post") & made.scores["scale"].eq("si")
    who = made.scores.loc[own, "participant_id"]
    made.scores.loc[own, "score"] = score.reindex(who).to_numpy()
    return made


def with_ages(n: int, *, treated: int) -> Study:
    ages = np.random.default_rng(3).normal(40, 9, n).tolist()
    return adjusted(unequal(study(n), treated=treated), age=ages)


def test_over_arms_it_is_the_partial_rank_correlation_with_the_baseline():
    made = with_ages(31, treated=11)
    theirs = pg.partial_corr(
        frame_of(made), x="pre", y="post_si", covar=["pre_si", "arm", "age"], method="spearman"
    )
    row = made.row("sgacc-rlpfc", PROGNOSTIC)
    assert row["estimate"] == pytest.approx(theirs["r"].iloc[0])
    assert (row["n"], row["family"]) == (31, FAMILY)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert row["verdict"].count("given SSI at pre, arm and age") == 1


def test_between_arms_it_is_the_interaction_of_arm_and_baseline():
    made = with_ages(31, treated=11)
    row = made.row("sgacc-rlpfc", PRESCRIPTIVE)
    data = frame_of(made)
    fit = smf.ols("post_si ~ arm * pre + pre_si + age", data).fit()
    assert row["estimate"] == pytest.approx(fit.params["arm:pre"])
    assert row["p_permutation"] == pytest.approx(fit.pvalues["arm:pre"], abs=0.15)
    assert row["df"] != row["n"]


def test_no_scan_after_treatment_is_needed():
    made = unequal(study(28), treated=12)
    lost = made.connectivity["participant_id"].isin(["sub-02", "sub-20"])
    made.connectivity = made.connectivity[~(lost & made.connectivity["role"].eq("post"))]
    whole = unequal(study(28), treated=12)
    for test in (PROGNOSTIC, PRESCRIPTIVE):
        row = made.row("dmn", test)
        assert row["n"] == 28
        assert row["estimate"] == pytest.approx(whole.row("dmn", test)["estimate"])
    assert made.row("dmn", "association")["n"] == 26
    without = study(12, arms=False)
    lost = without.connectivity["participant_id"].eq("sub-03")
    without.connectivity = without.connectivity[~(lost & without.connectivity["role"].eq("pre"))]
    out = without.incomplete().query("test == @PROGNOSTIC and hypothesis == 'dmn'")
    assert out[["participant_id", "reason"]].to_numpy().tolist() == [
        ["sub-03", "no connectivity at pre"]
    ]


def test_it_is_a_family_of_its_own_in_the_primary_circuits():
    table = study(30).test()
    own = table["family"] == FAMILY
    primary = [circuit.id for circuit in CIRCUITS if circuit.primary]
    assert table.loc[own, ["hypothesis", "test"]].to_numpy().tolist() == [
        [circuit, test] for circuit in primary for test in (PROGNOSTIC, PRESCRIPTIVE)
    ]
    p = table.loc[own, "p_permutation"]
    assert table.loc[own, "p_holm"].tolist() == pytest.approx(multipletests(p, method="holm")[1])
    assert table.loc[own, "p_fdr"].tolist() == pytest.approx(multipletests(p, method="fdr_bh")[1])
    assert table.loc[own, "p_fwer"].isna().all()
    assert table.loc[own, "verdict"].str.contains("4 tests with baseline connectivity").all()


def test_too_small_a_sample_or_arm_is_named_with_its_size():
    rows = unequal(study(29), treated=9).test().set_index(["hypothesis", "test"])
    row = rows.loc[("dmn", PRESCRIPTIVE)]
    assert row["flags"] == "small-cell: ketamine 9"
    assert row[["estimate", "p_permutation", "p_holm", "bf10"]].isna().all()
    assert row["verdict"].endswith("participants (ketamine 9), at least 10 are needed of each.")
    assert np.isfinite(rows.loc[("dmn", PROGNOSTIC), "p_permutation"])
    few = study(9, arms=False).row("dmn", PROGNOSTIC)
    assert few["flags"] == "small-cell: participants 9"
    assert few["verdict"].endswith("(participants 9), at least 10 are needed.")
    assert np.isfinite(study(10, arms=False).row("dmn", PROGNOSTIC)["p_permutation"])


@pytest.mark.parametrize("n", [30, 60])
def test_it_is_exploratory_unless_the_study_was_preregistered(n):
    made = study(n)
    for test in (PROGNOSTIC, PRESCRIPTIVE):
        row = made.row("dmn", test)
        assert "exploratory" in row["flags"].split(";")
        assert row["verdict"].startswith("DMN: exploratory: ")
        assert row["estimand"].startswith("Exploratory: ")
    made.content["preregistered"] = True
    for test in (PROGNOSTIC, PRESCRIPTIVE):
        row = made.row("dmn", test)
        assert "exploratory" not in str(row["flags"])
        assert "xploratory" not in row["verdict"] + row["estimand"]
        assert row["estimand"][0].isupper()


def test_what_a_design_cannot_ask_is_not_planned():
    made = study()
    assert [one.name for one in baseline_tests(made.design)] == [PROGNOSTIC, PRESCRIPTIVE]
    assert [one.name for one in baseline_tests(study(arms=False).design)] == [PROGNOSTIC]
    assert baseline_tests(replace(made.design, si=None)) == []
    drugs = {"ketamine": "ketamine", "control": "saline"}
    crossover = study(arms=False).content | {"kind": "crossover", "drugs": drugs}
    made.content = crossover
    assert baseline_tests(made.design) == []


def test_what_was_planted_is_found_and_told_as_about_groups():
    made = unequal(study(60), treated=25)
    data = frame_of(adjusted(made))
    noise = np.random.default_rng(8).normal(0, 1.5, len(data))
    made = after(made, 0.5 * data["pre_si"] - (10 + 20 * data["arm"]) * data["pre"] + noise)
    over, between = (made.row("sgacc-rlpfc", test) for test in (PROGNOSTIC, PRESCRIPTIVE))
    assert over["p_holm"] < 0.05
    assert "where connectivity at pre was higher, SSI at post was lower" in over["verdict"]
    assert between["p_holm"] < 0.05
    assert between["estimate"] == pytest.approx(-20, abs=6)
    assert "points per unit of Fisher z lower under ketamine than under" in between["verdict"]
    table = made.test()
    rows = table[table["family"] == FAMILY]
    texts = " ".join([*rows["verdict"], *rows["estimand"]]).lower()
    for claim in ("predict", "caused", "effect of", "ketamine-specific", "because of", "proves"):
        assert claim not in texts
    assert "no guide for a patient" in texts


def test_a_change_that_follows_motion_does_not_flag_what_holds_no_change():
    made = study(24)
    table = made.test()
    motion = pd.DataFrame(
        {
            "strategy": ["acompcor"],
            "test": ["follows"],
            "circuit": ["dmn"],
            "gate": ["follows-motion"],
        }
    )
    flagged = add_motion_flags(table, motion, made.design)
    dmn = flagged[flagged["hypothesis"] == "dmn"]
    follows = dmn["flags"].fillna("").str.contains("follows-motion")
    assert follows.tolist() == (dmn["family"] != FAMILY).tolist()


@pytest.mark.parametrize(("test", "spread"), [(PROGNOSTIC, 2.0), (PRESCRIPTIVE, 2.0)])
def test_where_nothing_is_related_it_is_found_as_often_as_alpha_says(test, spread):
    """Arms of 12 and 26; ketamine lowers scores and varies them more; skewed, and many zeros."""
    found, studies = 0, 400
    about: dict[str, Any] = {key: SETTINGS[key] for key in ("permutations", "alpha")}
    for seed in range(studies):
        made = unequal(study(38, seed=seed), treated=12)
        data = frame_of(adjusted(made))
        rng = np.random.default_rng(seed)
        score = 0.4 * data["pre_si"] + rng.exponential(3, 38) * np.where(
            data["arm"] == 1, spread, 1
        )
        made = after(made, (score - 4 * data["arm"] - 5).clip(lower=0).round())
        (plan,) = (
            one
            for one in planned_samples(
                made.connectivity, made.scores, made.design, CIRCUITS[:1], strategy="acompcor"
            )
            if one.test.name == test
        )
        found += run_test(plan, seed=seed, **about).evidence.p_permutation <= 0.05
    low, high = stats.binom.interval(0.99, studies, 0.05)
    assert low <= found <= high
