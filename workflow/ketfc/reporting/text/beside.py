"""What stands beside the tests: other definitions, matched pairs, and the habenula's verdict."""

from __future__ import annotations

from math import isnan

import pandas as pd

from ketfc.base.files import MISSING
from ketfc.reporting.results import Table
from ketfc.reporting.words import (
    as_number,
    interval,
    is_missing,
    number,
    p_value,
    sentence,
    whole,
)

SENSITIVITY = "sensitivity"
"""The family of tests of other definitions."""


def alternatives_table(hypotheses: pd.DataFrame) -> Table:
    """Return the tests of other definitions beside what the circuit's own test found.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``; the hypothesis of another definition is called
        ``circuit.region-definition``.
    """
    own = {(str(row["hypothesis"]), str(row["test"])): row for row in hypotheses.to_dict("records")}
    rows = []
    for row in hypotheses[hypotheses["family"] == SENSITIVITY].to_dict("records"):
        circuit, _, definition = str(row["hypothesis"]).rpartition(".")
        region, _, alternative = definition.partition("-")
        test = str(row["test"])
        main = own.get((circuit, test), {})
        ends = as_number(row["estimate"]), as_number(main.get("estimate"))
        same = MISSING if any(map(isnan, ends)) else "yes" if ends[0] * ends[1] > 0 else "no"
        rows.append(
            [
                sentence(str(main.get("name", circuit))),
                region,
                alternative,
                test,
                number(row["estimate"], signed=True),
                interval(row["ci_low"], row["ci_high"]),
                p_value(row["p_permutation"]),
                same,
                whole(row["n"]),
            ]
        )
    kinds = {
        "circuit": "mid",
        "region": "short",
        "defined as": "short",
        "test": "short",
        "estimate": "num",
        "interval": "num",
        "p (uncorrected)": "num",
        "same sign": "short",
        "n": "num",
    }
    return Table(columns=list(kinds), rows=rows, kinds=list(kinds.values()), total=len(rows))


def matched_table(null: pd.DataFrame, hypotheses: pd.DataFrame) -> Table:
    """Return where matched pairs put each circuit's change, and why they do not.

    Parameters
    ----------
    null : pandas.DataFrame
        ``tests/matched_null.tsv``.
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``, for the circuits' names.
    """
    names = dict(zip(hypotheses["hypothesis"], hypotheses["name"], strict=True))
    rows = []
    for row in null.to_dict("records"):
        notes = [
            None if is_missing(row["unmatched"]) else f"no pairs alike in {row['unmatched']}",
            None if is_missing(row["reason"]) else str(row["reason"]),
        ]
        rows.append(
            [
                sentence(str(names.get(row["circuit"], row["circuit"]))),
                number(row["percentile"], 1),
                whole(row["n_null"]),
                "; ".join(note for note in notes if note) or "none",
            ]
        )
    kinds = {"circuit": "mid", "percentile": "num", "pseudo-circuits": "num", "reservation": "mid"}
    return Table(columns=list(kinds), rows=rows, kinds=list(kinds.values()), total=len(rows))


def matched_sentences(null: pd.DataFrame) -> list[str]:
    """Return how circuits were ranked among matched pairs, for the methods.

    Parameters
    ----------
    null : pandas.DataFrame
        ``tests/matched_null.tsv``.
    """
    if null.empty:
        return []
    text = (
        "The change of each circuit was ranked by the size of its t among pseudo-circuits of "
        "pairs of cortical spheres matched to its edges in voxels, tSNR and distance. The "
        "percentile is about anatomical specificity and is not a p value."
    )
    unranked = [
        str(row["circuit"]) for row in null.to_dict("records") if is_missing(row["percentile"])
    ]
    unlike = [
        f"{row['circuit']} ({row['unmatched']})"
        for row in null.to_dict("records")
        if not is_missing(row["unmatched"])
    ]
    if unlike:
        text += f" No pairs were alike for {', '.join(unlike)}."
    if unranked:
        text += f" There is no percentile for {', '.join(unranked)}; the table tells why."
    return [text]
