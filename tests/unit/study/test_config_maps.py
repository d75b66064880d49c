"""Section `maps` of the config, and what it needs of the section on denoising."""

from __future__ import annotations

import pytest
import yaml

from ketfc.base.errors import StudyError
from ketfc.study.config.config import parse_config

STUDY = """
study: {name: a, derivatives: b, sessions: {pre: a, post: b}}
scores: {table: t, si: {instrument: SSI, column: SSI}}
"""


def parsed(maps: str, denoising: str = "{}"):
    return parse_config(yaml.safe_load(f"{STUDY}\ndenoising: {denoising}\nmaps: {maps}"))


def refused(maps: str, denoising: str = "{}"):
    with pytest.raises(StudyError) as caught:
        parsed(maps, denoising)
    (problem,) = caught.value.problems
    return problem


def test_maps_are_off_unless_they_are_asked_for():
    assert not parsed("{}").maps.seed_maps
    given = parsed("{seed-maps: true, seeds: [dACC, sgACC], strategies: [36P, 24P], fwhm: 0}").maps
    assert given.seed_maps
    assert given.seeds == ("dACC", "sgACC")
    assert given.strategies == ("36P", "24P")
    assert given.fwhm == 0


def test_the_strategies_of_maps_are_among_those_of_denoising():
    chosen = "{primary: none, strategies: [none, acompcor]}"
    assert parsed("{strategies: [acompcor]}", chosen).maps.strategies == ("acompcor",)
    problem = refused("{strategies: [acompcor, 24P]}", chosen)
    assert problem.field == "maps.strategies"
    assert "24P is not one of denoising.strategies (none, acompcor)" in problem.message
    # without a list of its own, the default list counts
    assert "27P is not one of" in refused("{strategies: [27P]}").message


def test_a_wrong_list_of_strategies_is_not_blamed_on_the_maps():
    with pytest.raises(StudyError) as caught:
        parsed("{strategies: [24P]}", "{primary: none, strategies: [5]}")
    assert {problem.field for problem in caught.value.problems} == {"denoising.strategies[0]"}


@pytest.mark.parametrize(
    ("maps", "field", "said"),
    [
        ("{seeds: []}", "maps.seeds", "is an empty list"),
        ("{seeds: [dACC, sgACC, dACC]}", "maps.seeds", "names dACC twice"),
        ("{strategies: [24P, 24P]}", "maps.strategies", "names 24P twice"),
        ("{fwhm: -1}", "maps.fwhm", ""),
        ("{fwhm: 60}", "maps.fwhm", ""),
        ("{seed-maps: 1}", "maps.seed-maps", ""),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(maps, field, said):
    problem = refused(maps)
    assert problem.field == field
    assert said in problem.message
    assert problem.allowed


def test_permutations_and_tail_of_group_maps_are_checked():
    given = parsed("{permutations: 200, tail: pareto}").maps
    assert (given.permutations, given.tail) == (200, "pareto")
    assert refused("{permutations: 20}").field == "maps.permutations"
    problem = refused("{tail: gamma}")
    assert (problem.field, problem.allowed) == ("maps.tail", "counted or pareto")
