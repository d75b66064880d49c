"""Planned contrasts over time, against analyses of variance, and what happens without a fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ketfc.inference.robustness.mixed_model import contrasts_over_time

SETTINGS = {"alpha": 0.05, "permutations": 299, "seed": 1, "name": "dmn"}
CONTRASTS = {"day 1": [-1, 1, 0], "day 10": [-1, 0, 1], "late": [0, -1, 1]}


def series(n: int, seed: int, *, between: float = 1.0, effect: float = 0.0, times: int = 3):
    rng = np.random.default_rng(seed)
    values = between * rng.normal(size=(n, 1)) + rng.normal(size=(n, times))
    values[:, 1] += effect
    return 0.2 * values + 0.3


def test_complete_sessions_have_the_contrasts_of_the_analysis_of_variance():
    from statsmodels.stats.anova import AnovaRM

    values = series(16, seed=1, effect=0.8)
    ours = contrasts_over_time(values, CONTRASTS, **SETTINGS)
    long = pd.DataFrame(
        {"z": values.ravel(), "who": np.repeat(range(16), 3), "time": np.tile(range(3), 16)}
    )
    f = AnovaRM(long, "z", "who", within=["time"]).fit().anova_table
    # F of two planned orthogonal contrasts is the mean of their t²
    both = contrasts_over_time(values, {"a": [-1, 1, 0], "b": [-1, -1, 2]}, **SETTINGS)
    mean = (both["a"].statistic ** 2 + both["b"].statistic ** 2) / 2
    assert mean == pytest.approx(f["F Value"].iloc[0], rel=1e-6)
    assert ours["day 1"].df == f["Den DF"].iloc[0] == 30
    assert ours["day 1"].estimate == pytest.approx(np.mean(values[:, 1] - values[:, 0]), rel=1e-4)
    assert ours["day 1"].flags == ()


def test_two_sessions_are_the_paired_t_test():
    values = series(14, seed=2, effect=0.5, times=2)
    ours = contrasts_over_time(values, {"change": [-1, 1]}, **SETTINGS)["change"]
    t = stats.ttest_rel(values[:, 1], values[:, 0])
    assert (ours.statistic, ours.df) == pytest.approx((t.statistic, 13), rel=1e-4)
    assert ours.p_parametric == pytest.approx(t.pvalue, rel=1e-3)


@pytest.mark.parametrize("between", [0.6, 1.0, 3.0])
def test_with_missing_sessions_it_is_the_fit_of_statsmodels(between):
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    values = series(25, seed=3, effect=0.5, between=between)
    values[np.random.default_rng(4).random((25, 3)) < 0.2] = np.nan
    ours = contrasts_over_time(values, CONTRASTS, **SETTINGS)["day 1"]
    who, time = np.nonzero(np.isfinite(values))
    frame = pd.DataFrame({"z": values[who, time], "who": who, "time": time})
    fit = smf.mixedlm("z ~ C(time)", frame, groups="who").fit(reml=True)
    assert fit.converged
    assert ours.estimate == pytest.approx(fit.params["C(time)[T.1]"], rel=1e-3)
    error = (ours.ci_high - ours.ci_low) / 2 / stats.t.ppf(0.975, ours.df)
    # the error of generalised least squares, given statsmodels' variances
    design = np.column_stack([np.ones(len(time)), time == 1, time == 2]).astype(float)
    same = who[:, np.newaxis] == who
    covariance = float(fit.cov_re.iloc[0, 0]) * same + fit.scale * np.eye(len(who))
    gls = sm.GLS(values[who, time], design, sigma=covariance).fit()
    assert error == pytest.approx(gls.normalized_cov_params[1, 1] ** 0.5, rel=1e-3)
    assert error == pytest.approx(fit.bse["C(time)[T.1]"], rel=1e-2)
    assert ours.df == len(frame) - len(set(who)) - 2
    assert ours.flags == ("sessions-missing",)


def test_the_permutation_p_is_that_of_those_with_the_sessions_of_the_contrast():
    values = series(9, seed=5, effect=1)
    values[0, 2] = np.nan  # not needed for day 1
    values[1, 1] = np.nan
    ours = contrasts_over_time(values, CONTRASTS, **(SETTINGS | {"permutations": 256}))["day 1"]
    change = (values[:, 1] - values[:, 0])[np.arange(9) != 1]
    theirs = stats.permutation_test(
        (change,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert ours.p_permutation == pytest.approx(theirs.pvalue)
    assert "exhaustive" in ours.flags


def test_without_variance_between_participants_the_paired_test_stands_in_and_is_flagged():
    rng = np.random.default_rng(6)
    values = rng.normal(size=(12, 3))
    values -= values.mean(axis=1, keepdims=True)  # participants differ less than by chance
    ours = contrasts_over_time(values, CONTRASTS, **SETTINGS)["day 10"]
    t = stats.ttest_rel(values[:, 2], values[:, 0])
    assert "fallback: singular" in ours.flags
    assert (ours.statistic, ours.df, ours.p_parametric) == pytest.approx(
        (t.statistic, 11, t.pvalue)
    )


def test_a_model_without_a_fit_is_reported_not_hidden():
    # each session of a participant is the same but for the time: nothing varies within them
    values = np.random.default_rng(7).normal(size=(12, 1)) + np.array([0, 0.5, 0.7])
    values[0] += [0, 1e-7, 0]
    values[1] += [0, 0, 1e-7]
    ours = contrasts_over_time(values, CONTRASTS, **SETTINGS)["day 1"]
    t = stats.ttest_rel(values[:, 1], values[:, 0])
    assert "fallback: not-converged" in ours.flags
    assert ours.p_parametric == pytest.approx(t.pvalue)


def test_units_do_not_matter():
    values = series(15, seed=8, effect=0.6)
    first = contrasts_over_time(values, CONTRASTS, **SETTINGS)["day 1"]
    second = contrasts_over_time(values * 1e-3 + 5, CONTRASTS, **SETTINGS)["day 1"]
    assert second.statistic == pytest.approx(first.statistic, rel=1e-3)
    assert second.flags == first.flags


def test_streams_are_keyed_by_name_so_that_other_contrasts_do_not_matter():
    values = series(30, seed=9, effect=0.3)
    alone = contrasts_over_time(values, {"late": [0, -1, 1]}, **SETTINGS)["late"]
    assert contrasts_over_time(values, CONTRASTS, **SETTINGS)["late"] == alone


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        (series(2, seed=10), "too-few"),
        (np.full((9, 3), 0.2), "constant"),
        (np.where(np.arange(3) == 1, np.nan, series(9, seed=11)), "too-few"),
        (np.full((9, 3), np.nan), "too-few"),
    ],
)
def test_a_contrast_that_cannot_be_tested_has_a_flag_and_no_numbers(values, flag):
    ours = contrasts_over_time(values, {"day 1": [-1, 1, 0]}, **SETTINGS)["day 1"]
    assert ours.flags == (flag,)
    assert ours.obstacle
    assert np.isnan([ours.estimate, ours.statistic, ours.p_permutation, ours.p_parametric]).all()


def test_three_participants_are_tested_and_can_never_be_significant():
    ours = contrasts_over_time(series(3, seed=12, effect=9), CONTRASTS, **SETTINGS)["day 1"]
    assert ours.p_permutation == 0.25
    assert "p-floor" in ours.flags


@pytest.mark.parametrize("weights", [[-1, 1], [1, 1, 0], [0, 0, 0]])
def test_weights_must_fit_the_sessions_and_add_to_nothing(weights):
    with pytest.raises(ValueError, match="'late'"):
        contrasts_over_time(series(9, seed=13), {"late": weights}, **SETTINGS)
