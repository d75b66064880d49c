"""The denoising operator, against nilearn on the data themselves and ordinary least squares."""

from __future__ import annotations

import warnings
from itertools import pairwise

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from made_runs import AFFINE, build_run, confounds_table

from ketfc.base.errors import RunError
from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.denoise.confounds import STRATEGIES, regressors, strategy_columns
from ketfc.imaging.denoise.operator import (
    degrees_of_freedom,
    filled_operator,
    independent_regressors,
    operator,
)
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.definitions import Region, Sphere
from ketfc.imaging.regions.placing import label_regions, sphere_regions
from ketfc.imaging.run.extraction import extract

pytestmark = pytest.mark.usefixtures("interpolating_nilearn")

T_R = 2.0


def censored(n: int, kind: str) -> np.ndarray:
    keep = np.ones(n, dtype=bool)
    if kind != "all":
        keep[[17, 18, 19, 20, 44, 71, 73]] = False
    if kind == "ends":
        keep[:3] = keep[-2:] = False
    return keep


def chosen(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the regressors of a strategy."""
    return regressors(table, strategy_columns(STRATEGIES[name], list(table.columns), {}))


def high_pass(name: str) -> float | None:
    return None if STRATEGIES[name].compcor else 0.01


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("low_pass", [None, 0.1])
@pytest.mark.parametrize("kind", ["all", "middle", "ends"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_the_operator_cleans_as_nilearn_cleans_the_data(name, kind, low_pass, rng):
    from nilearn.signal import clean

    n = 240
    confounds, keep = chosen(confounds_table(n), name), censored(n, kind)
    data = 1000 + rng.standard_normal((n, 25)).cumsum(axis=0) + rng.standard_normal((n, 25)) * 5
    matrix = operator(
        confounds, keep, repetition_time=T_R, high_pass=high_pass(name), low_pass=low_pass
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = clean(
            data,
            detrend=True,
            standardize=False,
            sample_mask=None if keep.all() else np.flatnonzero(keep),
            confounds=confounds if confounds.shape[1] else None,
            standardize_confounds=True,
            low_pass=low_pass,
            high_pass=high_pass(name),
            t_r=T_R,
            extrapolate=False,
        )
    # nilearn interpolates before it takes out the mean, which of squared signals leaves 1e-9
    assert relative(matrix @ data, expected) < 1e-8
    assert matrix.shape == (keep.sum(), n)


@pytest.mark.parametrize("gone", [[7, 112], [0, 1, 60, 119], [40, 41, 42, 77, 79]])
def test_no_censored_volume_reaches_a_kept_one(gone):
    """Also where the volume as far from the other end is censored: nilearn then uses it raw."""
    n = 120
    keep = np.ones(n, dtype=bool)
    keep[gone] = False
    nothing = pd.DataFrame(index=range(n))
    matrix = operator(nothing, keep, repetition_time=T_R, high_pass=0.01, low_pass=0.1)
    assert not matrix[:, ~keep].any()
    # no volume takes the place of another: a slow wave comes out as it went in
    wave = np.sin(2 * np.pi * 0.05 * T_R * np.arange(n))
    assert np.abs(matrix @ wave - wave[keep])[20:-20].max() < 0.25


@pytest.mark.parametrize("high_pass", [None, 0.01])
def test_strategies_of_one_run_do_not_touch_one_another(high_pass):
    table, keep = confounds_table(120), censored(120, "middle")

    def made(name: str) -> np.ndarray:
        return operator(
            chosen(table, name), keep, repetition_time=T_R, high_pass=high_pass, low_pass=None
        )

    first = {name: made(name).copy() for name in STRATEGIES}
    again = {name: made(name) for name in reversed(STRATEGIES)}
    for name in STRATEGIES:
        np.testing.assert_array_equal(first[name], again[name])
    assert relative(first["none"], first["24P"]) > 0.01


@pytest.mark.parametrize("kind", ["all", "middle", "ends"])
@pytest.mark.parametrize("name", ["none", "36P", "acompcor_gsr"])
def test_without_a_filter_cleaning_is_regression(name, kind, rng):
    n = 150
    confounds, keep = chosen(confounds_table(n), name), censored(n, kind)
    data = 1000 + rng.standard_normal((n, 8)).cumsum(axis=0)
    matrix = operator(confounds, keep, repetition_time=T_R, high_pass=None, low_pass=None)
    kept = int(keep.sum())
    columns = confounds.to_numpy()[keep]
    if columns.shape[1]:
        columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    design = np.column_stack([np.ones(kept), np.linspace(-1, 1, kept), columns])
    fitted = design @ np.linalg.lstsq(design, data[keep], rcond=None)[0]
    assert relative(matrix @ data, data[keep] - fitted) < 1e-8
    rank = np.linalg.matrix_rank(design)
    assert rank == design.shape[1]
    assert degrees_of_freedom(matrix) == pytest.approx(kept - rank, abs=1e-6)


def test_repeated_and_constant_regressors_cost_no_degree_of_freedom(rng):
    n = 150
    confounds = chosen(confounds_table(n), "24P")
    keep = censored(n, "middle")
    expected = keep.sum() - 2 - 24
    confounds["again"] = confounds["trans_x"] * -3.0
    confounds["constant"] = 7.0
    confounds["zero"] = 0.0
    matrix = operator(confounds, keep, repetition_time=T_R, high_pass=None, low_pass=None)
    assert degrees_of_freedom(matrix) == pytest.approx(expected, abs=1e-6)
    rank = independent_regressors(
        confounds, keep, repetition_time=T_R, high_pass=None, low_pass=None
    )
    assert (rank, confounds.shape[1]) == (24, 27)
    # what is regressed is what least squares on all columns regresses
    data = rng.standard_normal((n, 8)).cumsum(axis=0)
    kept = int(keep.sum())
    columns = confounds.to_numpy()[keep]
    design = np.column_stack([np.ones(kept), np.linspace(-1, 1, kept), columns])
    fitted = design @ np.linalg.lstsq(design, data[keep], rcond=None)[0]
    assert relative(matrix @ data, data[keep] - fitted) < 1e-8


def test_nothing_but_constant_regressors_regress_nothing():
    keep = np.ones(60, dtype=bool)
    settings = {"repetition_time": T_R, "high_pass": 0.01, "low_pass": None}
    confounds = pd.DataFrame({"zero": np.zeros(60), "constant": np.full(60, 512.3)})
    assert independent_regressors(confounds, keep, **settings) == 0
    nothing = operator(pd.DataFrame(index=range(60)), keep, **settings)
    np.testing.assert_array_equal(operator(confounds, keep, **settings), nothing)


def test_more_columns_than_volumes_are_used_where_they_say_little(rng):
    # fifty columns that are mixtures of five
    mixed = rng.standard_normal((40, 5)) @ rng.standard_normal((5, 50))
    keep = np.ones(40, dtype=bool)
    matrix = operator(pd.DataFrame(mixed), keep, repetition_time=T_R, high_pass=None, low_pass=None)
    assert degrees_of_freedom(matrix) == pytest.approx(40 - 2 - 5)


def test_the_high_pass_removes_slow_and_keeps_fast_waves():
    n = 300
    time = np.arange(n) * T_R
    waves = np.column_stack([np.sin(2 * np.pi * f * time) for f in (0.003, 0.05, 0.2)])
    nothing = pd.DataFrame(index=range(n))
    matrix = operator(nothing, np.ones(n, bool), repetition_time=T_R, high_pass=0.01, low_pass=0.1)
    # the ends of the run see the filter's edge effects
    left = (matrix @ waves)[50:-50].std(axis=0) / waves[50:-50].std(axis=0)
    assert left[0] < 0.1
    assert left[1] > 0.95
    assert left[2] < 0.05


def test_degrees_of_freedom_say_how_widely_correlations_of_noise_scatter(rng):
    n = 120
    table = confounds_table(n)
    matrix = operator(
        chosen(table, "24P"), np.ones(n, bool), repetition_time=T_R, high_pass=0.01, low_pass=0.15
    )
    cleaned = matrix @ rng.standard_normal((n, 200))
    r = np.corrcoef(cleaned.T)[np.triu_indices(200, 1)]
    # for series of zero mean with d degrees of freedom the variance of r is 1 / d
    assert 1 / r.var() == pytest.approx(degrees_of_freedom(matrix), rel=0.05)


@pytest.mark.parametrize("make", [operator, filled_operator])
def test_too_few_volumes_are_refused_before_any_regressor(make):
    about = {"repetition_time": T_R, "high_pass": None, "low_pass": None}
    keep = np.ones(30, bool)
    keep[11:] = False
    with pytest.raises(RunError) as caught:
        make(pd.DataFrame(index=range(30)), keep, **about)
    assert caught.value.reason.startswith(
        "9 temporal degrees of freedom are left of 11 kept volumes after 0 independent regressors"
    )
    assert caught.value.value == 9
    keep[11] = True
    assert make(pd.DataFrame(index=range(30)), keep, **about).shape[1] == 30


def test_regressors_that_take_all_volumes_are_refused(rng):
    for n, p in [(60, 49), (60, 58), (60, 70), (40, 37)]:
        confounds = pd.DataFrame(rng.standard_normal((n, p)))
        with pytest.raises(RunError, match="temporal degrees of freedom are left") as caught:
            operator(
                confounds, np.ones(n, bool), repetition_time=T_R, high_pass=None, low_pass=None
            )
        assert caught.value.rule == "degrees-of-freedom"
        assert caught.value.threshold == 10
        assert caught.value.value == max(n - p - 2, 0)
    confounds = pd.DataFrame(rng.standard_normal((60, 48)))
    matrix = operator(
        confounds, np.ones(60, bool), repetition_time=T_R, high_pass=None, low_pass=None
    )
    assert degrees_of_freedom(matrix) == pytest.approx(10)


def test_a_filter_that_leaves_too_little_is_refused(rng):
    confounds = pd.DataFrame(rng.standard_normal((60, 20)))
    with pytest.raises(RunError, match="of 60 kept volumes after 20 independent") as caught:
        operator(confounds, np.ones(60, bool), repetition_time=T_R, high_pass=0.01, low_pass=0.08)
    assert 0 <= caught.value.value < 10


def test_a_run_too_short_for_the_filter_is_refused():
    nothing = pd.DataFrame(index=range(15))
    with pytest.raises(RunError, match="the 15 kept volumes cannot be filtered") as caught:
        operator(nothing, np.ones(15, bool), repetition_time=T_R, high_pass=0.01, low_pass=None)
    assert (caught.value.rule, caught.value.value) == ("filter", 15)


def test_an_operator_that_leaves_nothing_leaves_no_degree_of_freedom():
    assert degrees_of_freedom(np.zeros((5, 8))) == 0
    assert degrees_of_freedom(np.eye(8)) == pytest.approx(8)


# The whole chain of a run, against nilearn's maskers, which read the same files themselves.

SHAPE = (12, 13, 11)
N_VOLUMES = 300
CENTRES = [(0.0, 0.0, 0.0), (-9.3, 5.2, 3.1), (8.0, -12.0, 7.0)]
RADIUS = 6.0
LABELS = np.zeros(SHAPE, dtype=np.int32)
LABELS[2:11, 1:11, 1:10] = np.arange(1, 28).repeat(30).reshape(9, 10, 9)


def z_scored(series: np.ndarray) -> np.ndarray:
    return (series - series.mean(axis=0)) / series.std(axis=0, ddof=1)


@pytest.fixture(scope="module", params=[("float32", np.nan), ("int16", 0.41)], ids=["f4", "i2"])
def read_run(request, tmp_path_factory):
    """A run of 300 volumes of either type, with a few dead voxels, and what one read gives."""

    def kill(data: np.ndarray) -> None:
        data[4, 4, 4:6] = 0.0
        data[6, 6, 6] = 777.0

    dtype, slope = request.param
    folder = tmp_path_factory.mktemp("chain")
    run = build_run(folder, N_VOLUMES, SHAPE, dtype=dtype, slope=slope, edit=kill)
    grid, space = Grid(SHAPE, AFFINE), "MNI152NLin2009cAsym"
    regions = [
        Region(f"s{i}", "", "left", (Sphere(space, centre, RADIUS),), "", True)
        for i, centre in enumerate(CENTRES)
    ]
    indices = np.arange(1, 28, dtype=np.int32)
    parcellation = Parcellation(
        "Test", space, LABELS, grid, indices, tuple(map(str, indices)), ("",) * 27
    )
    sets = [sphere_regions(regions, space, grid), label_regions(parcellation, grid)]
    return run, extract(run.files.bold, run.mask.ravel(order="F"), sets).by_atlas(0.5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["all", "ends"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_series_after_each_strategy_equal_those_of_nilearns_maskers(name, kind, read_run):
    from nilearn.maskers import NiftiLabelsMasker, NiftiSpheresMasker

    run, found = read_run
    keep = censored(N_VOLUMES, kind)
    confounds = chosen(run.confounds, name)
    matrix = operator(
        confounds, keep, repetition_time=T_R, high_pass=high_pass(name), low_pass=None
    )
    cleaning = {
        "mask_img": run.files.mask,
        "standardize": "zscore_sample",
        "standardize_confounds": True,
        "detrend": True,
        "high_pass": high_pass(name),
        "low_pass": None,
        "t_r": T_R,
        "clean_args": {"extrapolate": False},
    }
    arguments = {
        "confounds": confounds if confounds.shape[1] else None,
        "sample_mask": None if keep.all() else np.flatnonzero(keep),
    }
    spheres = NiftiSpheresMasker(CENTRES, radius=RADIUS, allow_overlap=True, **cleaning)
    labels = NiftiLabelsMasker(nib.Nifti1Image(LABELS, AFFINE), **cleaning)
    for masker, atlas in ((spheres, "Circuits"), (labels, "Test")):
        expected = masker.fit_transform(run.files.bold, **arguments)
        series = found[atlas].series.to_numpy()
        ours = z_scored(matrix @ (series - series.mean(axis=0)))
        assert np.abs(ours - expected).max() < 1e-3
        # not by chance: other series are far away
        others = [np.abs(a - b).max() for a, b in pairwise(expected.T)]
        assert min(others) > 0.1
