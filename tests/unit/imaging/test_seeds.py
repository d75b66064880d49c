"""Seeds of maps: those of the primary circuits, or those that the config names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ketfc.imaging.preflight.precheck import fixed_problems, seed_problems
from ketfc.imaging.regions.region_atlases import region_inputs
from ketfc.imaging.regions.registry import load_registry
from ketfc.study.config.config import parse_config

ATLASES = Path(__file__).parents[3] / "atlases"
REGISTRY, NAMED = ATLASES / "circuits.yaml", ATLASES / "parcellations.yaml"


def config(**maps):
    return parse_config(
        {
            "study": {"name": "a", "derivatives": "b", "sessions": {"pre": "a", "post": "b"}},
            "scores": {"table": "t", "si": {"instrument": "SSI", "column": "SSI"}},
            "maps": {name.replace("_", "-"): value for name, value in maps.items()},
        }
    )


def test_the_seeds_of_the_bundled_circuits():
    assert load_registry(REGISTRY).primary_seeds == (
        "sgACC", "rLPFC", "rHabenula", "lAmygdala", "rAmygdala", "mPFC", "dACC",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("measure", "edges", "seeds"),
    [
        ("edge", "ab", ("a", "b")),
        ("between", "bx by ax ay", ("b", "a")),
        ("within", "cb ca ba", ("c",)),
    ],
)
def test_the_seeds_of_a_circuit_are_those_whose_maps_show_it(measure, edges, seeds):
    circuit = next(iter(load_registry(REGISTRY).circuits.values()))
    pairs = tuple((a, b) for a, b in edges.split())
    assert replace(circuit, measure=measure, edges=pairs).seeds == seeds


def test_only_a_study_that_asks_for_maps_has_seeds():
    assert region_inputs(config(), REGISTRY, NAMED)["seeds"] == []
    assert region_inputs(config(seeds=["dACC"]), REGISTRY, NAMED)["seeds"] == []
    assert region_inputs(config(seed_maps=True, seeds=["PCC"]), REGISTRY, NAMED)["seeds"] == ["PCC"]
    assert len(region_inputs(config(seed_maps=True), REGISTRY, NAMED)["seeds"]) == 7


def test_a_seed_that_no_circuit_measures_stops_the_plan():
    given = config(seed_maps=True, seeds=["dACC", "lHabenula", "rHabenulla"])
    found = [each for each in fixed_problems(given, REGISTRY, NAMED) if each.severity == "error"]
    assert [(each.field, each.value) for each in found] == [
        ("maps.seeds", "lHabenula"), ("maps.seeds", "rHabenulla"),
    ]  # fmt: skip
    assert "did you mean 'rHabenula'?" in found[1].message
    assert found[0].allowed == "regions that a circuit of circuits.yaml uses"


def test_an_alternative_definition_that_is_measured_can_be_a_seed():
    registry = load_registry(REGISTRY)
    given = config(seed_maps=True, seeds=["sgACCFox2012"])
    assert seed_problems(given, registry)
    assert seed_problems(given, registry.with_variants(["sgacc-rlpfc.sgACC-Fox2012"])) == []
