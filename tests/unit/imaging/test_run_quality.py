"""Spikes and global signal of a run, and the limits of motion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_runs import limits

from ketfc.base.errors import RunError
from ketfc.imaging.run.quality import require_limits, signals, timing

QUALITY = {"mean_fd": 0.3, "max_fd": 4.0, "share_censored": 0.25}


def test_spikes_are_volumes_beyond_either_threshold_of_fmriprep():
    table = pd.DataFrame(
        {
            "framewise_displacement": [np.nan, 0.5, 0.51, 0.1, 0.9, 0.1],
            "std_dvars": [np.nan, 1.5, 1.0, 1.6, 2.0, 1.0],
        }
    )
    found = signals(table)
    assert (found["n_spikes"], found["share_spikes"]) == (3, 0.5)
    assert signals(table[["std_dvars"]])["n_spikes"] == 2
    neither = signals(pd.DataFrame({"csf": [1.0, 2]}))
    assert (neither["n_spikes"], neither["share_spikes"]) == (None, None)


def test_the_global_signal_swings_in_per_cent_of_its_mean(rng):
    values = rng.normal(500, 5, 200)
    found = signals(pd.DataFrame({"global_signal": values}))
    assert found["mean_global_signal"] == pytest.approx(values.mean())
    expected = 100 * np.std(values, ddof=1) / np.mean(values)
    assert found["sd_global_signal_percent"] == pytest.approx(expected)
    assert signals(pd.DataFrame({"csf": values}))["mean_global_signal"] is None
    centred = signals(pd.DataFrame({"global_signal": -np.abs(values)}))
    assert centred["sd_global_signal_percent"] is None
    for around_zero in ([-1.0, 0.5, -0.25], [-1.0, 1.0]):
        found = signals(pd.DataFrame({"global_signal": around_zero}))
        assert found["mean_global_signal"] == np.mean(around_zero)
        assert found["sd_global_signal_percent"] is None
    # of one value, or beside infinite ones
    assert signals(pd.DataFrame({"global_signal": [5.0, np.inf]}))["mean_global_signal"] is None
    two = signals(pd.DataFrame({"global_signal": [0.25, np.nan, 0.75]}))
    assert two["sd_global_signal_percent"] == pytest.approx(100 * np.sqrt(0.125) / 0.5)


@pytest.mark.parametrize(
    ("rule", "limit", "value"),
    [("max-mean-fd", 0.29, 0.3), ("max-fd", 3.9, 4.0), ("max-censored", 0.2, 0.25)],
)
def test_a_run_beyond_a_limit_is_refused_with_both_numbers(rule, limit, value):
    name = rule.replace("-", "_")
    with pytest.raises(RunError) as caught:
        require_limits(QUALITY, limits(**{name: limit}))
    assert (caught.value.rule, caught.value.value, caught.value.threshold) == (rule, value, limit)
    assert f"above {rule} {limit:g}" in caught.value.reason
    # what equals the limit is within it
    require_limits(QUALITY, limits(**{name: value}))


def test_all_limits_that_are_broken_are_in_the_reason():
    with pytest.raises(RunError) as caught:
        require_limits(QUALITY, limits(max_mean_fd=0.25, max_fd=5, max_censored=0.2))
    assert caught.value.rule == "max-mean-fd"
    assert caught.value.reason == (
        "mean framewise displacement 0.3 mm, above max-mean-fd 0.25; share of censored volumes "
        "0.25, above max-censored 0.2"
    )


def test_without_displacement_a_limit_of_it_cannot_be_kept():
    with pytest.raises(RunError, match="lack framewise_displacement, for which max-fd") as caught:
        require_limits(QUALITY | {"max_fd": None}, limits(max_fd=5))
    assert caught.value.rule == "confounds-column"
    require_limits(dict.fromkeys(QUALITY), limits())


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (2, 2.0),
        (0.8, 0.8),
        (True, None),
        ("2", None),
        (None, None),
        (np.inf, None),
        (10**400, None),
    ],
)
def test_a_repetition_time_of_the_sidecar_is_listed_if_it_is_a_number(told, expected):
    assert timing(1.5, {"RepetitionTime": told}) == {
        "header_repetition_time": 1.5,
        "sidecar_repetition_time": expected,
    }
    assert timing(None, {}) == {"header_repetition_time": None, "sidecar_repetition_time": None}
