"""Regions by labels, fractions, maps and unions: placing, weighted means, against plain numpy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from made_runs import AFFINE, nifti_bytes, write_gzip

from ketfc.base.errors import RunError, StudyError
from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.io.grid import Grid, voxel_shares
from ketfc.imaging.regions.definitions import AtlasLabels, ProbabilityMap, Region, Sphere
from ketfc.imaging.regions.placing import (
    MAP_FLOOR,
    WEIGHTED,
    label_problems,
    label_regions,
    place_regions,
    region_centres,
)
from ketfc.imaging.run.extraction import extract

SPACE = "MNI152NLin2009cAsym"
COARSE = Grid((6, 7, 5), np.diag([4.0, 4, 4, 1]))
# voxels of 1 mm whose borders lie on those of the coarse grid
FINE_AFFINE = np.diag([1.0, 1, 1, 1])
FINE_AFFINE[:3, 3] = -1.5
FINE = Grid((24, 28, 20), FINE_AFFINE)
NOTHING = Region("r", "r", "left", (), "test", True)


def atlas(labels: np.ndarray, grid: Grid = FINE, name: str = "Fine") -> Parcellation:
    indices = np.unique(labels[labels > 0]).astype(np.int32)
    names = tuple(f"p{i}" for i in indices)
    return Parcellation(
        name, SPACE, labels.astype(np.int32), grid, indices, names, ("",) * len(names)
    )


@pytest.fixture
def fine(rng) -> Parcellation:
    return atlas(rng.choice([0, 0, 0, 1, 2, 300], FINE.shape))


def of_labels(*names: str, fraction: bool = False) -> Region:
    return replace(NOTHING, labels=(AtlasLabels("Fine", names, fraction),))


def weights_of(region: Region, grid: Grid, **atlases: Parcellation) -> np.ndarray:
    return place_regions([region], SPACE, grid, atlases).weights.toarray()[0]


def in_blocks(values: np.ndarray) -> np.ndarray:
    """Return the mean of every block of 4 × 4 × 4 values, in Fortran order."""
    i, j, k = COARSE.shape
    return values.reshape(i, 4, j, 4, k, 4).mean(axis=(1, 3, 5)).ravel(order="F")


def test_labels_are_the_parcels_of_that_name(fine):
    alone = label_regions(fine, COARSE).weights.toarray()
    np.testing.assert_array_equal(weights_of(of_labels("p2"), COARSE, Fine=fine), alone[1])
    both = weights_of(of_labels("p1", "p300"), COARSE, Fine=fine)
    np.testing.assert_array_equal(both, alone[0] + alone[2])


def test_labels_of_two_parcellations_are_their_union(fine):
    other = atlas(np.ones(FINE.shape), name="Other")
    region = replace(NOTHING, labels=(AtlasLabels("Fine", ("p1",)), AtlasLabels("Other", ("p1",))))
    assert (weights_of(region, COARSE, Fine=fine, Other=other) == 1).all()


def test_a_fraction_is_the_share_of_each_voxel_that_the_label_fills(fine):
    region = of_labels("p1", "p2", fraction=True)
    found = place_regions([region], SPACE, COARSE, {"Fine": fine})
    expected = in_blocks(np.isin(fine.labels, [1, 2]).astype(float))
    np.testing.assert_allclose(found.weights.toarray()[0], expected, atol=1e-6)
    assert found.notes == (WEIGHTED,)


def test_a_fraction_on_the_atlas_own_grid_is_the_label(fine):
    found = weights_of(of_labels("p2", fraction=True), FINE, Fine=fine)
    np.testing.assert_array_equal(found, (fine.labels == 2).ravel(order="F").astype(float))


def test_shares_are_those_of_the_smallest_voxels_of_an_image_of_half_millimetres(rng):
    labels = rng.random((24, 28, 20)) < 0.4
    half = Grid(labels.shape, np.diag([0.5, 0.5, 0.5, 1.0]))
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = 0.75
    voxels, shares = voxel_shares(labels.astype(float), half, Grid((6, 7, 5), affine), linear=False)
    found = np.zeros(6 * 7 * 5)
    found[voxels] = shares
    np.testing.assert_allclose(found, in_blocks(labels), atol=1e-12)


def test_shares_add_up_to_the_labels_volume_on_any_grid(rng):
    """However the grids lie to one another, nothing of the label is lost or counted twice."""
    labels = np.zeros(FINE.shape)
    labels[8:14, 9:15, 7:12] = 1
    tilt = np.array([[0.98, 0.17, 0.1], [-0.17, 0.98, 0], [-0.1, -0.02, 0.99]])
    affine = np.eye(4)
    affine[:3, :3] = tilt @ np.diag([2.3, 2.9, 3.1])
    affine[:3, 3] = (-5, -4, -3)
    tilted = Grid((14, 14, 12), affine)
    _, shares = voxel_shares(labels, FINE, tilted, linear=False)
    volume = shares.sum() * abs(np.linalg.det(affine[:3, :3]))
    assert volume == pytest.approx(labels.sum(), rel=0.02)
    assert shares.max() <= 1


def save_map(folder: Path, values: np.ndarray, affine: np.ndarray = FINE_AFFINE) -> str:
    path = folder / "map.nii.gz"
    write_gzip(path, nifti_bytes(values.astype(np.float32), affine))
    return str(path)


def of_map(path: str) -> Region:
    return replace(NOTHING, maps=(ProbabilityMap(path, SPACE),))


def test_a_map_on_the_runs_grid_gives_its_values_as_weights(tmp_path, rng):
    values = rng.uniform(0, 1, FINE.shape)
    values[values < 0.3] = 0.005  # below the floor
    found = weights_of(of_map(save_map(tmp_path, values)), FINE)
    expected = np.where(values < 0.01, 0, values).ravel(order="F")
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_map_that_peaks_at_the_floor_keeps_its_peak_and_below_it_is_refused(tmp_path):
    values = np.zeros(FINE.shape)
    values[3, 4, 5], values[3, 4, 6] = MAP_FLOOR, 0.9 * MAP_FLOOR
    path = tmp_path / "map.nii.gz"
    # in float64, where the floor is what it is
    write_gzip(path, nifti_bytes(values, FINE_AFFINE))
    found = weights_of(of_map(str(path)), FINE)
    peak = np.ravel_multi_index((3, 4, 5), FINE.shape, order="F")
    assert np.flatnonzero(found).tolist() == [peak]
    assert found[peak] == pytest.approx(MAP_FLOOR)
    write_gzip(path, nifti_bytes(0.99 * values, FINE_AFFINE))
    with pytest.raises(StudyError, match=r"values from 0 to 0\.0099"):
        weights_of(of_map(str(path)), FINE)


def test_a_map_on_a_finer_grid_is_averaged_over_each_voxel(tmp_path):
    """A map linear in space has the mean of its values wherever linear interpolation holds."""
    i, j, k = np.indices(FINE.shape)
    values = (0.2 + 0.5 * i / 24 + 0.1 * j / 28 + 0.1 * k / 20) * 1.0
    found = weights_of(of_map(save_map(tmp_path, values)), COARSE).reshape(COARSE.shape, order="F")
    expected = in_blocks(values).reshape(COARSE.shape, order="F")
    inner = (slice(1, -1),) * 3
    np.testing.assert_allclose(found[inner], expected[inner], atol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.full(FINE.shape, 1.5), "values from 1.5 to 1.5"), (np.zeros(FINE.shape), "from 0 to 0")],
)
def test_a_map_that_holds_no_probabilities_is_refused(values, message, tmp_path):
    with pytest.raises(StudyError, match=message):
        weights_of(of_map(save_map(tmp_path, values)), COARSE)
    with pytest.raises(StudyError, match=r"map\.nii\.gz: regions\.r\.map\.image"):
        weights_of(of_map(str(tmp_path / "nowhere/map.nii.gz")), COARSE)


def test_a_union_has_the_largest_weight_of_its_members(fine):
    ball = replace(NOTHING, id="ball", spheres=(Sphere(SPACE, (8.0, 8, 8), 6),))
    part = of_labels("p1", fraction=True)
    union = replace(NOTHING, id="both", members=(ball, part))
    expected = np.maximum(*(weights_of(each, COARSE, Fine=fine) for each in (ball, part)))
    np.testing.assert_array_equal(weights_of(union, COARSE, Fine=fine), expected)
    assert union.atlases == ("Fine",)


def test_an_unknown_label_is_told_with_its_like(fine):
    with pytest.raises(StudyError, match="p30: is not a label of Fine; did you mean 'p300'"):
        weights_of(of_labels("p30"), COARSE, Fine=fine)


@pytest.mark.parametrize("n", [12, 13])
def test_twelve_labels_at_most_are_listed_where_one_is_unknown(n):
    known = [f"p{i:02}" for i in range(n)]
    first, last = label_problems(
        AtlasLabels("Fine", ("qq", "p01", "rr")), known, file="x.yaml", field="regions.r.labels"
    )
    assert (first.value, last.value) == ("qq", "rr")
    assert (first.file, first.field) == ("x.yaml", "regions.r.labels")
    listed = ", ".join(known[:12])
    assert first.allowed == (listed if n == 12 else f"{listed} … (13 in all)")
    assert first.message == "is not a label of Fine"


def test_a_parcellation_beside_the_image_is_refused_with_both_grids(fine):
    away = np.eye(4)
    away[:3, 3] = 500
    with pytest.raises(RunError, match="no label of Fine lies in the field of view") as caught:
        label_regions(fine, Grid((3, 3, 3), away))
    assert (caught.value.rule, caught.value.value) == ("no-overlap", 0)
    assert caught.value.threshold == "1 voxel"
    assert "origin (500, 500, 500)" in caught.value.reason


def test_the_centre_of_a_label_without_a_voxel_is_not_known(fine):
    lost = replace(fine, labels=np.where(fine.labels == 2, 0, fine.labels))
    centres = region_centres([replace(of_labels("p2"), id="r")], SPACE, {"Fine": lost})
    np.testing.assert_array_equal(centres["r"], [np.nan] * 3)


def test_centres_are_those_of_spheres_labels_maps_and_their_means(fine, tmp_path):
    values = np.zeros(FINE.shape)
    values[3, 4, 5], values[5, 4, 5] = 0.25, 0.75
    ball = replace(NOTHING, spheres=(Sphere(SPACE, (1.0, 2, 3), 6), Sphere(SPACE, (3.0, 2, 3), 6)))
    regions = {
        "ball": ball,
        "label": of_labels("p1", fraction=True),
        "map": of_map(save_map(tmp_path, values)),
    }
    regions = {name: replace(each, id=name) for name, each in regions.items()}
    regions["union"] = replace(NOTHING, id="union", members=(regions["ball"], regions["map"]))
    found = region_centres(list(regions.values()), SPACE, {"Fine": fine})
    np.testing.assert_allclose(found["ball"], (2, 2, 3))
    voxels = nib.affines.apply_affine(FINE_AFFINE, np.argwhere(fine.labels == 1))
    np.testing.assert_allclose(found["label"], voxels.mean(axis=0))
    np.testing.assert_allclose(found["map"], np.array([4.5, 4, 5]) - 1.5)
    expected = np.mean([(1, 2, 3), (3, 2, 3), np.array([4.5, 4, 5]) - 1.5], axis=0)
    np.testing.assert_allclose(found["union"], expected)


# -- series --------------------------------------------------------------------------------------

SHAPE = (12, 13, 11)
GRID = Grid(SHAPE, AFFINE)


def test_a_weighted_series_is_the_weighted_mean_of_covered_voxels(make_run, tmp_path, rng):
    run = make_run()
    data = np.asanyarray(nib.load(run.files.bold).dataobj).astype(np.float64)
    values = np.where(rng.random(SHAPE) < 0.2, rng.uniform(0.05, 1, SHAPE), 0)
    region = of_map(save_map(tmp_path, values, AFFINE))
    placed = place_regions([region], SPACE, GRID)
    mask = run.mask.ravel(order="F")
    shared = rng.random(mask.size) < 0.9
    found = extract(run.files.bold, mask, [placed], shared=shared).by_atlas(0.1)["Circuits"]
    flat = data.reshape(-1, data.shape[-1], order="F")
    weight = values.astype(np.float32).ravel(order="F").astype(np.float64)
    live = mask & (flat.std(axis=1) > 0)
    used = weight * live * shared
    expected = used @ flat / used.sum()
    np.testing.assert_allclose(found.series["r"], expected, rtol=1e-6)
    row = found.coverage.iloc[0]
    assert row["n_voxels"] == (weight > 0).sum()
    assert row["n_covered"] == ((weight > 0) & live).sum()
    assert row["n_shared"] == (used > 0).sum()
    assert row["coverage"] == pytest.approx((weight * live).sum() / weight.sum())
    assert row["coverage_shared"] == pytest.approx(used.sum() / weight.sum())
    tsnr = flat[live].mean(axis=1) / flat[live].std(axis=1, ddof=1)
    assert row["tsnr"] == pytest.approx(np.average(tsnr, weights=weight[live]), rel=1e-5)


def test_coverage_of_a_weighted_region_is_judged_by_its_weight(make_run, tmp_path):
    """Nine in ten voxels are outside, but they hold little of the map."""
    run = make_run()
    inside = np.argwhere(run.mask)
    outside = np.argwhere(~run.mask)
    values = np.zeros(SHAPE)
    values[tuple(inside[len(inside) // 2])] = 1.0
    for voxel in outside[:9]:
        values[tuple(voxel)] = 0.02
    placed = place_regions([of_map(save_map(tmp_path, values, AFFINE))], SPACE, GRID)
    mask = run.mask.ravel(order="F")
    found = extract(run.files.bold, mask, [placed]).by_atlas(0.5)["Circuits"]
    assert found.coverage.loc[0, "coverage"] == pytest.approx(1 / 1.18)
    assert found.series["r"].notna().all()
    found = extract(run.files.bold, mask, [placed]).by_atlas(0.9)["Circuits"]
    assert found.series["r"].isna().all()


@pytest.mark.filterwarnings("ignore")
def test_label_means_are_those_of_nilearns_labels_masker(make_run, tmp_path):
    from nilearn.maskers import NiftiLabelsMasker

    run = make_run()
    labels = np.zeros(SHAPE, dtype=np.int32)
    labels[3:6, 4:8, 3:7], labels[6:9, 4:8, 3:7] = 4, 9
    slabs = atlas(labels, GRID, "Fine")
    placed = place_regions([of_labels("p9")], SPACE, GRID, {"Fine": slabs})
    mask = run.mask.ravel(order="F")
    ours = extract(run.files.bold, mask, [placed]).by_atlas(0.1)["Circuits"].series["r"]
    theirs = NiftiLabelsMasker(
        nib.Nifti1Image(labels, AFFINE), mask_img=run.files.mask, standardize=None
    ).fit_transform(run.files.bold)
    np.testing.assert_allclose(ours, theirs[:, 1], rtol=1e-5)
