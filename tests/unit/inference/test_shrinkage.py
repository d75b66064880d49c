"""Shrinkage over the circuits: numbers of Stan and metafor, coverage, errors that go together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import made_hypotheses
import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from ketfc.inference.design.model import Model
from ketfc.inference.hypotheses import Tested, evaluate_hypotheses
from ketfc.inference.shrinkage import (
    SHRINKAGE_COLUMNS,
    error_covariance,
    influence,
    predictions,
    restricted_tau,
    shrink,
    shrunken_table,
)

SCHOOLS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
SCHOOLS_SE = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
CORRELATED = np.array([0.28, 0.08, -0.03, 0.21, 0.05])


def covariance(errors: np.ndarray, **pairs: float) -> np.ndarray:
    """Return errors that correlate by .4, save those of a pair, such as ``p04=-0.2``."""
    r = np.full((len(errors), len(errors)), 0.4)
    for pair, value in pairs.items():
        i, j = map(int, pair[1:])
        r[i, j] = r[j, i] = value
    np.fill_diagonal(r, 1)
    return r * np.outer(errors, errors)


def test_the_eight_schools_are_those_of_stan():
    # 20,000 draws of the model with flat priors of the mean and of tau (RStan, "8schools.stan"):
    # mean, 2.5 % and 97.5 % of each school; the draws' own error is about .06 of a mean
    drawn = [
        (11.42, -2.20, 32.01), (7.96, -4.50, 20.53), (6.16, -11.19, 20.64), (7.71, -5.84, 21.21),
        (5.15, -9.25, 16.63), (6.22, -8.41, 18.61), (10.72, -1.07, 26.25), (8.48, -6.90, 25.61),
    ]  # fmt: skip
    found = shrink(SCHOOLS, np.diag(SCHOOLS_SE**2), alpha=0.05)
    means, low, high = np.array(drawn).T
    assert found.estimates == pytest.approx(means, abs=0.15)
    assert found.low == pytest.approx(low, abs=0.5)
    assert found.high == pytest.approx(high, abs=0.6)
    assert (found.mean, found.mean_low, found.mean_high) == pytest.approx(
        (8.02, -1.96, 18.44), abs=0.3
    )
    # by restricted maximum likelihood the schools do not differ: taken for known, that would
    # give all of them the common mean and its interval
    assert found.tau == 0


def test_predictions_of_correlated_estimates_are_those_of_metafor():
    # metafor 4: rma.mv(y, V, random = ~ 1 | id), its ranef() and intercept
    errors = np.array([0.09, 0.06, 0.11, 0.07, 0.10])
    v = covariance(errors, p04=-0.2, p12=0.6)
    assert restricted_tau(CORRELATED, v) == pytest.approx(0.07498191817, abs=1e-7)

    _, means, _, mean, variance = predictions(0.07498191817, CORRELATED, v)
    expected = [0.21845457362, 0.11525779002, 0.07900597837, 0.19355970261, 0.13815540622]
    assert means == pytest.approx(expected, abs=1e-7)
    assert (mean, variance**0.5) == pytest.approx((0.14888669017, 0.06507382324), abs=1e-7)


def test_predictions_and_their_errors_are_metafors_of_the_bcg_trials():
    # dat.bcg: rma(yi, vi, method = "REML") and blup()

    y = np.array([
        -0.88931133392, -1.58538865720, -1.34807314830, -1.44155119002, -0.21754732221,
        -0.78611558582, -1.62089822360, 0.01195233352, -0.46941764874, -1.37134480347,
        -0.33935882834, 0.44591340057, -0.01731394822,
    ])  # fmt: skip
    v = np.array([
        0.325584765004, 0.194581121398, 0.415367965368, 0.020010031902, 0.051210172170,
        0.006905618456, 0.223017247572, 0.003961579298, 0.056434210463, 0.073024793613,
        0.012412213972, 0.532505845200, 0.071404659684,
    ])  # fmt: skip
    tau = restricted_tau(y, np.diag(v))
    assert tau == pytest.approx(0.5596813898, abs=1e-6)
    _, means, variances, mean, _ = predictions(tau, y, np.diag(v))
    assert mean == pytest.approx(-0.7145323422, abs=1e-6)
    assert means[[0, 2, 7, 11]] == pytest.approx(
        [-0.800233561970, -0.986903093358, 0.002879247897, -0.284733712861], abs=1e-6
    )
    assert np.sqrt(variances[[0, 2, 7, 11]]) == pytest.approx(
        [0.40993044753, 0.43483157643, 0.06258709441, 0.45830047601], abs=1e-6
    )


def test_intervals_cover_although_the_spread_between_circuits_is_estimated():
    rng = np.random.default_rng(1)
    v = covariance(np.array([0.08, 0.05, 0.11, 0.07]), p03=-0.3)
    for tau in (0.0, 0.1):
        inside = closer = 0
        for _ in range(60):
            truth = 0.1 + rng.normal(0, tau, 4)
            seen = rng.multivariate_normal(truth, v)
            found = shrink(seen, v, alpha=0.1)
            inside += int(((found.low < truth) & (truth < found.high)).sum())
            closer += ((found.estimates - truth) ** 2).sum() < ((seen - truth) ** 2).sum()
        assert inside / 240 > 0.86
        assert closer / 60 > 0.6


def test_far_apart_estimates_stay_and_the_sign_and_order_do_not_matter():
    errors = np.diag(np.array([0.01, 0.02, 0.015]) ** 2)
    apart = np.array([-1.0, 0.2, 2.0])
    found = shrink(apart, errors, alpha=0.05)
    assert found.estimates == pytest.approx(apart, abs=0.002)
    turned = shrink(-apart[::-1], errors[::-1, ::-1], alpha=0.05)
    assert turned.estimates == pytest.approx(-found.estimates[::-1])
    assert turned.low == pytest.approx(-found.high[::-1], abs=1e-6)


def model_like(rng: np.random.Generator, *, term: bool) -> Model:
    n = 17
    arm = np.array([1.0] * 5 + [0.0] * 12)
    before = rng.normal(0, 1, n)
    after = 0.5 * before + rng.normal(0, 1 + 2 * arm)
    if not term:
        return Model(("change", after - before))
    return Model(("after", after), ("arm", arm), {"before": before}, groups=True)


def test_influences_add_up_to_the_variances_of_hc2():
    rng = np.random.default_rng(2)
    mean = model_like(rng, term=False)
    assert np.sum(influence(mean) ** 2) == pytest.approx(mean.response[1].var(ddof=1) / 17)
    ancova = model_like(rng, term=True)
    columns = np.column_stack([np.ones(17), *ancova.regressors.values()])
    fit = sm.OLS(ancova.response[1], columns).fit(cov_type="HC2")
    assert np.sum(influence(ancova) ** 2) == pytest.approx(fit.bse[1] ** 2)


def test_the_influence_on_a_rank_correlation_is_what_leaving_somebody_out_does():
    rng = np.random.default_rng(5)
    n = 400
    given = rng.normal(0, 1, n)
    x = given + rng.normal(0, 1, n)
    y = 0.8 * x - given + rng.normal(0, 1, n)
    model = Model(("score", y), ("change", x), {"given": given}, by_ranks=True)
    added = influence(model)
    ranked = model.ranked()
    without = []
    for i in range(0, n, 20):
        keep = np.arange(n) != i
        one = Model(
            ("score", ranked.response[1][keep]),
            ("change", ranked.tested[keep]),
            {"given": ranked.nuisance["given"][keep]},
        )
        without.append(np.arctanh(ranked.partial_r) - np.arctanh(one.partial_r))
    assert added[::20] == pytest.approx(np.array(without), abs=2e-4)
    assert stats.pearsonr(added[::20], without).statistic > 0.99


def all_tests(n: int = 25, **about: Any) -> list[Tested]:
    made = made_hypotheses.study(n, planted=True, **about)
    people = sorted(made.content["participants"])
    if about.get("arms", True):
        made.content["participants"] = {
            who: "ketamine" if i % 3 == 0 else "control" for i, who in enumerate(people)
        }
    circuits = [
        *made_hypotheses.CIRCUITS[:2],
        replace(made_hypotheses.CIRCUITS[2], primary=True),
    ]
    edges = made.connectivity
    # somebody lacks one circuit, and two circuits share most of their error
    lost = (edges["participant_id"] == people[3]) & (edges["circuit"] == "dmn")
    edges.loc[lost, "z"] = np.nan
    own = (edges["circuit"] == "dmn-salience") & (edges["measure"] == "mean")
    other = (edges["circuit"] == "sgacc-rlpfc") & (edges["measure"] == "mean")
    edges.loc[own, "z"] = 0.5 * edges.loc[own, "z"].to_numpy() + edges.loc[other, "z"].to_numpy()
    return evaluate_hypotheses(
        edges, made.scores, made.design, circuits,
        strategy="acompcor", seed=1, permutations=99, alpha=0.05,
    )[1]  # fmt: skip


@pytest.mark.parametrize("arms", [True, False])
def test_the_table_has_the_primary_families_with_correlated_errors(arms):
    tested = all_tests(arms=arms)
    table = shrunken_table(tested, alpha=0.05)
    assert tuple(table.columns) == SHRINKAGE_COLUMNS
    names = ["sgacc-rlpfc", "dmn", "dmn-salience"]
    assert list(table["hypothesis"]) == names * 2
    assert list(table["test"]) == ["change"] * 3 + ["association"] * 3
    for test in ("change", "association"):
        rows = table[table["test"] == test].set_index("hypothesis")
        members = [one for one in tested if one.family == f"primary-{test}"]
        errors, mean = error_covariance(members, alpha=0.05)
        ends = [(one.evidence.ci_low, one.evidence.ci_high) for one in members]
        ends = np.arctanh(ends) if test == "association" else np.array(ends)
        assert np.sqrt(np.diag(errors)) == pytest.approx(np.diff(ends)[:, 0] / 2 / 1.959964)
        r = errors / np.sqrt(np.outer(np.diag(errors), np.diag(errors)))
        assert r[0, 2] > 0.5 > abs(r[0, 1])
        assert rows["error_correlation"].iloc[0] == pytest.approx((r[0, 1] + r[0, 2] + r[1, 2]) / 3)
        assert mean == rows["error_correlation"].iloc[0]
        estimates = np.array([one.evidence.estimate for one in members])
        assert list(rows["estimate"]) == list(estimates)
        turned = np.arctanh(estimates) if test == "association" else estimates
        found = shrink(turned, errors, alpha=0.05)
        back = np.tanh(found.estimates) if test == "association" else found.estimates
        assert list(rows["shrunken"]) == pytest.approx(list(back))
        assert (rows["shrunken_low"] < rows["shrunken"]).all()
        assert (rows["shrunken"] < rows["shrunken_high"]).all()
        assert rows["shrunken"].max() < rows["estimate"].max()
        assert (rows["circuits"] == 3).all()
    # covariances of people who are in one test alone are zero, not shifted to another person
    first, second, *_ = [one for one in tested if one.family == "primary-change"]
    assert len(first.planned.sample.complete) == len(second.planned.sample.complete) + 1


def test_two_circuits_or_circuits_that_determine_one_another_are_not_shrunken():
    tested = all_tests()
    two = [one for one in tested if one.planned.circuit.id != "dmn"]
    table = shrunken_table(two, alpha=0.05)
    assert list(table["flags"]) == ["too-few-circuits"] * 4
    assert table["shrunken"].isna().all()
    assert table["estimate"].notna().all()
    again = [one for one in tested if one.family == "primary-change"]
    table = shrunken_table([*again, again[0]], alpha=0.05)
    assert list(table["flags"]) == ["not-separable"] * 4
    assert shrunken_table([], alpha=0.05).empty


def test_three_participants_tell_nothing_of_an_error():
    made = made_hypotheses.study(3, arms=False)
    circuits = [replace(one, primary=True) for one in made_hypotheses.CIRCUITS]
    tested = evaluate_hypotheses(
        made.connectivity, made.scores, made.design, circuits,
        strategy="acompcor", seed=1, permutations=99, alpha=0.05,
    )[1]  # fmt: skip
    table = shrunken_table(tested, alpha=0.05)
    assert list(table["flags"]) == ["too-few"] * 3
    assert table["shrunken"].isna().all()
