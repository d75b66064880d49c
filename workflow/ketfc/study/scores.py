"""Clinical scores: from a lab's table to one long table, refusing what is ambiguous."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ketfc.files import MISSING, read_tsv
from ketfc.study.config import Depression, Score, Scores, Study, expand
from ketfc.study.problems import Problem, closest

if TYPE_CHECKING:
    import pandas as pd

CHANGE = "change"
"""Role, in ``scores.tsv``, of a score that is itself a change (follow-up − baseline)."""

SCORE_COLUMNS = ("participant_id", "session", "role", "scale", "instrument", "item", "score")


@dataclass(frozen=True)
class Table:
    """A lab's table with participants as ``sub-…``, and what is wrong with it."""

    path: Path
    rows: pd.DataFrame
    problems: tuple[Problem, ...]


def find_table(path: str, folders: Iterable[Path]) -> Path:
    """Return where a table is: as written from the working directory, else in the derivatives."""
    given = expand(path)
    places = [given, *(folder / given for folder in folders)]
    return next((place for place in places if place.is_file()), given)


def read_table(path: Path, *, field: str, known: Iterable[str]) -> Table:
    """Read a table that has one or more rows per participant.

    Parameters
    ----------
    path : pathlib.Path
        A ``.tsv`` file, or a ``.csv`` file with commas (or semicolons).
    field : str
        The key of the config that names it.
    known : iterable of str
        Participants that have images, to which IDs are compared.

    Returns
    -------
    Table
        All cells are text. IDs may be written with or without ``sub-``; those that match no
        participant are reported, and it is an error if only a leading zero was lost.
    """
    import pandas as pd

    known = set(known)
    name = path.name
    empty = pd.DataFrame({"participant_id": pd.Series(dtype=object)})
    if not path.is_file():
        message = "there is no such file in the working directory or the derivatives"
        return Table(path, empty, (Problem("error", message, field=field, value=str(path)),))
    try:
        rows = _read_text(path)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        message = f"cannot be read as a table in UTF-8: {' '.join(str(error).split())}"
        return Table(path, empty, (Problem("error", message, file=name, field=field),))
    if "participant_id" not in rows:
        near = closest("participant_id", rows.columns)
        problem = Problem(
            "error",
            "has no column participant_id" + (f"; did you mean '{near}'?" if near else ""),
            file=name,
            field="participant_id",
            allowed=", ".join(map(str, rows.columns)),
        )
        return Table(path, empty, (problem,))
    problems = []
    unnamed = rows["participant_id"].isna()
    if unnamed.any():
        where = ", ".join(str(i + 2) for i in rows.index[unnamed][:5])
        problems.append(
            Problem("error", f"rows {where} have no participant_id", file=name, field=field)
        )
        rows = rows[~unnamed]
    rows = rows.assign(
        participant_id=["sub-" + str(x).strip().removeprefix("sub-") for x in rows.participant_id]
    )
    problems += [
        _lost_zero(name, participant, known)
        for participant in dict.fromkeys(rows["participant_id"])
        if participant not in known
    ]
    return Table(path, rows.reset_index(drop=True), tuple(problems))


def _read_text(path: Path) -> pd.DataFrame:
    import pandas as pd

    if path.suffix != ".csv":
        return read_tsv(path)
    table = pd.read_csv(
        path,
        sep=None,
        engine="python",
        dtype=str,
        keep_default_na=False,
        na_values=[MISSING, ""],
        encoding="utf-8-sig",
    )
    return table.astype(object).where(table.notna(), None)


def _lost_zero(name: str, participant: str, known: set[str]) -> Problem:
    """Report a participant without images; an error if a leading zero makes the difference."""
    label = participant.removeprefix("sub-")
    bare = {other: other.removeprefix("sub-").lstrip("0") for other in sorted(known)}
    meant = [other for other, digits in bare.items() if digits == label.lstrip("0")]
    if label.isdigit() and meant:
        return Problem(
            "error",
            f"no images have this ID, but {meant[0]} has some: were leading zeros lost (in a "
            "spreadsheet)?",
            file=name,
            participant_id=participant,
            field="participant_id",
            value=label,
            allowed=meant[0],
        )
    return Problem(
        "note",
        "is in the table but has no images",
        file=name,
        participant_id=participant,
        field="participant_id",
        value=label,
    )


def duplicate_rows(table: Table, keys: list[str]) -> list[Problem]:
    """Return an error for everybody who has two rows where one was expected."""
    twice = table.rows[table.rows.duplicated(keys, keep=False)]
    problems = []
    for key, rows in twice.groupby(keys, sort=True):
        lines = ", ".join(str(i + 2) for i in rows.index)
        problems.append(
            Problem(
                "error",
                f"has {len(rows)} rows (lines {lines}); one is expected",
                file=table.path.name,
                participant_id=str(key[0]),
                session=str(key[1]) if len(key) > 1 else None,
                field=keys[0],
                value=str(key[0]),
            )
        )
    return problems


def long_scores(table: Table, scores: Scores, study: Study) -> tuple[pd.DataFrame, list[Problem]]:
    """Return every score of the study as one row, and what is wrong with them.

    Three shapes are read: wide columns (``SSI_ses-pre``), rows per session (a ``session_id``
    column and ``SSI``), and change scores.

    Parameters
    ----------
    table : Table
        As :func:`read_table` gives it.
    scores, study
        Sections of the configuration.

    Returns
    -------
    table : pandas.DataFrame
        Columns of :data:`SCORE_COLUMNS`; `score` is a number or missing.
    problems : list of Problem
        Missing columns, text instead of numbers, duplicate rows; missing values are notes.
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


def _item(
    table: Table, column: str, field: str, score: Score, study: Study, by_session: bool
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return participant, session, role and score of one column, in whichever shape it is."""
    import pandas as pd

    rows, name = table.rows, table.path.name
    places: list[tuple[str, str | None, str, pd.DataFrame]]
    if score.change_column is not None:
        places = [(CHANGE, None, column, rows)]
    elif by_session:
        places = [
            (role, label, column, rows[rows["session_id"] == label])
            for role, label in study.sessions.items()
        ]
    else:
        places = [
            (role, label, f"{column}_ses-{label}", rows) for role, label in study.sessions.items()
        ]
    problems, parts = [], []
    for role, session, header, chosen in places:
        if header not in rows:
            near = difflib.get_close_matches(header, list(map(str, rows.columns)), n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            problems.append(
                Problem(
                    "error",
                    f"has no such column{hint}",
                    file=name,
                    field=field,
                    value=header,
                    allowed=", ".join(map(str, rows.columns)),
                )
            )
            continue
        values = []
        for participant, text in zip(chosen["participant_id"], chosen[header], strict=True):
            value, problem = _number(text)
            values.append(value)
            if problem:
                problems.append(
                    Problem(
                        "note" if text is None else "error",
                        problem,
                        file=name,
                        participant_id=participant,
                        session=session,
                        field=header,
                        value=text,
                        allowed=None if text is None else f"a number or {MISSING}",
                    )
                )
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
    return (pd.concat(filled, ignore_index=True) if filled else nothing), problems


def _number(text: str | None) -> tuple[float | None, str | None]:
    if text is None:
        return None, "the score is missing"
    try:
        value = float(text)
    except ValueError:
        return None, "is not a number"
    if value != value or value in (float("inf"), float("-inf")):
        return None, "is not a number"
    return value, None


def arms(table: Table, study: Study) -> tuple[Mapping[str, str | None], list[Problem]]:
    """Return each participant's arm (``ketamine`` or ``control``; None if it is neither).

    Raises nothing: a missing column and labels that the config does not name are problems.
    """
    if study.arms is None:
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
    for participant, label in zip(table.rows["participant_id"], table.rows[column], strict=True):
        role = roles.get(str(label))
        if found.setdefault(participant, role) != role:
            problems.append(
                Problem(
                    "error",
                    "is in both arms",
                    file=name,
                    participant_id=participant,
                    field=column,
                    value=str(label),
                )
            )
        if role is None:
            problems.append(
                Problem(
                    "excluded",
                    "is in neither arm of the config",
                    file=name,
                    participant_id=participant,
                    field=column,
                    value=MISSING if label is None else str(label),
                    allowed=", ".join(roles),
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
