"""Find and read the tables of a study's scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ketfc.base.errors import Problem
from ketfc.study.config.config import Config
from ketfc.study.config.scores import Scores
from ketfc.study.config.types import expand
from ketfc.study.lab_tables import (
    Table,
    find_table,
    find_tables,
    is_sessions_file,
    read_sessions_files,
    read_table,
)
from ketfc.study.scores.instruments import BUNDLED

_FIELD = "scores.table"


def input_tables(config: Config, folders: Sequence[Path]) -> list[Path]:
    """Return every table that the plan reads, each once: those of scores and of participants.

    Parameters
    ----------
    config : Config
        The study's configuration.
    folders : sequence of pathlib.Path
        The derivatives.

    Returns
    -------
    list of pathlib.Path
        Those that exist.
    """
    paths = [path for name in config.scores.table for path in find_tables(name, folders)]
    paths.append(find_table(config.study.participants, folders))
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def instrument_files(scores: Scores) -> list[Path]:
    """Return the catalogues of instruments that a study uses and that exist."""
    own = [expand(scores.instruments)] if scores.instruments else []
    return [path for path in (BUNDLED, *own) if path.is_file()]


def read_score_tables(
    scores: Scores, folders: Sequence[Path], known: Iterable[str], *, measured: str = "images"
) -> tuple[list[Table], list[Problem]]:
    """Read the tables of ``scores.table``.

    Parameters
    ----------
    scores : Scores
        Section of the configuration.
    folders : sequence of pathlib.Path
        The derivatives, where tables are looked for too.
    known : iterable of str
        Participants that have images.
    measured : str
        What they have, in words.

    Returns
    -------
    tables : list of Table
        One per file, and one for all ``sub-*_sessions.tsv`` together.
    problems : list of Problem
        Patterns that match no file; what is wrong with a table is in the table.
    """
    known = set(known)
    problems = []
    paths: dict[Path, None] = {}
    for name in scores.table:
        found = find_tables(name, folders)
        if not found:
            message = "matches no file in the working directory or the derivatives"
            problems.append(Problem("error", message, field=_FIELD, value=name))
        paths |= dict.fromkeys(found)
    by_participant = [path for path in paths if is_sessions_file(path)]
    tables = [
        read_table(
            path,
            field=_FIELD,
            known=known,
            columns=scores.columns,
            missing=scores.missing,
            measured=measured,
        )
        for path in paths
        if not is_sessions_file(path)
    ]
    if by_participant:
        tables.append(
            read_sessions_files(
                by_participant,
                field=_FIELD,
                known=known,
                columns=scores.columns,
                missing=scores.missing,
                measured=measured,
            )
        )
    return tables, problems


def participants_table(
    config: Config,
    tables: Sequence[Table],
    folders: Sequence[Path],
    known: Iterable[str],
    *,
    measured: str = "images",
) -> Table:
    """Return the participants table, which may be one of those with scores."""
    path = find_table(config.study.participants, folders)
    same = [table for table in tables if table.path == path]
    if same:
        return same[0]
    missing = config.scores.missing
    return read_table(
        path, field="study.participants", known=known, missing=missing, measured=measured
    )
