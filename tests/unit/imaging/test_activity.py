"""ALFF, fALFF and ReHo: golden values, and the same numbers by the long way round."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from ketfc.base.errors import RunError
from ketfc.imaging.activity.alff import amplitudes, spectra
from ketfc.imaging.activity.reho import FEWEST, reho
from ketfc.imaging.denoise.operator import filled_operator, operator, within
from ketfc.imaging.io.grid import Grid

T_R = 2.0
BAND = (0.01, 0.08)
N = 200


def no_regressors(n: int) -> pd.DataFrame:
    return pd.DataFrame(index=range(n))


def with_gaps(n: int) -> np.ndarray:
    """Return kept volumes: both ends cut, gaps of one to four, some as far from either end."""
    keep = np.ones(n, dtype=bool)
    keep[[0, 1, 17, 60, 61, 62, 63, 120, n - 18, n - 1]] = False
    return keep


# ---- golden values


def cleaned_spectra(regressors: pd.DataFrame, keep: np.ndarray, t_r: float = T_R, band=BAND):
    """Return the spectra of a run as denoising makes them."""
    about = {"repetition_time": t_r}
    banded = filled_operator(regressors, keep, **about, high_pass=band[0], low_pass=band[1])
    whole = filled_operator(regressors, keep, **about, high_pass=None, low_pass=None)
    return spectra(banded, whole, **about, band=band)


@pytest.mark.parametrize("n", [200, 205])
def test_alff_of_a_sine_on_a_bin_of_the_band_is_a_root_two_by_the_bins(n):
    found = spectra(np.eye(n), np.eye(n), repetition_time=T_R, band=BAND)
    frequencies = np.arange(1, n // 2 + 1) / (n * T_R)
    # both ends of the band are bins of 200 volumes
    bins = int(((frequencies > 0.00999) & (frequencies < 0.08001)).sum())
    assert found.in_band.sum() == bins
    slow, fast = (
        np.sin(2 * np.pi * k * np.arange(n) / n + 0.4)[:, np.newaxis] for k in (20, n // 2 - 3)
    )
    alff, falff = amplitudes(found, 3 * slow + 5 * fast)
    assert alff[0] == pytest.approx(3 * np.sqrt(2) / bins, rel=1e-12)
    assert falff[0] == pytest.approx(3 / (3 + 5), rel=1e-12)
    assert amplitudes(found, fast)[0] == pytest.approx(0, abs=1e-12)


def cube(shape=(5, 6, 4)) -> tuple[Grid, np.ndarray]:
    return Grid(shape, np.diag([2.0, 2.0, 2.0, 1.0])), np.arange(np.prod(shape))


def test_reho_of_equal_series_is_one_and_of_their_opposites_nothing(rng):
    grid, voxels = cube()
    series = np.repeat(rng.standard_normal((80, 1)), len(voxels), axis=1)
    w = reho(np.eye(80), series, voxels, grid)
    i, j, k = np.unravel_index(voxels, grid.shape, order="F")
    inner = np.minimum.reduce([i, j, k, 4 - i, 5 - j, 3 - k]) > 0
    assert np.allclose(w[inner], 1)
    # signs alternate along i: nine and eighteen of 27 oppose one another
    w = reho(np.eye(80), series * (-1.0) ** i, voxels, grid)
    assert np.allclose(w[inner], ((18 - 9) / 27) ** 2)


def test_reho_of_independent_series_is_one_by_27_on_average(rng):
    grid, voxels = cube((22, 21, 20))
    i, j, k = np.unravel_index(voxels, grid.shape, order="F")
    inner = np.minimum.reduce([i, j, k, 21 - i, 20 - j, 19 - k]) > 0
    w = reho(np.eye(60), rng.standard_normal((60, len(voxels))), voxels, grid)
    assert w[inner].mean() == pytest.approx(1 / 27, rel=0.01)


# ---- the same by other means


def cleaned_the_long_way(data, regressors, keep, high_pass, low_pass):
    """Clean the data themselves: lines, trend and filter of both, regression on kept volumes."""
    from nilearn.signal import clean
    from scipy.interpolate import make_interp_spline

    time = np.flatnonzero(keep)
    all_time = np.arange(time[0], time[-1] + 1)

    def filled(values):
        straight = make_interp_spline(time, values[keep], k=1)(all_time)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return clean(
                straight,
                detrend=True,
                standardize=False,
                filter="butterworth" if high_pass else False,
                high_pass=high_pass,
                low_pass=low_pass,
                t_r=T_R,
            )

    kept = keep[all_time[0] : all_time[-1] + 1]
    y, x = filled(data), filled(regressors - regressors.mean(axis=0))
    x = x - x[kept].mean(axis=0)
    return y - x @ np.linalg.lstsq(x[kept], y[kept], rcond=None)[0], kept


@pytest.fixture
def made(rng):
    grid, voxels = cube((6, 5, 7))
    voxels = np.delete(voxels, [3, 50, 51, 52, 53, 54, 90, 91, 92, 120])
    data = rng.standard_normal((N, len(voxels))).cumsum(axis=0) * 0.3
    data += rng.standard_normal((N, len(voxels))) + 2 * rng.standard_normal((N, 1))
    regressors = pd.DataFrame(rng.standard_normal((N, 5)).cumsum(axis=0), columns=list("abcde"))
    regressors["again"] = regressors["a"] - regressors["c"]
    # a spike that censoring takes away, in the data and in a regressor
    keep = with_gaps(N)
    data[~keep] += 500.0
    regressors.loc[~keep, "b"] += 40.0
    return grid, voxels, data, regressors, keep


def test_alff_and_falff_equal_scipys_periodogram_of_series_cleaned_by_themselves(made):
    from scipy.signal import periodogram

    _, _, data, regressors, keep = made
    values = data - data.mean(axis=0)
    found = cleaned_spectra(regressors, keep)
    alff, falff = amplitudes(found, values)

    # lstsq() of what is determined by others needs them gone
    table = regressors.drop(columns="again").to_numpy()

    def roots(high_pass, low_pass):
        series, _ = cleaned_the_long_way(data, table, keep, high_pass, low_pass)
        frequencies, power = periodogram(
            series, fs=1 / T_R, axis=0, detrend=False, scaling="spectrum"
        )
        inside = (frequencies >= BAND[0] - 1e-12) & (frequencies <= BAND[1] + 1e-12)
        return np.sqrt(power), inside

    banded, inside = roots(*BAND)
    np.testing.assert_allclose(alff, 2 * banded[inside].mean(axis=0), rtol=1e-6)
    whole, _ = roots(None, None)
    expected = whole[inside].sum(axis=0) / whole[1:].sum(axis=0)
    np.testing.assert_allclose(falff, expected, rtol=1e-6)
    assert np.ptp(falff) > 0.1


@pytest.mark.parametrize("n", [199, 200])
def test_all_frequencies_of_even_and_odd_numbers_of_volumes_are_scipys(n, rng):
    from scipy.signal import detrend, periodogram

    values = rng.standard_normal((n, 3))
    found = cleaned_spectra(no_regressors(n), np.ones(n, dtype=bool))
    cosine, sine = np.split(found.whole @ values, 2)
    _, power = periodogram(detrend(values, axis=0), axis=0, detrend=False, scaling="spectrum")
    np.testing.assert_allclose(cosine**2 + sine**2, power[1:], rtol=1e-9, atol=1e-12)


def kendalls_w(series: np.ndarray) -> float:
    """Return Kendall's W of the columns by the textbook, ties counted one by one."""
    from scipy.stats import rankdata

    n, k = series.shape
    ranks = np.column_stack([rankdata(column) for column in series.T])
    s = ((ranks.sum(axis=1) - k * (n + 1) / 2) ** 2).sum()
    ties = sum((t**3 - t).sum() for t in (np.unique(c, return_counts=True)[1] for c in series.T))
    return 12 * s / (k**2 * (n**3 - n) - k * ties)


def w_the_long_way(series, voxels, grid):
    place = np.array(np.unravel_index(voxels, grid.shape, order="F")).T
    found = []
    for here in place:
        near = np.abs(place - here).max(axis=1) <= 1
        found.append(kendalls_w(series[:, near]) if near.sum() >= FEWEST else np.nan)
    return np.array(found)


def test_reho_equals_kendalls_w_of_series_cleaned_by_themselves(made):
    grid, voxels, data, regressors, keep = made
    matrix = filled_operator(
        regressors, keep, repetition_time=T_R, high_pass=BAND[0], low_pass=BAND[1]
    )[within(keep)]
    w = reho(matrix, data - data.mean(axis=0), voxels, grid)
    table = regressors.drop(columns="again").to_numpy()
    series, kept = cleaned_the_long_way(data, table, keep, *BAND)
    expected = w_the_long_way(series[kept], voxels, grid)
    np.testing.assert_allclose(w, expected, rtol=1e-6)
    assert 0 < np.isnan(w).sum() < len(w) / 2


def test_reho_is_corrected_for_ties(rng, monkeypatch):
    grid, voxels = cube()
    series = rng.integers(0, 5, (40, len(voxels))).astype(np.float32)
    series[:, 7] = 3
    expected = w_the_long_way(series, voxels, grid)
    # however few volumes are summed at a time
    for box in (2_000_000, 5000, 1):
        monkeypatch.setattr("ketfc.imaging.activity.reho._BOX", box)
        found = reho(np.eye(40), series, voxels, grid)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_reho_needs_fourteen_of_the_27_voxels_around(rng):
    grid, voxels = cube((3, 3, 3))
    series = rng.standard_normal((50, 27))
    for count, known in ((13, False), (14, True)):
        # the middle and its neighbours, the first of them
        some = np.sort(np.r_[13, np.delete(voxels, 13)[: count - 1]])
        w = reho(np.eye(50), series[:, :count], some, grid)
        assert np.isfinite(w[some == 13])[0] == known


@pytest.mark.parametrize("n", [1200, 1300])
def test_sums_of_ranks_of_long_runs_do_not_overflow(n, rng):
    grid, voxels = cube((3, 3, 3))
    series = np.repeat(rng.standard_normal((n, 1)), 27, axis=1)
    # the voxel in the middle has all 27 neighbours
    assert reho(np.eye(n), series, voxels, grid)[13] == 1


def test_at_single_precision_the_numbers_are_the_same_to_five_digits(made):
    *_, data, regressors, keep = made
    values = data - data.mean(axis=0)
    found = cleaned_spectra(regressors, keep)
    for single, double in zip(
        amplitudes(found, values.astype(np.float32)), amplitudes(found, values), strict=True
    ):
        np.testing.assert_allclose(single, double, rtol=3e-5)


# ---- what censoring must not do


def test_no_censored_volume_reaches_the_others(made):
    *_, regressors, keep = made
    about = {"repetition_time": T_R, "high_pass": 0.01, "low_pass": 0.1}
    filled = filled_operator(regressors, keep, **about)
    assert len(filled) == N - 3
    assert not filled[:, ~keep].any()
    # where only the ends are censored, nothing is filled in
    keep[2:-1] = True
    np.testing.assert_allclose(
        filled_operator(regressors, keep, **about), operator(regressors, keep, **about), atol=1e-10
    )


def test_a_run_without_the_band_is_refused():
    slow = r"the spectrum of 120 volumes every 8 s does not hold 0\.01 to 0\.08 Hz"
    with pytest.raises(RunError, match=slow) as caught:
        spectra(np.eye(120), np.eye(120), repetition_time=8.0, band=BAND)
    assert caught.value.rule == "activity-band"
    assert (caught.value.value, caught.value.threshold) == (0.0625, 0.08)
    # half the sampling rate itself is not within
    with pytest.raises(RunError):
        spectra(np.eye(120), np.eye(120), repetition_time=6.25, band=BAND)
    spectra(np.eye(120), np.eye(120), repetition_time=6.2, band=BAND)
    with pytest.raises(RunError, match="the spectrum of 30 volumes"):
        spectra(np.eye(30), np.eye(30), repetition_time=2.0, band=(0.01, 0.015))


def test_a_strategy_that_leaves_nothing_of_the_band_is_refused(rng):
    regressors = pd.DataFrame(rng.standard_normal((100, 30)))
    with pytest.raises(RunError, match="degrees of freedom are left"):
        cleaned_spectra(regressors, np.ones(100, dtype=bool))
