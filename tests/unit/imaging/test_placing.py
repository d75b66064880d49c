"""Regions on a grid: spheres, parcels, and what becomes of those that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from nibabel.affines import apply_affine

from ketfc.base.errors import RunError
from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.definitions import Region, Sphere
from ketfc.imaging.regions.placing import NEAREST_VOXEL, label_regions, sphere_regions

SPACE = "MNI152NLin2009cAsym"
GRID = Grid((12, 13, 11), np.diag([4.0, 4, 4, 1]))


def region(name: str, *spheres: tuple) -> Region:
    return Region(
        id=name,
        name=name,
        hemisphere="left",
        spheres=tuple(Sphere(space, centre, radius) for space, centre, radius in spheres),
        source="test",
        verified=True,
    )


def members(regions, row: int) -> np.ndarray:
    return np.flatnonzero(regions.weights[row].toarray().ravel())


def within(centre, radius) -> np.ndarray:
    ijk = np.stack(np.unravel_index(np.arange(GRID.n_voxels), GRID.shape, order="F"), axis=1)
    return np.flatnonzero(np.linalg.norm(apply_affine(GRID.affine, ijk) - centre, axis=1) <= radius)


def parcellation(labels: np.ndarray, indices, grid: Grid = GRID) -> Parcellation:
    return Parcellation(
        name="Test",
        space=SPACE,
        labels=labels.astype(np.int32),
        grid=grid,
        indices=np.array(indices, dtype=np.int32),
        names=tuple(f"p{i}" for i in indices),
        networks=("",) * len(indices),
    )


def test_a_region_of_several_spheres_is_their_union():
    placed = sphere_regions(
        [region("both", (SPACE, (10, 10, 10), 5), (SPACE, (14, 10, 10), 5))], SPACE, GRID
    )
    expected = np.union1d(within((10, 10, 10), 5), within((14, 10, 10), 5))
    np.testing.assert_array_equal(members(placed, 0), expected)
    assert set(placed.weights.data) == {1.0}


def test_regions_may_overlap():
    placed = sphere_regions(
        [region("a", (SPACE, (12, 12, 12), 6)), region("b", (SPACE, (16, 12, 12), 6))], SPACE, GRID
    )
    assert np.intersect1d(members(placed, 0), members(placed, 1)).size > 0
    np.testing.assert_array_equal(members(placed, 1), within((16, 12, 12), 6))


def test_a_sphere_between_voxel_centres_takes_the_voxel_it_lies_in_and_says_so():
    small = region("rHabenula", (SPACE, (17.9, 10.1, 14.2), 1.5))
    placed = sphere_regions([small, region("big", (SPACE, (16, 12, 12), 6))], SPACE, GRID)
    assert within((17.9, 10.1, 14.2), 1.5).size == 0
    assert members(placed, 0).tolist() == [np.ravel_multi_index((4, 3, 4), GRID.shape, order="F")]
    assert placed.notes == (NEAREST_VOXEL, "")


def test_a_sphere_outside_the_grid_has_no_voxel():
    placed = sphere_regions([region("far", (SPACE, (-90, 0, 0), 4))], SPACE, GRID)
    assert placed.names == ("far",)
    assert placed.weights.shape == (1, GRID.n_voxels)
    assert members(placed, 0).size == 0
    assert placed.notes == ("",)


def test_the_exact_template_goes_before_unspecified_mni():
    both = region("a", ("MNI152", (8, 8, 8), 4), (SPACE, (20, 20, 20), 4))
    np.testing.assert_array_equal(
        members(sphere_regions([both], SPACE, GRID), 0), within((20, 20, 20), 4)
    )
    np.testing.assert_array_equal(
        members(sphere_regions([both], "MNI152NLin6Asym", GRID), 0), within((8, 8, 8), 4)
    )


def test_parcels_hold_their_labels_whatever_the_gaps_between_them(rng):
    labels = rng.choice([0, 3, 127, 128, 255, 1000, 70000], GRID.shape)
    indices = [3, 127, 128, 255, 1000, 70000]
    placed = label_regions(parcellation(labels, indices), GRID)
    assert placed.names == tuple(f"p{i}" for i in indices)
    flat = labels.ravel(order="F")
    for row, index in enumerate(indices):
        np.testing.assert_array_equal(members(placed, row), np.flatnonzero(flat == index))


def test_a_parcel_lost_to_resampling_keeps_its_column():
    fine = Grid((24, 26, 22), np.diag([2.0, 2, 2, 1]))
    labels = np.zeros(fine.shape, dtype=int)
    labels[4:10, 4:10, 4:10] = 1
    labels[13, 13, 13] = 2  # between the centres of the coarse grid
    labels[16:20, 16:20, 16:20] = 3
    placed = label_regions(parcellation(labels, [1, 2, 3], fine), GRID)
    assert placed.names == ("p1", "p2", "p3")
    assert np.diff(placed.weights.indptr).tolist() == [27, 0, 8]


def test_a_name_without_a_voxel_in_the_image_has_no_voxel():
    labels = np.full(GRID.shape, 5)
    placed = label_regions(parcellation(labels, [4, 5, 6]), GRID)
    assert np.diff(placed.weights.indptr).tolist() == [0, GRID.n_voxels, 0]


@pytest.mark.parametrize("n_labels", [1, 40])
def test_every_labelled_voxel_belongs_to_exactly_one_parcel(n_labels, rng):
    labels = rng.integers(0, n_labels + 1, GRID.shape)
    placed = label_regions(parcellation(labels, range(1, n_labels + 1)), GRID)
    total = np.asarray(placed.weights.sum(axis=0)).ravel()
    np.testing.assert_array_equal(total, (labels.ravel(order="F") > 0).astype(float))


def test_a_parcellation_wholly_outside_the_field_of_view_is_refused():
    away = Grid((4, 4, 4), np.diag([4.0, 4, 4, 1]) + np.eye(4, k=3) * 500)
    with pytest.raises(RunError, match="no label of Test lies in the field of view") as caught:
        label_regions(parcellation(np.ones((4, 4, 4)), [1], away), GRID)
    assert caught.value.rule == "no-overlap"
    corner = Grid((4, 4, 4), np.diag([4.0, 4, 4, 1]))
    assert label_regions(parcellation(np.ones((4, 4, 4)), [1], corner), GRID).weights.nnz == 64
