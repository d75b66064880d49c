"""Section `activity` of the config."""

from __future__ import annotations

import pytest
import yaml

from ketfc.base.errors import StudyError
from ketfc.study.config.config import parse_config

STUDY = """
study: {name: a, derivatives: b, sessions: {pre: a, post: b}}
scores: {table: t, si: {instrument: SSI, column: SSI}}
denoising: {primary: 24P, strategies: [24P, acompcor]}
"""


def parsed(activity: str):
    return parse_config(yaml.safe_load(f"{STUDY}\nactivity: {activity}")).activity


def test_activity_is_off_unless_it_is_asked_for():
    given = parsed("{}")
    assert given.measures == ()
    assert (given.lower_bpf, given.upper_bpf) == (0.01, 0.08)
    given = parsed("{measures: [reho, alff], strategies: [acompcor], maps: true, upper-bpf: 0.1}")
    assert given.measures == ("reho", "alff")
    assert given.strategies == ("acompcor",)
    assert given.maps
    assert given.upper_bpf == 0.1


@pytest.mark.parametrize(
    ("activity", "field", "said"),
    [
        ("{measures: [falff, alff, falff]}", "activity.measures", "names falff twice"),
        ("{measures: [ALFF]}", "activity.measures[0]", "ALFF"),
        ("{strategies: []}", "activity.strategies", "is an empty list"),
        ("{strategies: [36P]}", "activity.strategies", "36P is not one of denoising.strategies"),
        ("{lower-bpf: 0}", "activity.lower-bpf", ""),
        (
            "{lower-bpf: 0.09}",
            "activity",
            "upper-bpf 0.08 Hz is not above lower-bpf, which is 0.09 Hz",
        ),
        ("{upper-bpf: 0.01}", "activity.upper-bpf", "upper-bpf 0.01 Hz is not above lower-bpf"),
    ],
)
def test_a_mistake_is_told_with_its_place(activity, field, said):
    with pytest.raises(StudyError) as caught:
        parsed(activity)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert said in f"{problem.message} {problem.value}"
