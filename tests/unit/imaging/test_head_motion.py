"""Framewise displacement, and what filters leave of breathing in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_runs import AXES, denoising

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.head_motion import (
    filter_motion,
    framewise_displacement,
    require_nyquist,
)

T_R = 0.8
NOTCH = denoising(motion_filter_type="notch", band_stop_min=12, band_stop_max=18)
LOW_PASS = denoising(motion_filter_type="lp", band_stop_min=6)


def motion(n: int = 400, **series) -> pd.DataFrame:
    return pd.DataFrame({axis: series.get(axis, np.zeros(n)) for axis in AXES})


def wave(breaths: float, n: int = 400) -> np.ndarray:
    return np.sin(2 * np.pi * breaths / 60 * np.arange(n) * T_R)


def test_displacement_is_the_sum_of_changes_with_rotations_on_a_sphere_of_50_mm():
    table = motion(3, trans_x=[0, 1.0, 0.5], trans_z=[0, 0, -2.0], rot_y=[0, 0.01, 0.01])
    assert framewise_displacement(table, 2.0)[1:].tolist() == [1.5, 2.5]
    assert np.isnan(framewise_displacement(table, 2.0)[0])
    assert np.isnan(framewise_displacement(motion(1), 2.0)).tolist() == [True]
    for axis in AXES:
        moved = motion(3, **{axis: [0.02, -0.01, -0.01]})
        millimetres = 50 * 0.03 if axis.startswith("rot") else 0.03
        assert framewise_displacement(moved, 2.0)[1:].tolist() == pytest.approx([millimetres, 0])


@pytest.mark.parametrize(
    ("by", "passes"),
    [
        (NOTCH, {2: True, 6: True, 15: False, 30: True}),
        (LOW_PASS, {1: True, 15: False, 30: False}),
    ],
)
def test_a_filter_stops_its_band_and_passes_the_rest(by, passes):
    for breaths, passed in passes.items():
        left = filter_motion(wave(breaths)[:, None], T_R, by)[100:300, 0]
        ratio = left.std() / wave(breaths)[100:300].std()
        assert ratio > 0.85 if passed else ratio < 0.1


def test_filters_are_those_of_xcpd(rng):
    from scipy.signal import butter, filtfilt, iirnotch

    data = rng.standard_normal((200, 6)).cumsum(axis=0)
    # as in its filter_motion() with motion_filter_order=4
    b, a = iirnotch(0.25, 0.25 / 0.1, fs=1 / T_R)
    expected = filtfilt(b, a, data, axis=0, padtype="constant", padlen=199)
    np.testing.assert_allclose(filter_motion(data, T_R, NOTCH), expected, atol=1e-10)
    b, a = butter(2, 0.1, btype="lowpass", output="ba", fs=1 / T_R)
    expected = filtfilt(b, a, data, axis=0, padtype="constant", padlen=199)
    np.testing.assert_allclose(filter_motion(data, T_R, LOW_PASS), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("by", "t_r", "words"),
    [
        (NOTCH, 2.0, "band-stop-max is 18 breaths per minute, and with a"),
        (
            denoising(motion_filter_type="notch", band_stop_min=12, band_stop_max=15),
            2.0,
            "time of 2 s nothing above 15 can be told apart",
        ),
        (
            denoising(motion_filter_type="lp", band_stop_min=20),
            1.5,
            "band-stop-min is 20 breaths per minute",
        ),
    ],
)
def test_a_band_that_the_sampling_rate_cannot_show_is_refused(by, t_r, words):
    with pytest.raises(RunError, match=words) as caught:
        framewise_displacement(motion(50), t_r, by)
    assert caught.value.rule == "motion-filter"
    assert caught.value.threshold == 30 / t_r
    require_nyquist(by, 0.8)


def test_motion_that_is_missing_or_has_gaps_is_refused():
    with pytest.raises(RunError, match="lack trans_y, rot_z, by which volumes are censored"):
        framewise_displacement(motion(5).drop(columns=["trans_y", "rot_z"]), 2.0)
    table = motion(5)
    table.loc[3, ["rot_x", "rot_y"]] = np.nan
    table.loc[4, "rot_z"] = np.inf
    with pytest.raises(RunError, match="confound rot_x has no finite number in row 5") as caught:
        framewise_displacement(table, 2.0)
    assert (caught.value.rule, caught.value.value) == ("confounds-gap", 2)
    assert caught.value.threshold == 0


def test_without_a_filter_motion_stays_as_it_is(rng):
    data = rng.standard_normal((50, 6))
    assert filter_motion(data, T_R, denoising()) is data
