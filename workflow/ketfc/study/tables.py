"""A lab's tables: one or more rows per participant, read strictly."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ketfc.files import MISSING
from ketfc.study.config import expand
from ketfc.study.problems import Problem, closest

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """A lab's table with participants as ``sub-…``, and what is wrong with it.

    The index of `rows` is the line of the file.
    """

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
        A text file in UTF-8 whose cells are parted by tabs, semicolons or commas.
    field : str
        The key of the config that names it.
    known : iterable of str
        Participants that have images, to which IDs are compared.

    Returns
    -------
    Table
        All cells are text. IDs may be written with or without ``sub-``; those that match no
        participant are reported, and it is an error if only a leading zero was lost, or if
        nobody is left.
    """
    import pandas as pd

    known = set(known)
    name = path.name
    empty = pd.DataFrame({"participant_id": pd.Series(dtype=object)})
    if not path.is_file():
        message = "there is no such file in the working directory or the derivatives"
        return Table(path, empty, (Problem("error", message, field=field, value=str(path)),))
    try:
        rows = read_text(path)
    except (OSError, ValueError, csv.Error) as error:
        message = f"cannot be read as a table in UTF-8: {error}"
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
        _lost_zero(name, participant, known)
        for participant in dict.fromkeys(rows["participant_id"])
        if participant not in known
    ]
    there = set(rows["participant_id"])
    problems += [
        Problem(
            "excluded",
            "has images but no row in the table",
            file=name,
            participant_id=participant,
            field="participant_id",
        )
        for participant in sorted(known - there)
    ]
    if not there or (known and not known & there):
        message = "holds nobody who has images" if there else "holds no participant"
        problems.append(Problem("error", message, file=name, field="participant_id"))
    return Table(path, rows, tuple(problems))


def read_text(path: Path) -> pd.DataFrame:
    """Return the cells of a table as text, None where missing, indexed by line of the file.

    Stricter than pandas, which shifts the columns when rows have more cells than the header.

    Raises
    ------
    OSError, ValueError, csv.Error
        If the file cannot be read as a table in UTF-8.
    """
    import pandas as pd

    text = path.read_text(encoding="utf-8-sig")
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
        problems.append(
            Problem(
                "error",
                f"has {len(rows)} rows ({lines(rows.index)}); one is expected",
                file=table.path.name,
                participant_id=str(key[0]),
                session=str(key[1]) if len(key) > 1 else None,
                field=keys[0],
                value=str(key[0]),
            )
        )
    return problems
