"""A planned study by its config, and by the study that it follows."""

from __future__ import annotations

from typing import Any

import pytest
from made_design import design_of

from ketfc.inference.power.planned import FEWEST, planned_study
from ketfc.study.config.planning.power import Power, completed
from ketfc.study.config.statistics import Statistics

ARMS = {"ketamine": "ketamine", "control": "midazolam"}


def power_of(**about: Any) -> Power:
    given = {name.replace("_", "-"): value for name, value in about.items()}
    return completed(Power.model_validate(given), Statistics(seed=7))


PEOPLE = [f"sub-{i:02d}" for i in range(1, 13)]
# a healthy control is in no contrast
GROUPS = {
    "patients": ["MDD"],
    "controls": ["HC"],
    "participants": dict.fromkeys(PEOPLE[1:], "patients") | {PEOPLE[0]: "controls"},
}
PARALLEL = {
    "arms": ARMS,
    "participants": {who: ["control", "ketamine"][i % 4 > 0] for i, who in enumerate(PEOPLE)},
}
CROSSOVER = {
    "kind": "crossover",
    "drugs": ARMS,
    "participants": dict.fromkeys(PEOPLE),
    "sequences": {who: f"{['control', 'ketamine'][i % 4 > 0]}-first"
                  for i, who in enumerate(PEOPLE[1:])},
}  # fmt: skip
ONE = {"participants": dict.fromkeys(PEOPLE)}


@pytest.mark.parametrize(
    ("content", "kind", "participants", "allocation"),
    [
        (ONE, "single-arm", 11, (1.0, 0.0)),
        (PARALLEL, "parallel", 11, (9.0, 2.0)),
        (CROSSOVER, "crossover", 11, (8.0, 3.0)),
    ],
)
def test_what_the_config_does_not_say_is_that_of_the_study(content, kind, participants, allocation):
    design = design_of(
        {**content, "groups": GROUPS, "si": {"instrument": "BSS", "shape": "change"}}
    )
    found = planned_study(power_of(), design)
    assert (found.design.kind, found.participants) == (kind, participants)
    assert found.allocation == allocation
    assert found.two_groups == (kind != "single-arm")
    assert found.design.si.instrument == "BSS"
    # 0.4, 0.6, 0.8, 1, 1.3, 1.6 and 2 times as many
    assert found.curve == (4, 7, 9, 11, 14, 18, 22)
    assert (found.seed, found.level, found.permutations) == (7, 0.05, 999)
    # what the config says comes first
    other = planned_study(power_of(participants=30, curve=[8, 40]), design)
    assert (other.participants, other.curve) == (30, (8, 40))
    # of another design nothing but the number is that of the study
    another = {"single-arm": "parallel"}.get(kind, "single-arm")
    assert planned_study(power_of(design=another), design).participants == participants
    assert planned_study(power_of(design="crossover"), design).allocation == (
        (8.0, 3.0) if kind == "crossover" else (1.0, 1.0)
    )


def test_an_allocation_that_is_asked_for_or_equal_groups_where_one_is_empty():
    design = design_of(PARALLEL)
    assert planned_study(power_of(allocation=[3, 2]), design).allocation == (3.0, 2.0)
    empty = design_of(PARALLEL | {"participants": dict.fromkeys(PEOPLE, "ketamine")})
    found = planned_study(power_of(), empty)
    assert (found.participants, found.allocation) == (12, (1.0, 1.0))


def test_a_small_study_is_planned_with_the_fewest():
    found = planned_study(power_of(), design_of({"participants": {"sub-01": None}}))
    assert found.participants == FEWEST == 4
    assert found.curve == (4, 5, 6, 8)


def test_without_a_study_scores_have_no_name():
    found = planned_study(power_of(design="parallel", participants=20, drop_out=0.25))
    assert found.design.si.instrument == "the score"
    assert found.allocation == (1.0, 1.0)
    assert found.design.arms == ARMS
    assert found.measurement.reliability == 1.0
    assert (found.enrolled(9), found.complete(9)) == ((4, 5), (3, 4))


def test_somebody_is_in_each_group():
    found = planned_study(power_of(design="parallel", participants=20, allocation=[99, 1]))
    assert found.enrolled(10) == (9, 1)
    other = planned_study(power_of(design="parallel", participants=20, allocation=[1, 99]))
    assert other.enrolled(10) == (1, 9)
    assert planned_study(power_of(design="single-arm", participants=20)).enrolled(10) == (10, 0)


def test_minutes_without_those_of_the_reliability_leave_it_as_it_is():
    about = {"design": "single-arm", "participants": 20, "reliability": 0.5}
    assert planned_study(power_of(**about, minutes=20)).measurement.reliability == 0.5
    assert planned_study(power_of(**about, reliability_minutes=5)).measurement.reliability == 0.5


@pytest.mark.parametrize("name", ["level", "seed", "permutations"])
def test_a_section_that_is_not_completed_is_refused(name):
    power = power_of(design="single-arm", participants=20).model_copy(update={name: None})
    with pytest.raises(ValueError, match="left to another section"):
        planned_study(power)
