"""Left-out participants and sites, resamples and halves: against loops of other code, and traps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
import statsmodels.formula.api as smf
from made_hypotheses import CIRCUITS, Study, adjusted, frame_of, study
from made_influence import N, planned_of, uneven
from made_models import welch
from scipy import stats

from ketfc.inference.core.permutation import stream
from ketfc.inference.design.model import model_of
from ketfc.inference.influence.left_out import (
    FEW_ARRANGEMENTS,
    INFLUENTIAL,
    NOBODY,
    PARTICIPANT,
    SIGN,
    SIGNIFICANCE,
    SITE,
    influence,
)
from ketfc.inference.influence.resamples import resampled, t_of, taken
from ketfc.inference.influence.stability import HALVES_DIFFER, ROWS, SIGNS_DIFFER, stability
from ketfc.inference.reliability.table import reliability

DRAWN: dict[str, Any] = {"seed": 1, "permutations": 199, "alpha": 0.05}


def influence_of(made: Study, **changes: Any) -> pd.DataFrame:
    return influence(planned_of(made), **{**DRAWN, **changes})


def rows_of(table: pd.DataFrame, test: str, kind: str, circuit: str = "sgacc-rlpfc"):
    own = table[(table["hypothesis"] == circuit) & (table["test"] == test)]
    return own[own["left_out"] == kind].set_index("label")


def test_the_row_of_nobody_is_the_row_of_the_hypotheses():
    made = uneven(sites=True)
    table, hypotheses = influence_of(made), made.test(**DRAWN)
    pairs = {"p": "p_permutation", "estimate": "estimate", "ci_low": "ci_low"}
    pairs |= {"ci_high": "ci_high", "statistic": "statistic", "df": "df", "n": "n"}
    whole = table[table["left_out"] == NOBODY].set_index(["hypothesis", "test"])
    found = hypotheses.set_index(["hypothesis", "test"])
    assert list(whole.index) == [
        (circuit, test) for circuit in ("sgacc-rlpfc", "dmn") for test in ("change", "association")
    ]
    for ours, theirs in pairs.items():
        expected = found.loc[whole.index, theirs].astype(float).tolist()
        assert whole[ours].astype(float).tolist() == expected


def test_changes_between_arms_are_those_of_a_loop_of_statsmodels():
    made = uneven(sites=True)
    data = frame_of(made).dropna(subset=["post", "pre"])
    rows = rows_of(influence_of(made), "change", PARTICIPANT)
    assert list(rows.index) == list(data.index)
    for who in data.index:
        rest = data.drop(index=who)
        fit = smf.ols("post ~ arm + pre + C(site)", rest).fit()
        t, df, _ = welch(fit, "arm", rest["arm"])
        found = rows.loc[who, ["estimate", "statistic", "df", "n"]].astype(float).tolist()
        assert found == pytest.approx([fit.params["arm"], t, df, len(rest)])
        whole = smf.ols("post ~ arm + pre + C(site)", data).fit().params["arm"]
        assert rows.loc[who, "shift"] == pytest.approx(fit.params["arm"] - whole)
        error = fit.params["arm"] / t
        assert rows.loc[who, "shift_se"] == pytest.approx((fit.params["arm"] - whole) / abs(error))


def test_associations_are_partial_correlations_of_ranks_of_a_loop():
    made = uneven()
    data = frame_of(made).dropna(subset=["post", "pre", "post_si", "pre_si"])
    rows = rows_of(influence_of(made), "association", PARTICIPANT)
    assert list(rows.index) == list(data.index)
    for who in data.index:
        ranked = data.drop(index=who)[["post_si", "change", "pre_si", "arm"]].rank()
        expected = pg.partial_corr(ranked, "change", "post_si", ["pre_si", "arm"])["r"].iloc[0]
        # pingouin rounds to eight digits
        assert rows.loc[who, "estimate"] == pytest.approx(expected, abs=1e-6)


def test_a_site_is_left_out_whole_and_two_sites_leave_one_without_a_column():
    made = uneven(sites=True)
    data = frame_of(made).dropna(subset=["post", "pre"])
    rows = rows_of(influence_of(made), "change", SITE)
    assert list(rows.index) == ["A", "B", "C"]
    for site in "ABC":
        rest = data[data["site"] != site]
        fit = smf.ols("post ~ arm + pre + C(site)", rest).fit()
        assert rows.loc[site, "n"] == len(rest)
        assert rows.loc[site, "estimate"] == pytest.approx(fit.params["arm"])
    two = uneven()
    adjusted(two, blocks="site", site=["AB"[i % 3 == 0] for i in range(N)])
    data = frame_of(two).dropna(subset=["post", "pre"])
    rows = rows_of(influence_of(two), "change", SITE)
    rest = data[data["site"] != "A"]
    fit = smf.ols("post ~ arm + pre", rest).fit()
    assert rows.loc["A", "estimate"] == pytest.approx(fit.params["arm"])
    assert rows_of(influence_of(uneven()), "change", SITE).empty


def test_somebody_planted_is_named_and_turns_the_result():
    made = study(17, arms=False, seed=8)
    own = made.connectivity
    chosen = (
        (own["circuit"] == "dmn") & (own["strategy"] == "acompcor") & (own["measure"] == "mean")
    )
    rng = np.random.default_rng(4)
    # everybody falls a little, one rises a lot
    for who in sorted(made.content["participants"]):
        here = chosen & (own["participant_id"] == who)
        change = 3.0 if who == "sub-11" else -0.1 + rng.normal(0, 0.05)
        before = float(own.loc[here & (own["role"] == "pre"), "z"].iloc[0])
        made.connectivity.loc[here & (own["role"] == "post"), "z"] = before + change
    rows = rows_of(influence_of(made), "change", PARTICIPANT, "dmn")
    flagged = rows[rows["flags"].fillna("").str.contains(INFLUENTIAL)]
    assert list(flagged.index) == ["sub-11"]
    assert rows.loc["sub-11", "flags"] == f"{INFLUENTIAL};{SIGN};{SIGNIFICANCE}"
    assert rows.drop(index="sub-11")["flags"].isna().all()


def test_a_p_near_the_level_rests_on_all_arrangements_and_others_on_fewer():
    made = uneven()
    # a level that some of them are near to
    alpha = float(rows_of(influence_of(made), "change", PARTICIPANT, "dmn")["p"].median())
    rows = influence_of(made, permutations=3000, alpha=alpha).query("left_out == 'participant'")
    near = (rows["p"] - alpha).abs() < 0.01
    far = (rows["p"] - alpha).abs() > 0.08
    assert near.any()
    assert far.any()
    assert (rows.loc[near, "permutations"] == 3000).all()
    assert (rows.loc[far, "permutations"] == FEW_ARRANGEMENTS).all()


def test_too_few_people_have_the_reason_in_place_of_numbers():
    made = study(6, seed=2)
    rows = rows_of(influence_of(made), "association", PARTICIPANT)
    assert rows["estimate"].isna().all()
    assert rows["note"].str.contains("at least 6 are needed").all()


@pytest.mark.parametrize("made", [uneven(sites=True), study(12, arms=False), study(11, seed=5)])
def test_the_t_that_is_resampled_is_that_of_the_test(made):
    whole = influence_of(made).query("left_out == 'nobody'")
    for one, row in zip(planned_of(made), whole.itertuples(), strict=True):
        model = model_of(one.test, one.sample.complete, one.design)
        assert t_of(model) == pytest.approx(row.statistic)
        again = taken(model, np.arange(model.n)[::-1])
        assert t_of(again) == pytest.approx(row.statistic)


def test_signs_and_ranks_are_counted_over_the_same_resamples():
    made = uneven()
    family = [one for one in planned_of(made) if one.test.name == "change"]
    found = resampled(family, resamples=60, alpha=0.1, rng=stream(1, "x"))
    data = {one.circuit.id: frame_of(made, one.circuit.id) for one in family}
    people = sorted(set.union(*(set(one.sample.complete.index) for one in family)))
    arm = np.array([data["dmn"].loc[who, "arm"] for who in people])
    rng = stream(1, "x")
    t = []
    for _ in range(60):
        # controls first: the label of their arm is the first
        drawn = np.concatenate(
            [
                rng.choice(np.flatnonzero(arm == side), size=int((arm == side).sum()))
                for side in (0, 1)
            ]
        )
        row = []
        for frame in data.values():
            rows = (
                frame.loc[[people[i] for i in drawn]].reset_index().dropna(subset=["post", "pre"])
            )
            fit = smf.ols("post ~ arm + pre", rows).fit()
            row.append(welch(fit, "arm", rows["arm"])[0])
        t.append(row)
    whole = influence_of(made).query("left_out == 'nobody' and test == 'change'")["statistic"]
    ranks = stats.rankdata(-np.abs(t), axis=1)
    for j, (one, statistic) in enumerate(zip(found, whole, strict=True)):
        assert one.resamples == 60
        same = np.mean(np.sign([row[j] for row in t]) == np.sign(statistic))
        assert one.share_same_sign == pytest.approx(same)
        assert one.share_same_rank == pytest.approx(np.mean(ranks[:, j] == one.rank))
        assert one.rank_low <= np.median(ranks[:, j]) <= one.rank_high
    assert sorted(one.rank for one in found) == [1, 2]
    assert found[0].rank == 1  # the planted one


def places(made: Study, order: list[int]) -> pd.DataFrame:
    people = sorted(made.content["participants"])
    return pd.DataFrame({"participant_id": people, "enrolment_order": order})


def stability_of(made: Study, people: pd.DataFrame, **about: Any) -> pd.DataFrame:
    reliable = reliability(
        made.connectivity, [], made.design, CIRCUITS, strategy="acompcor", alpha=0.05
    )
    table = stability(planned_of(made), people, reliable, **{"order": None, **DRAWN, **about})
    return table.set_index(["hypothesis", "test"])


def test_halves_are_those_of_the_order_and_their_difference_has_an_interval():
    made = uneven(n=31)
    rng = np.random.default_rng(0)
    order = (rng.permutation(31) + 1).tolist()
    row = stability_of(made, places(made, order)).loc[("sgacc-rlpfc", "change")]
    data = frame_of(made)
    data["place"] = order
    data = data.dropna(subset=["post", "pre"]).sort_values("place")
    middle = (len(data) + 1) // 2
    ends = {}
    for which, half in (("first", data[:middle]), ("second", data[middle:])):
        fit = smf.ols("post ~ arm + pre", half).fit()
        assert row[f"n_{which}"] == len(half)
        assert row[f"estimate_{which}"] == pytest.approx(fit.params["arm"])
        ends[which] = [row[f"{end}_{which}"] for end in ("estimate", "ci_low", "ci_high")]
    (e1, l1, u1), (e2, l2, u2) = ends["first"], ends["second"]
    assert row["difference"] == pytest.approx(e2 - e1)
    # Zou (2007), equation 15
    assert row["difference_low"] == pytest.approx(e2 - e1 - np.hypot(e2 - l2, u1 - e1))
    assert row["difference_high"] == pytest.approx(e2 - e1 + np.hypot(u2 - e2, e1 - l1))
    assert row["order"] == ROWS


def in_halves(first: float, second: float) -> tuple[Study, pd.DataFrame]:
    """Give 13 participants a change of the DMN by their place; the one in the middle is early."""
    made = study(13, arms=False, seed=4)
    order = [3, 8, 1, 13, 9, 5, 12, 2, 7, 11, 6, 4, 10]
    own = made.connectivity
    rng = np.random.default_rng(2)
    for who, place in zip(sorted(made.content["participants"]), order, strict=True):
        here = (own["participant_id"] == who) & (own["circuit"] == "dmn")
        here &= own["measure"] == "mean"
        made.connectivity.loc[here & (own["role"] == "pre"), "z"] = 0.1
        change = (first if place <= 7 else second) + rng.normal(0, 0.1)
        made.connectivity.loc[here & (own["role"] == "post"), "z"] = 0.1 + change
    return made, places(made, order)


@pytest.mark.parametrize(
    ("first", "second", "flags"),
    [
        (1.0, -1.0, f"{SIGNS_DIFFER};{HALVES_DIFFER}"),
        (-1.0, 1.0, f"{SIGNS_DIFFER};{HALVES_DIFFER}"),
        (1.0, 2.0, HALVES_DIFFER),
        (2.0, 1.0, HALVES_DIFFER),
        (1.0, 1.0, None),
    ],
)
def test_halves_that_differ_are_flagged(first, second, flags):
    row = stability_of(*in_halves(first, second)).loc[("dmn", "change")]
    assert (row["n_first"], row["n_second"]) == (7, 6)
    assert row["flags"] == flags or (flags is None and pd.isna(row["flags"]))
    assert row["estimate_first"] == pytest.approx(first, abs=0.15)
    assert row["estimate_second"] == pytest.approx(second, abs=0.15)


def test_a_half_is_tested_as_the_study_of_its_participants_would_be():
    made, people = in_halves(0.1, 0.05)
    table = stability_of(made, people)
    row, whole = table.loc[("dmn", "change")], made.test(**DRAWN).set_index(["hypothesis", "test"])
    for name in ("estimate", "statistic", "n", "name"):
        assert row[name] == whole.loc[("dmn", "change"), name]
    assert (row["ranked"], row["resamples"]) == (2, 199)
    for which, early in (("first", True), ("second", False)):
        own = people.loc[(people["enrolment_order"] <= 7) == early, "participant_id"]
        part = study(13, arms=False, seed=4)
        part.content["participants"] = dict.fromkeys(own)
        part.connectivity = made.connectivity[made.connectivity["participant_id"].isin(own)]
        part.scores = made.scores[made.scores["participant_id"].isin(own)]
        half = part.test(**DRAWN).set_index(["hypothesis", "test"]).loc[("dmn", "change")]
        pairs = {"p": "p_permutation", "ci_low": "ci_low", "ci_high": "ci_high", "n": "n"}
        for ours, theirs in pairs.items():
            assert row[f"{ours}_{which}"] == half[theirs]


def test_halves_too_small_for_a_test_say_so_beside_those_without_a_place():
    made, people = in_halves(0.1, 0.2)
    people.loc[people["enrolment_order"] > 4, "enrolment_order"] = np.nan
    row = stability_of(made, people).loc[("dmn", "change")]
    assert row["note"] == "; ".join(
        [
            "first half: 2 complete participants, at least 3 are needed",
            "second half: 2 complete participants, at least 3 are needed",
            "9 without a place in the order of enrolment, in neither half",
        ]
    )
    assert np.isnan(row["difference"])
    # what cannot be tested at all says this alone
    row = stability_of(study(5, seed=2), places(study(5), [1, 2, 3, 4, 5]))
    note = row.loc[("dmn", "association"), "note"]
    assert note == "5 complete participants, at least 6 are needed"
    assert row.loc[("dmn", "association"), "ranked"] == 0


def test_a_resample_that_cannot_be_fitted_has_no_t():
    whole = planned_of(uneven())[0]
    model = model_of(whole.test, whole.sample.complete, whole.design)
    column = next(iter(model.nuisance.values()))
    assert np.isfinite(t_of(model))
    # all of the response, or of the term, is that of a covariate
    assert np.isnan(t_of(replace(model, response=("same", 2 * column + 1))))
    assert np.isnan(t_of(replace(model, term=("same", 3 * column - 1))))
    # three changes have a t, two and those of one participant have none
    single = planned_of(study(9, arms=False, seed=1))[0]
    one = model_of(single.test, single.sample.complete, single.design)
    assert np.isfinite(t_of(taken(one, np.array([0, 4, 5]))))
    assert np.isnan(t_of(taken(one, np.array([0, 4]))))
    assert np.isnan(t_of(taken(one, np.array([3, 3, 3, 3]))))


def test_a_family_of_which_nothing_can_be_tested_has_no_rank():
    family = [one for one in planned_of(study(5, seed=2)) if one.test.name == "association"]
    found = resampled(family, resamples=9, alpha=0.05, rng=stream(1, "x"))
    assert [one.resamples for one in found] == [0, 0]
    assert np.isnan([one.rank for one in found]).all()


def test_whoever_has_no_place_is_in_neither_half_and_counted():
    made = uneven(n=31)
    order = [*range(1, 29), None, None, None]
    row = stability_of(made, places(made, order), order="enrolled").loc[("dmn", "change")]
    assert row["n_first"] + row["n_second"] == row["n"] - 3
    assert row["note"] == "3 without a place in the order of enrolment, in neither half"
    assert row["order"] == "enrolled"


def test_the_reliability_beside_the_results_is_pingouins():
    made = uneven()
    row = stability_of(made, places(made, list(range(N)))).loc[("dmn", "change")]
    data = frame_of(made, "dmn").query("arm == 0").dropna(subset=["pre", "post"])
    long = data[["pre", "post"]].reset_index().melt("participant_id")
    icc = pg.intraclass_corr(long, "participant_id", "role", "value").set_index("Type")
    name = "ICC2" if "ICC2" in icc.index else "ICC(A,1)"
    assert row["session_icc"] == pytest.approx(icc.loc[name, "ICC"], abs=1e-6)
    assert row["icc_source"] == "control-arm"
    assert row["session_ci_low"] < row["session_icc"] < row["session_ci_high"]


def test_a_test_that_cannot_be_made_is_a_single_row_and_the_next_ones_follow():
    table = influence_of(study(5, seed=2))
    whole = table[table["left_out"] == NOBODY].set_index(["hypothesis", "test"])
    assert len(whole) == 4
    lost = whole.loc[("sgacc-rlpfc", "association")]
    assert "at least 6 are needed" in lost["note"]
    assert lost["flags"]
    assert pd.isna(whole.loc[("sgacc-rlpfc", "change"), "note"])
    assert list(whole["name"]) == ["sgACC – right lateral PFC"] * 2 + ["DMN"] * 2
    assert len(rows_of(table, "association", PARTICIPANT)) == 0
    assert len(rows_of(table, "change", PARTICIPANT, "dmn")) == 5


def test_a_single_site_is_not_left_out():
    one = study(9, arms=False, seed=7)
    adjusted(one, blocks="site", site=["A"] * 9)
    table = influence_of(one)
    assert rows_of(table, "change", SITE).empty
    assert len(rows_of(table, "change", PARTICIPANT)) == 9


def test_who_moves_an_estimate_by_a_standard_error_is_influential():
    rows = influence_of(study(9, arms=False, seed=7)).query("left_out == 'participant'")
    moved = rows["shift_se"].abs()
    assert moved[moved < 1].max() > 0.5
    assert moved[moved >= 1].min() < 1.5
    flagged = rows["flags"].fillna("").str.contains(INFLUENTIAL)
    assert flagged.tolist() == (moved >= 1).tolist()


def test_the_order_of_rows_changes_nothing():
    made = uneven(sites=True)
    once = influence_of(made)
    made.connectivity = made.connectivity.sample(frac=1, random_state=3)
    made.scores = made.scores.sample(frac=1, random_state=4)
    pd.testing.assert_frame_equal(once, influence_of(made))
