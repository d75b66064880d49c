"""Clinical scores and arms: from a lab's table to one long table, refusing what is ambiguous."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ketfc.files import MISSING
from ketfc.study.config import Depression, Score, Scores, Study
from ketfc.study.problems import Problem, closest
from ketfc.study.tables import Table, duplicate_rows, lines

if TYPE_CHECKING:
    import pandas as pd

CHANGE = "change"
"""Role, in ``scores.tsv``, of a score that is itself a change (follow-up − baseline)."""

SCORE_COLUMNS = ("participant_id", "session", "role", "scale", "instrument", "item", "score")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def long_scores(table: Table, scores: Scores, study: Study) -> tuple[pd.DataFrame, list[Problem]]:
    """Return every score of the study as one row, and what is wrong with them.

    Three shapes are read: wide columns (``SSI_ses-pre``), rows per session (a ``session_id``
    column and ``SSI``), and change scores.

    Parameters
    ----------
    table : Table
        As :func:`ketfc.study.tables.read_table` gives it.
    scores, study
        Sections of the configuration.

    Returns
    -------
    table : pandas.DataFrame
        Columns of :data:`SCORE_COLUMNS`; `score` is a number or missing. Everybody in the table
        has a row per session and score.
    problems : list of Problem
        Missing columns and sessions, text instead of numbers, duplicate rows; missing values are
        notes.
    """
    import pandas as pd

    if table.rows.empty:
        return pd.DataFrame(columns=list(SCORE_COLUMNS)), []
    by_session = "session_id" in table.rows
    keys = ["participant_id", "session_id"] if by_session else ["participant_id"]
    rows = table.rows
    if by_session:
        rows = rows.assign(session_id=rows["session_id"].str.removeprefix("ses-"))
    table = Table(table.path, rows, table.problems)
    problems = duplicate_rows(table, keys)
    if by_session:
        problems += _session_problems(table, study)
    parts: list[pd.DataFrame] = []
    scales: list[tuple[str, Score]] = [("si", scores.si)]
    if scores.depression is not None:
        scales.append(("depression", scores.depression))
    for scale, score in scales:
        wanted = [("total", score.column or score.change_column)]
        if isinstance(score, Depression) and score.si_item:
            wanted.append(("si-item", score.si_item))
        for item, column in wanted:
            part, wrong = _item(table, str(column), f"scores.{scale}", score, study, by_session)
            problems += wrong
            parts.append(part.assign(scale=scale, instrument=score.instrument, item=item))
    long = pd.concat(parts, ignore_index=True)[list(SCORE_COLUMNS)]
    order = ["participant_id", "scale", "item", "role"]
    return long.sort_values(order, kind="stable", ignore_index=True), problems


def _session_problems(table: Table, study: Study) -> list[Problem]:
    """Return an error for rows without a session, and for sessions without a row."""
    given = table.rows["session_id"]
    problems = []
    if given.isna().any():
        message = f"no session_id in {lines(given.index[given.isna()])}"
        problems.append(Problem("error", message, file=table.path.name, field="session_id"))
    there = sorted(set(given.dropna()))
    for role, label in study.sessions.items():
        if label not in there:
            near = closest(label, there)
            problems.append(
                Problem(
                    "error",
                    "no row has this session" + (f"; did you mean '{near}'?" if near else ""),
                    file=table.path.name,
                    field=f"study.sessions.{role}",
                    value=label,
                    allowed=", ".join(there) or None,
                )
            )
    return problems


def _rows_of(table: Table, column: str, session: str | None) -> tuple[pd.DataFrame, list[Problem]]:
    """Return one row per participant of a table with rows per session.

    That of `session`; for a change score (None) the one that holds it. Who has no such row gets
    one without a value.
    """
    import pandas as pd

    rows, problems = table.rows, []
    if session is not None:
        chosen = rows[rows["session_id"] == session]
    else:
        # a change may stand in the row of one session, or be repeated in all of them
        chosen = rows[rows[column].notna()].drop_duplicates(["participant_id", column])
        problems = duplicate_rows(Table(table.path, chosen, ()), ["participant_id"])
    absent = rows[~rows["participant_id"].isin(chosen["participant_id"])]
    absent = absent.drop_duplicates("participant_id").assign(**{column: None})
    return pd.concat([chosen, absent]), problems


def _item(
    table: Table, column: str, field: str, score: Score, study: Study, by_session: bool
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return participant, session, role and score of one column, in whichever shape it is."""
    import pandas as pd

    rows, name = table.rows, table.path.name
    places: list[tuple[str, str | None, str]]
    if score.change_column is not None:
        places = [(CHANGE, None, column)]
    elif by_session:
        places = [(role, label, column) for role, label in study.sessions.items()]
    else:
        places = [(role, label, f"{column}_ses-{label}") for role, label in study.sessions.items()]
    problems: dict[Problem, None] = {}
    parts = []
    for role, session, header in places:
        if header not in rows:
            near = difflib.get_close_matches(header, list(map(str, rows.columns)), n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            problem = Problem(
                "error",
                f"has no such column{hint}",
                file=name,
                field=field,
                value=header,
                allowed=", ".join(map(str, rows.columns)),
            )
            problems[problem] = None
            continue
        chosen, wrong = _rows_of(table, header, session) if by_session else (rows, [])
        problems |= dict.fromkeys(wrong)
        values = []
        for participant, text in zip(chosen["participant_id"], chosen[header], strict=True):
            value = None if text is None else _number(text)
            values.append(value)
            if value is None:
                problem = Problem(
                    "note" if text is None else "error",
                    "the score is missing" if text is None else "is not a number",
                    file=name,
                    participant_id=participant,
                    session=session,
                    field=header,
                    value=text,
                    allowed=None if text is None else f"a number or {MISSING}",
                )
                problems[problem] = None
        parts.append(
            pd.DataFrame(
                {
                    "participant_id": chosen["participant_id"].to_numpy(),
                    "session": session,
                    "role": role,
                    "score": pd.Series(values, dtype=float).to_numpy(),
                }
            )
        )
    nothing = pd.DataFrame(columns=["participant_id", "session", "role", "score"])
    filled = [part for part in parts if len(part)]
    return (pd.concat(filled, ignore_index=True) if filled else nothing), list(problems)


def _number(text: str) -> float | None:
    """Return a finite number as spreadsheets write it; float() would take 1_0, nan and inf too."""
    value = float(text) if _NUMBER.fullmatch(text) else float("inf")
    return value if abs(value) < float("inf") else None


def arms(table: Table, study: Study) -> tuple[Mapping[str, str | None], list[Problem]]:
    """Return each participant's arm (``ketamine`` or ``control``; None if it is neither).

    Raises nothing: a missing column and labels that the config does not name are problems. In a
    table with several rows per participant, it is enough that one of them gives the arm.
    """
    # what is wrong with a table that could not be read has been said
    if study.arms is None or table.rows.empty:
        return {}, []
    column, name = study.arms.column, table.path.name
    if column not in table.rows:
        near = closest(column, map(str, table.rows.columns))
        hint = f"; did you mean '{near}'?" if near else ""
        problem = Problem(
            "error",
            f"has no such column{hint}",
            file=name,
            field="study.arms.column",
            value=column,
            allowed=", ".join(map(str, table.rows.columns)),
        )
        return {}, [problem]
    roles = {study.arms.ketamine: "ketamine", study.arms.control: "control"}
    found: dict[str, str | None] = {}
    problems = []
    for participant, labels in table.rows.groupby("participant_id", sort=False)[column]:
        given = list(dict.fromkeys(labels.dropna()))
        known = [label for label in given if label in roles]
        found[str(participant)] = roles[known[0]] if len(known) == 1 else None
        if len(given) == 1 and known:
            continue
        problems.append(
            Problem(
                "error" if len(given) > 1 else "excluded",
                "is in more than one arm" if len(given) > 1 else "is in neither arm of the config",
                file=name,
                participant_id=str(participant),
                field=column,
                value=", ".join(given) or MISSING,
                allowed=None if len(given) > 1 else ", ".join(roles),
            )
        )
    missing = sorted(label for label, role in roles.items() if role not in found.values())
    problems += [
        Problem(
            "error",
            "no participant has this label",
            file=name,
            field=f"study.arms.{roles[label]}",
            value=label,
            allowed=", ".join(sorted({str(x) for x in table.rows[column] if x is not None})),
        )
        for label in missing
    ]
    return found, problems
