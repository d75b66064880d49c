"""Statistics of arms and permutation tests against R: every arrangement refitted by lm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from golden_tables import MODELS, column, fitted, golden, made, r_says

from ketfc.inference.core.hc2 import hc2_coefficient
from ketfc.inference.core.linear import regression_evidence
from ketfc.inference.core.maxt import freedman_lane_family, sign_flip_family
from ketfc.inference.core.permutation import freedman_lane_test, sign_flip_test
from ketfc.inference.core.permutation_intervals import (
    freedman_lane_interval,
    sign_flip_interval,
)
from ketfc.inference.core.ranks import rank_evidence
from ketfc.inference.core.variance_groups import deviates

EVERY = 6000
"""More than there are arrangements: all of them are evaluated."""

PERMUTED: dict[str, tuple[str, str, dict[str, bool]]] = {
    "freedman-lane": ("seven", "before", {}),
    "freedman-lane within sites": ("seven", "before", {"site": True, "blocks": True}),
    "freedman-lane within sites, group variances": (
        "eight",
        "arm",
        {"blocks": True, "groups": True},
    ),
    "freedman-lane within sites, group variances, site": (
        "eight",
        "arm",
        {"site": True, "blocks": True, "groups": True},
    ),
    "freedman-lane within sites, group variances, slope": (
        "eight",
        "before",
        {"blocks": True, "groups": True},
    ),
}
"""Data, tested column, and whether sites are nuisance or blocks, and arms have own variances."""


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def sites(table: Any) -> np.ndarray:
    return np.asarray(table["site"] == "b", dtype=np.int64)


def arranged(name: str) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], dict[str, Any]]:
    data, tested, about = PERMUTED[name]
    table = made(data)
    nuisance = [np.ones(len(table)), column(table, "age")]
    nuisance += [sites(table).astype(np.float64)] if about.get("site") else []
    drawn: dict[str, Any] = {"permutations": EVERY}
    if about.get("blocks"):
        drawn["blocks"] = sites(table)
    if about.get("groups"):
        drawn["groups"] = column(table, "arm").astype(np.int64)
    model = column(table, "after"), column(table, tested), np.column_stack(nuisance)
    return model, drawn


@pytest.mark.parametrize("name", MODELS)
def test_without_groups_t_is_that_of_least_squares(name):
    outcome, regressors, _ = fitted(name)
    ours = regression_evidence(("y", outcome), regressors, alpha=0.05, permutations=19, rng=rng())
    theirs = r_says("ols", name)
    found = (ours.estimate, ours.statistic, ours.df, ours.p_parametric)
    expected = theirs[["estimate", "statistic", "df", "p"]].tolist()
    assert found == pytest.approx(tuple(expected), rel=1e-6)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("by_ranks", [False, True])
def test_with_groups_each_arm_has_a_variance_of_its_own(name, by_ranks):
    outcome, regressors, arm = fitted(name)
    test = rank_evidence if by_ranks else regression_evidence
    ours = test(("y", outcome), regressors, alpha=0.05, permutations=19, rng=rng(), groups=arm)
    theirs = r_says("group-variances" + (" by ranks" if by_ranks else ""), name)
    found = (ours.statistic, ours.df, ours.p_parametric)
    expected = theirs[["statistic", "df", "p"]].tolist()
    assert found == pytest.approx(tuple(expected), rel=1e-6)


@pytest.mark.parametrize("data", ["arms-4-10", "arms-10-30"])
def test_two_arms_without_nuisance_have_welchs_t(data):
    table, theirs = made(data).dropna(subset=["change"]), r_says("welch", data)
    arm = column(table, "arm")
    ours = regression_evidence(
        ("change", column(table, "change")),
        {"arm": arm},
        alpha=0.05,
        permutations=19,
        rng=rng(),
        groups=arm.astype(np.int64),
    )
    found = (ours.estimate, ours.statistic, ours.df, ours.p_parametric)
    expected = theirs[["estimate", "statistic", "df", "p"]].tolist()
    assert found == pytest.approx(tuple(expected), rel=1e-6)
    # HC2 of two groups has the same error, by the least squares formula
    hc2 = hc2_coefficient(column(table, "change"), arm, np.ones((len(arm), 1)), alpha=0.05)
    assert hc2.estimate / hc2.statistic == pytest.approx(theirs["error"], rel=1e-6)


@pytest.mark.parametrize("name", PERMUTED)
def test_freedman_lanes_p_is_the_share_of_all_orders(name):
    model, drawn = arranged(name)
    ours, theirs = freedman_lane_test(*model, rng=rng(), **drawn), r_says(name, PERMUTED[name][0])
    assert ours.exhaustive
    assert ours.permutations == theirs["n"]
    assert ours.statistic == pytest.approx(theirs["statistic"], rel=1e-6)
    assert ours.df == pytest.approx(theirs["df"], rel=1e-6)
    assert ours.p == pytest.approx(theirs["p"], rel=1e-8)
    # exact deviates may exchange the places of near neighbours
    exact = r_says(f"{name} exact deviates", PERMUTED[name][0])
    assert abs(ours.p - exact["p"]) <= 4.5 / ours.permutations
    greater = freedman_lane_test(*model, rng=rng(), direction="+", **drawn)
    one_sided = r_says(f"{name} one-sided", PERMUTED[name][0])
    assert greater.p == pytest.approx(one_sided["p"], rel=1e-8)


@pytest.mark.parametrize("name", [name for name in PERMUTED if name != "freedman-lane"])
def test_the_interval_ends_where_rs_orders_begin_to_reject(name):
    model, drawn = arranged(name)
    ours = freedman_lane_interval(*model, alpha=0.1, rng=rng(), **drawn)
    theirs = r_says(name, PERMUTED[name][0])
    expected = (theirs["ci_low"], theirs["ci_high"])
    assert (ours.low, ours.high) == pytest.approx(expected, rel=1e-4)


def test_deviates_are_close_to_those_of_r():
    table = golden("golden.tsv")
    rows = table[table["test"] == "deviate"]
    assert len(rows) == 12
    for label, theirs in zip(rows["data"], rows["estimate"], strict=True):
        t, df = map(float, label.split())
        assert deviates(np.array([t]), df)[0] == pytest.approx(theirs, rel=0.02)


def test_by_ranks_p_is_the_share_of_all_orders_of_ranks():
    table, name = made("eight"), "ranks within sites, group variances"
    ours = rank_evidence(
        ("y", column(table, "after")),
        {"x": column(table, "before"), "age": column(table, "age")},
        alpha=0.1,
        permutations=EVERY,
        rng=rng(),
        blocks=sites(table),
        groups=column(table, "arm").astype(np.int64),
    )
    theirs = r_says(name, "eight")
    assert ours.statistic == pytest.approx(theirs["statistic"], rel=1e-6)
    assert ours.df == pytest.approx(theirs["df"], rel=1e-6)
    assert ours.p_permutation == pytest.approx(theirs["p"], rel=1e-8)


def test_sign_flips_are_all_patterns_of_signs_and_so_is_their_interval():
    change, theirs = column(made("seven"), "change"), r_says("sign flips", "seven")
    ours = sign_flip_test(change, permutations=EVERY, rng=rng())
    assert ours.permutations == theirs["n"]
    assert ours.statistic == pytest.approx(theirs["statistic"], rel=1e-6)
    assert ours.p == pytest.approx(theirs["p"], rel=1e-8)
    lower = sign_flip_test(change, permutations=EVERY, rng=rng(), direction="-")
    assert lower.p == pytest.approx(r_says("sign flips one-sided", "seven")["p"], rel=1e-8)
    interval = sign_flip_interval(change, alpha=0.1, permutations=EVERY, rng=rng())
    expected = (theirs["ci_low"], theirs["ci_high"])
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-6)


FAMILIES = ("family of arms", "family of slopes by ranks", "family of means")


@pytest.mark.parametrize("family", FAMILIES)
def test_families_with_absent_participants_leave_nobody_to_another_site(family):
    """Absent at the start of interleaved blocks, where leaving out without blocks mixes sites."""
    table, tests = made("nine"), ["before", "after", "later"]
    wide = np.column_stack([column(table, name) for name in tests])
    drawn: dict[str, Any] = {
        "blocks": sites(table),
        "groups": column(table, "arm").astype(np.int64),
        "permutations": EVERY,
        "rng": rng(),
    }
    nuisance = np.column_stack([np.ones(9), column(table, "age")])
    if family == "family of arms":
        ours = freedman_lane_family(wide, column(table, "arm"), nuisance, **drawn)
    elif family == "family of means":
        ours = sign_flip_family(wide - 0.15, permutations=EVERY, rng=rng())
    else:
        score = column(table, "score_after")
        ours = freedman_lane_family(score, wide, nuisance, by_ranks=True, **drawn)
    assert ours.exhaustive
    for i, name in enumerate(tests):
        theirs, joint = r_says(family, name), r_says(f"{family} p_fwer", name)
        assert ours.statistic[i] == pytest.approx(theirs["statistic"], rel=1e-6)
        assert ours.df[i] == pytest.approx(theirs["df"], rel=1e-6)
        assert ours.p[i] == pytest.approx(theirs["p"], rel=1e-8)
        assert ours.p_fwer[i] == pytest.approx(joint["p"], rel=1e-8)
        if family == "family of arms":
            assert ours.estimate[i] == pytest.approx(theirs["estimate"], rel=1e-6)
