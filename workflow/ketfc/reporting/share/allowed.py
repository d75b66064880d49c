"""The allow-list: which tables, columns and rows may leave the lab."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from ketfc.base.yaml import read_yaml
from ketfc.reporting.share.cells import Cells

_LIST = Path(str(files("ketfc.reporting.share") / "allowed.yaml"))

_DIGITS = 4
"""Significant digits: enough to read and to pool, too few to work somebody's value out of sums."""

REMOVED_COLUMNS = ("file", "what", "count", "reason")
"""Columns of ``removed.tsv``."""

WITHHELD = "Not shown: too few participants."
"""Verdict of a test that is suppressed."""


@dataclass(frozen=True)
class Shared:
    """A table as it may leave the lab.

    Attributes
    ----------
    page : pandas.DataFrame
        With all its columns, for the report; what may not be seen is missing.
    table : pandas.DataFrame
        With the columns that may be seen.
    suppressed : int
        Rows of which only the keys are left.
    removed : list of tuple
        Rows with `REMOVED_COLUMNS`.
    """

    page: pd.DataFrame
    table: pd.DataFrame
    suppressed: int
    removed: list[tuple[str, str, int, str]]


def allowed() -> dict[str, Any]:
    """Return the allow-list, by table."""
    content: dict[str, Any] = read_yaml(_LIST)
    return content


def shared(name: str, table: pd.DataFrame, cells: Cells) -> Shared:
    """Return a table with what may leave the lab.

    Parameters
    ----------
    name : str
        Its path under ``results``, one of :func:`allowed`.
    table : pandas.DataFrame
        Cells as text or numbers.
    cells : Cells
        How many participants are behind a row.
    """
    rule = allowed()[name]
    removed: list[tuple[str, str, int, str]] = []
    page = table.copy()
    small = _small(page, rule, cells)
    visible = [column for column in (*rule["keys"], *rule["columns"]) if column in page]
    hidden = [column for column in page if column not in visible]
    if hidden:
        reason = f"not on the list of what may be seen: {', '.join(map(str, hidden))}"
        removed.append((name, "columns", len(hidden), reason))
    if small.any():
        reason = f"fewer than {cells.smallest} participants, or rows that would tell of them"
        removed.append((name, "numbers of rows", int(small.sum()), reason))
    for column in visible:
        if column in rule["columns"]:
            page[column] = _rounded(page[column]).where(~small, None)
    counts = [column for pair in rule.get("events", ()) for column in pair]
    if counts and not rule.get("of-events"):
        few = _few_events(page, rule, cells.smallest)
        few = few.groupby([page[key] for key in rule["family"]], dropna=False).transform("any")
        if (few & ~small).any():
            reason = f"fewer than {cells.smallest} participants with an event, or without"
            removed.append((name, "counts of events", int((few & ~small).sum()), reason))
        for column in counts:
            page[column] = page[column].where(~few, None)
    nothing = pd.Series(False, index=page.index)
    for column in hidden:
        page[column] = page[column].where(nothing, None)
    if "verdict" in visible:
        page.loc[small, "verdict"] = WITHHELD
    return Shared(page, page[visible], int(small.sum()), removed)


def _small(table: pd.DataFrame, rule: Mapping[str, Any], cells: Cells) -> pd.Series[bool]:
    """Tell which rows say too much of too few."""
    by_arms = rule.get("arms", True)
    people = rule.get("people", ())
    rows = table.to_dict("records")
    small = pd.Series(
        [
            any(cells.too_few(row.get(column)) for column in people)
            or (by_arms and cells.too_few_of_an_arm(row))
            for row in rows
        ],
        index=table.index,
        dtype=bool,
    )
    if rule.get("of-events"):
        small |= _few_events(table, rule, cells.smallest)
    if "steady" in rule:
        small |= _almost_the_same(table, rule["steady"], cells.smallest)
    if "family" in rule:
        keys = [table[key] for key in rule["family"]]
        small = small.groupby(keys, dropna=False).transform("any")
    return small


def _few_events(table: pd.DataFrame, rule: Mapping[str, Any], smallest: int) -> pd.Series[bool]:
    """Tell which rows count too few to whom something happened, or to whom it did not."""
    few = pd.Series(False, index=table.index)
    for events, among in rule["events"]:
        happened = pd.to_numeric(table[events], errors="coerce")
        others = pd.to_numeric(table[among], errors="coerce") - happened
        few |= (happened < smallest) | (others < smallest)
    return few


def _almost_the_same(table: pd.DataFrame, keys: Sequence[str], smallest: int) -> pd.Series[bool]:
    """Tell which rows have nearly, but not quite, the participants of the largest of their kind."""
    n = pd.to_numeric(table["n"], errors="coerce")
    most = n.groupby([table[key] for key in keys], dropna=False).transform("max")
    return ((most - n) > 0) & ((most - n) < smallest)


def _rounded(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return numbers with few digits, whole ones and texts as they are."""
    return values.map(_short).astype(values.dtype)


def _short(value: Any) -> Any:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    if isinstance(value, bool) or not math.isfinite(number) or number == round(number):
        return value
    text = f"{number:.{_DIGITS}g}"
    return text if isinstance(value, str) else float(text)
