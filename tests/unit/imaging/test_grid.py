"""Spheres and nearest-neighbour resampling, against brute force and nilearn."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine
from nibabel.eulerangles import euler2mat

from ketfc.imaging.io.grid import Grid, resample_labels, voxels_in_sphere

STRAIGHT = np.array([[2.0, 0, 0, -20], [0, 2.0, 0, -24], [0, 0, 2.0, -18], [0, 0, 0, 1]])


def oblique(sizes=(2.0, 2.5, 3.0)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = euler2mat(0.3, -0.4, 0.2) @ np.diag(sizes)
    affine[:3, 3] = (-14, -20, -9)
    return affine


def flipped() -> np.ndarray:
    affine = STRAIGHT.copy()
    affine[0, 0], affine[0, 3] = -2.0, 20
    return affine


def permuted() -> np.ndarray:
    return np.array([[0, 0, 3.0, -14], [-2.0, 0, 0, 15], [0, 2.5, 0, -20], [0, 0, 0, 1]])


AFFINES = pytest.mark.parametrize(
    "affine", [STRAIGHT, flipped(), permuted(), oblique()], ids=["straight", "flip", "perm", "rot"]
)


def all_centres(grid: Grid) -> np.ndarray:
    """Return the world coordinates of every voxel in Fortran order."""
    ijk = np.stack(np.unravel_index(np.arange(grid.n_voxels), grid.shape, order="F"), axis=1)
    return apply_affine(grid.affine, ijk)


@AFFINES
@pytest.mark.parametrize("radius", [1.0, 3.0, 6.5, 40.0])
def test_a_sphere_holds_the_voxels_whose_centres_lie_within_its_radius(affine, radius):
    grid = Grid((15, 17, 13), affine)
    for centre in [(0.0, 0.0, 0.0), (3.3, -2.1, 4.4), (-13.0, -19.0, -8.0), (200.0, 0.0, 0.0)]:
        distance = np.linalg.norm(all_centres(grid) - centre, axis=1)
        expected = np.flatnonzero(distance <= radius)
        np.testing.assert_array_equal(voxels_in_sphere(grid, centre, radius), expected)


def test_a_centre_at_exactly_the_radius_is_inside():
    grid = Grid((21, 25, 19), STRAIGHT)
    # (0, 0, 0) is a voxel centre here: itself and its six neighbours at 2 mm
    assert voxels_in_sphere(grid, (0.0, 0.0, 0.0), 2.0).size == 7
    assert voxels_in_sphere(grid, (0.0, 0.0, 0.0), 1.999).size == 1


@AFFINES
def test_the_nearest_voxel_is_the_one_whose_cell_holds_the_point(affine, rng):
    grid = Grid((15, 17, 13), affine)
    inverse = np.linalg.inv(affine)
    for _ in range(30):
        ijk = rng.uniform(-1.5, 1.0, 3) + rng.integers(0, 17, 3)
        found = grid.nearest_voxel(tuple(apply_affine(affine, ijk)))
        nearest = tuple(np.floor(ijk + 0.5).astype(int))
        inside = all(0 <= x < n for x, n in zip(nearest, grid.shape, strict=True))
        assert found == (nearest if inside else None)
    assert grid.nearest_voxel(tuple(apply_affine(np.linalg.inv(inverse), (0, 16, 12)))) == (
        0,
        16,
        12,
    )


def blocks(shape, n_labels: int, rng: np.random.Generator) -> np.ndarray:
    """Return a label image of cells around random centres, with background between."""
    ijk = np.indices(shape).reshape(3, -1).T
    centres = rng.uniform(0, 1, (n_labels, 3)) * shape
    distance = np.linalg.norm(ijk[:, None] - centres, axis=2)
    labels = np.where(distance.min(axis=1) < 5, distance.argmin(axis=1) + 1, 0)
    return labels.reshape(shape)


def nearest_by_nilearn(labels: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    from nilearn.image import resample_img

    resampled = resample_img(
        nib.Nifti1Image(labels.astype(np.int32), source.affine),
        target_affine=target.affine,
        target_shape=target.shape,
        interpolation="nearest",
        copy_header=True,
        force_resample=True,
    )
    return np.asarray(resampled.dataobj).astype(int).ravel(order="F")


@AFFINES
def test_resampling_equals_nilearns_nearest_neighbour(affine, rng):
    source = Grid((21, 25, 19), STRAIGHT)
    # at the rim scipy wants centre between centres, here it is enough to be in the voxel
    labels = np.pad(blocks((19, 23, 17), 12, rng), 1)
    target_affine = affine @ np.diag([2.0, 1.6, 1.4, 1])
    target_affine[:3, 3] += (0.31, 0.17, -0.23)  # no centre on the border of two voxels
    target = Grid((11, 12, 9), target_affine)
    ours = resample_labels(labels, source, target)
    assert ours.dtype == np.int32
    assert np.unique(ours).size > 4
    np.testing.assert_array_equal(ours, nearest_by_nilearn(labels, source, target))


def test_labels_from_2_mm_arrive_on_the_4_mm_grid_of_the_same_template(rng):
    source = Grid((24, 28, 20), STRAIGHT)
    coarse = np.diag([4.0, 4, 4, 1])
    coarse[:3, 3] = STRAIGHT[:3, 3]
    target = Grid((12, 14, 10), coarse)
    labels = blocks(source.shape, 20, rng)
    # every second voxel centre of the fine grid is a centre of the coarse one
    np.testing.assert_array_equal(
        resample_labels(labels, source, target), labels[::2, ::2, ::2].ravel(order="F")
    )


def test_ties_between_two_voxels_go_the_same_way_on_every_axis(rng):
    source = Grid((24, 24, 24), np.diag([2.0, 2, 2, 1]))
    halfway = np.diag([4.0, 4, 4, 1])
    halfway[:3, 3] = 1
    target = Grid((11, 11, 11), halfway)
    labels = rng.integers(0, 9, source.shape)
    np.testing.assert_array_equal(
        resample_labels(labels, source, target), labels[1:22:2, 1:22:2, 1:22:2].ravel(order="F")
    )


def test_outside_the_source_there_is_background(rng):
    source = Grid((5, 5, 5), np.diag([2.0, 2, 2, 1]))
    away = np.diag([2.0, 2, 2, 1])
    away[:3, 3] = (-6, 4, 0)
    target = Grid((9, 9, 9), away)
    labels = np.full(source.shape, 7)
    moved = resample_labels(labels, source, target).reshape(target.shape, order="F")
    expected = np.zeros(target.shape, dtype=int)
    expected[3:8, :3, :5] = 7
    np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("dtype", ["int8", "uint8", ">i2", "<u2", ">i4", "int64", "uint64"])
def test_any_whole_type_keeps_its_labels(dtype, rng):
    source = Grid((10, 11, 12), STRAIGHT)
    target = Grid((10, 11, 12), flipped())
    top = 127 if dtype == "int8" else 255 if dtype == "uint8" else 1017
    labels = rng.integers(0, top + 1, source.shape).astype(dtype)
    np.testing.assert_array_equal(
        resample_labels(labels, source, target),
        nearest_by_nilearn(labels.astype(np.int32), source, target),
    )
    np.testing.assert_array_equal(
        resample_labels(labels, source, source), labels.astype(int).ravel(order="F")
    )


def test_grids_match_within_a_thousandth_of_a_millimetre_only():
    shifted = STRAIGHT.copy()
    shifted[0, 3] += 5e-4
    grid = Grid((5, 5, 5), STRAIGHT)
    assert grid.matches(Grid((5, 5, 5), shifted))
    shifted[0, 3] += 1e-2
    assert not grid.matches(Grid((5, 5, 5), shifted))
    assert not grid.matches(Grid((5, 5, 6), STRAIGHT))


def test_a_grid_describes_itself_in_words():
    text = Grid((15, 17, 13), STRAIGHT).describe()
    assert text == "15×17×13 voxels of 2×2×2 mm with origin (-20, -24, -18)"
