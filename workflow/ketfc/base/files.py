"""Read and write files: tables and JSON in BIDS form, each whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketfc.base.errors import Problem, StudyError

if TYPE_CHECKING:
    import pandas as pd

MISSING = "n/a"
"""Missing value in the tables of BIDS and of this project."""

_REMEDIES = {
    errno.ENOSPC: "make room and start again with the same command",
    errno.EDQUOT: "make room or ask for a larger quota, and start again with the same command",
    errno.EROFS: "work in a folder that can be written to; the derivatives may be read-only",
    errno.EACCES: "work in a folder that you may write to; the derivatives may be read-only",
}
"""Remedies for files that cannot be written, by the operating system's reason."""


def unwritable(path: str | Path, error: OSError) -> StudyError | None:
    """Explain why a file could not be written, and what to do about it.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    error : OSError
        What the operating system said.

    Returns
    -------
    StudyError or None
        File, reason and remedy; None for errors that say nothing of the disk or of permissions.
    """
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    message = f"cannot be written ({os.strerror(error.errno or 0)}): {remedy}"
    return StudyError([Problem("error", message, file=str(path))])


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that is renamed to it when the block succeeds.

    Parameters
    ----------
    path : str or pathlib.Path
        The final name; its folder is made if need be.

    Yields
    ------
    pathlib.Path
        Write here. It keeps the suffixes of `path`, since several writers go by them.

    Raises
    ------
    StudyError
        If the disk is full or read-only, or the folder somebody else's.
    """
    path = Path(path)
    # a name of its own: a job that outlives its Snakemake and the job that is started in its place
    # may write the same file, and each must rename what it wrote itself
    temporary = path.with_name(f".tmp-{secrets.token_hex(4)}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise unwritable(path, error) or error from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def unchanged(paths: Iterable[str | Path]) -> Iterator[None]:
    """Fail if files are replaced, edited or removed while the block reads them.

    Parameters
    ----------
    paths : iterable of (str or pathlib.Path)
        What the block reads.

    Raises
    ------
    StudyError
        Naming each file whose size or time of modification is not what it was, instead of
        whatever the block made of it.
    """
    before = {Path(path): _state(Path(path)) for path in paths}
    try:
        yield
    finally:
        changed = [path for path, state in before.items() if _state(path) != state]
        if changed:
            message = (
                "changed or vanished while it was read: wait until nothing writes it any more, "
                "and start again with the same command"
            )
            raise StudyError([Problem("error", message, file=str(path)) for path in changed])


def _state(path: Path) -> tuple[int, int] | None:
    """Return size and time of modification of a file; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` to `path` as indented JSON; not-a-number is an error, never a bare NaN."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: str | Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def read_json_of_others(path: str | Path) -> Any:
    """Return the content of a JSON file from outside, read strictly.

    Parameters
    ----------
    path : str or pathlib.Path
        A file in UTF-8, with or without a byte order mark.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is no JSON, is nested too deeply to be read, or has an object with a key twice, of
        which the last would win in silence.
    """
    text = Path(path).read_text(encoding="utf-8-sig")
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} occurs twice")
    return content


def write_tsv(
    path: str | Path, table: pd.DataFrame, *, digits: int = 8, index_label: str | None = None
) -> None:
    """Write a table as BIDS does: tab-separated, ``n/a`` for missing, whole or not at all.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    table : pandas.DataFrame
        Its rows; floating-point numbers are rounded to `digits` significant digits, enough for
        float32 at 9, and few enough that the last bits of a BLAS do not show.
    digits : int
        Significant digits of floating-point numbers.
    index_label : str or None
        If given, the index is written as a first column of that name.
    """
    with replacing(path) as temporary:
        if len(table.columns) and all(dtype.kind == "f" for dtype in table.dtypes):
            temporary.write_text(_numbers(table, digits, index_label), encoding="utf-8")
            return
        table.to_csv(
            temporary,
            sep="\t",
            na_rep=MISSING,
            index=index_label is not None,
            index_label=index_label,
            float_format=f"%.{digits}g",
            lineterminator="\n",
        )


def _numbers(table: pd.DataFrame, digits: int, index_label: str | None) -> str:
    """Return a table of floats as text; ten times as fast as pandas on a connectivity matrix."""
    names = list(map(str, table.columns))
    row = "\t".join([f"%.{digits}g"] * len(names))
    lines = [(row % tuple(values)).replace("nan", MISSING) for values in table.to_numpy().tolist()]
    if index_label is not None:
        names = [index_label, *names]
        lines = [f"{label}\t{line}" for label, line in zip(table.index, lines, strict=True)]
    return "\n".join(["\t".join(names), *lines]) + "\n"


def read_tsv(path: str | Path, *, numeric: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return a table whose cells are all strings, save the columns named numeric.

    Labels such as ``01`` stay what they are; ``n/a`` and empty cells become missing.

    Parameters
    ----------
    path : str or pathlib.Path
        A tab-separated file with one header row.
    numeric : tuple of str
        Columns to convert to float64; those that are absent are passed over.

    Returns
    -------
    pandas.DataFrame
        Text columns of dtype ``object`` with None where missing.
    """
    import pandas as pd

    table = pd.read_csv(
        path,
        sep="\t",
        dtype=str,
        keep_default_na=False,
        na_values=[MISSING, ""],
        encoding="utf-8-sig",
    )
    for column in table.columns:
        if column in numeric:
            table[column] = pd.to_numeric(table[column])
        else:
            values = table[column].astype(object)
            table[column] = values.where(values.notna(), None)
    return table


def read_tsv_if_any(
    path: str | Path | Sequence[str], columns: Sequence[str], *, numeric: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Return a table that a study may not have, which then has columns but no row.

    Parameters
    ----------
    path : path, or an empty sequence
        The table, or nothing.
    columns : sequence of str
        Columns of the table without rows.
    numeric : tuple of str
        As for :func:`read_tsv`.
    """
    import pandas as pd

    if isinstance(path, str | Path):
        return read_tsv(path, numeric=numeric)
    return pd.DataFrame(columns=list(columns), dtype=object)
