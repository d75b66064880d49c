"""Families under joint permutations, against double loops, scipy, statsmodels and nilearn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from made_models import welch
from scipy import stats

from ketfc.inference.core.joint_tests import constant_columns, missing_patterns, without_absent
from ketfc.inference.core.maxt import false_discovery, freedman_lane_family, sign_flip_family
from ketfc.inference.core.permutation import (
    freedman_lane_test,
    orders,
    orders_within,
    sign_flip_test,
)


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def correlated(n: int, tests: int, seed: int, shift: float = 0.0) -> np.ndarray:
    rng = seeded(seed)
    return rng.normal(size=(n, tests)) + rng.normal(size=(n, 1)) + shift * np.arange(tests) / tests


def deviate(t, df):
    """The normal deviate that |t| amounts to, by Wallace's approximation."""
    return np.sqrt(df * np.log1p(np.square(t) / df)) * (8 * df + 1) / (8 * df + 3)


def double_loop(outcome, tested, nuisance, own, order, *, by_ranks, blocks, groups):
    """t, df, p and FWER p by refitting every model under every order.

    Where somebody is absent, the others of their block move up in its queue.
    """
    import statsmodels.api as sm

    n, tests = order.shape[1], max(a.shape[1] for a in (outcome, tested))
    null, observed = np.empty((len(order), tests)), np.empty((tests, 2))
    reached = np.empty(tests)
    for e in range(tests):
        y = outcome[:, min(e, outcome.shape[1] - 1)]
        x = tested[:, min(e, tested.shape[1] - 1)]
        Z = nuisance if own is None else np.column_stack([nuisance, own[:, e]])
        here = [i for i in range(n) if np.isfinite([y[i], x[i], *Z[i]]).all()]
        y, x, Z = y[here], x[here], Z[here]
        if by_ranks:
            y, x, Z = stats.rankdata(y), stats.rankdata(x), stats.rankdata(Z, axis=0)
        reduced, X = sm.OLS(y, Z).fit(), np.column_stack([x, Z])
        observed[e] = welch(sm.OLS(y, X).fit(), 0, groups[here])[:2]
        reached[e] = deviate(*welch(sm.OLS(y, X).fit(), 0, groups[here], fewer=1.5)[:2])
        for k, whole in enumerate(order):
            queue = np.empty(len(here), dtype=int)
            for block in set(blocks):
                places = [j for j, i in enumerate(here) if blocks[i] == block]
                queue[places] = [here.index(i) for i in whole if i in here and blocks[i] == block]
            moved = sm.OLS(reduced.fittedvalues + reduced.resid[queue], X).fit()
            null[k, e] = deviate(*welch(moved, 0, groups[here], fewer=1.5)[:2])
    reached *= 1 - 1e-9
    p = (null >= reached).sum(axis=0)
    fwer = (null.max(axis=1)[:, np.newaxis] >= reached).sum(axis=0)
    return *observed.T, p, fwer


def test_sign_flips_of_a_family_are_those_of_a_double_loop():
    changes = correlated(7, 4, seed=1, shift=1.2)
    changes[2, 0] = changes[5, 0] = changes[1, 3] = np.nan
    ours = sign_flip_family(changes, permutations=128, rng=seeded())
    null = np.empty((128, 4))
    for k, signs in enumerate(itertools.product((-1, 1), repeat=7)):
        for e in range(4):
            flipped = changes[:, e] * signs
            found = stats.ttest_1samp(flipped[np.isfinite(flipped)], 0)
            null[k, e] = deviate(found.statistic, found.df)
    observed = stats.ttest_1samp(changes, 0, nan_policy="omit").statistic
    reached = deviate(observed, np.array([4, 6, 6, 5])) * (1 - 1e-9)
    assert ours.exhaustive
    assert ours.statistic == pytest.approx(np.asarray(observed), rel=1e-10)
    assert ours.n.tolist() == [5, 7, 7, 6]
    assert ours.df.tolist() == [4, 6, 6, 5]
    assert ours.p == pytest.approx((null >= reached).mean(axis=0))
    assert ours.p_fwer == pytest.approx((null.max(axis=1)[:, np.newaxis] >= reached).mean(axis=0))


@pytest.mark.parametrize("n", [9, 20])
def test_a_family_of_one_has_the_p_of_the_single_test(n):
    change = seeded(2).normal(0.3, 1, n)
    ours = sign_flip_family(change[:, np.newaxis], permutations=600, rng=seeded(5))
    alone = sign_flip_test(change, permutations=600, rng=seeded(5))
    assert ours.p[0] == ours.p_fwer[0] == alone.p
    assert ours.statistic[0] == pytest.approx(alone.statistic)
    assert ours.exhaustive == alone.exhaustive
    Z = np.column_stack([np.ones(n), seeded(3).normal(size=n)])
    x = seeded(4).normal(size=n)
    ours = freedman_lane_family(
        change, x, Z[:, :1], own_nuisance=Z[:, 1:], permutations=600, rng=seeded(5)
    )
    alone = freedman_lane_test(change, x, Z, permutations=600, rng=seeded(5))
    assert ours.p[0] == ours.p_fwer[0] == alone.p
    assert ours.statistic[0] == pytest.approx(alone.statistic)


SHAPES = ["many outcomes", "many regressors", "both", "own nuisance", "all own"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("sites", [False, True])
@pytest.mark.parametrize("spreads", [False, True])
@pytest.mark.parametrize("by_ranks", [False, True])
def test_a_family_is_that_of_a_double_loop(shape, missing, sites, spreads, by_ranks):
    n, tests, m = 13, 3, 25
    rng = seeded(SHAPES.index(shape))
    nuisance = np.column_stack([np.ones(n), rng.normal(size=n)])
    outcome, tested, own = (correlated(n, tests, seed=seed, shift=1) for seed in (6, 7, 8))
    if missing:
        outcome[[1, 4], 0] = tested[0, 1] = tested[4, 0] = own[[5, 9], 1] = np.nan
    blocks = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1]) if sites else np.zeros(n, dtype=int)
    arm = np.array([1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0])
    groups = arm if spreads else np.zeros(n, dtype=int)
    if shape == "many regressors":
        outcome = rng.normal(size=(n, 1))
    if shape in ("many outcomes", "own nuisance"):
        tested = arm[:, np.newaxis].astype(float)
    with_own = shape in ("own nuisance", "all own")
    ours = freedman_lane_family(
        outcome[:, 0] if outcome.shape[1] == 1 else outcome,
        tested[:, 0] if tested.shape[1] == 1 else tested,
        nuisance,
        own_nuisance=own if with_own else None,
        permutations=m,
        rng=seeded(9),
        blocks=blocks if sites else None,
        groups=groups if spreads else None,
        by_ranks=by_ranks,
    )
    order, _ = orders_within(blocks, permutations=m, rng=seeded(9))
    about = {"by_ranks": by_ranks, "blocks": blocks.tolist(), "groups": groups}
    t, df, p, fwer = double_loop(
        outcome, tested, nuisance, own if with_own else None, order, **about
    )
    assert ours.statistic == pytest.approx(t, rel=1e-8)
    assert ours.df == pytest.approx(df, rel=1e-8)
    if by_ranks and not spreads:
        assert ours.estimate == pytest.approx(t / np.sqrt(t**2 + ours.df))
    assert (ours.p * (m + 1) - 1).round(6).tolist() == p.tolist()
    assert (ours.p_fwer * (m + 1) - 1).round(6).tolist() == fwer.tolist()


def test_the_family_agrees_with_nilearn_within_monte_carlo_error():
    from nilearn.mass_univariate import permuted_ols

    outcome = correlated(18, 12, seed=10)
    tested = seeded(11).normal(size=18)
    outcome[:, 0] += 0.9 * tested
    age = seeded(12).normal(size=(18, 1))
    ours = freedman_lane_family(
        outcome, tested, np.column_stack([np.ones(18), age]), permutations=10000, rng=seeded()
    )
    theirs = permuted_ols(
        tested[:, np.newaxis],
        outcome,
        confounding_vars=age,
        model_intercept=True,
        n_perm=3000,
        two_sided_test=True,
        random_state=0,
        output_type="dict",
    )
    p = 10 ** -theirs["logp_max_t"].ravel()
    error = np.sqrt(p * (1 - p) * (1 / 3000 + 1 / 10000))
    assert np.abs(ours.statistic) == pytest.approx(np.abs(theirs["t"].ravel()), rel=1e-6)
    assert p.min() < 0.2
    assert (np.abs(ours.p_fwer - p) < 4 * error + 1e-3).all()


def test_chunks_do_not_change_the_result(monkeypatch):
    changes = correlated(14, 9, seed=13)
    changes[3, 2] = np.nan
    pre = correlated(14, 9, seed=14)
    arm = np.arange(14) % 2.0

    def both():
        flips = sign_flip_family(changes, permutations=300, rng=seeded())
        ancova = freedman_lane_family(
            changes, arm, np.ones((14, 1)), own_nuisance=pre, permutations=300, rng=seeded()
        )
        return [flips.p, flips.p_fwer, ancova.p, ancova.p_fwer]

    whole = both()
    monkeypatch.setattr("ketfc.inference.core.joint_tests._ROWS", 7)
    assert np.array_equal(whole, both())


def test_fwer_p_is_no_smaller_than_p_and_falls_with_the_statistic():
    ours = sign_flip_family(correlated(16, 30, seed=15, shift=0.8), permutations=999, rng=seeded())
    by_size = np.argsort(np.abs(ours.statistic))
    assert (ours.p_fwer >= ours.p).all()
    assert (np.diff(ours.p_fwer[by_size]) <= 0).all()


def test_rows_of_one_block_change_sign_together():
    # two sessions of each participant that are the same: no more information than one
    changes = correlated(8, 3, seed=16, shift=1)
    once = sign_flip_family(changes, permutations=256, rng=seeded())
    twice = sign_flip_family(
        np.repeat(changes, 2, axis=0), permutations=256, rng=seeded(), blocks=np.arange(16) // 2
    )
    assert twice.exhaustive
    assert twice.p == pytest.approx(once.p)
    assert twice.permutations == 256


def test_orders_stay_within_their_blocks_and_all_are_used_when_few():
    blocks = np.array([1, 0, 1, 0, 0])
    every, complete = orders_within(blocks, permutations=12, rng=seeded())
    assert complete
    assert len(np.unique(every, axis=0)) == 12
    some, complete = orders_within(blocks, permutations=11, rng=seeded())
    assert not complete
    for order in (every, some):
        assert (blocks[order] == blocks).all()
        assert (np.sort(order, axis=1) == np.arange(5)).all()


def test_one_block_is_the_plain_permutation():
    ours, _ = orders_within(np.zeros(9, dtype=int), permutations=50, rng=seeded(1))
    assert np.array_equal(ours, orders(9, permutations=50, rng=seeded(1))[0])


def test_the_absent_leave_the_queue():
    order = np.array([[3, 1, 0, 2], [0, 1, 2, 3]])
    present = np.array([True, False, True, True])
    assert without_absent(order, present, np.zeros(4)).tolist() == [[2, 0, 1], [0, 1, 2]]
    grouped = {tuple(m): r.tolist() for r, m in missing_patterns(np.column_stack([present] * 2))}
    assert grouped == {(0, 1): present.tolist()}


def test_nobody_leaves_their_block_when_others_are_absent():
    blocks = np.array([0, 1, 0, 1, 1, 0, 1])
    present = np.array([False, True, True, True, True, True, False])
    order, _ = orders_within(blocks, permutations=40, rng=seeded(3))
    kept = without_absent(order, present, blocks)
    assert (blocks[present][kept] == blocks[present]).all()
    assert (np.sort(kept, axis=1) == np.arange(5)).all()
    assert len(np.unique(kept, axis=0)) == 2 * 6


def test_what_cannot_be_tested_is_no_part_of_the_family():
    rng = seeded(17)
    changes = rng.normal(size=(10, 5))
    whole = sign_flip_family(changes[:, [0, 4]], permutations=99, rng=seeded())
    changes[:, 1] = 0.2
    changes[2:, 2] = np.nan
    changes[:, 3] = np.nan
    ours = sign_flip_family(changes, permutations=99, rng=seeded())
    assert ours.untestable == {1: "constant", 2: "too-few", 3: "too-few"}
    for numbers in (ours.statistic, ours.p, ours.p_fwer, ours.df):
        assert np.isfinite(numbers).tolist() == [True, False, False, False, True]
    assert ours.p_fwer[[0, 4]] == pytest.approx(whole.p_fwer)


def test_models_that_cannot_be_fitted_are_no_part_of_the_family():
    rng = seeded(18)
    nuisance = np.column_stack([np.ones(10), rng.normal(size=10)])
    outcome, tested, own = rng.normal(size=(3, 10, 6))
    outcome[:, 0] = 3.0
    tested[:, 1] = 2 - nuisance[:, 1]
    own[:, 2] = tested[:, 2] * 4 + nuisance[:, 1]
    outcome[:, 3] = own[:, 3] - 1
    outcome[5:, 4] = np.nan
    ours = freedman_lane_family(
        outcome, tested, nuisance, own_nuisance=own, permutations=99, rng=seeded()
    )
    assert ours.untestable == {
        0: "constant", 1: "collinear", 2: "collinear", 3: "constant", 4: "too-few",
    }  # fmt: skip
    assert np.isfinite(ours.p_fwer).tolist() == [False] * 5 + [True]


@pytest.mark.parametrize("score", [np.zeros(12), np.full(12, 3.0)])
def test_where_everyone_ends_at_the_same_score_nothing_is_tested(score):
    ours = freedman_lane_family(
        score, seeded().normal(size=(12, 5)), np.ones((12, 1)), permutations=99, rng=seeded()
    )
    assert set(ours.untestable.values()) == {"constant"}
    assert np.isnan(ours.p_fwer).all()


def test_three_participants_are_tested_by_sign_flips_but_never_significant():
    ours = sign_flip_family(seeded().normal(9, 0.1, (3, 2)), permutations=99, rng=seeded())
    assert ours.p.tolist() == ours.p_fwer.tolist() == [0.25, 0.25]
    models = freedman_lane_family(
        seeded().normal(size=(3, 2)),
        np.arange(3.0),
        np.ones((3, 1)),
        permutations=99,
        rng=seeded(),
    )
    assert models.untestable == {0: "too-few", 1: "too-few"}


def test_a_perfect_fit_has_an_infinite_t_and_a_p_all_the_same():
    x = seeded(19).normal(size=12)
    ours = freedman_lane_family(
        np.column_stack([-2 * x, seeded(20).normal(size=12)]),
        x,
        np.ones((12, 1)),
        permutations=99,
        rng=seeded(),
    )
    assert ours.statistic[0] == -np.inf
    assert ours.p[0] == ours.p_fwer[0] == 0.01


def test_a_shared_column_with_missing_values_or_a_wrong_shape_is_refused():
    y = seeded().normal(size=(8, 2))
    x = np.arange(8.0)
    with pytest.raises(ValueError, match="missing"):
        freedman_lane_family(
            y, np.where(x == 3, np.nan, x), np.ones((8, 1)), permutations=9, rng=seeded()
        )
    with pytest.raises(ValueError, match="shape"):
        freedman_lane_family(
            y, x, np.ones((8, 1)), own_nuisance=y[:, :1], permutations=9, rng=seeded()
        )


def test_the_family_wise_error_is_kept_under_the_null():
    studies, rejected = 400, 0
    rng = seeded(21)
    for _ in range(studies):
        changes = rng.normal(size=(12, 5)) + rng.normal(size=(12, 1))
        changes[rng.random((12, 5)) < 0.1] = np.nan
        ours = sign_flip_family(changes, permutations=199, rng=rng)
        rejected += bool(np.nanmin(ours.p_fwer) <= 0.05)
    low, high = stats.binom.interval(0.99, studies, 0.05)
    assert low <= rejected <= high


def test_false_discovery_is_that_of_statsmodels_and_passes_missing_ones_over():
    from statsmodels.stats.multitest import multipletests

    p = seeded(22).uniform(size=20) ** 3
    holes = np.insert(p, [0, 7], np.nan)
    ours = false_discovery(holes)
    assert ours[np.isfinite(holes)] == pytest.approx(multipletests(p, method="fdr_bh")[1])
    assert np.isnan(ours[np.isnan(holes)]).all()
    assert np.isnan(false_discovery(np.full(3, np.nan))).all()


def test_every_sign_pattern_moves_the_family_as_one():
    # the same edge twice: FWER p of the pair is the p of one
    change = seeded(23).normal(0.4, 1, 15)
    ours = sign_flip_family(np.column_stack([change, change]), permutations=500, rng=seeded())
    assert np.array_equal(ours.p, ours.p_fwer)


def test_a_column_is_constant_that_varies_by_rounding_of_its_size_or_of_one():
    values = np.array([[1e-12, 1e6, 0.5, np.nan, 3e-9, 1e6], [3e-12, 1e6 + 1e-5, 0.5, 2, 0, 1e6]])
    values = np.vstack([values, [0, 1e6, np.nan, np.nan, 0, 1e6 + 1]])
    assert constant_columns(values).tolist() == [True, True, True, True, False, False]
