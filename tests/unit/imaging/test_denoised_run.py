"""One run from its files to its matrices, and everything that can be wrong with it."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import (
    AFFINE,
    SHAPE,
    MadeRun,
    Settings,
    build_run,
    nifti_bytes,
    place,
    process_run,
    run_settings,
    slabs,
    write_gzip,
)

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.confounds import STRATEGIES, regressors, strategy_columns
from ketfc.imaging.denoise.operator import degrees_of_freedom, operator
from ketfc.imaging.io.reader import read_header
from ketfc.imaging.io.sidecars import read_sidecar, repetition_time
from ketfc.imaging.run.denoising import RunResult, denoise_run
from ketfc.imaging.run.reading import extract_run

NAMES = tuple(STRATEGIES)


def settings(**changes) -> Settings:
    given = {
        "strategies": NAMES,
        "fd_thresh": 0.5,
        "dvars_thresh": None,
        "min_time": 60.0,
        "lower_bpf": 0.01,
        "upper_bpf": None,
        "min_coverage": 0.5,
    }
    return run_settings(**(given | changes))


def excluded(result: RunResult, rule: str) -> str:
    """Return the reason why a whole run is excluded; nothing of it may be used."""
    assert result.error is not None
    assert result.error.rule == rule
    assert tuple(result.strategies) == NAMES
    for cleaned in result.strategies.values():
        assert cleaned.error is result.error
        assert cleaned.matrices == {}
        assert (cleaned.n_volumes, cleaned.tdof) == (0, 0)
    return result.error.reason


def jerk(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(framewise_displacement=[np.nan, *[0.1] * 29, 3.0, 2.5, *[0.1] * 88])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("upper_bpf", [None, 0.12])
def test_correlations_are_those_of_series_that_nilearn_cleaned(upper_bpf, make_run):
    from nilearn.signal import clean

    run = make_run(120, dtype="int16", slope=0.6, confounds=jerk)
    result = process_run(run.files, place, settings(upper_bpf=upper_bpf))
    assert result.error is None
    keep = np.delete(np.arange(120), [30, 31])
    labels = slabs().labels
    means = np.array([run.data[(labels == i) & run.mask].mean(axis=0) for i in range(1, 7)]).T
    filled = run.confounds.bfill(limit=1)
    for name, cleaned in result.strategies.items():
        assert cleaned.error is None
        series = clean(
            means,
            detrend=True,
            standardize="zscore_sample",
            sample_mask=keep,
            confounds=filled[list(cleaned.columns)] if cleaned.columns else None,
            standardize_confounds=True,
            high_pass=None if "acompcor" in name else 0.01,
            low_pass=upper_bpf,
            t_r=2.0,
            extrapolate=False,
        )
        matrix = cleaned.matrices["Slabs"]
        assert matrix.index.tolist() == matrix.columns.tolist() == [f"p{i}" for i in range(1, 8)]
        found = matrix.to_numpy()[:6, :6]
        off = ~np.eye(6, dtype=bool)
        np.testing.assert_allclose(found[off], np.corrcoef(series.T)[off], rtol=0, atol=2e-6)
        # the seventh parcel lies outside the mask
        assert matrix["p7"].isna().all()
        assert matrix.loc["p7"].isna().all()
        assert cleaned.n_volumes == 118
        assert 10 < cleaned.tdof < 118
        assert set(cleaned.matrices) == {"Circuits", "Slabs"}


@pytest.mark.parametrize("level", [1000.1, -1000.1])
def test_a_region_that_is_constant_correlates_with_nothing_whatever_is_cleaned(level, make_run):
    run = make_run(120, confounds=jerk)
    extraction = extract_run(run.files.bold, run.files.mask, place, {})
    stacked = extraction.series
    series = stacked.series.copy()
    series[:, 1] = level
    changed = replace(extraction, series=replace(stacked, series=series))
    result = denoise_run(changed, run.files, settings())
    assert tuple(result.strategies) == NAMES
    for cleaned in result.strategies.values():
        matrix = cleaned.matrices["Circuits"]
        assert matrix["b"].isna().all()
        assert matrix.loc["b"].isna().all()
        assert np.isfinite(matrix.loc["a", "c"])


def test_what_was_regressed_is_told(make_run):
    run = make_run(120)
    strategies = process_run(run.files, place, settings()).strategies
    assert [len(each.columns) for each in strategies.values()] == [0, 24, 27, 36, 26, 27, 5, 6, 1]
    assert [each.rank for each in strategies.values()] == [0, 24, 27, 36, 26, 27, 5, 6, 1]
    assert [each.high_pass for each in strategies.values()] == [
        *["Butterworth, 0.01 Hz"] * 4,
        *["4 cosine regressors of fMRIPrep"] * 2,
        *["Butterworth, 0.01 Hz"] * 3,
    ]
    assert [each.compcor and str(each.compcor) for each in strategies.values()] == [
        *[None] * 4,
        *["5 WM + 5 CSF"] * 2,
        *[None] * 3,
    ]
    unfiltered = process_run(run.files, place, settings(lower_bpf=None)).strategies
    assert unfiltered["none"].high_pass == "linear trend only"
    assert unfiltered["none"].tdof == pytest.approx(118)
    assert unfiltered["36P"].tdof == pytest.approx(118 - 36)
    zero = process_run(run.files, place, settings(lower_bpf=0.0)).strategies
    assert zero["none"].high_pass == "linear trend only"


def test_without_scrubbing_the_same_is_regressed_from_all_volumes(make_run):
    run = make_run(120, confounds=jerk)
    names = ("36P", "36P_noscrub", "acompcor", "acompcor_noscrub")
    result = process_run(run.files, place, settings(strategies=names))
    volumes = [result.strategies[name].n_volumes for name in names]
    assert volumes == [118, 120, 118, 120]
    for name in ("36P", "acompcor"):
        one, other = result.strategies[name], result.strategies[f"{name}_noscrub"]
        assert one.columns == other.columns
        assert other.tdof > one.tdof
        assert not one.matrices["Slabs"].equals(other.matrices["Slabs"])
    # what is said of the run is what scrubbing does
    assert (result.quality["n_censored"], result.quality["seconds_kept"]) == (2, 236)
    uncensored = process_run(run.files, place, settings(strategies=("36P",), fd_thresh=None))
    pd.testing.assert_frame_equal(
        uncensored.strategies["36P"].matrices["Slabs"],
        result.strategies["36P_noscrub"].matrices["Slabs"],
    )


def test_too_little_time_or_no_displacement_excludes_the_scrubbed_strategies_alone(make_run):
    names = ("24P", "24P_noscrub")
    run = make_run(60)
    short = process_run(run.files, place, settings(strategies=names, fd_thresh=0.03))
    assert short.error is None
    assert short.strategies["24P"].error.rule == "min-time"
    assert short.strategies["24P_noscrub"].error is None
    assert short.quality["n_censored"] > 30
    run = make_run(60, confounds=lambda table: table.drop(columns="framewise_displacement"))
    blind = process_run(run.files, place, settings(strategies=names))
    assert blind.error is None
    assert "framewise_displacement" in blind.strategies["24P"].error.reason
    assert blind.strategies["24P_noscrub"].n_volumes == 60
    assert "n_censored" not in blind.quality
    # with none left the run is excluded as a whole
    tiny = process_run(run.files, place, settings(strategies=names, min_time=121.0))
    assert tiny.error is tiny.strategies["24P"].error
    assert tiny.strategies["24P_noscrub"].error.rule == "min-time"


def test_a_labs_own_strategy_is_used_like_any_other(make_run):
    run = make_run(120, confounds=jerk)
    own = {
        "six": {"columns": ["trans_?", "rot_?"]},
        "slow": {"columns": ["csf", "cosine*"]},
        "other": {"columns": ["csf", "edge_comp_*"]},
    }
    names = ("six", "six_noscrub", "slow", "other", "none")
    result = process_run(run.files, place, settings(strategies=names, own_strategies=own))
    found = result.strategies
    assert [len(found[name].columns) for name in names] == [6, 6, 5, 0, 0]
    assert [found[name].n_volumes for name in names] == [118, 120, 118, 0, 118]
    # cosines do the work of a high-pass, which is not done twice
    assert found["slow"].high_pass == "4 cosine regressors of fMRIPrep"
    assert found["six"].high_pass == "Butterworth, 0.01 Hz"
    assert found["slow"].tdof == pytest.approx(118 - 2 - 5)
    assert "a column like 'edge_comp_*', which strategy other" in found["other"].error.reason


def test_regressors_that_are_zero_or_repeated_are_told_from_independent_ones(make_run):
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(csf=0.0, csf_power2=0.0, rot_z=table["rot_x"] * 2)

    run = make_run(120, confounds=spoil)
    result = process_run(run.files, place, settings(lower_bpf=None))
    full = result.strategies["36P"]
    # rot_z is rot_x again, csf and its square are nothing
    assert (len(full.columns), full.rank) == (36, 33)
    assert full.tdof == pytest.approx(118 - 33)


def test_dummy_scans_are_left_out_with_scrubbing_and_without(make_run):
    def unsteady(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(non_steady_state_outlier00=np.arange(len(table)) == 0)

    run = make_run(120, confounds=unsteady)
    given = {"strategies": ("24P", "24P_noscrub")}
    auto = process_run(run.files, place, settings(**given))
    assert {one.n_kept for one in auto.strategies.values()} == {119}
    assert auto.quality["n_censored_dummy"] == 1
    four = process_run(run.files, place, settings(**given, dummy_scans=4))
    assert {one.n_kept for one in four.strategies.values()} == {116}
    none = process_run(run.files, place, settings(**given, dummy_scans=0))
    assert {one.n_kept for one in none.strategies.values()} == {120}


def test_reasons_of_censoring_are_counted(make_run):
    run = make_run(120, confounds=jerk)
    given = settings(censor_before=1, censor_after=2, censor_between=29)
    quality = process_run(run.files, place, given).quality
    reasons = {name: n for name, n in quality.items() if name.startswith("n_censored_")}
    assert reasons == {
        "n_censored_dummy": 0,
        "n_censored_fd": 2,
        "n_censored_dvars": 0,
        "n_censored_neighbours": 3,
        "n_censored_segments": 29,
    }
    assert quality["n_censored"] == sum(reasons.values()) == 34
    assert quality["mean_fd_filtered"] is None


def test_motion_without_breathing_is_summarised_beside_fmripreps(make_run):
    def breathe(table: pd.DataFrame) -> pd.DataFrame:
        wave = 0.5 * np.sin(2 * np.pi * 0.2 * np.arange(120) * 2.0)
        still = {f"{kind}_{axis}": 0.0 for kind in ("trans", "rot") for axis in "xyz"}
        table = table.assign(**(still | {"trans_y": wave}))
        return table.assign(framewise_displacement=table["trans_y"].diff().abs())

    run = make_run(120, confounds=breathe)
    given = {"motion_filter_type": "notch", "band_stop_min": 10.0, "strategies": ("none",)}
    result = process_run(run.files, place, settings(**given, band_stop_max=14.0))
    assert result.quality["n_censored"] < 5
    assert result.quality["mean_fd"] > 0.5 > 0.1 > result.quality["mean_fd_filtered"]
    plain = process_run(run.files, place, settings(strategies=("none",)))
    assert plain.quality["n_censored"] > 60
    aliased = settings(**given, band_stop_max=18.0)
    assert process_run(run.files, place, aliased).error.rule == "motion-filter"


def restless(*volumes: int):
    """Return a change of confounds that makes some volumes exceed the threshold."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        fd = np.full(len(table), 0.1)
        fd[list(volumes)] = 2.0
        return table.assign(framewise_displacement=fd)

    return change


def matched_run(run: MadeRun, session: str, others: list[tuple[str, MadeRun]], **changes):
    matched = tuple(replace(each.files, session=name) for name, each in others)
    files = replace(run.files, session=session, others=matched)
    return process_run(files, place, settings(match_volumes=True, **changes))


@pytest.fixture
def three_runs(tmp_path: Path) -> list[tuple[str, MadeRun]]:
    """A session of two runs that keep 90 and 70 volumes, and one of a run that keeps 100."""
    kept = {"pre-1": (100, 10), "pre-2": (80, 10), "post": (120, 20)}
    runs = []
    for seed, (name, (n, gone)) in enumerate(kept.items()):
        (tmp_path / name).mkdir()
        where = range(5, 5 + 2 * gone, 2)
        run = build_run(tmp_path / name, n, confounds=restless(*where), seed=seed)
        runs.append((name.split("-")[0], run))
    return runs


def test_sessions_are_cut_to_equally_many_volumes(three_runs):
    names = ("none", "24P", "24P_noscrub")
    found = []
    for i, (session, run) in enumerate(three_runs):
        others = [each for j, each in enumerate(three_runs) if j != i]
        found.append(matched_run(run, session, others, strategies=names))
    kept = [[one.strategies[name].n_kept for name in names] for one in found]
    assert kept == [[90, 90, 100], [70, 70, 80], [100, 100, 120]]
    # 100 × 90/160 = 56.25 and 43.75; without scrubbing 120 × 100/180 = 66.67 and 53.33
    used = [[one.strategies[name].n_volumes for name in names] for one in found]
    assert used == [[56, 56, 67], [44, 44, 53], [100, 100, 120]]


def test_a_cut_run_correlates_its_first_kept_volumes_after_cleaning_with_all(three_runs):
    (session, run), *others = three_runs
    cut = matched_run(run, session, others, strategies=("24P",)).strategies["24P"]
    table = run.confounds
    columns = strategy_columns(STRATEGIES["24P"], list(table), {})
    keep = ~(table["framewise_displacement"] > 0.5).to_numpy()
    matrix = operator(
        regressors(table, columns), keep, repetition_time=2.0, high_pass=0.01, low_pass=None
    )
    labels = slabs().labels
    inside = [run.data[(labels == i) & run.mask] for i in range(1, 7)]
    means = np.array([each.mean(axis=0, dtype=np.float64) for each in inside]).T
    cleaned = (matrix @ (means - means.mean(axis=0)))[:56]
    off = ~np.eye(6, dtype=bool)
    found = cut.matrices["Slabs"].to_numpy()[:6, :6]
    np.testing.assert_allclose(found[off], np.corrcoef(cleaned.T)[off], rtol=0, atol=2e-6)
    assert cut.tdof == pytest.approx(degrees_of_freedom(matrix[:56]))
    whole = process_run(run.files, place, settings(strategies=("24P",))).strategies["24P"]
    assert cut.tdof < whole.tdof
    assert (whole.n_volumes, whole.n_kept) == (90, 90)


def test_runs_that_cannot_be_used_take_no_volume_from_the_others(three_runs):
    (session, run), (_, second), (_, third) = three_runs
    others = three_runs[1:]
    # under min-time with scrubbing: then the other session has nothing to be matched to
    given = {"strategies": ("24P", "24P_noscrub"), "min_time": 150.0}
    third.files.confounds.write_text("csf\n1\n")
    alone = matched_run(run, session, others, **given).strategies
    assert [each.n_volumes for each in alone.values()] == [90, 100]
    # of a session's two runs, the one that keeps 140 s is not counted
    second_less = matched_run(run, session, [("pre", second), ("post", run)], **given)
    assert second_less.strategies["24P"].n_volumes == 90
    second.files.bold.write_bytes(b"")
    assert matched_run(run, session, others, **given).strategies["24P"].n_volumes == 90


def test_a_run_after_one_that_cannot_be_used_still_takes_volumes(three_runs):
    (_, first), (_, second), (session, last) = three_runs
    others = [("pre", second), ("pre", first)]
    # of the session of two runs, the first one listed is lost: 90 are left against 100
    second.files.confounds.write_text("csf\n1\n")
    given = {"strategies": ("24P",)}
    assert matched_run(last, session, others, **given).strategies["24P"].n_volumes == 90
    assert matched_run(last, session, others[:1], **given).strategies["24P"].n_volumes == 100


def test_motion_is_summarised(make_run):
    run = make_run(120, confounds=jerk)
    quality = process_run(run.files, place, settings()).quality
    assert quality["n_volumes"] == 120
    assert quality["repetition_time"] == 2.0
    assert quality["n_censored"] == 2
    assert quality["seconds_kept"] == 236
    assert quality["max_fd"] == 3.0
    assert quality["mean_fd"] == pytest.approx((117 * 0.1 + 5.5) / 119)
    assert quality["median_fd"] == pytest.approx(0.1)
    assert quality["max_std_dvars"] == pytest.approx(run.confounds["std_dvars"].max())


def test_motion_that_is_not_measured_or_not_finite_is_none(make_run):
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[5, "std_dvars"] = np.inf
        return table.drop(columns="framewise_displacement")

    run = make_run(120, confounds=spoil)
    result = process_run(run.files, place, settings(fd_thresh=None))
    assert result.error is None
    assert result.quality["mean_fd"] is None
    assert np.isfinite(result.quality["max_std_dvars"])
    json.dumps(result.quality, allow_nan=False)


@pytest.mark.parametrize("rows", [57, 61])
def test_confounds_with_other_rows_than_volumes_exclude_the_run(rows, make_run):
    run = make_run(60, confounds=lambda t: pd.concat([t, t]).iloc[:rows])
    reason = excluded(process_run(run.files, place, settings()), "confounds-rows")
    assert (
        reason
        == f"{run.files.confounds.name} has {rows} rows, {run.files.bold.name} has 60 volumes"
    )


def test_a_missing_column_excludes_only_the_strategies_that_need_it(make_run):
    run = make_run(120, confounds=lambda table: table.drop(columns="csf_power2"))
    result = process_run(run.files, place, settings())
    assert result.error is None
    assert [name for name in NAMES if result.strategies[name].error] == ["36P"]
    error = result.strategies["36P"].error
    assert error.reason == "the confounds lack csf_power2, which strategy 36P needs"
    assert result.strategies["36P"].matrices == {}
    assert result.strategies["36P"].columns == ()


def test_a_strategy_with_more_regressors_than_volumes_is_excluded_alone(make_run):
    run = make_run(45)
    result = process_run(run.files, place, settings())
    assert result.error is None
    rules = {name: each.error and each.error.rule for name, each in result.strategies.items()}
    assert rules["none"] is None
    assert rules["36P"] == "degrees-of-freedom"


def test_without_framewise_displacement_there_is_no_censoring_and_no_run(make_run):
    run = make_run(60, confounds=lambda table: table.drop(columns="framewise_displacement"))
    reason = excluded(process_run(run.files, place, settings()), "confounds-column")
    assert "framewise_displacement" in reason


def test_a_truncated_image_excludes_the_run(make_run):
    run = make_run(60)
    run.files.bold.write_bytes(run.files.bold.read_bytes()[:-5000])
    reason = excluded(process_run(run.files, place, settings()), "damaged-image")
    assert run.files.bold.name in reason
    run.files.bold.write_bytes(b"")
    result = process_run(run.files, place, settings())
    assert run.files.bold.name in excluded(result, "damaged-image")
    assert result.series == {}


def test_an_image_of_nans_excludes_the_run(make_run):
    run = make_run(60, edit=lambda data: data.fill(np.nan))
    assert "no finite number" in excluded(process_run(run.files, place, settings()), "not-finite")


def test_a_mask_on_another_grid_excludes_the_run(make_run):
    run = make_run(60)
    write_gzip(run.files.mask, nifti_bytes(np.ones(SHAPE, "u1"), AFFINE @ np.diag([1, 1, 1.5, 1])))
    reason = excluded(process_run(run.files, place, settings()), "mask-grid")
    assert "4×4×6 mm" in reason
    assert "BOLD 12×13×11 voxels of 4×4×4 mm" in reason


def test_a_damaged_mask_or_sidecar_excludes_the_run(make_run):
    run = make_run(60)
    run.files.sidecar.write_text("{'RepetitionTime': 2}")
    assert run.files.sidecar.name in excluded(process_run(run.files, place, settings()), "sidecar")
    run.files.sidecar.write_text("[2.0]")
    assert "not a JSON object" in excluded(process_run(run.files, place, settings()), "sidecar")
    run.files.sidecar.unlink()
    run.files.mask.write_bytes(run.files.mask.read_bytes()[:30])
    reason = excluded(process_run(run.files, place, settings()), "damaged-image")
    assert run.files.mask.name in reason


def test_a_repetition_time_that_differs_excludes_the_run_unless_the_study_sets_it(make_run):
    run = make_run(60, sidecar={"RepetitionTime": 2.4})
    reason = excluded(process_run(run.files, place, settings()), "repetition-time")
    assert "2 s in the header and 2.4 s in the sidecar" in reason
    assert "study.repetition-time" in reason
    result = process_run(run.files, place, settings(repetition_time=2.4))
    assert result.error is None
    assert result.quality["repetition_time"] == 2.4


def test_a_run_that_keeps_too_little_time_still_shows_what_it_covers(make_run):
    run = make_run(60)
    result = process_run(run.files, place, settings(fd_thresh=0.03))
    assert "less than min-time 60 s" in excluded(result, "min-time")
    assert result.quality["n_censored"] > 30
    assert result.series["Slabs"].coverage["coverage"].iloc[0] > 0.5


def test_the_first_thing_wrong_is_told_where_several_are(make_run):
    run = make_run(60, sidecar={"RepetitionTime": 9.0}, confounds=lambda table: table[:5])
    excluded(process_run(run.files, place, settings()), "repetition-time")


@pytest.mark.parametrize(
    ("header", "sidecar", "override", "expected"),
    [
        (2.0, {"RepetitionTime": 2.0}, None, 2.0),
        (2.0, {"RepetitionTime": 2.0004}, None, 2.0004),
        (2.0, {}, None, 2.0),
        (0.0, {"RepetitionTime": 0.8}, None, 0.8),
        (1.0, {"RepetitionTime": 2.4}, 2.4, 2.4),
        (0.0, {}, 1.1, 1.1),
    ],
)
def test_header_and_sidecar_must_agree(header, sidecar, override, expected, tmp_path):
    path = tmp_path / "bold.nii"
    path.write_bytes(nifti_bytes(np.zeros((3, 3, 3, 5), "i2"), repetition_time=header))
    found = repetition_time(read_header(path).repetition_time, sidecar, override)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("header", "sidecar", "words"),
    [
        (2.0, {"RepetitionTime": 2.01}, "2 s in the header and 2.01 s in the sidecar"),
        (0.0, {}, "neither the header nor the sidecar"),
        (2.0, {"RepetitionTime": "2.0"}, "is '2.0', not seconds"),
        (2.0, {"RepetitionTime": 0}, "is 0, not seconds"),
        (2.0, {"RepetitionTime": True}, "is True, not seconds"),
        (2.0, {"RepetitionTime": float("nan")}, "is nan, not seconds"),
        (0.0, {"RepetitionTime": -2}, "is -2, not seconds"),
        (0.0, {"RepetitionTime": 30.5}, "is 30.5, not seconds"),
        (31.0, {}, "in the header is 31 s, above 30 s: is it in milliseconds"),
    ],
)
def test_a_repetition_time_that_cannot_be_is_refused(header, sidecar, words, tmp_path):
    path = tmp_path / "bold.nii"
    path.write_bytes(nifti_bytes(np.zeros((3, 3, 3, 5), "i2"), repetition_time=header))
    with pytest.raises(RunError, match=words) as caught:
        repetition_time(read_header(path).repetition_time, sidecar, None)
    assert caught.value.rule == "repetition-time"


def test_a_repetition_time_is_refused_with_both_numbers():
    for found, sidecar, value, threshold in (
        (2.0, {"RepetitionTime": 2.01}, "2", "2.01"),
        (31.0, {}, "31", 30.0),
        (None, {"RepetitionTime": "x" * 60}, "'" + "x" * 39, "> 0 s, at most 30 s"),
    ):
        with pytest.raises(RunError) as caught:
            repetition_time(found, sidecar, None)
        assert (caught.value.value, caught.value.threshold) == (value, threshold)
    # the longest there may be, and a millisecond apart
    assert repetition_time(30.0, {}, None) == 30
    assert repetition_time(None, {"RepetitionTime": 30}, None) == 30
    assert repetition_time(2.0, {"RepetitionTime": 2.0009}, None) == 2.0009


def test_a_missing_sidecar_says_nothing(tmp_path):
    assert read_sidecar(tmp_path / "none.json") == {}


def test_processing_a_run_raises_no_warning(make_run):
    run = make_run(60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        process_run(run.files, place, settings(dvars_thresh=1.5, upper_bpf=0.2))


def test_a_run_beyond_a_limit_of_motion_is_excluded_with_its_series(make_run):
    run = make_run(120, confounds=jerk)
    result = process_run(run.files, place, settings(max_fd=2.9))
    assert "above max-fd 2.9" in excluded(result, "max-fd")
    assert set(result.series) == {"Circuits", "Slabs"}
    result = process_run(run.files, place, settings(max_censored=0.01))
    assert result.error is not None
    assert (result.error.rule, result.error.value) == ("max-censored", pytest.approx(2 / 120))
    within = settings(max_fd=3.0, max_mean_fd=0.2, max_censored=0.02)
    assert process_run(run.files, place, within).error is None


def test_timing_spikes_and_global_signal_are_told(make_run):
    run = make_run(120, confounds=jerk)
    quality = process_run(run.files, place, settings()).quality
    assert quality["header_repetition_time"] == pytest.approx(2.0)
    assert quality["share_censored"] == pytest.approx(2 / 120)
    assert quality["n_spikes"] is not None
    assert quality["n_spikes"] >= 2
    signal = run.confounds["global_signal"]
    assert quality["mean_global_signal"] == pytest.approx(signal.mean())


def combined(n: int):
    """Return a change of confounds that leaves components of the combined mask alone."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        kept = [f"w_comp_cor_{i:02d}" for i in range(n)]
        renamed = {name: name.replace("w_", "a_", 1) for name in kept}
        gone = [c for c in table if re.match(r"[cw]_comp_cor", c) and c not in kept]
        return table.drop(columns=gone).rename(columns=renamed)

    return change


@pytest.fixture
def unlike_runs(tmp_path: Path) -> dict[str, MadeRun]:
    """Two runs with separate masks, and one with the combined mask alone."""
    made = {}
    for seed, (name, change) in enumerate({"pre": None, "day1": combined(6), "post": None}.items()):
        (tmp_path / name).mkdir()
        made[name] = build_run(tmp_path / name, 120, confounds=change, seed=seed)
    return made


@pytest.mark.parametrize("match_volumes", [False, True])
def test_a_run_with_other_masks_than_the_participants_other_runs_is_refused(
    unlike_runs, match_volumes
):
    names = ("24P", "acompcor", "acompcor_gsr")
    about = settings(strategies=names, match_volumes=match_volumes)
    used, refused = {}, {}
    for session, run in unlike_runs.items():
        others = tuple(
            replace(one.files, session=name) for name, one in unlike_runs.items() if name != session
        )
        files = replace(run.files, session=session, others=others)
        found = process_run(files, place, about).strategies
        used[session] = [str(found[name].compcor) for name in names]
        refused[session] = {name: one.error for name, one in found.items() if one.error}
    assert used["pre"] == used["post"] == ["None", "5 WM + 5 CSF", "5 WM + 5 CSF"]
    assert refused["pre"] == refused["post"] == {}
    assert list(refused["day1"]) == ["acompcor", "acompcor_gsr"]
    error = refused["day1"]["acompcor"]
    assert (error.rule, error.value, error.threshold) == ("compcor-masks", "6 combined", "separate")
    assert "run the same fMRIPrep on all of them" in error.reason


def test_a_participant_with_combined_masks_throughout_is_cleaned_of_as_many_as_there_are(tmp_path):
    (tmp_path / "other").mkdir()
    run = build_run(tmp_path, 120, confounds=combined(6))
    other = build_run(tmp_path / "other", 120, confounds=combined(4), seed=3)
    files = replace(run.files, session="pre", others=(replace(other.files, session="post"),))
    found = process_run(files, place, settings(strategies=("acompcor",))).strategies["acompcor"]
    assert found.error is None
    assert str(found.compcor) == "6 combined"
    # 12 of motion, 6 components, 4 cosines
    assert len(found.columns) == 22
