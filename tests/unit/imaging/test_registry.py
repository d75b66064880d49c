"""The registry: the bundled file loads, and every kind of mistake is told, all at once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ketfc.base.errors import Problem, StudyError
from ketfc.imaging.regions.registry import load_registry

BUNDLED = Path(__file__).parents[3] / "atlases" / "circuits.yaml"
SOURCE = {"text": "Somebody 2020", "doi": "10.1000/1", "verified": True}
SPACES = ("MNI152NLin2009cAsym", "MNI152NLin6Asym")


def a_region(x: float) -> dict[str, Any]:
    return {
        "name": "a place",
        "hemisphere": "left",
        "spheres": [{"space": "MNI152", "centre": [x, 0, 0], "radius": 5}],
        "source": dict(SOURCE),
    }


SMALL: dict[str, Any] = {
    "regions": {"a": a_region(1), "b": a_region(20), "c": a_region(40)},
    "circuits": {
        "one": {
            "name": "one edge",
            "edge": ["a", "b"],
            "primary": True,
            "hypothesis": "it changes",
            "source": dict(SOURCE),
        }
    },
}


def changed(edit: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    content = copy.deepcopy(SMALL)
    edit(content)
    return content


def save(folder: Path, content: object) -> Path:
    path = folder / "circuits.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def problems(folder: Path, content: object) -> list[Problem]:
    with pytest.raises(StudyError) as caught:
        load_registry(save(folder, content))
    assert all(problem.file == "circuits.yaml" for problem in caught.value.problems)
    return list(caught.value.problems)


def test_the_bundled_registry_has_the_circuits_of_the_hypotheses():
    registry = load_registry(BUNDLED)
    primary = [circuit.id for circuit in registry.circuits.values() if circuit.primary]
    assert primary == ["sgacc-rlpfc", "habenula-cortex", "amygdala-dacc", "dmn", "salience"]
    assert [len(circuit.edges) for circuit in registry.circuits.values()] == [
        1,
        5,
        2,
        15,
        10,
        20,
        8,
        5,
        5,
        1,
        1,
    ]
    # from the insulae to the cortex of the default mode alone
    insula = registry.circuits["insula-dmn"]
    assert {a for a, _ in insula.edges} == {"lAInsula", "rAInsula"}
    assert {b for _, b in insula.edges} == {"mPFC", "PCC", "lLP", "rLP"}
    assert registry.circuits["habenula-cortex"].regions[0] == "rHabenula"
    assert registry.circuits["amygdala-dacc"].edges == (
        ("lAmygdala", "dACC"),
        ("rAmygdala", "dACC"),
    )
    assert registry.circuits["dmn"].measure == "within"
    assert all(each.source and each.hypothesis for each in registry.circuits.values())
    assert "lHabenula" not in {region.id for region in registry.used_regions}
    assert [region.id for region in registry.used_regions][:2] == ["sgACC", "rLPFC"]


@pytest.mark.parametrize("space", SPACES)
def test_every_used_centre_lies_inside_the_brain_and_on_its_side(space):
    from nilearn.datasets import load_mni152_brain_mask

    mask = load_mni152_brain_mask(resolution=1)
    brain = np.asarray(mask.dataobj) > 0
    inverse = np.linalg.inv(mask.affine)
    registry = load_registry(BUNDLED)
    assert registry.outside(space) == []
    for region in registry.used_regions:
        assert region.spheres_in(space)
        for sphere in region.spheres_in(space):
            ijk = np.rint(inverse[:3, :3] @ sphere.centre + inverse[:3, 3]).astype(int)
            assert brain[tuple(ijk)], f"{region.id} {sphere.centre}"
            side = {"left": -1, "right": 1, "midline": 0}[region.hemisphere]
            assert np.sign(round(sphere.centre[0] / 4)) == side, region.id


def test_regions_of_one_circuit_do_not_overlap():
    registry = load_registry(BUNDLED)
    for circuit in registry.circuits.values():
        for a, b in circuit.edges:
            for one in registry.regions[a].spheres_in(SPACES[0]):
                for other in registry.regions[b].spheres_in(SPACES[0]):
                    gap = np.linalg.norm(np.subtract(one.centre, other.centre))
                    assert gap > one.radius + other.radius, (a, b)


def test_a_small_registry_says_what_its_file_says(tmp_path):
    content = changed(
        lambda c: c["circuits"]["one"].update(
            {"expected-sign": "-", "evidence-scale": "SI", "confidence": "low"}
        )
    )
    content["circuits"]["net"] = {
        "name": "net",
        "within": ["a", "b", "c"],
        "hypothesis": "h",
        "source": SOURCE | {"verified": False},
    }
    content["circuits"]["two"] = {
        "name": "two",
        "between": [["a", "b"], ["c"]],
        "hypothesis": "h",
        "source": {"text": "X", "verified": True},
    }
    registry = load_registry(save(tmp_path, content))
    one, net, two = registry.circuits.values()
    assert (one.primary, one.expected_sign, one.evidence_scale) == (True, "-", "SI")
    assert one.source == "Somebody 2020 (doi:10.1000/1)"
    assert (net.primary, net.expected_sign, net.confidence) == (False, "?", "unknown")
    assert net.edges == (("a", "b"), ("a", "c"), ("b", "c"))
    assert two.edges == (("a", "c"), ("b", "c"))
    assert two.source == "X"
    region = registry.regions["b"]
    assert region.verified
    assert region.spheres[0].centre == (20.0, 0.0, 0.0)


def test_a_definition_in_the_exact_template_goes_first(tmp_path):
    def edit(content):
        content["regions"]["a"]["spheres"].append(
            {"space": SPACES[1], "centre": [2, 0, 0], "radius": 4}
        )
        content["regions"]["b"]["spheres"][0]["space"] = SPACES[1]

    registry = load_registry(save(tmp_path, changed(edit)))
    assert [s.radius for s in registry.regions["a"].spheres_in(SPACES[1])] == [4]
    assert [s.radius for s in registry.regions["a"].spheres_in(SPACES[0])] == [5]
    assert registry.outside(SPACES[0]) == ["b"]
    assert registry.outside(SPACES[1]) == []


def set_in(*path_and_value: Any) -> Callable[[dict[str, Any]], None]:
    """Return an edit that puts the last argument where the others lead; ... removes the key."""
    *path, last, value = path_and_value

    def edit(content: Any) -> None:
        for step in path:
            content = content[step]
        if value is ...:
            del content[last]
        else:
            content[last] = value

    return edit


R, C, S = ("regions", "a"), ("circuits", "one"), ("regions", "a", "spheres", 0)


@pytest.mark.parametrize(
    ("edit", "field", "message"),
    [
        (set_in("circuit", {}), "circuit", "unknown key; did you mean 'circuits'?"),
        (set_in(*R, "hemispere", "left"), "regions.a.hemispere", "did you mean 'hemisphere'?"),
        (set_in(*C, "primry", True), "circuits.one.primry", "did you mean 'primary'?"),
        (set_in(*S, "radious", 3), "regions.a.spheres[0].radious", "did you mean 'radius'?"),
        (set_in(*R, "source", "DOI", "x"), "regions.a.source.DOI", "did you mean 'doi'?"),
        (set_in(*R, "source", ...), "regions.a.source", "is missing: name the source"),
        (set_in(*C, "source", ...), "circuits.one.source", "is missing: name the source"),
        (set_in(*R, "source", "text", " "), "regions.a.source.text", "is missing or not text"),
        (set_in(*R, "source", "verified", "yes"), "regions.a.source.verified", "true or false"),
        (set_in(*R, "name", 5), "regions.a.name", "is missing or not text"),
        (set_in(*C, "hypothesis", ...), "circuits.one.hypothesis", "is missing or not text"),
        (set_in(*R, "hemisphere", "both"), "regions.a.hemisphere", "is not a hemisphere"),
        (set_in("regions", "a_b", a_region(0)), "regions.a_b", "goes into file names"),
        (set_in("regions", "rHabénula", a_region(0)), "regions.rHabénula", "goes into file names"),
        (set_in(*R, "spheres", []), "regions.a.spheres", "must be a list of spheres"),
        (set_in(*S, "space", "Talairach"), "regions.a.spheres[0].space", "is not a known space"),
        (set_in(*S, "centre", [1, 2]), "regions.a.spheres[0].centre", "must be three numbers"),
        (set_in(*S, "centre", [1, 2, "3"]), "regions.a.spheres[0].centre", "three numbers"),
        (set_in(*S, "centre", [0, -140, 0]), "regions.a.spheres[0].centre", "outside the brain"),
        (set_in(*S, "centre", [np.nan, 0, 0]), "regions.a.spheres[0].centre", "outside the brain"),
        (set_in(*S, "radius", 0), "regions.a.spheres[0].radius", "is not a valid radius"),
        (set_in(*S, "radius", 31), "regions.a.spheres[0].radius", "is not a valid radius"),
        (set_in(*S, "radius", "5"), "regions.a.spheres[0].radius", "is not a valid radius"),
        (set_in(*S, "radius", np.nan), "regions.a.spheres[0].radius", "is not a valid radius"),
        (set_in(*C, "edge", ["a", "bb"]), "circuits.one.edge", "is not a region of this file"),
        (set_in(*C, "within", ["a", "b"]), "circuits.one", "exactly one of edge, within, between"),
        (set_in(*C, "edge", ...), "circuits.one", "exactly one of edge, within, between"),
        (
            set_in(*C, "edge", ["a", "b", "c"]),
            "circuits.one.edge",
            "does not have the required form",
        ),
        (set_in(*C, "edge", "a"), "circuits.one.edge", "does not have the required form"),
        (set_in(*C, "edge", ["a", "a"]), "circuits.one.edge", "connected with itself"),
        (set_in(*C, "primary", "yes"), "circuits.one.primary", "must be true or false"),
        (set_in(*C, "expected-sign", "up"), "circuits.one.expected-sign", "is not a sign"),
        (set_in("regions", "a", None), "regions.a", "must be a mapping"),
        (set_in("circuits", {}), "circuits", "must be a mapping with at least one entry"),
    ],
)
def test_each_mistake_is_told_where_it_is(edit, field, message, tmp_path):
    found = problems(tmp_path, changed(edit))
    matching = [problem for problem in found if problem.field == field]
    assert len(matching) == 1, found
    assert message in matching[0].message
    assert matching[0].severity == "error"


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("within", ["a"], "does not have the required form"),
        ("within", ["a", "b", "b"], "connected with itself"),
        ("between", [["a"], []], "does not have the required form"),
        ("between", [["a"], ["b"], ["c"]], "does not have the required form"),
        ("between", [["a", "b"], ["b", "c"]], "connected with itself"),
        ("between", [["a", "a"], ["b"]], "names a region twice"),
        ("between", [["a"], [1]], "does not have the required form"),
    ],
)
def test_a_circuit_of_another_shape_is_refused(kind, value, message, tmp_path):
    content = changed(set_in(*C, "edge", ...))
    content["circuits"]["one"][kind] = value
    (problem,) = problems(tmp_path, content)
    assert problem.field == f"circuits.one.{kind}"
    assert message in problem.message


def test_values_at_a_limit_are_valid(tmp_path):
    def edit(content: dict[str, Any]) -> None:
        # a small sphere, the largest one, and a shell, as far out as any may be
        ends = [([-110, 110, 0], 0.5, 0), ([0, 0, 110], 30, 29.5), ([0, 0, -110], 1, 0)]
        content["regions"]["a"]["spheres"] = [
            {"space": "MNI152", "centre": centre, "radius": radius, "inner": inner}
            for centre, radius, inner in ends
        ]
        del content["circuits"]["one"]["edge"]
        content["circuits"]["one"]["within"] = ["a", "b"]

    registry = load_registry(save(tmp_path, changed(edit)))
    spheres = registry.regions["a"].spheres
    assert [(each.radius, each.inner) for each in spheres] == [(0.5, 0), (30, 29.5), (1, 0)]
    assert registry.circuits["one"].edges == (("a", "b"),)


@pytest.mark.parametrize("inner", [5, -0.5, "2", np.nan])
def test_an_inner_radius_that_leaves_no_shell_is_refused(inner, tmp_path):
    (problem,) = problems(tmp_path, changed(set_in(*S, "inner", inner)))
    assert problem.field == "regions.a.spheres[0].inner"
    assert problem.allowed == "0 ≤ inner < radius"


@pytest.mark.parametrize(
    "value",
    [
        "mean",
        ["quantity", "unit"],
        {"quantity": "signal"},
        {"quantity": "signal", "unit": 5},
        {"quantity": "signal", "unit": "%", "more": "x"},
    ],
)
def test_a_value_that_was_computed_elsewhere_has_a_quantity_and_a_unit(value, tmp_path):
    def with_value(given: object) -> dict[str, Any]:
        content = changed(set_in(*C, "edge", ...))
        content["circuits"]["one"]["value"] = given
        # no region is needed
        del content["regions"]
        return content

    (problem,) = problems(tmp_path, with_value(value))
    assert problem.field == "circuits.one.value"
    assert "does not have the required form" in problem.message
    good = load_registry(save(tmp_path, with_value({"quantity": "signal", "unit": "%"})))
    assert (good.regions, good.circuits["one"].edges) == ({}, ())
    assert (good.circuits["one"].quantity, good.circuits["one"].unit) == ("signal", "%")


def test_all_mistakes_come_at_once(tmp_path):
    def edit(content: dict[str, Any]) -> None:
        set_in(*R, "hemispere", "left")(content)
        set_in(*S, "radius", -1)(content)
        set_in("regions", "b", "source", ...)(content)
        set_in(*C, "edge", ["a", "sgAC"])(content)
        set_in("regions", "sgACC", a_region(0))(content)
        set_in("circuits", "one", "primary", 1)(content)

    found = {problem.field: problem for problem in problems(tmp_path, changed(edit))}
    assert set(found) == {
        "regions.a.hemispere",
        "regions.a.spheres[0].radius",
        "regions.b.source",
        "circuits.one.edge",
        "circuits.one.primary",
    }
    assert "did you mean 'sgACC'?" in found["circuits.one.edge"].message
    assert found["regions.a.spheres[0].radius"].allowed == "0 < radius ≤ 30 mm"


def test_what_is_no_registry_is_refused(tmp_path):
    for content in ([], "text", {"regions": [1]}):
        assert problems(tmp_path, content)
    path = tmp_path / "circuits.yaml"
    path.write_text("regions: {a: [}")
    with pytest.raises(StudyError, match=r"circuits\.yaml: cannot be read"):
        load_registry(path)
    with pytest.raises(StudyError, match=r"none\.yaml: cannot be read"):
        load_registry(tmp_path / "none.yaml")
