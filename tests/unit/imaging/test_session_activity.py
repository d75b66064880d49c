"""Activity of sessions from that of their runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketfc.base.files import write_json, write_tsv
from ketfc.imaging.group.activity import COLUMNS, read_activity, session_activity


def table(values: dict[str, float], n_volumes: int) -> pd.DataFrame:
    rows = [("24P", region, "malff", value, n_volumes) for region, value in values.items()]
    return pd.DataFrame(rows, columns=["strategy", "region", "measure", "value", "n_volumes"])


def about(reason: str | None = None) -> dict:
    return {"MinimumCoverage": 0.5, "24P": {"Excluded": reason}}


RUNS = pd.DataFrame(
    [
        ("sub-02", "b", "post", "r4"),
        ("sub-01", "a", "pre", "r1"),
        ("sub-01", "a", "pre", "r2"),
        ("sub-01", "b", "post", "r3"),
        ("sub-02", "a", "pre", "r5"),
    ],
    columns=["participant_id", "session", "role", "run"],
)


def test_runs_of_a_session_are_averaged_by_their_kept_volumes():
    found = session_activity(
        RUNS,
        {
            "r1": (table({"x": 1.0, "y": np.nan, "z": 4.0}, 100), about()),
            "r2": (table({"x": 2.0, "y": 3.0, "z": np.nan}, 300), about()),
            "r3": (table({"x": np.nan, "y": np.nan, "z": np.nan}, 0), about("too much motion")),
            "r4": (table({"x": 5.0, "y": 6.0, "z": np.nan}, 120), about()),
        },
    )
    assert tuple(found.columns) == COLUMNS
    rows = found.set_index(["participant_id", "role", "region"]).sort_index()
    assert rows.loc[("sub-01", "pre", "x"), "value"] == pytest.approx(1.75)
    assert rows.loc[("sub-01", "pre", "x"), "n_volumes"] == 400
    assert rows.loc[("sub-01", "pre", "y"), ["value", "n_volumes"]].tolist() == [3.0, 300]
    assert rows.loc[("sub-01", "pre", "z"), ["value", "n_volumes"]].tolist() == [4.0, 100]
    assert rows.loc[("sub-01", "post"), "value"].isna().all()
    assert set(rows.loc[("sub-01", "post"), "reason"]) == {"too much motion"}
    assert rows.loc[("sub-02", "post", "z"), "reason"].startswith("less than 50% of the region")
    assert rows["reason"].notna().tolist() == rows["value"].isna().tolist()
    # what the plan left out has no rows, as in the inputs
    assert ("sub-02", "pre", "x") not in rows.index
    assert found["participant_id"].is_monotonic_increasing


def test_both_reasons_are_told_where_two_runs_have_one_each():
    nothing = {"x": np.nan}
    found = session_activity(
        RUNS, {"r1": (table(nothing, 0), about("A")), "r2": (table(nothing, 9), about("B"))}
    )
    assert found["reason"].tolist() == ["A; B"]
    assert found["n_volumes"].tolist() == [0]


def test_a_table_survives_being_written(tmp_path):
    path = tmp_path / "run.tsv"
    write_tsv(path, table({"01": np.nan, "b": np.nan}, 0))
    write_json(path.with_suffix(".json"), about("A"))
    read, said = read_activity(str(path))
    assert read["value"].dtype == np.float64
    assert read["region"].tolist() == ["01", "b"]
    assert said["24P"]["Excluded"] == "A"
    write_tsv(path, table({"01": 2.5, "b": np.nan}, 7))
    read, _ = read_activity(str(path))
    assert read["value"].fillna(0).tolist() == [2.5, 0]
    assert read["n_volumes"].tolist() == [7, 7]


def test_without_any_run_there_are_columns():
    found = session_activity(RUNS, {})
    assert tuple(found.columns) == COLUMNS
    assert found.empty
