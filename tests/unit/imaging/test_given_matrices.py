"""Sessions and parcels of matrices that were computed elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_given import write_matrices

from ketfc.base.files import write_json, write_tsv
from ketfc.imaging.group.given_matrices import given_parcels, given_sessions, sessions_of
from ketfc.study.config.config import parse_config
from ketfc.study.config.sources import Connectivity
from ketfc.study.connectivity.sessions import given_index
from ketfc.study.connectivity.squares import Square

LABELS = ("LH_Default_PFC_1", "7Networks_RH_Vis_2", "Thalamus_L")


def square(values: list[float], *, volumes: float | None = None, labels=LABELS) -> Square:
    r = np.full((3, 3), np.nan)
    r[np.triu_indices(3, 1)] = values
    r = np.where(np.isnan(r), r.T, r)
    return Square(labels, r, "r", {} if volumes is None else {"n_volumes": volumes})


def runs(*rows: tuple[str, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["run", "participant_id", "role"])
    return table.assign(session=table["role"])


def parcels() -> pd.DataFrame:
    return pd.DataFrame({"name": LABELS})


def test_runs_of_a_session_are_averaged_by_their_volumes_edge_by_edge():
    squares = {
        "b": square([0.1, 0.2, 0.3], volumes=100),
        "a": square([0.5, np.nan, -0.3], volumes=300),
        "c": square([0.4, 0.4, 0.4], volumes=50),
    }
    table = runs(("a", "sub-2", "pre"), ("b", "sub-2", "pre"), ("c", "sub-1", "post"))
    found = list(given_sessions(squares, table, parcels()))
    assert [(who, role) for who, role, _ in found] == [("sub-1", "post"), ("sub-2", "pre")]
    z = found[1][2].to_numpy()
    expected = (300 * np.arctanh(0.5) + 100 * np.arctanh(0.1)) / 400
    assert z[0, 1] == z[1, 0] == pytest.approx(expected, abs=1e-12)
    # what one run lacks comes from the other
    assert z[0, 2] == pytest.approx(np.arctanh(0.2), abs=1e-12)
    assert np.isnan(z.diagonal()).all()


def test_where_volumes_are_not_known_of_all_runs_they_count_alike():
    squares = {"a": square([0.5, 0.5, 0.5], volumes=300), "b": square([0.1, 0.1, 0.1])}
    table = runs(("a", "sub-2", "pre"), ("b", "sub-2", "pre"))
    ((_, _, z),) = given_sessions(squares, table, parcels())
    assert z.iloc[0, 1] == pytest.approx((np.arctanh(0.5) + np.arctanh(0.1)) / 2, abs=1e-12)


def test_parcels_in_another_order_or_missing_find_their_place():
    swapped = square([0.1, 0.2, 0.3], labels=(LABELS[2], LABELS[0], "other"))
    ((_, _, z),) = given_sessions({"a": swapped}, runs(("a", "sub-1", "pre")), parcels())
    assert z.loc[LABELS[0], LABELS[2]] == pytest.approx(np.arctanh(0.1), abs=1e-12)
    assert z.loc[LABELS[1]].isna().all()


def test_a_session_without_a_matrix_is_not_there():
    table = runs(("a", "sub-1", "pre"), ("lost", "sub-1", "post"))
    squares = {"a": square([0.1, 0.2, 0.3])}
    assert [role for _, role, _ in given_sessions(squares, table, parcels())] == ["pre"]


def test_sessions_are_those_of_the_images_or_of_what_was_given(tmp_path: Path):
    series = {
        (who, session): np.random.default_rng(int(who) + len(session)).normal(size=(30, 3))
        for who in ("01", "02")
        for session in ("pre", "post")
    }
    write_matrices(tmp_path / "own", series, list(LABELS))
    about = {"kind": "matrices", "path": str(tmp_path / "own"), "scale": "r",
             "regions": {"sgACC": LABELS[0], "rLPFC": LABELS[1]}}  # fmt: skip
    given = {
        "study": {"name": "x", "sessions": {"pre": "pre", "post": "post"}, "connectivity": about},
        "scores": {"table": "x.tsv", "si": {"instrument": "SSI", "column": "SSI"}},
    }
    names = [run.name for run in given_index(parse_config(given).study).runs]
    table = runs(*((name, *name.removesuffix("_conn").split("_ses-")) for name in names))
    table = table.assign(status="ok")
    found = {(who, role): z for who, role, z in sessions_of(table, parcels(), {}, given)}
    assert set(found) == {("sub-01", "pre"), ("sub-01", "post"), ("sub-02", "pre"),
                          ("sub-02", "post")}  # fmt: skip
    expected = np.arctanh(np.corrcoef(series["02", "post"].T)[0, 2])
    assert found["sub-02", "post"].iloc[0, 2] == pytest.approx(expected, abs=1e-6)
    # of images there is a file for each run
    r = pd.DataFrame(np.corrcoef(series["01", "pre"].T), LABELS, LABELS)
    write_tsv(tmp_path / "r.tsv", r, index_label="Node")
    write_json(tmp_path / "r.json", {"DegreesOfFreedom": 9.0})
    files = {names[0]: (str(tmp_path / "r.tsv"), str(tmp_path / "r.json"))}
    ((who, role, z),) = sessions_of(table, parcels(), files, None)
    assert names[0] == f"{who}_ses-{role}_conn"
    assert z.iloc[0, 2] == pytest.approx(np.arctanh(r.iloc[0, 2]), abs=1e-6)


def test_networks_are_those_of_the_tables_else_of_schaefers_names(tmp_path: Path):
    about = Connectivity.model_validate({"kind": "xcp-d", "path": "x"})
    found = given_parcels(about, LABELS).set_index("name")["network"]
    assert found.fillna("none").to_dict() == dict(
        zip(LABELS, ("Default", "Vis", "none"), strict=True)
    )
    (tmp_path / "parcels.tsv").write_text(
        "label\tx\ty\tz\tnetwork\nThalamus_L\t-10\t-20\t8\tSubcortical\n"
        "LH_Default_PFC_1\t1\t2\t3\tn/a\n",
        encoding="utf-8",
    )
    about = about.model_copy(update={"parcels": str(tmp_path / "parcels.tsv")})
    table = given_parcels(about, LABELS).set_index("name")
    assert table.loc["Thalamus_L", "network"] == "Subcortical"
    assert table.loc["LH_Default_PFC_1", "network"] == "Default"
    assert table.loc["Thalamus_L", ["x", "y", "z"]].tolist() == [-10, -20, 8]
    assert np.isnan(table.loc["7Networks_RH_Vis_2", "x"])
