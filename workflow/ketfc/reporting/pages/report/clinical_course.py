"""The clinical course as the report shows it: scores, their changes, and who responded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ketfc.reporting.tables import Table, table_of
from ketfc.reporting.words import as_number, is_missing, number
from ketfc.study.design.design import Design

NOTE = (
    "Description of the scores, whoever has usable images or not; nothing is compared between arms "
    "in this table, and nothing is predicted. Response and remission follow the rule of each "
    "instrument (config/instruments.yaml, or the study's own); dz is the mean change by the "
    "standard deviation of the changes, from within participants, and no effect of a treatment."
)

Row = Mapping[Any, Any]
"""A row of ``clinical/summary.tsv``."""

_FLOOR = {"floor": ("floor", "lowest"), "ceiling": ("ceiling", "highest")}


def clinical_course(summary: pd.DataFrame, design: Design) -> tuple[list[str], Table]:
    """Return the report's section on the clinical course.

    Parameters
    ----------
    summary : pandas.DataFrame
        ``clinical/summary.tsv``.

    Returns
    -------
    sentences : list of str
        Floor and ceiling effects, and changes in per cent that rest on low baseline scores.
    table : Table
        A row per scale, part of the study and comparison.
    """
    sessions = {**design.sessions, "change": "change"}
    totals = summary[summary["item"] != "si-item"]
    levels = totals[totals["reference"].isna() & (totals["role"] != "change")]
    changes = totals[totals["reference"].notna() | (totals["role"] == "change")]
    means = {_place(row, row["role"]): row for row in levels.to_dict("records")}
    rows = []
    for row in changes.to_dict("records"):
        before = means.get(_place(row, row["reference"]), {})
        after = means.get(_place(row, row["role"]), {}) if row["role"] != "change" else {}
        known = "change" if row["role"] == "change" else None
        rows.append(
            {
                "score": _score(row),
                "in": row["level"],
                "sessions": known or f"{sessions[row['reference']]} → {sessions[row['role']]}",
                "before": _mean(before),
                "after": _mean(after),
                "n": number(row["n"], 0),
                "lacking": number(row["n_missing"], 0),
                "change": _mean(row),
                "dz": number(row["dz"]),
                "response": _share(row, "response"),
                "remission": _share(row, "remission"),
            }
        )
    return _remarks(levels, changes, sessions), table_of(pd.DataFrame(rows))


def _place(row: Row, role: Any) -> tuple[str, ...]:
    return (*(str(row[key]) for key in ("by", "level", "scale", "item")), str(role))


def _score(row: Row) -> str:
    without = " without its suicide item" if row["item"] == "total-less-si-item" else ""
    return f"{row['instrument']}{without}"


def _mean(row: Row) -> str:
    if is_missing(row.get("mean")):
        return "n/a"
    sd = "" if is_missing(row["sd"]) else f" ± {number(row['sd'])}"
    return f"{number(row['mean'])}{sd}"


def _share(row: Row, name: str) -> str:
    if is_missing(row[f"of_{name}"]):
        return "n/a"
    return f"{number(row[f'n_{name}'], 0)} of {number(row[f'of_{name}'], 0)}"


def _remarks(levels: pd.DataFrame, changes: pd.DataFrame, sessions: Mapping[str, str]) -> list[str]:
    found = []
    for row in levels.to_dict("records"):
        flags = "" if is_missing(row["flags"]) else str(row["flags"])
        for name, (effect, end) in _FLOOR.items():
            if name in flags:
                share = 100 * as_number(row[name])
                found.append(
                    f"{_score(row)} at {sessions[row['role']]} ({row['level']}): {share:.0f} % of "
                    f"{number(row['n'], 0)} have the {end} possible score, a {effect} effect (more "
                    "than 15 %), so that changes beyond it cannot be seen."
                )
    return found + [
        f"{_score(row)} to {sessions[row['role']]} ({row['level']}): {row['flags']}, where change "
        "in per cent and response are unstable, or undefined at 0."
        for row in changes.to_dict("records")
        if not is_missing(row["flags"]) and row["reference"] == "pre"
    ]
