"""Exclusions of imaging, each with the number that decided it."""

from __future__ import annotations

import json

import pandas as pd

from ketfc.imaging.group.excluded_runs import EXCLUSION_COLUMNS, excluded_runs

RUNS = pd.DataFrame(
    {
        "run": ["good", "short", "broken", "unplanned"],
        "participant_id": ["sub-01", "sub-02", "sub-03", "sub-04"],
        "session": ["pre", "pre", "pre", "01"],
        "reason": [None, None, None, "the run has no brain mask"],
    }
)
OK = {"status": "ok"}
LOST = {
    "status": "excluded",
    "rule": "degrees-of-freedom",
    "value": 4.2,
    "threshold": 10.0,
    "reason": "too few are left",
}
CUT = {
    "status": "excluded",
    "rule": "damaged-image",
    "value": None,
    "threshold": None,
    "reason": "bold.nii.gz is truncated",
}
# as it comes from a file
QUALITY = json.loads(json.dumps({
    "good": OK | {"strategies": {"24P": OK, "36P": LOST}},
    "short": LOST | {"rule": "min-time", "strategies": {"24P": LOST, "36P": LOST}},
    "broken": CUT | {"strategies": {"24P": CUT, "36P": CUT}},
}))  # fmt: skip


def coverage(share: float | None) -> dict[str, pd.DataFrame]:
    shares = [1.0, share, 0.5]
    table = pd.DataFrame(
        {"region": ["a", "b", "c"], "n_voxels": [10.0, 20, 8], "coverage": shares}, dtype=object
    ).astype({"n_voxels": float, "coverage": float})
    table["n_covered"] = table["n_voxels"] * table["coverage"]
    table["n_shared"], table["coverage_shared"] = table["n_covered"], table["coverage"]
    return {"Circuits": table}


def listed(min_coverage: float = 0.5) -> pd.DataFrame:
    found = {"good": coverage(0.25), "short": coverage(0.0), "broken": coverage(None)}
    return excluded_runs(RUNS, QUALITY, found, min_coverage)


def test_every_exclusion_has_a_row_and_nothing_else_has():
    table = listed()
    assert tuple(table.columns) == EXCLUSION_COLUMNS
    rows = table[["run", "stage", "rule", "strategy", "region"]].fillna("-").to_numpy().tolist()
    assert rows == [
        ["good", "imaging", "degrees-of-freedom", "36P", "-"],
        ["good", "region", "min-coverage", "-", "Circuits:b"],
        ["short", "imaging", "min-time", "-", "-"],
        ["short", "region", "min-coverage", "-", "Circuits:b"],
        ["broken", "imaging", "damaged-image", "-", "-"],
        ["unplanned", "plan", "missing-file", "-", "-"],
    ]


def test_rows_say_who_what_decided_and_what_follows():
    table = listed().set_index(["run", "stage"])
    lost = table.loc[("good", "imaging")]
    assert (lost["participant_id"], lost["session"]) == ("sub-01", "pre")
    assert (lost["value"], lost["threshold"], lost["reason"]) == (4.2, 10.0, "too few are left")
    assert lost["consequence"] == "strategy n/a for this run"
    assert table.loc[("short", "imaging"), "consequence"] == "run not used"
    region = table.loc[("good", "region")]
    assert (region["value"], region["threshold"]) == (0.25, 0.5)
    assert region["reason"] == (
        "5 of 20 voxels lie in the brain mask and have signal in all sessions of the participant "
        "(5 in this run)"
    )
    assert region["consequence"] == "region n/a for this run"
    planned = table.loc[("unplanned", "plan")]
    assert (planned["session"], planned["reason"]) == ("01", "the run has no brain mask")


def test_without_a_threshold_only_regions_without_any_voxel_are_listed():
    table = listed(0.0)
    assert table.loc[table["stage"] == "region", "run"].tolist() == ["short"]


def test_where_nothing_is_excluded_the_table_has_its_columns_only():
    table = excluded_runs(
        RUNS[:1], {"good": OK | {"strategies": {"24P": OK}}}, {"good": coverage(1.0)}, 0.5
    )
    assert tuple(table.columns) == EXCLUSION_COLUMNS
    assert len(table) == 0


def test_every_row_says_what_it_leaves_out_and_what_a_lab_left_out_is_told_apart():
    table = listed()
    units = table[["run", "unit", "stage"]].to_numpy().tolist()
    assert units[:3] == [
        ["good", "strategy", "imaging"],
        ["good", "region", "region"],
        ["short", "run", "imaging"],
    ]
    runs = RUNS[3:].assign(rule="manual", reason="left out by hand: asleep")
    (row,) = excluded_runs(runs, {}, {}, 0.5).to_dict("records")
    assert (row["stage"], row["unit"], row["rule"]) == ("manual", "run", "manual")
    assert (row["consequence"], row["reason"]) == ("run not used", "left out by hand: asleep")


def test_what_activity_alone_could_not_use_is_listed_once_and_what_is_out_anyway_is_not_again():
    decided = {"rule": "activity-band", "value": 0.06, "threshold": 0.08}
    lost = {"Excluded": "sampled too slowly", "ExcludedBy": decided}
    fine = {"Excluded": None, "ExcludedBy": None}
    activity = {
        "good": {"Description": "words", "24P": lost, "36P": lost | {"Excluded": "too few"}},
        "short": {"24P": lost, "36P": lost},
        "broken": {"24P": fine},
    }
    found = {"good": coverage(1.0), "short": coverage(1.0), "broken": coverage(1.0)}
    table = excluded_runs(RUNS, QUALITY, found, 0.5, activity)
    before = excluded_runs(RUNS, QUALITY, found, 0.5)
    (row,) = table[table["consequence"] == "activity n/a for this run"].to_dict("records")
    assert len(table) == len(before) + 1
    assert (row["run"], row["strategy"], row["unit"]) == ("good", "24P", "activity")
    assert (row["rule"], row["value"], row["threshold"]) == ("activity-band", 0.06, 0.08)
    assert row["reason"] == "sampled too slowly"


def test_regions_without_a_value_are_listed_of_what_was_computed_elsewhere():
    runs = pd.DataFrame(
        {
            "run": ["a", "b"],
            "participant_id": ["sub-01", "sub-02"],
            "session": "pre",
            "status": ["ok", "excluded"],
            "rule": [None, "unreadable"],
            "reason": [None, "is no matrix"],
        }
    )
    regions = pd.DataFrame(
        {
            "run": ["a", "a"],
            "participant_id": "sub-01",
            "session": "pre",
            "region": ["sgACC", "dACC"],
            "note": [None, "Cing has no correlation in this run"],
        }
    )
    # a run that was read needs no row, though nothing was processed
    run, region = excluded_runs(runs, {}, {}, 0.5, given=regions).to_dict("records")
    assert (run["run"], run["stage"], run["rule"]) == ("b", "plan", "unreadable")
    shown = ("run", "stage", "unit", "region", "rule", "consequence", "reason")
    assert [region[key] for key in shown] == [
        "a", "region", "region", "Circuits:dACC", "parcel", "region n/a for this run",
        "Cing has no correlation in this run",
    ]  # fmt: skip
