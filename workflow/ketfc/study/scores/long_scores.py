"""Read clinical scores from a lab's tables into one long table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ketfc.base.errors import Problem, did_you_mean
from ketfc.base.files import MISSING
from ketfc.study.config.scores import Depression, Score, Scores
from ketfc.study.config.study import Study
from ketfc.study.lab_tables import Table, as_number, duplicate_rows
from ketfc.study.scores.checks import (
    NEEDED,
    in_no_table,
    instrument_problems,
    per_cent_problems,
    table_problems,
    unknown_names,
    value_problems,
)
from ketfc.study.scores.instruments import Catalogue

if TYPE_CHECKING:
    import pandas as pd

CHANGE = "change"
"""Role, in ``scores.tsv``, of a score that is itself a change (follow-up − baseline)."""

TOTAL, SI_ITEM, LESS_SI_ITEM = "total", "si-item", "total-less-si-item"
"""Items of ``scores.tsv``; the last is computed: the total minus the suicide item it contains."""

SCORE_COLUMNS = (
    "participant_id",
    "session",
    "role",
    "scale",
    "instrument",
    "item",
    "score",
    "hours",
)


def long_scores(
    tables: Sequence[Table], scores: Scores, study: Study, catalogue: Catalogue
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return every score of the study as one row, and the problems of the scores.

    Three shapes are read: wide columns (``SSI_ses-pre``), rows per session (a ``session_id``
    column and ``SSI``), and change scores. Each column must be in one of the tables only.

    Parameters
    ----------
    tables : sequence of Table
        As :func:`ketfc.study.lab_tables.read_table` gives them.
    scores, study
        Sections of the configuration.
    catalogue : Catalogue
        What the scores of an instrument can be.

    Returns
    -------
    table : pandas.DataFrame
        Columns of :data:`SCORE_COLUMNS`; `score` is a number or missing, `hours` since the dose
        too. Everybody in a table has a row per session and score in it.
    problems : list of Problem
        Problems of the tables that hold a score, missing columns and sessions, text instead of
        numbers, impossible scores, duplicate rows; missing values are notes.
    """
    import pandas as pd

    problems = unknown_names(tables, scores)
    labels = _session_labels(scores, study)
    prepared = [_with_sessions(table, labels) for table in tables]
    used: dict[int, None] = {}
    parts: list[pd.DataFrame] = []
    rules = {}
    missing_columns = False
    for scale, score, wanted in _scales(scores):
        for item, column in wanted:
            field = f"scores.{scale}"
            holders = [i for i, t in enumerate(prepared) if _headers(t, score, column, study)]
            if len(prepared) == 1:
                # what is missing is said column by column
                holders = [0]
            if not holders:
                missing_columns = True
                problems += [in_no_table(prepared, field, column)] if prepared else []
                continue
            if len(holders) > 1:
                names = ", ".join(prepared[i].path.name for i in holders)
                message = f"is a column of several tables ({names}); it must be in one only"
                problems.append(Problem("error", message, field=field, value=column))
            used |= dict.fromkeys(holders)
            table = prepared[holders[0]]
            if table.rows.empty:
                continue
            part, wrong = _item(table, column, field, score, scores, study)
            problems += [*wrong, *per_cent_problems(part, score)]
            rules[scale, item] = (
                catalogue.item_rule(score) if item == SI_ITEM else catalogue.rule(score)
            )
            parts.append(part.assign(scale=scale, instrument=score.instrument, item=item))
    problems = [
        *table_problems(prepared, used, study, all_count=missing_columns),
        *instrument_problems(scores, catalogue),
        *problems,
    ]
    if not parts:
        return pd.DataFrame(columns=list(SCORE_COLUMNS)), problems
    cells = pd.concat(parts, ignore_index=True)
    problems += value_problems(cells, rules)
    cells["score"] = cells["score"].astype(float)
    long = pd.concat([cells, _less_si_item(cells)], ignore_index=True)[list(SCORE_COLUMNS)]
    order = ["participant_id", "scale", "item", "role"]
    return long.sort_values(order, kind="stable", ignore_index=True), problems


def _scales(scores: Scores) -> list[tuple[str, Score, list[tuple[str, str]]]]:
    """Return the scales of the study, with their items and the columns these are in."""
    found = []
    for scale, score in (("si", scores.si), ("depression", scores.depression)):
        if score is None:
            continue
        wanted = [(TOTAL, str(score.column or score.change_column))]
        if isinstance(score, Depression) and score.si_item:
            wanted.append((SI_ITEM, score.si_item))
        found.append((scale, score, wanted))
    return found


def _session_labels(scores: Scores, study: Study) -> dict[str, str]:
    """Return the labels that a lab's own names of sessions stand for.

    The config may name a role instead; a session that is called like a role comes first.
    """
    there = set(study.sessions.values())
    return {
        theirs: named if named in there else study.sessions.get(named, named)
        for theirs, named in scores.sessions.items()
    }


def _with_sessions(table: Table, labels: Mapping[str, str]) -> Table:
    """Return a table whose sessions are labels, as the config names them."""
    if "session_id" not in table.rows:
        return table
    rows = table.rows.copy()
    rows["session_id"] = [
        None if text is None else labels.get(text, text.removeprefix("ses-"))
        for text in rows["session_id"]
    ]
    return replace(table, rows=rows)


def _places(
    table: Table, score: Score, column: str, study: Study
) -> list[tuple[str, str | None, str]]:
    """Return role, session and column of a score, for every role it can have."""
    if score.change_column is not None:
        return [(CHANGE, None, column)]
    if "session_id" in table.rows:
        there = set(table.rows["session_id"])
        return [
            (role, label, column)
            for role, label in study.sessions.items()
            if role in NEEDED or label in there
        ]
    return [(role, label, f"{column}_ses-{label}") for role, label in study.sessions.items()]


def _headers(table: Table, score: Score, column: str, study: Study) -> list[str]:
    """Return the columns of a table that hold a score."""
    return [place[2] for place in _places(table, score, column, study) if place[2] in table.rows]


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
        problems = duplicate_rows(replace(table, rows=chosen), ["participant_id"])
    absent = rows[~rows["participant_id"].isin(chosen["participant_id"])]
    others = [name for name in rows.columns if name != "participant_id"]
    absent = absent.drop_duplicates("participant_id").assign(**dict.fromkeys(others))
    return pd.concat([chosen, absent.astype(object)]), problems


def _item(
    table: Table, column: str, field: str, score: Score, scores: Scores, study: Study
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the cells of one column, in whichever shape it is."""
    import pandas as pd

    rows, by_session = table.rows, "session_id" in table.rows
    problems: dict[Problem, None] = {}
    parts = []
    for role, session, header in _places(table, score, column, study):
        if header not in rows:
            hint = did_you_mean(header, map(str, rows.columns))
            problem = Problem(
                "error" if role in (*NEEDED, CHANGE) else "note",
                f"has no such column{hint}",
                file=table.path.name,
                field=field,
                value=header,
                allowed=table.columns,
            )
            problems[problem] = None
            continue
        chosen, wrong = _rows_of(table, header, session) if by_session else (rows, [])
        problems |= dict.fromkeys(wrong)
        hours, wrong = _hours(table, chosen, role, session, scores)
        problems |= dict.fromkeys(wrong)
        participants = chosen["participant_id"].to_numpy()
        texts = chosen[header].to_numpy()
        values = [None if text is None else as_number(text) for text in texts]
        parts.append(
            pd.DataFrame(
                {
                    "participant_id": participants,
                    "session": pd.Series([session] * len(chosen), dtype=object),
                    "role": role,
                    "score": pd.Series(values, dtype=float),
                    "hours": pd.Series(hours, dtype=float),
                    "text": pd.Series(texts, dtype=object),
                    "file": [table.file(participant) for participant in participants],
                    "header": table.header(header),
                }
            )
        )
    if not parts:
        return pd.DataFrame(columns=[*SCORE_COLUMNS, "text", "file", "header"]), list(problems)
    return pd.concat(parts, ignore_index=True), list(problems)


def _hours(
    table: Table, rows: pd.DataFrame, role: str, session: str | None, scores: Scores
) -> tuple[list[float | None], list[Problem]]:
    """Return the hours since the dose of each score: from its column, else those of its role."""
    usual = None if role == CHANGE else scores.hours_since_dose.get(role)
    column = scores.hours_column
    if column is not None and "session_id" not in table.rows and session is not None:
        column = f"{column}_ses-{session}"
    if column is None or role == CHANGE or column not in rows:
        return [usual] * len(rows), []
    hours, problems = [], []
    for participant, text in zip(rows["participant_id"], rows[column], strict=True):
        value = None if text is None else as_number(text)
        hours.append(usual if text is None else value)
        if text is not None and value is None:
            problems.append(
                Problem(
                    "error",
                    "is not a number",
                    file=table.file(participant),
                    participant_id=participant,
                    session=session,
                    field=table.header(column),
                    value=text,
                    allowed=f"a number of hours or {MISSING}",
                )
            )
    return hours, problems


def _less_si_item(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the depression totals without the suicide item they contain."""
    keys = ["participant_id", "role"]
    own = cells[cells["scale"] == "depression"].drop_duplicates([*keys, "item"])
    item = own[own["item"] == SI_ITEM].set_index(keys)["score"]
    totals = own[(own["item"] == TOTAL) & bool(len(item))]
    less = (
        totals["score"].to_numpy()
        - item.reindex(list(zip(totals["participant_id"], totals["role"], strict=True))).to_numpy()
    )
    return totals.assign(item=LESS_SI_ITEM, score=less)
