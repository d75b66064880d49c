"""Tidy tables of connectivity: a row per participant, session and connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ketfc.base.english import listed
from ketfc.base.errors import Problem, did_you_mean
from ketfc.base.files import MISSING
from ketfc.study.config.sources import AS_IS, Connectivity
from ketfc.study.config.study import Study
from ketfc.study.config.types import expand
from ketfc.study.connectivity.given import FIELD, Given, Measure
from ketfc.study.connectivity.scales import fisher_z, scale_problem
from ketfc.study.connectivity.squares import Square
from ketfc.study.lab_sessions import odd_sessions
from ketfc.study.lab_tables import Table, as_number, lines, read_table
from ketfc.study.runs.index import Index, Run

if TYPE_CHECKING:
    import pandas as pd

CONNECTION = "connection"
"""The column that tells the connections of a session apart."""

REGIONS = ("region_a", "region_b")
"""The columns of the two ends of an edge."""

_KEYS = ("participant_id", "session_id", CONNECTION, *REGIONS)
_BETWEEN = " – "
_VALUES = ["participant_id", "session", "role", "measure", "value"]


def tables_of(study: Study) -> list[Path]:
    """Return the tables of connectivity that the config names."""
    return [expand(path) for path in study.connectivity.path] if study.connectivity else []


def read_tidy(study: Study) -> Given:
    """Read a study's tables of connectivity.

    Parameters
    ----------
    study : Study
        That section of the config, with `connectivity`.

    Returns
    -------
    Given
        With every problem: tables that cannot be read, columns and sessions that are not there,
        cells that are no numbers or do not fit their scale, rows that stand twice. A value that is
        missing is one of severity ``excluded``, for the session it is missing in.
    """
    about = study.connectivity
    assert about is not None
    problems: list[Problem] = []
    tables = []
    for path in tables_of(study):
        table = read_table(
            path, field=f"{FIELD}.path", known=(), columns=about.columns, missing=about.missing
        )
        # there is nothing that its participants could be compared with yet
        wrong = [problem for problem in table.problems if problem.severity == "error"]
        problems += wrong
        if not table.rows.empty:
            tables.append(_with_labels(_with_connections(table), about, study))
    people = frozenset(who for table in tables for who in table.rows["participant_id"])
    if unclear := _unknown_names(tables, about):
        # whatever else is wrong may follow from it
        nobody = Index((), people, (*problems, *unclear))
        return Given(nobody, (), _every_session((), (), _concat([])))
    measures, parts = [], []
    for column, scale in about.values.items():
        holders = [table for table in tables if column in table.rows]
        problems += _place_problems(column, holders, tables)
        if len(holders) != 1 or "session_id" not in holders[0].rows:
            continue
        found, rows, wrong = _column(holders[0], column, scale, about, study)
        measures += found
        parts.append(rows)
        problems += wrong
    for table in tables:
        if "session_id" not in table.rows:
            problems.append(_lacks(table, "session_id"))
    problems += _unknown_primary(about, measures)
    values = _concat(parts)
    if not any(problem.severity == "error" for problem in problems):
        problems += _session_problems(tables, values, study)
    runs = tuple(
        Run(f"{who}_ses-{session}", who, session, role, bold="", sidecar="", mask=None,
            confounds=None)
        for who, session, role in sorted(
            set(values[["participant_id", "session", "role"]].itertuples(index=False, name=None))
        )
    )  # fmt: skip
    order = sorted(measures, key=lambda one: not one.primary)
    everything = _every_session(runs, order, values)
    problems += _missing_values(everything, order) if not values.empty else []
    return Given(Index(runs, people, tuple(problems)), tuple(order), everything)


def read_edges(study: Study) -> tuple[Index, dict[str, Square]]:
    """Read tidy tables whose rows are edges, named by their two regions.

    Parameters
    ----------
    study : Study
        As for :func:`read_tidy`.

    Returns
    -------
    index : Index
        As in what :func:`read_tidy` returns.
    squares : dict of str to Square
        By run, the matrix of r of all regions that are named; NaN where there is no edge.
    """
    about = study.connectivity
    assert about is not None
    given = read_tidy(
        study.model_copy(update={"connectivity": about.model_copy(update={"kind": "table"})})
    )
    index = given.index
    ends = {one.id: one.ends for one in given.measures}
    lacking = [
        Problem("error", f"edges need the columns {' and '.join(REGIONS)}",
                field=f"{FIELD}.columns", allowed=", ".join(REGIONS))
    ]  # fmt: skip
    if any(problem.severity == "error" for problem in index.problems) or None in ends.values():
        wrong = lacking if None in ends.values() else []
        return Index((), index.participants, (*wrong, *index.problems)), {}
    labels = tuple(dict.fromkeys(name for pair in ends.values() if pair for name in pair))
    place = {name: i for i, name in enumerate(labels)}
    squares = {}
    keys = ["participant_id", "session"]
    for (who, session), rows in given.values.groupby(keys, sort=False):
        r = np.full((len(labels), len(labels)), np.nan)
        for measure, value in zip(rows["measure"], rows["value"], strict=True):
            a, b = (place[end] for end in ends[measure] or ())
            r[a, b] = r[b, a] = np.tanh(value)
        squares[f"{who}_ses-{session}"] = Square(labels, r, "r")
    # which values a circuit lacks is told region by region
    kept = tuple(problem for problem in index.problems if problem.severity != "excluded")
    return Index(index.runs, index.participants, kept), squares


def _with_labels(table: Table, about: Connectivity, study: Study) -> Table:
    """Return a table whose sessions are labels, as ``study.sessions`` has them."""
    if "session_id" not in table.rows:
        return table
    there = set(study.sessions.values())
    labels = {
        theirs: named if named in there else study.sessions.get(named, named)
        for theirs, named in about.sessions.items()
    }
    sessions = [
        None if text is None else labels.get(text, text.removeprefix("ses-"))
        for text in table.rows["session_id"]
    ]
    rows = table.rows.assign(_session=table.rows["session_id"])
    rows["session_id"] = sessions
    return replace(table, rows=rows)


def _with_connections(table: Table) -> Table:
    """Return a table of edges with a connection for each pair of regions, in either order."""
    if not {*REGIONS} <= {*table.rows.columns}:
        return table
    pairs = zip(*(table.rows[name] for name in REGIONS), strict=True)
    names = [None if None in pair else _BETWEEN.join(sorted(pair)) for pair in pairs]
    rows = table.rows.copy()
    rows[CONNECTION] = names
    return replace(table, rows=rows)


def _unknown_names(tables: list[Table], about: Connectivity) -> list[Problem]:
    """Return an error for every column and session to be renamed that no table has."""
    if not tables:
        return []
    there = {str(name) for table in tables for name in table.rows.columns if name != "_session"}
    renamed = {ours for table in tables for ours in table.headers}
    problems = [
        Problem("error", f"no table of connectivity has this column{did_you_mean(theirs, there)}",
                field=f"{FIELD}.columns.{ours}", value=theirs, allowed=", ".join(sorted(there)))
        for ours, theirs in about.columns.items()
        if ours not in renamed and theirs not in there
    ]  # fmt: skip
    problems += [
        Problem("error", f"is not a column that can be renamed{did_you_mean(ours, _KEYS)}",
                field=f"{FIELD}.columns", value=ours, allowed=", ".join(_KEYS))
        for ours in about.columns
        if ours not in _KEYS
    ]  # fmt: skip
    visits = {
        str(text)
        for table in tables
        if "session_id" in table.rows
        for text in table.rows["_session"].dropna()
    }
    return problems + [
        Problem("error", f"no table of connectivity has this session{did_you_mean(name, visits)}",
                field=f"{FIELD}.sessions", value=name, allowed=", ".join(sorted(visits)))
        for name in about.sessions
        if visits and name not in visits
    ]  # fmt: skip


def _place_problems(column: str, holders: list[Table], tables: list[Table]) -> list[Problem]:
    """Return an error for a column of values that is in no table, or in several."""
    field = f"{FIELD}.values"
    if len(holders) > 1:
        names = listed([table.path.name for table in holders])
        message = f"is a column of several tables ({names}); it must be in one only"
        return [Problem("error", message, field=field, value=column)]
    if holders or not tables:
        return []
    there = {str(name): None for table in tables for name in table.rows.columns
             if name != "_session"}  # fmt: skip
    message = f"no table of connectivity has this column{did_you_mean(column, there)}"
    return [Problem("error", message, field=field, value=column, allowed=", ".join(there))]


def _lacks(table: Table, column: str) -> Problem:
    there = [str(name) for name in table.rows.columns if name not in ("participant_id", "_session")]
    return Problem(
        "error",
        f"has no column {column}{did_you_mean(column, there)}; name theirs in {FIELD}.columns",
        file=table.path.name,
        field=column,
        allowed=", ".join(there),
    )


def _column(
    table: Table, column: str, scale: str, about: Connectivity, study: Study
) -> tuple[list[Measure], pd.DataFrame, list[Problem]]:
    """Return the measures of one column of values, their rows and what is wrong with these."""
    import pandas as pd

    roles = {label: role for role, label in study.sessions.items()}
    rows = table.rows[table.rows["session_id"].isin(roles)]
    connections = CONNECTION in rows
    problems = _row_problems(table, rows, connections=connections)
    # where one column alone is of connectivity, its connections need no further name
    alone = [one for one in about.values if about.values[one] != AS_IS] == [column]
    pairs: dict[Any, tuple[str, str]] = {}
    if {*REGIONS} <= {*rows.columns}:
        first = rows.drop_duplicates(CONNECTION)
        ends_of = first[[*REGIONS]].itertuples(index=False, name=None)
        pairs = dict(zip(first[CONNECTION], ends_of, strict=True))
    measures = {}
    for name in dict.fromkeys(rows[CONNECTION].dropna()) if connections else [None]:
        key = column if name is None else name if alone else f"{name}_{column}"
        said = column if name is None else name if alone else f"{name}, {column}"
        primary = scale != AS_IS and (not about.primary or key in about.primary)
        ends = pairs.get(name)
        measures[name] = Measure(key, said, column, scale, table.path.name, primary, ends)
    numbers: list[float] = []
    for row in rows.to_dict("records"):
        text = row[column]
        number = None if text is None else as_number(text)
        numbers.append(float("nan") if number is None else number)
        if text is not None and number is None:
            problems.append(
                Problem("error", "is not a number", file=table.path.name,
                        participant_id=row["participant_id"], session=row["session_id"],
                        field=column, value=text, allowed=f"a number or {MISSING}; a mark of the "
                        f"lab's own for missing values stands in {FIELD}.missing")
            )  # fmt: skip
    found = pd.Series(numbers, index=rows.index, dtype=float)
    problems += _misfits(table, rows, found, column, scale)
    names = rows[CONNECTION] if connections else pd.Series([None] * len(rows), index=rows.index)
    frame = pd.DataFrame(
        {
            "participant_id": rows["participant_id"],
            "session": rows["session_id"],
            "role": rows["session_id"].map(roles),
            "measure": [measures[name].id if name in measures else None for name in names],
            "value": fisher_z(found, scale),
        }
    )
    return list(measures.values()), frame, problems


def _row_problems(table: Table, rows: pd.DataFrame, *, connections: bool) -> list[Problem]:
    """Return an error for rows that stand twice, or do not say what they are."""
    problems = []
    file = table.path.name
    if connections and rows[CONNECTION].isna().any():
        where = lines(rows.index[rows[CONNECTION].isna()])
        problems.append(Problem("error", f"no {CONNECTION} in {where}", file=file,
                                field=table.header(CONNECTION)))  # fmt: skip
    unnamed = table.rows["session_id"].isna()
    if unnamed.any():
        where = lines(table.rows.index[unnamed])
        problems.append(Problem("error", f"no session_id in {where}", file=file,
                                field=table.header("session_id")))  # fmt: skip
    keys = ["participant_id", "session_id", *([CONNECTION] if connections else [])]
    twice = rows[rows.duplicated(keys, keep=False)]
    for key, same in twice.groupby(keys, sort=True):
        what = f"has {len(same)} rows" + (f" of {key[2]}" if connections else "")
        hint = (
            "" if connections
            else f"; if each is a connection, name the column that tells them apart in "
            f"{FIELD}.columns.{CONNECTION}"
        )  # fmt: skip
        problems.append(
            Problem("error", f"{what} ({lines(same.index)}); one is expected{hint}",
                    file=file, participant_id=str(key[0]), session=str(key[1]))
        )  # fmt: skip
    return problems


def _misfits(
    table: Table, rows: pd.DataFrame, found: pd.Series[float], column: str, scale: str
) -> list[Problem]:
    """Return an error if the numbers of a column cannot be on the scale the config names."""
    message = scale_problem(found.to_numpy(), scale)
    if message is None:
        return []
    extreme = rows.iloc[int(found.abs().fillna(-1.0).argmax())]
    value = str(extreme[column])
    message += (
        f" ({value} is that of {extreme['participant_id']}, session {extreme['session_id']}); if "
        f"it stands for a missing value, name it in {FIELD}.missing"
    )
    return [Problem("error", message, file=table.path.name, field=f"{FIELD}.values.{column}",
                    value=scale)]  # fmt: skip


def _unknown_primary(about: Connectivity, measures: list[Measure]) -> list[Problem]:
    names = [one.id for one in measures if one.scale != AS_IS]
    if not names:
        return []
    return [
        Problem("error", f"is no connection of the tables{did_you_mean(name, names)}",
                field=f"{FIELD}.primary", value=name, allowed=", ".join(names[:20]))
        for name in about.primary
        if name not in names
    ]  # fmt: skip


def _session_problems(tables: Iterable[Table], values: pd.DataFrame, study: Study) -> list[Problem]:
    """Return an error for sessions that no row has, and a question on those of no role."""
    there = {str(label) for table in tables for label in table.rows["session_id"].dropna()}
    problems = [
        problem
        for table in tables
        for problem in odd_sessions(
            table.rows,
            study.sessions.values(),
            file=table.path.name,
            key=f"{FIELD}.sessions",
        )
    ]
    for role, label in study.sessions.items():
        if label not in set(values["session"]):
            message = f"no row of connectivity has this session{did_you_mean(label, there)}"
            problems.append(Problem("error", message, file="config", field=f"study.sessions.{role}",
                                    value=label, allowed=", ".join(sorted(there))))  # fmt: skip
    return problems


def _every_session(
    runs: Iterable[Run], measures: Iterable[Measure], values: pd.DataFrame
) -> pd.DataFrame:
    """Return a row for every session and measure, NaN where the tables have none."""
    import pandas as pd

    rows = [
        {"participant_id": run.participant_id, "session": run.session, "role": run.role,
         "measure": one.id}
        for run in runs
        for one in measures
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=_VALUES[:-1])
    known = values.drop_duplicates(_VALUES[:-1])
    return frame.merge(known, how="left", on=_VALUES[:-1])


def _missing_values(values: pd.DataFrame, measures: Iterable[Measure]) -> list[Problem]:
    """Return a problem for every value that a session lacks, the reason that it is in no test."""
    of: Mapping[str, Measure] = {one.id: one for one in measures}
    return [
        Problem("excluded", f"has no value of {row['measure']}", file=of[row["measure"]].file,
                participant_id=row["participant_id"], session=row["session"],
                field=of[row["measure"]].column)
        for row in _records(values[values["value"].isna()])
    ]  # fmt: skip


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _concat(parts: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    if not parts:
        return pd.DataFrame(columns=_VALUES)
    return pd.concat(parts, ignore_index=True)
