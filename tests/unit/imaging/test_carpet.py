"""The voxels of the carpet, and what is stored of them."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_runs import (
    AFFINE,
    SHAPE,
    Settings,
    build_run,
    nifti_bytes,
    place,
    process_run,
    run_settings,
    slabs,
    write_gzip,
)

from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.denoise.confounds import regressors
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.placing import label_regions
from ketfc.imaging.run.carpet import NO_VALUE, STEP, make_carpet, read_carpet, write_carpet
from ketfc.imaging.run.carpet_voxels import MAX_CELLS, N_VOXELS, CarpetSeries, sample_voxels

GRID = Grid(SHAPE, AFFINE)
PARCELS = label_regions(slabs(), GRID)


def ball(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Return a mask, in Fortran order."""
    index = np.stack(np.indices(shape), axis=-1)
    centre = (np.array(shape) - 1) / 2
    return ((((index - centre) / (centre * 0.9)) ** 2).sum(axis=-1) <= 1).ravel(order="F")


def settings(**changes) -> Settings:
    given = {
        "strategies": ("none", "24P", "acompcor"),
        "fd_thresh": 0.5,
        "dvars_thresh": None,
        "min_time": 60.0,
        "lower_bpf": 0.01,
        "upper_bpf": None,
        "min_coverage": 0.5,
        "primary": "24P",
        "carpet_atlas": "Slabs",
    }
    return run_settings(**(given | changes))


def test_voxels_lie_in_the_mask_and_are_the_same_every_time():
    mask = ball()
    chosen = sample_voxels(mask, GRID, PARCELS, n_volumes=1000)
    again = sample_voxels(mask, GRID, PARCELS, n_volumes=1000)
    assert mask[chosen.voxels].all()
    assert np.unique(chosen.voxels).size == chosen.voxels.size == MAX_CELLS // 1000
    np.testing.assert_array_equal(chosen.voxels, again.voxels)


def test_a_small_brain_is_taken_whole_and_a_large_one_in_part():
    mask = ball()
    chosen = sample_voxels(mask, GRID, PARCELS, n_volumes=10)
    assert sorted(chosen.voxels) == np.flatnonzero(mask).tolist()[: N_VOXELS * 2]
    shape = (40, 48, 40)
    large = Grid(shape, AFFINE)
    many = sample_voxels(ball(shape), large, label_regions(slabs(), large), n_volumes=100)
    assert many.voxels.size == N_VOXELS


def test_voxels_are_spread_evenly_over_the_brain():
    shape = (40, 48, 40)
    grid = Grid(shape, AFFINE)
    mask = ball(shape)
    chosen = sample_voxels(mask, grid, label_regions(slabs(), grid), n_volumes=100)
    octant = sum(
        (index >= size / 2) * 2**axis
        for axis, (index, size) in enumerate(
            zip(np.unravel_index(np.arange(mask.size), shape, order="F"), shape, strict=True)
        )
    )
    of_brain = np.bincount(octant[mask], minlength=8) / mask.sum()
    of_sample = np.bincount(octant[chosen.voxels], minlength=8) / chosen.voxels.size
    # chance alone would give a standard deviation of 0.012
    np.testing.assert_allclose(of_sample, of_brain, atol=0.012)
    share = (chosen.parcel >= 0).mean()
    member = np.asarray(label_regions(slabs(), grid).weights.sum(axis=0)).ravel() > 0
    assert share == pytest.approx(member[mask].mean(), abs=0.002)


def test_one_of_eight_voxels_is_one_of_every_eight_neighbours():
    grid = Grid((8, 8, 8), AFFINE)
    parcels = label_regions(slabs(), grid)
    nowhere = replace(parcels, weights=type(parcels.weights)(parcels.weights.shape))
    chosen = sample_voxels(np.ones(512, dtype=bool), grid, nowhere, n_volumes=MAX_CELLS // 64)
    assert chosen.voxels.size == 64
    cells = np.stack(np.unravel_index(chosen.voxels, grid.shape, order="F")) // 2
    assert len(np.unique(cells, axis=1).T) == 64
    # one alone is the middle of the curve
    one = sample_voxels(np.ones(512, dtype=bool), grid, nowhere, n_volumes=MAX_CELLS)
    assert one.voxels.tolist() == [np.ravel_multi_index((0, 0, 4), grid.shape, order="F")]


def test_parcels_come_first_and_in_order_then_the_rest_from_deep_to_edge():
    chosen = sample_voxels(np.ones(GRID.n_voxels, dtype=bool), GRID, PARCELS, n_volumes=400)
    within = chosen.parcel >= 0
    n_within = int(within.sum())
    assert 0 < n_within < within.size
    assert within[:n_within].all()
    assert (np.diff(chosen.parcel[:n_within]) >= 0).all()
    assert (np.diff(chosen.depth[n_within:]) <= 0).all()
    # 4 mm voxels: at the edge the nearest voxel outside is the neighbour
    assert chosen.depth.min() == pytest.approx(4.0)


def test_depth_is_in_millimetres_whatever_the_axes_of_the_grid():
    # axes change places, and voxels measure 2 × 3 × 5 mm
    affine = np.array([[0.0, 0, 5, -20], [2, 0, 0, -10], [0, 3, 0, -15], [0, 0, 0, 1]])
    grid = Grid((9, 7, 5), affine)
    mask = np.zeros(grid.shape, dtype=bool)
    mask[1:8, 1:6, 1:4] = True
    labels = Parcellation("L", "MNI152", mask.astype(np.int32), grid, np.array([1]), ("a",), ("",))
    found = sample_voxels(mask.ravel(order="F"), grid, label_regions(labels, grid), n_volumes=10)
    i, j, k = np.unravel_index(found.voxels, grid.shape, order="F")
    near = [2 * np.minimum(i, 8 - i), 3 * np.minimum(j, 6 - j), 5 * np.minimum(k, 4 - k)]
    np.testing.assert_allclose(found.depth, np.min(near, axis=0), rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("primary", ["none", "24P", "acompcor"])
def test_what_is_left_after_denoising_is_what_nilearn_leaves(primary, make_run):
    from nilearn.signal import clean

    def jerk(table: pd.DataFrame) -> pd.DataFrame:
        # also at the ends, where a filter cannot interpolate
        fd = np.r_[np.nan, np.full(119, 0.1)]
        fd[[1, 2, 30, 31, 119]] = 3.0
        return table.assign(framewise_displacement=fd)

    run = make_run(120, confounds=jerk)
    result = process_run(run.files, place, settings(primary=primary))
    carpet = result.carpet
    keep = np.delete(np.arange(120), [1, 2, 30, 31, 119])
    assert carpet.reason == ""
    assert carpet.strategy == primary
    assert np.flatnonzero(carpet.keep).tolist() == keep.tolist()
    chosen = sample_voxels(run.mask.ravel(order="F"), GRID, PARCELS, n_volumes=120)
    voxels = run.data.reshape(-1, 120, order="F")[chosen.voxels].T
    columns = list(result.strategies[primary].columns)
    series = clean(
        voxels,
        detrend=True,
        standardize=False,
        sample_mask=keep,
        confounds=regressors(run.confounds, columns).to_numpy() if columns else None,
        standardize_confounds=True,
        high_pass=None if primary == "acompcor" else 0.01,
        t_r=2.0,
        extrapolate=False,
    )
    trend = np.polynomial.polynomial.polyfit(keep, voxels[keep], 1)
    straight = voxels - np.polynomial.polynomial.polyval(np.arange(120), trend).T
    scale = straight[keep].std(axis=0, ddof=1)
    alive = (carpet.before != NO_VALUE).any(axis=1)
    assert alive.sum() > 100
    half = STEP / 2 + 1e-3
    before = np.clip(straight / scale, -127 * STEP, 127 * STEP).T
    np.testing.assert_allclose(carpet.before[alive] * STEP, before[alive], atol=half)
    after = (series / scale).T
    np.testing.assert_allclose(carpet.after[alive][:, keep] * STEP, after[alive], atol=half)
    assert (carpet.after[:, ~carpet.keep] == NO_VALUE).all()


def test_a_voxel_without_signal_stays_a_row_without_numbers(make_run):
    run = make_run(80, edit=lambda data: data[5:8].fill(0))
    carpet = process_run(run.files, place, settings()).carpet
    chosen = sample_voxels(run.mask.ravel(order="F"), GRID, PARCELS, n_volumes=80)
    dead = np.isin(np.unravel_index(chosen.voxels, SHAPE, order="F")[0], [5, 6, 7])
    assert dead.any()
    np.testing.assert_array_equal((carpet.before == NO_VALUE).all(axis=1), dead)
    np.testing.assert_array_equal((carpet.after == NO_VALUE).all(axis=1), dead)


def test_a_carpet_changes_nothing_else(make_run):
    run = make_run(80)
    with_it = process_run(run.files, place, settings())
    without = process_run(run.files, place, settings(carpet_atlas=None))
    assert without.carpet.before.size == 0
    assert set(with_it.series) == set(without.series) == {"Circuits", "Slabs"}
    for atlas, part in with_it.series.items():
        pd.testing.assert_frame_equal(part.series, without.series[atlas].series)
        pd.testing.assert_frame_equal(part.coverage, without.series[atlas].coverage)
    for name, cleaned in with_it.strategies.items():
        assert set(cleaned.matrices) == {"Circuits", "Slabs"}
        for atlas, matrix in cleaned.matrices.items():
            pd.testing.assert_frame_equal(matrix, without.strategies[name].matrices[atlas])


def test_a_damaged_voxel_outside_all_regions_does_not_exclude_a_run(make_run):
    def spoil(data: np.ndarray) -> None:
        # the first slab of x belongs to no parcel and to no sphere
        data[0, :, :, 7] = np.nan

    run = make_run(80, edit=spoil)
    mask = np.ones(SHAPE, "u1")
    mask[-1, -1, -1] = 0
    write_gzip(run.files.mask, nifti_bytes(mask))
    result = process_run(run.files, place, settings())
    assert result.error is None
    chosen = sample_voxels(np.ones(GRID.n_voxels, dtype=bool), GRID, PARCELS, n_volumes=80)
    first = np.unravel_index(chosen.voxels, SHAPE, order="F")[0] == 0
    assert first.any()
    np.testing.assert_array_equal((result.carpet.before == NO_VALUE).all(axis=1), first)


def test_a_voxel_that_only_another_session_lacks_is_drawn(make_run, tmp_path):
    (tmp_path / "other").mkdir()
    other = build_run(tmp_path / "other", 80, edit=lambda data: data[5:8].fill(0), seed=3)
    run = make_run(80)
    alone = process_run(run.files, place, settings()).carpet
    others = [(other.files.bold, other.files.mask)]
    carpet = process_run(run.files, place, settings(), others).carpet
    np.testing.assert_array_equal(carpet.before, alone.before)


def test_an_excluded_run_shows_what_is_known_of_it_and_why(make_run, tmp_path):
    run = make_run(60)
    short = process_run(run.files, place, settings(fd_thresh=0.03)).carpet
    assert "less than min-time" in short.reason
    assert short.before.shape == (N_VOXELS, 60)
    assert (short.after == NO_VALUE).all()
    run.files.mask.write_bytes(run.files.mask.read_bytes()[:30])
    unmasked = process_run(run.files, place, settings()).carpet
    assert run.files.mask.name in unmasked.reason
    assert unmasked.before.size == 0
    assert unmasked.fd.size == unmasked.keep.size == 60
    run.files.bold.write_bytes(b"")
    nothing = process_run(run.files, place, settings()).carpet
    assert nothing.reason
    assert nothing.fd.size == 0
    write_carpet(tmp_path / "c.npz", nothing)
    assert read_carpet(tmp_path / "c.npz").reason == nothing.reason


def test_a_carpet_survives_its_file_and_its_bytes_do_not_change(make_run, tmp_path):
    run = make_run(80)
    carpet = process_run(run.files, place, settings()).carpet
    for name in ("a.npz", "b.npz"):
        write_carpet(tmp_path / name, carpet)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back = read_carpet(tmp_path / "a.npz")
    for name, value in vars(carpet).items():
        found = getattr(back, name)
        assert type(found) is type(value)
        np.testing.assert_array_equal(found, value)
        if isinstance(value, np.ndarray):
            assert found.dtype == value.dtype


def test_the_largest_file_is_small(rng, tmp_path):
    chosen = sample_voxels(
        ball((40, 48, 40)), Grid((40, 48, 40), AFFINE), PARCELS_LARGE, n_volumes=900
    )
    series = rng.standard_normal((900, chosen.voxels.size))
    table = pd.DataFrame({"framewise_displacement": rng.random(900), "std_dvars": rng.random(900)})
    voxels = CarpetSeries(chosen.parcel, chosen.depth, series)
    carpet = make_carpet(voxels, confounds=table, cleaned=series)
    write_carpet(tmp_path / "c.npz", carpet)
    assert (tmp_path / "c.npz").stat().st_size < 300_000


PARCELS_LARGE = label_regions(slabs(), Grid((40, 48, 40), AFFINE))


class _Executed:
    """Payload of a pickle, run when it is read."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was executed",))


@pytest.mark.parametrize("name", ["reason", "../../outside", "/tmp/outside"])
def test_a_file_with_pickles_or_paths_in_it_does_nothing(name, tmp_path):
    path = tmp_path / "c.npz"
    with zipfile.ZipFile(path, "w") as archive:
        content = io.BytesIO()
        np.lib.format.write_array(content, np.array([_Executed()], dtype=object), allow_pickle=True)
        archive.writestr(f"{name}.npy", content.getvalue())
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_carpet(path)
    assert [each.name for each in tmp_path.iterdir()] == ["c.npz"]


def test_a_carpet_of_nothing_has_no_voxels():
    empty = make_carpet()
    assert [len(part) for part in (empty.before, empty.after, empty.parcel, empty.depth)] == [0] * 4


def test_values_are_in_fifths_of_a_standard_deviation_and_end_at_25_of_them():
    series = np.zeros((60, 3))
    series[:, 0] = np.tile([1.0, -1.0], 30)
    series[30, 1] = 1000.0
    series[:, 2] = 5.0
    voxels = CarpetSeries(np.zeros(3, np.int16), np.ones(3, np.float32), series)
    carpet = make_carpet(voxels, confounds=pd.DataFrame(index=range(60)))
    # a standard deviation of 1.009, and hardly any trend
    assert set(np.abs(carpet.before[0]).tolist()) == {5}
    # cleaned series are in units of those before
    carpet = make_carpet(voxels, confounds=pd.DataFrame(index=range(60)), cleaned=30 * series)
    assert set(np.abs(carpet.after[0]).tolist()) == {127}
    assert (carpet.before[2] == -128).all()
    assert np.isnan(carpet.repetition_time)


@pytest.mark.parametrize(("kept", "used"), [(9, 60), (10, 10)])
def test_fewer_than_ten_kept_volumes_are_no_scale(kept, used, rng):
    series = rng.standard_normal((60, 1))
    series[10:] *= 20
    keep = np.arange(60) < kept
    voxels = CarpetSeries(np.zeros(1, np.int16), np.ones(1, np.float32), series)
    carpet = make_carpet(voxels, confounds=pd.DataFrame(index=range(60)), keep=keep)
    shown = np.abs(carpet.before[0, :10]).mean() * 0.2
    # in units of the ten, or of the twenty times larger ones too
    assert (shown > 0.4) == (used == 10)
