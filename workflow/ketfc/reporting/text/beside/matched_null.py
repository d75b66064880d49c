"""Circuits ranked among matched pairs of spheres: a table and a paragraph of the methods."""

from __future__ import annotations

import pandas as pd

from ketfc.reporting.tables import Table, text_table
from ketfc.reporting.words import is_missing, number, sentence


def matched_table(null: pd.DataFrame, hypotheses: pd.DataFrame) -> Table:
    """Return the percentile of each circuit's change among matched pairs, with reservations.

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
        notes = [] if is_missing(row["unmatched"]) else [f"no pairs alike in {row['unmatched']}"]
        notes += [] if is_missing(row["reason"]) else [str(row["reason"])]
        rows.append(
            {
                "circuit": sentence(str(names.get(row["circuit"], row["circuit"]))),
                "percentile": number(row["percentile"], 1),
                "pseudo-circuits": number(row["n_null"], 0),
                "reservation": "; ".join(notes) or "none",
            }
        )
    return text_table(rows, {"circuit": "mid", "reservation": "mid"})


def matched_sentences(null: pd.DataFrame) -> list[str]:
    """Return the paragraph of the methods on the ranking among matched pairs.

    From ``tests/matched_null.tsv``.
    """
    if null.empty:
        return []
    text = (
        "The change of each circuit was ranked by the size of its t among pseudo-circuits of "
        "pairs of cortical spheres matched to its edges in voxels, tSNR and distance, each tested "
        "with the model of the circuit's own test, covariates and sites included. The "
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
