"""Tables as the report prints them: text, rounded for reading."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.base.files import MISSING
from ketfc.inference.families import MODERATION, SENSITIVITY
from ketfc.reporting.words import (
    as_number,
    bayes,
    compact,
    interval,
    is_missing,
    number,
    p_value,
    sentence,
    whole,
)


@dataclass(frozen=True)
class Table:
    """A table of text, ready to be printed.

    Attributes
    ----------
    columns : list of str
        Headings.
    rows : list of list of str
        The cells that are shown.
    kinds : list of str
        By column ``num``, or ``short``, ``mid`` and ``wide`` for text by its length.
    total : int
        Rows of the whole table.
    note : str
        What is not shown, and where it is.
    """

    columns: list[str]
    rows: list[list[str]]
    kinds: list[str]
    total: int
    note: str = ""


def results(hypotheses: pd.DataFrame, *, primary: bool) -> Table:
    """Return the tests of the primary families, or all others, rounded for reading."""
    of_primary = hypotheses["family"].astype(str).str.startswith("primary")
    rows = []
    # other definitions of a circuit have a table of their own, and so has moderation
    shown = (of_primary == primary) & ~hypotheses["family"].isin([SENSITIVITY, MODERATION])
    for row in hypotheses[shown].to_dict("records"):
        effect = number(row["effect_size"], 2)
        if effect != MISSING:
            effect += f", {row['effect_size_type']}"
        rows.append(
            [
                sentence(str(row["name"])),
                str(row["test"]),
                number(row["estimate"], signed=True),
                interval(row["ci_low"], row["ci_high"]),
                effect,
                p_value(row["p_permutation"]),
                p_value(row["p_holm"]),
                p_value(row["p_fwer" if primary else "p_fdr"]),
                bayes(row["bf10"]),
                whole(row["n"]),
                whole(row["n_excluded"]),
                MISSING if is_missing(row["flags"]) else str(row["flags"]).replace(";", ", "),
            ]
        )
    kinds = {
        "hypothesis": "mid",
        "test": "short",
        "estimate": "num",
        "interval": "num",
        "effect size": "mid",
        "p": "num",
        "p (Holm)": "num",
        "p (max t)" if primary else "p (FDR)": "num",
        "BF10": "num",
        "n": "num",
        "left out": "num",
        "flags": "mid",
    }
    return Table(columns=list(kinds), rows=rows, kinds=list(kinds.values()), total=len(rows))


def full_results(hypotheses: pd.DataFrame) -> Table:
    """Return every row and column of the table of tests."""
    return table_of(hypotheses, file="tests/hypotheses.tsv")


def table_of(
    table: pd.DataFrame,
    *,
    most: int | None = None,
    file: str = "",
    digits: Mapping[str, int] | None = None,
) -> Table:
    """Return any table as text, ``n/a`` where missing.

    Parameters
    ----------
    table : pandas.DataFrame
        Numbers have three significant digits, or as many decimals as `digits` says.
    most : int, optional
        Rows to show; the note says how many there are.
    file : str
        Where the whole table is.
    digits : mapping of str to int, optional
        Decimals by column.
    """
    digits = digits or {}
    shown = table if most is None else table.head(most)
    columns, kinds = [], []
    for name in table.columns:
        number_like = _is_number(table[name])
        cells = [
            number(value, digits[name]) if name in digits else _cell(value, number_like)
            for value in shown[name]
        ]
        longest = max(map(len, cells), default=0)
        kinds.append(
            "num"
            if number_like
            else "short"
            if longest <= 32
            else "mid"
            if longest <= 60
            else "wide"
        )
        columns.append(cells)
    note = ""
    if len(shown) < len(table):
        note = f"The first {len(shown)} of {len(table)} rows; all are in {file}."
    return Table(
        columns=[str(name).replace("_", " ") for name in table.columns],
        rows=[list(row) for row in zip(*columns, strict=True)],
        kinds=kinds,
        total=len(table),
        note=note,
    )


def _is_number(values: pd.Series[Any]) -> bool:
    """Return whether a column has numbers and nothing else, so that text is never rounded."""
    present = [value for value in values if not is_missing(value)]
    return bool(present) and not any(
        isinstance(value, bool) or math.isnan(as_number(value)) for value in present
    )


def _cell(value: Any, is_number: bool) -> str:
    if is_missing(value):
        return MISSING
    return compact(as_number(value)) if is_number else str(value)
