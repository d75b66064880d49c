"""Tables as the report prints them: text, rounded for reading."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd

from ketfc.base.english import listed
from ketfc.base.files import MISSING
from ketfc.inference.families import BASELINE, MODERATION, SENSITIVITY
from ketfc.reporting.words import (
    MINUS,
    Rounded,
    as_number,
    as_text,
    bayes,
    compact,
    interval,
    is_missing,
    number,
    p_value,
    sentence,
    span,
)

LEGIBLE = 3.0
"""An effect size above this many standard deviations tells of a small SD: the groups would hardly
share a value."""

_APPROXIMATE = "approximate"
"""Stands in the kind of a Bayes factor that is."""


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
    note : str
        What is not shown, and where it is.
    people : list of str
        By row the participant whom it is about; empty where no row is about one.
    """

    columns: list[str]
    rows: list[list[str]]
    kinds: list[str]
    note: str = ""
    people: list[str] = field(default_factory=list)


def text_table(
    rows: Sequence[Mapping[str, str]], kinds: Mapping[str, str], note: str = ""
) -> Table:
    """Return rows of finished text by heading; columns without a kind are ``num``."""
    columns = list(rows[0]) if rows else []
    of = [kinds.get(name, "num") for name in columns]
    return Table(columns, [list(row.values()) for row in rows], of, note)


def flags_of(row: Mapping[Any, Any]) -> str:
    """Return the flags of a row of a table of tests, as a list."""
    return as_text(row["flags"]).replace(";", ", ")


def effect_of(row: Mapping[Any, Any]) -> str:
    """Return the effect size of a row of a table of tests, with its interval and type."""
    effect = number(row["effect_size"])
    if effect == MISSING:
        return effect
    low, high = row.get("effect_size_ci_low"), row.get("effect_size_ci_high")
    # of a correlation it is the estimate's, which stands beside it
    if low is not None and not is_missing(low) and low != row["ci_low"]:
        effect += f" {interval(low, high)}"
    return f"{effect}, {kind_of_effect(row)}"


def kind_of_effect(row: Mapping[Any, Any]) -> str:
    """Return the type of the effect size of a row of a table of tests.

    Of one in standard deviations the standardiser is told, and whether it is too small for the
    effect size to be read.
    """
    kind = str(row["effect_size_type"])
    size, estimate = as_number(row["effect_size"]), as_number(row["estimate"])
    if " / " not in kind or not size or math.isnan(size) or math.isnan(estimate):
        return kind
    kind += f" = {compact(abs(estimate / size))}"
    return f"{kind}; not to be read: that SD is too small" if abs(size) > LEGIBLE else kind


def judged(row: Mapping[Any, Any]) -> dict[str, str]:
    """Return the intervals and p values of a row of tests, after Holm and of the test alone."""
    return {
        "interval (Holm)": span(row["ci_holm_low"], row["ci_holm_high"]),
        "p (Holm)": p_value(row["p_holm"]),
        "interval (single)": span(row["ci_low"], row["ci_high"]),
        "p (single)": p_value(row["p_permutation"]),
    }


def results(hypotheses: pd.DataFrame, *, primary: bool) -> Table:
    """Return the tests of the primary families, or all others, rounded for reading."""
    of_primary = hypotheses["family"].astype(str).str.startswith("primary")
    # these have tables of their own
    elsewhere = hypotheses["family"].isin([SENSITIVITY, MODERATION, BASELINE])
    shown = (of_primary == primary) & ~elsewhere
    rows = [
        {
            "hypothesis": sentence(str(row["name"])),
            "test": str(row["test"]),
            "Δz or ρ": compact(row["estimate"], signed=True),
            **judged(row),
            "partial r": number(row["partial_r"], signed=True),
            "effect size": effect_of(row),
            "BF10": _bayes_of(row),
            "n": number(row["n"], 0),
            "left out": number(row["n_excluded"], 0),
            "flags": flags_of(row),
        }
        for row in hypotheses[shown].to_dict("records")
    ]
    mid = dict.fromkeys(("hypothesis", "effect size", "flags"), "mid")
    return text_table(rows, {"test": "short", **mid}, _bayes_note(hypotheses[shown]))


def _bayes_of(row: Mapping[Any, Any]) -> str:
    """Return the Bayes factor of a row, after ≈ where it is approximate."""
    factor = bayes(row["bf10"])
    if factor == MISSING or _APPROXIMATE not in as_text(row["bf10_type"]):
        return factor
    return Rounded(f"≈ {factor}", as_number(row["bf10"]))


def _bayes_note(hypotheses: pd.DataFrame) -> str:
    """Return what the Bayes factors of some rows are."""
    kinds = sorted({str(kind) for kind in hypotheses["bf10_type"].dropna()} - {MISSING})
    return f"BF10 (≈: approximate): {'; '.join(kinds)}." if kinds else ""


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
        numeric = _is_number(table[name])
        write: Callable[[Any], str] = compact if numeric else as_text
        if name in digits:
            write = partial(number, digits=digits[name])
        cells = [write(value) for value in shown[name]]
        longest = max(map(len, cells), default=0)
        length = "short" if longest <= 32 else "mid" if longest <= 60 else "wide"
        kinds.append("num" if numeric else length)
        columns.append(cells)
    note = ""
    if len(shown) < len(table):
        note = f"The first {len(shown)} of {len(table)} rows; all are in {file}."
    headings = [str(name).replace("_", " ") for name in table.columns]
    return Table(headings, [list(row) for row in zip(*columns, strict=True)], kinds, note)


def without_empty(table: Table) -> Table:
    """Return a table without the rows that have no number, which its note names instead."""
    numbers = [i for i, kind in enumerate(table.kinds) if kind == "num"]
    empty = [bool(numbers) and all(row[i] in (MISSING, "") for i in numbers) for row in table.rows]
    if not any(empty) or table.people:
        return table
    gone = [row[0] for row, nothing in zip(table.rows, empty, strict=True) if nothing]
    names = listed([f"{name} ({n})" if n > 1 else name for name, n in Counter(gone).items()])
    note = f"Without any number, and not shown: {names}."
    rows = [row for row, nothing in zip(table.rows, empty, strict=True) if not nothing]
    return replace(table, rows=rows, note=f"{table.note} {note}".strip())


_NUMBER = re.compile(r"[−+<>≈ -]*(\d*\.?\d+(?:e[-+]?\d+)?)")


def order_of(cell: str) -> str:
    """Return what a cell of numbers is sorted by: its first number, nothing where it has none."""
    found = _NUMBER.match(cell.lstrip("["))
    if not found:
        return ""
    # below the smallest that is printed
    value = float(found[1]) / (2 if "<" in cell[: found.start(1) + 1] else 1)
    below = {MINUS, "-"} & set(cell[: found.start(1) + 1])
    return f"{-value if below else value:.8g}"


def _is_number(values: pd.Series[Any]) -> bool:
    """Return whether a column has numbers and nothing else, so that text is never rounded."""
    present = [value for value in values if not is_missing(value)]
    return bool(present) and not any(
        isinstance(value, bool) or math.isnan(as_number(value)) for value in present
    )
