"""From runs to sessions: weights, exclusions and order, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from made_runs import CIRCUITS, REGIONS, REGISTRY, SPACE

from ketfc.base.files import write_json, write_tsv
from ketfc.imaging.group.sessions import (
    COLUMNS,
    combine_runs,
    read_circuits,
    region_table,
    session_fisher_z,
    session_matrices,
)
from ketfc.imaging.regions.definitions import AtlasLabels
from ketfc.imaging.regions.placing import region_centres
from ketfc.imaging.run.connectivity import circuit_rows

IDS = [region.id for region in REGIONS]
STRATEGIES = ["24P", "acompcor"]


def runs_table(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["run", "participant_id", "session", "role"])
    return table.assign(arm="ketamine", status="ok", reason=None)


RUNS = runs_table(
    ("r1", "sub-01", "b0", "pre"),
    ("r2", "sub-01", "b0", "pre"),
    ("r3", "sub-01", "d2", "post"),
    ("r4", "sub-02", "b0", "pre"),
)


def matrix(seed: int, missing: str = "") -> pd.DataFrame:
    r = pd.DataFrame(
        np.corrcoef(np.random.default_rng(seed).standard_normal((4, 12))), index=IDS, columns=IDS
    )
    for region in missing:
        r.loc[region] = r[region] = np.nan
    return r


def circuits(run: str, r: pd.DataFrame, tdof: float, *, n: int = 100, cover=(1, 1, 1, 1)):
    """Return one run's rows as `read_circuits` gives them, alike for both strategies."""
    coverage = pd.Series(dict(zip(IDS, cover, strict=True)), dtype=float)
    tables = [
        circuit_rows(r, CIRCUITS, coverage).assign(strategy=name, n_volumes=n, tdof=tdof)
        for name in STRATEGIES
    ]
    who = RUNS[RUNS["run"] == run].iloc[0]
    keys = ("participant_id", "session", "role")
    return pd.concat(tables).assign(**{key: who[key] for key in keys})


def edge(table: pd.DataFrame, a: str, b: str, circuit: str = "within", **who) -> pd.Series:
    found = table[(table["circuit"] == circuit) & (table["strategy"] == "24P")]
    found = found[(found["region_a"] == a) & (found["region_b"] == b)]
    for key, value in ({"participant_id": "sub-01", "session": "b0"} | who).items():
        found = found[found[key] == value]
    assert len(found) == 1
    return found.iloc[0]


def mean(table: pd.DataFrame, circuit: str, participant: str, session: str) -> pd.Series:
    rows = table[(table["measure"] == "mean") & (table["strategy"] == "24P")]
    rows = rows[(rows["circuit"] == circuit) & (rows["participant_id"] == participant)]
    return rows[rows["session"] == session].iloc[0]


def test_runs_of_a_session_count_by_their_degrees_of_freedom():
    one, two = matrix(1), matrix(2)
    table = combine_runs(
        [
            circuits("r1", one, 30.0, n=90, cover=(1, 0.5, 1, 1)),
            circuits("r2", two, 60.0, n=150, cover=(1, 0.8, 1, 1)),
        ],
        REGISTRY,
        RUNS,
        STRATEGIES,
    )
    row = edge(table, "a", "b")
    z = (30 * np.arctanh(one.loc["a", "b"]) + 60 * np.arctanh(two.loc["a", "b"])) / 90
    assert row["z"] == pytest.approx(z)
    assert row["r"] == pytest.approx(np.tanh(z))
    assert (row["n_volumes"], row["tdof"]) == (240, 90)
    assert row["coverage_b"] == pytest.approx((30 * 0.5 + 60 * 0.8) / 90)
    whole = mean(table, "within", "sub-01", "b0")
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    by_hand = [(30 * np.arctanh(one.loc[p]) + 60 * np.arctanh(two.loc[p])) / 90 for p in pairs]
    assert whole["z"] == pytest.approx(np.mean(by_hand))
    assert (whole["n_volumes"], whole["tdof"]) == (240, 90)
    assert whole[["region_a", "region_b", "coverage_a", "coverage_b"]].isna().all()


def test_a_run_without_a_value_does_not_count():
    one, lost = matrix(1), matrix(2, missing="c")
    table = combine_runs(
        [circuits("r1", one, 30.0), circuits("r2", lost, 60.0, cover=(1, 1, 0.1, 1))],
        REGISTRY,
        RUNS,
        STRATEGIES,
    )
    gone = edge(table, "a", "c")
    assert gone["z"] == pytest.approx(np.arctanh(one.loc["a", "c"]))
    assert (gone["n_volumes"], gone["tdof"], gone["coverage_b"]) == (100, 30, 1)
    assert edge(table, "a", "b")["tdof"] == 90
    # the mean stands on the edge that stands on least
    assert mean(table, "within", "sub-01", "b0")["tdof"] == 30


def test_a_region_missing_in_every_run_leaves_its_edges_and_circuits_missing():
    lost = matrix(2, missing="d")
    table = combine_runs(
        [circuits("r3", lost, 50.0, cover=(1, 1, 1, 0.2))], REGISTRY, RUNS, STRATEGIES
    )
    row = edge(table, "a", "d", "between", session="d2")
    assert np.isnan(row["z"])
    assert np.isnan(row["r"])
    assert (row["n_volumes"], row["tdof"], row["coverage_b"]) == (0, 0, 0.2)
    assert np.isnan(mean(table, "between", "sub-01", "d2")["z"])
    assert np.isfinite(mean(table, "within", "sub-01", "d2")["z"])


def test_every_planned_session_has_its_rows_whatever_became_of_it():
    excluded = circuits("r4", matrix(1, missing="abcd"), 0.0, n=0, cover=(np.nan,) * 4)
    table = combine_runs([circuits("r1", matrix(1), 30.0), excluded], REGISTRY, RUNS, STRATEGIES)
    assert tuple(table.columns) == COLUMNS
    per_strategy = sum(len(circuit.edges) + 1 for circuit in CIRCUITS)
    counts = table.groupby(["participant_id", "session", "strategy"]).size()
    assert len(counts) == 3 * 2
    assert (counts == per_strategy).all()
    for participant, session in (("sub-02", "b0"), ("sub-01", "d2")):
        rows = table[(table["participant_id"] == participant) & (table["session"] == session)]
        assert rows[["r", "z", "coverage_a", "coverage_b"]].isna().all(axis=None)
        assert (rows[["n_volumes", "tdof"]] == 0).all(axis=None)
    nothing = combine_runs([], REGISTRY, RUNS, STRATEGIES)
    assert len(nothing) == len(table)
    assert nothing["z"].isna().all()


def test_rows_come_in_the_order_of_participants_and_of_the_registry():
    tables = [circuits(run, matrix(1), 30.0).iloc[::-1] for run in ("r4", "r3", "r1")]
    table = combine_runs(tables, REGISTRY, RUNS, STRATEGIES)
    assert table.equals(combine_runs(tables[::-1], REGISTRY, RUNS, STRATEGIES))
    keys = table[["participant_id", "session", "strategy"]].drop_duplicates()
    assert keys.to_numpy().tolist() == sorted(keys.to_numpy().tolist())
    first = table.iloc[:11]
    expected = []
    for circuit in CIRCUITS:
        expected += [(circuit.id, a, b) for a, b in circuit.edges] + [(circuit.id, "-", "-")]
    shown = first[["circuit", "region_a", "region_b"]].fillna("-")
    assert list(shown.itertuples(index=False, name=None)) == expected


def test_tables_are_read_from_the_runs_that_were_processed(tmp_path):
    table = circuits("r1", matrix(1), 30.0).drop(columns=["participant_id", "session", "role"])
    write_tsv(tmp_path / "r1.tsv", table)
    (found,) = read_circuits({"r1": str(tmp_path / "r1.tsv")}, RUNS)
    assert set(found["session"]) == {"b0"}
    assert set(found["role"]) == {"pre"}
    np.testing.assert_allclose(found["z"], table["z"], rtol=1e-7)
    again = combine_runs([found], REGISTRY, RUNS, STRATEGIES)
    assert edge(again, "a", "b")["z"] == pytest.approx(np.arctanh(matrix(1).loc["a", "b"]))


def test_regions_are_listed_with_their_circuits_and_median_sizes():
    coverage = [
        pd.DataFrame(
            {
                "region": IDS,
                "n_voxels": [10.0, 20, 30, 1],
                "coverage": [share, 1, 1, np.nan],
                "tsnr": [50.0, 60, 70, np.nan],
            }
        )
        for share in (0.2, 0.6, 1.0)
    ]
    centres = region_centres(REGISTRY.used_regions, SPACE, {})
    table = region_table(REGISTRY, SPACE, coverage, centres).set_index("region")
    assert table.index.tolist() == IDS
    assert table["circuits"].tolist() == [
        "one;within;between", "one;within;between", "within;between", "between",
    ]  # fmt: skip
    assert table.loc["b", ["x", "y", "z", "radius"]].tolist() == [-10, 6, 4, 8]
    assert table.loc["b", ["name", "hemisphere", "inner", "n_spheres"]].tolist() == [
        "the b", "left", 0, 1,
    ]  # fmt: skip
    assert table.loc["b", "definition"] == f"sphere (-10, 6, 4) mm, radius 8 mm, {SPACE}"
    assert table.loc["c", ["n_voxels_median", "coverage_median", "tsnr_median"]].tolist() == [
        30, 1, 70,
    ]  # fmt: skip
    assert table.loc["a", "coverage_median"] == 0.6
    assert table.loc["a", "n_voxels_median"] == 10
    assert np.isnan(table.loc["d", "coverage_median"])
    assert table.loc["a", ["space", "verified", "source"]].tolist() == [SPACE, "yes", "here"]


def test_a_region_that_no_run_measured_or_no_sphere_defines_lacks_those_numbers():
    a, b = (REGISTRY.regions[name] for name in "ab")
    shells = tuple(replace(each.spheres[0], radius=9.0, inner=3.0) for each in (a, b))
    regions = {
        "a": replace(a, spheres=(), labels=(AtlasLabels("Mine", ("x",)),)),
        "b": replace(b, spheres=shells, verified=False),
    }
    registry = replace(REGISTRY, regions=REGISTRY.regions | regions)
    known = pd.DataFrame({"region": ["b"], "n_voxels": [9.0], "coverage": [0.5], "tsnr": [4.0]})
    centres = dict.fromkeys(IDS, np.zeros(3))
    table = region_table(registry, SPACE, [known], centres).set_index("region")
    assert table.loc["a", ["radius", "inner", "space", "n_voxels_median"]].isna().all()
    assert table.loc["a", "n_spheres"] == 0
    row = table.loc["b", ["radius", "inner", "n_spheres", "space", "verified", "tsnr_median"]]
    assert row.tolist() == [9, 3, 2, SPACE, "no", 4]


def test_matrices_of_a_session_are_combined_with_the_same_weights(tmp_path):
    one, two, post = matrix(1), matrix(2, missing="d"), matrix(3)
    files = {}
    for run, r, tdof in (("r1", one, 30.0), ("r2", two, 60.0), ("r3", post, 44.0)):
        write_tsv(tmp_path / f"{run}.tsv", r, index_label="Node")
        write_json(tmp_path / f"{run}.json", {"DegreesOfFreedom": tdof})
        files[run] = (str(tmp_path / f"{run}.tsv"), str(tmp_path / f"{run}.json"))
    design = {
        "arms": {"ketamine": "esketamine", "control": "midazolam"},
        "participants": {"sub-01": "ketamine", "sub-02": "control"},
    }
    found = {
        (role, arm): r
        for role, arm, r in session_matrices(session_fisher_z(RUNS, files), design_of(design))
    }
    assert set(found) == {("pre", "esketamine"), ("post", "esketamine")}
    pre = found["pre", "esketamine"]
    z = (30 * np.arctanh(one.loc["a", "b"]) + 60 * np.arctanh(two.loc["a", "b"])) / 90
    assert pre.loc["a", "b"] == pytest.approx(np.tanh(z))
    assert pre.loc["a", "d"] == pytest.approx(one.loc["a", "d"])
    assert found["post", "esketamine"].loc["b", "c"] == pytest.approx(post.loc["b", "c"])
    # whichever of the runs lacks it
    swapped = files | {"r1": files["r2"], "r2": files["r1"]}
    again = {
        role: r
        for role, _, r in session_matrices(session_fisher_z(RUNS, swapped), design_of(design))
    }
    pd.testing.assert_frame_equal(again["pre"], pre)
    # sessions come in order, whatever the order of runs, and a run without a file is passed over
    backwards = session_fisher_z(RUNS.iloc[::-1], files | {"r4": files["r3"]})
    assert [(who, role) for who, role, _ in backwards] == [
        ("sub-01", "pre"), ("sub-01", "post"), ("sub-02", "pre"),
    ]  # fmt: skip
    ((_, _, alone),) = session_fisher_z(RUNS[:2], {"r2": files["r2"]})
    assert alone.loc["a", "b"] == pytest.approx(np.arctanh(two.loc["a", "b"]))
    single = {"arms": None, "participants": {}}
    assert {
        arm for _, arm, _ in session_matrices(session_fisher_z(RUNS, files), design_of(single))
    } == {"all"}


def test_who_is_in_no_arm_is_in_no_matrix(tmp_path):
    write_tsv(tmp_path / "r4.tsv", matrix(1), index_label="Node")
    write_json(tmp_path / "r4.json", {"DegreesOfFreedom": 9.0})
    files = {"r4": (str(tmp_path / "r4.tsv"), str(tmp_path / "r4.json"))}
    design = {"arms": {"ketamine": "k", "control": "m"}, "participants": {"sub-02": None}}
    assert list(session_matrices(session_fisher_z(RUNS, files), design_of(design))) == []
    ((participant, role, z),) = session_fisher_z(RUNS, files)
    assert (participant, role) == ("sub-02", "pre")
    assert z.loc["a", "b"] == pytest.approx(np.arctanh(matrix(1).loc["a", "b"]))


def test_a_session_of_excluded_runs_has_a_matrix_of_nothing(tmp_path):
    write_tsv(tmp_path / "r4.tsv", matrix(1, missing="abcd"), index_label="Node")
    write_json(tmp_path / "r4.json", {"DegreesOfFreedom": 0.0})
    files = {"r4": (str(tmp_path / "r4.tsv"), str(tmp_path / "r4.json"))}
    ((_, _, r),) = session_matrices(session_fisher_z(RUNS, files), design_of({}))
    assert r.isna().all(axis=None)


def test_matrices_of_healthy_controls_are_left_out_and_do_not_hide_those_of_patients(tmp_path):
    write_tsv(tmp_path / "r.tsv", matrix(1), index_label="Node")
    write_json(tmp_path / "r.json", {"DegreesOfFreedom": 9.0})
    files = dict.fromkeys(("r1", "r3", "r4"), (str(tmp_path / "r.tsv"), str(tmp_path / "r.json")))
    for patient, roles in (("sub-02", ["pre"]), ("sub-01", ["pre", "post"])):
        groups = {who: "controls" if who != patient else "patients" for who in ("sub-01", "sub-02")}
        design = {
            "participants": dict.fromkeys(groups),
            "groups": {"patients": ["P"], "controls": ["C"], "participants": groups},
        }
        found = session_matrices(session_fisher_z(RUNS, files), design_of(design))
        assert [(role, label) for role, label, _ in found] == [(role, "all") for role in roles]
