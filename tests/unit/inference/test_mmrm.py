"""Two arms at several follow-ups in one model: R's numbers, fallbacks, and how often it errs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from ketfc.inference.robustness.mmrm import STRUCTURES, _bases, _Data, _state, arms_over_time

GOLDEN = Path(__file__).parents[2] / "golden"


def golden(name: str) -> pd.DataFrame:
    return pd.read_csv(GOLDEN / name, sep="\t", na_values="n/a")


def trial(
    n: int, seed: int, *, ketamine: int, spread: float = 1.0, missing: float = 0.0, times: int = 2
):
    """A null trial with unequal arms; the lower the baseline, the more sessions are missing."""
    rng = np.random.default_rng(seed)
    treated = (rng.permutation(n) < ketamine).astype(float)
    baseline = rng.normal(size=n)
    alike = 0.5 + 0.5 * np.eye(times)
    noise = rng.normal(size=(n, times)) @ np.linalg.cholesky(alike).T * np.linspace(1, 1.5, times)
    y = 0.5 * baseline[:, np.newaxis] + noise * np.where(treated == 1, spread, 1.0)[:, np.newaxis]
    lost = 2 * missing / (1 + np.exp(-baseline))
    y[rng.random((n, times)) < lost[:, np.newaxis]] = np.nan
    return y, treated, np.column_stack([np.ones(n), baseline])


@pytest.mark.parametrize("seed", [3, 5, 9])
def test_a_step_that_goes_too_far_is_halved_until_the_fit_is_better(seed):
    # ten covariances from 14 people: the first steps leave the space of covariances
    y, treated, others = trial(14, seed, ketamine=5, spread=3.0, missing=0.3, times=4)
    found = arms_over_time(y, treated, others, alpha=0.05, structures=("unstructured",))
    assert np.isfinite([one.estimate for one in found]).all()
    assert {one.flags for one in found} == {("sessions-missing",)}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_estimates_errors_and_degrees_of_freedom_are_those_of_lmertest(structure):
    data, expected = golden("mmrm_data.tsv"), golden("mmrm.tsv").set_index("structure")
    ours = arms_over_time(
        data[["z1", "z2", "z3"]].to_numpy(),
        data["arm"].to_numpy(dtype=float),
        np.column_stack([np.ones(len(data)), data["baseline"], data["age"]]),
        alpha=0.05,
        structures=(structure,),
    )
    theirs = expected.loc[structure]
    assert [one.estimate for one in ours] == pytest.approx(theirs["estimate"].tolist(), rel=1e-5)
    errors = [one.estimate / one.statistic for one in ours]
    assert errors == pytest.approx(theirs["error"].tolist(), rel=1e-5)
    assert [one.df for one in ours] == pytest.approx(theirs["df"].tolist(), rel=1e-4)
    assert [one.p_parametric for one in ours] == pytest.approx(theirs["p"].tolist(), rel=1e-4)
    halves = [(one.ci_high - one.ci_low) / 2 for one in ours]
    t = stats.t.ppf(0.975, theirs["df"])
    assert halves == pytest.approx((t * theirs["error"]).tolist(), rel=1e-4)
    assert {one.flags for one in ours} == {("sessions-missing",)}
    if structure == "unstructured":
        marginal = expected.loc["gls", "estimate"].tolist()
        assert [one.estimate for one in ours] == pytest.approx(marginal, rel=1e-4)


def test_with_nobody_missing_it_is_the_analysis_of_covariance_of_each_follow_up():
    y, treated, nuisance = trial(23, 1, ketamine=8, times=3)
    ours = arms_over_time(y, treated, nuisance, alpha=0.1, structures=("unstructured",))
    for one, after in zip(ours, y.T, strict=True):
        fit = sm.OLS(after, np.column_stack([treated, nuisance])).fit()
        assert (one.estimate, one.statistic) == pytest.approx((fit.params[0], fit.tvalues[0]))
        assert (one.df, one.p_parametric) == pytest.approx((20, fit.pvalues[0]))
        assert (one.ci_low, one.ci_high) == pytest.approx(tuple(fit.conf_int(0.1)[0]))
        assert one.flags == ()


def test_the_restricted_likelihood_is_that_of_the_whole_covariance_matrix():
    y, treated, nuisance = trial(17, 9, ketamine=6, missing=0.3, times=3)
    columns = np.column_stack([treated, nuisance])[np.isfinite(y).any(axis=1)]
    y = y[np.isfinite(y).any(axis=1)]
    data, bases = _Data(y, columns), _bases("unstructured-by-arm", 3)
    who, when = np.nonzero(np.isfinite(y))
    x = np.zeros((len(who), 9))
    for row, (i, t) in enumerate(zip(who, when, strict=True)):
        x[row, 3 * t : 3 * t + 3] = columns[i]
    values, lacks = y[who, when] / data.unit, []
    rng = np.random.default_rng(1)
    for _ in range(2):
        root = rng.normal(size=(2, 3, 3))
        covariances = root @ root.transpose(0, 2, 1) + np.eye(3)
        parameters = [one[i, j] for one in covariances for i in range(3) for j in range(i + 1)]
        state = _state(data, bases, np.array(parameters))
        arm = columns[who, 0].astype(int)
        v = np.where(
            who[:, np.newaxis] == who,
            covariances[arm[:, np.newaxis], when[:, np.newaxis], when],
            0.0,
        )
        inverse = np.linalg.inv(v)
        precision = x.T @ inverse @ x
        left = values - x @ np.linalg.solve(precision, x.T @ inverse @ values)
        dense = np.linalg.slogdet(v)[1] + np.linalg.slogdet(precision)[1] + left @ inverse @ left
        lacks.append((state.lack, dense))
    assert [one for one, _ in lacks] == pytest.approx([other for _, other in lacks])


def test_an_earlier_session_speaks_for_a_later_one_that_is_missing():
    """Dropping out depends on the first follow-up, with which the second goes along."""
    off = {"model": [], "complete cases": []}
    for seed in range(60):
        y, treated, nuisance = trial(120, seed, ketamine=50)
        y[:, 1] = 0.9 * y[:, 0] + 0.3 * (y[:, 1] - y[:, 0])
        y[(treated == 1) & (y[:, 0] > 0.3), 1] = np.nan
        off["model"].append(arms_over_time(y, treated, nuisance, alpha=0.05)[1].estimate)
        own = np.isfinite(y[:, 1])
        columns = np.column_stack([treated, nuisance])[own]
        off["complete cases"].append(np.linalg.lstsq(columns, y[own, 1])[0][0])
    assert abs(np.mean(off["model"])) < 0.05
    assert np.mean(off["complete cases"]) < -0.3


def test_a_covariance_that_the_data_do_not_hold_falls_back_and_says_so():
    y, treated, nuisance = trial(26, 3, ketamine=9, times=3)
    y[::2, 0] = np.nan
    y[1::2, 2] = np.nan  # nobody has the first and the third
    ours = arms_over_time(y, treated, nuisance, alpha=0.05)
    assert [one.flags for one in ours] == [("sessions-missing", "fallback: compound-symmetry")] * 3
    same = arms_over_time(y, treated, nuisance, alpha=0.05, structures=("compound-symmetry",))
    assert [one.statistic for one in ours] == [one.statistic for one in same]
    # nobody of one arm alone: the covariance of both together can be told
    y, treated, nuisance = trial(30, 4, ketamine=9)
    y[np.flatnonzero(treated)[::2], 0] = np.nan
    y[np.flatnonzero(treated)[1::2], 1] = np.nan
    shared = arms_over_time(y, treated, nuisance, alpha=0.05)
    assert shared[0].flags == ("sessions-missing", "fallback: unstructured")


def test_without_any_covariance_there_are_reasons_in_place_of_numbers():
    y, treated, nuisance = trial(20, 5, ketamine=7)
    y[::2, 0] = np.nan
    y[1::2, 1] = np.nan  # nobody has both
    for one in arms_over_time(y, treated, nuisance, alpha=0.05):
        assert one.flags == ("not-estimable",)
        assert np.isnan(one.estimate)
        assert "no covariance" in str(one.obstacle)
    same = np.full((20, 2), 0.25)
    found = arms_over_time(same, treated, nuisance, alpha=0.05)
    assert {one.flags for one in found} == {("not-estimable",)}


def test_a_follow_up_of_too_few_is_left_out_of_the_model_of_the_others():
    y, treated, nuisance = trial(20, 6, ketamine=7, times=3)
    y[4:, 1] = np.nan
    ours = arms_over_time(y, treated, nuisance, alpha=0.05)
    assert ours[1].flags == ("too-few",)
    assert ours[1].obstacle == "4 participants at this follow-up, 5 are needed"
    others = arms_over_time(y[:, [0, 2]], treated, nuisance, alpha=0.05)
    assert [ours[0].statistic, ours[2].statistic] == [one.statistic for one in others]
    y[treated == 1, 2] = np.nan
    alone = arms_over_time(y, treated, nuisance, alpha=0.05)
    assert [one.flags for one in alone] == [(), ("too-few",), ("collinear",)]


def test_units_do_not_matter():
    y, treated, nuisance = trial(24, 7, ketamine=9, missing=0.2)
    first = arms_over_time(y, treated, nuisance, alpha=0.05)
    second = arms_over_time(1e-3 * y + 5, treated, nuisance, alpha=0.05)
    for one, other in zip(first, second, strict=True):
        assert (other.statistic, other.df) == pytest.approx((one.statistic, one.df), rel=1e-4)


@pytest.mark.parametrize("spread", [1.0, 2.0])
def test_arms_that_differ_in_nothing_are_told_apart_as_often_as_alpha_says(spread):
    """A small arm, more varied than the other, and a fifth of the sessions missing."""
    studies = 400
    rejected, pooled = np.zeros(2), np.zeros(2)
    for seed in range(studies):
        made = trial(40, seed, ketamine=10, spread=spread, missing=0.2)
        rejected += [one.p_parametric <= 0.05 for one in arms_over_time(*made, alpha=0.05)]
        alike = arms_over_time(*made, alpha=0.05, structures=STRUCTURES[1:])
        pooled += [one.p_parametric <= 0.05 for one in alike]
    low, high = stats.binom.interval(0.999, studies, 0.05)
    assert ((low <= rejected) & (rejected <= high)).all()
    # one covariance for both arms would not do
    if spread > 1:
        assert (pooled > high).all()
