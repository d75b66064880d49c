"""Where a script's words go: to its log file, and only the essence to the terminal."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from ketfc.study.problems import StudyError


@contextmanager
def logged(path: str | Path) -> Iterator[None]:
    """Write what the block prints, warns and raises to a log file.

    A `StudyError` ends the process with its problems on the terminal, a line each; any other
    exception with its last line and the name of the log, which holds the traceback.

    Parameters
    ----------
    path : str or pathlib.Path
        The log file; its folder is made if need be.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as log:
        try:
            with redirect_stdout(log), redirect_stderr(log):
                yield
        except StudyError as error:
            print(error, file=log)
            print(error, file=sys.stderr)
            sys.exit(1)
        except Exception as error:
            traceback.print_exc(file=log)
            print(f"{type(error).__name__}: {error}\n(traceback in {path})", file=sys.stderr)
            sys.exit(1)
