"""From seed maps to group maps: who enters, in which voxels, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from made_maps import GRID, MadeMaps, scores_of

from ketfc.base.files import read_json, read_tsv, write_tsv
from ketfc.imaging.io.grid import Grid
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.model import model_of
from ketfc.inference.design.planned_tests import planned_tests
from ketfc.inference.design.samples import participant_table, sample_of
from ketfc.inference.maps.clusters import (
    CLUSTER_COLUMNS,
    CLUSTER_NUMBERS,
    Parcels,
    all_clusters,
    map_clusters,
    read_clusters,
    rows_of,
)
from ketfc.inference.maps.files import IMAGES, write_group_map
from ketfc.inference.maps.questions import GroupMap, group_map
from ketfc.inference.maps.sessions import map_sessions, shared_maps
from ketfc.study.design.design import Design

ARMS = {"ketamine": "ketamine", "control": "placebo"}
V = GRID.n_voxels


def study(n: int = 9, *, arms: bool = False) -> tuple[Design, list[str]]:
    people = [f"sub-{i:02d}" for i in range(1, n + 1)]
    si = {"instrument": "SSI", "shape": "pre-post"}
    roles = ["ketamine" if arms and i % 3 else "control" if arms else None for i in range(n)]
    content: dict[str, Any] = {"participants": dict(zip(people, roles, strict=True)), "si": si}
    if arms:
        content["arms"] = ARMS
    return design_of(content), people


def asked(made: MadeMaps, design: Design, question: str = "change", **others: Any) -> GroupMap:
    """The group map of sgACC."""
    about = {
        "region": "sgACC",
        # as a rule has it: a text of its own
        "question": "".join(list(question)),
        "strategy": "acompcor",
        "seed": 3,
        "permutations": 200,
        "fitted_tail": False,
    }
    scores = others.pop("scores", scores_of({}))
    return group_map(made.files, made.runs, scores, design, **(about | others))


def test_runs_of_a_session_are_weighted_by_their_degrees_of_freedom(tmp_path):
    made = MadeMaps(tmp_path)
    one, two = np.full(V, 0.2), np.full(V, 0.8)
    one[7] = np.nan
    two[9] = one[11] = two[11] = np.nan
    made.add("sub-01", "pre", one, tdof=30)
    made.add("sub-01", "pre", two, tdof=90)
    made.add("sub-01", "pre", None, excluded="too short")
    made.add("sub-01", "post", np.arange(V) / 100)
    sessions = map_sessions(made.files, made.runs)
    assert sessions.why_not == {}  # the session has other runs
    maps = shared_maps(sessions, ["sub-01"], ("pre", "post"))
    expected = np.full(V, 0.65)
    expected[7], expected[9] = 0.8, 0.2
    mask = np.ones(V, dtype=bool)
    mask[11] = False
    assert maps.mask.ravel(order="F").tolist() == mask.tolist()
    assert maps.baseline[0] == pytest.approx(expected[mask], abs=1e-6)
    assert maps.followup[0] == pytest.approx(np.arange(V)[mask] / 100, abs=1e-6)
    assert maps.voxels.to_numpy().tolist() == [["sub-01", V - 1, 1]]


def test_voxels_are_those_of_all_and_whom_they_are_lost_to_is_said(tmp_path):
    rng = np.random.default_rng(1)
    design, people = study(5)
    made = MadeMaps(tmp_path)
    for i, who in enumerate(people):
        for role in ("pre", "post"):
            z = rng.normal(size=V)
            if i == 1 and role == "post":
                z[:10] = np.nan
            if i == 3 and role == "pre":
                z[8:20] = np.nan
            made.add(who, role, z)
    found = asked(made, design)
    assert np.flatnonzero(~found.mask.ravel(order="F")).tolist() == list(range(20))
    assert found.voxels["n_voxels"].tolist() == [V, V - 10, V, V - 12, V]
    assert found.voxels["n_lost"].tolist() == [0, 8, 0, 10, 0]
    assert found.voxels["reason"].isna().all()


def test_who_has_no_map_is_left_out_with_the_reason(tmp_path):
    rng = np.random.default_rng(2)
    design, people = study(9, arms=True)
    made = MadeMaps(tmp_path)
    other = replace(GRID, affine=GRID.affine + np.eye(4) * [5, 0, 0, 0])
    for i, who in enumerate(people):
        made.add(who, "pre", rng.normal(size=V), grid=other if i == 4 else GRID)
        if i == 1:
            made.add(who, "post", None, excluded="mean FD 0.7 mm")
        elif i == 2:
            made.add(who, "post", None)
        elif i != 6:
            made.add(who, "post", rng.normal(size=V))
    scores = scores_of({who: (20.0, 10.0 + i) for i, who in enumerate(people) if i != 8})
    found = asked(made, design, scores=scores)
    why = dict(zip(found.voxels["participant_id"], found.voxels["reason"], strict=True))
    assert found.n == 5
    assert [who for who, reason in why.items() if reason is None or pd.isna(reason)] == [
        people[i] for i in (0, 3, 5, 7, 8)
    ]
    assert why["sub-02"] == "connectivity excluded at post; post: mean FD 0.7 mm"
    assert why["sub-03"] == "connectivity excluded at post"
    assert why["sub-05"].startswith(
        "connectivity excluded at pre; pre: its images are 6×5×4 voxels"
    )
    assert why["sub-07"] == "no connectivity at post"
    asks = asked(made, design, "association", scores=scores)
    assert asks.n == 4
    assert dict(asks.voxels[["participant_id", "reason"]].to_numpy())["sub-09"] == (
        "no SSI score at pre; no SSI score at post"
    )


@pytest.mark.parametrize("arms", [False, True])
@pytest.mark.parametrize("question", ["change", "association"])
def test_a_map_of_one_voxel_has_the_p_of_the_primary_test(tmp_path, arms, question):
    rng = np.random.default_rng(4)
    design, people = study(13, arms=arms)
    made = MadeMaps(tmp_path)
    rows, scores = [], {}
    for i, who in enumerate(people):
        scores[who] = float(rng.integers(15, 30)), float(rng.integers(0, 25))
        if i == 5:
            scores[who] = scores[who][0], np.nan
        for role in ("pre", "post"):
            z = np.full(V, np.nan)
            z[33] = np.float32(rng.normal())
            made.add(who, role, z)
            rows.append((who, "acompcor", "hab", "mean", role, z[33]))
    columns = ["participant_id", "strategy", "circuit", "measure", "role", "z"]
    connectivity = pd.DataFrame(rows, columns=columns)
    table = participant_table(
        connectivity, scores_of(scores), design, circuit="hab", strategy="acompcor"
    )
    test = next(test for test in planned_tests(design) if test.name == question)
    primary = evidence_of(
        model_of(test, sample_of(table, test, design).complete, design),
        alpha=0.05,
        permutations=700,
        rng=stream(3, f"maps/sgACC/{question}"),
    )
    found = asked(made, design, question, scores=scores_of(scores), permutations=700)
    assert found.test is not None
    assert found.n == (12 if question == "association" else 13)
    assert found.test.p_tfce.tolist() == [primary.p_permutation]
    assert found.test.t[0] == pytest.approx(primary.statistic, abs=1e-9)
    assert found.test.estimate[0] == pytest.approx(primary.estimate, abs=1e-9)


def test_maps_that_cannot_be_tested_say_why(tmp_path):
    rng = np.random.default_rng(2)
    design, people = study(6, arms=True)
    made = MadeMaps(tmp_path / "a")
    for i, who in enumerate(people):
        made.add(who, "pre", rng.normal(size=V))
        made.add(who, "post", rng.normal(size=V) if i % 3 else None)
    found = asked(made, design)
    assert found.test is None
    assert found.obstacle == "the placebo arm has no complete participant"
    assert asked(MadeMaps(tmp_path), study(0)[0]).obstacle is not None
    design, people = study(4)
    made = MadeMaps(tmp_path / "b")
    for i, who in enumerate(people):
        z = np.where(np.arange(V) % 4 == i, np.nan, 0.5)
        made.add(who, "pre", z)
        made.add(who, "post", z)
    found = asked(made, design)
    assert found.obstacle == "no voxel has signal in all sessions of all participants"
    # and their files are there all the same
    write_group_map(tmp_path / "seed-sgACC_change", found, alpha=0.05)
    assert set(nib.load(tmp_path / "seed-sgACC_change_stat-tfcep.nii.gz").get_fdata().ravel()) == {
        1
    }
    (row,) = map_clusters(found, PARCELS, alpha=0.05).to_dict("records")
    assert row["result"] == found.obstacle
    assert np.isnan(row["p_tfce"])
    made = MadeMaps(tmp_path / "c")
    for who in people:
        made.add(who, "pre", np.full(V, 0.5))
        made.add(who, "post", np.full(V, 0.25))
    assert "no voxel differs" in str(asked(made, design).obstacle)


# twice as fine as the maps in one direction, and beginning elsewhere
PARCELS = Parcels(
    np.repeat(np.arange(1, 11), 60).reshape(10, 10, 6),
    Grid((10, 10, 6), np.array([[2.0, 0, 0, -10], [0, 1, 0, -4], [0, 0, 4, 0], [0, 0, 0, 1]])),
    pd.DataFrame(
        {"index": np.arange(1, 10), "name": [f"p{i}" for i in range(1, 10)], "network": None}
    ).astype({"network": object}),
)
PARCELS.table.loc[2, "network"] = "Default"


def with_effects(tmp_path: Path, effects: dict[int, float], n: int = 14) -> GroupMap:
    """A group map in which some voxels rise or fall in everybody."""
    rng = np.random.default_rng(6)
    design, people = study(n)
    made = MadeMaps(tmp_path)
    for who in people:
        made.add(who, "pre", rng.normal(size=V))
        after = rng.normal(size=V)
        for voxel, effect in effects.items():
            after[voxel] += effect
        made.add(who, "post", after)
    return asked(made, design)


def at(i: int, j: int, k: int) -> int:
    return int(np.ravel_multi_index((i, j, k), GRID.shape, order="F"))


def test_clusters_have_their_peak_size_and_parcel(tmp_path):
    # two voxels that share a corner, one far away that falls
    effects = {at(1, 1, 1): 5.0, at(2, 2, 2): 8.0, at(5, 4, 3): -6.0}
    found = with_effects(tmp_path, effects)
    table = map_clusters(found, PARCELS, alpha=0.05)
    assert table["result"].tolist() == ["cluster", "cluster"]
    assert table["cluster"].tolist() == [1, 2]
    assert table["p_tfce"].is_monotonic_increasing
    up, down = (table[table["peak_t"] * sign > 0].iloc[0] for sign in (1, -1))
    assert up[["x", "y", "z"]].tolist() == [-3, 0, 10]
    assert down[["x", "y", "z"]].tolist() == [6, 4, 14]
    assert (up["n_voxels"], down["n_voxels"]) == (2, 1)
    assert up["size_mm3"] == pytest.approx(2 * 24)
    # x = −3 is voxel 3.5 of the parcellation, x = 6 its voxel 8
    assert up["region"] in ("p4", "p5")
    assert down["region"] == "p9"
    assert found.test is not None
    place = np.flatnonzero(found.mask.ravel(order="F"))
    peak = int(np.flatnonzero(place == at(2, 2, 2))[0])
    assert up["peak_t"] == found.test.t[peak]
    assert up["peak_effect"] == pytest.approx(8, abs=1.5)
    assert up["peak_df"] == 13
    assert up["p_tfce"] == found.test.p_tfce[peak]
    assert up["p_type"] == "counted"


def test_clusters_are_listed_by_their_p_and_then_by_their_size(tmp_path):
    effects = {at(1, 1, 1): 8.0, at(1, 2, 1): 8.0, at(5, 4, 3): -9.0, at(5, 3, 3): -6.0}
    found = with_effects(tmp_path, effects)
    assert found.test is not None
    place = np.flatnonzero(found.mask.ravel(order="F"))

    def listed(**p: float) -> pd.DataFrame:
        values = np.ones(len(place))
        for voxel, value in (*dict.fromkeys(effects, p["all"]).items(), (at(5, 4, 3), p["peak"])):
            values[place == voxel] = value
        return map_clusters(
            replace(found, test=replace(found.test, p_tfce=values)), PARCELS, alpha=0.05
        )

    first = listed(all=0.04, peak=0.01).iloc[0]
    assert first[["x", "y", "z", "cluster"]].tolist() == [6, 4, 14, 1]  # of the larger |t|
    assert first["p_tfce"] == 0.01
    assert listed(all=0.01, peak=0.03)["peak_t"].gt(0).tolist() == [True, False]
    # the p of a cluster is that of its peak; one that does not survive is no part of it
    assert listed(all=0.04, peak=0.06)["n_voxels"].tolist() == [2, 1]
    assert listed(all=0.06, peak=0.05)["n_voxels"].tolist() == [1]


def test_an_empty_map_says_so_with_its_smallest_p(tmp_path):
    found = with_effects(tmp_path, {})
    (row,) = map_clusters(found, PARCELS, alpha=0.05).to_dict("records")
    assert found.test is not None
    assert row["result"] == "no voxel survives"
    assert row["p_tfce"] == found.test.smallest_p > 0.05
    assert np.isnan(row["cluster"])
    assert np.isnan(row["size_mm3"])
    assert row["n_map_voxels"] == V


def test_maps_of_a_question_are_corrected_for_one_another_beside_their_own_p():
    columns = [column for column in CLUSTER_COLUMNS if column != "p_holm"]

    def of(seed: str, question: str, *p: float) -> pd.DataFrame:
        rows = [{"seed": seed, "question": question, "p_tfce": each} for each in p]
        return pd.DataFrame(rows, columns=columns)

    table = all_clusters(
        [
            of("a", "change", 0.01, 0.04),
            of("b", "change", 0.03),
            of("c", "change", np.nan),
            of("a", "association", 0.03),
        ]
    )
    assert list(table.columns) == list(CLUSTER_COLUMNS)
    assert table["p_holm"].fillna(-1).tolist() == [0.02, 0.02, 0.03, -1, 0.03]
    assert table["p_tfce"].fillna(-1).tolist() == [0.01, 0.04, 0.03, -1, 0.03]


def test_files_hold_the_map_on_its_grid(tmp_path):
    found = with_effects(tmp_path, {at(2, 1, 3): 8.0, at(4, 3, 0): -8.0})
    mask = found.mask.copy()
    stem = tmp_path / "maps" / "seed-sgACC_change"
    write_group_map(stem, found, alpha=0.05)
    images = {name: nib.load(f"{stem}_{name}.nii.gz") for name in IMAGES}
    data = {name: image.get_fdata() for name, image in images.items()}
    for image in images.values():
        assert image.get_data_dtype() == np.float32
        assert np.allclose(image.affine, GRID.affine)
    assert found.test is not None
    assert data["stat-t"][2, 1, 3] == pytest.approx(found.volume(found.test.t)[at(2, 1, 3)])
    assert data["stat-effect"][4, 3, 0] < -6
    assert data["stat-tfcep"][2, 1, 3] < 0.05
    survive = data["stat-tfcep"] <= 0.05
    assert survive.sum() >= 2
    thresholded = data["desc-thresholded_stat-t"]
    assert (thresholded[survive] == data["stat-t"][survive]).all()
    assert (thresholded[~survive] == 0).all()
    assert (data["mask"] == mask).all()
    said = read_json(f"{stem}.json")
    assert said["SmallestP"] == found.test.smallest_p
    assert said["SurvivingVoxels"] == survive.sum()
    assert (said["NumberOfVoxels"], said["NumberOfParticipants"]) == (V, 14)
    assert said["Permutations"] == 200
    assert said["FittedTail"] is None
    assert said["Seed"] == {"Id": "sgACC"}
    assert len(read_tsv(f"{stem}_voxels.tsv")) == 14


def test_clusters_are_read_as_numbers_and_those_of_one_map_picked(tmp_path):
    assert read_clusters([]) is None
    rows = [("sgACC", "change", 3.0), ("sgACC", "association", 2.0), ("habenula", "change", np.nan)]
    table = pd.DataFrame(rows, columns=["seed", "question", "cluster"])
    table = table.reindex(columns=list(CLUSTER_COLUMNS))
    write_tsv(tmp_path / "clusters.tsv", table)
    found = read_clusters([str(tmp_path / "clusters.tsv"), "another"])
    assert found is not None
    assert rows_of(found, "sgACC", "change")["cluster"].tolist() == [3.0]
    assert rows_of(found, "sgACC", "association")["cluster"].tolist() == [2.0]
    assert all(found[name].dtype == np.float64 for name in CLUSTER_NUMBERS)


def test_a_point_lies_in_its_parcel_or_in_none():
    assert PARCELS.at((-10.0, -4.0, 0.0)) == ("p1", None)
    assert PARCELS.at((-2.1, 5.0, 8.0)) == ("p5", None)
    named = replace(PARCELS, table=PARCELS.table.assign(network="Limbic"))
    assert named.at((-8.0, -4.0, 0.0)) == ("p2", "Limbic")
    # no name for the tenth, and outside of the grid
    assert PARCELS.at((8.0, 0.0, 0.0)) == (None, None)
    assert PARCELS.at((99.0, 0.0, 0.0)) == (None, None)
