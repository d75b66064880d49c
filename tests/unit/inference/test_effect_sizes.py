"""Effect sizes against pingouin, published formulas and inverted rank tests."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from ketfc.inference.core.effect_sizes import (
    Shift,
    hedges_factor,
    paired_effect,
    paired_shift,
    standardised_interval,
    stratified_shift,
    two_sample_shift,
)


def paired(n: int, seed: int, shift: float = 0.4):
    rng = np.random.default_rng(seed)
    baseline = rng.normal(size=n)
    return baseline, 0.5 * baseline + shift + rng.normal(0, 0.8, n)


def around(shift: Shift) -> list[float]:
    """Both ends a little inside, then a little outside."""
    low, high, little = shift.ci_low, shift.ci_high, 1e-9
    return [low + little, high - little, low - little, high + little]


def test_dz_is_that_of_pingouin_and_d_av_has_the_mean_standard_deviation():
    import pingouin as pg

    baseline, followup = paired(18, seed=1)
    ours = paired_effect(baseline, followup)
    dz = pg.compute_effsize(followup, baseline, paired=True, eftype="cohen_dz")
    mean_sd = (np.std(baseline, ddof=1) + np.std(followup, ddof=1)) / 2
    assert ours.dz == pytest.approx(hedges_factor(17) * dz)
    assert ours.d_av == pytest.approx(hedges_factor(17) * np.mean(followup - baseline) / mean_sd)
    # equal spread before and after: the same as pingouin's average of variances
    even = (followup - followup.mean()) / followup.std() * baseline.std() + 0.5
    theirs = pg.compute_effsize(even, baseline, paired=True, eftype="cohen")
    assert paired_effect(baseline, even).d_av == pytest.approx(hedges_factor(17) * theirs)


def test_the_hodges_lehmann_change_is_the_median_of_walsh_averages():
    baseline, followup = paired(11, seed=3)
    change = followup - baseline
    walsh = [(a + b) / 2 for a, b in itertools.combinations_with_replacement(change.tolist(), 2)]
    ours = paired_shift(baseline, followup, alpha=0.05)
    theirs = stats.wilcoxon(change, method="exact")
    assert ours.estimate == pytest.approx(np.median(walsh))
    assert ours.p == pytest.approx(theirs.pvalue)
    assert min(ours.statistic, 66 - ours.statistic) == theirs.statistic


@pytest.mark.parametrize(("n", "alpha"), [(6, 0.05), (9, 0.05), (14, 0.10)])
def test_its_interval_holds_the_shifts_that_the_exact_test_does_not_reject(n, alpha):
    baseline, followup = paired(n, seed=n)
    change = followup - baseline
    ours = paired_shift(baseline, followup, alpha=alpha)
    ends = around(ours)
    p = [stats.wilcoxon(change - at, method="exact").pvalue for at in ends]
    assert min(p[:2]) > alpha
    assert max(p[2:]) <= alpha


@pytest.mark.parametrize(("n1", "n2"), [(4, 5), (7, 9), (12, 12)])
def test_the_interval_of_a_difference_holds_what_mann_whitney_does_not_reject(n1, n2):
    rng = np.random.default_rng(n1)
    first, second = rng.normal(0.5, 1, n1), rng.normal(size=n2)
    ours = two_sample_shift(first, second, alpha=0.05)
    ends = around(ours)
    p = [stats.mannwhitneyu(first - at, second, method="exact").pvalue for at in ends]
    assert min(p[:2]) > 0.05
    assert max(p[2:]) <= 0.05
    assert ours.estimate == pytest.approx(np.median(np.subtract.outer(first, second)))
    theirs = stats.mannwhitneyu(first, second, method="exact")
    assert (ours.statistic, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_rank_biserial_correlations_are_those_of_pingouin():
    import pingouin as pg

    baseline, followup = paired(15, seed=5)
    theirs = pg.wilcoxon(followup, baseline)["RBC"].iloc[0]
    assert paired_shift(baseline, followup, alpha=0.05).effect_size == pytest.approx(theirs)
    theirs = pg.mwu(followup, baseline[:9])["RBC"].iloc[0]
    ours = two_sample_shift(followup, baseline[:9], alpha=0.05).effect_size
    assert abs(ours) == pytest.approx(abs(theirs))


def test_large_samples_use_the_normal_approximation_close_to_the_exact_interval(monkeypatch):
    baseline, followup = paired(40, seed=6)
    exact = paired_shift(baseline, followup, alpha=0.05)
    two = two_sample_shift(followup, baseline[:30], alpha=0.05)
    monkeypatch.setattr("ketfc.inference.core.effect_sizes._EXACT_BELOW", 10)
    rough = paired_shift(baseline, followup, alpha=0.05)
    assert (rough.ci_low, rough.ci_high) == pytest.approx((exact.ci_low, exact.ci_high), abs=0.02)
    rough = two_sample_shift(followup, baseline[:30], alpha=0.05)
    assert (rough.ci_low, rough.ci_high) == pytest.approx((two.ci_low, two.ci_high), abs=0.02)


def test_ties_and_zeros_have_a_p_by_approximation():
    baseline = np.zeros(12)
    followup = np.array([0, 0, 0, 1, 1, 2, -1, 3, 3, 2, 0, 1.0])
    ours = paired_shift(baseline, followup, alpha=0.05)
    theirs = stats.wilcoxon(followup, method="approx")
    assert ours.p == pytest.approx(theirs.pvalue)
    assert np.isfinite([ours.estimate, ours.ci_low, ours.ci_high, ours.effect_size]).all()


def test_five_pairs_have_an_estimate_but_no_interval_at_five_per_cent():
    ours = paired_shift(*paired(5, seed=7), alpha=0.05)
    assert np.isfinite([ours.estimate, ours.p]).all()
    assert np.isnan([ours.ci_low, ours.ci_high]).all()


@pytest.mark.parametrize(
    ("baseline", "followup", "why"),
    [
        (np.zeros(2), np.ones(2), "too-few"),
        (np.zeros(9), np.zeros(9), "constant"),
        (np.arange(9) * 0.1, np.arange(9) * 0.1 + 0.3, "constant"),
    ],
)
def test_where_nothing_varies_there_is_no_effect_size(baseline, followup, why):
    assert paired_effect(baseline, followup).obstacle == why
    ours = paired_shift(baseline, followup, alpha=0.05)
    assert ours.obstacle == why
    assert np.isnan([ours.estimate, ours.p, paired_effect(baseline, followup).dz]).all()


def test_an_arm_of_one_or_scores_all_zero_have_no_shift():
    assert two_sample_shift(np.ones(1), np.arange(9.0), alpha=0.05).obstacle == "too-few"
    assert two_sample_shift(np.zeros(5), np.zeros(6), alpha=0.05).obstacle == "constant"


def test_an_arm_of_two_has_a_p_that_cannot_be_small_and_no_interval():
    ours = two_sample_shift(np.array([5.0, 6.0]), np.arange(4.0), alpha=0.05)
    assert ours.p == pytest.approx(2 / 15)
    assert np.isnan(ours.ci_low)


# -- within blocks ---------------------------------------------------------------------------------


def blocked(sizes: list[tuple[int, int]], seed: int, site: float = 2.0):
    """Values, group and block of so many of either group in each block."""
    rng = np.random.default_rng(seed)
    first = np.concatenate([np.arange(a + b) < a for a, b in sizes])
    blocks = np.repeat(np.arange(len(sizes)), [a + b for a, b in sizes])
    return rng.normal(size=len(first)) + 0.5 * first + site * blocks, first, blocks


def within_blocks(first: np.ndarray, blocks: np.ndarray) -> list[np.ndarray]:
    """Every assignment to groups that keeps the numbers of each block."""
    parts = []
    for block in np.unique(blocks):
        rows = np.flatnonzero(blocks == block)
        some = itertools.combinations(rows, int(first[rows].sum()))
        parts.append([set(map(int, one)) for one in some])
    people = range(len(first))
    return [
        np.array([i in set().union(*choice) for i in people])
        for choice in itertools.product(*parts)
    ]


def van_elteren(values: np.ndarray, first: np.ndarray, blocks: np.ndarray) -> float:
    total = 0.0
    for block in np.unique(blocks):
        inside = blocks == block
        ranks = stats.rankdata(values[inside])
        total += ranks[first[inside]].sum() / (inside.sum() + 1)
    return total


SETTINGS = {"alpha": 0.10, "permutations": 20_000}


@pytest.mark.parametrize("tied", [False, True])
def test_van_elterens_p_is_that_of_every_assignment_within_blocks(tied):
    values, first, blocks = blocked([(3, 2), (2, 3)], seed=5)
    if tied:
        values = values.round()
    ours = stratified_shift(values, first, blocks, rng=np.random.default_rng(1), **SETTINGS)
    null = np.array([van_elteren(values, own, blocks) for own in within_blocks(first, blocks)])
    observed = van_elteren(values, first, blocks)
    assert ours.statistic == pytest.approx(observed)
    far = np.abs(null - null.mean()) >= abs(observed - null.mean()) - 1e-12
    # 5! · 5! orders: all of them
    assert ours.p == pytest.approx(far.mean())


def test_the_interval_within_blocks_holds_the_shifts_that_its_test_does_not_reject():
    values, first, blocks = blocked([(3, 3), (2, 3)], seed=6)
    settings = {"alpha": 0.2, "permutations": 100_000}
    ours = stratified_shift(values, first, blocks, rng=np.random.default_rng(1), **settings)
    every = within_blocks(first, blocks)

    def p(shift: float) -> float:
        moved = values - shift * first
        null = np.array([van_elteren(moved, own, blocks) for own in every])
        observed = van_elteren(moved, first, blocks)
        sides = [(null <= observed + 1e-12).mean(), (null >= observed - 1e-12).mean()]
        return 2 * min(sides)

    for end, inwards in ((ours.ci_low, 1e-6), (ours.ci_high, -1e-6)):
        assert p(end + inwards) > 0.2
        assert p(end - inwards) <= 0.2
    assert ours.ci_low < ours.estimate < ours.ci_high


def test_one_block_is_mann_and_whitneys_test():
    values, first, blocks = blocked([(4, 4)], seed=7)
    ours = stratified_shift(
        *(values, first, blocks),
        **{"alpha": 0.10, "permutations": 50_000, "rng": np.random.default_rng(1)},
    )
    theirs = two_sample_shift(values[first], values[~first], alpha=0.10)
    same = ("estimate", "ci_low", "ci_high", "p", "effect_size")
    assert [getattr(ours, key) for key in same] == pytest.approx(
        [getattr(theirs, key) for key in same]
    )


def test_a_difference_between_sites_is_no_difference_between_groups():
    # at the site of high values most are of the first group
    values, first, blocks = blocked([(2, 10), (10, 2)], seed=8, site=20.0)
    values = values - 0.5 * first
    naive = two_sample_shift(values[first], values[~first], alpha=0.05)
    ours = stratified_shift(
        values, first, blocks, alpha=0.05, permutations=999, rng=np.random.default_rng(1)
    )
    assert naive.p < 0.01
    assert ours.p > 0.05
    assert abs(ours.estimate) < 2 < abs(naive.estimate)
    alone = np.append(values, 99.0), np.append(first, True), np.append(blocks, 7)
    more = stratified_shift(*alone, alpha=0.05, permutations=999, rng=np.random.default_rng(1))
    assert more.estimate == ours.estimate, "who is alone at a site is compared with nobody"


@pytest.mark.parametrize(
    ("sizes", "why"), [([(3, 0), (0, 3)], "too-few"), ([(1, 3), (4, 0)], "too-few")]
)
def test_blocks_that_hold_one_group_alone_compare_nothing(sizes, why):
    values, first, blocks = blocked(sizes, seed=9)
    found = stratified_shift(
        values, first, blocks, alpha=0.05, permutations=99, rng=np.random.default_rng(1)
    )
    assert found.obstacle == why
    assert np.isnan([found.estimate, found.p, found.ci_low]).all()
    same = stratified_shift(
        np.zeros(8),
        *blocked([(2, 2), (2, 2)], seed=1)[1:],
        **{"alpha": 0.05, "permutations": 99, "rng": np.random.default_rng(1)},
    )
    assert same.obstacle == "constant"


# --- intervals of standardised effects -----------------------------------------------------------


def t_interval(x: np.ndarray) -> tuple[float, float, float, float]:
    mean, sd = float(x.mean()), float(x.std(ddof=1))
    half = float(stats.t.ppf(0.975, len(x) - 1)) * sd / len(x) ** 0.5
    return mean, mean - half, mean + half, sd


@pytest.mark.parametrize("n", [5, 12, 40])
@pytest.mark.parametrize("effect", [0.0, -0.8, 2.0])
def test_the_interval_of_dz_covers_and_excludes_zero_where_that_of_the_mean_does(n, effect):
    rng = np.random.default_rng(n)
    hits = 0
    for x in rng.normal(effect, 1, (1500, n)):
        mean, low, high, sd = t_interval(x)
        ends = standardised_interval(mean, low, high, spread=sd, df=n - 1, alpha=0.05)
        assert ends[0] < mean / sd < ends[1]
        assert [end > 0 for end in ends] == [end > 0 for end in (low, high)]
        hits += ends[0] <= effect <= ends[1]
    # the method is a little wide where the effect is large and the sample tiny
    assert 0.935 <= hits / 1500 <= 0.98


def test_it_is_near_the_exact_interval_of_the_noncentral_t():
    from scipy import optimize

    x = np.random.default_rng(5).normal(0.9, 1.3, 18)
    mean, low, high, sd = t_interval(x)
    t = mean / sd * 18**0.5
    exact = [
        optimize.brentq(lambda d, s=share: stats.nct.cdf(t, 17, d * 18**0.5) - s, -2, 4)
        for share in (0.975, 0.025)
    ]
    ours = standardised_interval(mean, low, high, spread=sd, df=17, alpha=0.05)
    assert ours == pytest.approx(exact, abs=0.1)


def test_the_unit_of_an_interval_cancels_and_its_sign_turns():
    ends = standardised_interval(0.4, 0.1, 0.8, spread=0.5, df=9, alpha=0.05)
    assert standardised_interval(4, 1, 8, spread=5, df=9, alpha=0.05) == pytest.approx(ends)
    turned = standardised_interval(-0.4, -0.8, -0.1, spread=0.5, df=9, alpha=0.05)
    assert turned == pytest.approx((-ends[1], -ends[0]))
    # a spread as uncertain as of two participants still gives two ends
    assert 0 < standardised_interval(0.4, 0.1, 0.8, spread=0.5, df=1, alpha=0.05)[0] < 0.8
    assert np.isnan(standardised_interval(0.4, np.nan, 0.8, spread=0.5, df=9, alpha=0.05)).all()
