"""Specification curves: their list, shared arrangements, tests of the whole, and dependence."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from made_hypotheses import CIRCUITS, SETTINGS, Circuit, adjusted, study
from scipy import stats

from ketfc.inference.core.permutation import orders_within, sign_flips, stream
from ketfc.inference.core.variance_groups import deviates
from ketfc.inference.design.model import Model
from ketfc.inference.specifications.arrangements import shared_arrangements
from ketfc.inference.specifications.choices import (
    FAMILIES,
    Choices,
    Specification,
    choices_of,
    specification_summary,
    specifications,
)
from ketfc.inference.specifications.curve import Member, Point, _p, specification_curve
from ketfc.inference.specifications.table import _scored, depends_on, specification_tables
from ketfc.study.config.config import parse_config

SCORES, TESTS = ("si", "depression"), ("ranks", "values")
CHOICES = Choices(("acompcor", "36P"), (0.5,), True, ((),), SCORES, TESTS)
VARIANT = Circuit("sgacc-rlpfc.sgACC-Fox2012", "as Fox2012", False, variant_of="sgacc-rlpfc")
PEOPLE = tuple(f"sub-{i:02d}" for i in range(14))


def tables_of(made, choices=CHOICES, *, circuits=CIRCUITS, connectivity=None, **settings):
    about = {key: SETTINGS[key] for key in ("seed", "permutations", "alpha")} | settings
    given = {0.5: made.connectivity} if connectivity is None else connectivity
    return specification_tables(given, made.scores, made.design, circuits, choices, **about)


def without(made, *people: str, strategy: str):
    """The study with some participants missing from one strategy."""
    gone = made.connectivity["participant_id"].isin(people)
    made.connectivity.loc[gone & (made.connectivity["strategy"] == strategy), "z"] = np.nan
    return made


def with_scores(made, seed: int = 3):
    """The study with a depression score that follows the other one."""
    rng = np.random.default_rng(seed)
    own = made.scores["scale"] == "depression"
    si = made.scores.loc[made.scores["scale"] == "si", "score"].to_numpy()
    made.scores.loc[own, "score"] = si + rng.normal(0, 3, own.sum())
    return made


@pytest.mark.parametrize(("score", "item"), [("depression", "total"), ("si-item", "si-item")])
def test_another_score_takes_the_place_of_suicidal_ideation(score, item):
    made = study(6)
    own = made.scores[made.scores["scale"] == "depression"]
    parts = [
        own.assign(item=name, score=i) for i, name in enumerate(("a", "si-item", "total", "z"))
    ]
    other = own.assign(item=item, instrument="HAMD", score=99)
    scores = pd.concat([made.scores[made.scores["scale"] == "si"], other, *parts])
    design, found = _scored(made.design, scores, score)
    assert design.instrument == "MADRS"
    assert set(found["scale"]) == {"si"}
    assert set(found["score"]) == {1 if item == "si-item" else 2}
    assert len(found) == len(own)
    assert _scored(made.design, scores, "si") == (made.design, scores)
    assert _scored(replace(made.design, depression=None), scores, score)[1] is scores


def test_a_direction_is_that_of_the_change_alone(monkeypatch):
    seen = {}

    def curve(*given, name, direction, **more):
        seen[name] = direction
        return specification_curve(*given, name=name, direction=direction, **more)

    monkeypatch.setattr("ketfc.inference.specifications.table.specification_curve", curve)
    expected = [replace(CIRCUITS[0], direction="-"), replace(CIRCUITS[1], direction="+")]
    tables_of(study(9, arms=False), circuits=expected, permutations=19)
    assert seen == {
        "sgacc-rlpfc/change": "-",
        "sgacc-rlpfc/association": None,
        "dmn/change": "+",
        "dmn/association": None,
    }


@pytest.mark.parametrize(
    ("direction", "reached"), [(None, 2), ("-", 1), ("+", 4)], ids=["two-sided", "falls", "rises"]
)
def test_arrangements_reach_the_observed_one_in_its_direction(direction, reached):
    null = np.array([-3.0, -1, 0, 2.5, -1.9])
    about = {"direction": direction}
    assert _p(-2.0, null, exhaustive=True, **about) == reached / 5
    assert _p(-2.0, null, exhaustive=False, **about) == (reached + 1) / 6


@pytest.mark.parametrize("arms", [True, False])
@pytest.mark.parametrize("planted", [True, False])
def test_the_first_specification_has_exactly_the_p_of_the_primary_test(arms, planted):
    made = with_scores(study(15, arms=arms, planted=planted, seed=2))
    # others are missing from the other strategy, and one from the primary one alone
    without(made, "sub-03", "sub-10", strategy="36P")
    without(made, "sub-06", strategy="acompcor")
    table, curves = tables_of(made)
    primary = made.test()
    for row in table[table["primary"]].to_dict("records"):
        same = (primary["hypothesis"] == row["hypothesis"]) & (primary["test"] == row["test"])
        own = primary[same].iloc[0]
        assert row["p_permutation"] == own["p_permutation"]
        assert (row["n"], row["specification"]) == (own["n"], 1)
        assert row["statistic"] == pytest.approx(own["statistic"])
        assert row["effect"] == pytest.approx(own["partial_r"])
    assert set(table["n"]) == {13, 14}
    assert list(curves["p_permutation"]) == list(table.loc[table["primary"], "p_permutation"])


def test_with_blocks_and_covariates_too_the_first_has_the_p_of_the_primary_test():
    made = study(18, seed=5)
    site = [("A", "B", "B")[i % 3] for i in range(18)]
    age = [float(a) for a in np.random.default_rng(1).integers(20, 60, 18)]
    sex = [("f", "m")[i % 5 // 3] for i in range(18)]
    adjusted(made, blocks="site", age=age, sex=sex, site=site)
    made.content["terms"]["covariates"] = ["age"]
    choices = replace(CHOICES, covariates=(("age",), (), ("age", "sex")), scores=("si",))
    table, _ = tables_of(made, choices)
    primary = made.test().set_index(["hypothesis", "test"])["p_permutation"]
    first = table[table["primary"]].set_index(["hypothesis", "test"])
    for key, row in first.iterrows():
        assert row["p_permutation"] == primary[key]
        assert row["covariates"] == "age"
    assert set(table["covariates"]) == {"age", "none", "age + sex"}
    # what is adjusted for something else is another test
    own = table[(table["hypothesis"] == "dmn") & (table["test"] == "change")]
    own = own[own["denoising"] == "acompcor"]
    assert own["effect"].nunique() == len(own) == 6


def test_every_combination_is_listed_once_and_the_primary_one_first():
    design = study().design
    choices = Choices(
        ("acompcor", "36P", "36P_noscrub"),
        (0.5, 0.2),
        True,
        ((), ("age",)),
        ("si", "si-item"),
        ("ranks", "values"),
    )
    change = specifications(choices, design, CIRCUITS[0], [*CIRCUITS, VARIANT], "change")
    # five kinds of cleaning, since what censors nothing has no threshold
    assert len(change) == 5 * 2 * 2 * 2
    first = Specification("acompcor", "FD 0.5", "registered", "none", "n/a", "values")
    assert next(iter(change)) == first
    association = specifications(choices, design, CIRCUITS[0], [*CIRCUITS, VARIANT], "association")
    assert len(association) == 80
    assert next(iter(association)) == replace(first, score="si", scale="ranks")
    # another circuit's definitions are not its own, and changes of one arm have no covariates
    one_arm = study(arms=False).design
    assert len(specifications(choices, one_arm, CIRCUITS[1], [VARIANT], "change")) == 5 * 2
    sources = {one.circuit for one in change.values()}
    assert sources == {"sgacc-rlpfc", "sgacc-rlpfc.sgACC-Fox2012"}
    assert tuple(Specification.__annotations__) == tuple(FAMILIES)
    told = specification_summary(choices, design, {one.id: one for one in [*CIRCUITS, VARIANT]})
    assert told.splitlines() == [
        "  specifications, change: 20 to 40 in each of 2 primary circuits, 60 together",
        "  specifications, association: 40 to 80 in each of 2 primary circuits, 120 together",
    ]


def test_a_config_declares_its_choices():
    raw = {
        "study": {
            "name": "x",
            "derivatives": "y",
            "sessions": {"pre": "a", "post": "b"},
            "covariates": {"age": "age", "site": "site"},
        },
        "scores": {
            "table": "t.tsv",
            "si": {"instrument": "SSI", "column": "SSI"},
            "depression": {"instrument": "M", "column": "M", "si-item": "M10"},
        },
        "denoising": {"strategies": ["none", "24P", "acompcor", "36P_noscrub"]},
        "statistics": {
            "covariates": ["age"],
            "blocks": "site",
            "specifications": {
                "fd-thresholds": [0.2, 0.5],
                "covariates": [[], ["age", "site"]],
            },
        },
    }
    found = choices_of(parse_config(raw))
    # the primary strategy first, and none of those that nobody would defend
    assert found.strategies == ("acompcor", "24P", "36P_noscrub")
    assert found.thresholds == (0.5, 0.2)
    # blocks are in every set
    assert found.covariates == (("age",), ())
    assert found.scores == ("si", "si-item")
    raw["statistics"]["specifications"]["scores"] = ["depression"]
    assert choices_of(parse_config(raw)).scores == ("si", "depression")


def test_a_duplicated_specification_changes_nothing():
    made = with_scores(study(14, planted=True, seed=4))
    twin = made.connectivity[made.connectivity["strategy"] == "36P"].assign(strategy="24P")
    alone = tables_of(made)[1]
    made.connectivity = pd.concat([made.connectivity, twin])
    choices = replace(CHOICES, strategies=("acompcor", "36P", "24P"))
    table, curves = tables_of(made, choices)
    assert (curves["specifications"] > curves["counted"]).all()
    same = [name for name in alone if name not in ("specifications", "depends_on")]
    pd.testing.assert_frame_equal(curves[same], alone[same])
    twins = table[table["denoising"] == "24P"]
    originals = table[table["denoising"] == "36P"]
    assert list(twins["same_as"]) == list(originals["specification"])
    assert list(twins["p_permutation"]) == list(originals["p_permutation"])


def test_arrangements_of_the_first_are_those_that_it_draws_alone():
    blocks = np.array([0, 1, 0, 1, 1, 0, 0, 1])
    people = [f"p{i}" for i in range(8)]
    first = ["p0", "p2", "p3", "p4", "p6"]
    about = {"permutations": 400, "flipped": False}
    drawn = shared_arrangements(people, first, blocks=blocks, rng=stream(1, "x"), **about)
    rows = drawn.of(first)
    alone, exhaustive = orders_within(blocks[rows], permutations=400, rng=stream(1, "x"))
    assert exhaustive
    assert (drawn.orders_of(rows) == alone).all()
    assert drawn.complete(rows)
    assert not drawn.complete(drawn.of(people))
    # whole orders stay within blocks, and put everybody everywhere in their block
    whole = drawn.orders_of(drawn.of(people))
    assert (blocks[whole] == blocks).all()
    assert (np.sort(whole, axis=1) == np.arange(8)).all()
    many = shared_arrangements(
        [f"p{i}" for i in range(9)],
        [f"p{i}" for i in range(7)],
        blocks=None,
        flipped=False,
        permutations=4000,
        rng=stream(2, "y"),
    )
    whole = many.orders_of(np.ones(9, dtype=bool))
    # who was put between the others is everywhere equally often, in any order
    places = np.argsort(whole, axis=1)
    assert np.bincount(places[:, 7]) / 4000 == pytest.approx([1 / 9] * 9, abs=0.02)
    assert np.mean(places[:, 7] < places[:, 8]) == pytest.approx(0.5, abs=0.03)
    assert np.mean(places[:, 0] < places[:, 8]) == pytest.approx(0.5, abs=0.03)
    flipped = shared_arrangements(
        people, first, blocks=None, flipped=True, permutations=50, rng=stream(3, "z")
    )
    signs, exhaustive = sign_flips(5, permutations=50, rng=stream(3, "z"))
    assert exhaustive
    assert (flipped.signs_of(rows) == signs).all()
    others = flipped.signs_of(~rows)
    assert set(np.unique(others)) == {-1.0, 1.0}
    assert (others.std(axis=0) > 0).all()


def test_the_tests_of_a_curve_are_those_of_a_double_loop():
    rng = np.random.default_rng(6)
    changes = rng.normal(0.9, 1, (7, 1)) + rng.normal(0, 0.6, (7, 5))
    changes[:, 4] = rng.normal(-2, 1, 7)
    people = PEOPLE[:7]
    members = [Member(people, Model(("the change", column))) for column in changes.T]
    # so many of 128 arrangements may be as extreme: 13
    alpha = 0.103
    about = {"blocks": None, "name": "x", "seed": 1, "permutations": 128, "alpha": alpha}
    curve = specification_curve(members, **about)
    signs = np.array(list(product((-1, 1), repeat=7)))

    def deviates_of(values: np.ndarray) -> np.ndarray:
        return deviates(stats.ttest_1samp(values, 0.0).statistic, 6.0)

    observed = deviates_of(changes)
    null = np.array([deviates_of(changes * one[:, np.newaxis]) for one in signs])
    reached = [(np.abs(null[:, j]) >= abs(observed[j]) - 1e-9).sum() for j in range(5)]
    assert [point.p for point in curve.points] == pytest.approx(np.array(reached) / 128)
    assert curve.median_deviate == pytest.approx(np.median(observed))
    medians = np.abs(np.median(null, axis=1))
    assert curve.p_median == (medians >= abs(np.median(observed)) - 1e-9).mean()
    each = [(np.abs(null[:, [j]]) >= np.abs(null[:, j]) - 1e-9).sum(axis=0) for j in range(5)]
    shares = np.mean(np.array(each) <= 13, axis=0)
    assert curve.share_significant == np.mean(np.array(reached) <= 13)
    assert curve.p_share == (shares >= curve.share_significant - 1e-9).mean()
    assert 0 < curve.share_significant < 1
    assert (curve.permutations, curve.counted) == (128, 5)
    assert curve.share_same_sign == 0.8


def test_what_cannot_be_tested_is_listed_and_does_not_count():
    made = study(14, seed=8)
    everybody = sorted(made.content["participants"])
    without(made, *everybody[3:], strategy="36P")
    table, curves = tables_of(made, replace(CHOICES, scores=("si",)))
    gone = table[table["denoising"] == "36P"]
    assert gone["p_permutation"].isna().all()
    assert set(gone["flags"]) == {"too-few"}
    assert list(curves["counted"]) == [2, 2, 2, 2]
    assert list(curves["specifications"]) == [4, 4, 4, 4]


def test_a_finding_depends_on_the_family_that_carries_it():
    base = Specification("a", "FD 0.5", "registered", "none", "n/a", "values")
    declared = [
        replace(base, denoising=denoising, scale=scale, scrubbing=f"FD {fd}")
        for denoising in ("a", "b", "c")
        for scale in ("values", "ranks")
        for fd in ("0.5", "0.2")
    ]

    def points(found) -> list[Point]:
        return [Point(0.5, 3, 10, 0.01 if found(one) else 0.4, 14) for one in declared]

    by_strategy = points(lambda one: one.denoising == "a")
    assert depends_on(declared, by_strategy, alpha=0.05) == "denoising"
    both = points(lambda one: one.denoising == "a" and one.scale == "values")
    assert depends_on(declared, both, alpha=0.05) == "denoising"
    lone = points(lambda one: one == base)
    assert depends_on(declared, lone, alpha=0.05) == "several choices"
    assert depends_on(declared, points(lambda one: True), alpha=0.05) is None
    # nothing was found, so nothing depends on anything
    assert depends_on(declared, points(lambda one: one.denoising == "b"), alpha=0.05) is None
    # significant in the other direction is not the same finding
    turned = [
        replace(point, effect=-0.5) if one.denoising != "a" else point
        for one, point in zip(declared, points(lambda one: True), strict=True)
    ]
    assert depends_on(declared, turned, alpha=0.05) == "denoising"


def test_thresholds_are_read_from_their_own_tables():
    made = study(14, seed=9)
    other = made.connectivity.copy()
    other.loc[other["role"] == "post", "z"] += np.linspace(0, 1, (other["role"] == "post").sum())
    choices = Choices(("acompcor",), (0.5, 0.2), True, ((),), ("si",), ("values",))
    about = {0.5: made.connectivity, 0.2: other}
    table, _ = tables_of(made, choices, connectivity=about)
    own = table[(table["hypothesis"] == "dmn") & (table["test"] == "change")]
    assert list(own["scrubbing"]) == ["FD 0.5", "FD 0.2"]
    assert own["effect"].nunique() == 2


def correlated(rng: np.random.Generator, n: int, effect: float = 0.0) -> list[Member]:
    """A small study of one arm, with twelve correlated specifications of its change."""
    own = rng.normal(effect, 1, n)
    members = []
    for _ in range(6):
        change = own + rng.normal(0, 0.7, n)
        kept = np.flatnonzero(rng.random(n) > 0.08)
        people = tuple(PEOPLE[i] if i < 14 else f"sub-{i}" for i in kept)
        values = change[kept]
        ranks = np.sign(values) * stats.rankdata(np.abs(values))
        members += [Member(people, Model(("change", values))), Member(people, Model(("c", ranks)))]
    return members


def arms(rng: np.random.Generator, n: int) -> list[Member]:
    """Two arms of unequal size and spread, with correlated specifications by values and ranks."""
    treated = (np.arange(n) % 3 == 0).astype(np.float64)
    before = rng.normal(0, 1, n)
    own = 0.6 * before + (1 + treated) * rng.normal(0, 0.8, n)
    members = []
    for _ in range(4):
        after = own + rng.normal(0, 0.4, n)
        model = Model(
            ("after", after),
            ("arm", treated),
            {"before": before + rng.normal(0, 0.2, n)},
            groups=True,
            variance_groups=treated.astype(np.int64),
        )
        people = tuple(f"sub-{i:02d}" for i in range(n))
        members += [Member(people, model), Member(people, replace(model, by_ranks=True))]
    return members


@pytest.mark.slow
@pytest.mark.parametrize("make", [correlated, arms])
@pytest.mark.parametrize("n", [14, 24])
def test_under_the_null_the_curve_rejects_as_often_as_it_says(make, n):
    studies = 1000
    found = np.empty((studies, 2))
    for i in range(studies):
        rng = np.random.default_rng([n, i])
        about = {"blocks": None, "name": f"null/{i}", "seed": 7, "permutations": 199}
        curve = specification_curve(make(rng, n), alpha=0.05, **about)
        found[i] = curve.p_median, curve.p_share
    # the share is a whole number of few, so that its p is coarse and may reject too rarely
    low, high = stats.binom.ppf([0.005, 0.995], studies, 0.05)
    rejected = (found <= 0.05).sum(axis=0)
    assert low <= rejected[0] <= high
    assert rejected[1] <= high


@pytest.mark.slow
def test_a_planted_effect_is_found_by_the_curve():
    found = []
    for i in range(60):
        rng = np.random.default_rng([99, i])
        about = {"blocks": None, "name": f"planted/{i}", "seed": 7, "permutations": 199}
        curve = specification_curve(correlated(rng, 24, effect=1.0), alpha=0.05, **about)
        found.append((curve.p_median <= 0.05, curve.p_share <= 0.05, curve.median_effect > 0))
    assert np.mean(found, axis=0) == pytest.approx([1, 1, 1], abs=0.1)
