"""Association: golden numbers, calibration with floor-ridden scores, planted effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from made_models import association, welch
from scipy import stats

SETTINGS = {"alpha": 0.05, "permutations": 199}


def study(n: int, seed: int, slope: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    before = rng.integers(4, 30, n).astype(float)
    change = rng.normal(0.1, 0.2, n)
    after = 0.6 * before + slope * change + rng.normal(0, 3, n)
    arm = np.arange(n, dtype=float) % 2
    return pd.DataFrame({"before": before, "dz": change, "after": after, "arm": arm})


def run(frame: pd.DataFrame, *, arm: bool = False, baseline: bool = True):
    outcome = "after" if baseline else "points"
    return association(
        frame["dz"].to_numpy(),
        frame[outcome].to_numpy(),
        baseline_score=frame["before"].to_numpy() if baseline else None,
        treated=frame["arm"].to_numpy() if arm else None,
        **SETTINGS,
        rng=np.random.default_rng(0),
    )


@pytest.mark.parametrize("arm", [False, True])
def test_it_is_the_partial_spearman_correlation_of_pingouin(arm):
    import pingouin as pg

    frame = study(19, seed=1, slope=-10)
    ours = run(frame, arm=arm)
    given = ["before", "arm"][: 1 + arm]
    theirs = pg.partial_corr(frame, x="dz", y="after", covar=given, method="spearman").iloc[0]
    assert ours.estimate == ours.effect_size == pytest.approx(theirs["r"])
    if arm:  # each arm has a variance of its own
        ranks = frame[["dz", "before", "arm"]].rank()
        fit = sm.OLS(frame["after"].rank(), sm.add_constant(ranks)).fit()
        found = (ours.statistic, ours.df, ours.p_parametric)
        assert found == pytest.approx(welch(fit, "dz", frame["arm"]))
    else:
        assert ours.p_parametric == pytest.approx(theirs.filter(like="p").iloc[0], rel=1e-6)
        assert ours.df == 19 - 3
    assert ours.ci_low < ours.estimate < ours.ci_high
    assert ours.effect_size_type == "partial Spearman rho"


def test_of_change_scores_it_is_spearmans_rho():
    frame = study(19, seed=2, slope=-10)
    frame["points"] = frame["after"] - frame["before"]
    ours = run(frame, baseline=False)
    theirs = stats.spearmanr(frame["dz"], frame["points"])
    assert ours.estimate == pytest.approx(theirs.statistic)
    assert ours.p_parametric == pytest.approx(theirs.pvalue)
    assert ours.effect_size_type == "Spearman rho"


def test_one_outlier_decides_a_slope_but_not_the_correlation_of_ranks():
    frame = study(19, seed=2)
    frame.loc[0, ["dz", "after"]] = [40.0, -400.0]
    ours = run(frame)
    line = stats.linregress(frame["dz"], frame["after"])
    assert line.pvalue < 1e-6
    assert ours.p_permutation > 0.05


def test_a_negative_correlation_means_that_more_connectivity_went_with_less_ideation():
    ours = run(study(30, seed=3, slope=-40))
    assert ours.estimate < 0
    assert ours.ci_high < 0
    assert ours.p_permutation == 1 / 200


@pytest.mark.parametrize("n", [12, 24])
def test_under_the_null_the_level_is_kept_with_scores_on_the_floor(n):
    rng = np.random.default_rng(n)
    studies = 400
    rejected = 0
    for _ in range(studies):
        frame = pd.DataFrame({"before": rng.integers(4, 20, n).astype(float)})
        frame["dz"] = rng.normal(0, 0.2, n)
        frame["arm"] = np.arange(n, dtype=float) % 2
        # half of the people have no ideation left, the others a skewed rest
        rest = np.floor(rng.gamma(1.5, 0.3, n) * frame["before"])
        frame["after"] = np.where(rng.random(n) < 0.5, 0, rest)
        rejected += run_with(frame, rng).p_permutation <= 0.05
    low, high = stats.binom.interval(0.99, studies, 0.05)
    assert low <= rejected <= high


def run_with(frame: pd.DataFrame, rng: np.random.Generator):
    return association(
        frame["dz"].to_numpy(),
        frame["after"].to_numpy(),
        baseline_score=frame["before"].to_numpy(),
        treated=frame["arm"].to_numpy(),
        **SETTINGS,
        rng=rng,
    )


@pytest.mark.parametrize(
    ("change", "flag", "word"),
    [
        ({"after": 0.0}, "constant", "SSI"),
        ({"dz": 0.1}, "constant", "connectivity"),
        ({"before": 10.0}, "constant", "SSI at pre"),
    ],
)
def test_what_does_not_vary_is_named(change, flag, word):
    ours = run(study(15, seed=4).assign(**change))
    assert ours.flags == (flag,)
    assert word in ours.obstacle
