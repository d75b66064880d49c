"""Checks of the tables of scores and of their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ketfc.base.errors import Problem, did_you_mean
from ketfc.base.files import MISSING
from ketfc.study.config.scores import Score, Scores
from ketfc.study.config.study import Study
from ketfc.study.lab_sessions import odd_sessions
from ketfc.study.lab_tables import Table, duplicate_rows, lines
from ketfc.study.scores.instruments import Catalogue, Rule

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("pre", "post")
"""The roles at which a study must have its scores; at others it may lack some."""

REVERSED = -0.5
"""Correlation of SI and depression at which one of them is suspected to be scored in reverse."""

REVERSED_N = 10
"""Participants needed for that suspicion."""

_SHOWN = 5

_MEASURED = {"si": "suicidal ideation", "depression": "depression"}
"""Quantities that the two scales of a study must measure."""

_CODE = re.compile(r"(?i)n\.?/?a\.?n?|#n/a|null|none|missing|unknown|[.\-–—?*x]+|-?(7+|8+|9+)")
"""Cells that often stand for a missing score: words, marks, and numbers such as -99 or 9999."""

_PER_CENT = re.compile(r"(?i)%|per_?-?\s?cent|pct|prozent|pourcent")


def unknown_names(tables: Sequence[Table], scores: Scores) -> list[Problem]:
    """Return an error for every column and session of the config's mapping that no table has."""
    if all(table.rows.empty for table in tables):
        return []
    problems = []
    renamed = {ours for table in tables for ours in table.headers}
    there = {str(column) for table in tables for column in table.rows.columns}
    for ours, theirs in scores.columns.items():
        if ours not in renamed and theirs not in there:
            problems.append(_unknown(f"scores.columns.{ours}", theirs, there, "column"))
    visits = {
        text
        for table in tables
        if "session_id" in table.rows
        for text in table.rows["session_id"].dropna()
    }
    return problems + [
        _unknown("scores.sessions", theirs, visits, "session")
        for theirs in scores.sessions
        if theirs not in visits
    ]


def _unknown(field: str, name: str, there: Iterable[str], what: str) -> Problem:
    allowed = ", ".join(sorted(there)) or None
    message = f"no table has this {what}{did_you_mean(name, sorted(there))}"
    return Problem("error", message, field=field, value=name, allowed=allowed)


def in_no_table(tables: Sequence[Table], field: str, column: str) -> Problem:
    """Return the error that none of several tables has a column."""
    there = {str(name): None for table in tables for name in table.rows.columns}
    message = f"none of the {len(tables)} tables has this column{did_you_mean(column, there)}"
    return Problem("error", message, field=field, value=column, allowed=", ".join(there))


def table_problems(
    tables: Sequence[Table],
    used: Mapping[int, None],
    study: Study,
    *,
    all_count: bool,
) -> list[Problem]:
    """Return the problems of the tables that hold a score, and of their rows.

    A table that could not be read counts too as long as a column is missing (`all_count`).
    """
    problems: list[Problem] = []
    for number, table in enumerate(tables):
        unreadable = table.rows.empty
        if number in used or len(tables) == 1 or (unreadable and all_count):
            problems += table.problems
        elif unreadable:
            problems += [replace(problem, severity="note") for problem in table.problems]
        if number not in used or unreadable:
            continue
        by_session = "session_id" in table.rows
        problems += duplicate_rows(table, ["participant_id", "session_id"][: 1 + by_session])
        if by_session:
            problems += _session_problems(table, study)
    return problems


def _session_problems(table: Table, study: Study) -> list[Problem]:
    """Return an error for values without a session, and for sessions without a row."""
    given = table.rows["session_id"]
    problems = []
    without = table.rows[given.isna()]
    values = without.drop(columns=["participant_id", "session_id"])
    empty = values.isna().all(axis=1)
    if not empty.all():
        message = f"no session_id in {lines(without.index[~empty])}"
        problems.append(Problem("error", message, file=table.path.name, field="session_id"))
    problems += [
        Problem(
            "note",
            "has a row without a session or any value",
            file=table.file(participant),
            participant_id=participant,
            field="session_id",
        )
        for participant in without.loc[empty, "participant_id"]
    ]
    problems += odd_sessions(
        table.rows, study.sessions.values(), file=table.path.name, key="scores.sessions"
    )
    there = sorted(set(given.dropna()))
    for role, label in study.sessions.items():
        if label not in there:
            problems.append(
                Problem(
                    "error" if role in NEEDED else "note",
                    f"no row has this session{did_you_mean(label, there)}",
                    file=table.path.name,
                    field=f"study.sessions.{role}",
                    value=label,
                    allowed=", ".join(there) or None,
                )
            )
    return problems


def instrument_problems(scores: Scores, catalogue: Catalogue) -> list[Problem]:
    """Return notes on instruments that are unknown, reversed, or of which only totals are given.

    Parameters
    ----------
    scores : Scores
        Section of the configuration.
    catalogue : Catalogue
        The instruments that are known.
    """
    problems = []
    for scale, score in (("si", scores.si), ("depression", scores.depression)):
        if score is None:
            continue
        field = f"scores.{scale}.instrument"
        known = catalogue.find(score.instrument)
        if known and known.measures not in (_MEASURED[scale], "other"):
            fitting = [
                n for n, of in catalogue.instruments.items() if of.measures == _MEASURED[scale]
            ]
            message = f"measures {known.measures} (instruments.yaml), not {_MEASURED[scale]}"
            if known.si_item and scale == "si":
                message += f"; its item {known.si_item.item} would, by a name of its own"
            allowed = f"{', '.join(fitting)}, or one that is not in the catalogue"
            problems.append(Problem("error", message, field=field, value=score.instrument,
                                    allowed=allowed))  # fmt: skip
        if known is None and score.range is None:
            hint = did_you_mean(score.instrument, catalogue.names)
            message = f"is not in the catalogue, so the range of its scores is not checked{hint}"
            problems.append(Problem("note", message, field=field, value=score.instrument))
        if catalogue.rule(score).direction == "higher-better":
            message = (
                "a higher score is better here: a rise is an improvement, and the signs of every "
                "result with it are those of the scores as they are"
            )
            problems.append(Problem("note", message, field=field, value=score.instrument))
    depression = scores.depression
    known = catalogue.find(depression.instrument) if depression else None
    if depression and depression.si_item is None and (known is None or known.si_item):
        number = f" (item {known.si_item.item})" if known and known.si_item else ""
        contains = "contains" if known else "may contain"
        message = (
            f"totals only: {depression.instrument} {contains} a suicide item{number}, which "
            "cannot be taken out, so that depression and suicidal ideation overlap by it"
        )
        item = catalogue.find(scores.si.instrument) if scores.si else None
        if scores.si and item and item.item_of and catalogue.find(item.item_of) is known:
            message += f"; scores.si is that item: name its column {scores.si.column} here too"
        problems.append(Problem("note", message, field="scores.depression.si-item"))
    return problems


def per_cent_problems(cells: pd.DataFrame, score: Score) -> list[Problem]:
    """Return an error for every column of a score whose name says that it holds per cent.

    Where the config gives the score a range of its own, its unit is the lab's choice.
    """
    named = (
        [] if score.range else [h for h in dict.fromkeys(cells["header"]) if _PER_CENT.search(h)]
    )
    message = "is named as a per cent, and points are needed"
    allowed = "points of the scale, or their change, post − pre; else give the scale a range"
    return [
        Problem("error", message, file=cells["file"].iloc[0], field=header, allowed=allowed)
        for header in named
    ]


def value_problems(cells: pd.DataFrame, rules: Mapping[tuple[str, str], Rule]) -> list[Problem]:
    """Return the problems of each score, in the order of the cells.

    Parameters
    ----------
    cells : pandas.DataFrame
        One row per score: `participant_id`, `session`, `role`, `scale`, `item`, `score`, and
        `text`, `file` and `header` of the cell it was read from.
    rules : mapping of (str, str) to Rule
        By scale and item.

    Returns
    -------
    list of Problem
        Errors for text, impossible scores, and items above their total; notes for missing scores
        and for half-filled rows, and a suspicion of a reversed scale.
    """
    found: dict[Problem, None] = {}
    half = _by_place(cells)
    for row in _records(cells):
        own = half.get((row["participant_id"], row["role"]), {}) if row["scale"] != "si" else {}
        for problem in _of_cell(row, rules[row["scale"], row["item"]], own):
            found.setdefault(problem)
    return [*found, *_reversed(cells)]


def _records(cells: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in cells.to_dict("records")]


def _by_place(cells: pd.DataFrame) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """Return the cells of the depression scale by participant and role, then by item."""
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in _records(cells[cells["scale"] == "depression"]):
        found.setdefault((row["participant_id"], row["role"]), {}).setdefault(row["item"], row)
    return found


def _of_cell(
    row: Mapping[str, Any], rule: Rule, beside: Mapping[str, Mapping[str, Any]]
) -> Iterator[Problem]:
    """Yield the problems of one cell; `beside` has the items of the same scale and row."""

    def problem(severity: Any, message: str, allowed: str | None = None) -> Problem:
        return Problem(
            severity,
            message,
            file=row["file"],
            participant_id=row["participant_id"],
            session=row["session"],
            field=row["header"],
            value=row["text"],
            allowed=allowed,
        )

    text, value = row["text"], row["score"]
    other = beside.get("total" if row["item"] == "si-item" else "si-item")
    if text is None:
        half = other is not None and other["text"] is not None
        what = f", though {other['header']} of the same row is there" if half and other else ""
        yield problem("note", f"the score is missing{what}")
    elif value != value:
        yield problem("error", f"is not a number{_if_missing(text)}", f"a number or {MISSING}")
    elif row["role"] == "change":
        if allowed := rule.impossible_change(value):
            message = f"is not a possible change of {rule.instrument} in points"
            yield problem("error", f"{message}{_if_missing(text)}", allowed)
    else:
        if complaint := rule.complaint(value):
            yield problem("error", f"{complaint}{_if_missing(text)}", rule.allowed)
        elif row["item"] == "si-item" and other is not None and value > other["score"]:
            message = f"is above the total it is part of ({other['header']} = {other['text']})"
            yield problem("error", message, f"at most {other['text']}")


def _if_missing(text: str) -> str:
    """Return what to do if a cell is one of those that labs write for a missing score."""
    if not _CODE.fullmatch(text):
        return ""
    return "; if it stands for a missing score, name it in scores.missing"


def _reversed(cells: pd.DataFrame) -> list[Problem]:
    """Return a note if SI and depression run against each other, as if one were reversed."""
    import numpy as np

    totals = cells[(cells["item"] == "total") & (cells["role"] == "pre")]
    si, depression = (
        totals[totals["scale"] == scale].drop_duplicates("participant_id")
        for scale in ("si", "depression")
    )
    both = (
        si[["participant_id", "score"]]
        .merge(depression[["participant_id", "score"]].rename(columns={"score": "other"}))[
            ["score", "other"]
        ]
        .dropna()
    )
    values = both.to_numpy(dtype=float)
    if len(values) < REVERSED_N or not (values.std(axis=0) > 0).all():
        return []
    r = float(np.corrcoef(values.T)[0, 1])
    if r > REVERSED:
        return []
    message = (
        f"SI and depression correlate at r = {r:.2f} before treatment (n = {len(values)}); is one "
        "of them scored in reverse?"
    )
    return [Problem("note", message, field="scores.si")]


def timing_problems(long: pd.DataFrame, scores: Scores, study: Study) -> list[Problem]:
    """Return a note for every scale and role whose scores were taken far from their scans.

    Parameters
    ----------
    long : pandas.DataFrame
        As :func:`ketfc.study.scores.long_scores.long_scores` gives it; `hours` since the dose.
    scores, study
        Sections of the configuration: ``scores.max-hours-apart`` and ``study.hours-since-dose``.

    Returns
    -------
    list of Problem
        With the hours of the scores, whose they are, and those of the scans; errors for hours of
        roles that the study does not have.
    """
    problems = [
        Problem(
            "error",
            "is not a role of study.sessions",
            field="scores.hours-since-dose",
            value=role,
            allowed=", ".join(study.sessions),
        )
        for role in scores.hours_since_dose
        if role not in study.sessions
    ]
    totals = long[(long["item"] == "total") & long["score"].notna() & long["hours"].notna()]
    for (instrument, role), rows in totals.groupby(["instrument", "role"], sort=False):
        scan = study.hours_since_dose.get(str(role))
        if scan is None:
            continue
        far = rows[(rows["hours"] - scan).abs() > scores.max_hours_apart]
        if far.empty:
            continue
        people = [
            f"{who} {hours:g} h"
            for who, hours in zip(far["participant_id"], far["hours"], strict=True)
        ]
        if len(far) > 1 and len(set(far["hours"])) == 1:
            people = [f"{len(far)} participants, {far['hours'].iloc[0]:g} h"]
        more = f" and {len(people) - _SHOWN} more" if len(people) > _SHOWN else ""
        problems.append(
            Problem(
                "note",
                f"{instrument} was taken more than {scores.max_hours_apart:g} h from the scan, "
                f"which was {scan:g} h after the dose: {', '.join(people[:_SHOWN])}{more}",
                session=study.sessions[str(role)],
                field="scores.max-hours-apart",
                value=f"{scores.max_hours_apart:g}",
            )
        )
    return problems
