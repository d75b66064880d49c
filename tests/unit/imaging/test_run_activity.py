"""Activity of a run on disk: regions, maps, and what a run says that cannot be used."""

from __future__ import annotations

import json
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from made_runs import AFFINE, REGIONS, REGISTRY, SHAPE, SPACE, place, run_settings, slabs

from ketfc.base.files import read_tsv
from ketfc.imaging.activity.alff import amplitudes, spectra
from ketfc.imaging.activity.reho import reho
from ketfc.imaging.activity.run import NUMBERS, write_activity
from ketfc.imaging.denoise.confounds import regressors
from ketfc.imaging.denoise.operator import filled_operator, within
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.maps.measured_voxels import VoxelSettings, read_voxels, write_voxels
from ketfc.imaging.regions.null_spheres import SPHERES
from ketfc.imaging.regions.placing import CIRCUITS
from ketfc.imaging.run.measured_regions import MeasuredRegions
from ketfc.imaging.run.operators import VoxelRun, run_operators
from ketfc.imaging.run.reading import extract_run_and_voxels
from ketfc.study.config.maps import Activity

NAMES = [region.id for region in REGIONS]
STRATEGIES = ("24P", "none")


def jerk(table):
    fd = table["framewise_displacement"].to_numpy().copy()
    fd[[20, 21, 33]] = 2.0
    return table.assign(framewise_displacement=fd)


def measured(run, folder, *, maps=True, measures=("alff", "falff", "reho"), others=(), **changes):
    """Do what the job of a run does; return the table, the JSON and what was found."""
    settings = run_settings(
        **({"strategies": STRATEGIES, "fd_thresh": 0.5, "min_time": 60} | changes)
    )
    extraction, brain = extract_run_and_voxels(
        run.files.bold, run.files.mask, place, {}, others=others
    )
    found = run_operators(extraction, run.files, settings)
    write_activity(
        folder,
        "stem",
        VoxelRun(run.files, brain, found),
        settings=Activity(measures=measures, maps=maps),
        strategies=STRATEGIES,
        names=NAMES,
        min_coverage=settings.min_coverage,
    )
    path = folder / "stem_desc-activity_bold.tsv"
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return read_tsv(path, numeric=NUMBERS), about, found, brain


def image(folder, strategy, measure):
    path = folder / f"stem_desc-{strategy}_stat-{measure}_boldmap.nii.gz"
    return np.asarray(nib.load(path).dataobj).ravel(order="F")


def test_regions_are_means_of_the_maps_and_the_maps_are_those_of_the_functions(make_run, tmp_path):
    run = make_run(240, confounds=jerk)
    table, about, found, brain = measured(run, tmp_path)
    values = brain.voxels.values.astype(np.float64)
    circuits = next(one for one in brain.regions if one.atlas == CIRCUITS)
    for strategy in STRATEGIES:
        keep = found.keep[strategy]
        assert keep.sum() == 237
        columns = list(found.strategies[strategy].operator.columns)
        assert (len(columns) > 0) == (strategy == "24P")
        own = regressors(found.confounds, columns)
        banded, whole = (
            filled_operator(own, keep, repetition_time=2.0, high_pass=high, low_pass=low)
            for high, low in ((0.01, 0.08), (None, None))
        )
        of_run = spectra(banded, whole, repetition_time=2.0, band=(0.01, 0.08))
        expected = dict(zip(("alff", "falff"), amplitudes(of_run, values), strict=True))
        expected["reho"] = reho(
            banded[within(keep)], values, brain.voxels.voxels, brain.voxels.grid
        )
        for measure, each in expected.items():
            found_map = image(tmp_path, strategy, measure)
            np.testing.assert_allclose(found_map[brain.voxels.voxels], each, rtol=2e-3)
            outside = np.ones(found_map.size, dtype=bool)
            outside[brain.voxels.voxels] = False
            assert np.isnan(found_map[outside]).all()
            scale = about[strategy]["MeanOverBrain"][measure]
            assert scale == pytest.approx(np.nanmean(each), rel=1e-4)
            rows = table[table["strategy"] == strategy].set_index(["measure", "region"])["value"]
            for i, region in enumerate(circuits.names):
                weight = circuits.weights[[i]].toarray().ravel()
                known = (weight > 0) & np.isfinite(found_map)
                raw, divided = rows[measure, region], rows["m" + measure, region]
                if weight[brain.voxels.voxels].sum() < 0.5 * weight.sum() or not known.any():
                    assert np.isnan(raw)
                    assert np.isnan(divided)
                else:
                    mean = np.average(found_map[known], weights=weight[known])
                    assert raw == pytest.approx(mean, rel=1e-5)
                    assert divided == pytest.approx(mean / scale, rel=1e-5)
    assert table["value"].notna().mean() > 0.5
    assert set(table["n_volumes"]) == {237}
    assert about["24P"]["VolumesOfSpectrum"] == 240
    assert about["24P"]["NumberOfVolumes"] == 237
    assert about["24P"]["BandHz"] == [0.01, 0.08]
    assert about["MinimumCoverage"] == 0.5
    assert about["Sources"] == run.files.sources
    of_map = tmp_path / "stem_desc-none_stat-falff_boldmap.json"
    own = json.loads(of_map.read_text(encoding="utf-8"))
    assert own["DenoisingStrategy"] == "none"
    assert own["Description"].startswith("Sum of the square root of power")
    assert {key: own[key] for key in about["none"]} == about["none"]
    assert own["Sources"] == run.files.sources
    assert about["24P"]["Excluded"] is None


def test_a_region_with_too_little_signal_has_no_value(make_run, tmp_path):
    grid = Grid(SHAPE, AFFINE)
    first = place(grid)[0].weights[[0]].toarray().ravel() > 0
    lost = np.flatnonzero(first)[: int(first.sum() * 0.4)]

    def without_signal(data):
        data[np.unravel_index(lost, SHAPE, order="F")] = 500.0

    run = make_run(240, edit=without_signal)
    for least, told in ((0.5, True), (0.7, False)):
        table, *_ = measured(run, tmp_path, maps=False, min_coverage=least)
        assert table.loc[table["region"] == NAMES[0], "value"].notna().all() == told
        assert table.loc[table["region"] == NAMES[1], "value"].notna().all()


def test_only_what_is_asked_for_is_written(make_run, tmp_path):
    run = make_run(240)
    table, *_ = measured(run, tmp_path, measures=("reho",), maps=False)
    assert set(table["measure"]) == {"reho", "mreho"}
    assert not list(tmp_path.glob("stem*.nii.gz"))
    written = set(tmp_path.glob("stem*"))
    measured(run, tmp_path, measures=("reho",), maps=False)
    assert set(tmp_path.glob("stem*")) == written


def test_a_run_too_short_for_a_strategy_in_the_band_is_excluded_from_that_alone(make_run, tmp_path):
    # 100 volumes of 2 s have 14 frequencies in the band, of which 24 regressors leave little
    run = make_run(100)
    table, about, found, _ = measured(run, tmp_path, min_time=20, strategies=("none", "24P"))
    assert not isinstance(found.strategies["24P"], Exception)
    assert "degrees of freedom are left of 100 kept volumes" in about["24P"]["Excluded"]
    assert about["24P"]["ExcludedBy"]["rule"] == "degrees-of-freedom"
    assert about["none"]["Excluded"] is None
    assert about["none"]["ExcludedBy"] is None
    assert table.loc[table["strategy"] == "24P", "value"].isna().all()
    assert table.loc[table["strategy"] == "none", "value"].notna().any()
    assert np.isnan(image(tmp_path, "24P", "alff")).all()


@pytest.mark.parametrize("what", ["motion", "image"])
def test_an_excluded_run_has_the_same_files_with_the_reason(what, make_run, tmp_path):
    run = make_run(240, confounds=jerk)
    folder = tmp_path / "good"
    folder.mkdir()
    measured(run, folder)
    bad = tmp_path / "bad"
    bad.mkdir()
    if what == "image":
        run.files.bold.write_bytes(run.files.bold.read_bytes()[:5000])
    table, about, found, _ = measured(run, bad, **({"max_fd": 1.0} if what == "motion" else {}))
    assert {path.name for path in bad.iterdir()} == {path.name for path in folder.iterdir()}
    assert table["value"].isna().all()
    assert len(table) == len(STRATEGIES) * len(NAMES) * 6
    assert (table["n_volumes"] == 0).all()
    assert about["none"]["Excluded"] == found.strategies["none"].reason
    assert np.isnan(image(bad, "24P", "falff")).all()


def test_a_job_measures_and_maps_what_its_settings_say(make_run, tmp_path):
    run = make_run(150, confounds=jerk)
    params = SimpleNamespace(
        denoising={"strategies": ["24P", "none"], "primary": "24P", "min-time": 60},
        limits={"max-fd": 9.0},
        min_coverage=0.4,
        repetition_time=2.0,
        activity={"measures": ["alff"], "maps": False},
        carpet_atlas="Slabs",
        activity_strategies=["none"],
        strategies=["24P"],
        seeds=["b"],
        fwhm=6.0,
    )
    settings = VoxelSettings.of_job(params)
    assert settings.run.denoising.primary == "24P"
    assert (settings.run.limits.max_fd, settings.run.min_coverage) == (9, 0.4)
    assert settings.run.repetition_time == 2
    spheres = pd.DataFrame({"name": ["n"], "x": [0.0], "y": [0.0], "z": [0.0], "radius": [6.0]})
    regions = MeasuredRegions(REGISTRY, spheres, (slabs(),), {}, SPACE)
    extraction, found = read_voxels(run.files, [], regions, settings)
    assert list(extraction.regions) == ["Circuits", SPHERES, "Slabs"]
    assert extraction.carpet is not None
    write_voxels(tmp_path, "stem", found, extraction, regions, settings)
    table = read_tsv(tmp_path / "stem_desc-activity_bold.tsv", numeric=NUMBERS)
    assert set(table["strategy"]) == {"none"}
    assert set(table["measure"]) == {"alff", "malff"}
    assert table["region"].tolist()[: len(NAMES)] == NAMES
    (path,) = tmp_path.glob("*boldmap.json")
    assert path.name == "stem_seed-b_desc-24P_stat-fisherz_boldmap.json"
    about = json.loads(path.read_text())
    assert (about["SmoothingFWHM"], about["DenoisingStrategy"]) == (6, "24P")
    # activity is that of voxels that were not smoothed
    (tmp_path / "plain").mkdir()
    plain, *_ = measured(run, tmp_path / "plain", maps=False, measures=("alff",), min_coverage=0.4)
    own = plain[plain["strategy"] == "none"].reset_index(drop=True)
    np.testing.assert_allclose(table["value"], own["value"], rtol=1e-6)


def test_where_nothing_is_measured_nothing_is_written(make_run, tmp_path):
    run = make_run(60)
    extraction, brain = extract_run_and_voxels(run.files.bold, run.files.mask, place, {})
    found = run_operators(extraction, run.files, run_settings(strategies=STRATEGIES))
    write_activity(
        tmp_path,
        "stem",
        VoxelRun(run.files, brain, found),
        settings=Activity(measures=()),
        strategies=STRATEGIES,
        names=NAMES,
        min_coverage=0.5,
    )
    assert not list(tmp_path.glob("stem*"))
