"""Rejection, coverage and power in simulated studies; the long runs are marked slow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from calibration_power import POWERS, planted_power
from calibration_rates import (
    ALPHA,
    COLUMNS,
    PRIMARY,
    course_rates,
    null_rates,
    planted_coverage,
)
from simulated_studies import (
    CIRCUITS,
    DESIGNS,
    null_course,
    plans,
    simulated_study,
    true_values,
)

from ketfc.base.files import read_tsv
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.permutation import stream
from ketfc.inference.core.ranks import rank_evidence
from ketfc.inference.design.model import model_of

SEED = 20251122
SIZES = (12, 24, 40)
BEYOND_CHANCE = 0.02
"""How far the power found may be from that predicted, beside chance (its 99 % band): the price of
permuting in small samples, and of an efficiency of ranks that holds for many participants."""


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def at_alpha(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["kind"] == "rejection") & (table["level"] == ALPHA)]


def astray(table: pd.DataFrame) -> pd.DataFrame:
    """Return the primary rates that lie outside their own 99 % band."""
    primary = at_alpha(table)
    primary = primary[primary["method"].isin(PRIMARY)]
    return primary[~primary["rate"].between(primary["low"], primary["high"])]


# -- what is simulated -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DESIGNS)
def test_a_null_study_has_floors_missing_sessions_and_unequal_errors(kind):
    study = simulated_study(kind, 6000, rng())
    assert 0.25 < np.mean(study.si_after == 0) < 0.6
    if kind != "crossover":
        assert study.si_before.min() >= 4
    assert np.mean(study.si_before) > np.median(study.si_before), "skewed"
    missing = np.isnan(study.before).all(axis=1)
    assert np.mean(missing) == pytest.approx(0.08, abs=0.02)
    assert not np.isnan(study.before[~missing]).any()
    change = study.after - study.before
    seen = np.isfinite(change).all(axis=1)
    assert abs(np.mean(change[seen])) < 0.01
    together = np.corrcoef(change[seen].T)[np.triu_indices(CIRCUITS, 1)]
    assert together.min() > 0.2, "circuits are correlated"
    apart = np.corrcoef(change[seen, 0], (study.si_after - study.si_before)[seen])[0, 1]
    # what the periods of a crossover share is taken out by the test
    assert abs(apart) < 0.05 or kind == "crossover"
    if kind == "parallel":
        of = [np.nanstd(change[study.ketamine == arm]) for arm in (0, 1)]
        assert of[1] > 1.02 * of[0], "fewer volumes are left after ketamine"


def test_both_periods_of_a_crossover_differ_whatever_the_drug():
    study = simulated_study("crossover", 6000, rng())
    for first, second, who in (
        (study.after, study.before, study.ketamine == 1),
        (study.before, study.after, study.ketamine == 0),
    ):
        assert np.nanmean((second - first)[who]) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("kind", DESIGNS)
def test_plans_are_those_of_a_study_of_that_design(kind):
    study = simulated_study(kind, 12, rng())
    made = plans(study)
    assert [plan.test.name for plan in made] == ["change", "association"] * CIRCUITS
    complete = made[2].sample.complete
    seen = np.isfinite(study.before + study.after).all(axis=1)
    assert complete["z_followup"].tolist() == study.after[seen, 1].tolist()
    model = model_of(made[2].test, complete, made[2].design)
    assert model.groups == (kind != "single-arm")
    if kind != "single-arm":
        assert (model.tested == model.tested.max()).tolist() == (study.ketamine[seen] == 1).tolist()


@pytest.mark.parametrize("kind", DESIGNS)
def test_a_planted_study_has_effects_of_known_size(kind):
    truth = true_values(kind, seed=SEED)
    assert truth["change"] == pytest.approx([0.25 * 0.6] * 2, abs=0.003)
    assert -40 < truth["association"].coefficient < -5
    assert -0.6 < truth["association"].estimate < -0.1
    assert np.nanmax(np.abs(null_course(50, rng(), drifting=True))) < 2


def test_who_drifts_is_less_alike_the_farther_apart():
    spread = []
    for drifting in (False, True):
        z = null_course(20_000, rng(), drifting=drifting)
        spread.append([np.nanstd(z[:, 2] - z[:, 0]) / np.nanstd(z[:, 2] - z[:, 1])])
    assert spread[0][0] == pytest.approx(1, abs=0.08)
    assert spread[1][0] > 1.1


# -- what is counted -------------------------------------------------------------------------------


def test_a_few_studies_have_a_rate_for_everything_that_is_judged():
    found = null_rates("parallel", 12, studies=6, permutations=19, seed=SEED)
    assert tuple(found.columns) == COLUMNS
    assert not found.isna().any().any()
    assert found["rate"].between(0, 1).all()
    assert (found["low"] <= found["expected"]).all()
    assert (found["expected"] <= found["high"]).all()
    assert set(at_alpha(found)["method"]) == {
        *("permutation", "max-t", "values", "hc3", "hc2", "ranks")
    }
    assert found.equals(null_rates("parallel", 12, studies=6, permutations=19, seed=SEED))


def test_an_interval_covers_where_its_test_does_not_reject():
    found = null_rates("single-arm", 12, studies=8, permutations=199, seed=SEED)
    own = found[found["method"].isin(["permutation", "t", "values"]) & (found["level"] == ALPHA)]
    # the interval of a rank correlation is not that of a permutation test
    own = own[(own["test"] == "change") | (own["method"] == "values")]
    for _, pair in own.groupby(["test", "method"]):
        rates = pair.set_index("kind")["rate"]
        assert rates["rejection"] + rates["coverage"] == pytest.approx(1)


def test_planted_studies_tell_coverage_and_courses_tell_both():
    planted = planted_coverage("crossover", 12, studies=2, permutations=39, seed=SEED)
    assert set(planted["kind"]) == {"coverage"}
    assert set(planted["test"]) == {"change", "association"}
    course = course_rates(12, drifting=False, studies=3, permutations=39, seed=SEED)
    assert set(course["method"]) == {"mixed-model", "permutation"}
    assert set(course["test"]) == {"change-post", "change-late"}


def test_an_effect_far_beyond_the_detectable_is_always_found():
    found = planted_power(12, power=0.999999, studies=5, permutations=199, seed=SEED)
    assert (found["rate"] == 1).all()
    assert len(found) == 5


# -- what the page says ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page() -> pd.DataFrame:
    path = Path(__file__).parents[3] / "docs" / "calibration.tsv"
    numbers = ("n", "level", "studies", "rate", "expected", "low", "high")
    return read_tsv(path, numeric=numbers)


def test_the_page_has_every_primary_test_at_every_size_and_all_keep_their_level(page):
    assert astray(page).empty, astray(page).to_string()
    counted = at_alpha(page)
    counted = counted[counted["method"].isin(PRIMARY)]
    assert (counted["studies"] >= 1990).all()
    sizes = counted[counted["design"] != "longitudinal"].groupby(["design", "test", "method"])
    assert len(sizes) == len(DESIGNS) * 2 * 2
    assert all(tuple(sorted(rows["n"])) == SIZES for _, rows in sizes)


def test_intervals_of_the_page_cover(page):
    own = page[(page["kind"] == "coverage") & (page["method"] == "permutation")]
    assert len(own) == len(DESIGNS) * len(SIZES) * 4
    assert own["rate"].between(0.93, 0.97).all(), own.to_string()


# -- the long runs ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", DESIGNS)
def test_tests_and_families_keep_their_level_and_intervals_cover(kind, n):
    found = null_rates(kind, n, studies=2000, permutations=199, seed=SEED)
    assert astray(found).empty, astray(found).to_string()
    own = found[(found["kind"] == "coverage") & (found["method"] == "permutation")]
    assert own["rate"].between(0.93, 0.97).all(), own.to_string()
    assert at_alpha(found)["studies"].min() >= 1990


@pytest.mark.slow
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", DESIGNS)
def test_intervals_cover_planted_effects(kind, n):
    found = planted_coverage(kind, n, studies=2000, permutations=199, seed=SEED)
    own = found[found["method"] == "permutation"]
    assert set(own["test"]) == {"change", "association"}
    assert own["rate"].between(0.93, 0.97).all(), own.to_string()


@pytest.mark.slow
@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0, 3.0])
def test_intervals_cover_strong_correlations_of_ranks(slope):
    """Partial Spearman correlations of .43, .69, .88 and .94."""

    def found(n: int, draw: np.random.Generator) -> Evidence:
        change, before, error = draw.normal(size=(3, n))
        score = ("SI", 0.5 * before + slope * change + error)
        settings = {"alpha": ALPHA, "permutations": 19, "rng": draw}
        return rank_evidence(score, {"change": change, "before": before}, **settings)

    truth = found(300_000, rng()).estimate
    for n in SIZES:
        ends = [found(n, stream(SEED, f"strong/{slope}/{n}/{i}")) for i in range(1500)]
        rate = np.mean([one.ci_low <= truth <= one.ci_high for one in ends])
        assert 0.93 < rate < 0.97, (n, rate)


@pytest.mark.slow
@pytest.mark.parametrize("n", SIZES)
def test_sign_flips_of_a_course_keep_their_level(n):
    for drifting in (False, True):
        found = course_rates(n, drifting=drifting, studies=2000, permutations=199, seed=SEED)
        assert astray(found).empty, astray(found).to_string()


@pytest.mark.slow
@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("n", SIZES)
def test_planted_effects_are_found_as_often_as_predicted(n, power):
    found = planted_power(n, power=power, studies=2000, permutations=999, seed=SEED)
    low, high = found["low"] - BEYOND_CHANCE, found["high"] + BEYOND_CHANCE
    assert found["rate"].between(low, high).all(), found.to_string()
