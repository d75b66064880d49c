"""Tests of the activity of regions, and the gate of censoring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_activity import FIRST, MADE, SECOND, activity_study, table_of
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ketfc.inference.activity.table import ACTIVITY_COLUMNS, FOLLOWS_CENSORING


def wide(study: dict[str, Any], region: str = FIRST) -> pd.DataFrame:
    rows = study["activity"].query("measure == 'malff' and region == @region")
    return rows.pivot_table(index="participant_id", columns="role", values="value")


def test_only_divided_measures_are_tested_for_change_and_association():
    table = table_of(activity_study(1, 1, fall=0.2))
    assert tuple(table.columns) == ACTIVITY_COLUMNS
    assert table[["region", "measure", "test"]].to_numpy().tolist() == [
        [region, "malff", test] for region in (FIRST, SECOND) for test in ("change", "association")
    ]
    assert set(table["family"]) == {"activity"}
    assert table["name"].tolist() == [MADE[0].name] * 2 + [MADE[1].name] * 2
    assert table["flags"].str.contains("exploratory").all()


def test_the_change_of_one_arm_is_that_of_sign_flips_and_the_families_correct():
    study = activity_study(1, 2, fall=0.03)
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

    study = activity_study(2, 3, fall=0.2)
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
    study = activity_study(1, 4, fall=0.1)
    row = table_of(study).set_index(["region", "test"]).loc[(FIRST, "association")]
    assert row["estimate"] > 0.5
    assert row["p_permutation"] <= 0.05
    assert row["n"] == 22


@pytest.mark.parametrize("arms", [1, 2])
def test_activity_that_follows_censoring_is_flagged_in_all_its_rows_and_no_other(arms):
    study = activity_study(arms, 5, slope=1.0)
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
    study = activity_study(1, 5, slope=1.0)
    study["activity"]["strategy"] = "24P_noscrub"
    study["design"] = replace(study["design"], strategy="24P_noscrub")
    table = table_of(study, "24P_noscrub")
    assert table["r_censoring"].isna().all()
    assert not table["flags"].str.contains(FOLLOWS_CENSORING).any()
    assert table["p_permutation"].notna().all()


def test_a_region_that_was_not_measured_is_in_no_row_and_other_tests_do_not_change():
    study = activity_study(2, 6)
    table = table_of(study)
    study["activity"] = study["activity"].query("region != @SECOND")
    alone = table_of(study)
    assert set(alone["region"]) == {FIRST}
    kept = ["estimate", "p_permutation", "p_censoring", "ci_low"]
    pd.testing.assert_frame_equal(
        alone[kept], table.loc[table["region"] == FIRST, kept].reset_index(drop=True)
    )
