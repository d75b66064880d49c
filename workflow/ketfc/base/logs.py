"""Logs of scripts: everything to a file, and only the essence to the terminal."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import NoReturn, TextIO

from ketfc.base.errors import StudyError
from ketfc.base.files import unwritable


@contextmanager
def logged(path: str | Path) -> Iterator[None]:
    """Write what the block prints, warns and raises to a log file.

    A `StudyError` ends the process with its problems on the terminal, a line each; any other
    exception with its last line and the name of the log, which holds the traceback. A full disk
    ends it too, and in words.

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
    except StudyError as error:
        _end(log, str(error))
    except Exception as error:
        # writing to a file that is open gives an error without a name; this log is the only one
        full = isinstance(error, OSError) and not error.filename and unwritable(path, error)
        if full:
            _end(log, str(full))
        said = f"{type(error).__name__}: {error}\n(traceback in {path})"
        _end(log, said, detail=traceback.format_exc())
    finally:
        # what does not fit on the disk any more must not hide what is said on the terminal
        with suppress(OSError):
            log.close()


def _end(log: TextIO, said: str, *, detail: str | None = None) -> NoReturn:
    """Print the problem on the terminal and its details to the log, and end the process."""
    print(said, file=sys.stderr)
    with suppress(OSError):
        print(detail or said, file=log, end="" if detail else "\n")
    sys.exit(1)
