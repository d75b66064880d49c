"""Completers and drop-outs at baseline: sentences, a table and a paragraph of the methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.inference.account.attrition import ANALYSED, SCANNED
from ketfc.reporting.tables import Table, flags_of, text_table
from ketfc.reporting.words import as_number, interval, number, sentence
from ketfc.study.design.design import Design

_COMPARISONS = {SCANNED: "scanned again", ANALYSED: "usable at both sessions"}


@dataclass(frozen=True)
class AttritionSection:
    """The report's section on who came back: a sentence per comparison, and the table."""

    sentences: list[str]
    table: Table


def attrition_section(attrition: pd.DataFrame, design: Design) -> AttritionSection:
    """Return the report's section on who came back.

    Parameters
    ----------
    attrition : pandas.DataFrame
        ``tests/attrition.tsv``.
    design : Design
        The study's design.
    """
    if attrition.empty:
        why = "There is no session before the drugs at which drop-outs could be described."
        return AttritionSection([why], text_table([], {}))
    said = []
    for keys, own in attrition.groupby(["followup", "comparison"], sort=False):
        followup, comparison = map(str, keys)
        counts = own.drop_duplicates("arm")
        # of arms the counts of everybody are the sum
        counts = counts[counts["arm"] != "all"] if len(counts) > 1 else counts
        parts = [
            f"{number(row['completers'], 0)} of "
            f"{number(as_number(row['completers']) + as_number(row['dropouts']), 0)}"
            + ("" if row["arm"] == "all" else f" in the {row['arm']} arm")
            for row in counts.to_dict("records")
        ]
        said.append(f"{sentence(followup)}, {_COMPARISONS[comparison]}: {listed(parts)}.")
    shown = attrition[
        pd.to_numeric(attrition["dropouts"]).gt(0) & pd.to_numeric(attrition["completers"]).gt(0)
    ]
    if shown.empty:
        said.append("There are not both completers and drop-outs, so nothing is to be compared.")
    else:
        said.append(
            "Differences are completers − drop-outs, without a test: in few drop-outs a high p "
            "would not show that they are alike. A standardised difference counts pooled standard "
            "deviations."
        )
    rows = [_row(row, design) for row in shown.to_dict("records")]
    kinds = dict.fromkeys(("follow-up", "completers are", "arm", "flags"), "short")
    return AttritionSection(said, text_table(rows, {"at baseline": "mid", **kinds}))


def _row(row: dict[Any, Any], design: Design) -> dict[str, str]:
    digits = 1 if row["kind"] in ("score", "covariate") else 2

    def side(name: str) -> str:
        mean, sd = (number(row[f"{what}_{name}"], digits) for what in ("mean", "sd"))
        return f"{mean} ± {sd} ({number(row[f'n_{name}'], 0)})"

    return {
        "follow-up": str(row["followup"]),
        "completers are": _COMPARISONS[str(row["comparison"])],
        "arm": str(row["arm"]),
        "at baseline": sentence(str(row["variable"])),
        "completers": side("completers"),
        "drop-outs": side("dropouts"),
        "difference": number(row["difference"], digits, signed=True),
        "interval": interval(row["ci_low"], row["ci_high"], digits),
        "standardised": number(row["standardised_difference"], signed=True),
        "flags": flags_of(row),
    }


def attrition_methods(attrition: pd.DataFrame) -> list[str]:
    """Return the paragraph of the methods on who came back; nothing where everybody did.

    From ``tests/attrition.tsv``.
    """
    everybody = attrition[attrition["arm"] == "all"].drop_duplicates(["followup", "comparison"])
    away = everybody[pd.to_numeric(everybody["dropouts"]).gt(0)]
    if away.empty:
        return []
    parts = [
        f"{plural(int(as_number(row['dropouts'])), 'participant')} not "
        f"{_COMPARISONS[str(row['comparison'])]} ({row['followup']})"
        for row in away.to_dict("records")
    ]
    return [
        f"Completers were compared with drop-outs ({listed(parts)}) at baseline, over everybody "
        "and by arm, in scores, motion, numeric covariates and connectivity: differences with "
        "Welch's intervals and standardised differences [@austin2009], without tests "
        "[@altman1985] (`tests/attrition.tsv`). Missing sessions were not filled in."
    ]
