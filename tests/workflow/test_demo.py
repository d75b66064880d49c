"""The demo, from nothing to its report: what was planted comes out, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_study import contents, snakemake

from ketfc.base.files import read_json, read_tsv
from ketfc.inference.maps.clusters import CLUSTER_NUMBERS, rows_of

pytestmark = pytest.mark.slow
PRIMARY = ["sgacc-rlpfc", "habenula-cortex", "amygdala-dacc", "dmn", "salience"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished demo."""
    folder = tmp_path_factory.mktemp("demo")
    done = snakemake(folder=folder)
    assert done.code == 0, done.text
    return folder


@pytest.fixture(scope="module")
def truth(demo: Path) -> dict:
    return read_json(demo / "resources/demo/truth.json")


@pytest.fixture(scope="module")
def hypotheses(demo: Path) -> pd.DataFrame:
    numbers = ("estimate", "p_holm", "n", "n_excluded")
    table = read_tsv(demo / "results/tests/hypotheses.tsv", numeric=numbers)
    return table.set_index(["test", "hypothesis"])


def test_the_demo_ends_in_its_report_and_a_second_call_has_nothing_to_do(demo: Path) -> None:
    assert (demo / "results/report.html").stat().st_size > 100_000
    done = snakemake("-n", folder=demo)
    assert "Nothing to be done" in done.text


def test_the_planted_changes_come_out_with_their_signs_and_no_others(
    hypotheses: pd.DataFrame, truth: dict
) -> None:
    planted = {
        circuit: np.sign(arms["ketamine"] - arms["midazolam"])
        for circuit, arms in truth["expected_change_z"].items()
    }
    assert {circuit: planted[circuit] for circuit in PRIMARY} == {
        "sgacc-rlpfc": 1,
        "habenula-cortex": 0,
        "amygdala-dacc": -1,
        "dmn": 0,
        "salience": 0,
    }
    for circuit in PRIMARY:
        row = hypotheses.loc[("change", circuit)]
        if planted[circuit]:
            assert row["p_holm"] < 0.05, circuit
            assert np.sign(row["estimate"]) == planted[circuit], circuit
        else:
            assert row["p_holm"] >= 0.05, circuit


def test_the_planted_association_comes_out_and_no_other(
    hypotheses: pd.DataFrame, truth: dict
) -> None:
    assert truth["associated_with_ssi_change"] == ["sgacc-rlpfc"]
    for circuit in PRIMARY:
        row = hypotheses.loc[("association", circuit)]
        if circuit in truth["associated_with_ssi_change"]:
            # connectivity rises as ideation falls
            assert row["p_holm"] < 0.05
            assert row["estimate"] < 0
        else:
            assert row["p_holm"] >= 0.05, circuit


def test_the_map_of_a_seed_finds_what_was_planted_where_it_was_planted(
    demo: Path, truth: dict
) -> None:
    clusters = read_tsv(demo / "results/maps/clusters.tsv", numeric=CLUSTER_NUMBERS)
    planted = truth["map"]
    found = rows_of(clusters, planted["seed"], "change")
    assert set(found["result"]) == {"cluster"}
    # that of the smallest p is the planted one, in voxels that no circuit names
    peak = found.iloc[0]
    assert peak["p_tfce"] <= 0.05
    assert peak["peak_t"] > 0
    away = peak[["x", "y", "z"]].to_numpy(float) - planted["centre_mm"]
    assert np.linalg.norm(away) < planted["radius_mm"]
    # nothing was planted for the habenula
    for question in ("change", "association"):
        nothing = rows_of(clusters, "rHabenula", question)
        assert nothing["result"].tolist() == ["no voxel survives"]
        assert (nothing["p_tfce"] > 0.05).all()


def test_the_primary_strategy_is_what_was_tested(demo: Path) -> None:
    assert read_json(demo / "results/plan/design.json")["strategy"] == "acompcor"


def test_who_was_made_to_fail_is_left_out_with_the_reason(
    demo: Path, truth: dict, hypotheses: pd.DataFrame
) -> None:
    listed = read_tsv(demo / "results/quality/exclusions.tsv")
    listed = listed[listed["stage"].isin(["plan", "imaging"])]
    reasons = listed.groupby("participant_id")["reason"].agg("; ".join).to_dict()
    special = truth["special"]
    ((moved, _),) = special["heavy-motion"]
    (absent,), (unscored,) = special["no-post-session"], special["no-post-SSI"]
    assert "less than min-time" in reasons[moved]
    assert "has no usable run of session post" in reasons[absent]
    assert "the score is missing" in reasons[unscored]
    # all others are in every test
    assert len(set(reasons)) == 3
    for test, n_excluded in (("change", 2), ("association", 3)):
        for circuit in PRIMARY:
            row = hypotheses.loc[(test, circuit)]
            assert (row["n"], row["n_excluded"]) == (16 - n_excluded, n_excluded)


def test_every_column_of_every_table_is_described(demo: Path) -> None:
    tables = [path for path in (demo / "results").rglob("*.tsv") if "derivatives" not in path.parts]
    assert len(tables) >= 30
    silent = {}
    for path in tables:
        told = read_json(path.with_suffix(".json"))
        columns = path.read_text(encoding="utf-8").splitlines()[0].split("\t")
        if missing := [name for name in columns if name not in told]:
            silent[str(path.relative_to(demo))] = missing
    assert silent == {}, "describe them in config/columns.yaml"


def test_nothing_half_written_is_left(demo: Path) -> None:
    assert [name for name in contents(demo / "results") if ".tmp-" in name] == []
