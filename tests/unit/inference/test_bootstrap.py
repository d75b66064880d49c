"""Bootstrap intervals against scipy's and Welch's, and where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.core.bootstrap import bca_interval, bca_mean, two_sample_interval


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("alpha", [0.05, 0.2])
@pytest.mark.parametrize("statistic", [np.mean, np.median, np.std])
def test_plain_bca_is_that_of_scipy_to_the_last_digit(alpha, statistic):
    values = seeded(1).gamma(1.5, size=23)
    ours = bca_interval(
        23,
        lambda rows: statistic(values[rows], axis=1),
        alpha=alpha,
        resamples=999,
        rng=seeded(2),
        expand=False,
    )
    theirs = stats.bootstrap(
        (values,), statistic, n_resamples=999, confidence_level=1 - alpha, method="BCa",
        rng=seeded(2),
    ).confidence_interval  # fmt: skip
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-10)


def test_the_mean_has_the_interval_of_the_general_function():
    values = seeded(3).normal(size=15)
    ours = bca_mean(values, alpha=0.05, resamples=500, rng=seeded(4))
    same = bca_interval(
        15, lambda rows: values[rows].mean(axis=1), alpha=0.05, resamples=500, rng=seeded(4)
    )
    assert ours == same


def test_the_expanded_interval_is_close_to_that_of_t_for_symmetric_values():
    values = stats.norm.ppf((np.arange(12) + 0.5) / 12)
    ours = bca_mean(values, alpha=0.05, resamples=20000, rng=seeded())
    half = stats.t.ppf(0.975, 11) * values.std(ddof=1) / 12**0.5
    plain = bca_mean(values, alpha=0.05, resamples=20000, rng=seeded(), expand=False)
    assert ours.high == pytest.approx(half, rel=0.05)
    assert ours.low == pytest.approx(-half, rel=0.05)
    assert plain.high < 0.9 * half


def test_the_same_stream_gives_the_same_interval():
    values = seeded(5).normal(size=30)
    first, second = (bca_mean(values, alpha=0.05, resamples=300, rng=seeded(6)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.array([]), "too-few"),
        (np.array([0.1, 0.3]), "too-few"),
        (np.full(20, 0.3), "constant"),
    ],
)
def test_a_mean_without_an_interval_says_why(values, why):
    ours = bca_mean(values, alpha=0.05, resamples=200, rng=seeded())
    assert np.isnan([ours.low, ours.high]).all()
    assert ours.obstacle == why


def test_three_values_have_an_interval_within_their_range():
    ours = bca_mean(np.array([0.0, 1.0, 5.0]), alpha=0.05, resamples=500, rng=seeded())
    assert 0 <= ours.low < ours.high <= 5


def test_a_statistic_that_no_resample_reaches_has_no_interval():
    values = seeded(7).gamma(2, size=20)
    ours = bca_interval(
        20,
        lambda rows: np.array([values[np.unique(row)].sum() for row in rows]),
        alpha=0.05,
        resamples=200,
        rng=seeded(8),
    )
    assert ours.obstacle == "one-sided"


def test_a_statistic_that_often_has_no_value_has_no_interval():
    values = np.concatenate([np.zeros(18), [1.0, 2.0]])
    with np.errstate(invalid="ignore", divide="ignore"):
        ours = bca_interval(
            20,
            lambda rows: values[rows].mean(axis=1) / values[rows].std(axis=1),
            alpha=0.05,
            resamples=500,
            rng=seeded(9),
        )
    assert ours.obstacle == "undefined"


def test_the_interval_of_two_samples_is_near_welchs():
    rng = np.random.default_rng(3)
    one, other = rng.normal(0.4, 2.0, 9), rng.normal(0, 0.5, 23)
    ours = two_sample_interval(
        9, 23,
        lambda a, b: one[a].mean(axis=1) - other[b].mean(axis=1),
        alpha=0.05, resamples=20_000, rng=rng,
    )  # fmt: skip
    theirs = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    half = (theirs.high - theirs.low) / 2
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.06 * half)
    # samples the other way round: the same with the other sign
    turned = two_sample_interval(
        23, 9,
        lambda b, a: other[b].mean(axis=1) - one[a].mean(axis=1),
        alpha=0.05, resamples=20_000, rng=rng,
    )  # fmt: skip
    assert (-turned.high, -turned.low) == pytest.approx((ours.low, ours.high), abs=0.06 * half)


def test_an_interval_of_two_samples_that_does_not_exist_says_why():
    drawn: dict[str, Any] = {"alpha": 0.05, "resamples": 99, "rng": np.random.default_rng(0)}

    def flat(a: Any, b: Any) -> Any:
        return np.zeros(max(len(a), len(b)))

    assert two_sample_interval(2, 9, flat, **drawn).obstacle == "too-few"
    assert two_sample_interval(9, 2, flat, **drawn).obstacle == "too-few"
    assert two_sample_interval(9, 9, flat, **drawn).obstacle == "constant"
    nothing = two_sample_interval(9, 9, lambda a, b: flat(a, b) * np.nan, **drawn)
    assert nothing.obstacle == "undefined"
    assert np.isnan([nothing.low, nothing.high]).all()
