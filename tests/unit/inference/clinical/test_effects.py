"""Effects on the scores: who is compared with whom, by which model, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from scipy import stats

from ketfc.inference.clinical.changes import BETWEEN_ARMS, BETWEEN_DRUGS, WITHIN_ARM
from ketfc.inference.clinical.effects import (
    ADJUSTED,
    BETWEEN_SCALES,
    DRUGS,
    EFFECT_COLUMNS,
    UNADJUSTED,
    clinical_effects,
)
from ketfc.inference.clinical.parts import SMALL_CELL
from ketfc.inference.clinical.time_course import time_course
from ketfc.inference.core.effect_sizes import FOLLOWUP_SD, hedges_factor
from ketfc.study.design.design import Design
from ketfc.study.scores.instruments import Rule
from ketfc.study.scores.response import clinical_scores, compared_roles

ARMS = {"ketamine": "esketamine", "control": "saline"}
RULES = {
    ("si", "total"): Rule("SSI", low=0, high=38, response=0.5, remission=3),
    ("depression", "total"): Rule("MADRS", low=0, high=60, response=0.5, remission=10),
    ("depression", "total-less-si-item"): Rule("MADRS", low=0, high=54, response=0.5),
}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(41)


def study(rng: np.random.Generator, **more: Any) -> tuple[pd.DataFrame, Design, dict[str, str]]:
    """Return scores of 13 and 19 participants at three sessions, interleaved, some missing."""
    arms = {f"sub-{i:02}": "ketamine" if i % 5 in (1, 3) else "control" for i in range(32)}
    rows = []
    for who, arm in arms.items():
        base = float(rng.integers(6, 34))
        for scale, instrument, factor in (("si", "SSI", 1.0), ("depression", "MADRS", 1.6)):
            after = base * factor * (0.55 if arm == "ketamine" else 0.8)
            for role, mean in (("pre", base * factor), ("post", after), ("day7", after + 2)):
                score = max(0.0, round(mean + rng.normal(0, 3)))
                rows.append((who, scale, instrument, "total", role, score))
    columns = ["participant_id", "scale", "instrument", "item", "role", "score"]
    scores = pd.DataFrame(rows, columns=columns).assign(hours=np.nan)
    lost = (scores["participant_id"] == "sub-03") & (scores["role"] == "day7")
    scores.loc[lost, "score"] = np.nan
    design = {
        "arms": ARMS,
        "participants": arms,
        "sessions": {"pre": "1", "post": "2", "day7": "3"},
        "contrasts": [["pre", "post"], ["pre", "day7"]],
        "si": {"instrument": "SSI"},
        "depression": {"instrument": "MADRS"},
        "hours_since_dose": {"post": 24},
    }
    return scores, design_of(design | more), arms


def effects_of(
    scores: pd.DataFrame, design: Design, *, permutations: int = 99, **strata: Any
) -> pd.DataFrame:
    people = pd.DataFrame({"participant_id": sorted(set(scores["participant_id"]))}).assign(
        **strata
    )
    course = clinical_scores(scores, RULES, compared_roles(design))
    about = {"seed": 7, "permutations": permutations, "alpha": 0.05}
    table = clinical_effects(scores, course, people, design, **about)
    assert tuple(table.columns) == EFFECT_COLUMNS
    return table


def wide(scores: pd.DataFrame, scale: str) -> pd.DataFrame:
    own = scores[scores["scale"] == scale]
    return own.pivot_table(index="participant_id", columns="role", values="score")


def test_arms_are_compared_at_equal_baseline_as_ols_does(rng) -> None:
    import statsmodels.formula.api as smf

    scores, design, arms = study(rng)
    table = effects_of(scores, design, permutations=499)
    rows = table[(table["effect"] == ADJUSTED) & (table["scale"] == "si")]
    assert list(rows["role"]) == ["post", "day7"]
    for role, missing in (("post", 0), ("day7", 1)):
        row = rows[rows["role"] == role].iloc[0]
        data = wide(scores, "si").assign(arm=lambda t: [arms[w] == "ketamine" for w in t.index])
        data = data.dropna(subset=["pre", role]).astype(float)
        fit = smf.ols(f"{role} ~ pre + arm", data).fit()
        assert row["estimate"] == pytest.approx(fit.params["arm"])
        assert row["ci_low"] < row["estimate"] < row["ci_high"] < 0
        assert row["p"] < 0.01
        assert (row["n"], row["n_missing"]) == (32 - missing, missing)
        assert (row["n_ketamine"], row["n_control"]) == (13 - missing, 19)
        within = [data.loc[data["arm"] == arm, role] for arm in (0, 1)]
        df = len(data) - 2
        pooled = np.sqrt(sum(((x - x.mean()) ** 2).sum() for x in within) / df)
        size = hedges_factor(df) * fit.params["arm"] / pooled
        assert row["effect_size"] == pytest.approx(size)
        assert row["effect_size_type"] == FOLLOWUP_SD


def test_changes_within_one_of_two_arms_are_described_and_not_tested(rng) -> None:
    scores, design, arms = study(rng)
    table = effects_of(scores, design)
    rows = table[(table["contrast"] == WITHIN_ARM) & (table["role"] == "post")]
    assert list(rows["arm"]) == [*ARMS.values()] * 2
    assert rows["p"].isna().all()
    row = rows[(rows["arm"] == "saline") & (rows["scale"] == "depression")].iloc[0]
    data = wide(scores, "depression")
    change = (data["post"] - data["pre"])[[arms[who] == "control" for who in data.index]]
    assert row["estimate"] == pytest.approx(change.mean())
    half = stats.t.ppf(0.975, 18) * change.std() / np.sqrt(19)
    assert row["ci_high"] == pytest.approx(change.mean() + half)
    assert row["n"] == 19
    treated = rows[(rows["arm"] != "saline") & (rows["scale"] == "depression")].iloc[0]
    assert treated["n"] + treated["n_missing"] == 13


def test_most_can_be_missing(rng) -> None:
    scores, design, arms = study(rng)
    lost = scores["participant_id"].isin(sorted(arms)[:20]) & (scores["role"] == "post")
    scores.loc[lost, "score"] = np.nan
    table = effects_of(scores, design)
    rows = table[(table["contrast"] == BETWEEN_ARMS) & (table["role"] == "post")]
    own = rows[rows["outcome"] == "score"]
    assert set(own["n_missing"]) == {20}
    assert set(own["n"]) == {12}


def test_the_suicide_item_by_itself_is_no_outcome(rng) -> None:
    scores, design, _ = study(rng)
    item = scores[scores["scale"] == "depression"].assign(item="si-item", score=1.0)
    people = pd.DataFrame({"participant_id": sorted(set(scores["participant_id"]))})
    course = clinical_scores(scores, RULES, compared_roles(design))
    about = {"seed": 7, "permutations": 99, "alpha": 0.05}
    more = pd.concat([item, scores], ignore_index=True)
    table = clinical_effects(more, course, people, design, **about)
    pd.testing.assert_frame_equal(table, effects_of(scores, design))


def test_responders_are_counted_by_arm(rng) -> None:
    scores, design, arms = study(rng)
    table = effects_of(scores, design)
    data = wide(scores, "si")
    fell = (data["pre"] - data["day7"]) / data["pre"] >= 0.5
    known = data["day7"].notna()
    treated = pd.Series(arms)[data.index] == "ketamine"
    rows = table[(table["outcome"] == "response") & (table["scale"] == "si")]
    row = rows[(rows["role"] == "day7") & (rows["effect"] == "risk difference")].iloc[0]
    assert row["events_ketamine"] == int((fell & treated & known).sum()) > 0
    assert row["events_control"] == int((fell & ~treated & known).sum())
    assert (row["n_ketamine"], row["n_control"], row["n_missing"]) == (12, 19, 1)
    share = row["events_ketamine"] / 12 - row["events_control"] / 19
    assert row["estimate"] == pytest.approx(share)


def test_every_row_between_arms_counts_everybody(rng) -> None:
    scores, design, _ = study(rng)
    gone = "sub-11"
    people = design.participants | {gone: None}
    table = effects_of(scores, replace(design, participants=people))
    between = table[table["contrast"] == BETWEEN_ARMS]
    assert {"score", "response", "remission"} <= set(between["outcome"])
    assert set(between["n"] + between["n_missing"]) == {32}
    assert between["n_missing"].min() == 1


def test_who_has_no_baseline_score_neither_responds_nor_remits(rng) -> None:
    scores, design, _ = study(rng)
    before = effects_of(scores, design)
    lost = (scores["participant_id"] == "sub-06") & (scores["role"] == "pre")
    after = effects_of(scores.assign(score=scores["score"].mask(lost)), design)
    for outcome in ("response", "remission"):
        counts = [
            table[
                (table["outcome"] == outcome)
                & (table["scale"] == "si")
                & (table["role"] == "post")
                & (table["effect"] == "risk difference")
            ].iloc[0]
            for table in (before, after)
        ]
        assert [row["n_ketamine"] for row in counts] == [13, 12]
        assert [row["n_missing"] for row in counts] == [0, 1]


def test_changes_in_ideation_and_depression_are_correlated_within_arms(rng) -> None:
    pingouin = pytest.importorskip("pingouin")
    scores, design, arms = study(rng)
    table = effects_of(scores, design)
    row = table[(table["contrast"] == BETWEEN_SCALES) & (table["role"] == "day7")].iloc[0]
    both = pd.DataFrame(
        {
            scale: wide(scores, scale)["day7"] - wide(scores, scale)["pre"]
            for scale in ("si", "depression")
        }
    ).dropna()
    both["arm"] = [float(arms[who] == "ketamine") for who in both.index]
    rho = pingouin.partial_corr(both, "si", "depression", "arm", method="spearman")["r"].iloc[0]
    assert row["estimate"] == pytest.approx(rho)
    assert row["n"] == 31


def test_the_correlation_exchanges_people_within_their_arm(rng) -> None:
    scores, design, arms = study(rng)
    treated = [who for who, arm in arms.items() if arm == "ketamine"][:3]
    others = [who for who, arm in arms.items() if arm == "control"][:4]
    few = scores[scores["participant_id"].isin([*treated, *others])]
    small = {who: arms[who] for who in [*treated, *others]}
    design = replace(design, participants=small)
    table = effects_of(few, design, permutations=6000)
    row = table[(table["contrast"] == BETWEEN_SCALES) & (table["role"] == "post")].iloc[0]
    assert row["n"] == 7
    # all 3! · 4! arrangements within the arms; over both there are 7! = 5040
    assert "exhaustive" in row["flags"]
    assert row["p"] * 144 == pytest.approx(round(row["p"] * 144), abs=1e-9)
    assert 1 / 144 <= row["p"] < 1


def test_depression_is_taken_without_its_suicide_item_where_that_is_known(rng) -> None:
    scores, design, _ = study(rng)
    depressed = scores[scores["scale"] == "depression"]
    less = depressed.assign(item="total-less-si-item", score=depressed["score"] * 0.9 + 1)
    table = effects_of(pd.concat([scores, less]), design)
    outcomes = table.loc[table["contrast"] == BETWEEN_SCALES, "outcome"]
    assert set(outcomes) == {"change with that in MADRS without its suicide item"}


def test_strata_with_a_small_arm_are_flagged_and_not_compared(rng) -> None:
    scores, design, _ = study(rng)
    who = sorted(set(scores["participant_id"]))
    few = {"sub-01", "sub-03", "sub-06", "sub-08", "sub-00", "sub-02", "sub-04", "sub-05", "sub-07"}
    strata = ["few" if one in few else "many" for one in who]
    table = effects_of(scores, design, si_stratum=strata)
    assert list(dict.fromkeys(table["level"])) == ["all", "few", "many"]
    small = table[(table["level"] == "few") & (table["contrast"] == BETWEEN_ARMS)]
    assert set(small["flags"]) == {SMALL_CELL}
    assert small["estimate"].isna().all()
    assert (small["n_ketamine"].max(), small["n_control"].max()) == (4, 5)
    enough = table[(table["level"] == "many") & (table["effect"] == ADJUSTED)]
    assert enough["estimate"].notna().all()


def test_where_only_changes_are_known_mean_changes_are_compared(rng) -> None:
    scores, _, arms = study(rng)
    si = wide(scores, "si")
    change = (si["post"] - si["pre"]).rename("score").reset_index()
    change = change.assign(scale="si", instrument="SSI", item="total", role="change", hours=np.nan)
    only = design_of(
        {"arms": ARMS, "participants": arms, "si": {"instrument": "SSI", "shape": "change"}}
    )
    table = effects_of(change, only)
    row = table[table["contrast"] == BETWEEN_ARMS].iloc[0]
    treated = pd.Series(arms)[change["participant_id"]].to_numpy() == "ketamine"
    values = change["score"].to_numpy()
    assert row["effect"] == UNADJUSTED
    assert row["estimate"] == pytest.approx(values[treated].mean() - values[~treated].mean())
    welch = stats.ttest_ind(values[treated], values[~treated], equal_var=False)
    assert row["statistic"] == pytest.approx(welch.statistic)
    assert "no-baseline-score" in row["flags"]
    assert not table["outcome"].isin(["response", "remission"]).any()


def test_without_arms_the_change_is_tested_and_no_arm_is_compared(rng) -> None:
    scores, _, arms = study(rng)
    one = design_of({"participants": dict.fromkeys(arms), "si": {"instrument": "SSI"}})
    table = effects_of(scores[scores["scale"] == "si"], one)
    assert set(table["contrast"]) == {WITHIN_ARM}
    row = table.iloc[0]
    si = wide(scores, "si")
    assert row["statistic"] == pytest.approx(stats.ttest_rel(si["post"], si["pre"]).statistic)
    assert row["p"] < 0.05
    assert row["arm"] == "all"


def test_drugs_of_a_crossover_are_compared_at_equal_period(rng) -> None:
    who = [f"sub-{i:02}" for i in range(14)]
    first = ["ketamine-first" if i in (0, 3, 4, 5, 9) else "control-first" for i in range(14)]
    # scored twice, and had one drug alone
    first[13] = "ketamine-only"
    rows = []
    for i, (name, order) in enumerate(zip(who, first, strict=True)):
        base = rng.normal(22, 3)
        # some respond to either drug, some to one
        gain = 14 if i % 4 == 0 else 2
        for role, mean in (("pre", base), ("ket", base - 9), ("pla", base - gain)):
            second = (role == "ket") != (order == "ketamine-first")
            late = 4.0 if role != "pre" and second else 0.0
            rows.append((name, "si", "SSI", "total", role, mean - late + rng.normal(0, 1)))
    columns = ["participant_id", "scale", "instrument", "item", "role", "score"]
    scores = pd.DataFrame(rows, columns=columns).assign(hours=np.nan)
    design = design_of(
        {
            "kind": "crossover",
            "baseline": "pla",
            "followup": "ket",
            "contrasts": [["pla", "ket"]],
            "sessions": {"pre": "b", "ket": "k", "pla": "p"},
            "drugs": {"ketamine": "ketamine", "control": "placebo"},
            "participants": dict.fromkeys(who),
            "sequences": dict(zip(who, first, strict=True)),
            "si": {"instrument": "SSI"},
        }
    )
    table = effects_of(scores, design)
    row = table[table["contrast"] == BETWEEN_DRUGS].iloc[0]
    data = wide(scores, "si")
    difference = data["ket"] - data["pla"]
    by_order = difference.groupby(np.array(first)).mean().drop("ketamine-only")
    assert row["n"] == 13
    assert row["effect"] == DRUGS
    assert row["estimate"] == pytest.approx(by_order.mean())
    assert row["estimate"] != pytest.approx(difference.mean(), abs=0.1)
    response = table[table["outcome"] == "response"].set_index("effect")
    had = {role: (data[role] <= data["pre"] / 2).to_numpy()[:13] for role in ("ket", "pla")}
    risk = response.loc["risk difference"]
    assert risk["contrast"] == BETWEEN_DRUGS
    assert risk["n"] == risk["n_ketamine"] == 13
    assert risk["events_ketamine"] == had["ket"].sum()
    assert risk["events_control"] == had["pla"].sum()
    once = (had["ket"] & ~had["pla"]).sum(), (had["pla"] & ~had["ket"]).sum()
    assert min(*once, (had["ket"] & had["pla"]).sum()) > 0
    assert (risk["only_ketamine"], risk["only_control"]) == once
    # what is tested here must not be all or nothing
    assert 0 < once[0] < 13
    assert risk["p"] == pytest.approx(stats.binomtest(int(once[0]), int(sum(once)), 0.5).pvalue)
    assert set(response["p_method"]) == {"McNemar's exact"}
    # all rows between drugs count the same 14, of whom one had a single drug
    between = table[table["contrast"] == BETWEEN_DRUGS]
    assert len(between) > 3
    assert set(between["n_missing"]) == {1}
    # of few people in a stratum the numbers stand there, and no effect
    few = ["few" if i < 4 else "more" for i in range(scores["participant_id"].nunique())]
    strata = effects_of(scores, design, si_stratum=few)
    small = strata[(strata["level"] == "few") & (strata["contrast"] == BETWEEN_DRUGS)]
    assert set(small["flags"]) == {SMALL_CELL}
    assert small["estimate"].isna().all()
    assert small["events_ketamine"].notna().sum() > 0
    both = pd.concat([scores, scores.assign(scale="depression", instrument="MADRS")])
    table = effects_of(both, design)
    correlated = table[(table["contrast"] == BETWEEN_SCALES) & (table["reference"] == "pla")]
    assert [*correlated["n"], *correlated["n_missing"]] == [13, 1]
    within = table[table["contrast"] == WITHIN_ARM]
    assert set(zip(within["reference"], within["role"], strict=True)) == {
        ("pre", "ket"),
        ("pre", "pla"),
    }


def test_healthy_controls_are_in_no_effect(rng) -> None:
    scores, _, arms = study(rng)
    healthy = {"sub-01", "sub-05", "sub-10"}
    groups = {
        "patients": ["MDD"],
        "controls": ["HC"],
        "participants": {w: "controls" if w in healthy else "patients" for w in arms},
    }
    with_groups = study(np.random.default_rng(41), groups=groups)[1]
    table = effects_of(scores, with_groups)
    assert table["n"].max() == 29
    course = time_course(scores, with_groups, alpha=0.05)
    assert course.groupby(["scale", "role"])["n"].sum().max() == 29


def test_the_same_study_gives_the_same_table_in_any_order_of_rows(rng) -> None:
    scores, design, _ = study(rng)
    shuffled = scores.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(effects_of(scores, design), effects_of(shuffled, design))


def test_the_course_has_every_session_in_its_time(rng) -> None:
    scores, _, arms = study(rng)
    hours = {"pre": -1.0, "post": 168.0, "day7": 24.0}
    scores["hours"] = scores["role"].map(hours)
    design = study(rng)[1]
    table = time_course(scores, design, alpha=0.05)
    own = table[(table["scale"] == "si") & (table["arm"] == "esketamine")]
    # by hours, whatever the order of the config
    assert list(own["role"]) == ["pre", "day7", "post"]
    assert list(own["hours"]) == [-1, 24, 168]
    assert list(own["n"]) == [13, 12, 13]
    assert list(own["n_missing"]) == [0, 1, 0]
    values = wide(scores, "si")["post"][[arms[w] == "ketamine" for w in sorted(arms)]]
    last = own.iloc[-1]
    low, high = stats.t.interval(0.95, 12, values.mean(), stats.sem(values))
    found = last[["mean", "sd", "ci_low", "ci_high"]].tolist()
    assert found == pytest.approx([values.mean(), values.std(), low, high])


def test_few_have_a_mean_but_no_spread_or_interval() -> None:
    there = {"pre": 3, "day7": 0, "post": 2, "day30": 1}
    rows = [(f"sub-{i}", role, 7.0 * i) for role, n in there.items() for i in range(1, n + 1)]
    scores = pd.DataFrame(rows, columns=["participant_id", "role", "score"])
    lost = {"participant_id": "sub-1", "role": "day7", "score": np.nan}
    scores = pd.concat([pd.DataFrame([lost]), scores], ignore_index=True)
    scores = scores.assign(scale="si", instrument="SSI", item="total", hours=np.nan)
    people = dict.fromkeys(["sub-1", "sub-2", "sub-3"])
    sessions = {"pre": "1", "day7": "2", "post": "3", "day30": "4"}
    design = design_of({"participants": people, "sessions": sessions, "si": {"instrument": "SSI"}})
    table = time_course(scores, design, alpha=0.05).set_index("role")
    assert list(table.index) == ["pre", "post", "day30"]
    assert list(table["session"]) == ["1", "3", "4"]
    assert (list(table["n"]), list(table["n_missing"])) == ([3, 2, 1], [0, 1, 2])
    assert list(table["mean"]) == [14, 10.5, 7]
    assert list(table["sd"].isna()) == [False, False, True]
    assert list(table["ci_low"].isna()) == [False, True, True]
    assert set(table["arm"]) == {"all"}


def test_hours_of_the_scans_stand_in_for_those_of_the_scores(rng) -> None:
    scores, design, _ = study(rng)
    table = time_course(scores, design, alpha=0.05)
    found = table.drop_duplicates("role").set_index("role")["hours"]
    assert found["post"] == 24
    assert np.isnan(found["pre"])
    # not all are known: the order of the config
    assert list(found.index) == ["pre", "post", "day7"]
