"""The habenula verdict: geometry from the recorded voxel size."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions import habenula
from ketfc.imaging.regions.definitions import AtlasLabels, ProbabilityMap, Region, Sphere
from ketfc.imaging.regions.habenula import resolution_problems, verdict
from ketfc.imaging.regions.habenula_geometry import (
    Body,
    Purity,
    expected_purity,
    habenula_body,
    label_bodies,
    label_body,
)
from ketfc.imaging.regions.registry import load_registry

SPACE = "MNI152NLin2009cAsym"
REGISTRY = load_registry(Path(__file__).parents[3] / "atlases" / "circuits.yaml")
RIGHT = REGISTRY.regions["rHabenula"]


def cube(edge: float) -> Body:
    half = np.full(3, edge / 2)
    return Body(lambda points: (np.abs(points) <= half).all(axis=1), -half, half)


def filled(body: Body, step: float = 0.1) -> np.ndarray:
    """Return the points of a lattice of that step that lie in a body."""
    lines = [np.arange(a + step / 2, b, step) for a, b in zip(body.low, body.high, strict=True)]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    return points[body.contains(points)]


def sphere_region(radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> Region:
    return Region("r", "r", "right", (Sphere(SPACE, centre, radius),), "test", True)


def test_the_body_has_the_volume_and_place_of_cit168():
    for space, side, volume, centre, axis in (
        (SPACE, "right", 59, (3.6, -23.1, 2.7), (-0.27, 0.55, 0.79)),
        (SPACE, "left", 66, (-3.3, -23.9, 2.7), (0.25, 0.56, 0.79)),
        ("MNI152NLin6Asym", "right", 63, (2.5, -23.0, 3.0), (-0.25, 0.52, 0.82)),
        ("MNI152NLin6Asym", "left", 68, (-3.3, -23.8, 2.9), (0.25, 0.53, 0.81)),
    ):
        points = filled(habenula_body(space, side))
        assert len(points) * 0.1**3 == pytest.approx(volume, rel=0.005)
        np.testing.assert_allclose(points.mean(axis=0), centre, atol=0.05)
        # CIT168's label is about 10 mm long and 3.5 mm thick
        squares, directions = np.linalg.eigh(np.cov(points.T))
        spread = np.sqrt(5 * squares)
        # it runs upwards, forwards and towards the midline
        assert abs(directions[:, 2] @ axis) > 0.999
        assert 1.6 < spread[0] < spread[1] < 1.9
        assert 4.5 < spread[2] < 5.6


def test_the_box_of_a_body_is_no_larger_than_it_must_be():
    body = habenula_body(SPACE, "left")
    points = filled(Body(body.contains, body.low - 1, body.high + 1))
    np.testing.assert_allclose(points.min(axis=0), body.low, atol=0.15)
    np.testing.assert_allclose(points.max(axis=0), body.high, atol=0.15)


def test_a_label_image_gives_the_volume_of_its_voxels_in_millimetres():
    labels = np.zeros((6, 7, 8), dtype=np.int16)
    labels[2:4, 3, 4:7] = 13
    labels[0, 0, 0] = 14
    affine = np.array([[-2.0, 0, 0, 5], [0, 1.5, 0, -3], [0, 0, 1.0, 7], [0, 0, 0, 1]])
    body = label_body(labels, Grid((6, 7, 8), affine), 13)
    points = filled(body)
    assert len(points) * 0.1**3 == pytest.approx(6 * 3.0, rel=0.01)
    np.testing.assert_allclose(points.mean(axis=0), [0, 1.5, 12], atol=0.01)
    np.testing.assert_allclose([body.low, body.high], [[-2, 0.75, 10.5], [2, 2.25, 13.5]])
    # the corner of the image that has another label, and what lies outside of it
    assert not body.contains(np.array([[5.0, -3, 7], [90, 90, 90], [-90, -90, -90]])).any()
    with pytest.raises(ValueError, match="no voxel has the label 99"):
        label_body(labels, Grid((6, 7, 8), affine), 99)


def test_a_body_that_fills_every_voxel_is_all_there_is():
    purity = expected_purity((1.1, 1.1, 1.1), cube(8), sphere_region(2), SPACE, offsets=20)
    assert purity.best_voxel == 1
    assert purity.region == 1
    assert 0.7 < purity.weighted < 1


def test_voxels_much_larger_than_the_body_hold_its_volume_over_theirs():
    size = (9.0, 11.0, 13.0)
    purity = expected_purity(size, cube(2), sphere_region(1), SPACE, offsets=15)
    assert purity.best_voxel == pytest.approx(8 / np.prod(size), rel=0.03)
    assert purity.weighted == pytest.approx(purity.best_voxel, rel=0.03)


def test_the_best_voxel_agrees_with_the_overlap_of_boxes_worked_out_by_hand():
    edge, size = 2.0, np.array([3.0, 3.0, 2.5])
    # along one axis a body of length e lies in one voxel of size v, or is cut in two; the best
    # voxel holds the product over axes of the larger part
    starts = np.random.default_rng(1).random((200_000, 3)) * size
    larger = np.minimum(edge, np.maximum(size - starts, edge - (size - starts)))
    expected = np.median((larger / size).prod(axis=1))
    purity = expected_purity(size, cube(edge), sphere_region(1), SPACE, offsets=1500)
    assert purity.best_voxel == pytest.approx(expected, abs=0.015)


def test_the_region_is_placed_as_it_is_on_any_grid():
    # a sphere beside the body measures none of it, one around it the body's share of its voxels
    body = cube(2)
    beside = expected_purity((2, 2, 2), body, sphere_region(2, (12, 0, 0)), SPACE, offsets=20)
    assert beside.region == 0
    around = expected_purity((2, 2, 2), body, sphere_region(12), SPACE, offsets=20)
    assert around.region == pytest.approx(8 / (4 / 3 * np.pi * 12**3), rel=0.03)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_sphere_on_the_face_of_a_body_measures_half_of_it(axis, side):
    ends = np.full((2, 3), [[-9.0], [9.0]])
    ends[0 if side > 0 else 1, axis] = 0
    low, high = ends
    body = Body(lambda points: ((points >= low) & (points <= high)).all(axis=1), low, high)
    purity = expected_purity((2.0, 2.5, 3.0), body, sphere_region(4), SPACE, offsets=50)
    assert purity.region == pytest.approx(0.5, abs=0.01)
    assert purity.best_voxel == 1


@pytest.mark.parametrize(
    "definition",
    [
        {"labels": (AtlasLabels("CIT168", ("HN_RH",), True),)},
        {"maps": (ProbabilityMap("h.nii.gz", SPACE),)},
    ],
)
def test_a_region_of_shares_is_as_pure_as_they_are(definition):
    body = habenula_body(SPACE, "right")
    region = replace(sphere_region(1), spheres=(), **definition)
    found = expected_purity((2, 2, 2), body, region, SPACE, offsets=5)
    assert found.region == found.weighted
    whole = replace(region, labels=(AtlasLabels("CIT168", ("HN_RH",)),), maps=())
    assert expected_purity((2, 2, 2), body, whole, SPACE, offsets=5).region != found.weighted


def test_a_region_of_labels_has_the_voxels_whose_centres_lie_in_the_body():
    edge, size = np.array([3.0, 4.0, 5.0]), np.array([2.0, 2.5, 3.0])
    body = Body(lambda points: (np.abs(points) <= edge / 2).all(axis=1), -edge / 2, edge / 2)
    # a voxel's share is a product over axes, and so is the mean over those inside
    first = np.random.default_rng(1).random((5000, 1, 3)) * size - 3 * size
    centres = first + np.arange(6)[:, None] * size
    overlap = np.minimum(centres + size / 2, edge / 2) - np.maximum(centres - size / 2, -edge / 2)
    inside = np.where(np.abs(centres) <= edge / 2, overlap / size, np.nan)
    expected = np.median(np.nanmean(inside, axis=1).prod(axis=1))
    region = replace(sphere_region(1), spheres=(), labels=(AtlasLabels("CIT168", ("HN_RH",)),))
    purity = expected_purity(tuple(size), body, region, SPACE)
    assert purity.region == pytest.approx(expected, abs=0.02)


def test_larger_voxels_hold_smaller_shares():
    body = habenula_body(SPACE, "right")
    sizes = [(s, s, s) for s in (1.8, 2.0, 2.4, 3.0, 4.0)]
    found = [expected_purity(size, body, RIGHT, SPACE) for size in sizes]
    for finer, coarser in pairwise(found):
        assert finer.best_voxel > coarser.best_voxel
        assert finer.weighted > coarser.weighted
    # science.md gives .90, .76, .58 and .41 for the label itself; the spheroid is kinder
    assert found[1].best_voxel == pytest.approx(0.96, abs=0.02)
    assert found[2].best_voxel == pytest.approx(0.85, abs=0.02)
    assert found[3].best_voxel == pytest.approx(0.63, abs=0.02)
    coarse = expected_purity((3.75, 3.75, 3.5), body, RIGHT, SPACE)
    assert coarse.best_voxel == pytest.approx(0.43, abs=0.02)


def test_the_same_size_gives_the_same_numbers():
    body = habenula_body(SPACE, "right")
    first = expected_purity((3, 3, 3), body, RIGHT, SPACE)
    assert expected_purity((3, 3, 3), body, RIGHT, SPACE) == first
    assert expected_purity((3, 3, 3), body, RIGHT, SPACE, seed=5) != first


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        (0.9, "interpretable"),
        (0.75, "interpretable"),
        (0.7499, "caution"),
        (0.5, "caution"),
        (0.4999, "peri-habenular only"),
        (None, "unknown native resolution: treat as peri-habenular only"),
    ],
)
def test_the_verdict_follows_from_the_best_voxel(best, expected):
    assert verdict(best) == expected


def test_the_table_has_a_row_for_each_distinct_size_and_counts_its_runs(native):
    table = habenula.habenula_table(REGISTRY, SPACE, native)
    assert list(table.columns) == list(habenula.COLUMNS)
    assert list(table["region"]) == ["rHabenula"] * 3
    assert list(table["runs"]) == [3, 2, 1]
    assert list(table["verdict"]) == [
        "interpretable",
        "peri-habenular only",
        "unknown native resolution: treat as peri-habenular only",
    ]
    assert list(table["native_z"].iloc[:2]) == [2.0, 3.5]
    assert list(table["native_source"].iloc[:2]) == ["source image"] * 2
    assert table.iloc[2][["native_x", "best_voxel_fraction", "native_source"]].isna().all()


def test_sizes_that_differ_by_less_than_a_hundredth_of_a_millimetre_are_one(native, monkeypatch):
    # what may be expected of a size is another test's
    purity = Purity(best_voxel=0.6, region=0.5, weighted=0.4)
    monkeypatch.setattr(habenula, "expected_purity", lambda *_: purity)
    rows = native.iloc[[0] * 4].assign(native_z=[2.041, 2.039, 1.96, 2.04])
    table = habenula.habenula_table(REGISTRY, SPACE, rows)
    assert table["native_z"].tolist() == [2.04, 1.96]
    assert table["runs"].tolist() == [3, 1]
    assert set(table["body"]) == {"spheroid"}
    shares = ["best_voxel_fraction", "region_purity", "weighted_purity"]
    assert table.loc[0, shares].tolist() == [0.6, 0.5, 0.4]


def test_the_table_does_not_depend_on_the_order_of_runs(native):
    table = habenula.habenula_table(REGISTRY, SPACE, native)
    shuffled = native.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(habenula.habenula_table(REGISTRY, SPACE, shuffled), table)


def test_the_label_image_of_a_study_goes_before_the_spheroid(native):
    labels = np.zeros((20, 20, 20), dtype=np.int32)
    labels[13:15, 4:8, 10:14] = 113
    affine = np.eye(4)
    affine[:3, 3] = [-10, -30, -9]
    parcellation = Parcellation(
        name="CIT168",
        space=SPACE,
        labels=labels,
        grid=Grid((20, 20, 20), affine),
        indices=np.array([1, 113], dtype=np.int32),
        names=("Pu_LH", "HN_RH"),
        networks=("", ""),
    )
    bodies = label_bodies(parcellation)
    assert list(bodies) == ["right"]
    table = habenula.habenula_table(REGISTRY, SPACE, native, labels=bodies)
    assert set(table["body"]) == {"label"}
    # 32 mm³ in voxels of 49 mm³
    assert table["best_voxel_fraction"].iloc[1] < 0.6
    plain = habenula.habenula_table(REGISTRY, SPACE, native)
    assert set(plain["body"]) == {"spheroid"}


def test_the_size_is_asked_for_only_where_a_habenula_waits_for_it(native, tmp_path):
    bundled = Path(__file__).parents[3] / "atlases" / "circuits.yaml"
    (problem,) = resolution_problems(bundled, native)
    assert "1 of 6 runs" in problem.message
    assert resolution_problems(bundled, native.iloc[:5]) == []
    text = bundled.read_text(encoding="utf-8").replace("    structure: habenula\n", "")
    other = tmp_path / "circuits.yaml"
    other.write_text(text, encoding="utf-8")
    assert resolution_problems(other, native) == []
    # what is wrong with a registry is not told here
    other.write_text("regions: []")
    assert resolution_problems(other, native) == []


def test_the_worst_size_decides_for_every_circuit_with_a_habenula(native):
    table = habenula.habenula_table(REGISTRY, SPACE, native)
    circuits = {"habenula-cortex", "habenula-cortex-shell"}
    assert habenula.circuit_verdicts(REGISTRY.circuits.values(), table) == dict.fromkeys(
        circuits, habenula.UNKNOWN
    )
    known = habenula.habenula_table(REGISTRY, SPACE, native.iloc[:5])
    assert set(habenula.circuit_verdicts(REGISTRY.circuits.values(), known).values()) == {
        habenula.PERI_HABENULAR
    }
    fine = habenula.habenula_table(REGISTRY, SPACE, native.iloc[2:5])
    assert set(habenula.circuit_verdicts(REGISTRY.circuits.values(), fine).values()) == {
        habenula.INTERPRETABLE
    }
