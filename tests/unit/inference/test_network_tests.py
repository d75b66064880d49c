"""Tests of the three networks: the models of the primary tests, in a family of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from made_design import design_of
from made_models import welch
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ketfc.inference.networks.triple_network import (
    NETWORK_TEST_COLUMNS,
    network_measures,
    network_tests,
)
from ketfc.study.design.design import Design

ARMS = {"ketamine": "esketamine", "control": "saline"}
N_KETAMINE, N = 11, 18
PEOPLE = [f"sub-{i:02d}" for i in range(N)]
# unequal arms, not one after the other
ARM = {
    who: "control" if i % 5 in (1, 3) else "ketamine"
    for i, who in enumerate(PEOPLE)
}  # fmt: skip
SI = {"instrument": "SSI", "shape": "pre-post"}
SETTINGS: dict[str, Any] = {"strategy": "acompcor", "seed": 3, "permutations": 99, "alpha": 0.05}
PLANTED = ("within", "salience", "salience")


def design(*, arms: bool = True, si: dict[str, str] | None = SI) -> Design:
    return design_of(
        {
            "arms": ARMS if arms else None,
            "participants": ARM if arms else dict.fromkeys(PEOPLE),
            "si": si,
            "sessions": {"pre": "baseline", "post": "day1"},
        }
    )


def networks(*, planted: float = 0.0) -> pd.DataFrame:
    """Return ``networks.tsv``; the salience network loses connectivity under ketamine."""
    rng = np.random.default_rng(8)
    rows = []
    for measure in network_measures():
        key = (measure.measure, measure.network_a, measure.network_b)
        for who in PEOPLE:
            level = rng.normal(0.4, 0.1)
            change = rng.normal(0, 0.05) - planted * (key == PLANTED and ARM[who] == "ketamine")
            for role, value in (("pre", level), ("post", level + change)):
                rows.append((who, role, role, "acompcor", *key, None, value))
                rows.append((who, role, role, "24P", *key, None, value + 1))
    # strengths are not tested
    rows += [
        (who, role, role, "acompcor", "strength", "salience", "salience", "p1", 99.0)
        for who in PEOPLE
        for role in ("pre", "post")
    ]
    columns = ["participant_id", "session", "role", "strategy", "measure", "network_a"]
    return pd.DataFrame(rows, columns=[*columns, "network_b", "region", "value"])


def quality(fd: dict[str, float] | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        [
            {
                "participant_id": who,
                "session": role,
                "role": role,
                "status": "ok",
                "mean_fd": 0.2 if fd is None or role == "pre" else 0.2 + fd[who],
                "n_volumes": 100,
                "n_censored": int(rng.integers(0, 9)),
            }
            for who in PEOPLE
            for role in ("pre", "post")
        ]
    ).assign(mean_fd=lambda table: table["mean_fd"] + rng.normal(0, 0.01, len(table)))


def scores() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = [
        (who, role, "si", "SSI", float(rng.integers(0, 30)))
        for who in PEOPLE
        for role in ("pre", "post")
    ]
    return pd.DataFrame(rows, columns=["participant_id", "role", "scale", "instrument", "score"])


def found_in(table: pd.DataFrame, of: Design | None = None, **about: Any) -> pd.DataFrame:
    of = of or design()
    moved = about.pop("quality", quality())
    return network_tests(table, moved, scores(), of, **SETTINGS | about)


def wide(table: pd.DataFrame, key: tuple[str, str, str]) -> pd.DataFrame:
    names = ["measure", "network_a", "network_b"]
    own = table[(table[names] == list(key)).all(axis=1) & (table["strategy"] == "acompcor")]
    return own.pivot_table(index="participant_id", columns="role", values="value")


def test_the_difference_between_unequal_arms_is_the_ancova_with_a_variance_each():
    table = networks(planted=0.2)
    found = found_in(table, permutations=499).set_index(["hypothesis", "test"])
    row = found.loc["within-salience", "change"]
    sides = wide(table, PLANTED)
    treated = np.array([ARM[who] == "ketamine" for who in sides.index], dtype=float)
    assert (int(treated.sum()), len(treated)) == (N_KETAMINE, N)
    columns = np.column_stack([np.ones(N), treated, sides["pre"]])
    fit = sm.OLS(sides["post"].to_numpy(), columns).fit()
    assert row["estimate"] == pytest.approx(fit.params[1])
    t, df, _ = welch(fit, 1, treated)
    assert row["statistic"] == pytest.approx(t)
    assert row["df"] == pytest.approx(df)
    assert row["p_permutation"] == 1 / 500
    assert row["p_holm"] <= 0.05
    assert row["ci_high"] < 0
    assert row["n"] == N


def test_changes_within_arms_are_described_and_everything_else_is_one_family():
    table = networks(planted=0.2)
    found = found_in(table)
    assert tuple(found) == NETWORK_TEST_COLUMNS
    assert found.groupby("family").size().to_dict() == {"networks": 20, "descriptive": 20}
    assert set(found["test"]) == {"change", "association", "change-esketamine", "change-saline"}
    own = found[found["family"] == "networks"]
    for column, method in (("p_holm", "holm"), ("p_fdr", "fdr_bh")):
        expected = multipletests(own["p_permutation"], method=method)[1]
        assert own[column].to_numpy(dtype=float) == pytest.approx(expected)
    rest = found[found["family"] == "descriptive"]
    assert rest[["p_permutation", "p_holm", "p_fdr"]].isna().all(axis=None)
    arm = rest.set_index(["hypothesis", "test"]).loc["between-default-mode-salience"]
    sides = wide(table, ("between", "default-mode", "salience"))
    change = (sides["post"] - sides["pre"])[[ARM[who] == "control" for who in sides.index]]
    low, high = stats.t.interval(0.95, len(change) - 1, change.mean(), stats.sem(change))
    assert arm.loc["change-saline", ["estimate", "ci_low", "ci_high"]].tolist() == pytest.approx(
        [change.mean(), low, high]
    )


def test_the_numbers_are_those_of_a_circuit_with_the_same_values():
    from made_hypotheses import Circuit

    from ketfc.inference.hypotheses import evaluate_hypotheses
    from ketfc.inference.networks.triple_network import as_connectivity

    table = networks(planted=0.1)
    found = found_in(table).set_index(["hypothesis", "test"])
    circuit = Circuit("segregation-all", "x", True)
    same, _ = evaluate_hypotheses(as_connectivity(table), scores(), design(), [circuit], **SETTINGS)
    same = same.set_index("test")
    for test in ("change", "association"):
        one, other = found.loc["segregation-all", test], same.loc[test]
        for column in ("estimate", "ci_low", "ci_high", "statistic", "p_permutation", "bf10", "n"):
            assert one[column] == other[column]


def test_with_one_arm_the_mean_change_is_tested():
    table = networks()
    found = found_in(table, design(arms=False))
    assert set(found["test"]) == {"change", "association"}
    row = found.set_index(["hypothesis", "test"]).loc["within-salience", "change"]
    sides = wide(table, PLANTED)
    change = sides["post"] - sides["pre"]
    assert row["estimate"] == pytest.approx(change.mean())
    assert row["statistic"] == pytest.approx(change.mean() / stats.sem(change))


def test_without_a_score_there_is_no_association():
    assert set(found_in(networks(), design(arms=False, si=None))["test"]) == {"change"}


def test_who_lacks_a_session_is_left_out_and_counted():
    table = networks()
    gone = (table["participant_id"] == "sub-04") & (table["role"] == "post")
    found = found_in(table[~gone]).set_index(["hypothesis", "test"])
    assert found.loc[("within-salience", "change"), ["n", "n_excluded"]].tolist() == [N - 1, 1]
    own = ("within-salience", "change-esketamine")
    assert found.loc[own, ["n", "n_excluded"]].tolist() == [N_KETAMINE - 1, 1]
    assert found.loc[("within-salience", "change-saline"), "n_excluded"] == 0


def test_what_nobody_has_is_not_tested_and_no_part_of_the_family():
    table = networks()
    table.loc[table["network_a"] == "frontoparietal", "value"] = np.nan
    found = found_in(table).set_index(["hypothesis", "test"])
    row = found.loc["segregation-frontoparietal", "change"]
    assert row["reason"] == "the esketamine arm has no complete participant"
    assert np.isnan(row["p_holm"])
    p = found.loc[found["family"] == "networks", "p_permutation"].dropna()
    assert len(p) == 16
    own = found.loc[p.index, "p_holm"].to_numpy(dtype=float)
    assert own == pytest.approx(multipletests(p, method="holm")[1])


def test_a_change_that_follows_motion_is_flagged():
    table = networks()
    sides = wide(table, PLANTED)
    follows = (10 * (sides["post"] - sides["pre"])).to_dict()
    found = found_in(table, quality=quality(follows)).set_index(["hypothesis", "test"])
    assert "follows-motion" in found.loc[("within-salience", "change"), "flags"]
    assert "follows-motion" in found.loc[("within-salience", "association"), "flags"]
    others = found.loc["segregation-all", "flags"].fillna("")
    assert not others.str.contains("follows-motion").any()
    assert "follows-motion" not in (found_in(table)["flags"].fillna("").str.cat(sep=";"))


def test_names_of_measures_are_for_readers():
    names = {measure.id: measure.name for measure in network_measures()}
    assert names == {
        "within-default-mode": "default-mode network, within",
        "within-salience": "salience network, within",
        "within-frontoparietal": "frontoparietal network, within",
        "between-default-mode-salience": "default-mode – salience, between",
        "between-default-mode-frontoparietal": "default-mode – frontoparietal, between",
        "between-salience-frontoparietal": "salience – frontoparietal, between",
        "segregation-default-mode": "default-mode network, segregation",
        "segregation-salience": "salience network, segregation",
        "segregation-frontoparietal": "frontoparietal network, segregation",
        "segregation-all": "all networks, segregation",
    }
