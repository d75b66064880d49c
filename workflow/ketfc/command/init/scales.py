"""Scales among the columns of a lab's tables, by their names and ranges."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ketfc.base.english import listed, plural
from ketfc.command.init.entries import Answer, Entry, Question
from ketfc.command.init.tables import CODES, COVARIATES, WORDS, LabTable, first_word, folded
from ketfc.study.config.scores import Score
from ketfc.study.lab_tables import as_number
from ketfc.study.scores.instruments import Catalogue, Instrument

_CHANGE = re.compile(r"(?i)(?<![a-z])(change|delta|diff|difference)(?![a-z])")
_PER_CENT = re.compile(r"(?i)%|per_?cent|pct")
_NOT_OF_THE_NAME = re.compile(r"(?i)(?<![a-z])(total|tot|score|sum|raw)(?![a-z])")
_FEW = 12
_LABELS = 2
"""Values of a column up to which its numbers are labels, such as of hands."""


@dataclass(frozen=True)
class Scale:
    """A column, or a column per session, that may hold the scores of a scale.

    Attributes
    ----------
    table : LabTable
        Where it is.
    column : str
        As the config names it: without its session.
    members : tuple of str
        The columns of the table: one, or one per session.
    change : bool
        True if it holds changes, not scores.
    renamed : tuple of pairs of str
        Columns that must be renamed: the name wanted, and the name there is.
    instrument : str or None
        Its name in the catalogue; None if it is not known.
    about : Instrument or None
        What the catalogue says of it.
    numbers : tuple of float
        All scores.
    misfits : tuple of float
        Those that the instrument cannot have.
    """

    table: LabTable
    column: str
    members: tuple[str, ...]
    change: bool
    renamed: tuple[tuple[str, str], ...]
    instrument: str | None
    about: Instrument | None
    numbers: tuple[float, ...]
    misfits: tuple[float, ...]

    @property
    def measures(self) -> str:
        """Return the construct: suicidal ideation, depression, other."""
        return self.about.measures if self.about else "other"

    @property
    def said(self) -> str:
        """The scale in words, with the range of its numbers."""
        what = "changes" if self.change else "scores"
        low, high = min(self.numbers), max(self.numbers)
        return f"{self.column} ({self.table.path.name}, {what} from {low:g} to {high:g})"

    def value(self, name: str | None = None) -> dict[str, str]:
        """Return the scale as the config has it."""
        key = "change-column" if self.change else "column"
        return {"instrument": name or self.instrument or self.column, key: self.column}


def find_scales(
    tables: Sequence[LabTable], sessions: Collection[str], catalogue: Catalogue
) -> list[Scale]:
    """Return all columns that may be scales, those that are known first.

    Parameters
    ----------
    tables : sequence of LabTable
        Tables of scores.
    sessions : collection of str
        Session labels of the study.
    catalogue : Catalogue
        Known instruments.
    """
    found = [scale for table in tables for scale in _scales(table, sessions, catalogue)]
    order = list(catalogue.instruments)
    return sorted(
        found, key=lambda one: order.index(one.instrument) if one.instrument else len(order)
    )


def _scales(table: LabTable, sessions: Collection[str], catalogue: Catalogue) -> Iterator[Scale]:
    parts: dict[tuple[str, bool], list[tuple[str, str | None]]] = {}
    for column in table.columns:
        described = any(first_word(column) in words for words in COVARIATES.values())
        if described or _PER_CENT.search(column):
            continue
        base, session = _split(column, sessions)
        change = _CHANGE.search(column)
        if change:
            parts[column, True] = [(column, None)]
        elif session is not None:
            parts.setdefault((base, False), []).append((column, session))
        elif table.session is not None:
            parts[column, False] = [(column, None)]
    for (column, changes), members in parts.items():
        numbers = [table.numbers(name) for name, _ in members]
        values = tuple(value for each in numbers if each for value in each)
        if None in numbers or len(set(values)) <= _LABELS:
            continue
        stem = column[: change.start()] if (change := _CHANGE.search(column)) else column
        name, about = _instrument(stem, catalogue)
        misfits: tuple[float, ...] = ()
        if name is not None:
            rule = catalogue.rule(Score(instrument=name, column=column))
            wrong = rule.impossible_change if changes else rule.complaint
            misfits = tuple(value for value in values if wrong(value))
        renamed = tuple(
            (f"{column}_ses-{session}", there)
            for there, session in members
            if session is not None and there != f"{column}_ses-{session}"
        )
        there = tuple(name for name, _ in members)
        yield Scale(table, column, there, changes, renamed, name, about, values, misfits)


def _split(column: str, sessions: Collection[str]) -> tuple[str, str | None]:
    """Return a column of a wide table without its session, and the session."""
    for session in sorted(sessions, key=len, reverse=True):
        found = re.fullmatch(rf"(?i)(.+?)[_ .-]+(?:ses-)?{re.escape(session)}", column)
        if found:
            return found[1], session
    return column, None


def _instrument(stem: str, catalogue: Catalogue) -> tuple[str | None, Instrument | None]:
    for name in (stem, _NOT_OF_THE_NAME.sub("", stem.replace("_", " "))):
        about = catalogue.find(name) if folded(name) else None
        if about is not None:
            return next(key for key, one in catalogue.instruments.items() if one is about), about
    return None, None


def scale_entries(scales: Sequence[Scale], answer: Answer) -> list[Entry]:
    """Return the keys ``si`` and ``depression``.

    Parameters
    ----------
    scales : sequence of Scale
        Of all tables.
    answer : Answer
        Who is asked which column is the scale of suicidal ideation, if none is known or several.
    """
    known = [one for one in scales if not one.misfits]
    depression = [one for one in known if one.measures == "depression"]
    entries = [_ideation(scales, known, depression, answer)]
    if depression:
        first, *others = depression
        why = f"{first.said} fits {first.about.name}." if first.about else ""
        if others:
            why += f" {listed([one.said for one in others])} could stand in its place."
        value = first.value()
        item = next(
            (one for one in known if one.about and one.about.item_of == first.instrument), None
        )
        if item is not None and item.change == first.change:
            value["si-item"] = item.column
            why += f" {item.column} is its suicide item, which is subtracted from the total."
        entries.append(Entry("depression", value, why))
    return entries


def _ideation(
    scales: Sequence[Scale], known: Sequence[Scale], depression: Sequence[Scale], answer: Answer
) -> Entry:
    ideation = [one for one in known if one.measures == "suicidal ideation"]
    whole = [one for one in ideation if one.about and one.about.item_of is None] or ideation
    odd = [one for one in scales if one.measures == "suicidal ideation" and one.misfits]
    if len(whole) == 1:
        one = whole[0]
        return Entry("si", one.value(), f"{one.said} fits {one.about.name if one.about else ''}.")
    if len(whole) > 1:
        columns = tuple(one.column for one in whole)
        text = (
            f"{listed([one.said for one in whole])} all measure suicidal ideation. Which is the "
            "primary outcome? Write {instrument: NAME, column: COLUMN}"
        )
        return _asked(Question(text, columns), whole, answer)
    if odd:
        one = odd[0]
        text = (
            f"{one.column} of {one.table.path.name} has the name of {one.instrument}, but holds "
            f"{', '.join(f'{value:g}' for value in sorted(set(one.misfits))[:5])}, which it cannot "
            f"be. Which scale is it? Write {{instrument: NAME, column: {one.column}, "
            "range: [LOWEST, HIGHEST]}"
        )
        return Entry("si", Question(text))
    others = [one for one in scales if one.instrument is None]
    listed_others = listed([one.said for one in others[:_FEW]]) or "none"
    if depression:
        why = (
            "No column has the name of a scale of suicidal ideation, so changes alone are tested, "
            "and no association with ideation."
        )
        if others:
            why += (
                " If one of these is such a scale, write {instrument: NAME, column: COLUMN}: "
                f"{listed([one.column for one in others[:_FEW]])}."
            )
        return Entry("si", None, why)
    key = "change-column" if others and all(one.change for one in others) else "column"
    text = (
        "No column has the name of a known scale. Which one is the scale of suicidal ideation "
        f"(or the score that connectivity is to be compared with)? Columns of numbers: "
        f"{listed_others}. Write {{instrument: NAME, {key}: COLUMN}}"
    )
    return _asked(Question(text, tuple(one.column for one in others)), others, answer)


def _asked(question: Question, scales: Sequence[Scale], answer: Answer) -> Entry:
    chosen = answer(question) if question.options else None
    if chosen is None:
        return Entry("si", question)
    one = next(scale for scale in scales if scale.column == chosen)
    return Entry("si", one.value(), f"{one.said}, as you said.")


def missing_entry(scales: Sequence[Scale], answer: Answer) -> Entry | None:
    """Return the key ``missing`` where used columns hold cells that may stand for no value.

    Parameters
    ----------
    scales : sequence of Scale
        Those that the config uses.
    answer : Answer
        Who is asked about numbers; words such as NA are taken for missing.
    """
    words: dict[str, int] = {}
    codes: dict[str, int] = {}
    for scale in scales:
        for column in scale.members:
            for cell in scale.table.rows[column].dropna():
                if cell in WORDS:
                    words[cell] = words.get(cell, 0) + 1
                elif CODES.fullmatch(cell):
                    number = f"{as_number(cell):g}"
                    codes[number] = codes.get(number, 0) + 1
    if codes:
        held = listed([f"{code} ({plural(n, 'cell')})" for code, n in codes.items()])
        listing: list[Any] = [*words, *(int(code) for code in codes)]
        text = f"The scores hold {held}. Is that a missing value? Write {listing} if so, else []"
        question = Question(text, ("missing", "a score"))
        said = answer(question)
        if said is None:
            return Entry("missing", question)
        return Entry("missing", listing if said == "missing" else list(words), "As you said.")
    if words:
        return Entry("missing", list(words), "Cells of the scores that stand for no value.")
    return None
