"""Shells, what is regressed from a region, and structures too small for a voxel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from ketfc.base.errors import StudyError
from ketfc.imaging.io.grid import Grid, voxels_in_sphere
from ketfc.imaging.regions.definitions import Region, Sphere
from ketfc.imaging.regions.placing import sphere_regions
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.connectivity import circuit_rows, semipartial

BUNDLED = Path(__file__).parents[3] / "atlases" / "circuits.yaml"
SPACE = "MNI152NLin2009cAsym"
SOURCE = {"text": "Somebody 2020", "verified": True}
GRID = Grid((20, 21, 22), np.diag([2.0, 2.5, 3.0, 1.0]))
CENTRE = (19.3, 26.1, 30.2)


def region(x: float, **more: Any) -> dict[str, Any]:
    sphere = {"space": "MNI152", "centre": [x, 0, 0], "radius": 5}
    entry = {"name": "a place", "hemisphere": "left", "spheres": [sphere], "source": SOURCE}
    return entry | more


def save(folder: Path, regions: dict[str, Any], **circuit: Any) -> Path:
    one = {"name": "one", "edge": ["a", "b"], "hypothesis": "it changes", "source": SOURCE}
    path = folder / "circuits.yaml"
    path.write_text(yaml.safe_dump({"regions": regions, "circuits": {"one": one | circuit}}))
    return path


def shell(inner: object) -> list[dict[str, Any]]:
    return [{"space": "MNI152", "centre": [9, 9, 9], "radius": 9, "inner": inner}]


REGIONS = {"a": region(-20), "b": region(20), "s": region(0, spheres=shell(4)), "t": region(9)}


# --- on the grid ---------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", [0.5, 4.0, 8.9])
def test_a_shell_is_a_sphere_less_the_sphere_inside_it(inner):
    whole = voxels_in_sphere(GRID, CENTRE, 9)
    core = voxels_in_sphere(GRID, CENTRE, inner)
    found = voxels_in_sphere(GRID, CENTRE, 9, inner=inner)
    np.testing.assert_array_equal(found, np.setdiff1d(whole, core))


def test_a_centre_at_exactly_the_inner_radius_belongs_to_the_core():
    grid = Grid((9, 9, 9), np.eye(4))
    shell = voxels_in_sphere(grid, (4, 4, 4), 3, inner=1)
    assert np.ravel_multi_index((4, 4, 5), grid.shape, order="F") not in shell
    assert np.ravel_multi_index((4, 5, 5), grid.shape, order="F") in shell
    # without an inner radius even the centre's own voxel is in
    centre = np.ravel_multi_index((4, 4, 4), grid.shape, order="F")
    assert centre in voxels_in_sphere(grid, (4, 4, 4), 3)


def test_a_shell_without_a_voxel_stays_empty_and_does_not_take_its_centre():
    def one(inner: float) -> Region:
        return Region("s", "s", "left", (Sphere(SPACE, (19, 26, 31.5), 1.0, inner),), "", True)

    sphere, empty = (sphere_regions([one(inner)], SPACE, GRID) for inner in (0.0, 0.9))
    assert sphere.weights.sum() == 1
    assert sphere.notes == ("nearest-voxel",)
    assert empty.weights.sum() == 0
    assert empty.notes == ("",)


# --- in the registry -----------------------------------------------------------------------------


def test_what_is_regressed_is_measured_though_no_edge_needs_it(tmp_path):
    registry = load_registry(save(tmp_path, REGIONS, regress={"a": ["s", "t"]}))
    circuit = registry.circuits["one"]
    assert dict(circuit.regress) == {"a": ("s", "t")}
    assert circuit.regions == ("a", "b", "s", "t")
    assert [each.id for each in registry.used_regions] == ["a", "b", "s", "t"]
    assert registry.regions["s"].spheres[0].inner == 4
    assert registry.regions["a"].spheres[0].inner == 0
    assert load_registry(save(tmp_path, REGIONS)).circuits["one"].regions == ("a", "b")


@pytest.mark.parametrize(
    ("regions", "circuit", "field", "message"),
    [
        (
            {"s": region(0, spheres=shell(9))},
            {},
            "regions.s.spheres[0].inner",
            "not a valid inner radius",
        ),
        ({"s": region(0, spheres=shell(-1))}, {}, "regions.s.spheres[0].inner", "inner radius"),
        ({"s": region(0, spheres=shell("4"))}, {}, "regions.s.spheres[0].inner", "inner radius"),
        ({"s": region(0, spheres=shell(np.nan))}, {}, "regions.s.spheres[0].inner", "inner"),
        ({"a": region(0, structure="habenua")}, {}, "regions.a.structure", "not a structure"),
        (
            {"a": region(0, structure="habenula", hemisphere="midline")},
            {},
            "regions.a.structure",
            "has two sides",
        ),
        ({}, {"regress": ["s"]}, "circuits.one.regress", "does not have the required form"),
        ({}, {"regress": {"a": "s"}}, "circuits.one.regress", "does not have the required form"),
        ({}, {"regress": {}}, "circuits.one.regress", "does not have the required form"),
        ({}, {"regress": {"c": ["s"]}}, "circuits.one.regress", "not a region of the circuit"),
        ({}, {"regress": {"a": ["ss"]}}, "circuits.one.regress.a", "is not a region of this"),
        (
            {},
            {"regress": {"a": ["b"]}},
            "circuits.one.regress.a",
            "is an end of an edge of this circuit",
        ),
        (
            {},
            {"regress": {"a": ["a"]}},
            "circuits.one.regress.a",
            "is an end of an edge of this circuit",
        ),
    ],
)
def test_each_mistake_is_told_where_it_is(regions, circuit, field, message, tmp_path):
    with pytest.raises(StudyError) as caught:
        load_registry(save(tmp_path, REGIONS | regions, **circuit))
    (problem,) = caught.value.problems
    assert problem.field == field
    assert message in problem.message


def test_the_bundled_habenulae_are_marked_and_have_a_shell_and_a_control_beside_them():
    registry = load_registry(BUNDLED)
    marked = [each.id for each in registry.regions.values() if each.structure == "habenula"]
    assert marked == ["rHabenula", "lHabenula"]
    main, less, control = (
        registry.circuits[name]
        for name in ("habenula-cortex", "habenula-cortex-shell", "pseudohabenula-cortex")
    )
    assert less.edges == main.edges
    assert dict(less.regress) == {"rHabenula": ("rHabenulaShell",)}
    assert [b for _, b in control.edges] == [b for _, b in main.edges]
    assert (less.primary, control.primary) == (False, False)
    for space in (SPACE, "MNI152NLin6Asym"):
        (habenula,) = registry.regions["rHabenula"].spheres_in(space)
        (around,) = registry.regions["rHabenulaShell"].spheres_in(space)
        (pseudo,) = registry.regions["rPseudoHabenula"].spheres_in(space)
        assert around.centre == habenula.centre
        assert habenula.radius < around.inner < around.radius
        assert pseudo.radius == habenula.radius
        assert np.linalg.norm(np.subtract(pseudo.centre, habenula.centre)) > 6


# --- in the correlation --------------------------------------------------------------------------


@pytest.fixture
def series(rng) -> pd.DataFrame:
    shared = rng.standard_normal((120, 4)) @ rng.standard_normal((4, 5))
    return pd.DataFrame(shared + rng.standard_normal((120, 5)), columns=list("abstu"))


def residual(series: pd.DataFrame, end: str, by: list[str]) -> np.ndarray:
    design = np.column_stack([np.ones(len(series)), series[by]])
    return series[end] - design @ np.linalg.lstsq(design, series[end], rcond=None)[0]


@pytest.mark.parametrize(
    "regress", [{"a": ["s"]}, {"b": ["s"]}, {"a": ["s", "t"]}, {"a": ["s"], "b": ["t", "u"]}]
)
def test_it_is_the_correlation_of_the_residuals_of_a_regression(regress, series):
    ends = [residual(series, end, regress.get(end, [])) for end in "ab"]
    expected = np.corrcoef(*ends)[0, 1]
    assert semipartial(series.corr(), ("a", "b"), regress) == pytest.approx(expected, abs=1e-12)


def test_a_semipartial_correlation_is_never_above_one(rng):
    for _ in range(300):
        series = pd.DataFrame(rng.standard_normal((12, 3)), columns=list("ast"))
        series = series.assign(b=2 * series["a"], c=-series["a"])
        by = {name: ["s", "t"] for name in "abc"}
        r = series.corr()
        assert 1 - 1e-9 < semipartial(r, ("a", "b"), by) <= 1
        assert -1 <= semipartial(r, ("a", "c"), by) < 1e-9 - 1


def test_the_same_series_regressed_from_both_ends_gives_the_partial_correlation(series):
    import pingouin as pg

    expected = pg.partial_corr(series, "a", "b", covar=["s", "t"])["r"].iloc[0]
    found = semipartial(series.corr(), ("a", "b"), {"a": ["s", "t"], "b": ["s", "t"]})
    assert found == pytest.approx(expected, abs=1e-9)


def test_regressors_that_determine_one_another_count_once(series):
    double = series.assign(t=-3 * series["s"])
    found = semipartial(double.corr(), ("a", "b"), {"a": ["s", "t"]})
    expected = semipartial(series.corr(), ("a", "b"), {"a": ["s"]})
    assert found == pytest.approx(expected, abs=1e-9)


def test_there_is_no_correlation_where_nothing_is_left_or_something_is_missing(series):
    copied = series.assign(s=2 * series["a"] + 1)
    assert np.isnan(semipartial(copied.corr(), ("a", "b"), {"a": ["s"]}))
    r = series.corr()
    r.loc["s"] = r["s"] = np.nan
    assert np.isnan(semipartial(r, ("a", "b"), {"a": ["s"]}))
    assert not np.isnan(semipartial(r, ("a", "b"), {"a": ["t"]}))


def test_only_the_circuit_that_asks_for_it_is_corrected(series, tmp_path):
    path = save(tmp_path, REGIONS | {"u": region(30)})
    plain = load_registry(path).circuits["one"]
    corrected = load_registry(save(tmp_path, REGIONS, regress={"a": ["s"]})).circuits["one"]
    r = series.corr().mask(np.eye(5, dtype=bool))
    coverage = pd.Series(1.0, index=list("abstu"))
    rows = circuit_rows(r, [plain, corrected], coverage)
    edges = rows[rows["measure"] == "edge"]
    assert list(edges["r"]) == pytest.approx(
        [r.loc["a", "b"], semipartial(r, ("a", "b"), {"a": ["s"]})]
    )
    # the rows name the ends of the edge, not what was regressed
    assert set(edges["region_a"]) == {"a"}
    assert set(edges["region_b"]) == {"b"}
    means = rows[rows["measure"] == "mean"]
    assert list(means["z"]) == pytest.approx(list(np.arctanh(edges["r"])))
