"""The quality of the runs as the report sums it up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from made_design import design_of

from ketfc.reporting.pages.report.quality_summary import quality_summary

DESIGN = design_of(
    {
        "arms": {"ketamine": "esketamine", "control": "midazolam"},
        "sessions": {"pre": "1", "post": "2"},
        "participants": {"a": "ketamine", "b": "ketamine", "c": "control"},
    }
)


def runs() -> pd.DataFrame:
    rows = [
        ("a", "pre", "ok", 0.1, 0.02, "50", "no"),
        ("b", "pre", "ok", 0.3, 0.04, "30", "yes"),
        ("b", "pre", "excluded", 2.0, 0.9, "10", "yes"),
        ("a", "post", "ok", 0.2, np.nan, None, None),
        ("c", "pre", "excluded", 1.0, 0.5, "40", "no"),
    ]
    columns = ["participant_id", "role", "status", "mean_fd", "share_censored"]
    return pd.DataFrame(rows, columns=[*columns, "tsnr_sgACC", "dropout_sgACC"])


def test_runs_that_were_used_are_summed_up_by_arm_and_session():
    table = quality_summary(runs(), DESIGN)
    assert table.columns == [
        "arm", "session", "runs used", "mean FD, mm", "censored, %", "tSNR sgACC (lost)",
    ]  # fmt: skip
    assert table.rows == [
        ["esketamine", "pre", "2 of 3", "0.20 (0.14)", "3 (1)", "40 (14), lost in 1"],
        ["esketamine", "post", "1 of 1", "0.20", "n/a", "n/a, lost in 0"],
        ["midazolam", "pre", "0 of 1", "n/a", "n/a", "n/a, lost in 0"],
        ["midazolam", "post", "0 of 0", "n/a", "n/a", "n/a, lost in 0"],
    ]


def test_of_too_few_participants_nothing_is_told():
    table = quality_summary(runs(), DESIGN, fewest=2)
    assert table.rows[:2] == [
        ["esketamine", "pre", "2 of 3", "0.20 (0.14)", "3 (1)", "40 (14), lost in 1"],
        ["esketamine", "post", "of fewer than 2 participants", "n/a", "n/a", "n/a, lost in 0"],
    ]


def test_without_arms_everybody_is_in_one_row_per_session():
    design = replace(DESIGN, arms={}, participants=dict.fromkeys("abc"))
    table = quality_summary(runs(), design)
    assert [row[:3] for row in table.rows] == [
        ["all participants", "pre", "2 of 4"],
        ["all participants", "post", "1 of 1"],
    ]
