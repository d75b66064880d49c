"""Problems of a study and errors of a run, in plain words."""

from __future__ import annotations

import difflib
import errno
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["error", "excluded", "note"]
"""`error` stops the study, `excluded` leaves something out of it, `note` is only worth knowing."""

_ORDER: dict[str, int] = {"error": 0, "excluded": 1, "note": 2}

COLUMNS = (
    "severity",
    "file",
    "participant_id",
    "session",
    "run",
    "field",
    "value",
    "allowed",
    "message",
)
"""The columns of ``problems.tsv``."""


@dataclass(frozen=True)
class Problem:
    """A fault of a study: place, value found, and values allowed.

    Attributes
    ----------
    severity : {"error", "excluded", "note"}
        What follows from it.
    message : str
        What is wrong, as the rest of a sentence about `field` or `value`.
    file : str or None
        The file it is in.
    participant_id : str or None
        Such as ``sub-01``.
    session : str or None
        Session label without its prefix.
    run : str or None
        The run it concerns.
    field : str or None
        The key of the config, or the column of the table.
    value : str or None
        The value found there.
    allowed : str or None
        What may stand there.
    """

    severity: Severity
    message: str
    file: str | None = None
    participant_id: str | None = None
    session: str | None = None
    run: str | None = None
    field: str | None = None
    value: str | None = None
    allowed: str | None = None

    def __str__(self) -> str:
        """Return the problem as one line, from the place it is in to what is allowed there."""
        session = f"ses-{self.session}" if self.session is not None else None
        place = " ".join(part for part in (self.participant_id, session, self.run) if part)
        what = " = ".join(part for part in (self.field, self.value) if part is not None)
        line = ": ".join(part for part in (self.file, place, what, self.message) if part)
        if self.severity != "error":
            line = f"{self.severity}: {line}"
        if self.allowed is not None:
            line = f"{line} (allowed: {self.allowed})"
        return " ".join(line.split())


def by_severity(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems with errors first, then exclusions, then notes, else in given order."""
    return tuple(sorted(problems, key=lambda problem: _ORDER[problem.severity]))


class StudyError(Exception):
    """A study that cannot go on; carries every problem found, not only the first.

    Parameters
    ----------
    problems : iterable of Problem
        At least one. ``str()`` of the error is one line for each, errors first.

    Attributes
    ----------
    problems : tuple of Problem
        Errors first.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = by_severity(problems)
        # what `args` holds is what pickling hands to a copy of the error in another process
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return one line per problem."""
        return "\n".join(str(problem) for problem in self.problems)


class RefusalError(Exception):
    """The reason, in words, why nothing can be done; it is shown as it is."""


def problems_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """Return the problems as a table, errors first, else in the order given.

    Parameters
    ----------
    problems : iterable of Problem
        May be empty.

    Returns
    -------
    pandas.DataFrame
        One row per problem with the columns of :data:`COLUMNS`, as text; None where a problem
        has nothing to say.
    """
    import pandas as pd

    rows = [asdict(problem) for problem in by_severity(problems)]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that `name` was probably meant to be.

    Upper and lower case, hyphens and underscores count as the same.

    Parameters
    ----------
    name : str
        As somebody wrote it.
    candidates : iterable of str
        The names there are.

    Returns
    -------
    str or None
        A candidate as it is spelt, or None if none is similar (`difflib` ratio of 0.6).
    """
    folded: dict[str, str] = {}
    for candidate in candidates:
        if candidate == name:
            return candidate
        folded.setdefault(_fold(candidate), candidate)
    matches = difflib.get_close_matches(_fold(name), list(folded), n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return "; did you mean '…'?" with the closest candidate, to end a message; else nothing."""
    near = closest(name, candidates)
    return f"; did you mean '{near}'?" if near is not None else ""


def _fold(name: str) -> str:
    return name.casefold().replace("_", "-")


_OF_THE_MACHINE = {
    errno.EIO,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.ENOMEM,
    errno.ENFILE,
    errno.EMFILE,
    errno.ENODEV,
    errno.ENOTCONN,
    errno.EHOSTDOWN,
}


class RunError(Exception):
    """A run, or a denoising strategy of a run, that cannot be used.

    Parameters
    ----------
    rule : str
        Short name of the rule that was broken, as it appears in ``exclusions.tsv``.
    reason : str
        One sentence for the reader: which file or column, what is wrong, what was expected.
    value, threshold : float, int, str or None
        What was found and what decides, where the rule compares two things. Numbers that are not
        finite become text, since JSON has none.
    """

    def __init__(
        self,
        rule: str,
        reason: str,
        *,
        value: float | str | None = None,
        threshold: float | str | None = None,
    ) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason
        self.value = _finite_or_text(value)
        self.threshold = _finite_or_text(threshold)


def _finite_or_text(value: float | str | None) -> float | str | None:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def raise_if_of_the_machine(error: Exception) -> None:
    """Raise `error` again if disk, network or memory failed, which says nothing about the file.

    A run is excluded for what is wrong with it, and stays excluded until its files change; a disk
    that is away for a moment must fail its job instead, which can be started again.

    Parameters
    ----------
    error : Exception
        What opening or reading a file raised.

    Raises
    ------
    OSError
        `error` itself.
    """
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        raise error
