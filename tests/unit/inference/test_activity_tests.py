"""Tests of the activity of regions, and the gate of censoring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from made_runs import REGIONS
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ketfc.inference.activity.table import ACTIVITY_COLUMNS, FOLLOWS_CENSORING, activity_tests

SETTING: dict[str, Any] = {"seed": 3, "permutations": 499, "alpha": 0.05}
MADE = REGIONS[:2]
FIRST, SECOND = (region.id for region in MADE)


def made(arms: int, seed: int, *, n: int = 22, slope: float = 0.0, fall: float = 0.0):
    """Return the tables of a study.

    In the first region, activity has `slope` on the share of censored volumes, and falls by `fall`
    in the ketamine arm; those of both arms who fall most improve most.
    """
    draw = np.random.default_rng(seed)
    # two of three have ketamine, interleaved
    people = {
        f"sub-{i:02d}": ("control" if i % 3 == 1 else "ketamine") if arms == 2 else None
        for i in range(n)
    }
    activity, runs, scores = [], [], []
    for who, arm in people.items():
        trait, before = draw.normal(1.1, 0.1), draw.integers(5, 40)
        change = -fall * (arm != "control") + draw.normal(0, 0.05)
        si = 20 + draw.normal(0, 3)
        after = before + draw.integers(0, 60)
        for role, censored in (("pre", before), ("post", after)):
            runs.append((who, role, "ok", 240, 0.1, censored))
            late = role == "post"
            scores.append(("si", "SSI", who, role, si + late * (60 * change + draw.normal(0, 1))))
            for region in (FIRST, SECOND):
                value = trait + draw.normal(0, 0.02)
                if region == FIRST:
                    value += late * change + slope * censored / 240
                for measure, shown in (("malff", value), ("alff", 7 * value)):
                    activity.append((who, role, role, "24P", region, measure, shown, 200))
    columns = ["participant_id", "session", "role", "strategy", "region", "measure", "value"]
    design = {
        "participants": people,
        "arms": {"ketamine": "drug", "control": "placebo"} if arms == 2 else None,
        "si": {"instrument": "SSI"},
        "strategy": "24P",
    }
    return {
        "activity": pd.DataFrame(activity, columns=[*columns, "n_volumes"]),
        "scores": pd.DataFrame(
            scores, columns=["scale", "instrument", "participant_id", "role", "score"]
        ),
        "quality": pd.DataFrame(
            runs,
            columns=["participant_id", "role", "status", "n_volumes", "mean_fd", "n_censored"],
        ),
        "design": design_of(design),
    }


def table_of(study: dict[str, Any], strategy: str = "24P") -> pd.DataFrame:
    return activity_tests(**study, regions=MADE, strategy=strategy, **SETTING)


def wide(study: dict[str, Any], region: str = FIRST) -> pd.DataFrame:
    rows = study["activity"].query("measure == 'malff' and region == @region")
    return rows.pivot_table(index="participant_id", columns="role", values="value")


def test_only_divided_measures_are_tested_for_change_and_association():
    table = table_of(made(1, 1, fall=0.2))
    assert tuple(table.columns) == ACTIVITY_COLUMNS
    assert table[["region", "measure", "test"]].to_numpy().tolist() == [
        [region, "malff", test] for region in (FIRST, SECOND) for test in ("change", "association")
    ]
    assert set(table["family"]) == {"activity"}
    assert table["name"].tolist() == [MADE[0].name] * 2 + [MADE[1].name] * 2
    assert table["flags"].str.contains("exploratory").all()


def test_the_change_of_one_arm_is_that_of_sign_flips_and_the_families_correct():
    study = made(1, 2, fall=0.03)
    table = table_of(study)
    both = wide(study)
    row = table.iloc[0]
    change = both["post"] - both["pre"]
    expected = stats.ttest_1samp(change, 0)
    assert row["estimate"] == pytest.approx(change.mean())
    assert row["statistic"] == pytest.approx(expected.statistic)
    assert row["p_permutation"] == pytest.approx(expected.pvalue, abs=0.03)
    p = table["p_permutation"]
    assert table["p_holm"].tolist() == pytest.approx(multipletests(p, method="holm")[1])
    assert table["p_fdr"].tolist() == pytest.approx(multipletests(p, method="fdr_bh")[1])


def test_with_two_arms_they_are_compared_and_each_is_described():
    import statsmodels.formula.api as smf

    study = made(2, 3, fall=0.2)
    # somebody of the control arm has no scan afterwards
    gone = (study["activity"]["participant_id"] == "sub-01") & (study["activity"]["role"] == "post")
    study["activity"].loc[gone, "value"] = np.nan
    table = table_of(study)
    own = table[table["region"] == FIRST].set_index("test")
    assert list(own.index) == ["change", "association", "change-drug", "change-placebo"]
    both = wide(study).assign(arm=pd.Series(study["design"].participants).eq("ketamine") * 1.0)
    fit = smf.ols("post ~ arm + pre", both.dropna()).fit()
    assert own.loc["change", "estimate"] == pytest.approx(fit.params["arm"])
    assert own.loc["change", ["n", "n_excluded"]].tolist() == [21, 1]
    drug = both.query("arm == 1")
    assert own.loc["change-drug", "estimate"] == pytest.approx((drug["post"] - drug["pre"]).mean())
    assert own["family"].tolist() == ["activity", "activity", "descriptive", "descriptive"]
    assert own["p_holm"].isna().tolist() == [False, False, True, True]
    assert own["p_permutation"].isna().tolist() == [False, False, True, True]


def test_the_association_is_that_of_ranks_and_finds_who_improved():
    study = made(1, 4, fall=0.1)
    row = table_of(study).set_index(["region", "test"]).loc[(FIRST, "association")]
    assert row["estimate"] > 0.5
    assert row["p_permutation"] <= 0.05
    assert row["n"] == 22


@pytest.mark.parametrize("arms", [1, 2])
def test_activity_that_follows_censoring_is_flagged_in_all_its_rows_and_no_other(arms):
    study = made(arms, 5, slope=1.0)
    table = table_of(study)
    flagged = table["flags"].str.contains(FOLLOWS_CENSORING)
    assert flagged.tolist() == (table["region"] == FIRST).tolist()
    rows = table[table["region"] == FIRST]
    both = wide(study)
    share = (
        study["quality"].pivot_table(index="participant_id", columns="role", values="n_censored")
        / 240
    )
    pairs = pd.DataFrame({"y": both["post"] - both["pre"], "x": share["post"] - share["pre"]})
    if arms == 2:
        arm = pd.Series(study["design"].participants)
        pairs -= pairs.groupby(arm).transform("mean")
    assert rows["r_censoring"].unique() == pytest.approx([np.corrcoef(pairs.T)[0, 1]])
    assert (rows["p_censoring"] < 0.05).all()
    assert (table.loc[~flagged, "p_censoring"] >= 0.05).all()


def test_where_the_strategy_censors_nothing_there_is_no_gate():
    study = made(1, 5, slope=1.0)
    study["activity"]["strategy"] = "24P_noscrub"
    study["design"] = replace(study["design"], strategy="24P_noscrub")
    table = table_of(study, "24P_noscrub")
    assert table["r_censoring"].isna().all()
    assert not table["flags"].str.contains(FOLLOWS_CENSORING).any()
    assert table["p_permutation"].notna().all()


def test_a_region_that_was_not_measured_is_in_no_row_and_other_tests_do_not_change():
    study = made(2, 6)
    table = table_of(study)
    study["activity"] = study["activity"].query("region != @SECOND")
    alone = table_of(study)
    assert set(alone["region"]) == {FIRST}
    kept = ["estimate", "p_permutation", "p_censoring", "ci_low"]
    pd.testing.assert_frame_equal(
        alone[kept], table.loc[table["region"] == FIRST, kept].reset_index(drop=True)
    )
