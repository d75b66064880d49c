"""Censored volumes, their reasons, and runs of which too little is left."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_runs import AXES, confounds_table, denoising

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.censoring import REASONS, censor, censoring_columns, require_time
from ketfc.imaging.denoise.head_motion import framewise_displacement

FD = [np.nan, 0.1, 0.5, 0.51, 0.2, 2.0]
DVARS = [np.nan, 1.0, 1.6, 1.0, 1.5, 1.0]


def confounds(fd=FD, dvars=DVARS) -> pd.DataFrame:
    return pd.DataFrame({"framewise_displacement": fd, "std_dvars": dvars}, dtype=float)


def kept(table: pd.DataFrame, **rules) -> list[int]:
    return np.flatnonzero(censor(table, denoising(**rules), 2.0).keep).tolist()


def spikes(n: int, *where: int) -> pd.DataFrame:
    """Return confounds whose framewise displacement exceeds 0.5 mm at some volumes."""
    fd = np.full(n, 0.1)
    fd[list(where)] = 1.0
    return confounds(fd, np.ones(n))


@pytest.mark.parametrize(
    ("fd_thresh", "dvars_thresh", "expected"),
    [
        (None, None, [0, 1, 2, 3, 4, 5]),
        (0.5, None, [0, 1, 2, 4]),
        (None, 1.5, [0, 1, 3, 4, 5]),
        (0.5, 1.5, [0, 1, 4]),
        (0.05, None, [0]),
    ],
)
def test_volumes_above_a_threshold_go_and_the_first_stays(fd_thresh, dvars_thresh, expected):
    assert kept(confounds(), fd_thresh=fd_thresh, dvars_thresh=dvars_thresh) == expected


@pytest.mark.parametrize(
    ("where", "before", "after", "expected"),
    [
        ((5,), 0, 0, [0, 1, 2, 3, 4, 6, 7, 8, 9]),
        ((5,), 1, 2, [0, 1, 2, 3, 8, 9]),
        ((1, 9), 3, 3, [5]),
        ((3, 5), 0, 1, [0, 1, 2, 7, 8, 9]),
    ],
)
def test_neighbours_of_a_censored_volume_go_with_it(where, before, after, expected):
    assert (
        kept(spikes(10, *where), fd_thresh=0.5, censor_before=before, censor_after=after)
        == expected
    )


@pytest.mark.parametrize(
    ("where", "between", "expected"),
    [
        # as XCP-D 26 defines its censor-between, the ends of the run among what bounds a stretch
        ((3, 6, 10), 0, [0, 1, 2, 4, 5, 7, 8, 9, 11, 12]),
        ((3, 6, 10), 1, [0, 1, 2, 4, 5, 7, 8, 9, 11, 12]),
        ((3, 6, 10), 2, [0, 1, 2, 7, 8, 9]),
        ((3, 6, 10), 3, []),
        ((), 12, list(range(13))),
        ((), 13, []),
    ],
)
def test_stretches_that_are_too_short_go_too(where, between, expected):
    assert kept(spikes(13, *where), fd_thresh=0.5, censor_between=between) == expected


def test_a_stretch_is_short_once_neighbours_have_gone():
    table = spikes(12, 4, 8)
    assert kept(table, fd_thresh=0.5, censor_between=2) == [0, 1, 2, 3, 5, 6, 7, 9, 10, 11]
    assert kept(table, fd_thresh=0.5, censor_after=1, censor_between=2) == [0, 1, 2, 3]


def test_every_stretch_that_is_kept_is_longer_than_the_limit(rng):
    table = confounds(rng.exponential(0.3, 400), np.ones(400))
    for between in (0, 1, 2, 5):
        keep = censor(table, denoising(fd_thresh=0.5, censor_between=between), 2.0).keep
        edges = np.flatnonzero(np.diff(np.r_[False, keep, False].astype(int))).reshape(-1, 2)
        assert np.diff(edges).min() > between


def test_dummy_scans_are_those_that_fmriprep_marked_or_as_many_as_asked_for():
    table = spikes(8, 5).assign(
        non_steady_state_outlier00=np.arange(8) == 0, non_steady_state_outlier01=np.arange(8) == 1
    )
    assert kept(table) == [2, 3, 4, 5, 6, 7]
    assert kept(table, fd_thresh=0.5) == [2, 3, 4, 6, 7]
    assert kept(table, dummy_scans=0) == list(range(8))
    assert kept(table, dummy_scans=3, fd_thresh=0.5, censor_between=2) == []


def test_reasons_are_counted_once_each_and_sum_to_all_that_is_censored(rng):
    table = confounds(rng.exponential(0.25, 300), rng.exponential(0.6, 300))
    rules = denoising(
        fd_thresh=0.5,
        dvars_thresh=1.5,
        censor_before=1,
        censor_after=2,
        censor_between=3,
        dummy_scans=2,
    )
    found = censor(table, rules, 2.0)
    assert tuple(found.counts) == REASONS
    assert all(found.counts.values())
    assert sum(found.counts.values()) == (~found.keep).sum()
    fd, dvars = table["framewise_displacement"][2:], table["std_dvars"][2:]
    assert found.counts["fd"] == (fd > 0.5).sum()
    assert found.counts["dvars"] == ((dvars > 1.5) & ~(fd > 0.5)).sum()


def test_a_column_is_needed_only_where_it_decides():
    table = confounds().drop(columns="std_dvars")
    assert len(kept(table, fd_thresh=0.5)) == 4
    with pytest.raises(RunError, match="lack std_dvars, by which volumes") as caught:
        kept(table, fd_thresh=0.5, dvars_thresh=1.5)
    assert caught.value.rule == "confounds-column"
    by_breath = {"motion_filter_type": "lp", "band_stop_min": 6}
    assert censoring_columns(denoising(fd_thresh=0.5)) == ("framewise_displacement",)
    assert censoring_columns(denoising(dvars_thresh=1.5, **by_breath)) == ("std_dvars",)
    assert censoring_columns(denoising(fd_thresh=0.5, **by_breath)) == tuple(AXES)
    # nothing is judged by motion, so nothing is asked of it
    assert kept(table, motion_filter_type="lp", band_stop_min=60) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gap_later_than_the_first_row_is_refused(value):
    table = confounds(fd=[np.nan, 0.1, 0.2, value, 0.1, value])
    with pytest.raises(RunError, match="row 5 of its file") as caught:
        kept(table, fd_thresh=0.5)
    assert caught.value.rule == "confounds-gap"
    assert (caught.value.value, caught.value.threshold) == (2, 0)
    assert len(kept(table)) == 6


def test_filtered_motion_decides_where_a_filter_is_set():
    n, t_r = 300, 0.8
    table = confounds_table(n)
    table[AXES] = 0.0
    time = np.arange(n) * t_r
    # breathing 15 times a minute, and one jerk
    table["trans_y"] += 0.4 * np.sin(2 * np.pi * 15 / 60 * time)
    table.loc[150:, "trans_z"] += 2.0
    table["framewise_displacement"] = framewise_displacement(table, t_r)
    plain = censor(table, denoising(fd_thresh=0.3), t_r)
    band = {"motion_filter_type": "notch", "band_stop_min": 12, "band_stop_max": 18}
    filtered = censor(table, denoising(fd_thresh=0.3, **band), t_r)
    assert plain.counts["fd"] > 150
    assert np.flatnonzero(~filtered.keep).tolist() == [150]
    assert (plain.filtered, filtered.filtered) == (False, True)
    np.testing.assert_array_equal(
        filtered.fd, framewise_displacement(table, t_r, denoising(**band))
    )


def test_what_is_left_must_last_long_enough():
    keep = np.r_[np.ones(120, bool), np.zeros(30, bool)]
    require_time(keep, 2.0, 240)
    with pytest.raises(RunError) as caught:
        require_time(keep, 1.5, 240)
    assert caught.value.reason == (
        "180 s are left after censoring 30 of 150 volumes, less than min-time 240 s"
    )
    assert (caught.value.rule, caught.value.value, caught.value.threshold) == (
        "min-time",
        180.0,
        240,
    )


def test_a_run_of_which_nothing_is_left_says_so_whatever_the_time():
    with pytest.raises(RunError, match="all 150 volumes are censored") as caught:
        require_time(np.zeros(150, bool), 2.0, 0.0)
    assert caught.value.rule == "all-censored"
