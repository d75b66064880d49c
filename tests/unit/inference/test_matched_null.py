"""Circuits ranked among matched pairs of spheres: the statistic, the matching, the percentile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from made_models import model_like
from scipy import stats

from ketfc.inference.core.variance_groups import deviates
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.many_connections import t_of_many
from ketfc.inference.design.model import Model, model_of
from ketfc.inference.design.planned_tests import planned_tests
from ketfc.inference.design.samples import participant_table, sample_of
from ketfc.inference.null import matched_null as module
from ketfc.inference.null.matched_null import (
    NULL_COLUMNS,
    matched_null,
    percentile,
)
from ketfc.inference.null.sphere_pairs import (
    FEWEST,
    candidate_pairs,
    draw_circuits,
    elsewhere,
    match_circuit,
    measured_regions,
    nearest_pairs,
    region_features,
    with_features,
)
from ketfc.study.design.design import Design

EDGE = (("r0", "r1"),)
STAR = (("r0", "r1"), ("r0", "r2"), ("r3", "r1"))


@dataclass(frozen=True)
class Circuit:
    """Fields of a circuit that the tests need."""

    id: str
    edges: tuple[tuple[str, str], ...]
    regress: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """Everything that goes into a matched null."""

    connectivity: pd.DataFrame
    content: dict[str, Any]
    regions: pd.DataFrame
    spheres: pd.DataFrame
    measured: pd.DataFrame
    matrices: dict[tuple[str, str], pd.DataFrame]

    @property
    def design(self) -> Design:
        return design_of(self.content)

    def sessions(self) -> Iterator[tuple[str, str, pd.DataFrame]]:
        for (participant, role), matrix in self.matrices.items():
            yield participant, role, matrix

    def null(self, *circuits: Circuit, seed: int = 1) -> pd.DataFrame:
        return matched_null(
            self.connectivity,
            self.design,
            circuits,
            self.sessions(),
            regions=self.regions,
            spheres=self.spheres,
            measured=self.measured,
            strategy="acompcor",
            seed=seed,
        )


def places(rng: np.random.Generator, names: list[str], size: float = 60.0) -> pd.DataFrame:
    n = len(names)
    return pd.DataFrame(
        {
            **dict(zip("xyz", rng.uniform(-60, 60, (3, n)), strict=True)),
            "size": np.round(size * np.exp(0.4 * rng.standard_normal(n))) + 1,
            "tsnr": 60 + 15 * rng.standard_normal(n),
            "radius": 0.1,
        },
        index=pd.Index(names, name="region"),
    )


def make_study(
    seed: int = 0,
    *,
    edges: tuple[tuple[str, str], ...] = EDGE,
    kind: str = "parallel",
    n: int = 12,
    n_spheres: int = 60,
    effect: float = 0.0,
    period: float = 0.0,
    sites: float | None = None,
) -> Study:
    """Return a study in which connectivity is noise, but for `effect` on the circuit's edges.

    In a crossover a third had ketamine first, and everything is higher by `period` in the second
    period. At the second of two sites, where more had the control drug, everything is higher by
    `sites` at follow-up.
    """
    rng = np.random.default_rng(seed)
    people = [f"sub-{i:02d}" for i in range(n)]
    arms = {who: ("ketamine" if i % 2 else "control") for i, who in enumerate(people)}
    parallel = kind == "parallel"
    first = {who: i % 3 == 0 for i, who in enumerate(people)}
    site = {who: "B" if i % 4 in (0, 3) or i % 6 == 2 else "A" for i, who in enumerate(people)}
    names = [f"p{i:03d}" for i in range(n_spheres)]
    rows, matrices = [], {}
    for who, role in product(people, ("pre", "post")):
        z = 0.2 + 0.15 * rng.standard_normal((n_spheres, n_spheres))
        z = np.triu(z, 1) + np.triu(z, 1).T
        np.fill_diagonal(z, np.nan)
        second = kind == "crossover" and first[who] == (role == "pre")
        lift = period * second + (sites or 0.0) * (site[who] == "B" and role == "post")
        z = z + lift
        matrices[who, role] = pd.DataFrame(z, names, names)
        treated = role == "post" and (not parallel or arms[who] == "ketamine")
        value = 0.2 + 0.15 * rng.standard_normal(len(edges)).mean() + effect * treated + lift
        row = {"participant_id": who, "session": role, "role": role, "strategy": "acompcor"}
        rows.append(row | {"circuit": "c", "measure": "mean", "z": value})
    design = {
        "kind": kind,
        "baseline": "pre",
        "followup": "post",
        "sessions": {"pre": "pre", "post": "post"},
        "arms": {"ketamine": "ketamine", "control": "midazolam"} if parallel else None,
        "participants": arms if parallel else dict.fromkeys(people),
        "si": None,
        "estimand": {"change": "c", "association": "a"},
    }
    if kind == "crossover":
        design["drugs"] = {"ketamine": "ketamine", "control": "midazolam"}
        orders = {True: "ketamine-first", False: "control-first"}
        design["sequences"] = {who: orders[first[who]] for who in people}
    if sites is not None:
        values = {"site": site}
        design["covariates"] = {"site": "categorical"}
        design["terms"] = {"covariates": [], "blocks": "site", "values": values, "diagnosis": None}
    index = pd.MultiIndex.from_product([people, ["pre", "post"]])
    return Study(
        connectivity=pd.DataFrame(rows),
        content=design,
        regions=places(rng, ["r0", "r1", "r2", "r3"]),
        spheres=places(rng, names),
        measured=pd.DataFrame(True, index=index, columns=names),
        matrices=matrices,
    )


# --- the statistic -------------------------------------------------------------------------------


ARM = np.isin(np.arange(15), (0, 3, 4, 9, 13)).astype(float)
SITE = np.array([1, 0, 2, 0, 1, 0, 2, 1, 0, 1, 0, 2, 0, 1, 2])
AGE = np.array([31.0, 55, 42, 28, 60, 37, 49, 33, 51, 45, 29, 58, 40, 36, 62])
COVARIATES = {"age": AGE, "site: B": (SITE == 1) * 1.0, "site: C": (SITE == 2) * 1.0}


@pytest.mark.parametrize("covariates", [{}, COVARIATES])
@pytest.mark.parametrize("side", ["treated", "first"])
def test_it_is_the_t_of_the_test_itself_whatever_the_nuisance(rng, side, covariates):
    before, after = rng.standard_normal((2, 15, 4))
    after *= 1 + ARM[:, np.newaxis]
    about: dict[str, Any] = {side: ARM, "covariates": covariates}
    t, df = t_of_many(model_like("change", before, after, **about))
    for i in range(4):
        one = model_like("change", before[:, i], after[:, i], **about)
        theirs = evidence_of(one, alpha=0.05, permutations=9, rng=np.random.default_rng(0))
        assert (t[i], df[i]) == pytest.approx((theirs.statistic, theirs.df), rel=1e-9)
        if side == "first":
            continue
        # the coefficient of the arm, and so the sign, is that of statsmodels
        import statsmodels.api as sm

        X = sm.add_constant(np.column_stack([ARM, before[:, i], *covariates.values()]))
        assert np.sign(t[i]) == np.sign(sm.OLS(after[:, i], X).fit().params[1])


def test_a_column_that_the_others_explain_costs_no_degree_of_freedom(rng):
    before, after = rng.standard_normal((2, 15, 3))
    alone = t_of_many(model_like("change", before, after, treated=ARM))
    twice = t_of_many(
        model_like("change", before, after, treated=ARM, covariates={"all": np.full(15, 2.0)})
    )
    np.testing.assert_allclose(twice, alone, rtol=1e-9)
    # a baseline that is the same in everybody too
    before[:, 1] = 0.4
    t, df = t_of_many(model_like("change", before, after, treated=ARM))
    model = model_like("change", before[:, 1], after[:, 1], treated=ARM)
    without = replace(model, nuisance={})
    theirs = evidence_of(without, alpha=0.05, permutations=9, rng=np.random.default_rng(0))
    assert (t[1], df[1]) == pytest.approx((theirs.statistic, theirs.df))
    # a term that a covariate repeats cannot be told from it
    same = model_like("change", before, after, treated=ARM, covariates={"site": ARM})
    assert np.isnan(t_of_many(same)).all()


def test_a_group_of_one_has_no_variance_of_its_own(rng):
    y = rng.standard_normal((9, 2))
    lone = (np.arange(9) == 4).astype(float)
    model = Model(("y", y), ("lone", lone), groups=True, variance_groups=lone.astype(np.int64))
    t, df = t_of_many(model)
    theirs = stats.ttest_ind(y[lone == 1], y[lone == 0])
    np.testing.assert_allclose(t, theirs.statistic)
    assert df.tolist() == pytest.approx([7, 7])


def test_with_one_arm_it_is_the_paired_t(rng):
    before, after = rng.standard_normal((2, 9, 3))
    expected = stats.ttest_rel(after, before).statistic
    t, df = t_of_many(model_like("change", before, after))
    np.testing.assert_allclose(t, expected, rtol=1e-12)
    assert df.tolist() == pytest.approx([8, 8, 8])


def test_where_nothing_varies_there_is_no_statistic():
    flat = np.ones((8, 2))
    assert np.isnan(t_of_many(model_like("change", flat, flat))).all()
    assert np.isnan(t_of_many(model_like("change", flat, flat, treated=np.arange(8) % 2.0))).all()


def test_the_percentile_is_that_of_scipy_and_heeds_size_not_sign(rng):
    null = np.round(rng.standard_normal(500), 1)
    for value in (0.3, -0.3, 2.5, -9.0):
        expected = stats.percentileofscore(np.abs(null), abs(value), kind="mean")
        assert percentile(value, null) == pytest.approx(expected)


# --- the matching --------------------------------------------------------------------------------


def test_the_nearest_pairs_are_those_of_a_search_by_hand(rng):
    spheres = places(rng, [f"p{i}" for i in range(15)])
    pairs = candidate_pairs(spheres)
    sd_tsnr = spheres["tsnr"].std(ddof=0)
    own_size, own_tsnr, own_distance = (30.0, 80.0), (50.0, 70.0), 40.0
    distances = {
        (a, b): np.linalg.norm(spheres.iloc[a, :3] - spheres.iloc[b, :3])
        for a in range(15)
        for b in range(a + 1, 15)
    }
    sd_distance = np.std(list(distances.values()))

    def apart(pair: tuple[int, int]) -> float:
        found = []
        for ends in (pair, pair[::-1]):
            size = np.log(spheres["size"].iloc[list(ends)].to_numpy() / own_size) / np.log(1.25)
            tsnr = (spheres["tsnr"].iloc[list(ends)].to_numpy() - own_tsnr) / sd_tsnr
            found.append((size**2).mean() + (tsnr**2).mean())
        return min(found) + ((distances[pair] - own_distance) / sd_distance) ** 2

    expected = sorted(distances, key=apart)[:10]
    found = nearest_pairs(pairs, own_size, own_tsnr, own_distance, count=10)
    assert [tuple(pairs.ends[i]) for i in found] == expected


def test_which_end_comes_first_does_not_matter(rng):
    pairs = candidate_pairs(places(rng, [f"p{i}" for i in range(20)]))
    one = nearest_pairs(pairs, (20, 90), (40, 80), 50, count=30)
    other = nearest_pairs(pairs, (90, 20), (80, 40), 50, count=30)
    np.testing.assert_array_equal(one, other)


def test_pairs_where_the_edge_itself_lies_are_left_out():
    spheres = pd.DataFrame({"x": [0.0, 50, -9, 90], "y": 0.0, "z": 0.0, "size": 9, "tsnr": 50})
    spheres["radius"] = 3.0
    ends = pd.DataFrame({"x": [5.0, 45], "y": 0.0, "z": 0.0}, index=["r0", "r1"])
    left = elsewhere(candidate_pairs(spheres), spheres, ends, EDGE)
    # spheres 0 and 2 lie at one end, 1 at the other
    assert [tuple(pair) for pair in left.ends] == [(0, 2), (0, 3), (1, 3), (2, 3)]
    assert len(left.distance) == len(left.tsnr) == len(left.log_size) == 4


def test_spheres_that_overlap_are_no_pair():
    spheres = pd.DataFrame({"x": [0.0, 5, 20], "y": 0.0, "z": 0.0, "size": 9, "tsnr": 50})
    pairs = candidate_pairs(spheres.assign(radius=[3.0, 2.5, 8]))
    assert [tuple(pair) for pair in pairs.ends] == [(0, 2), (1, 2)]
    np.testing.assert_allclose(pairs.distance, [20, 15])


def test_a_single_edge_has_every_pair_of_its_pool_once():
    pool = np.array([5, 3, 9])
    drawn = draw_circuits([pool], np.random.default_rng(0))
    assert drawn.tolist() == [[5], [3], [9]]


def test_no_pair_stands_for_two_edges_of_one_circuit(rng):
    pools = [np.arange(40), np.arange(20, 60), np.arange(40)]
    drawn = draw_circuits(pools, rng)
    assert drawn.shape == (10_000, 3)
    assert (np.sort(drawn, axis=1)[:, 1:] != np.sort(drawn, axis=1)[:, :-1]).all()
    for column, pool in zip(drawn.T, pools, strict=True):
        assert set(column) == set(pool)


@pytest.mark.parametrize("edges", [EDGE, STAR])
def test_the_pairs_are_like_the_circuit(edges, rng):
    spheres = places(rng, [f"p{i:03d}" for i in range(480)])
    spheres["size"] = np.repeat([14.0, 65, 113, 268], 120) * rng.uniform(0.9, 1, 480)
    ends = places(rng, ["r0", "r1", "r2", "r3"])
    # a circuit that is unlike the average pair: small, low tSNR, short
    ends[["size", "tsnr"]] = [[14, 45], [65, 52], [14, 50], [65, 48]]
    ends[["x", "y", "z"]] = [[0, 0, 0], [40, 0, 0], [0, 35, 0], [30, 10, 20]]
    pairs = candidate_pairs(spheres)
    drawn, matching = match_circuit(pairs, ends, edges, rng)
    scales = dict(zip(("size", "tsnr", "distance"), pairs.unit, strict=True))
    everybody = {
        "size": np.log(spheres["size"]).mean(),
        "tsnr": spheres["tsnr"].mean(),
        "distance": pairs.distance.mean(),
    }
    for name, scale in scales.items():
        own, null = matching[name], matching[f"{name}_null"]
        if name == "size":
            own, null = np.log(own), np.log(null)
        apart = abs(own - null) / scale
        assert apart < 0.3, name
        assert apart < 0.4 * abs(own - everybody[name]) / scale, name
    assert matching["unmatched"] is None
    # end by end: none of the larger spheres stands for a small one
    sizes = np.sort(np.exp(pairs.log_size[drawn]), axis=-1).reshape(-1, 2)
    assert (sizes.max(axis=0) < 66).all()
    gaps = [ends.loc[a, list("xyz")] - ends.loc[b, list("xyz")] for a, b in edges]
    assert matching["distance"] == pytest.approx(np.linalg.norm(gaps, axis=1).mean())
    assert matching["distance_null"] == pytest.approx(pairs.distance[drawn].mean())


def test_what_no_pair_matches_is_named(rng):
    spheres = places(rng, [f"p{i:03d}" for i in range(80)], size=300)
    ends = places(rng, ["r0", "r1"])
    ends["size"] = [2, 3]
    ends["tsnr"] = [60, 61]
    matching = match_circuit(candidate_pairs(spheres), ends, EDGE, rng)[1]
    assert matching["unmatched"] == "size"
    assert matching["size"] == pytest.approx(6**0.5)
    assert matching["size_null"] > 100


# --- the percentile of a circuit -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("edges", "kind"), [(EDGE, "parallel"), (STAR, "single-arm"), (EDGE, "crossover")]
)
def test_without_an_effect_the_percentile_is_uniform(edges, kind, monkeypatch):
    monkeypatch.setattr("ketfc.inference.null.sphere_pairs.PSEUDO_CIRCUITS", 1000)
    found = [
        make_study(seed, edges=edges, kind=kind, n=8, n_spheres=47).null(Circuit("c", edges))
        for seed in range(120)
    ]
    ranks = np.array([table["percentile"].iloc[0] for table in found])
    assert stats.kstest(ranks, stats.uniform(0, 100).cdf).pvalue > 0.01
    assert (ranks > 95).mean() <= 0.10


@pytest.mark.parametrize("kind", ["parallel", "single-arm", "crossover"])
@pytest.mark.parametrize("edges", [EDGE, STAR])
@pytest.mark.parametrize("effect", [0.5, -0.5])
def test_a_planted_effect_stands_out(kind, edges, effect):
    for seed in range(5):
        study = make_study(seed, edges=edges, kind=kind, n=16, effect=effect)
        (row,) = study.null(Circuit("c", edges)).to_dict("records")
        assert row["percentile"] > 95
        assert np.sign(row["statistic"]) == np.sign(effect)
        assert row["n_null"] == (FEWEST if len(edges) == 1 else 10_000)


def test_a_change_of_the_whole_brain_does_not_stand_out():
    study = make_study(3, kind="single-arm", n=16, effect=0.5)
    lifted = {
        (who, role): matrix + 0.5 * (role == "post")
        for (who, role), matrix in study.matrices.items()
    }
    (row,) = replace(study, matrices=lifted).null(Circuit("c", EDGE)).to_dict("records")
    assert abs(row["statistic"]) > 4
    assert row["percentile"] < 95


@pytest.mark.parametrize("sites", [None, 0.3])
@pytest.mark.parametrize("kind", ["parallel", "single-arm", "crossover"])
def test_the_statistic_is_the_t_of_the_circuits_own_test(kind, sites):
    study = make_study(5, kind=kind, period=0.2, sites=sites)
    design, test = study.design, planned_tests(study.design)[0]
    nobody = pd.DataFrame(columns=["participant_id", "scale", "instrument", "role", "score"])
    table = participant_table(study.connectivity, nobody, design, circuit="c", strategy="acompcor")
    model = model_of(test, sample_of(table, test, design).complete, design)
    theirs = evidence_of(model, alpha=0.05, permutations=9, rng=np.random.default_rng(0))
    row = study.null(Circuit("c", EDGE)).iloc[0]
    assert (row["statistic"], row["df"]) == pytest.approx((theirs.statistic, theirs.df))
    assert (row["n"], row["n_edges"], row["n_candidates"]) == (12, 1, 60 * 59 // 2)
    assert (model.blocks is not None) == (sites is not None and kind != "single-arm")


def test_the_period_of_a_crossover_is_taken_from_circuit_and_spheres_alike():
    # eight of twelve had ketamine second: by pairs, the period would pass for the drug
    study = make_study(6, kind="crossover", period=0.6)
    (row,) = study.null(Circuit("c", EDGE)).to_dict("records")
    without = make_study(6, kind="crossover").null(Circuit("c", EDGE)).iloc[0]
    for name in ("statistic", "df", "percentile"):
        assert row[name] == pytest.approx(without[name], abs=1e-4), name


def test_a_difference_between_sites_does_not_lift_the_spheres():
    """With sites in the model, what sites do to everything changes no rank."""
    circuit = Circuit("c", EDGE)
    ours = make_study(9, sites=0.5).null(circuit).iloc[0]
    without = make_study(9, sites=0.0).null(circuit).iloc[0]
    for name in ("statistic", "df", "percentile"):
        assert ours[name] == pytest.approx(without[name], abs=1e-4), name


def test_circuits_are_ranked_by_deviates_since_degrees_of_freedom_differ(monkeypatch):
    study = make_study(4, n=10)
    t = {1: (np.array([3.0]), np.array([3.0]))}  # p = .058
    null = (np.full(FEWEST, 2.5), np.full(FEWEST, 30.0))  # p = .018
    monkeypatch.setattr(module, "t_of_many", lambda model: t.get(model.response[1].shape[1], null))
    assert abs(deviates(*t[1])[0]) < abs(deviates(*null)[0])
    row = study.null(Circuit("c", EDGE)).iloc[0]
    assert (row["statistic"], row["df"], row["percentile"]) == (3, 3, 0)


def test_the_same_seed_gives_the_same_table_in_any_order_of_rows():
    study = make_study(7, edges=STAR)
    circuit = Circuit("c", STAR)
    table = study.null(circuit)
    assert list(table.columns) == list(NULL_COLUMNS)
    order = np.random.default_rng(2)

    def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sample(frac=1, random_state=order.integers(1000))

    mixed = replace(
        study,
        connectivity=shuffled(study.connectivity),
        regions=shuffled(study.regions),
        spheres=shuffled(study.spheres),
        measured=shuffled(study.measured),
        matrices={key: matrix.iloc[::-1, ::-1] for key, matrix in reversed(study.matrices.items())},
    )
    pd.testing.assert_frame_equal(mixed.null(circuit), table)
    # another circuit beside it changes nothing; another seed does
    both = study.null(Circuit("other", EDGE), circuit)
    assert both.iloc[1].dropna().to_dict() == table.iloc[0].dropna().to_dict()
    assert study.null(circuit, seed=2)["percentile"].iloc[0] != table["percentile"].iloc[0]


# --- what is missing -----------------------------------------------------------------------------


def test_spheres_that_somebody_lacks_are_no_candidates():
    study = make_study(1)
    measured = study.measured.copy()
    measured.loc[("sub-03", "post"), ["p000", "p001", "p002"]] = False
    without = replace(study, measured=measured).null(Circuit("c", EDGE)).iloc[0]
    assert without["n_candidates"] == 57 * 56 // 2
    # of a participant who is not in the test, nothing is asked
    lost = study.connectivity["participant_id"] == "sub-03"
    connectivity = study.connectivity.assign(z=study.connectivity["z"].mask(lost))
    row = replace(study, measured=measured, connectivity=connectivity).null(Circuit("c", EDGE))
    assert (row["n"].iloc[0], row["n_candidates"].iloc[0]) == (11, 60 * 59 // 2)


def test_pseudo_circuits_with_a_gap_are_not_counted():
    study = make_study(1)
    matrices = {key: matrix.copy() for key, matrix in study.matrices.items()}
    matrices["sub-03", "post"].loc["p005"] = np.nan
    matrices["sub-03", "post"]["p005"] = np.nan
    row = replace(study, matrices=matrices).null(Circuit("c", EDGE)).iloc[0]
    assert FEWEST - 59 <= row["n_null"] < FEWEST
    assert row["reason"] == f"only {row['n_null']} pseudo-circuits were measured in everybody"
    assert np.isnan(row["percentile"])
    row = replace(study, matrices=matrices).null(Circuit("c", STAR)).iloc[0]
    assert FEWEST < row["n_null"] < 10_000
    assert row["percentile"] >= 0


@pytest.mark.parametrize(
    ("study", "circuit", "reason"),
    [
        (make_study(n_spheres=40), Circuit("c", EDGE), "780 pairs of spheres measured in every"),
        (make_study(n=4), Circuit("c", EDGE), "4 complete participants, at least 5 are needed"),
        (make_study(n=2), Circuit("c", EDGE), "the ketamine arm has one complete participant only"),
        (make_study(n=2, kind="single-arm"), Circuit("c", EDGE), "2 complete participants, at"),
        (make_study(), Circuit("c", EDGE, {"r0": ("s",)}), "its edges are semipartial"),
        (make_study(), Circuit("c", (("r0", "lost"),)), "size or tSNR of its regions is not"),
    ],
)
def test_what_cannot_be_ranked_has_a_reason_and_no_percentile(study, circuit, reason):
    (row,) = study.null(circuit).to_dict("records")
    assert row["reason"].startswith(reason)
    assert pd.isna(row["percentile"])
    assert row["n_null"] == 0


def test_a_change_that_is_the_same_in_everybody_has_no_rank():
    study = make_study(n=6, kind="single-arm")
    level = {"pre": 0.1, "post": 0.3}
    connectivity = study.connectivity.assign(z=study.connectivity["role"].map(level))
    (row,) = replace(study, connectivity=connectivity).null(Circuit("c", EDGE)).to_dict("records")
    assert row["reason"] == "the change in connectivity is the same in all 6 participants"


# --- features of regions -------------------------------------------------------------------------


def test_sizes_and_tsnr_are_means_over_the_runs_that_have_them():
    tables = [
        pd.DataFrame({"region": ["b", "a"], "n_shared": [4.0, 10], "tsnr": [30.0, 50]}),
        pd.DataFrame({"region": ["a", "b"], "n_shared": [12.0, np.nan], "tsnr": [70.0, np.nan]}),
    ]
    found = region_features(tables)
    assert found.loc["a"].tolist() == [11, 60]
    assert found.loc["b"].tolist() == [4, 30]


def test_where_regions_are_is_read_beside_their_features(tmp_path):
    path = tmp_path / "regions.tsv"
    path.write_text("region\tname\tx\ty\tz\nb\tB\t1\t2\t3\na\tA\tn/a\t5.5\t6\nc\tC\t7\t8\t9\n")
    coverage = [pd.DataFrame({"region": ["a", "b"], "n_shared": [12, 4], "tsnr": [70.0, 30]})]
    found = with_features(path, "region", ("x", "y", "z"), coverage)
    assert found.columns.tolist() == ["x", "y", "z", "size", "tsnr"]
    assert found.index.tolist() == ["b", "a", "c"]
    assert found.loc["b"].tolist() == [1, 2, 3, 4, 30]
    assert found.loc["a"].tolist() == pytest.approx([np.nan, 5.5, 6, 12, 70], nan_ok=True)
    assert found.loc["c"].isna().tolist() == [False, False, False, True, True]


def test_a_sphere_counts_as_measured_if_any_run_of_the_session_covered_it():
    runs = pd.DataFrame(
        {
            "run": ["r0", "r1", "r2", "r3", "r4"],
            "participant_id": ["sub-00", "sub-01", "sub-01", "sub-01", "sub-02"],
            "role": ["pre", "pre", "pre", "post", "pre"],
        }
    )
    table = {"region": ["a", "b", "c"]}
    coverage = {
        "r1": pd.DataFrame(table | {"coverage_shared": [0.5, 0.4, 0.0]}),
        "r2": pd.DataFrame(table | {"coverage_shared": [0.1, 0.6, 0.0]}),
        "r3": pd.DataFrame(table | {"coverage_shared": [np.nan, np.nan, np.nan]}),
    }
    found = measured_regions(runs, coverage, 0.5)
    assert found.loc[("sub-01", "pre")].tolist() == [True, True, False]
    assert found.loc[("sub-01", "post")].tolist() == [False, False, False]
    assert found.index.tolist() == [("sub-01", "pre"), ("sub-01", "post")]
    assert not measured_regions(runs, coverage, 0.0).loc[("sub-01", "pre"), "c"]


def test_the_documentation_says_that_it_is_no_p_value():
    assert "It is not a p value" in (module.__doc__ or "")
