"""Words in the boxes of the flow diagram."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketfc.base.english import plural
from ketfc.reporting.design_words import arms_of
from ketfc.reporting.rows import primary_circuits
from ketfc.reporting.words import as_number
from ketfc.study.design.design import Design

_LONGEST = 140
"""Characters of a reason that are shown."""

_WORDS = {
    "min-time": "too little time left after censoring (min-time)",
    "max-mean-fd": "mean motion above the limit (max-mean-fd)",
    "max-fd": "largest motion above the limit (max-fd)",
    "max-censored": "too many volumes censored (max-censored)",
    "missing-file": "mask or confounds missing",
}


@dataclass(frozen=True)
class Entry:
    """Text of a box, in one or more lines; an item has a dash before it."""

    text: str
    bold: bool = False
    item: bool = False


@dataclass(frozen=True)
class Row:
    """Boxes beside each other, one per arm, of a step or (`aside`) of what it leaves out."""

    boxes: tuple[tuple[Entry, ...], ...]
    aside: bool


def head(counts: pd.DataFrame, design: Design) -> list[tuple[Entry, ...]]:
    """Return the boxes above the arms: everybody and, if there are any, who is in no arm.

    A study without arms has none; its only column begins with everybody.
    """
    if arms_of(design)[0].role is None:
        return []
    everybody = _n(counts[counts["step"] == "found"])
    found = (Entry("Participants found", bold=True), Entry(f"n = {everybody}"))
    boxes: list[tuple[Entry, ...]] = [found]
    out = _rows(counts[counts["arm"] == "all"], "assigned", "participants", "out")
    if len(out):
        boxes.append((Entry(f"In no arm (n = {_n(out)})", bold=True), *_items(out)))
    return boxes


def rows(counts: pd.DataFrame, hypotheses: pd.DataFrame, design: Design) -> list[Row]:
    """Return the rows of boxes below the head, those that say nothing left out.

    Parameters
    ----------
    counts : pandas.DataFrame
        As :func:`ketfc.inference.account.flow.flow_counts` gives it.
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``, for the names of the circuits.
    """
    circuits = primary_circuits(hypotheses)
    labels = ["all" if arm.role is None else arm.label for arm in arms_of(design)]
    parts = [counts[counts["arm"] == label] for label in labels]
    made = [
        Row(tuple(tuple(entries(part)) for part in parts), aside)
        for aside, entries in (
            (False, _assigned),
            (True, _not_imaged),
            (False, _imaged),
            (True, _not_usable),
            (False, _usable),
            (True, lambda part: _not_tested(part, circuits)),
            (False, lambda part: _tested(part, circuits)),
        )
    ]
    return [row for row in made if any(row.boxes)]


def _n(part: pd.DataFrame) -> int:
    return int(pd.to_numeric(part["n"]).sum())


def _items(part: pd.DataFrame) -> list[Entry]:
    entries = []
    for reason, n in zip(part["reason"], part["n"], strict=True):
        text = _WORDS.get(str(reason), str(reason))
        if len(text) > _LONGEST:
            text = text[: _LONGEST - 1].rstrip() + "…"
        entries.append(_counted(text, n))
    return entries


def _counted(text: str, n: object) -> Entry:
    # no line may begin with the number alone
    return Entry(f"{text}:\N{NO-BREAK SPACE}{int(as_number(n))}", item=True)


def _rows(part: pd.DataFrame, step: str, unit: str, state: str) -> pd.DataFrame:
    return part[(part["step"] == step) & (part["unit"] == unit) & (part["state"] == state)]


def _assigned(part: pd.DataFrame) -> list[Entry]:
    label = str(part["arm"].iloc[0])
    title = "Participants found" if label == "all" else label
    n = _n(_rows(part, "assigned", "participants", "in"))
    return [Entry(title, bold=True), Entry(f"n = {n}")]


def _not_imaged(part: pd.DataFrame) -> list[Entry]:
    out = _rows(part, "imaged", "participants", "out")
    if out.empty:
        return []
    return [Entry(f"Without a run of both sessions (n = {_n(out)})", bold=True), *_items(out)]


def _imaged(part: pd.DataFrame) -> list[Entry]:
    sessions = _rows(part, "imaged", "sessions", "in")
    by_role = ", ".join(
        f"{role} {int(as_number(n))}"
        for role, n in zip(sessions["reason"], sessions["n"], strict=True)
    )
    found = plural(_n(sessions), "session")
    n = _n(_rows(part, "imaged", "participants", "in"))
    runs = _n(_rows(part, "imaged", "runs", "in"))
    return [
        Entry("Imaged in both sessions", bold=True),
        Entry(f"n = {n}"),
        Entry(f"found in all: {found} ({by_role}), {plural(runs, 'run')}"),
    ]


def _not_usable(part: pd.DataFrame) -> list[Entry]:
    runs = _rows(part, "usable", "runs", "out")
    people = _rows(part, "usable", "participants", "out")
    entries = []
    if len(runs):
        entries += [Entry(f"Runs not used ({_n(runs)})", bold=True), *_items(runs)]
    if len(people):
        title = f"Without a usable run of both sessions (n = {_n(people)})"
        entries += [Entry(title, bold=True), *_items(people)]
    return entries


def _usable(part: pd.DataFrame) -> list[Entry]:
    n = _n(_rows(part, "usable", "participants", "in"))
    runs = _n(_rows(part, "usable", "runs", "in"))
    return [
        Entry("Usable runs of both sessions", bold=True),
        Entry(f"n = {n}"),
        Entry(f"usable in all: {plural(runs, 'run')}"),
    ]


def _not_tested(part: pd.DataFrame, circuits: dict[str, str]) -> list[Entry]:
    """Gather, by test and reason, the circuits that equally many were left out of."""
    out = _rows(part, "tested", "participants", "out")
    if out.empty:
        return []
    entries = [Entry("Left out of a primary test", bold=True)]
    for (test, reason, n), rows in out.groupby(["test", "reason", "n"], sort=False):
        where = list(dict.fromkeys(rows["circuit"]))
        names = "; ".join(circuits[circuit] for circuit in where)
        if len(where) == len(circuits):
            names = "all circuits"
        entries.append(_counted(f"{test}, {names}: {reason}", n))
    return entries


def _tested(part: pd.DataFrame, circuits: dict[str, str]) -> list[Entry]:
    entered = _rows(part, "tested", "participants", "in")
    alike: dict[str, list[str]] = {}
    for circuit, name in circuits.items():
        own = entered[entered["circuit"] == circuit]
        numbers = [
            f"{test} n = {_n(own[own['test'] == test])}"
            for test in ("change", "association")
            if (own["test"] == test).any()
        ]
        alike.setdefault(", ".join(numbers), []).append(name)
    entries = [Entry("Analysed in the primary tests", bold=True)]
    if not circuits:
        return [*entries, Entry("there is no primary hypothesis")]
    if len(alike) == 1:
        return [*entries, Entry(f"all circuits: {next(iter(alike))}")]
    return [
        *entries,
        *(Entry(f"{name}: {text}", item=True) for text, names in alike.items() for name in names),
    ]
