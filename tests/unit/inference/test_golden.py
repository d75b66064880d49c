"""Estimates, errors, degrees of freedom and p against R's numbers (``tests/golden``)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from golden_tables import MODELS, column, design, fitted, golden, made, r_says

from ketfc.inference.core.bayes import correlation_bf10, jzs
from ketfc.inference.core.effect_sizes import (
    paired_shift,
    standardised_interval,
    stratified_shift,
    two_sample_shift,
)
from ketfc.inference.core.hc2 import hc2_coefficient
from ketfc.inference.core.linear import hc3_coefficient
from ketfc.inference.core.maxt import false_discovery
from ketfc.inference.core.ranks import rank_evidence
from ketfc.inference.design.fit import bayes_factor, evidence_of
from ketfc.inference.design.model import Model
from ketfc.inference.families import holm
from ketfc.inference.motion.qcfc import edge_correlations
from ketfc.inference.power.formulas import detectable_difference, detectable_dz
from ketfc.inference.robustness.equivalence import tost_coefficient, tost_paired
from ketfc.inference.robustness.mixed_model import contrasts_over_time
from ketfc.inference.robustness.ordinal import ordinal_evidence

UNEQUAL = ("arms-4-10", "arms-10-30")


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def changes(data: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Participants with both sessions, and the changes of either arm."""
    table = made(data).dropna(subset=["change"]).reset_index(drop=True)
    treated = column(table, "arm") == 1
    change = column(table, "change")
    return table, change[treated], change[~treated]


def test_the_made_data_are_as_unlike_as_they_should_be():
    data, versions = golden("golden_data.tsv"), golden("golden_versions.tsv")
    arms = data.groupby("data")["arm"].sum()
    assert arms["arms-4-10"] == 4
    assert tuple(map(len, changes("arms-10-30")[1:])) == (10, 30)
    assert (made("zeros")["score_after"] == 0).mean() >= 0.6
    assert made("arms-10-30")[["before", "after", "score_after"]].isna().any(axis=1).mean() >= 0.2
    assert {"R", "sandwich", "clubSandwich", "coin"} <= set(versions["name"])
    assert set(golden("golden.tsv")["data"]) >= set(MODELS)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("test", "fit"), [("hc3", hc3_coefficient), ("hc2", hc2_coefficient)])
def test_hc_errors_degrees_of_freedom_and_intervals_are_those_of_r(test, fit, name):
    ours, theirs = fit(*design(name), alpha=0.05), r_says(test, name)
    assert ours.estimate == pytest.approx(theirs["estimate"], rel=1e-6)
    assert ours.estimate / ours.statistic == pytest.approx(theirs["error"], rel=1e-6)
    assert ours.statistic == pytest.approx(theirs["statistic"], rel=1e-6)
    assert ours.df == pytest.approx(theirs["df"], rel=1e-6)
    assert ours.p == pytest.approx(theirs["p"], rel=1e-6)
    ends = (theirs["ci_low"], theirs["ci_high"])
    assert (ours.ci_low, ours.ci_high) == pytest.approx(ends, rel=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_equivalence_of_a_coefficient_has_its_hc2_error_and_degrees_of_freedom(name):
    hc2, theirs = hc2_coefficient(*design(name), alpha=0.05), r_says("tost-hc2", name)
    ours = tost_coefficient(hc2, margin=0.1, alpha=0.05)
    assert ours.p == pytest.approx(theirs["p"], rel=1e-6)
    ends = (theirs["ci_low"], theirs["ci_high"])
    assert (ours.ci_low, ours.ci_high) == pytest.approx(ends, rel=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_partial_spearman_and_rank_ancova_are_those_of_r(name):
    outcome, regressors, _ = fitted(name)
    ours = rank_evidence(("y", outcome), regressors, alpha=0.05, permutations=19, rng=rng())
    theirs = r_says("partial-spearman", name)
    found = (ours.estimate, ours.statistic, ours.df, ours.p_parametric, ours.ci_low, ours.ci_high)
    expected = theirs[["estimate", "statistic", "df", "p", "ci_low", "ci_high"]].tolist()
    assert found == pytest.approx(tuple(expected), rel=1e-6)


def test_spearmans_rho_of_zeros_and_ties_is_that_of_r():
    outcome, regressors, _ = fitted("zeros")
    ours = rank_evidence(
        ("y", outcome), {"x": regressors["change"]}, alpha=0.05, permutations=19, rng=rng()
    )
    theirs = r_says("spearman", "zeros")
    assert ours.estimate == pytest.approx(theirs["estimate"], rel=1e-6)
    assert ours.p_parametric == pytest.approx(theirs["p"], rel=1e-6)
    assert "ties" in ours.flags


@pytest.mark.parametrize("name", MODELS)
def test_partial_correlations_of_values_have_rs_p_and_fishers_interval(name):
    outcome, regressors, _ = fitted(name)
    (label, tested), *others = regressors.items()
    model = Model(("y", outcome), (label, tested), dict(others), correlation=True)
    ours = evidence_of(model, alpha=0.05, permutations=19, rng=rng())
    theirs = r_says("partial-pearson", name)
    found = (ours.estimate, ours.statistic, ours.df, ours.p_parametric, ours.ci_low, ours.ci_high)
    expected = theirs[["estimate", "statistic", "df", "p", "ci_low", "ci_high"]].tolist()
    assert found == pytest.approx(tuple(expected), rel=1e-6)


def test_edges_that_some_lack_are_correlated_given_the_arm_as_by_r():
    table, edges = made("nine"), ["before", "after", "later"]
    ours = edge_correlations(
        table[edges].to_numpy(), column(table, "age"), nuisance=column(table, "arm")[:, np.newaxis]
    )
    for i, name in enumerate(edges):
        theirs = r_says("edge given arm", name)
        assert (ours.n[i], ours.df[i]) == (theirs["n"], theirs["df"])
        expected = (theirs["estimate"], theirs["p"])
        assert (ours.r[i], ours.p[i]) == pytest.approx(expected, rel=1e-6)


def test_a_mean_beside_nuisance_is_rs_intercept():
    table, theirs = made("zeros"), r_says("mean beside", "zeros")
    given = {"score": column(table, "score_before")}
    model = Model(("change", column(table, "change")), None, given)
    ours = evidence_of(model, alpha=0.05, permutations=19, rng=rng())
    found = (ours.estimate, ours.statistic, ours.df, ours.p_parametric, ours.ci_low, ours.ci_high)
    expected = theirs[["estimate", "statistic", "df", "p", "ci_low", "ci_high"]].tolist()
    assert found == pytest.approx(tuple(expected), rel=1e-6)


def test_standardised_intervals_are_where_rs_recovered_variances_reach_zero():
    table = golden("golden.tsv")
    rows = table[table["test"] == "standardised"]
    assert len(rows) == 3
    for _, theirs in rows.iterrows():
        ends = map(float, theirs["data"].split())
        ours = standardised_interval(*ends, spread=0.5, df=12, alpha=0.05)
        assert ours == pytest.approx((theirs["ci_low"], theirs["ci_high"]), rel=1e-6)


@pytest.mark.parametrize("data", UNEQUAL)
def test_equivalence_of_a_mean_change_is_two_one_sided_t_tests(data):
    table = changes(data)[0]
    ours = tost_paired(column(table, "before"), column(table, "after"), alpha=0.05, margin=0.1)
    theirs = r_says("tost paired", data)
    expected = theirs[["p", "ci_low", "ci_high"]].tolist()
    assert (ours.p, ours.ci_low, ours.ci_high) == pytest.approx(tuple(expected), rel=1e-6)


@pytest.mark.parametrize("data", UNEQUAL)
def test_exact_rank_tests_and_their_shifts_are_those_of_r(data):
    table, first, second = changes(data)
    pairs = (column(table, "before"), column(table, "after"))
    for ours, theirs in (
        (paired_shift(*pairs, alpha=0.05), r_says("signed ranks", data)),
        (two_sample_shift(first, second, alpha=0.05), r_says("rank sums", data)),
    ):
        found = (ours.estimate, ours.statistic, ours.p, ours.ci_low, ours.ci_high)
        expected = theirs[["estimate", "statistic", "p", "ci_low", "ci_high"]].tolist()
        assert found == pytest.approx(tuple(expected), rel=1e-6)


def test_with_ties_and_zeros_rank_tests_are_those_of_r():
    table = made("zeros")
    before, after = column(table, "score_before"), column(table, "score_after")
    signed = paired_shift(before, after, alpha=0.05)
    assert signed.p == pytest.approx(r_says("signed ranks with ties", "zeros")["p"], rel=1e-6)
    treated = column(table, "arm") == 1
    sums, theirs = (
        two_sample_shift(after[treated], after[~treated], alpha=0.05),
        r_says("rank sums with ties", "zeros"),
    )
    expected = (theirs["statistic"], theirs["p"])
    assert (sums.statistic, sums.p) == pytest.approx(expected, rel=1e-6)


def test_van_elterens_test_within_interleaved_sites_is_that_of_coin():
    table, theirs = made("nine"), r_says("van elteren", "nine")
    sites = np.unique(table["site"], return_inverse=True)[1]
    ours = stratified_shift(
        column(table, "after"),
        column(table, "arm") == 1,
        sites.astype(np.int64),
        alpha=0.05,
        permutations=2880,
        rng=rng(),
    )
    assert ours.statistic == pytest.approx(theirs["statistic"], rel=1e-8)
    assert ours.p == pytest.approx(theirs["p"], rel=1e-8)


def test_sessions_missing_at_random_have_the_mixed_model_of_nlme():
    table = made("sessions")
    ours = contrasts_over_time(
        table[["before", "after", "later"]].to_numpy(dtype=np.float64),
        {"after": [-1, 1, 0], "later": [-1, 0, 1]},
        alpha=0.05,
        permutations=19,
        seed=1,
        name="golden",
    )
    for time, one in ours.items():
        theirs = r_says("mixed model", time)
        found = (one.estimate, one.statistic, one.df, one.p_parametric, one.ci_low, one.ci_high)
        expected = theirs[["estimate", "statistic", "df", "p", "ci_low", "ci_high"]].tolist()
        assert found == pytest.approx(tuple(expected), rel=1e-5)
        assert one.flags[-1] == "sessions-missing"


@pytest.mark.parametrize("terms", [("change", "score_before"), ("arm", "score_before", "change")])
def test_proportional_odds_are_those_of_ordinal(terms):
    table, theirs = made("zeros"), r_says("proportional odds", terms[0])
    ours = ordinal_evidence(
        ("item", column(table, "item")), {name: column(table, name) for name in terms}, alpha=0.05
    )
    found = (ours.estimate, ours.statistic, ours.p_parametric, ours.ci_low, ours.ci_high)
    expected = theirs[["estimate", "statistic", "p", "ci_low", "ci_high"]].tolist()
    assert found == pytest.approx(tuple(expected), rel=1e-3)


@pytest.mark.parametrize("data", UNEQUAL)
def test_bayes_factors_of_models_are_those_of_bayesfactor(data):
    table = changes(data)[0]
    change, arm = ("change", column(table, "change")), ("arm", column(table, "arm"))
    one, two = r_says("jzs one sample", data), r_says("jzs two samples", data)
    assert bayes_factor(Model(change))[0] == pytest.approx(one["estimate"], rel=1e-4)
    ours = bayes_factor(Model(change, arm, groups=True))[0]
    assert ours == pytest.approx(two["estimate"], rel=1e-4)
    r = r_says("correlation bf", data)
    before, after = (column(table, name) for name in ("before", "after"))
    ours = bayes_factor(Model(("after", after), ("before", before)))[0]
    assert ours == pytest.approx(r["estimate"], rel=1e-3)
    assert ours == pytest.approx(correlation_bf10(float(r["statistic"]), len(table)), rel=1e-6)


@pytest.mark.parametrize("t", ["0", "-2.3", "7.5"])
def test_jzs_bayes_factors_of_t_are_those_of_bayesfactor(t):
    one, two = r_says("jzs t of 13", t), r_says("jzs t of 4 and 11", t)
    assert jzs(float(t), 13, 12) == pytest.approx(one["estimate"], rel=1e-4)
    assert jzs(float(t), 44 / 15, 13) == pytest.approx(two["estimate"], rel=1e-4)


def test_detectable_effects_are_those_of_r():
    def theirs(samples: str) -> float:
        return float(r_says("detectable", samples)["estimate"])

    assert detectable_dz(14, alpha=0.05) == pytest.approx(theirs("one sample of 14"), rel=1e-6)
    equal = detectable_difference(14, 14, alpha=0.05)
    assert equal == pytest.approx(theirs("two samples of 14"), rel=1e-6)
    unequal = detectable_difference(10, 30, alpha=0.05)
    assert unequal == pytest.approx(theirs("samples of 10 and 30"), rel=1e-6)


def test_corrections_with_ties_and_a_missing_p_are_those_of_r():
    table = golden("golden.tsv")
    for method in ("holm", "BH"):
        rows = table[table["test"] == method]
        p, theirs = rows["estimate"].reset_index(drop=True), rows["p"].tolist()
        if method == "holm":
            # beside another family, whose p values do not count
            both = pd.concat([p, pd.Series([0.5, 0.001])], ignore_index=True)
            families = pd.Series(["one"] * len(p) + ["other"] * 2)
            ours = holm(both, families)["p_holm"].tolist()[: len(p)]
        else:
            ours = false_discovery(p.to_numpy()).tolist()
        assert ours == pytest.approx(theirs, rel=1e-9, nan_ok=True)
