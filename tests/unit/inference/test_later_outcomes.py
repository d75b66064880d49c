"""Later outcomes: whose change and whose scores enter, which family counts them, what is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
from made_hypotheses import CIRCUITS, SETTINGS, Study, adjusted, frame_of, study
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ketfc.inference.design.circuit_tests import planned_samples
from ketfc.inference.hypotheses import run_test

SEVEN = {"name": "seven", "connectivity": ["pre", "post"], "score": ["pre", "day7"]}


def asking(made: Study, *questions: dict[str, Any], steepness: float = 0.0, seed: int = 5) -> Study:
    """Give a study scores of day 7 alone, which follow sgACC–rLPFC, and ask for them."""
    rng = np.random.default_rng(seed)
    change = frame_of(adjusted(made))["change"]
    si = made.scores[(made.scores["role"] == "pre") & (made.scores["scale"] == "si")]
    later = si.assign(role="day7", session="day7")
    moved = steepness * change.reindex(later["participant_id"]).to_numpy()
    later["score"] = 0.5 * later["score"] + moved + rng.normal(0, 2, len(later))
    made.scores = pd.concat([made.scores, later], ignore_index=True)
    made.content["later_outcomes"] = list(questions)
    made.content["estimand"] |= {f"later-{one['name']}": "Day 7." for one in questions}
    return made


def unequal(made: Study, *, treated: int) -> Study:
    """The first participants have ketamine, all others the control."""
    people = sorted(made.content["participants"])
    arms = {who: "ketamine" if i < treated else "control" for i, who in enumerate(people)}
    made.content["participants"] = arms
    return made


def test_the_score_of_the_later_session_is_set_against_the_earlier_change():
    made = asking(unequal(study(23), treated=8), SEVEN, steepness=-12)
    row = made.row("sgacc-rlpfc", "later-seven")
    data = frame_of(made)
    theirs = pg.partial_corr(
        data, x="change", y="day7_si", covar=["pre_si", "arm"], method="spearman"
    )
    assert row["estimate"] == pytest.approx(theirs["r"].iloc[0])
    assert row["n"] == 23
    assert row["estimate"] != pytest.approx(made.row("sgacc-rlpfc", "association")["estimate"])


def test_a_later_follow_up_may_be_the_one_until_which_connectivity_changed():
    late = {"name": "late", "connectivity": ["pre", "day3"], "score": ["pre", "day7"]}
    made = asking(unequal(study(19), treated=7), late)
    third = made.connectivity[made.connectivity["role"] == "post"].assign(role="day3")
    third["z"] += np.random.default_rng(2).normal(0, 0.2, len(third))
    made.connectivity = pd.concat([made.connectivity, third])
    data = frame_of(made)
    data["change"] = data["day3"] - data["pre"]
    theirs = pg.partial_corr(
        data, x="change", y="day7_si", covar=["pre_si", "arm"], method="spearman"
    )
    row = made.row("sgacc-rlpfc", "later-late")
    assert row["estimate"] == pytest.approx(theirs["r"].iloc[0])
    assert "from pre to day3" in row["verdict"]


def test_who_lacks_the_later_score_is_left_out_of_that_question_alone():
    made = asking(study(17, arms=False), SEVEN)
    here = made.scores["scale"].eq("si")
    for who, role in (("sub-03", "day7"), ("sub-05", "post"), ("sub-09", "pre")):
        own = here & made.scores["participant_id"].eq(who) & made.scores["role"].eq(role)
        made.scores.loc[own, "score"] = np.nan
    out = made.incomplete()
    dmn = out[out["hypothesis"] == "dmn"].groupby("test")
    reasons = {name: dict(zip(g["participant_id"], g["reason"], strict=True)) for name, g in dmn}
    assert reasons == {
        "association": {"sub-05": "no SSI score at post", "sub-09": "no SSI score at pre"},
        "baseline-prognostic": {
            "sub-05": "no SSI score at post",
            "sub-09": "no SSI score at pre",
        },
        "later-seven": {"sub-03": "no SSI score at day7", "sub-09": "no SSI score at pre"},
    }
    assert made.row("dmn", "later-seven")[["n", "n_excluded"]].tolist() == [15, 2]


def test_every_question_counts_in_the_secondary_family_and_in_no_other():
    third = {"name": "three", "connectivity": ["pre", "post"], "score": ["pre", "day3"]}
    made = asking(study(20), SEVEN, third)
    made.scores = pd.concat(
        [made.scores, made.scores[made.scores["role"] == "day7"].assign(role="day3")]
    )
    table, plain = made.test(), study(20).test()
    asked = table["test"].isin(["later-seven", "later-three"])
    assert asked.sum() == 2 * len(CIRCUITS)
    assert set(table.loc[asked, "family"]) == {"secondary"}
    secondary = table[table["family"] == "secondary"]
    expected = multipletests(secondary["p_permutation"], method="holm")[1]
    assert secondary["p_holm"].tolist() == pytest.approx(expected.tolist())
    assert f"after Holm over {len(secondary)} secondary tests" in secondary["verdict"].iloc[0]
    columns = ["estimate", "p_permutation", "p_fwer"]
    others = table[~asked].reset_index(drop=True)
    assert others[columns].equals(plain[columns])
    primary = others["family"].str.startswith("primary")
    assert others.loc[primary, "p_holm"].equals(plain.loc[primary, "p_holm"])


def test_a_crossover_sets_later_differences_of_scores_against_those_of_connectivity():
    made = study(18, arms=False)
    people = list(made.content["participants"])
    orders = {who: ("ketamine-first", "control-first")[i % 3 == 0] for i, who in enumerate(people)}
    made.content |= {
        "kind": "crossover",
        "drugs": {"ketamine": "ketamine", "control": "saline"},
        "sequences": orders,
        "pre": None,
    }
    asked = SEVEN | {"score": ["day6", "day7"]}
    made = asking(made, asked)
    before = made.scores["role"].eq("day7")
    sixth = made.scores[before].assign(role="day6")
    sixth["score"] = np.random.default_rng(3).permutation(sixth["score"])
    made.scores = pd.concat([made.scores, sixth])
    data = frame_of(made)
    data["difference"] = data["day7_si"] - data["day6_si"]
    data["order"] = [float(orders[who] == "ketamine-first") for who in data.index]
    theirs = pg.partial_corr(data, x="change", y="difference", covar="order", method="spearman")
    row = made.row("sgacc-rlpfc", "later-seven")
    assert row["estimate"] == pytest.approx(theirs["r"].iloc[0])
    assert "the difference in SSI (day7) between ketamine and saline" in row["verdict"]
    assert "with that in connectivity (post)" in row["verdict"]


def test_a_planted_relation_is_found_and_told_with_both_spans():
    made = asking(study(40, arms=False), SEVEN, steepness=-40)
    row = made.row("sgacc-rlpfc", "later-seven")
    assert row["p_holm"] < 0.05
    assert row["estimate"] < 0
    said = row["verdict"]
    assert (
        "rose more (or fell less) from pre to post, SSI at day7 was lower, given SSI at pre" in said
    )
    assert "not for a cause" in said
    assert made.row("dmn", "later-seven")["p_holm"] > 0.05


def test_where_nothing_is_related_a_question_is_answered_yes_as_often_as_alpha_says():
    """Unequal arms, the drug moves both sides, a fifth of the later scores are missing."""
    found, studies = 0, 300
    for seed in range(studies):
        made = asking(unequal(study(22, seed=seed), treated=8), SEVEN, seed=seed)
        treated = {who for who, arm in made.content["participants"].items() if arm == "ketamine"}
        own = made.scores["participant_id"].isin(treated) & made.scores["role"].eq("day7")
        made.scores.loc[own, "score"] -= 5
        post = made.connectivity["role"].eq("post")
        raised = post & made.connectivity["participant_id"].isin(treated)
        made.connectivity.loc[raised, "z"] += 0.3
        lost = np.random.default_rng(seed).random(len(made.scores)) < 0.2
        made.scores.loc[lost & made.scores["role"].eq("day7"), "score"] = np.nan
        (plan,) = (
            one
            for one in planned_samples(
                made.connectivity, made.scores, made.design, CIRCUITS[:1], strategy="acompcor"
            )
            if one.test.name == "later-seven"
        )
        about = {key: SETTINGS[key] for key in ("permutations", "alpha")}
        found += run_test(plan, seed=seed, **about).evidence.p_permutation <= 0.05
    low, high = stats.binom.interval(0.99, studies, 0.05)
    assert low <= found <= high
