"""Connectivity that a lab computed itself, recognised in its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ketfc.base.english import listed
from ketfc.command.init.entries import Answer, Entry, Question
from ketfc.command.init.tables import LabTable, folded

_SCALES = {
    "r": "r", "corr": "r", "correlation": "r", "pearson": "r", "pearsonr": "r",
    "z": "fisher-z", "fisherz": "fisher-z", "zfisher": "fisher-z",
    "alff": "as-is", "falff": "as-is", "reho": "as-is",
}  # fmt: skip
_UNCLEAR = frozenset({"fc", "connectivity", "value", "rsfc"})
_CONNECTIONS = ("connection", "edge", "pathway", "pair", "connectionname", "network")
_ENDS = (("region_a", "region_b"), ("roi1", "roi2"), ("source", "target"), ("seed", "target"))
_CORRELATIONS = ("r", "fisher-z", "arctan")


def is_connectivity(table: LabTable) -> bool:
    """Return True if a table holds connectivity, or activity of regions, by its columns."""
    names = {folded(column) for column in table.columns}
    return table.session is not None and bool(names & (_SCALES.keys() | _UNCLEAR))


def has_correlations(table: LabTable) -> bool:
    """Return True if a table holds correlations, and not activity alone."""
    names = {folded(column) for column in table.columns}
    return bool(names & _UNCLEAR) or any(_SCALES.get(name) in _CORRELATIONS for name in names)


def connectivity_entry(tables: Sequence[LabTable], answer: Answer) -> Entry:
    """Return the key ``connectivity`` for tables of it.

    Parameters
    ----------
    tables : sequence of LabTable
        At least one.
    answer : Answer
        Who is asked for the scale of numbers whose name does not say it.
    """
    values: dict[str, Any] = {}
    columns: dict[str, str] = {}
    said = []
    for table in tables:
        for wanted, there in (("participant_id", table.participant), ("session_id", table.session)):
            if there not in (None, wanted):
                columns[wanted] = str(there)
        for column in table.columns:
            name = folded(column)
            if name in _SCALES:
                values[column] = _SCALES[name]
            elif name in _UNCLEAR:
                values[column] = _scale_of(table, column, answer)
        said.append(f"{table.path.name} ({len(table.participants)} participants)")
    ends = _ends(tables)
    value: dict[str, Any] = {"kind": "edges"} if ends else {}
    value["path"] = [str(table.path) for table in tables]
    if ends:
        columns |= dict(zip(("region_a", "region_b"), ends, strict=True))
    elif connection := _connection(tables):
        columns["connection"] = connection
    columns = {ours: theirs for ours, theirs in columns.items() if ours != theirs}
    if columns:
        value["columns"] = columns
    why = (
        f"Connectivity computed elsewhere, in {listed(said)}. values gives each column's scale: r "
        "and fisher-z by its name, as-is for what is no correlation."
    )
    return Entry("connectivity", value | {"values": values}, why)


def _scale_of(table: LabTable, column: str, answer: Answer) -> str | Question:
    numbers = table.numbers(column) or [0.0]
    text = (
        f"{column} of {table.path.name} goes from {min(numbers):g} to {max(numbers):g}. Is it r, "
        "fisher-z or arctan (of r)?"
    )
    question = Question(text, _CORRELATIONS)
    return answer(question) or question


def _connection(tables: Sequence[LabTable]) -> str | None:
    for wanted in _CONNECTIONS:
        for table in tables:
            for column in table.columns:
                if folded(column) == wanted:
                    return column
    return None


def _ends(tables: Sequence[LabTable]) -> tuple[str, str] | None:
    """Return the columns of the two ends of an edge, if the first table has such."""
    names = {column.casefold(): column for column in tables[0].columns}
    return next(((names[a], names[b]) for a, b in _ENDS if a in names and b in names), None)
