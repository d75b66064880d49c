"""QC–FC over edges: against scipy, with holes, and what it costs in memory."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from scipy import stats

from ketfc.inference.motion import qcfc as module
from ketfc.inference.motion.qcfc import CHANGE, CURVE_COLUMNS, QCFC_COLUMNS, edge_correlations, qcfc

REGIONS = [f"r{i}" for i in range(12)]
EDGES = np.triu_indices(len(REGIONS), 1)
PEOPLE = [f"sub-{i:02d}" for i in range(14)]
DESIGN = design_of(
    {
        "baseline": "pre",
        "followup": "post",
        "participants": dict.fromkeys(PEOPLE, None),
    }
)


@pytest.fixture
def centres() -> pd.DataFrame:
    places = np.random.default_rng(1).normal(0, 40, (len(REGIONS), 3))
    return pd.DataFrame(places, index=REGIONS, columns=["x", "y", "z"])


@pytest.fixture
def quality() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    rows = [
        (f"{who}_{role}", who, role, "ok", 200, fd, 10)
        for who in PEOPLE
        for role, fd in zip(("pre", "post"), rng.gamma(4, 0.04, 2), strict=True)
    ]
    columns = ["run", "participant_id", "role", "status", "n_volumes", "mean_fd", "n_censored"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def matrices() -> dict[tuple[str, str], pd.DataFrame]:
    rng = np.random.default_rng(3)
    made = {}
    for who in PEOPLE:
        for role in ("pre", "post"):
            z = rng.normal(0.3, 0.2, (len(REGIONS), len(REGIONS)))
            made[who, role] = pd.DataFrame((z + z.T) / 2, REGIONS, REGIONS)
    # a region that one participant lacks, and one that most do
    made[PEOPLE[0], "pre"].loc["r3"] = made[PEOPLE[0], "pre"].loc[:, "r3"] = np.nan
    for who in PEOPLE[:10]:
        made[who, "post"].loc["r5"] = made[who, "post"].loc[:, "r5"] = np.nan
    return made


def run(matrices, quality, centres, design=DESIGN):
    sessions = [(who, role, matrix) for (who, role), matrix in matrices.items()]
    left = {run: 190.0 - i // 2 for i, run in enumerate(quality["run"].unique())}
    return qcfc(
        sessions, quality, design, centres, left, atlas="Blocks", strategy="24P", alpha=0.05
    )


def test_strategies_are_read_from_their_matrices_one_after_the_other(
    tmp_path, matrices, quality, centres
):
    runs = quality[["run", "participant_id", "role"]].assign(session=quality["role"])
    files: dict[str, dict[str, tuple[str, str]]] = {"24P": {}, "36P": {}}
    for i, name in enumerate(quality["run"]):
        who, role = name.split("_")
        for strategy, own in files.items():
            turned = matrices[who, role] * (1 if strategy == "24P" else -0.5)
            paths = tmp_path / f"{name}_{strategy}.tsv", tmp_path / f"{name}_{strategy}.json"
            np.tanh(turned).to_csv(paths[0], sep="\t", index_label="Node", na_rep="n/a")
            # one run could not be cleaned by the second strategy
            lost = strategy == "36P" and i == 3
            about = {"DegreesOfFreedom": 190.0 - i // 2 - 30 * (strategy == "36P")}
            about["Excluded"] = "too few volumes" if lost else None
            paths[1].write_text(json.dumps(about))
            own[name] = (str(paths[0]), str(paths[1]))
    summary, curves = module.qcfc_of_strategies(
        runs, quality, DESIGN, centres, files, atlas="Blocks", alpha=0.05
    )
    assert summary["strategy"].tolist() == ["24P"] * 3 + ["36P"] * 3
    assert list(dict.fromkeys(curves["strategy"])) == ["24P", "36P"]
    assert summary.index.tolist() == list(range(6))
    left = {name: 190.0 - i // 2 for i, name in enumerate(quality["run"])}
    for strategy, sign in (("24P", 1), ("36P", -0.5)):
        sessions = [(who, role, sign * matrix) for (who, role), matrix in matrices.items()]
        tdof = {run: dof - 30 * (sign < 0) for run, dof in left.items()}
        if sign < 0:
            del tdof[quality["run"].iloc[3]]
        expected, _ = qcfc(
            sessions, quality, DESIGN, centres, tdof, atlas="Blocks", strategy=strategy, alpha=0.05
        )
        found = summary[summary["strategy"] == strategy].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected, rtol=1e-5)


def one_by_one(matrices, quality, role) -> list[tuple[int, float, float]]:
    """Return n, r and p of every edge from scipy."""
    fd = quality.set_index(["participant_id", "role"])["mean_fd"]
    found = []
    for i, j in zip(*EDGES, strict=True):
        x, y = [], []
        for who in PEOPLE:
            pre, post = (matrices[who, time].iloc[i, j] for time in ("pre", "post"))
            z = {"pre": pre, "post": post, CHANGE: post - pre}[role]
            moved = fd[who, "post"] - fd[who, "pre"] if role == CHANGE else fd[who, role]
            if np.isfinite(z):
                x.append(moved)
                y.append(z)
        r, p = stats.pearsonr(x, y) if len(x) >= 5 else (np.nan, np.nan)
        found.append((len(x), r, p))
    return found


@pytest.mark.parametrize("role", ["pre", "post", CHANGE])
def test_every_number_is_scipys(matrices, quality, centres, role):
    table, _ = run(matrices, quality, centres)
    assert tuple(table.columns) == QCFC_COLUMNS
    row = table.set_index("role").loc[role]
    n, r, p = (
        np.array(column) for column in zip(*one_by_one(matrices, quality, role), strict=True)
    )
    known = np.isfinite(r)
    assert known.sum() == row["n_edges"] == (66 if role == "pre" else 55)
    assert row["n"] == 14
    assert row["median_abs_r"] == pytest.approx(np.median(np.abs(r[known])), abs=1e-6)
    assert row["share_significant"] == (p[known] < 0.05).mean()
    places = centres.to_numpy()
    distance = np.linalg.norm(places[EDGES[0]] - places[EDGES[1]], axis=1)
    rho = stats.spearmanr(r[known], distance[known]).statistic
    assert row["distance_rho"] == pytest.approx(rho, abs=1e-6)
    # |t| of the middle of half a t distribution, as r
    t = stats.t.ppf(0.75, n[known] - 2)
    expected = np.median(t / np.sqrt(t**2 + n[known] - 2))
    assert row["median_abs_r_expected"] == pytest.approx(expected)
    assert row["share_expected"] == 0.05
    assert row["reason"] is None or np.isnan(row["reason"])


def test_degrees_of_freedom_are_means_over_the_sessions(matrices, quality, centres):
    table = run(matrices, quality, centres)[0].set_index("role")
    assert table.loc["pre", "tdof_mean"] == pytest.approx(190 - np.mean(range(14)))
    assert (table["tdof_mean"] + table["tdof_lost_mean"]).tolist() == pytest.approx([200] * 3)
    # the runs of a session add up
    twice = pd.concat([quality, quality])
    table = run(matrices, twice, centres)[0]
    assert (table["tdof_mean"] + table["tdof_lost_mean"]).tolist() == pytest.approx([400] * 3)


def test_edges_without_any_relation_are_as_expected_and_related_ones_are_not():
    rng = np.random.default_rng(4)
    motion = rng.gamma(4, 0.04, 20)
    values = rng.normal(0.3, 0.1, (20, 4000))
    edges = edge_correlations(values, motion)
    summary = module._summary(edges, np.full(4000, np.nan), 0.05)
    assert summary["share_significant"] == pytest.approx(0.05, abs=0.015)
    assert summary["median_abs_r"] == pytest.approx(summary["median_abs_r_expected"], rel=0.05)
    assert np.isnan(summary["distance_rho"])
    touched = edge_correlations(values + motion[:, np.newaxis], motion)
    summary = module._summary(touched, np.full(4000, np.nan), 0.05)
    assert summary["share_significant"] > 0.5
    assert summary["median_abs_r"] > 1.5 * summary["median_abs_r_expected"]


def test_many_edges_are_the_same_in_parts(monkeypatch):
    rng = np.random.default_rng(5)
    values, motion = rng.normal(size=(9, 50)), rng.normal(size=9)
    values[rng.random(values.shape) < 0.2] = np.nan
    whole = edge_correlations(values, motion)
    monkeypatch.setattr(module, "_CHUNK", 7)
    parts = edge_correlations(values, motion)
    for name in ("r", "n", "p"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-9)


def test_some_people_are_chosen_without_a_copy_of_all():
    rng = np.random.default_rng(6)
    values, motion = rng.normal(size=(9, 50)), rng.normal(size=9)
    people = np.arange(9) % 3 > 0
    chosen = edge_correlations(values, motion, people)
    alone = edge_correlations(values[people], motion[people])
    for name in ("r", "n", "p"):
        np.testing.assert_array_equal(getattr(chosen, name), getattr(alone, name))


def test_what_does_not_vary_has_no_correlation():
    motion = np.arange(6.0)
    values = np.column_stack([np.full(6, 0.3), np.arange(6.0)])
    assert np.isnan(edge_correlations(values, motion).r).tolist() == [True, False]
    assert np.isnan(edge_correlations(values, np.full(6, 0.1)).r).all()


def test_too_few_participants_have_a_row_with_the_reason(matrices, quality, centres):
    few = {key: matrix for key, matrix in matrices.items() if key[0] < "sub-04"}
    table, curves = run(few, quality, centres)
    assert table["n"].tolist() == [4] * 3
    assert table["median_abs_r"].isna().all()
    assert table["reason"].str.contains("4 participants").all()
    assert curves.empty
    assert tuple(curves.columns) == CURVE_COLUMNS
    assert len(run({}, quality, centres)[0]) == 3


def test_sessions_and_people_outside_the_design_do_not_count(matrices, quality, centres):
    expected = run(matrices, quality, centres)[0]
    more = matrices | {("sub-99", "pre"): matrices[PEOPLE[1], "pre"] + 9}
    more |= {(PEOPLE[1], "late"): matrices[PEOPLE[1], "pre"] + 9}
    pd.testing.assert_frame_equal(run(more, quality, centres)[0], expected)


def test_curves_are_a_density_and_medians_by_distance(matrices, quality, centres):
    _, curves = run(matrices, quality, centres)
    density = curves[(curves["kind"] == "density") & (curves["role"] == "pre")]
    assert (density["y"] * 0.05).sum() == pytest.approx(1)
    assert (density["expected"] * 0.05).sum() == pytest.approx(1)
    # of bins 0.05 wide, at their middles
    assert density["x"].tolist() == pytest.approx(np.arange(-0.975, 1, 0.05).tolist())
    bins = curves[(curves["kind"] == "distance") & (curves["role"] == "pre")]
    assert (bins["low"] <= bins["y"]).all()
    assert (bins["y"] <= bins["high"]).all()
    assert bins["x"].is_monotonic_increasing
    points = curves[(curves["kind"] == "point") & (curves["role"] == "pre")]
    assert len(points) == 66


# --- given arm, order and site -------------------------------------------------------------------

TREATED = np.isin(np.arange(14), (0, 1, 4, 6, 11))
SITES = ["B", "A", "C", "A", "B", "A", "C", "B", "A", "B", "A", "C", "A", "B"]


def design_like(kind: str, *, sites: list[str | None] | None = None):
    """Five of fourteen had ketamine, or had it first; sites lie between one another."""
    labels = {"ketamine": "ketamine", "control": "midazolam"}
    content = {"kind": kind, "baseline": "pre", "followup": "post"}
    if kind == "parallel":
        arms = ["ketamine" if treated else "control" for treated in TREATED]
        content |= {"arms": labels, "participants": dict(zip(PEOPLE, arms, strict=True))}
    else:
        orders = ["ketamine-first" if first else "control-first" for first in TREATED]
        content |= {"drugs": labels, "sequences": dict(zip(PEOPLE, orders, strict=True))}
        content |= {"participants": dict.fromkeys(PEOPLE)}
    if sites is not None:
        values = {"site": dict(zip(PEOPLE, sites, strict=True))}
        content["covariates"] = {"site": "categorical"}
        content["terms"] = {"covariates": [], "blocks": "site", "values": values, "diagnosis": None}
    return design_of(content)


@pytest.mark.parametrize("sites", [None, SITES])
@pytest.mark.parametrize("kind", ["parallel", "crossover"])
@pytest.mark.parametrize("role", ["pre", CHANGE])
def test_arm_order_and_site_are_partialled_out_as_statsmodels_does(
    matrices, quality, centres, role, kind, sites
):
    import statsmodels.api as sm

    table, _ = run(matrices, quality, centres, design_like(kind, sites=sites))
    row = table.set_index("role").loc[role]
    fd = quality.pivot_table(index="participant_id", columns="role", values="mean_fd")
    given = pd.DataFrame({"side": TREATED.astype(float)}, PEOPLE)
    if sites:
        given["b"], given["c"] = ([float(site == of) for site in sites] for of in "BC")
    t, p, df = [], [], []
    for i, j in zip(*EDGES, strict=True):
        z = {time: [matrices[who, time].iloc[i, j] for who in PEOPLE] for time in ("pre", "post")}
        y = np.array(z["pre"]) if role == "pre" else np.subtract(z["post"], z["pre"])
        moved = fd["pre"] if role == "pre" else fd["post"] - fd["pre"]
        has = np.isfinite(y)
        X = sm.add_constant(given.assign(moved=moved)[has], has_constant="add")
        free = has.sum() - np.linalg.matrix_rank(X)
        if free >= 3:
            fit = sm.OLS(y[has], X).fit()
            t.append(abs(fit.tvalues["moved"]))
            p.append(fit.pvalues["moved"])
            df.append(fit.df_resid)
    r = np.array(t) / np.sqrt(np.square(t) + df)
    assert row["n_edges"] == len(p) >= 55
    assert row["share_significant"] == (np.array(p) < 0.05).mean()
    assert row["median_abs_r"] == pytest.approx(np.median(r), abs=1e-6)
    assert row["df"] == np.median(df)
    middle = stats.t.ppf(0.75, np.array(df))
    expected = np.median(middle / np.sqrt(middle**2 + df))
    assert row["median_abs_r_expected"] == pytest.approx(expected)
    side = {"parallel": "arm", "crossover": "the order of the drugs"}[kind]
    assert row["adjusted_for"] == (f"{side};site" if sites else side)


def test_who_has_no_arm_or_no_site_does_not_enter(matrices, quality, centres):
    sites = [None, *SITES[1:]]
    table = run(matrices, quality, centres, design_like("parallel", sites=sites))[0]
    assert (table["n"] == 13).all()
    design = design_like("parallel")
    design.participants[PEOPLE[3]] = None
    assert (run(matrices, quality, centres, design)[0]["n"] == 13).all()
    quality.loc[quality["participant_id"].isin(PEOPLE[:8]), "mean_fd"] = np.nan
    few = run(matrices, quality, centres, design_like("parallel", sites=SITES))[0]
    assert few["reason"].tolist() == ["6 participants have mean FD and a matrix, 8 are needed"] * 3


@pytest.mark.parametrize("pooled", [True, False])
def test_a_drug_that_moves_both_makes_no_relation(pooled):
    rng = np.random.default_rng(11)
    shares = []
    for _ in range(40):
        treated = np.repeat([1.0, 0.0], 20)
        motion = 0.1 * rng.normal(size=40) + 0.1 * treated
        values = rng.normal(0, 0.2, (40, 500))
        values[:, :250] += 0.2 * treated[:, np.newaxis]
        given = None if pooled else treated[:, np.newaxis]
        shares.append((edge_correlations(values, motion, nuisance=given).p < 0.05).mean())
    if pooled:
        assert np.mean(shares) > 0.12
    else:
        assert np.mean(shares) == pytest.approx(0.05, abs=0.012)
