"""Every edge: its numbers against nilearn, scipy and statsmodels, and families kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from made_design import design_of
from made_models import welch
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ketfc.inference.core.permutation import stream
from ketfc.inference.edges.edgewise import (
    EDGE_COLUMNS,
    EDGE_NUMBERS,
    Edges,
    circuit_edges,
    edge_tests,
    parcel_edges,
)

KINDS = ("single-arm", "parallel", "crossover")
SI = {"instrument": "SSI", "shape": "pre-post"}


@dataclass(frozen=True)
class Circuit:
    """Fields of a circuit that the tests need."""

    id: str
    edges: tuple[tuple[str, str], ...]
    regress: dict[str, tuple[str, ...]] = field(default_factory=dict)


def design_for(kind: str, n: int, si: dict[str, str] | None = SI) -> dict[str, Any]:
    people = [f"sub-{i:02d}" for i in range(n)]
    arms = {"ketamine": "ketamine", "control": "midazolam"}
    two = [("ketamine", "control")[i % 2] for i in range(n)]
    return {
        "kind": kind,
        "baseline": "pre",
        "followup": "post",
        "arms": arms if kind == "parallel" else None,
        "drugs": arms if kind == "crossover" else None,
        "sequences": {w: f"{first}-first" for w, first in zip(people, two, strict=True)}
        if kind == "crossover"
        else None,
        "participants": dict(zip(people, two if kind == "parallel" else [None] * n, strict=True)),
        "si": si,
        "estimand": {"change": "c", "association": "a"},
    }


def scores_of(design: dict[str, Any], rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        (who, role, "si", "SSI", "total", float(rng.integers(2, 30)))
        for who in design["participants"]
        for role in ("pre", "post")
    ]
    columns = ["participant_id", "role", "scale", "instrument", "item", "score"]
    return pd.DataFrame(rows, columns=columns)


def edges_of(
    design: dict[str, Any], count: int, rng: np.random.Generator, atlas: str = "Parcels"
) -> Edges:
    n = len(design["participants"])
    names = pd.DataFrame(
        {
            "circuit": None,
            "region_a": "a",
            "region_b": [f"b{i}" for i in range(count)],
            "network_a": None,
            "network_b": "Vis",
        }
    )
    own = rng.normal(0.3, 0.2, (n, count))
    before, after = (own + rng.normal(0, 0.1, (n, count)) for _ in range(2))
    return Edges(atlas, names, before, after)


def table_of(
    edges: Edges | list[Edges], scores: pd.DataFrame, design: dict[str, Any], m: int = 400
) -> pd.DataFrame:
    sets = edges if isinstance(edges, list) else [edges]
    about = {"strategy": "acompcor", "seed": 7, "permutations": m, "alpha": 0.05}
    return edge_tests(sets, scores, design_of(design), **about)


def wide(scores: pd.DataFrame) -> pd.DataFrame:
    return scores.pivot_table(index="participant_id", columns="role", values="score").sort_index()


def regression(design: dict[str, Any], edges: Edges, scores: pd.DataFrame, i: int, test: str):
    """Estimate, t and p of one edge by statsmodels."""
    before, after = edges.baseline[:, i], edges.followup[:, i]
    n = len(before)
    first = 1.0 - np.arange(n) % 2
    change = after - before
    si = wide(scores)
    ones = np.ones(n)
    if test == "change":
        order = 2 * first - 1
        y, *columns = {
            "single-arm": (change, ones),
            "parallel": (after, first, ones, before),
            "crossover": (change * order, order, ones),
        }[design["kind"]]
    elif design["kind"] == "crossover":
        y, columns = (si["post"] - si["pre"]).to_numpy(), [change, ones, first]
    else:
        y, columns = si["post"].to_numpy(), [change, ones, si["pre"].to_numpy()]
        if design["kind"] == "parallel":
            columns.append(first)
    if test == "association":
        y, *columns = (stats.rankdata(column) for column in (y, *columns))
    fit = sm.OLS(y, np.column_stack(columns)).fit()
    classical = fit.tvalues[0]
    # of ranks the partial correlation
    estimate = classical / np.sqrt(classical**2 + fit.df_resid)
    t, _, p = welch(fit, 0, ones if design["kind"] == "single-arm" else first)
    return estimate if test == "association" else fit.params[0], t, p


@pytest.mark.parametrize("kind", KINDS)
def test_every_edge_has_the_numbers_of_statsmodels(kind, rng):
    design = design_for(kind, 14)
    scores, edges = scores_of(design, rng), edges_of(design, 5, rng)
    table = table_of(edges, scores, design)
    assert list(table.columns) == list(EDGE_COLUMNS)
    for row in table.to_dict("records"):
        i = int(row["region_b"][1:])
        expected = regression(design, edges, scores, i, row["test"])
        found = (row["estimate"], row["statistic"], row["p_parametric"])
        assert found == pytest.approx(expected, rel=1e-8), row
        assert row["n"] == 14


def test_the_change_in_one_arm_is_that_of_scipy_and_all_its_sign_flips(rng):
    design = design_for("single-arm", 8)
    edges = edges_of(design, 3, rng)
    table = table_of(edges, scores_of(design, rng), design)
    change = edges.followup - edges.baseline
    exact = stats.permutation_test(
        (change,), lambda x, axis: np.mean(x, axis=axis), permutation_type="samples", axis=0
    )
    found = table[table["test"] == "change"]
    assert found["p_permutation"].tolist() == pytest.approx(exact.pvalue.tolist())
    expected = stats.ttest_1samp(change, 0)
    assert found["statistic"].tolist() == pytest.approx(expected.statistic.tolist())
    assert found["p_parametric"].tolist() == pytest.approx(expected.pvalue.tolist())
    assert set(found["permutations"]) == {256}


def test_two_arms_agree_with_nilearns_permuted_ols(rng):
    from nilearn.mass_univariate import permuted_ols

    design = design_for("parallel", 24, si=None)
    edges = edges_of(design, 40, rng)
    # nilearn takes one set of confounds for all targets: here all edges have one baseline
    edges.baseline[:] = edges.baseline[:, :1]
    edges.followup[0::2, 0] += 0.25
    arm = 1.0 - np.arange(24) % 2
    theirs = permuted_ols(
        arm[:, None],
        edges.followup,
        confounding_vars=edges.baseline[:, :1],
        n_perm=4000,
        random_state=1,
        output_type="dict",
    )
    ours = table_of(edges, scores_of(design, rng), design, m=4000)
    p_fwer = 10.0 ** -theirs["logp_max_t"][0]
    assert ours["p_fwer"].tolist() == pytest.approx(p_fwer.tolist(), abs=0.03)
    assert ours["p_fwer"].iloc[0] < 0.05


def test_false_discovery_rates_are_statsmodels_within_each_family_alone(rng):
    design = design_for("parallel", 20)
    scores = scores_of(design, rng)
    sets = [edges_of(design, 30, rng), edges_of(design, 6, rng, atlas="Circuits")]
    table = table_of(sets, scores, design)
    families = [
        "edges-change-Parcels",
        "edges-association-Parcels",
        "edges-change-Circuits",
        "edges-association-Circuits",
    ]
    assert list(dict.fromkeys(table["family"])) == families
    for _, family in table.groupby("family"):
        expected = multipletests(family["p_permutation"], method="fdr_bh")[1]
        assert family["p_fdr"].tolist() == pytest.approx(expected.tolist())
        assert (family["p_fwer"] >= family["p_permutation"]).all()
    # whatever else is tested beside it
    for part, atlas in zip(sets, ("Parcels", "Circuits"), strict=True):
        alone = table_of(part, scores, design)
        together = table[table["atlas"] == atlas].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, together)


def test_edges_that_few_permutations_reach_get_finer_p_values(rng):
    design = design_for("single-arm", 30, si=None)
    edges = edges_of(design, 300, rng)
    edges.followup[:, 0] += 0.25
    table = table_of(edges, scores_of(design, rng), design, m=200)
    # with 200 permutations alone, no single edge of 300 could have a smaller p than 1/201
    assert table["p_fdr"].iloc[0] < 0.05
    assert table["permutations"].iloc[0] >= 300 / 0.05
    settled = table["permutations"] == 200
    assert settled.mean() > 0.8
    reached = table["p_permutation"] * (table["permutations"].astype(float) + 1) - 1
    assert (reached[settled] >= 10).all()
    assert reached.tolist() == pytest.approx(reached.round().tolist(), abs=1e-6)
    log_ratio = np.log10(table["p_permutation"] / table["p_parametric"])[1:]
    assert log_ratio.abs().max() < 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_planted_edges_are_found_and_others_are_not(kind):
    rng = np.random.default_rng(5)
    design = design_for(kind, 30)
    scores, edges = scores_of(design, rng), edges_of(design, 200, rng)
    arm = 1.0 - np.arange(30) % 2 if kind == "parallel" else np.ones(30)
    edges.followup[:, :6] += 0.35 * arm[:, None]
    si = wide(scores)
    fall = (si["pre"] - si["post"]).to_numpy()
    edges.followup[:, 10:14] += 0.05 * (fall - fall.mean())[:, None]
    table = table_of(edges, scores, design, m=2000)
    found = {
        test: set(rows.loc[rows["p_fdr"] < 0.05, "region_b"])
        for test, rows in table.groupby("test")
    }
    assert {f"b{i}" for i in range(6)} <= found["change"]
    assert {f"b{i}" for i in range(10, 14)} <= found["association"]
    assert len(found["change"]) <= 8
    assert len(found["association"]) <= 6


def test_what_cannot_be_tested_has_a_reason_and_is_no_part_of_its_family(rng):
    design = design_for("parallel", 12)
    edges = edges_of(design, 8, rng)
    edges.followup[:, 0] = np.nan
    edges.baseline[0::2, 1] = np.nan
    edges.baseline[2::2, 2] = np.nan
    edges.baseline[:, 3] = edges.followup[:, 3] = 0.25
    edges.baseline[3, 4] = np.nan
    table = table_of(edges, scores_of(design, rng), design)
    change = table[table["test"] == "change"]
    reasons = ["not-measured", "too-few", "too-few", "constant", None, None, None, None]
    assert [None if pd.isna(why) else why for why in change["reason"]] == reasons
    assert change["n"].tolist() == [0, 6, 7, 12, 11, 12, 12, 12]
    numbers = [name for name in EDGE_NUMBERS if name != "n"]
    assert change[numbers].isna().all(axis=1).tolist() == [why is not None for why in reasons]
    expected = multipletests(change["p_permutation"].iloc[4:], method="fdr_bh")[1]
    assert change["p_fdr"].iloc[4:].tolist() == pytest.approx(expected.tolist())


def test_participants_without_score_are_in_the_change_alone(rng):
    design = design_for("single-arm", 12)
    scores = scores_of(design, rng)
    scores.loc[(scores["participant_id"] == "sub-03") & (scores["role"] == "post"), "score"] = None
    edges = edges_of(design, 3, rng)
    edges.followup[5] = np.nan
    table = table_of(edges, scores, design)
    assert table.groupby("test")["n"].unique().map(list).to_dict() == {
        "change": [11],
        "association": [10],
    }


def test_without_a_score_there_is_no_association(rng):
    design = design_for("single-arm", 10, si=None)
    table = table_of(edges_of(design, 3, rng), scores_of(design, rng), design)
    assert set(table["test"]) == {"change"}


@pytest.mark.parametrize(
    ("kind", "n", "reason"),
    [
        ("single-arm", 2, "too-few"),
        ("parallel", 3, "too-few"),
        ("parallel", 1, "too-few"),
        ("crossover", 3, "too-few"),
        ("parallel", 0, "not-measured"),
    ],
)
def test_too_small_a_study_has_rows_without_numbers(kind, n, reason, rng):
    design = design_for(kind, n)
    scores = scores_of(design, rng)
    table = table_of(edges_of(design, 4, rng), scores, design)
    assert len(table) == 8
    assert table["p_permutation"].isna().all()
    assert set(table.loc[table["test"] == "change", "reason"]) == {reason}


def test_the_same_seed_gives_the_same_table_and_another_one_others(rng):
    design = design_for("parallel", 16)
    scores, edges = scores_of(design, rng), edges_of(design, 10, rng)
    once, again = table_of(edges, scores, design), table_of(edges, scores, design)
    pd.testing.assert_frame_equal(once, again)
    about = {"strategy": "acompcor", "permutations": 400, "alpha": 0.05}
    other = edge_tests([edges], scores, design_of(design), seed=8, **about)
    assert (other["p_permutation"] != once["p_permutation"]).any()
    assert other["statistic"].tolist() == once["statistic"].tolist()


def sessions(design: dict[str, Any], names: list[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for i, who in enumerate(reversed(list(design["participants"]))):
        for j, role in enumerate(("pre", "other", "post")):
            z = np.add.outer(np.arange(3.0), np.arange(3.0)) + 10 * i + 100 * j
            # the axes of a file may have another order than the label table
            yield who, role, pd.DataFrame(z, names, names).loc[names[::-1], names[::-1]]


def test_edges_of_a_parcellation_are_its_upper_triangle_by_participant():
    design = design_for("single-arm", 2)
    parcels = pd.DataFrame({"name": ["x", "y", "w"], "network": ["Vis", None, "Vis"]})
    edges = parcel_edges(
        sessions(design, ["x", "y", "w"]), design_of(design), parcels, atlas="Three"
    )
    pairs = list(zip(edges.names["region_a"], edges.names["region_b"], strict=True))
    assert pairs == [("x", "y"), ("x", "w"), ("y", "w")]
    assert edges.names["network_b"].fillna("none").tolist() == ["none", "Vis", "Vis"]
    assert edges.baseline.tolist() == [[11, 12, 13], [1, 2, 3]]
    assert edges.followup.tolist() == [[211, 212, 213], [201, 202, 203]]


def test_a_pair_that_two_circuits_share_is_an_edge_once_and_a_semipartial_one_its_own():
    design = design_for("single-arm", 2)
    circuits = [
        Circuit("one", (("a", "b"), ("a", "c"))),
        Circuit("two", (("b", "a"), ("b", "c"))),
        Circuit("part", (("a", "b"),), {"a": ("c",)}),
    ]
    rows = [
        (who, role, strategy, circuit.id, "edge", *edge, 1.0 * k + i)
        for k, (role, strategy) in enumerate(
            [("pre", "x"), ("post", "x"), ("pre", "y"), ("post", "y")]
        )
        for who in design["participants"]
        for circuit in circuits
        for i, edge in enumerate(circuit.edges)
    ]
    columns = ["participant_id", "role", "strategy", "circuit", "measure"]
    table = pd.DataFrame(rows, columns=[*columns, "region_a", "region_b", "z"])
    edges = circuit_edges(table, design_of(design), circuits, strategy="y")
    named = edges.names[["circuit", "region_a", "region_b"]].to_numpy().tolist()
    assert named == [["one", "a", "b"], ["one", "a", "c"], ["two", "b", "c"], ["part", "a", "b"]]
    assert edges.baseline.tolist() == [[2, 3, 3, 2]] * 2
    assert edges.followup.tolist() == [[3, 4, 4, 3]] * 2
    nothing = circuit_edges(table.head(0), design_of(design), circuits, strategy="y")
    assert np.isnan(nothing.baseline).all()


@pytest.mark.parametrize("kind", KINDS)
def test_null_families_rarely_have_a_survivor(kind):
    studies, any_fdr, any_fwer, below = 30, 0, 0, 0
    for i in range(studies):
        rng = stream(i, f"null/{kind}")
        design = design_for(kind, 12)
        table = table_of(edges_of(design, 20, rng), scores_of(design, rng), design, m=199)
        for _, family in table.groupby("family"):
            any_fdr += (family["p_fdr"] < 0.05).any()
            any_fwer += (family["p_fwer"] <= 0.05).any()
            below += (family["p_permutation"] <= 0.05).sum()
    families = 2 * studies
    # edges of a family share scores and orders, so the band of all edges is wide
    _, high = stats.binom.interval(0.999, families, 0.05)
    assert any_fwer <= high
    assert any_fdr <= high
    assert 0.02 < below / (20 * families) < 0.08


def test_edges_are_adjusted_for_covariates_and_who_lacks_one_is_in_no_arrangement():
    rng = np.random.default_rng(31)
    design = design_for("parallel", 21)
    people = sorted(design["participants"])
    age: list[float | None] = rng.normal(40, 9, 21).tolist()
    age[4] = None
    site = ["ABC"[i // 2 % 3] for i in range(21)]
    design |= {
        "covariates": {"age": "numeric", "site": "categorical"},
        "terms": {
            "covariates": ["age"],
            "blocks": "site",
            "values": {
                "age": dict(zip(people, age, strict=True)),
                "site": dict(zip(people, site, strict=True)),
            },
            "diagnosis": None,
        },
    }
    scores, edges = scores_of(design, rng), edges_of(design, 3, rng)
    table = table_of(edges, scores, design)
    assert (table["n"] == 20).all()
    kept = np.arange(21) != 4
    si, treated = wide(scores), 1.0 - np.arange(21) % 2
    others = np.column_stack(
        [np.ones(21), [a or 0.0 for a in age], [s == "B" for s in site], [s == "C" for s in site]]
    )
    for i in range(3):
        before, after = edges.baseline[:, i], edges.followup[:, i]
        models = {
            "change": (after, [treated, before]),
            "association": (si["post"].to_numpy(), [after - before, si["pre"], treated]),
        }
        for test, (y, columns) in models.items():
            y, X = y[kept], np.column_stack([*columns, others])[kept]
            if test == "association":
                y, X = stats.rankdata(y), stats.rankdata(X, axis=0)
            fit = sm.OLS(y, X).fit()
            row = table[table["test"] == test].iloc[i]
            found = tuple(row[["statistic", "df", "p_parametric"]])
            assert found == pytest.approx(welch(fit, 0, treated[kept]))
            if test == "change":
                assert row["estimate"] == pytest.approx(fit.params[0])
