"""What is wrong with the tables of scores: names and sessions that are not there, rows twice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ketfc.base.errors import Problem, closest
from ketfc.study.config.scores import Scores
from ketfc.study.config.study import Study
from ketfc.study.lab_tables import Table, duplicate_rows, lines

NEEDED = ("pre", "post")
"""The roles at which a study must have its scores; at others it may lack some."""


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
    near = closest(name, sorted(there))
    hint = f"; did you mean '{near}'?" if near else ""
    allowed = ", ".join(sorted(there)) or None
    message = f"no table has this {what}{hint}"
    return Problem("error", message, field=field, value=name, allowed=allowed)


def in_no_table(tables: Sequence[Table], field: str, column: str) -> Problem:
    """Return the error that none of several tables has a column."""
    there = {str(name): None for table in tables for name in table.rows.columns}
    near = difflib.get_close_matches(column, list(there), n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    message = f"none of the {len(tables)} tables has this column{hint}"
    return Problem("error", message, field=field, value=column, allowed=", ".join(there))


def table_problems(
    tables: Sequence[Table],
    used: Mapping[int, None],
    study: Study,
    *,
    all_count: bool,
) -> list[Problem]:
    """Return what is wrong with the tables that hold a score, and with their rows.

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
    there = sorted(set(given.dropna()))
    for role, label in study.sessions.items():
        if label not in there:
            near = closest(label, there)
            problems.append(
                Problem(
                    "error" if role in NEEDED else "note",
                    "no row has this session" + (f"; did you mean '{near}'?" if near else ""),
                    file=table.path.name,
                    field=f"study.sessions.{role}",
                    value=label,
                    allowed=", ".join(there) or None,
                )
            )
    return problems
