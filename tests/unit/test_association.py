"""Association: golden numbers, calibration with floor-ridden scores, planted effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ketfc.inference.association import association

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
        ("SSI", frame[outcome].to_numpy()),
        baseline_score=("SSI at pre", frame["before"].to_numpy()) if baseline else None,
        treated=frame["arm"].to_numpy() if arm else None,
        **SETTINGS,
        rng=np.random.default_rng(0),
    )


@pytest.mark.parametrize("arm", [False, True])
def test_slope_interval_and_partial_r_are_those_of_statsmodels_and_pingouin(arm):
    import pingouin as pg
    import statsmodels.formula.api as smf

    frame = study(19, seed=1, slope=-10)
    ours = run(frame, arm=arm)
    formula = "after ~ before + dz" + (" + arm" if arm else "")
    fit = smf.ols(formula, frame).fit(cov_type="HC3", use_t=True)
    partial = pg.partial_corr(frame, x="dz", y="after", covar=["before", "arm"][: 1 + arm])
    assert ours.estimate == pytest.approx(fit.params["dz"])
    assert ours.ci_low < ours.estimate < ours.ci_high
    assert ours.p_parametric == pytest.approx(fit.pvalues["dz"])
    assert ours.df == fit.df_resid
    assert ours.effect_size == pytest.approx(partial["r"].iloc[0])
    assert ours.effect_size_type == "partial r"


def test_change_scores_are_regressed_on_the_change_alone():
    frame = study(19, seed=2, slope=-10)
    frame["points"] = frame["after"] - frame["before"]
    ours = run(frame, baseline=False)
    line = stats.linregress(frame["dz"], frame["points"])
    assert ours.estimate == pytest.approx(line.slope)
    assert ours.effect_size == pytest.approx(line.rvalue)


def test_a_negative_slope_means_that_more_connectivity_went_with_less_ideation():
    ours = run(study(30, seed=3, slope=-40))
    assert ours.estimate < 0
    assert ours.ci_high < 0
    assert ours.effect_size < 0
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
        ("SSI", frame["after"].to_numpy()),
        baseline_score=("SSI at pre", frame["before"].to_numpy()),
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
