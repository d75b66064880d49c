"""Moderation: golden numbers, cells that are too small, a family of its own, and its words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import statsmodels.formula.api as smf
from made_hypotheses import Study, adjusted, frame_of, study
from made_models import welch
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ketfc.inference.core.permutation import freedman_lane_test
from ketfc.inference.design.moderation import moderation_tests

TWO_ARMS = ["drug-by-change", "drug-by-baseline-score"]


def diagnoses(n: int, *, bipolar: int = 3) -> list[str | None]:
    """Every third participant or so is bipolar, of either arm."""
    return ["bipolar" if i // 2 % bipolar == 0 else "unipolar" for i in range(n)]


def moderated(made: Study, **settings: Any) -> Any:
    table = made.test(**settings)
    return table[table["family"] == "moderation"]


def with_data(made: Study) -> Any:
    data = frame_of(made)
    dx = (made.content["terms"]["diagnosis"] or {}).get("participants", {})
    data["bipolar"] = [float(dx.get(who) == "bipolar") for who in data.index]
    return data


@pytest.mark.parametrize(
    ("test", "formula", "tested"),
    [
        ("drug-by-change", "post_si ~ arm * change + pre_si + age", "arm:change"),
        ("drug-by-baseline-score", "post ~ arm * pre_si + pre + age", "arm:pre_si"),
        ("change-by-diagnosis", "post ~ arm * bipolar + pre + age", "arm:bipolar"),
        ("diagnosis-by-change", "post_si ~ change*bipolar + pre_si + arm + age", "change:bipolar"),
    ],
)  # fmt: skip
def test_interactions_of_two_arms_are_those_of_statsmodels(test, formula, tested):
    n = 60
    age = np.random.default_rng(3).normal(40, 9, n).tolist()
    made = adjusted(study(n), age=age, diagnosis=diagnoses(n, bipolar=2))
    row = made.row("sgacc-rlpfc", test)
    data = with_data(made)
    fit = smf.ols(formula, data).fit()
    groups = data["arm"] + 2 * data["bipolar"] * ("diagnosis" in test)
    assert row["estimate"] == pytest.approx(fit.params[tested])
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    numbers = tuple(row[["statistic", "df", "p_parametric"]])
    assert numbers == pytest.approx(welch(fit, tested, groups))
    assert row["p_permutation"] == pytest.approx(row["p_parametric"], abs=0.12)
    assert row["n"] == n


@pytest.mark.parametrize(
    ("test", "formula", "tested"),
    [
        ("change-by-diagnosis", "change ~ bipolar", "bipolar"),
        ("diagnosis-by-change", "post_si ~ bipolar * change + pre_si", "bipolar:change"),
    ],
)
def test_diagnoses_of_a_single_arm_are_compared_in_their_changes(test, formula, tested):
    made = adjusted(study(36, arms=False), diagnosis=diagnoses(36))
    row = made.row("dmn", test)
    data = frame_of(made, "dmn").assign(bipolar=with_data(made)["bipolar"])
    # the scores are the same in all circuits
    fit = smf.ols(formula, data).fit()
    assert row["estimate"] == pytest.approx(fit.params[tested])
    assert row["p_parametric"] == pytest.approx(welch(fit, tested, data["bipolar"])[2])


def test_the_permutation_p_is_that_of_nilearn():
    from nilearn.mass_univariate import permuted_ols

    made = adjusted(study(40), diagnosis=None)
    data = frame_of(made)
    data["product"] = data["arm"] * data["change"]
    theirs = permuted_ols(
        data[["product"]].to_numpy(),
        data[["post_si"]].to_numpy(),
        confounding_vars=data[["arm", "change", "pre_si"]].to_numpy(),
        n_perm=4999,
        random_state=1,
        output_type="dict",
        verbose=0,
    )
    table = moderated(made, permutations=4999).set_index(["hypothesis", "test"])
    ours = table.loc[("sgacc-rlpfc", "drug-by-change"), "p_permutation"]
    assert ours == pytest.approx(10 ** -theirs["logp_max_t"].item(), abs=0.03)


def test_a_planted_moderation_is_found_and_told_as_exploratory():
    made = study(60)
    change = frame_of(adjusted(made))["change"]
    treated = {who for who, arm in made.content["participants"].items() if arm == "ketamine"}
    follow = (made.scores["role"] == "post") & (made.scores["scale"] == "si")
    who = made.scores.loc[follow, "participant_id"]
    made.scores.loc[follow, "score"] -= [60 * change[one] * (one in treated) for one in who]
    row = made.row("sgacc-rlpfc", "drug-by-change")
    assert row["estimate"] == pytest.approx(-60, abs=25)
    assert row["p_holm"] < 0.05
    assert "exploratory" in row["flags"].split(";")
    said = row["verdict"]
    assert "exploratory: the slope of SSI at post on the change in connectivity was" in said
    assert "lower under ketamine than under midazolam" in said
    assert "no evidence for a cause" in said


def test_moderation_is_a_family_of_its_own():
    made = adjusted(study(60), diagnosis=diagnoses(60, bipolar=2))
    table = made.test()
    own = table["family"] == "moderation"
    assert set(table.loc[own, "hypothesis"]) == {"sgacc-rlpfc", "dmn"}
    p = table.loc[own, "p_permutation"]
    assert table.loc[own, "p_fdr"].tolist() == pytest.approx(multipletests(p, method="fdr_bh")[1])
    assert table.loc[own, "p_holm"].tolist() == pytest.approx(multipletests(p, method="holm")[1])
    assert table.loc[own, "p_fwer"].isna().all()
    assert "after Holm over 8 tests of moderation" in table.loc[own, "verdict"].iloc[0]
    # and the others are as they would be without it
    others = study(60).test()
    others = others[others["family"] != "moderation"]
    columns = ["p_permutation", "p_holm", "p_fwer", "p_fdr"]
    for column in columns:
        assert table.loc[~own, column].tolist() == pytest.approx(
            others[column].tolist(), nan_ok=True
        )


@pytest.mark.parametrize("bipolar", [0, 1, 9])
def test_a_cell_that_is_too_small_is_named_with_its_size(bipolar):
    people = ["bipolar"] * bipolar + ["unipolar"] * (30 - bipolar)
    made = adjusted(study(30, arms=False), diagnosis=people)
    rows = moderated(made)
    assert rows["test"].tolist() == ["change-by-diagnosis", "diagnosis-by-change"] * 2
    assert (rows["flags"] == f"small-cell: bipolar {bipolar}").all()
    numbers = ["estimate", "ci_low", "statistic", "p_permutation", "p_parametric", "p_holm", "bf10"]
    assert rows[numbers].isna().all(axis=None)
    assert (rows["n"] == 30).all()
    few = f"too few complete participants (bipolar {bipolar}), at least 10 are needed of each."
    assert rows["verdict"].iloc[0].endswith(f"no result, because {few}")


def test_every_small_cell_of_arm_and_diagnosis_is_named():
    made = adjusted(study(30), diagnosis=diagnoses(30))
    row = made.row("dmn", "change-by-diagnosis")
    assert row["flags"] == "small-cell: ketamine bipolar 5, control bipolar 5"
    assert "midazolam bipolar 5" in row["verdict"]
    ready = made.row("dmn", "diagnosis-by-change")
    assert np.isfinite(ready["p_permutation"])


def test_who_has_no_diagnosis_is_left_out_of_these_tests_alone():
    made = adjusted(study(30, arms=False), diagnosis=[None, *diagnoses(29)])
    table, left_out = made.test(), made.incomplete()
    assert set(left_out["reason"]) == {"no diagnosis"}
    own = table["family"] == "moderation"
    assert (table.loc[own, "n_excluded"] == 1).all()
    assert (table.loc[~own, "n_excluded"] == 0).all()


def test_what_a_study_cannot_ask_is_not_planned():
    assert moderation_tests(study(arms=False).design) == []
    no_baseline = study(shape="change").design
    assert [test.name for test in moderation_tests(no_baseline)] == ["drug-by-change"]
    assert [test.name for test in moderation_tests(study().design)] == TWO_ARMS
    assert moderation_tests(replace(study().design, si=None)) == []


def test_no_words_of_moderation_claim_a_cause():
    made = adjusted(study(60), diagnosis=diagnoses(60, bipolar=2))
    rows = moderated(made)
    texts = " ".join([*rows["verdict"], *rows["estimand"]]).lower()
    for claim in (
        "caused",
        "effect of",
        "ketamine-specific",
        "specific to",
        "predict",
        "because of",
    ):
        assert claim not in texts
    assert rows["verdict"].str.contains("exploratory").all()
    assert rows["estimand"].str.startswith("Exploratory").all()


def test_an_interaction_of_nothing_is_found_as_often_as_alpha_says():
    """Both main effects are real, errors are skewed, and arms differ in nothing else."""
    rng = np.random.default_rng(17)
    arm, found, studies = np.repeat([0.0, 1.0], [10, 14]), 0, 1500
    for _ in range(studies):
        before, change = rng.normal(18, 5, 24), rng.normal(0, 0.2, 24) + 0.1 * arm
        after = 0.6 * before - 8 * change - 3 * arm + 3 * rng.exponential(1, 24)
        product = (arm - arm.mean()) * (change - change.mean())
        nuisance = np.column_stack([np.ones(24), arm, change, before])
        test = freedman_lane_test(after, product, nuisance, permutations=199, rng=rng)
        found += test.p <= 0.05
    low, high = stats.binom.interval(0.99, studies, 0.05)
    assert low <= found <= high
