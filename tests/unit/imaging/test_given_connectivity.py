"""Results of a lab's own table of connectivity: sessions that are used, and what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ketfc.imaging.group.given_connectivity import QUALITY, given_connectivity, given_runs
from ketfc.imaging.group.given_tables import given_tables
from ketfc.imaging.group.sessions import COLUMNS
from ketfc.imaging.regions.registry import Registry, load_registry
from ketfc.study.config.config import AS_GIVEN, Config, parse_config
from ketfc.study.connectivity.given import registry_text
from ketfc.study.connectivity.tidy import read_tidy

TABLE = """\
participant_id\tsession_id\tconnection\tcorr\tALFF
02\tpre\tb-a\t0.3\t9
02\tpost\tb-a\t0.9\t8
01\tpre\tb-a\t0.5\t10
01\tpost\tb-a\t-0.25\t12
01\tpre\ta-c\t0.1\t3
01\tpost\ta-c\t\t4
"""
RUNS = pd.DataFrame(
    [
        ("r1", "sub-01", "pre", "pre", "ok", None),
        ("r2", "sub-01", "post", "post", "ok", None),
        ("r3", "sub-02", "pre", "pre", "ok", None),
        ("r4", "sub-02", "post", "post", "excluded", "asleep"),
    ],
    columns=["run", "participant_id", "session", "role", "status", "reason"],
).assign(arm="ketamine")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Config, Registry]:
    monkeypatch.chdir(tmp_path)
    Path("own.tsv").write_text(TABLE, encoding="utf-8")
    given = {"path": ["own.tsv"], "values": {"corr": "r", "ALFF": "as-is"}}
    study = {"name": "own", "sessions": {"pre": "pre", "post": "post"}, "connectivity": given}
    scores = {"table": "x.tsv", "si": {"instrument": "SSI", "column": "SSI"}}
    config = parse_config({"study": study, "scores": scores})
    Path("circuits.yaml").write_text(registry_text(read_tidy(config.study)), encoding="utf-8")
    return config, load_registry("circuits.yaml")


def test_values_of_sessions_that_are_used_come_by_session_and_circuit(own):
    config, registry = own
    table = given_connectivity(read_tidy(config.study), RUNS, registry)
    assert tuple(table.columns) == COLUMNS
    order = list(registry.circuits)
    assert order == ["b-a", "a-c", "b-a_ALFF", "a-c_ALFF"]
    of_first = table[(table["participant_id"] == "sub-01") & (table["session"] == "pre")]
    assert of_first["circuit"].tolist() == order
    keys = table[["participant_id", "session"]].drop_duplicates().to_numpy().tolist()
    assert keys == sorted(keys)
    assert set(table["strategy"]) == {AS_GIVEN}
    assert set(table["measure"]) == {"mean"}
    values = table.set_index(["participant_id", "session", "circuit"])
    row = values.loc[("sub-01", "post", "b-a")]
    assert (row["z"], row["r"]) == pytest.approx((np.arctanh(-0.25), -0.25), abs=1e-11)
    # what is no correlation is as it was, and has no r
    row = values.loc[("sub-01", "post", "b-a_ALFF")]
    assert row["z"] == 12
    assert np.isnan(row["r"])
    assert np.isnan(values.loc[("sub-01", "post", "a-c"), "z"])
    # the session that was left out
    assert values.loc[("sub-02", "post"), ["z", "r"]].isna().all(axis=None)
    assert values.loc[("sub-02", "pre", "b-a"), "r"] == pytest.approx(0.3)
    assert table[["n_volumes", "tdof", "coverage_a", "region_a"]].isna().all(axis=None)


def test_of_the_quality_of_given_sessions_nothing_is_known(own):
    config, registry = own
    runs = given_runs(RUNS)
    assert runs["reason"].fillna("-").tolist() == ["-", "-", "-", "asleep"]
    assert list(runs.columns) == ["run", "participant_id", "session", "role", "status", "reason",
                                  *QUALITY]  # fmt: skip
    assert runs[list(QUALITY)].isna().all(axis=None)
    found = given_tables(config.study, RUNS, registry)
    assert set(found) == {"connectivity", "quality", "regions", "region_quality", "parcels"}
    assert len(found["connectivity"]) == len(read_tidy(config.study).values)
    assert all(found[name].empty for name in ("regions", "region_quality", "parcels"))
