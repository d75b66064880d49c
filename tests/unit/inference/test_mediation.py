"""Mediation against pingouin and refitted resamples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from ketfc.inference.core.bootstrap import bca_interval
from ketfc.inference.robustness.mediation import mediation


def study(n: int, seed: int, a: float = 0.6, b: float = 0.7):
    rng = np.random.default_rng(seed)
    x, cov = rng.normal(size=(2, n))
    m = a * x + 0.3 * cov + rng.normal(size=n)
    return b * m + 0.2 * x + 0.5 * cov + rng.normal(size=n), x, m, cov


def split(y, x, m, covariates, **changes):
    settings = {"alpha": 0.05, "resamples": 400, "rng": np.random.default_rng(0)} | changes
    return mediation(("SI", y), ("ΔFC", x), ("depression", m), covariates, **settings)


def test_paths_are_those_of_pingouin_and_the_interval_is_close_to_its():
    import pingouin as pg

    y, x, m, cov = study(60, seed=1)
    ours = split(y, x * 5, m, {"age": cov}, resamples=4000)
    frame = pd.DataFrame({"y": y, "x": x * 5, "m": m, "c": cov})
    theirs = pg.mediation_analysis(
        frame, x="x", m="m", y="y", covar="c", n_boot=4000, seed=1
    ).set_index("path")
    assert ours.a == pytest.approx(theirs.loc["m ~ X", "coef"], abs=1e-6)
    assert ours.indirect == pytest.approx(theirs.loc["Indirect", "coef"], abs=1e-6)
    assert ours.direct == pytest.approx(theirs.loc["Direct", "coef"], abs=1e-6)
    assert ours.total == pytest.approx(theirs.loc["Total", "coef"], abs=1e-6)
    width = theirs.loc["Indirect", "CI97.5"] - theirs.loc["Indirect", "CI2.5"]
    assert ours.interval.low == pytest.approx(theirs.loc["Indirect", "CI2.5"], abs=0.15 * width)
    assert ours.interval.high == pytest.approx(theirs.loc["Indirect", "CI97.5"], abs=0.15 * width)
    assert ours.total == pytest.approx(ours.direct + ours.indirect)
    assert ours.label == "associational"


def test_the_interval_is_that_of_refitting_every_resample():
    y, x, m, cov = study(25, seed=2)

    def refitted(rows):
        found = []
        for one in rows:
            Z = np.column_stack([np.ones(len(one)), x[one], cov[one]])
            a = sm.OLS(m[one], Z).fit().params[1]
            b = sm.OLS(y[one], np.column_stack([Z, m[one]])).fit().params[3]
            found.append(a * b)
        return np.array(found)

    theirs = bca_interval(25, refitted, alpha=0.05, resamples=300, rng=np.random.default_rng(3))
    ours = split(y, x, m, {"age": cov}, resamples=300, rng=np.random.default_rng(3))
    assert (ours.interval.low, ours.interval.high) == pytest.approx((theirs.low, theirs.high))


def test_without_covariates_and_without_a_pathway_the_interval_holds_zero():
    y, x, m, _ = study(80, seed=4, a=0.0)
    ours = split(y, x, m, {})
    assert ours.interval.low < 0 < ours.interval.high


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        (lambda y, x, m, c: (y * 0, x, m, c), "constant"),
        (lambda y, x, m, c: (y, x * 0, m, c), "constant"),
        (lambda y, x, m, c: (y, x, 2 * x - 1, c), "collinear"),
        (lambda y, x, m, c: (y, c, m, c), "collinear"),
        (lambda y, x, m, c: (y[:3], x[:3], m[:3], c[:3]), "too-few"),
    ],
)
def test_what_cannot_be_split_has_a_flag_and_no_numbers(change, flag):
    y, x, m, cov = change(*study(20, seed=5))
    ours = split(y, x, m, {"age": cov})
    assert ours.flag == flag
    assert ours.obstacle
    assert np.isnan([ours.a, ours.b, ours.indirect, ours.total, ours.interval.low]).all()


def test_resamples_without_one_arm_are_left_out_not_invented():
    y, _, m, cov = study(30, seed=6)
    arm = np.zeros(30)
    arm[:2] = 1  # an arm of two is absent from one resample in eight
    ours = split(y, arm, m, {"age": cov})
    assert ours.interval.obstacle == "undefined"
    assert np.isfinite([ours.a, ours.b, ours.indirect]).all()


def test_sites_are_resampled_apart_and_never_missing():
    y, x, m, cov = study(24, seed=7)
    blocks = np.repeat([0, 1, 2], [12, 10, 2])
    sites = {"B": (blocks == 1).astype(float), "C": (blocks == 2).astype(float)}
    # two people at a site are absent from one unrestricted sample in eight
    assert split(y, x, m, {"age": cov, **sites}).interval.obstacle == "undefined"
    drawn = {"resamples": 200, "rng": np.random.default_rng(3)}
    ours = split(y, x, m, {"age": cov, **sites}, blocks=blocks, **drawn)

    def refitted(rows):
        found = []
        for one in rows:
            Z = sm.add_constant(np.column_stack([x, cov, *sites.values()])[one], has_constant="add")
            a = sm.OLS(m[one], Z).fit().params[1]
            b = sm.OLS(y[one], np.column_stack([Z, m[one]])).fit().params[-1]
            found.append(a * b)
        return np.array(found)

    settings = {"alpha": 0.05, "resamples": 200, "rng": np.random.default_rng(3)}
    theirs = bca_interval(24, refitted, blocks=blocks, **settings)
    assert (ours.interval.low, ours.interval.high) == pytest.approx((theirs.low, theirs.high))
