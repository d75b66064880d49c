"""Distance from healthy controls: hand-made distances, brute-force swaps, and its guard."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.robustness.distance_from_controls import (
    distance_from_controls,
    guard_by_arm,
)


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def patients(n: int, seed: int, before: float, after: float):
    rng = seeded(seed)
    own = 0.5 * rng.normal(size=n)
    return before + own + 0.7 * rng.normal(size=n), after + own + 0.7 * rng.normal(size=n)


def compare(baseline, followup, controls, **changes):
    settings = {"alpha": 0.05, "permutations": 999, "rng": seeded()} | changes
    return distance_from_controls(baseline, followup, controls, **settings)


def test_distances_are_in_standard_deviations_of_the_controls():
    controls = np.array([1.0, 3.0, 5.0])  # mean 3, SD 2
    ours = compare(np.array([7.0, 9.0, 8.0]), np.array([6.0, 4.0, 4.5]), controls)
    assert ours.before == pytest.approx((8 - 3) / 2)
    assert ours.after == pytest.approx((14.5 / 3 - 3) / 2)
    assert ours.estimate == pytest.approx(ours.after - ours.before)
    assert (ours.n, ours.n_controls) == (3, 3)
    assert not ours.crossed


def test_p_is_that_of_swapping_sessions_within_patients():
    baseline, followup = patients(8, 1, before=-1.2, after=-0.4)
    controls = seeded(2).normal(size=15)
    ours = compare(baseline, followup, controls, permutations=256)
    mean, sd = controls.mean(), controls.std(ddof=1)

    def approach(pre, post):
        return abs(post.mean() - mean) / sd - abs(pre.mean() - mean) / sd

    null = []
    for swap in itertools.product([False, True], repeat=8):
        swapped = np.array(swap)
        null.append(
            approach(np.where(swapped, followup, baseline), np.where(swapped, baseline, followup))
        )
    observed = approach(baseline, followup)
    assert ours.estimate == pytest.approx(observed)
    assert ours.p == np.mean(np.abs(null) >= abs(observed) - 1e-12)
    assert ours.permutations == 256


def test_a_normalisation_is_found_and_overshooting_is_told():
    controls = seeded(3).normal(size=40)
    found = compare(*patients(30, 4, before=1.5, after=0.2), controls)
    assert found.p < 0.01
    assert found.interval.high < 0
    past = compare(*patients(30, 5, before=1.5, after=-1.5), controls)
    assert past.crossed
    assert past.p > 0.05


def test_without_a_change_p_keeps_its_level():
    rng, studies = seeded(6), 400
    rejected = sum(
        compare(*patients(12, i, before=0.8, after=0.8), rng.normal(size=20), permutations=199).p
        <= 0.05
        for i in range(studies)
    )
    low, high = stats.binom.interval(0.99, studies, 0.05)
    assert low <= rejected <= high


@pytest.mark.parametrize(("before", "after"), [(0.3, -0.3), (1.0, 0.4), (0.8, 0.8)])
def test_the_interval_covers_whichever_controls_were_drawn(before, after):
    # controls taken as the truth covered .55 of the first, where patients pass them
    rng, studies = seeded(13), 250
    truth = abs(after) - abs(before)
    hits = 0
    for i in range(studies):
        found = compare(*patients(40, i, before, after), rng.normal(size=15), permutations=299)
        hits += found.interval.low <= truth <= found.interval.high
    assert hits / studies > 0.9


def test_fewer_controls_give_a_wider_interval():
    rng = seeded(3)
    baseline, followup = patients(30, 4, before=1.5, after=0.8)
    many = rng.normal(size=200)
    few = many[:12]
    few = (few - few.mean()) / few.std(ddof=1) * many.std(ddof=1) + many.mean()
    widths = []
    for controls in (many, few):
        found = compare(baseline, followup, controls)
        widths.append(found.interval.high - found.interval.low)
    assert widths[1] > 1.3 * widths[0]


def test_a_control_arm_that_approaches_as_much_leaves_nothing_to_claim():
    controls = seeded(7).normal(size=30)
    arm = np.repeat([1.0, 0.0], 20)
    both = patients(40, 8, before=1.5, after=0.5)
    same = guard_by_arm(*both, arm, controls, permutations=499, rng=seeded())
    assert same.kind == "control arm"
    assert same.p > 0.05
    treated_only = both[1] + np.where(arm == 1, 0.0, 1.0)
    differs = guard_by_arm(both[0], treated_only, arm, controls, permutations=499, rng=seeded())
    assert differs.p < 0.05
    assert differs.difference < 0


def test_the_guard_by_arm_is_that_of_a_double_loop():
    controls = seeded(9).normal(size=12)
    baseline, followup = patients(6, 10, before=1, after=0.4)
    arm = np.array([1.0, 1, 1, 0, 0, 0])
    ours = guard_by_arm(baseline, followup, arm, controls, permutations=720, rng=seeded())
    pre, post = ((x - controls.mean()) / controls.std(ddof=1) for x in (baseline, followup))

    def difference(active):
        one, two = (abs(post[k].mean()) - abs(pre[k].mean()) for k in (active, ~active))
        return one - two

    null = [difference(arm[list(order)] == 1) for order in itertools.permutations(range(6))]
    assert ours.difference == pytest.approx(difference(arm == 1))
    assert ours.p == np.mean(np.abs(null) >= abs(ours.difference) - 1e-12)


def test_the_guard_by_arm_exchanges_within_sites():
    controls = seeded(9).normal(size=12)
    baseline, followup = patients(7, 10, before=1, after=0.4)
    arm, sites = np.array([1.0, 1, 0, 0, 1, 0, 0]), np.array([0, 0, 0, 0, 1, 1, 1])
    ours = guard_by_arm(
        baseline, followup, arm, controls, permutations=144, rng=seeded(), blocks=sites
    )
    pre, post = ((x - controls.mean()) / controls.std(ddof=1) for x in (baseline, followup))

    def difference(active):
        one, two = (abs(post[k].mean()) - abs(pre[k].mean()) for k in (active, ~active))
        return one - two

    within = itertools.product(itertools.permutations(range(4)), itertools.permutations((4, 5, 6)))
    null = [difference(arm[[*one, *other]] == 1) for one, other in within]
    assert len(null) == 144
    assert ours.p == np.mean(np.abs(null) >= abs(ours.difference) - 1e-12)


@pytest.mark.parametrize(
    ("baseline", "followup", "controls", "why"),
    [
        (np.ones(2), np.zeros(2), np.arange(9.0), "too-few"),
        (np.arange(9.0), np.zeros(9), np.arange(2.0), "too-few"),
        (np.arange(9.0), np.zeros(9), np.full(9, 0.3), "constant"),
        (np.arange(9.0), np.arange(9.0), np.arange(9.0), "constant"),
    ],
)
def test_what_cannot_be_compared_says_why(baseline, followup, controls, why):
    ours = compare(baseline, followup, controls)
    assert ours.obstacle == ours.interval.obstacle == why
    assert np.isnan([ours.estimate, ours.p, ours.before]).all()


def test_a_guard_by_an_arm_of_two_is_none():
    arm = np.array([1.0] * 7 + [0.0] * 2)
    guard = guard_by_arm(
        *patients(9, 14, before=1, after=0), arm, seeded().normal(size=9),
        permutations=99, rng=seeded(),
    )  # fmt: skip
    assert guard.kind == "none"
    assert np.isnan([guard.p, guard.difference]).all()
