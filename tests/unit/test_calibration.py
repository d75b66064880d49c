"""Rejection, coverage and power in simulated studies; the long run is marked slow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.calibration import calibration, null_study, planted_power

SEED = 20251122


def test_a_null_study_has_floors_missing_sessions_and_unequal_errors():
    study = null_study(4000, np.random.default_rng(0))
    assert 0.25 < np.mean(study.si_after == 0) < 0.6
    assert study.si_before.min() >= 4
    assert np.mean(study.si_before) > np.median(study.si_before), "skewed"
    missing = np.isnan(study.before).all(axis=1)
    assert np.mean(missing) == pytest.approx(0.08, abs=0.02)
    assert not np.isnan(study.before[~missing]).any()
    change = study.after - study.before
    seen = np.isfinite(change).all(axis=1)
    assert abs(np.mean(change[seen])) < 0.01
    together = np.corrcoef(change[seen].T)[np.triu_indices(5, 1)]
    assert together.min() > 0.2, "circuits are correlated"
    apart = np.corrcoef(change[seen, 0], (study.si_after - study.si_before)[seen])[0, 1]
    assert abs(apart) < 0.05


def test_a_few_studies_have_a_rate_for_everything_that_is_judged():
    found = calibration(12, studies=15, permutations=99, seed=SEED)
    assert set(found["kind"]) == {"rejection", "coverage"}
    assert not found.isna().any().any()
    assert found["rate"].between(0, 1).all()
    assert (found["low"] <= found["expected"]).all()
    assert (found["expected"] <= found["high"]).all()
    again = calibration(12, studies=15, permutations=99, seed=SEED)
    assert found.equals(again)


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 24, 40])
def test_tests_keep_their_level_and_intervals_cover(n):
    found = calibration(n, studies=2000, permutations=199, seed=SEED)
    robust = found["name"].str.contains("HC")
    rejection = found[(found["kind"] == "rejection") & ~robust]
    # a 99 % band of all rates of all sizes together: at 99 % each, one in four runs has one outside
    low, high = stats.binom.interval(1 - 0.01 / (3 * len(rejection)), 1990, 0.05)
    astray = rejection[~rejection["rate"].between(low / 1990, high / 1990)]
    assert astray.empty, astray.to_string()
    coverage = found[(found["kind"] == "coverage") & ~robust]
    astray = coverage[~coverage["rate"].between(0.93, 0.97)]
    assert astray.empty, astray.to_string()
    # too wide for scores with a floor in a dozen participants, but never too narrow
    wide = found[(found["kind"] == "coverage") & robust]
    assert wide["rate"].between(0.93, 0.99).all(), wide.to_string()


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 24, 40])
def test_planted_effects_are_found_as_often_as_predicted(n):
    found = planted_power(n, studies=2000, permutations=999, seed=SEED)
    assert (found["rate"] - 0.80).abs().max() < 0.04, found.to_string()
