"""Reliability of the circuits: sentences, a table and a paragraph of the methods."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketfc.base.english import listed
from ketfc.inference.reliability.table import NOWHERE, SUPPLIED
from ketfc.reporting.tables import Table, flags_of, text_table
from ketfc.reporting.words import as_text, interval, number, sentence

SOURCES = {
    "control-arm": "sessions of the control arm",
    "control-drug": "sessions around the control drug",
    "healthy-controls": "sessions of healthy controls",
    "runs": "runs of one session",
    SUPPLIED: "supplied in the config",
    NOWHERE: "nothing measured twice",
}
"""Sources of ``tests/reliability.tsv`` in words."""


@dataclass(frozen=True)
class ReliabilitySection:
    """The report's section on reliability: sentences, the table, and what its sources are."""

    sentences: list[str]
    table: Table
    notes: list[str]


def reliability_section(reliability: pd.DataFrame) -> ReliabilitySection:
    """Return the report's section on reliability.

    From ``tests/reliability.tsv``.
    """
    notes = dict.fromkeys(
        f"{sentence(SOURCES[str(source)])}: {as_text(note)}."
        for source, note in zip(reliability["source"], reliability["note"], strict=True)
    )
    return ReliabilitySection(_sentences(reliability), _table(reliability), list(notes))


def _sentences(reliability: pd.DataFrame) -> list[str]:
    used = reliability[reliability["used"] == "yes"]
    lack = reliability.loc[reliability["source"] == NOWHERE, "name"].astype(str)
    said = []
    for source in dict.fromkeys(used["source"].astype(str)):
        own = used[used["source"] == source]
        span = _span(own["session_icc"])
        if source == SUPPLIED:
            said.append(
                f"The reliability of a session, {span}, was supplied in the config: it was not "
                "measured in this study."
            )
        elif span:
            said.append(
                f"The reliability of a session (ICC for agreement) was {span}, estimated from "
                f"{SOURCES[source]}."
            )
    shares = _span(used["true_share"])
    if shares:
        said.append(
            f"Of the variance of the changes {shares} was more than error of measurement (below "
            "0: no more than error brings about). Correlations with a change shrink by the root of "
            "that share: where it is low, to find none says little."
        )
    if len(lack):
        said.append(f"Nothing tells how reliable these are: {listed(list(lack))}.")
    return said


def _span(values: pd.Series[float]) -> str:
    known = pd.to_numeric(values, errors="coerce").dropna()
    if not len(known):
        return ""
    low, high = number(known.min()), number(known.max())
    return low if low == high else f"{low} to {high}"


def _table(reliability: pd.DataFrame) -> Table:
    rows = [
        {
            "circuit": sentence(str(row["name"])),
            "from": SOURCES[str(row["source"])],
            "used": str(row["used"]),
            "n": number(row["n"], 0),
            "measurements": number(row["k"], 0),
            "ICC(2,1)": number(row["icc"]),
            "interval": interval(row["ci_low"], row["ci_high"]),
            "ICC of a session": number(row["session_icc"]),
            "error SD, Fisher z": number(row["error_sd"]),
            "true share of the change": number(row["true_share"]),
            "its interval": interval(row["true_ci_low"], row["true_ci_high"]),
            "flags": flags_of(row),
        }
        for row in reliability.to_dict("records")
    ]
    return text_table(rows, {"circuit": "mid", "from": "mid", "used": "short", "flags": "short"})


def reliability_methods(reliability: pd.DataFrame) -> list[str]:
    """Return the paragraph of the methods on reliability.

    From ``tests/reliability.tsv``.
    """
    sources = dict.fromkeys(reliability["source"].astype(str))
    own = [SOURCES[source] for source in sources if source not in (SUPPLIED, NOWHERE)]
    if own:
        text = (
            f"Reliability was estimated from {listed(own)} as the intraclass correlation for "
            "agreement of single measurements, ICC(2,1), with its F interval [@mcgraw1996]; "
            "that of a change as 1 − 2 σ² / Var(change), σ² being the error variance of a session"
        )
        text += " (of several runs, of their mean)." if "runs" in sources else "."
    elif SUPPLIED in sources:
        text = (
            "No reliability could be estimated from this study; the one supplied in the config "
            "was taken, without an interval. That of a change is 1 − 2 σ² / Var(change), σ² being "
            "the error variance of a session."
        )
    else:
        return []
    return [f"{text} It decides nothing (`tests/reliability.tsv`)."]
