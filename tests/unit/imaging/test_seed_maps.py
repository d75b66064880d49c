"""Seed maps: against nilearn's masker and cleaning, in the brain alone, with a right header."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from made_runs import (
    AFFINE,
    REGIONS,
    SHAPE,
    MadeRun,
    build_run,
    place,
    process_run,
    run_settings,
)
from scipy.ndimage import gaussian_filter

from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.images import write_image
from ketfc.imaging.maps.run_maps import run_maps, run_seeds, write_maps
from ketfc.imaging.maps.seed_maps import seed_maps
from ketfc.imaging.maps.smoothing import smooth
from ketfc.imaging.regions.placing import sphere_regions
from ketfc.imaging.run.operators import VoxelRun, run_operators
from ketfc.imaging.run.reading import extract_run_and_voxels
from ketfc.imaging.run.voxels import VoxelSeries

GRID = Grid(SHAPE, AFFINE)
SPACE = "MNI152NLin2009cAsym"


def settings(**changes):
    return run_settings(
        **({"strategies": ("24P", "acompcor"), "lower_bpf": 0.01, "min_time": 60} | changes)
    )


def jerk(table):
    """Give two volumes a displacement that is censored; not symmetric in time."""
    fd = table["framewise_displacement"].to_numpy().copy()
    fd[[20, 33]] = 2.0
    return table.assign(framewise_displacement=fd)


def mapped(
    run: MadeRun, folder: Path, *, fwhm: float = 0.0, others=(), min_coverage=0.5, **changes
):
    """Do what the job of a run does; return the maps by strategy and seed, and what was found."""
    given = settings(fd_thresh=0.5, **changes)
    extraction, brain = extract_run_and_voxels(
        run.files.bold, run.files.mask, place, {}, others=others
    )
    found = run_operators(extraction, run.files, given)
    strategies = given.denoising.strategies
    write_maps(
        folder,
        "stem",
        VoxelRun(run.files, brain, found),
        seeds=run_seeds(extraction, REGIONS[:3], min_coverage),
        denoising=given.denoising,
        strategies=strategies,
        space=SPACE,
        fwhm=fwhm,
    )
    maps = {
        (strategy, region.id): folder
        / f"stem_seed-{region.id}_desc-{strategy}_stat-fisherz_boldmap.nii.gz"
        for strategy in strategies
        for region in REGIONS[:3]
    }
    return maps, found


def about(path: Path) -> dict:
    return json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())


def cleaned_by_nilearn(series, run, found, strategy):
    from nilearn.signal import clean

    columns = list(found.strategies[strategy].operator.columns)
    filled = run.confounds.bfill(limit=1)
    return clean(
        series,
        detrend=True,
        standardize=None,
        sample_mask=np.flatnonzero(found.keep[strategy]),
        confounds=filled[columns],
        standardize_confounds=True,
        high_pass=None if strategy == "acompcor" else 0.01,
        t_r=2.0,
        extrapolate=False,
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("dtype", "slope"), [("float32", np.nan), ("int16", 0.6), ("float64", np.nan)]
)
def test_maps_equal_nilearns_masker_cleaning_and_correlation(dtype, slope, make_run, tmp_path):
    from nilearn.maskers import NiftiMasker, NiftiSpheresMasker

    run = make_run(90, dtype=dtype, slope=slope, confounds=jerk)
    maps, found = mapped(run, tmp_path)
    voxels = NiftiMasker(run.files.mask, standardize=None).fit_transform(run.files.bold)
    inside = run.mask
    for (strategy, name), path in maps.items():
        (sphere,) = next(region for region in REGIONS if region.id == name).spheres
        seed = NiftiSpheresMasker(
            [sphere.centre], radius=sphere.radius, mask_img=run.files.mask, standardize=None
        ).fit_transform(run.files.bold)
        both = cleaned_by_nilearn(np.c_[seed, voxels].astype(float), run, found, strategy)
        assert len(both) == 88
        expected = np.corrcoef(both.T)[0, 1:]
        image = nib.load(path)
        data = np.asarray(image.dataobj)
        np.testing.assert_allclose(np.tanh(data[inside]), expected, rtol=0, atol=1e-4)
        assert np.isnan(data[~inside]).all()
        said = about(path)
        assert (said["Seed"], said["SeedName"]) == (name, f"the {name}")
        assert said["SeedDefinition"].startswith("sphere (")
        assert (said["Units"], said["DenoisingStrategy"]) == ("arbitrary", strategy)
        assert said["Sources"] == run.files.sources
        assert said["SmoothingFWHM"] == 0
        assert said["Excluded"] is None
        assert said["NumberOfVolumes"] == 88
        assert said["DegreesOfFreedom"] == round(found.strategies[strategy].tdof, 6)
        assert said["NumberOfVoxels"] == inside.sum()
        assert said["Seed"] == name
        assert said["DenoisingStrategy"] == strategy


def test_maps_and_matrices_of_connectivity_are_one_measure(make_run, tmp_path):
    """The region `d` is one voxel: its edge with a seed is the seed's map there."""
    run = make_run(90, confounds=jerk)
    maps, _ = mapped(run, tmp_path, strategies=("24P", "acompcor"))
    result = process_run(run.files, place, settings(fd_thresh=0.5))
    (voxel,) = sphere_regions(REGIONS[3:], SPACE, GRID).weights.indices
    for (strategy, name), path in maps.items():
        z = np.asarray(nib.load(path).dataobj).ravel(order="F")[voxel]
        edge = result.strategies[strategy].matrices["Circuits"].loc[name, "d"]
        assert np.tanh(z) == pytest.approx(edge, abs=1e-5)


def test_matched_volumes_are_those_of_the_matrices(make_run, tmp_path):
    run = make_run(90, confounds=jerk)
    given = settings(fd_thresh=0.5)
    extraction, brain = extract_run_and_voxels(run.files.bold, run.files.mask, place, {})
    found = run_operators(extraction, run.files, given)
    cleaning = replace(found.strategies["24P"], n_volumes=50)
    seeds = run_seeds(extraction, REGIONS[:2], 0.5)
    found = replace(found, strategies={"24P": cleaning})
    ((name, maps),) = run_maps(VoxelRun(run.files, brain, found), seeds, ["24P"], fwhm=0)
    assert name == "24P"
    cleaned = (
        cleaning.operator.matrix[:50]
        @ np.c_[seeds.series[:, 1] - seeds.series[:, 1].mean(), brain.voxels.values[:, 40]]
    )
    expected = np.corrcoef(cleaned.T)[0, 1]
    assert np.tanh(maps[1][brain.voxels.voxels[40]]) == pytest.approx(expected, abs=1e-5)


def test_smoothing_is_that_of_scipy_divided_by_the_smoothed_mask(rng):
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    # longer, in one direction, than what is smoothed at a time
    grid = Grid((61, 9, 8), affine)
    inside = rng.random(grid.n_voxels) < 0.6
    values = rng.standard_normal((5, grid.n_voxels)).astype(np.float32)
    voxels = np.flatnonzero(inside)
    sigma = 5.0 / np.sqrt(8 * np.log(2)) / np.array([2.0, 3.0, 4.0])

    def blurred(flat):
        image = np.where(inside, flat, 0.0).reshape(grid.shape, order="F")
        return gaussian_filter(image, sigma, mode="constant").ravel(order="F")

    expected = [blurred(row)[voxels] / blurred(np.ones(grid.n_voxels))[voxels] for row in values]
    # rows that lie further apart than they are long, as those of a run do
    kept = np.concatenate([values[:, voxels], np.zeros((5, 3), np.float32)], axis=1)
    series = VoxelSeries(kept[:, : voxels.size], voxels.astype(np.int64), grid)
    smooth(series, 5.0)
    np.testing.assert_allclose(series.values, expected, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(kept[:, voxels.size :], 0)


@pytest.mark.filterwarnings("ignore")
def test_targets_are_smoothed_and_the_seed_is_not(make_run, tmp_path):
    run = make_run(90, confounds=jerk)
    maps, found = mapped(run, tmp_path, fwhm=9.0, strategies=("24P",))
    sigma = 9.0 / np.sqrt(8 * np.log(2)) / 4.0
    blurred = np.stack(
        [
            gaussian_filter(np.where(run.mask, volume, 0), sigma, mode="constant")
            for volume in np.moveaxis(run.data, -1, 0)
        ]
    )
    weight = gaussian_filter(run.mask.astype(float), sigma, mode="constant")
    smoothed = (blurred / weight)[:, run.mask]
    placed = sphere_regions(REGIONS[:3], SPACE, GRID)
    flat = run.data.reshape(-1, 90, order="F")
    for row, name in zip(placed.weights.toarray() > 0, placed.names, strict=True):
        seed = flat[row & run.mask.ravel(order="F")].mean(axis=0)
        both = cleaned_by_nilearn(np.c_[seed, smoothed], run, found, "24P")
        expected = np.corrcoef(both.T)[0, 1:]
        data = np.asarray(nib.load(maps["24P", name]).dataobj)
        np.testing.assert_allclose(np.tanh(data[run.mask]), expected, rtol=0, atol=1e-4)
        assert about(maps["24P", name])["SmoothingFWHM"] == 9.0
        assert about(maps["24P", name])["SeedSmoothed"] is False


def test_voxels_without_signal_in_another_run_are_in_no_map_and_in_no_neighbour(tmp_path):
    def lost(data):
        data[4:6, 3:8, 5] = 0

    folders = [tmp_path / name for name in ("pre", "post")]
    for folder in folders:
        folder.mkdir()
    run = build_run(folders[0], 90)
    other = build_run(folders[1], 90, edit=lost, seed=1)
    pair = [(other.files.bold, other.files.mask)]
    maps, _ = mapped(run, tmp_path / "both", fwhm=8.0, others=pair, strategies=("24P",))
    gone = np.zeros(SHAPE, dtype=bool)
    gone[4:6, 3:8, 5] = True
    alone = build_run(folders[0], 90, edit=lambda data: data.__setitem__(gone, 0.0))
    same, _ = mapped(alone, tmp_path / "alone", fwhm=8.0, strategies=("24P",))
    data = np.asarray(nib.load(maps["24P", "c"]).dataobj)
    assert (np.isfinite(data) == (run.mask & ~gone)).all()
    # as if these voxels had no signal here either: nothing of them reaches their neighbours
    theirs = np.asarray(nib.load(same["24P", "c"]).dataobj)
    np.testing.assert_allclose(data, theirs, rtol=0, atol=1e-6)
    assert about(maps["24P", "c"])["NumberOfVoxels"] == (run.mask & ~gone).sum()


def test_a_constant_voxel_has_no_value_and_counts_in_no_neighbour(make_run, tmp_path):
    def still(data):
        data[5, 6, 5] = 8000.0
        data[7, 2, 3] = np.nan

    maps, _ = mapped(make_run(90, edit=still), tmp_path, fwhm=8.0, strategies=("24P",))
    data = np.asarray(nib.load(maps["24P", "b"]).dataobj)
    assert np.isnan(data[5, 6, 5])
    assert np.isnan(data[7, 2, 3])
    assert np.isfinite(data[5, 5, 5])


def test_a_seed_that_is_hardly_covered_has_an_empty_map_and_its_reason(make_run, tmp_path):
    inside = sphere_regions(REGIONS, SPACE, GRID).weights[1].indices

    def lost(data):
        flat = data.reshape(-1, data.shape[-1], order="F")
        flat[inside[: int(0.8 * len(inside))]] = 0
        data[:] = flat.reshape(data.shape, order="F")

    maps, _ = mapped(make_run(90, edit=lost), tmp_path, strategies=("24P",))
    assert np.isnan(np.asarray(nib.load(maps["24P", "b"]).dataobj)).all()
    said = about(maps["24P", "b"])
    assert (
        "% of the seed has signal in all runs of the participant, 50% is needed"
        in (said["Excluded"])
    )
    assert said["NumberOfVoxels"] == 0
    assert said["NumberOfSeedVoxels"] == len(inside) - int(0.8 * len(inside))
    assert about(maps["24P", "a"])["Excluded"] is None


def test_of_an_excluded_run_its_own_reason_is_told_and_not_that_of_a_seed(make_run, tmp_path):
    inside = sphere_regions(REGIONS, SPACE, GRID).weights[1].indices

    def lost(data):
        data[np.unravel_index(inside, SHAPE, order="F")] = 0

    run = make_run(90, edit=lost)
    maps, found = mapped(run, tmp_path, min_time=500, strategies=("24P",))
    assert about(maps["24P", "b"])["Excluded"] == found.error.reason
    assert "min-time" in found.error.reason


def test_the_centre_of_a_seed_is_that_of_its_voxels_by_their_weights(make_run, tmp_path):
    run = make_run(90)
    maps, _ = mapped(run, tmp_path, strategies=("24P",))
    voxels = sphere_regions(REGIONS[1:2], SPACE, GRID).weights.indices
    places = np.array(np.unravel_index(voxels, SHAPE, order="F")).mean(axis=1)
    expected = AFFINE[:3, :3] @ places + AFFINE[:3, 3]
    np.testing.assert_allclose(about(maps["24P", "b"])["SeedCentre"], expected, atol=1e-3)

    def uneven(grid):
        circuits, *others = place(grid)
        weights = circuits.weights.copy()
        weights.data[:] = np.linspace(0.1, 1, weights.nnz)
        return [replace(circuits, weights=weights), *others]

    extraction, brain = extract_run_and_voxels(run.files.bold, run.files.mask, uneven, {})
    given = settings(strategies=("24P",))
    found = run_operators(extraction, run.files, given)
    write_maps(
        tmp_path,
        "uneven",
        VoxelRun(run.files, brain, found),
        seeds=run_seeds(extraction, REGIONS[1:2], 0.5),
        denoising=given.denoising,
        strategies=["24P"],
        space=SPACE,
        fwhm=0,
    )
    row = brain.regions[0].weights[1]
    places = np.array(np.unravel_index(row.indices, SHAPE, order="F"))
    expected = AFFINE[:3, :3] @ (places @ row.data / row.data.sum()) + AFFINE[:3, 3]
    path = tmp_path / "uneven_seed-b_desc-24P_stat-fisherz_boldmap.nii.gz"
    np.testing.assert_allclose(about(path)["SeedCentre"], expected, atol=1e-3)


def test_an_excluded_run_has_the_same_files_without_a_value_and_with_its_reason(make_run, tmp_path):
    run = make_run(90, confounds=lambda table: table.iloc[:80])
    maps, found = mapped(run, tmp_path)
    assert found.error is not None
    for path in maps.values():
        image = nib.load(path)
        assert image.shape == SHAPE
        assert np.isnan(np.asarray(image.dataobj)).all()
        assert about(path)["Excluded"] == found.error.reason
        assert about(path)["NumberOfVolumes"] == 0


def test_a_run_whose_header_cannot_be_read_has_maps_of_one_empty_voxel(make_run, tmp_path):
    run = make_run(90)
    run.files.bold.write_bytes(b"nothing of use")
    maps, _ = mapped(run, tmp_path)
    for path in maps.values():
        assert nib.load(path).shape == (1, 1, 1)
        assert "stem" not in about(path)["Excluded"]
        assert run.files.bold.name in about(path)["Excluded"]


def test_the_header_says_what_the_file_holds_and_the_bytes_are_always_the_same(tmp_path, rng):
    affine = np.array([[-2.0, 0, 0, 90], [0, 2.5, 0, -126], [0, 0, 3.0, -72], [0, 0, 0, 1]])
    grid = Grid((5, 4, 3), affine)
    values = rng.standard_normal(60)
    values[7] = np.nan
    write_image(tmp_path / "a.nii.gz", values, grid)
    write_image(tmp_path / "b.nii.gz", values, grid)
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "b.nii.gz").read_bytes()
    # gzip's field for the time of writing
    assert content[4:8] == b"\0\0\0\0"
    with gzip.open(tmp_path / "a.nii.gz") as file:
        raw = nib.Nifti1Header.from_fileobj(file)
    assert (raw["datatype"], raw["bitpix"], raw["dim"][0]) == (16, 32, 3)
    assert (raw["scl_slope"], raw["scl_inter"], raw["vox_offset"]) == (1, 0, 352)
    assert (raw["sform_code"], raw["qform_code"]) == (4, 4)
    assert raw.get_xyzt_units()[0] == "mm"
    image = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(image.affine, affine)
    np.testing.assert_allclose(image.get_qform(), affine, atol=1e-5)
    np.testing.assert_array_equal(
        np.asarray(image.dataobj).ravel(order="F"), values.astype(np.float32)
    )


def test_a_voxel_that_the_confounds_explain_whole_correlates_with_nothing(rng, monkeypatch):
    n = 60
    trend = np.c_[np.ones(n), np.arange(n)]
    matrix = np.eye(n) - trend @ np.linalg.pinv(trend)
    values = rng.standard_normal((n, 4)).astype(np.float32)
    values[:, 2] = 300 * (np.arange(n) - 29.5)
    series = VoxelSeries(values, np.arange(4), Grid((4, 1, 1), np.eye(4)))
    seeds = np.c_[values[:, 1].astype(float), np.full(n, np.nan), np.full(n, 1000.1)]
    z = seed_maps(matrix, seeds, series)
    for at_once in (1, 3):
        monkeypatch.setattr("ketfc.imaging.maps.seed_maps._AT_ONCE", at_once)
        np.testing.assert_allclose(seed_maps(matrix, seeds, series), z, atol=1e-5)
    assert np.isnan(z[0]).tolist() == [False, False, True, False]
    assert z[0, 1] > 5
    # a seed that is not covered, and one that is constant
    assert np.isnan(z[1:]).all()
