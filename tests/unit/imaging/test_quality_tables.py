"""Quality of runs, regions and strategies, and its change between sessions."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_design import design_of

from ketfc.base.files import read_tsv
from ketfc.imaging.group.quality_tables import (
    MEASURES,
    quality_change,
    region_quality,
    run_quality,
    strategy_quality,
    write_quality,
)

RUNS = pd.DataFrame(
    [
        ("r1", "sub-01", "b0", "pre", "ketamine", "ok", None),
        ("r2", "sub-01", "b0", "pre", "ketamine", "ok", None),
        ("r3", "sub-01", "d2", "post", "ketamine", "ok", None),
        ("r4", "sub-02", "b0", "pre", "control", "excluded", "no mask"),
        ("r5", "sub-02", "d2", "post", "control", "ok", None),
    ],
    columns=["run", "participant_id", "session", "role", "arm", "status", "reason"],
)
DESIGN = design_of(
    {
        "baseline": "pre",
        "followup": "post",
        "participants": {"sub-01": "ketamine", "sub-02": "control", "sub-03": None},
    }
)
LOST = {"status": "excluded", "rule": "degrees-of-freedom", "reason": "too few are left"}


def found(n: int, fd: float, tdof: float, **about: Any) -> dict[str, Any]:
    measured = {"n_volumes": n, "mean_fd": fd, "max_fd": 3 * fd, "header_repetition_time": 2.0}
    return {
        "status": "ok",
        "quality": measured | about,
        "strategies": {
            "24P": {"status": "ok", "n_volumes": n - 5, "n_regressors": 24, "tdof": tdof},
            "36P": LOST | {"n_volumes": 0, "n_regressors": 0, "tdof": 0},
        },
    }


# as it comes from a file
QUALITY = json.loads(json.dumps({
    "r1": found(200, 0.1, 150.0, sidecar_repetition_time=2.0004),
    "r2": found(100, 0.3, 60.5, sidecar_repetition_time=2.5),
    "r3": found(200, 0.5, 140.0),
    "r5": {"status": "excluded", "reason": "is truncated", "quality": {}, "strategies": {
        "24P": LOST | {"n_volumes": 0, "n_regressors": 0, "tdof": 0},
    }},
}))  # fmt: skip


def coverage(share: float, tsnr: float, intensity: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "region": ["sgACC", "PCC", "dACC"],
            "n_voxels": [10.0, 20, 30],
            "coverage": [share, 1, 1],
            "coverage_shared": [share, 1, 1],
            "tsnr": [tsnr, 50, 60],
            "intensity": [intensity, 1000, 1200],
            "note": None,
        }
    )


UNREAD = coverage(0, 0, 0).assign(
    **dict.fromkeys(["n_voxels", "coverage", "coverage_shared", "tsnr", "intensity"])
)
COVERAGE = {
    "r1": coverage(1, 40, 900),
    "r2": coverage(0.8, 20, 900),
    "r3": coverage(0.4, 40, 900),
    "r5": UNREAD,
}


def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    regions, strategies = region_quality(RUNS, COVERAGE), strategy_quality(RUNS, QUALITY)
    runs = run_quality(RUNS, QUALITY, regions, strategies, primary="24P", min_coverage=0.5)
    return runs, regions, strategies


def test_every_planned_run_has_a_row_with_what_was_measured():
    table = tables()[0].set_index("run")
    assert table.index.tolist() == ["r1", "r2", "r3", "r4", "r5"]
    shown = ["status", "n_volumes", "mean_fd", "tdof", "tdof_lost"]
    assert table.loc["r1", shown].tolist() == ["ok", 200, 0.1, 150, 50]
    assert np.isnan(table.loc["r1", "seconds_kept"])
    assert table.loc["r4", ["status", "reason"]].tolist() == ["excluded", "no mask"]
    assert table.loc["r5", ["status", "reason"]].tolist() == ["excluded", "is truncated"]
    assert table.loc[["r4", "r5"], list(MEASURES)].isna().all(axis=None)
    assert table.loc[["r4", "r5"], "dropout_sgACC"].isna().all()
    assert "dropout_lAmygdala" not in table


def test_all_four_tables_are_written(tmp_path):
    names = ("quality", "region_quality", "strategies", "change")
    paths = SimpleNamespace(**{name: tmp_path / f"{name}.tsv" for name in names})
    write_quality(RUNS, QUALITY, COVERAGE, DESIGN, paths, primary="24P", min_coverage=0.9)
    runs, regions, strategies = tables()
    found = {name: read_tsv(getattr(paths, name)) for name in names}
    # the coverage that is wanted is that of the study
    assert found["quality"]["dropout_sgACC"].tolist()[:3] == ["no", "yes", "yes"]
    assert runs["dropout_sgACC"].tolist()[:3] == ["no", "yes", "yes"]
    for name, table in (("quality", runs), ("region_quality", regions), ("strategies", strategies)):
        assert list(found[name].columns) == list(table.columns)
        assert len(found[name]) == len(table)
    assert len(found["change"]) == len(quality_change(runs, regions, DESIGN))
    assert found["region_quality"]["region"].tolist() == regions["region"].tolist()


def test_a_region_is_lost_below_the_coverage_that_a_study_wants():
    regions = region_quality(RUNS, {"r1": coverage(0.8, 40, 900)})
    strategies = strategy_quality(RUNS, QUALITY)
    for least, lost in ((0.8, "no"), (0.81, "yes")):
        table = run_quality(
            RUNS, QUALITY, regions, strategies, primary="24P", min_coverage=least
        ).set_index("run")
        assert table.loc["r1", "dropout_sgACC"] == lost
        shown = ["coverage_sgACC", "tsnr_sgACC", "intensity_sgACC"]
        assert table.loc["r1", shown].tolist() == [0.8, 40, 0.9]


def test_header_and_sidecar_are_compared():
    agree = tables()[0].set_index("run")["repetition_times_agree"]
    assert agree[["r1", "r2"]].tolist() == ["yes", "no"]
    assert agree[["r3", "r4", "r5"]].isna().all()


@pytest.mark.parametrize(
    ("share", "tsnr", "intensity", "lost"),
    [
        (1, 40, 900, "no"),
        (0.49, 40, 900, "yes"),
        (1, 24, 900, "yes"),  # the median tSNR of 24, 50 and 60 is 50
        (1, 26, 900, "no"),
        (1, 40, 499, "yes"),
        (1, 40, 501, "no"),
        (0, np.nan, np.nan, "yes"),
    ],
)
def test_signal_is_lost_where_coverage_tsnr_or_intensity_is_low(share, tsnr, intensity, lost):
    regions = region_quality(RUNS, {"r1": coverage(share, tsnr, intensity)})
    table = run_quality(
        RUNS, QUALITY, regions, strategy_quality(RUNS, QUALITY), primary="24P", min_coverage=0.5
    )
    assert table.set_index("run").loc["r1", "dropout_sgACC"] == lost


def test_regions_are_measured_against_the_middle_one():
    table = tables()[1].set_index(["run", "region"])
    assert len(table) == 4 * 3
    assert table.loc["r1", "intensity"].tolist() == pytest.approx([0.9, 1, 1.2])
    assert table.loc["r2", "tsnr"].tolist() == [20, 50, 60]
    assert table.loc["r5", ["n_voxels", "coverage", "tsnr", "intensity"]].isna().all(axis=None)


def test_intensity_has_no_share_of_a_middle_that_is_not_above_0():
    for middle in (0.0, -5.0):
        own = coverage(1, 40, 900).assign(intensity=[900.0, middle, middle - 1])
        assert region_quality(RUNS, {"r1": own})["intensity"].isna().all()


def test_every_strategy_says_what_it_cost_or_why_it_could_not_be_used():
    table = tables()[2].set_index(["run", "strategy"])
    shown = ["n_volumes", "n_regressors", "tdof", "tdof_lost", "status"]
    assert table.loc[("r2", "24P"), shown].tolist() == [95, 24, 60.5, 39.5, "ok"]
    assert table.loc[("r2", "36P"), ["status", "reason"]].tolist() == [
        "excluded", "too few are left",
    ]  # fmt: skip
    assert table.loc[("r2", "36P"), shown[:4]].isna().all()
    assert ("r4", "24P") not in table.index


def test_runs_of_a_session_are_put_together_and_subtracted():
    runs, regions, _ = tables()
    table = quality_change(runs, regions, DESIGN)
    assert len(table) == 3 * (len(MEASURES) - 1 + 3 * 4)
    whole = table[table["region"].isna()].set_index(["participant_id", "measure"])
    shown = ["pre", "post", "difference"]
    assert whole.loc[("sub-01", "n_volumes"), shown].tolist() == [300, 200, -100]
    assert whole.loc[("sub-01", "mean_fd"), shown].tolist() == pytest.approx([0.2, 0.5, 0.3])
    assert whole.loc[("sub-01", "max_fd"), shown].tolist() == pytest.approx([0.9, 1.5, 0.6])
    assert whole.loc[("sub-01", "tdof"), shown].tolist() == [210.5, 140, -70.5]
    assert whole.loc["sub-02", shown].isna().all(axis=None)
    assert whole.loc["sub-03", shown].isna().all(axis=None)
    assert whole.loc["sub-01", "arm"].eq("ketamine").all()
    sgacc = table[(table["region"] == "sgACC") & (table["participant_id"] == "sub-01")]
    assert sgacc.set_index("measure").loc["coverage", shown].tolist() == pytest.approx(
        [0.9, 0.4, -0.5]
    )
    assert sgacc.set_index("measure").loc["tsnr", shown].tolist() == [30, 40, 10]


@pytest.mark.parametrize("lost", [{"tdof": np.nan, "tdof_lost": np.nan}, {"status": "excluded"}])
def test_runs_that_the_primary_strategy_could_not_be_used_on_do_not_count(lost):
    runs, regions, _ = tables()
    runs.loc[runs["run"] == "r2", list(lost)] = list(lost.values())
    table = quality_change(runs, regions, DESIGN)
    own = table[(table["participant_id"] == "sub-01") & (table["measure"] == "n_volumes")]
    assert own["pre"].tolist() == [200]
    tsnr = table[(table["participant_id"] == "sub-01") & (table["measure"] == "tsnr")]
    assert tsnr.set_index("region")["pre"]["sgACC"] == 40


def test_a_study_whose_every_run_is_lost_has_rows_without_numbers():
    lost = dict.fromkeys(QUALITY, QUALITY["r5"])
    regions = region_quality(RUNS, dict.fromkeys(lost, UNREAD))
    strategies = strategy_quality(RUNS, lost)
    runs = run_quality(RUNS, lost, regions, strategies, primary="24P", min_coverage=0.5)
    table = quality_change(runs, regions, DESIGN)
    assert set(table["participant_id"]) == set(DESIGN.participants)
    assert table[["pre", "post", "difference"]].isna().all(axis=None)
    assert region_quality(RUNS, {}).empty
