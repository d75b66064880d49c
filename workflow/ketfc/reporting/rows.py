"""Rows and settings looked up in the result tables and the config."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ketfc.base.files import MISSING
from ketfc.inference.motion.gate import FOLLOWS
from ketfc.reporting.words import as_number, interval, is_missing, number, p_equals


def numeric(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return a copy of `table` with these columns as float64, NaN for what is no number."""
    table = table.copy()
    for column in columns:
        table[column] = pd.to_numeric(table[column], errors="coerce").astype(float)
    return table


def ascending(table: pd.DataFrame, value: str, by: list[str], *, place: str) -> pd.DataFrame:
    """Return a table with the place of each row within its group, in ascending order from 1.

    Parameters
    ----------
    table : pandas.DataFrame
        With a number in every row of column `value`; equal ones keep their order.
    value, place : str
        Columns of the values and of their places.
    by : list of str
        Columns that tell the groups apart.
    """
    places = table.groupby(by)[value].rank(method="first").astype(int)
    return table.assign(**{place: places}).reset_index(drop=True)


def primary_circuits(hypotheses: pd.DataFrame) -> dict[str, str]:
    """Return id and name of the circuits of the primary hypotheses, in the table's order."""
    family = hypotheses["family"].astype(str)
    rows = hypotheses[family.str.startswith("primary")]
    return {
        str(circuit): str(circuit if is_missing(name) else name)
        for circuit, name in zip(rows["hypothesis"], rows["name"], strict=True)
    }


def hypothesis_row(hypotheses: pd.DataFrame, circuit: str, test: str) -> dict[str, Any] | None:
    """Return the row of one hypothesis × test as a dict, or None if it was not run."""
    rows = hypotheses[(hypotheses["hypothesis"] == circuit) & (hypotheses["test"] == test)]
    return None if rows.empty else {str(key): value for key, value in rows.iloc[0].items()}


STATES = {"found": "evidence", "open": "no evidence", "none": "no result"}
"""Words for what a test says once its p is corrected."""


def state_of(row: Mapping[Any, Any], alpha: float) -> str:
    """Return ``found`` (p after Holm not above alpha), ``open`` (above) or ``none`` (no result)."""
    estimate, p = as_number(row["estimate"]), as_number(row["p_holm"])
    if math.isnan(estimate) or math.isnan(p):
        return "none"
    return "found" if p <= alpha else "open"


CLOUD_FROM = 8
"""Fewer changes than these are shown as points alone: their density would be an invention."""

MOTION_MARK = "▲"
"""Stands in figures beside a circuit whose change follows the change in head motion."""


def motion_row(
    motion: pd.DataFrame, circuit: str | None, strategy: str | None, test: str
) -> dict[str, Any] | None:
    """Return the row of ``quality/motion.tsv`` of one test as a dict, or None if there is none.

    Without a circuit and a strategy: the test whether mean FD itself changed.
    """
    rows = motion[(motion["measure"] == "mean_fd") & (motion["test"] == test)]
    for column, wanted in (("circuit", circuit), ("strategy", strategy)):
        rows = rows[rows[column].isna() if wanted is None else rows[column] == wanted]
    return None if rows.empty else {str(key): value for key, value in rows.iloc[0].items()}


def corrected_interval(row: Mapping[Any, Any]) -> str:
    """Return the interval that belongs to the p after Holm of a row of hypotheses.tsv."""
    return interval(row["ci_holm_low"], row["ci_holm_high"])


def result_line(
    row: Mapping[str, Any] | None, symbol: str, untested: str, *, p: str = "p_holm", sep: str = "\n"
) -> str:
    """Return estimate, interval, p and n of a test as a figure prints them, or `untested`.

    Beside the p after Holm stands the interval that belongs to it.
    """
    if row is None or number(row["estimate"]) == MISSING:
        return untested
    name = "p(Holm)" if p == "p_holm" else "p"
    ends = corrected_interval(row) if p == "p_holm" else interval(row["ci_low"], row["ci_high"])
    return (
        f"{symbol} {number(row['estimate'], signed=True)} {ends}{sep}{p_equals(row[p], name)}, "
        f"n = {number(row['n'], 0)}"
    )


def motion_mark(row: Mapping[str, Any] | None) -> str:
    """Return the mark of a row of ``tests/hypotheses.tsv`` that follows motion, else nothing."""
    return f" {MOTION_MARK} motion" if row and FOLLOWS in str(row["flags"]).split(";") else ""


def any_follows_motion(hypotheses: pd.DataFrame) -> bool:
    """Return whether any row of ``tests/hypotheses.tsv`` is flagged as following motion."""
    return any(motion_mark({"flags": flags}) for flags in hypotheses["flags"])


def setting(config: Mapping[str, Any], section: str, key: str) -> Any:
    """Return one value of a config whose keys are spelt as in the YAML file; None if absent."""
    return (config.get(section) or {}).get(key)


def exclusion_counts(exclusions: pd.DataFrame) -> pd.DataFrame:
    """Count, by rule, the exclusions and the participants they concern.

    Parameters
    ----------
    exclusions : pandas.DataFrame
        ``quality/exclusions.tsv``. In its stage ``test`` a rule is a circuit and a test; here the
        circuits of one test are counted together.

    Returns
    -------
    pandas.DataFrame
        Columns stage, rule, consequence, rows, participants.
    """
    keys = ["stage", "rule", "consequence"]
    if exclusions.empty:
        return pd.DataFrame(columns=[*keys, "rows", "participants"])
    of_tests = exclusions["stage"] == "test"
    test = exclusions["rule"].str.split(" / ").str[-1]
    table = exclusions.assign(rule=exclusions["rule"].mask(of_tests, test))
    grouped = table.groupby(keys, dropna=False)
    counts = grouped.agg(rows=("stage", "size"), participants=("participant_id", "nunique"))
    return counts.reset_index()
