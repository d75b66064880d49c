"""Simulated power of planned studies: against formulas, other programs and docs/calibration.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_study import REPO

from ketfc.base.files import read_tsv
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.model import model_of
from ketfc.inference.design.planned_tests import planned_tests
from ketfc.inference.power import simulation
from ketfc.inference.power.curves import (
    DETECTABLE,
    NEEDED,
    crossing,
    needed_table,
    power_table,
    wilson,
)
from ketfc.inference.power.expectation import expected_effect, expected_n, expected_power
from ketfc.inference.power.formulas import (
    RANK_EFFICIENCY,
    detectable_difference,
    detectable_dz,
    detectable_partial_r,
)
from ketfc.inference.power.measurement import Measurement, spearman_brown
from ketfc.inference.power.planned import PlannedStudy, planned_study
from ketfc.inference.power.points import points_of, summary_of
from ketfc.inference.power.simulation import simulated_p
from ketfc.study.config.planning.power import Points, parse_power

ERROR = 3.0
"""Standard errors by which two powers may differ."""


def planned(design: str, participants: int = 34, **more: Any) -> PlannedStudy:
    given = {name.replace("_", "-"): value for name, value in more.items()}
    about = {"design": design, "participants": participants, **given}
    return planned_study(parse_power({"power": about}))


def found(study: PlannedStudy, question: str, n: int, effect: float, name: str = "a") -> float:
    p = simulated_p(study, question, n, effect, rng=stream(study.seed, name))
    return float(np.mean(p <= study.level + 1e-9))


def near(expected: float, studies: int, also: float = 0.0) -> Any:
    """Accept what Monte-Carlo error lets a power be, and of another simulation's."""
    error = (expected * (1 - expected) / studies) ** 0.5
    return pytest.approx(expected, abs=ERROR * float(np.hypot(error, also)))


# points so fine that ranks have no ties
FINE = {
    time: {"mean": 5000.0, "sd": 900.0, "floor": 0, "ceiling": 10_000}
    for time in ("baseline", "followup")
}


def test_the_case_that_every_power_calculator_knows():
    from statsmodels.stats.power import TTestPower

    study = planned("single-arm", studies=4000)
    exact = expected_power(study, "change", 34, 0.5)
    assert exact == pytest.approx(TTestPower().power(0.5, nobs=34, alpha=0.05), rel=1e-9)
    assert exact == pytest.approx(0.80, abs=0.01)
    assert expected_n(study, "change", 0.5) == 34
    assert found(study, "change", 34, 0.5) == near(exact, 4000)


CALIBRATED = [
    ("single-arm", "change", 24, 0.8),
    ("single-arm", "change", 40, 0.5),
    ("parallel", "change", 24, 0.8),
    ("crossover", "change", 24, 0.8),
    ("single-arm", "association", 24, 0.8),
    ("parallel", "association", 24, 0.5),
]


@pytest.mark.parametrize(("design", "question", "n", "power"), CALIBRATED)
def test_power_is_that_of_the_calibration_page(design, question, n, power):
    if question == "association":
        nuisance = 2 if design == "parallel" else 1
        people = int(RANK_EFFICIENCY * n)
        effect = detectable_partial_r(people, nuisance=nuisance, alpha=0.05, power=power)
    elif design == "parallel":
        effect = detectable_difference(
            n // 2, n // 2, nuisance=1, explained=0.36, alpha=0.05, power=power
        )
    elif design == "crossover":
        effect = detectable_difference(n // 2, n // 2, alpha=0.05, power=power) / 2
    else:
        effect = detectable_dz(n, alpha=0.05, power=power)
    study = planned(
        design,
        n,
        scores=FINE,
        studies=2000,
        permutations=499,
        stability=0.6 if design == "parallel" else 0.5,
    )
    table = read_tsv(REPO / "docs/calibration.tsv", numeric=("rate", "n", "studies"))
    known = table[
        (table["design"] == design)
        & (table["truth"] == f"power {power}")
        & (table["n"] == n)
        & (table["test"] == question)
        & (table["method"] == "permutation")
    ]
    (rate,), (studies,) = known["rate"], known["studies"]
    also = float((rate * (1 - rate) / studies) ** 0.5)
    assert found(study, question, n, effect) == near(rate, 2000, also)


@pytest.mark.parametrize("design", ["single-arm", "parallel", "crossover"])
@pytest.mark.parametrize("question", ["change", "association"])
def test_nothing_is_found_as_often_as_the_level_says(design, question):
    study = planned(design, 30, drop_out=0.1, reliability=0.6, allocation=ratio(design))
    assert found(study, question, 30, 0.0) == near(0.05, 2000)


def ratio(design: str) -> list[float] | None:
    return None if design == "single-arm" else [2, 1]


@pytest.mark.parametrize("design", ["single-arm", "parallel", "crossover"])
def test_changes_have_the_power_of_the_formula_with_error_drop_out_and_unequal_groups(design):
    study = planned(design, 48, drop_out=0.2, reliability=0.5, stability=0.3)
    study = replace(study, allocation=(1.0, 0.0) if design == "single-arm" else (2.0, 1.0))
    effect = expected_effect(study, "change", 48)
    # those who drop out vary, which costs a little
    assert found(study, "change", 48, effect) == pytest.approx(0.8, abs=0.035)
    # each of the three matters: without one the power is another
    for other in (
        replace(study, drop_out=0.0),
        replace(study, measurement=Measurement(1.0, 0.3)),
        replace(study, measurement=Measurement(0.5, 0.9)),
    ):
        assert expected_power(other, "change", 48, effect) > 0.85
        assert found(other, "change", 48, effect) == pytest.approx(
            expected_power(other, "change", 48, effect), abs=0.03
        )
    if design != "single-arm":
        equal = replace(study, allocation=(1.0, 1.0))
        assert expected_power(equal, "change", 48, effect) > 0.82


def test_the_joint_test_of_many_studies_is_the_test_of_each():
    for design in ("single-arm", "parallel", "crossover"):
        study = planned(design, 20)
        groups = np.array(study.enrolled(20)) - np.array([2, 0])
        for question in ("change", "association"):
            rng = np.random.default_rng(5)
            outcomes = simulation._outcomes(study, question, groups, 3, 0.6, rng)
            joint = simulation._tested(study, question, groups, outcomes, np.random.default_rng(6))
            (test,) = (one for one in planned_tests(study.design) if one.name == question)
            arm = np.repeat(["ketamine", "control"], groups)
            for i in range(3):
                table = pd.DataFrame(
                    {
                        "arm": arm,
                        "sequence": [f"{role}-first" for role in arm],
                        "z_baseline": outcomes.before[:, i],
                        "z_followup": outcomes.after[:, i],
                        "si_baseline": outcomes.score_before[:, i],
                        "si_followup": outcomes.score_after[:, i],
                    }
                )
                evidence = evidence_of(
                    model_of(test, table, study.design),
                    alpha=0.05,
                    permutations=999,
                    rng=np.random.default_rng(6),
                )
                assert joint[i] == pytest.approx(evidence.p_permutation, abs=1e-12)


def test_a_study_too_small_for_its_test_finds_nothing():
    assert found(planned("parallel", 4, drop_out=0.4), "association", 4, 0.9) == 0
    # five participants have 32 patterns of signs, of which the two most extreme are 6 %
    assert found(planned("single-arm", 5), "change", 5, 5.0) == 0


def test_more_drop_out_is_fewer_participants_at_random():
    study = planned("parallel", 40, drop_out=0.25, allocation=[3, 1])
    drawn = simulation._complete(study, 40, 400, np.random.default_rng(1))
    assert drawn.mean(axis=0) == pytest.approx([22.5, 7.5], abs=0.05)
    assert drawn.std(axis=0) == pytest.approx([(30 * 0.1875) ** 0.5, 1.875**0.5], rel=0.06)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.15


def test_longer_sessions_are_more_reliable():
    # Brown's and Spearman's example: twice as long
    assert spearman_brown(0.5, 2) == pytest.approx(2 / 3)
    assert spearman_brown(0.8, 0.5) == pytest.approx(2 / 3)
    study = planned("single-arm", reliability=0.5, reliability_minutes=10, minutes=20)
    assert study.measurement.reliability == pytest.approx(2 / 3)
    about = Measurement(0.6, 0.5)
    assert about.change_reliability == pytest.approx((0.6 - 0.3) / (1 - 0.3))
    assert about.measured_r(0.5) == pytest.approx(0.5 * (0.3 / 0.7) ** 0.5)
    # the true change's variance by that of the measured one
    assert (about.true_change_sd / about.change_sd) ** 2 == pytest.approx(about.change_reliability)


def test_error_of_measurement_is_that_of_the_reliability():
    study = planned("single-arm", 40, reliability=0.4, stability=0.7)
    rng = np.random.default_rng(3)
    made = simulation._outcomes(study, "association", np.array([4000, 0]), 1, 0.6, rng)
    before, after = made.before[:, 0], made.after[:, 0]
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(0.28, abs=0.05)
    assert before.var() == pytest.approx(2.5, rel=0.08)
    assert (after - before).std() == pytest.approx(study.measurement.change_sd, rel=0.05)


@pytest.mark.parametrize("design", ["single-arm", "crossover"])
def test_an_association_is_with_the_true_change_at_equal_baseline(design):
    study = planned(design, 40, scores={**FINE, "correlation": 0.3})
    groups = np.array([5000, 4000])
    rng = np.random.default_rng(4)
    made = simulation._outcomes(study, "association", groups, 1, -0.6, rng)
    change = (made.after - made.before)[:, 0]
    first, last = made.score_before[:, 0], made.score_after[:, 0]
    assert np.corrcoef(first, last)[0, 1] == pytest.approx(0.3, abs=0.04)
    if design == "crossover":
        assert np.corrcoef(last - first, change)[0, 1] == pytest.approx(-0.6, abs=0.03)
        return
    left = last - np.polyval(np.polyfit(first, last, 1), first)
    assert np.corrcoef(left, change)[0, 1] == pytest.approx(-0.6, abs=0.03)


def test_scores_have_the_shape_that_was_asked_for():
    shape = Points.model_validate(
        {"mean": 9.0, "sd": 5.0, "skew": 1.2, "floor": 1, "ceiling": 30, "at-floor": 0.25}
    )
    latent = np.random.default_rng(2).normal(size=200_000)
    points = points_of(shape)(latent)
    assert set(np.unique(points)) <= set(range(1, 31))
    assert {1.0, 30.0} <= set(points)
    made = summary_of(shape)
    assert made["mean"] == pytest.approx(points.mean(), rel=0.01)
    assert made["sd"] == pytest.approx(points.std(), rel=0.01)
    assert made["at_floor"] == pytest.approx((points == 1).mean(), abs=0.005)
    assert made["at_floor"] > 0.25
    # the order of participants stays
    order = np.argsort(latent)
    assert (np.diff(points[order]) >= 0).all()
    # skewness, away from floor and ceiling
    wide = Points.model_validate({"mean": 500.0, "sd": 50.0, "skew": 1.2, "ceiling": 5000})
    high = points_of(wide)(latent)
    assert high.mean() == pytest.approx(500, rel=0.01)
    assert high.std() == pytest.approx(50, rel=0.02)
    assert ((high - high.mean()) ** 3).mean() / high.std() ** 3 == pytest.approx(1.2, abs=0.1)


def test_zeros_cost_an_association_power():
    few = planned("single-arm", 40)
    shape = {"mean": 8.0, "sd": 6.0, "skew": 1.0}
    many = planned("single-arm", 40, scores={"followup": {**shape, "at-floor": 0.7}})
    assert found(many, "association", 40, 0.5) < found(few, "association", 40, 0.5) - 0.1


def test_a_curve_crosses_where_it_crosses():
    x, power = np.array([1.0, 2.0, 4.0]), np.array([0.2, 0.7, 0.9])
    at = crossing(x, power, 0.8)
    assert 2 < at < 4
    # half-way in normal quantiles
    from scipy import stats

    low, high = stats.norm.ppf([0.7, 0.9])
    assert crossing(x, power, float(stats.norm.cdf((low + high) / 2))) == pytest.approx(3.0)
    assert crossing(x, power, 0.7) == pytest.approx(2.0)
    assert np.isnan(crossing(x, power, 0.95))
    assert np.isnan(crossing(x, power, 0.1))
    # a curve that the simulation's error lets fall is made to rise
    bent = crossing(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 0.82, 0.76, 0.95]), 0.8)
    assert 3 < bent < 4
    assert wilson(0, 100)[0] == 0
    assert wilson(80, 100) == pytest.approx((0.7112, 0.8666), abs=1e-3)


@pytest.fixture(scope="module")
def small() -> tuple[PlannedStudy, pd.DataFrame]:
    study = planned(
        "parallel",
        24,
        allocation=[2, 1],
        curve=[12, 24, 48],
        effects={"change": [1.0, 0.2], "association": [0.6]},
        studies=400,
        permutations=199,
    )
    tables = [power_table(study, question) for question in ("change", "association")]
    return study, pd.concat(tables, ignore_index=True)


def test_what_is_needed_is_where_the_curve_crosses(small):
    study, table = small
    needed = needed_table(study, table).set_index(["question", "quantity", "effect"])
    row = needed.loc[("change", NEEDED, 1.0)]
    curve = table[(table["question"] == "change") & (table["effect"] == 1.0)].sort_values("n")
    below, above = curve[curve["n"] < row["value"]], curve[curve["n"] >= row["value"]]
    assert below["power"].max() < 0.8 + 0.06
    assert above["power"].min() > 0.8 - 0.06
    assert row["ci_low"] <= row["value"] <= row["ci_high"]
    assert row["value"] == pytest.approx(row["analytic"], rel=0.15)
    assert found(study, "change", int(row["value"]), 1.0, "b") == near(0.8, 400, 0.02)
    # a small effect needs more than are simulated, and the formula says how many
    small_effect = needed.loc[("change", NEEDED, 0.2)]
    assert np.isnan(small_effect["value"])
    assert small_effect["analytic"] > 500
    assert "not reached within the participants that were simulated, 12 to 48" in str(
        small_effect["note"]
    )
    least = needed.xs(DETECTABLE, level="quantity").loc["change"].iloc[0]
    assert found(study, "change", 24, float(least["value"]), "c") == near(0.8, 400, 0.02)


def test_every_row_is_of_its_own_stream_and_the_same_again(small):
    study, table = small
    again = power_table(replace(study, effects={"change": (1.0,)}), "change")
    both = table.merge(again, on=["question", "n", "effect"], suffixes=("", "_again"))
    assert len(both) == len(again)
    assert (both["power"] == both["power_again"]).all()
    other = power_table(replace(study, effects={"change": (1.0,)}, seed=7), "change")
    assert (other["power"] != again["power"]).any()


def test_the_null_is_simulated_beside_the_effects(small):
    _, table = small
    none = table[table["effect"] == 0]
    assert list(none["question"]) == ["change", "association"]
    assert (none["analytic"] == 0.05).all()
    assert none["power"].to_numpy() == pytest.approx(0.05, abs=0.035)
    assert (table["n_complete"] == table["n"]).all()


def test_five_circuits_are_tested_at_a_fifth_of_the_level():
    study = planned("single-arm", circuits=5)
    assert study.level == pytest.approx(0.01)
    assert study.permutations == 999
    # five of the smallest p values lie below the level
    assert planned("single-arm", circuits=20).permutations == 1999
    assert expected_power(study, "change", 34, 0.5) < 0.6
