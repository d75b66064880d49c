"""Definitions, alternatives and preregistrations in a registry file: read, expanded, refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ketfc.base.errors import StudyError
from ketfc.imaging.regions.registry import Registry, load_registry

SOURCE = {"text": "Somebody 2020", "verified": True}
SPACE = "MNI152NLin2009cAsym"
BUNDLED = Path(__file__).parents[3] / "atlases" / "circuits.yaml"


def ball(x: float) -> list[dict[str, Any]]:
    return [{"space": "MNI152", "centre": [x, 0, 0], "radius": 5}]


def region(**definition: Any) -> dict[str, Any]:
    return {"name": "a place", "hemisphere": "left", "source": dict(SOURCE)} | definition


SMALL: dict[str, Any] = {
    "regions": {
        "a": region(spheres=ball(-10)),
        "b": region(labels={"atlas": "TianS1", "names": ["AMY-rh"]}),
        "c": region(union=["a", "b"]),
    },
    "circuits": {
        "one": {
            "name": "one",
            "edge": ["a", "b"],
            "primary": True,
            "hypothesis": "it changes",
            "source": dict(SOURCE),
        }
    },
}


def load(folder: Path, **regions: Any) -> Registry:
    content = copy.deepcopy(SMALL)
    content["regions"] |= regions
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_registry(path)


def refused(folder: Path, **regions: Any) -> list[tuple[str | None, str]]:
    with pytest.raises(StudyError) as caught:
        load(folder, **regions)
    assert {problem.file for problem in caught.value.problems} == {"mine.yaml"}
    return [(problem.field, problem.message) for problem in caught.value.problems]


def test_every_kind_of_definition_is_read(tmp_path):
    registry = load(
        tmp_path,
        d=region(labels=[{"atlas": "CIT168", "names": ["HN_RH"], "weights": "fraction"}]),
        e=region(map={"image": "maps/e.nii.gz", "space": SPACE}),
        f=region(union=["c", "e"]),
    )
    assert registry.regions["b"].labels[0].names == ("AMY-rh",)
    assert not registry.regions["b"].labels[0].fraction
    assert registry.regions["d"].labels[0].fraction
    chosen = registry.regions["e"].map_in(SPACE)
    assert chosen is not None
    assert chosen.image == str(tmp_path / "maps/e.nii.gz")
    assert [leaf.id for leaf in registry.regions["f"].leaves] == ["a", "b", "e"]
    assert registry.regions["f"].describe(SPACE) == (
        "sphere (-10, 0, 0) mm, radius 5 mm, MNI152; AMY-rh of TianS1; "
        f"probability map {tmp_path / 'maps/e.nii.gz'}, {SPACE}"
    )


def test_a_map_in_another_template_lies_outside(tmp_path):
    other = region(map={"image": "e.nii.gz", "space": "MNI152NLin6Asym"})
    registry = load(tmp_path, b=other)
    assert registry.outside(SPACE) == ["b"]
    assert registry.outside("MNI152NLin6Asym") == []


def test_of_maps_in_several_templates_that_of_the_study_is_taken(tmp_path):
    other = "MNI152NLin6Asym"
    maps = [{"image": "six.nii.gz", "space": other}, {"image": "asym.nii.gz", "space": SPACE}]
    found = load(tmp_path, e=region(map=maps)).regions["e"]
    for space, name in ((SPACE, "asym"), (other, "six"), ("neither", "six")):
        chosen = found.map_in(space)
        assert chosen is not None
        assert chosen.image == str(tmp_path / f"{name}.nii.gz")
    assert found.describe(SPACE) == f"probability map {tmp_path / 'asym.nii.gz'}, {SPACE}"
    assert found.foreign_spaces(SPACE) == found.foreign_spaces(other) == ()
    assert found.foreign_spaces("neither") == (SPACE, other)


def test_shells_and_shares_are_described_in_words(tmp_path):
    shell = [{"space": "MNI152", "centre": [1.5, 0, -2], "radius": 9, "inner": 4.5}]
    share = [{"atlas": "CIT168", "names": ["HN_LH", "HN_RH"], "weights": "fraction"}]
    registry = load(tmp_path, d=region(spheres=shell), e=region(labels=share))
    assert registry.regions["d"].describe(SPACE) == (
        "sphere (1.5, 0, -2) mm, radius 9 mm without its inner 4.5 mm, MNI152"
    )
    assert registry.regions["e"].describe(SPACE) == (
        "HN_LH, HN_RH of CIT168, weighted by the share of each voxel"
    )


def test_a_template_that_is_not_the_studys_is_told_once(tmp_path):
    other = "MNI152NLin6Asym"
    spheres = [{"space": other, "centre": [x, 0, 0], "radius": 5} for x in (3, 9)]
    there = [*spheres, {"space": SPACE, "centre": [3, 0, 0], "radius": 5}]
    registry = load(
        tmp_path,
        d=region(spheres=spheres),
        e=region(map={"image": "e.nii.gz", "space": other}),
        f=region(union=["a", "d", "e"]),
        g=region(spheres=there),
    )
    for name in "def":
        assert registry.regions[name].foreign_spaces(SPACE) == (other,)
        assert registry.regions[name].foreign_spaces(other) == ()
    # one sphere in the study's template, or in unspecified MNI, is enough
    for name in "ag":
        assert registry.regions[name].foreign_spaces(SPACE) == ()


LABELS = {"atlas": "TianS1", "names": ["AMY-rh"]}


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"spheres": ball(1), "labels": LABELS}, "regions.z", "needs exactly one definition"),
        ({}, "regions.z", "needs exactly one definition"),
        ({"labels": LABELS | {"names": []}}, "regions.z.labels.names", "must be a list of labels"),
        ({"labels": LABELS | {"names": ["x", "x"]}}, "regions.z.labels.names", "each once"),
        ({"labels": {"names": ["x"]}}, "regions.z.labels.atlas", "is missing or not text"),
        (
            {"labels": LABELS | {"weights": "all"}},
            "regions.z.labels.weights",
            "not a kind of weights",
        ),
        ({"labels": [LABELS, {**LABELS, "name": 1}]}, "regions.z.labels[1].name", "'names'?"),
        ({"labels": 5}, "regions.z.labels", "must be a mapping"),
        ({"map": {"image": "x.nii"}}, "regions.z.map.space", "is not a known space"),
        ({"map": {"space": SPACE}}, "regions.z.map.image", "is missing or not text"),
        (
            {"map": {"image": "$KETFC_NOWHERE/x.nii", "space": SPACE}},
            "regions.z.map.image",
            "KETFC_NOWHERE",
        ),
        ({"union": ["a"]}, "regions.z.union", "two regions or more"),
        ({"union": ["a", "a"]}, "regions.z.union", "each once"),
        ({"union": ["a", "bb"]}, "regions.z.union", "is not a region of this file"),
        ({"union": ["a", "z"]}, "regions.z.union", "is a union of itself"),
        ({"spheres": ball(1), "alternatives": {}}, "regions.z.alternatives", "must be a mapping"),
        (
            {"spheres": ball(1), "alternatives": {"x_y": {"spheres": ball(2), "source": SOURCE}}},
            "regions.z.alternatives.x_y",
            "goes into file names",
        ),
        (
            {"spheres": ball(1), "alternatives": {"x": {"spheres": ball(2)}}},
            "regions.z.alternatives.x.source",
            "is missing: name the source",
        ),
        (
            {"spheres": ball(1), "alternatives": {"x": {"source": SOURCE}}},
            "regions.z.alternatives.x",
            "needs exactly one definition",
        ),
    ],
)
def test_each_mistake_is_told_where_it_is(changes, field, message, tmp_path):
    found = refused(tmp_path, z=region(**changes))
    assert [at for at, _ in found] == [field]
    assert message in found[0][1]


def test_definitions_that_exclude_each_other_are_told_by_name(tmp_path):
    told = []
    for changes in ({"spheres": ball(1), "labels": LABELS}, {}):
        with pytest.raises(StudyError) as caught:
            load(tmp_path, z=region(**changes))
        told += [(problem.value, problem.allowed) for problem in caught.value.problems]
    allowed = "spheres, labels, map, union"
    assert told == [("spheres, labels", allowed), (None, allowed)]


def test_a_loop_of_unions_is_told_once_with_its_way(tmp_path):
    loop = {"x": region(union=["a", "y"]), "y": region(union=["b", "z"])}
    found = refused(tmp_path, **loop, z=region(union=["x", "a"]), w=region(union=["z", "a"]))
    assert found == [("regions.x.union", "is a union of itself")]


def test_an_alternative_may_not_be_called_like_a_region(tmp_path):
    other = {"b2": {"spheres": ball(3), "source": SOURCE}}
    found = refused(
        tmp_path, a=region(spheres=ball(1), alternatives=other), ab2=region(spheres=ball(2))
    )
    assert found == [("regions.a.alternatives.b2", "is the name of a region of this file")]


def test_alternatives_make_variants_of_primary_circuits_only(tmp_path):
    others = {
        "Wide": {"spheres": ball(-20), "source": {"text": "X", "verified": False}},
        "Both": {"union": ["b", "d"], "source": SOURCE},
    }
    registry = load(
        tmp_path, a=region(spheres=ball(-10), alternatives=others), d=region(spheres=ball(-30))
    )
    assert set(registry.circuits) == {"one"}
    assert set(registry.variants) == {"one.a-Wide", "one.a-Both"}
    some = registry.with_variants(["one.a-Wide"])
    assert list(some.circuits) == ["one", "one.a-Wide"]
    variant = some.circuits["one.a-Wide"]
    assert variant.edges == (("aWide", "b"),)
    assert (variant.primary, variant.variant_of) == (False, "one")
    assert [each.id for each in some.used_regions] == ["a", "b", "aWide"]
    wide = some.regions["aWide"]
    assert (wide.source, wide.verified, wide.hemisphere) == ("X", False, "left")
    assert wide.spheres[0].centre == (-20, 0, 0)
    both = registry.variants["one.a-Both"][1]
    assert [leaf.id for leaf in both.leaves] == ["b", "d"]


def test_what_is_regressed_from_a_region_is_regressed_from_its_alternative(tmp_path):
    path = tmp_path / "mine.yaml"
    content = copy.deepcopy(SMALL)
    content["regions"]["s"] = region(spheres=ball(-30))
    content["regions"]["a"]["alternatives"] = {"W": {"spheres": ball(-20), "source": SOURCE}}
    content["circuits"]["one"]["regress"] = {"a": ["s"]}
    path.write_text(yaml.safe_dump(content))
    variant, _ = load_registry(path).variants["one.a-W"]
    assert variant.regress == {"aW": ("s",)}


def test_the_bundled_alternatives_are_few_and_only_of_primary_circuits():
    registry = load_registry(BUNDLED)
    assert set(registry.variants) == {
        "sgacc-rlpfc.sgACC-Fox2012",
        "sgacc-rlpfc.sgACC-Areas24and33",
        "sgacc-rlpfc.sgACC-HarvardOxford",
        "sgacc-rlpfc.rLPFC-dlPFC",
        "habenula-cortex.rHabenula-CIT168",
        "amygdala-dacc.lAmygdala-TianS1",
        "amygdala-dacc.rAmygdala-TianS1",
    }
    fox = registry.variants["sgacc-rlpfc.sgACC-Fox2012"][1]
    assert (fox.spheres[0].centre, fox.spheres[0].radius) == ((6, 16, -10), 10)
    assert not fox.verified


def test_reference_circuits_are_no_hypotheses_of_their_own():
    registry = load_registry(BUNDLED)
    for name in ("visual-reference", "somatomotor-reference"):
        circuit = registry.circuits[name]
        assert not circuit.primary
        assert "reference, not a negative control" in circuit.hypothesis


# -- preregistration -----------------------------------------------------------------------------


def preregistered(folder: Path, value: Any) -> Path:
    content = copy.deepcopy(SMALL)
    content["circuits"]["one"]["preregistered"] = value
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_preregistered_direction_belongs_to_the_circuit_and_not_to_its_variants(tmp_path):
    path = preregistered(tmp_path, {"direction": "-", "registration": "https://osf.io/abcde"})
    registry = load_registry(path)
    assert registry.circuits["one"].direction == "-"
    assert registry.circuits["one"].registration == "https://osf.io/abcde"
    assert all(variant.direction is None for variant, _ in registry.variants.values())
    assert load_registry(BUNDLED).circuits["sgacc-rlpfc"].direction is None


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        ({"registration": "https://osf.io/a"}, ".direction", "is not a direction of change"),
        ({"direction": "?", "registration": "doi:10/a"}, ".direction", "not a direction"),
        ({"direction": "+"}, ".registration", "the address where others can read"),
        ({"direction": "+", "registration": "in my drawer"}, ".registration", "the address"),
        ({"direction": "+", "registration": "doi:1", "who": "me"}, ".who", "unknown key"),
        (True, "", "must be a mapping"),
    ],
)
def test_a_preregistration_without_direction_or_address_is_refused(value, field, message, tmp_path):
    with pytest.raises(StudyError) as caught:
        load_registry(preregistered(tmp_path, value))
    (problem,) = caught.value.problems
    assert problem.field == f"circuits.one.preregistered{field}"
    assert message in problem.message
