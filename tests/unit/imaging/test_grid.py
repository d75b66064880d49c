"""Spheres and nearest-neighbour resampling, against brute force and nilearn."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine
from nibabel.eulerangles import euler2mat

from ketfc.imaging.io.grid import Grid, resample_labels, voxel_shares, voxels_in_sphere

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


@pytest.mark.parametrize("inner", [0.0, 1.4])
def test_a_sphere_on_a_grid_finer_than_a_millimetre_is_whole(inner):
    affine = oblique((0.4, 0.6, 0.8))
    grid = Grid((30, 24, 20), affine)
    centre = tuple(apply_affine(affine, (14.2, 11.1, 9.4)))
    distance = np.linalg.norm(all_centres(grid) - centre, axis=1)
    expected = np.flatnonzero((distance <= 3) & (distance > inner))
    assert expected.size > 400
    np.testing.assert_array_equal(voxels_in_sphere(grid, centre, 3.0, inner=inner), expected)


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
    # sizes along its own axes, to a thousandth of a millimetre
    turned = permuted()
    turned[1, 0], turned[2, 3] = -2.12345, -20.00049
    assert Grid((15, 17, 13), turned).describe() == (
        "15×17×13 voxels of 2.123×2.5×3 mm with origin (-14, 15, -20)"
    )


QUARTERS = np.diag([4.0, 2.0, 3.0, 1.0])
QUARTERS[:3, 3] = (0.25, -0.5, 0.75)
"""A coarse grid whose voxels begin a few quarters of a millimetre beside those of the fine one."""


def fine_means(values: np.ndarray, target: Grid) -> np.ndarray:
    """Return the means of nearest values over voxels, from an image of cells of 0.25 mm."""
    cells = values.repeat(4, axis=0).repeat(8, axis=1).repeat(4, axis=2)
    inverse = np.linalg.inv(target.affine)
    # the source has voxels of 1 × 2 × 1 mm, of which the first is centred at the origin
    world = (np.indices(cells.shape).reshape(3, -1).T + 0.5) / 4 - [0.5, 1.0, 0.5]
    ijk = np.floor(apply_affine(inverse, world) + 0.5).astype(int)
    inside = ((ijk >= 0) & (ijk < target.shape)).all(axis=1)
    total = np.zeros(target.shape)
    np.add.at(total, tuple(ijk[inside].T), cells.reshape(-1)[inside])
    return total.ravel(order="F") / (4 * 4 * 2 * 4 * 3 * 4)


@pytest.mark.parametrize("at_once", [1_000_000, 5000, 100])
def test_shares_of_a_coarse_grid_are_those_counted_in_quarters(at_once, rng, monkeypatch):
    monkeypatch.setattr("ketfc.imaging.io.grid._AT_ONCE", at_once)
    source = Grid((13, 7, 9), np.diag([1.0, 2, 1, 1]))
    values = rng.integers(0, 3, source.shape).astype(float)
    # the image reaches beyond this grid on every side
    target = Grid((3, 5, 2), QUARTERS)
    expected = fine_means(values, target)
    voxels, means = voxel_shares(values, source, target, linear=False)
    np.testing.assert_array_equal(voxels, np.flatnonzero(expected))
    np.testing.assert_allclose(means, expected[voxels])


def test_linear_means_of_a_slope_are_its_values_at_the_centres():
    source = Grid((13, 7, 9), np.diag([1.0, 2, 1, 1]))
    i, j, k = np.indices(source.shape)
    target = Grid((3, 5, 3), QUARTERS)
    voxels, means = voxel_shares(20.0 + i - 2 * j + k, source, target, linear=True)
    x, y, z = all_centres(target)[voxels].T
    expected = 20 + x - 2 * y / 2 + z
    within = ((x > 2) & (x < 10) & (y > 1) & (y < 11) & (z > 2) & (z < 6)).nonzero()[0]
    assert len(within) >= 4
    np.testing.assert_allclose(means[within], expected[within])


def test_of_an_image_beside_a_grid_or_without_values_nothing_is_found():
    source = Grid((2, 1, 1), np.eye(4))
    values = np.array([0.0, 8.0]).reshape(2, 1, 1)
    for linear, x in ((False, 2.0), (False, -4.0), (True, 9.0), (True, -9.0)):
        affine = np.eye(4)
        affine[0, 3] = x
        assert voxel_shares(values, source, Grid((3, 1, 1), affine), linear=linear)[0].size == 0
    larger = Grid((3, 1, 1), np.eye(4))
    assert voxel_shares(0 * values, source, larger, linear=True)[0].size == 0
    for target in (larger, source):
        voxels, means = voxel_shares(values, source, target, linear=False)
        assert (voxels.tolist(), means.tolist()) == ([1], [8.0])
