"""Logs of scripts: everything to a file, with what ended the script last."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import NoReturn, TextIO

from ketfc.base.errors import RefusalError, StudyError
from ketfc.base.files import unwritable

PROBLEM = "Problem:"
"""The line of a log after which stands, in words, what ended its script."""


@contextmanager
def logged(path: str | Path) -> Iterator[None]:
    """Write what the block prints, warns and raises to a log file.

    A `StudyError` ends the process with its problems, a line each, a `RefusalError` with its words,
    any other exception with its traceback and its last line, a full disk in words too.
    They stand at the end of the log, below :data:`PROBLEM`, and are not said on the terminal,
    where jobs that run side by side would mix what they say: who started the workflow is told
    of them when it ends.

    Parameters
    ----------
    path : str or pathlib.Path
        The log file; its folder is made if need be.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.open("w", encoding="utf-8")
    except OSError as error:
        sys.exit(str(unwritable(path, error) or error))
    try:
        with redirect_stdout(log), redirect_stderr(log):
            yield
    except (StudyError, RefusalError) as error:
        _end(log, str(error))
    except Exception as error:
        # writing to a file that is open gives an error without a name; this log is the only one
        full = isinstance(error, OSError) and not error.filename and unwritable(path, error)
        if full:
            _end(log, str(full))
        _end(log, f"{type(error).__name__}: {error}", detail=traceback.format_exc())
    finally:
        # what does not fit on the disk any more must not hide what is said on the terminal
        with suppress(OSError):
            log.close()


def problem_in(path: str | Path) -> str | None:
    """Return what ended a script, from its log; None if the log does not say.

    Parameters
    ----------
    path : str or pathlib.Path
        The log.
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    _, found, said = f"\n{text}".rpartition(f"\n{PROBLEM}\n")
    return said.strip() or None if found else None


def _end(log: TextIO, said: str, *, detail: str = "") -> NoReturn:
    """Print the details and then the problem to the log, and end the process."""
    try:
        print(f"{detail}{PROBLEM}\n{said}", file=log, flush=True)
    except OSError:
        # where the log cannot be written either, the terminal is all there is
        print(said, file=sys.stderr)
    sys.exit(1)
