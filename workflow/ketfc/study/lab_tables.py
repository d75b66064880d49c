"""A lab's tables: one or more rows per participant, read strictly."""

from __future__ import annotations

import csv
import glob
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ketfc.base.errors import Problem, did_you_mean
from ketfc.base.files import MISSING
from ketfc.study.config.scores import SESSIONS_FILES
from ketfc.study.config.types import expand

if TYPE_CHECKING:
    import pandas as pd


_PATTERN = re.compile(r"[*?\[]")
_INDEX = ("session_id", "run_id")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NEVER_MISSING = ("participant_id", "session_id")
_SPREADSHEETS = {b"PK\x03\x04": "Excel or OpenDocument", b"\xd0\xcf\x11\xe0": "Excel"}
_SESSIONS_FILE = re.compile(r"(sub-[A-Za-z0-9]+)_sessions\.tsv")


@dataclass(frozen=True)
class Table:
    """A lab's table with participants as ``sub-…``, and the problems of the table.

    The index of `rows` is the line of the file.

    Attributes
    ----------
    path : pathlib.Path
        Where it is; for ``sub-*_sessions.tsv``, a pattern.
    rows : pandas.DataFrame
        Cells as text, None where missing.
    problems : tuple of Problem
        What is wrong with the table as such.
    headers : mapping of str to str
        What the file calls a column that was renamed.
    """

    path: Path
    rows: pd.DataFrame
    problems: tuple[Problem, ...]
    headers: Mapping[str, str] = field(default_factory=dict)

    def file(self, participant: str) -> str:
        """Return the name of the file that holds a participant's rows."""
        return self.path.name.replace("sub-*", participant)

    def header(self, column: str) -> str:
        """Return the name that a column has in the file."""
        return self.headers.get(column, column)

    @property
    def columns(self) -> str:
        """The columns of the file, in words."""
        return ", ".join(self.header(str(column)) for column in self.rows.columns)


def find_table(path: str, folders: Iterable[Path]) -> Path:
    """Return the path of a table, in the working directory or else in the derivatives."""
    given = expand(path)
    places = [given, *(folder / given for folder in folders)]
    return next((place for place in places if place.is_file()), given)


def find_link(path: str, folders: Iterable[Path]) -> Path:
    """Return the path of a table, or of a link in its place that may lead nowhere."""
    given = expand(path)
    places = [given, *(folder / given for folder in folders)]
    return next((place for place in places if place.is_symlink() or place.is_file()), given)


def find_tables(path: str, folders: Iterable[Path]) -> list[Path]:
    """Return the tables that an entry of ``scores.table`` stands for, sorted.

    Parameters
    ----------
    path : str
        A path, a pattern such as ``phenotype/*.tsv``, or ``sessions``.
    folders : iterable of pathlib.Path
        The derivatives, where they are looked for if the working directory has none.

    Returns
    -------
    list of pathlib.Path
        For a path, the one place it may be in, whether it is there or not; for a pattern, the
        files that match.
    """
    pattern = "sub-*/sub-*_sessions.tsv" if path == SESSIONS_FILES else path
    if not _PATTERN.search(pattern):
        return [find_table(pattern, folders)]
    given = expand(pattern)
    for place in (given, *(folder / given for folder in folders)):
        matches = sorted(Path(name) for name in glob.glob(str(place)) if Path(name).is_file())  # noqa: PTH207
        if matches:
            return matches
    return []


def read_table(
    path: Path,
    *,
    field: str,
    known: Iterable[str],
    columns: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
    measured: str = "images",
) -> Table:
    """Read a table that has one or more rows per participant.

    Parameters
    ----------
    path : pathlib.Path
        A text file in UTF-8 whose cells are parted by tabs, semicolons or commas.
    field : str
        The key of the config that names it.
    known : iterable of str
        Participants that have images, to which IDs are compared.
    columns : mapping of str to str, optional
        The name that a column should have, and the name it has in the file.
    missing : sequence of str
        Cells that stand for a missing value, beside empty ones and ``n/a``.
    measured : str
        What the known participants have, in words.

    Returns
    -------
    Table
        All cells are text. IDs may be written with or without ``sub-``; those that match no
        participant are reported, and it is an error if only a leading zero was lost, or if
        nobody is left.
    """
    name = path.name
    if not path.is_file():
        message = "there is no such file in the working directory or the derivatives"
        return _nothing(path, Problem("error", message, field=field, value=str(path)))
    try:
        rows = read_text(path)
        headers = _headers(rows, columns or {})
    except (OSError, ValueError, csv.Error) as error:
        message = f"cannot be read as a table in UTF-8: {error}"
        return _nothing(path, Problem("error", message, file=name, field=field))
    wanted = (columns or {}).get("participant_id", "participant_id")
    if wanted not in rows:
        problem = Problem(
            "error",
            f"has no column {wanted}{did_you_mean(wanted, rows.columns)}",
            file=name,
            field="participant_id",
            allowed=", ".join(map(str, rows.columns)),
        )
        return _nothing(path, problem)
    rows = rows.rename(columns={theirs: ours for ours, theirs in headers.items()})
    return _with_participants(path, _without_codes(rows, missing), set(known), headers, measured)


def read_sessions_files(
    paths: Sequence[Path],
    *,
    field: str,
    known: Iterable[str],
    columns: Mapping[str, str] | None = None,
    missing: Sequence[str] = (),
    measured: str = "images",
) -> Table:
    """Read BIDS' ``sub-*_sessions.tsv`` as one table with a row per participant and session.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        One file per participant, whose name says who it is.
    field, known, columns, missing, measured
        As for :func:`read_table`.

    Returns
    -------
    Table
        With the column ``participant_id`` added. A file that cannot be read is an error.
    """
    import pandas as pd

    parts: list[pd.DataFrame] = []
    problems: list[Problem] = []
    headers: dict[str, str] = {}
    for path in paths:
        participant = _SESSIONS_FILE.fullmatch(path.name)
        try:
            rows = read_text(path)
            renamed = _headers(rows, columns or {})
        except (OSError, ValueError, csv.Error) as error:
            message = f"cannot be read as a table in UTF-8: {error}"
            problems.append(Problem("error", message, file=path.name, field=field))
            continue
        headers |= renamed
        rows = rows.rename(columns={theirs: ours for ours, theirs in renamed.items()})
        parts.append(rows.assign(participant_id=participant[1] if participant else None))
    whole = paths[0].with_name("sub-*_sessions.tsv")
    if not parts:
        return _nothing(whole, *problems)
    rows = pd.concat(parts).astype(object)
    rows = _without_codes(rows.where(rows.notna(), None), missing)
    table = _with_participants(whole, rows, set(known), headers, measured)
    return replace(table, problems=(*problems, *table.problems))


def is_sessions_file(path: Path) -> bool:
    """Return True if a file is a ``sub-<label>_sessions.tsv``."""
    return _SESSIONS_FILE.fullmatch(path.name) is not None


def _nothing(path: Path, *problems: Problem) -> Table:
    import pandas as pd

    return Table(path, pd.DataFrame({"participant_id": pd.Series(dtype=object)}), problems)


def as_number(text: str) -> float | None:
    """Return a finite number as spreadsheets write it; float() would take 1_0, nan and inf too."""
    value = float(text) if _NUMBER.fullmatch(text) else float("inf")
    return value if abs(value) < float("inf") else None


def _without_codes(rows: pd.DataFrame, missing: Sequence[str]) -> pd.DataFrame:
    """Return the rows with None in every cell, except those of IDs, that says it is missing."""
    import pandas as pd

    if not missing:
        return rows
    texts, numbers = set(missing), {as_number(code) for code in missing} - {None}

    def said(cell: str | None) -> str | None:
        gone = cell is None or cell in texts or as_number(cell) in numbers
        return None if gone else cell

    rows = rows.copy()
    for column in rows.columns.difference([*_NEVER_MISSING]):
        cells = [said(cell) for cell in rows[column]]
        rows[column] = pd.Series(cells, index=rows.index, dtype=object)
    return rows


def _headers(rows: pd.DataFrame, columns: Mapping[str, str]) -> dict[str, str]:
    """Return the columns to rename, by the name they get."""
    renamed = {o: theirs for o, theirs in columns.items() if theirs in rows and theirs != o}
    for ours, theirs in renamed.items():
        if ours in rows and ours not in renamed.values():
            raise ValueError(f"it has a column '{ours}', and '{theirs}' is to be renamed to it")
    return renamed


def _with_participants(
    path: Path, rows: pd.DataFrame, known: set[str], headers: Mapping[str, str], measured: str
) -> Table:
    """Return a table whose participants are ``sub-…``, with the problems of its rows."""
    name = path.name
    problems = []
    unnamed = rows["participant_id"].isna()
    if unnamed.any():
        problems.append(
            Problem(
                "error",
                f"no participant_id in {lines(rows.index[unnamed])}",
                file=name,
                field="participant_id",
            )
        )
        rows = rows[~unnamed]
    rows = rows.assign(
        participant_id=["sub-" + x.removeprefix("sub-") for x in rows.participant_id]
    )
    problems += [
        _lost_zero(name, participant, known, measured)
        for participant in dict.fromkeys(rows["participant_id"])
        if participant not in known
    ]
    there = set(rows["participant_id"])
    problems += [
        Problem(
            "excluded",
            f"has {measured} but no row in the table",
            file=name,
            participant_id=participant,
            field="participant_id",
        )
        for participant in sorted(known - there)
    ]
    if not there or (known and not known & there):
        message = f"holds nobody who has {measured}" if there else "holds no participant"
        problems.append(Problem("error", message, file=name, field="participant_id"))
    return Table(path, rows, tuple(problems), headers)


def read_text(path: Path) -> pd.DataFrame:
    """Return the cells of a table as text, None where missing, indexed by line of the file.

    Stricter than pandas, which shifts the columns when rows have more cells than the header.

    Raises
    ------
    OSError, ValueError, csv.Error
        If the file cannot be read as a table in UTF-8.
    """
    import pandas as pd

    with path.open("rb") as handle:
        program = _SPREADSHEETS.get(handle.read(4))
    if program:
        raise ValueError(
            f"it is a spreadsheet of {program}; save the sheet as CSV (UTF-8) and name that file"
        )
    text = path.read_text(encoding="utf-8-sig")
    if "\0" in text:
        raise ValueError("it holds NUL characters: it is damaged or not text")
    first = text.split("\n", 1)[0]
    separator = max("\t;,", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    header = [name.strip() for name in next(reader, [])]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(f"it has two columns called {', '.join(twice)!r}")
    rows = {}
    for cells in reader:
        values = [cell.strip() for cell in cells]
        if any(values[len(header) :]):
            raise ValueError(
                f"line {reader.line_num} has {len(values)} cells, the header only {len(header)}"
            )
        if any(values):
            filled = [None if value in ("", MISSING) else value for value in values]
            # cells left out at the end of a line are missing
            filled += [None] * (len(header) - len(filled))
            rows[reader.line_num] = filled[: len(header)]
    return pd.DataFrame.from_dict(rows, orient="index", columns=header, dtype=object)


def lines(numbers: Iterable[int]) -> str:
    """Return line numbers in words, the first five of them."""
    shown = [str(number) for number in numbers]
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return ("lines " if len(shown) > 1 else "line ") + ", ".join(shown[:5]) + more


def _lost_zero(name: str, participant: str, known: set[str], measured: str) -> Problem:
    """Report a participant of whom nothing was measured; an error if a lost zero is why."""
    have = "have" if measured == "images" else "has"
    label = participant.removeprefix("sub-")
    bare = {other: other.removeprefix("sub-").lstrip("0") for other in sorted(known)}
    meant = [other for other, digits in bare.items() if digits == label.lstrip("0")]
    if label.isdigit() and meant:
        return Problem(
            "error",
            f"no {measured} {have} this ID, but {meant[0]} has some: were leading zeros lost (in a "
            "spreadsheet)?",
            file=name,
            participant_id=participant,
            field="participant_id",
            value=label,
            allowed=meant[0],
        )
    return Problem(
        "note",
        f"is in the table but has no {measured}",
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
        # what else BIDS lets a table of phenotypes be indexed by
        index = [column for column in _INDEX if column in rows and len(set(rows[column])) > 1]
        differ = f" that differ in {', '.join(index)}" if index else ""
        problems.append(
            Problem(
                "error",
                f"has {len(rows)} rows ({lines(rows.index)}){differ}; one is expected",
                file=table.file(str(key[0])),
                participant_id=str(key[0]),
                session=str(key[1]) if len(key) > 1 else None,
                field=keys[0],
                value=str(key[0]),
            )
        )
    return problems
