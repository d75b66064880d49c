"""More permutations where they are needed: still valid, and only there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.core.maxt import FamilyTest
from ketfc.inference.core.sequential import FEW, sequential_p


def family(p_values: np.ndarray, m: int, *, exhaustive: bool = False) -> FamilyTest:
    nothing = np.full(len(p_values), np.nan)
    n = np.full(len(p_values), 12)
    return FamilyTest(nothing, nothing, nothing, n, p_values, p_values, m, exhaustive, {})


class Drawn:
    """Permutation tests whose true p values are known."""

    def __init__(self, truth: np.ndarray, seed: int = 0) -> None:
        self.truth, self.rng = truth, np.random.default_rng(seed)
        self.calls: list[tuple[int, int, int]] = []

    def first(self, m: int) -> FamilyTest:
        return family((self.rng.binomial(m, self.truth) + 1) / (m + 1), m)

    def again(self, some: np.ndarray, count: int, draw: int) -> FamilyTest:
        self.calls.append((len(some), count, draw))
        return family((self.rng.binomial(count, self.truth[some]) + 1) / (count + 1), count)


def test_p_values_stay_valid_however_small():
    drawn = Drawn(np.random.default_rng(1).uniform(size=40_000))
    p, _ = sequential_p(drawn.first(500), drawn.again, alpha=0.05)
    assert drawn.calls
    for level in (0.05, 0.01, 0.002, 0.0005, 0.0001):
        low, high = stats.binom.interval(0.999, len(p), level)
        assert low - 2 <= np.count_nonzero(p <= level) <= high, level


def test_a_single_strong_test_of_many_is_told_apart():
    truth = np.full(2000, 0.5)
    truth[7] = 0.0
    drawn = Drawn(truth)
    p, permutations = sequential_p(drawn.first(200), drawn.again, alpha=0.05)
    assert p[7] * 2000 <= 0.05
    assert permutations[7] >= 2000 / 0.05
    assert (np.delete(permutations, 7) == 200).all()
    # every draw has a number of its own, and so a random stream
    draws = [draw for _, _, draw in drawn.calls]
    assert draws == list(range(len(draws)))


def test_what_would_be_rejected_anyway_is_not_permuted_again():
    truth = np.full(100, 0.5)
    truth[:60] = 0.0
    drawn = Drawn(truth)
    p, permutations = sequential_p(drawn.first(1000), drawn.again, alpha=0.05)
    assert drawn.calls == []
    assert set(permutations) == {1000}
    assert (stats.false_discovery_control(p)[:60] < 0.05).all()


def test_settled_tests_are_left_alone():
    drawn = Drawn(np.linspace(0.2, 1, 500))
    first = drawn.first(1000)
    p, _ = sequential_p(first, drawn.again, alpha=0.05)
    assert (first.p * 1001 - 1 >= FEW).all()
    assert drawn.calls == []
    assert p.tolist() == pytest.approx(first.p.tolist())


def test_all_arrangements_need_no_others_and_untestable_tests_stay_so():
    exact = family(np.array([1 / 32, np.nan, 1.0]), 32, exhaustive=True)
    p, permutations = sequential_p(exact, Drawn(np.zeros(3)).again, alpha=0.05)
    assert p.tolist() == pytest.approx([1 / 32, np.nan, 1.0], nan_ok=True)
    assert permutations.tolist() == [32, 0, 32]
    drawn = Drawn(np.zeros(3))
    p, permutations = sequential_p(
        family(np.array([0.01, np.nan, 0.5]), 99), drawn.again, alpha=0.0001
    )
    assert np.isnan(p[1])
    assert permutations[1] == 0
    # doubled until 2 / 0.0001 is reached, ten thousand at a time at most
    assert [size for _, size, _ in drawn.calls] == [99 * 2**i for i in range(7)] + [10_000]
    assert permutations[0] == 99 * 2**7 + 10_000 >= 2 / 0.0001
    assert permutations[2] == 99
