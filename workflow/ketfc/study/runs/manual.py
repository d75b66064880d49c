"""Manual exclusions: participants, sessions or runs that a lab leaves out, with reasons."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ketfc.base.errors import Problem, did_you_mean
from ketfc.study.lab_tables import read_text
from ketfc.study.runs.index import RunName

if TYPE_CHECKING:
    import pandas as pd

FIELD = "quality.exclusions"
"""The key that names the table, and the field of the problems that leave something out by it."""

_COLUMNS = ("participant_id", "session", "run", "reason")


@dataclass(frozen=True)
class ManualExclusions:
    """Runs that are left out by hand, and the problems of the table.

    Attributes
    ----------
    runs : frozenset of str
        Names of the runs that are not to be read.
    problems : tuple of Problem
        One of severity ``excluded`` per run, with the reason; errors for lines that name nothing
        that there is, or give no reason.
    """

    runs: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()


def manual_exclusions(path: Path | None, runs: Iterable[RunName]) -> ManualExclusions:
    """Read the table of manual exclusions.

    Parameters
    ----------
    path : pathlib.Path or None
        The table; None if the study has none.
    runs : iterable of RunName
        All runs there are.

    Returns
    -------
    ManualExclusions
        A line with a participant alone means all their runs; with a session, those of it; `run` is
        a run's number (``1`` or ``run-1``) or its name. Wrong lines are errors, all together.
    """
    if path is None:
        return ManualExclusions()
    if not path.is_file():
        message = "there is no such file in the working directory or the derivatives"
        return _failed(Problem("error", message, field=FIELD, value=str(path)))
    try:
        table = read_text(path)
    except (OSError, ValueError, csv.Error) as error:
        message = f"cannot be read as a table in UTF-8: {error}"
        return _failed(Problem("error", message, file=path.name, field=FIELD))
    wrong = list(_wrong_columns(table, path.name))
    if wrong:
        return _failed(*wrong)
    listed = list(runs)
    reasons: dict[str, str] = {}
    problems: list[Problem] = []
    for line, row in zip(table.index.tolist(), table.to_dict("records"), strict=True):
        cells = {name: row.get(name) for name in _COLUMNS}
        found, problem = _line(cells, listed, path.name, line)
        problems += [problem] if problem else []
        for run in found:
            text = str(cells["reason"])
            known = reasons.get(run.name)
            reasons[run.name] = text if known in (None, text) else f"{known}; {text}"
    by_name = {run.name: run for run in listed}
    for name, reason in reasons.items():
        problems.append(
            Problem(
                "excluded",
                f"left out by hand: {reason}",
                file=path.name,
                participant_id=by_name[name].participant_id,
                session=by_name[name].session,
                run=name,
                field=FIELD,
            )
        )
    return ManualExclusions(runs=frozenset(reasons), problems=tuple(problems))


def _failed(*problems: Problem) -> ManualExclusions:
    return ManualExclusions(problems=problems)


def _wrong_columns(table: pd.DataFrame, name: str) -> Iterable[Problem]:
    """Yield a problem per column that is needed and missing, or there and unknown."""
    columns = list(map(str, table.columns))
    unknown = [column for column in columns if column not in _COLUMNS]
    for needed in ("participant_id", "reason"):
        if needed not in columns:
            hint = did_you_mean(needed, unknown)
            yield Problem(
                "error", f"has no column {needed}{hint}", file=name, field=needed,
                allowed=", ".join(_COLUMNS),
            )  # fmt: skip
    # session_id or ses instead of session would leave out whole participants
    for column in unknown:
        if re.match("(?i)ses|run", column):
            near = "session" if column.casefold().startswith("ses") else "run"
            message = f"is not a column that is read; did you mean '{near}'?"
            allowed = ", ".join(_COLUMNS)
            yield Problem("error", message, file=name, field=column, allowed=allowed)


def _line(
    cells: dict[str, str | None], runs: list[RunName], file: str, line: int
) -> tuple[list[RunName], Problem | None]:
    """Return the runs that one line names, or the problem of the line."""

    def wrong(
        message: str, field: str, allowed: str | None = None
    ) -> tuple[list[RunName], Problem]:
        return [], Problem(
            "error", f"line {line}: {message}", file=file, participant_id=cells["participant_id"],
            session=cells["session"] if field != "session" else None, field=field,
            value=cells[field], allowed=allowed,
        )  # fmt: skip

    if cells["participant_id"] is None:
        return wrong("no participant_id", "participant_id")
    if cells["reason"] is None:
        return wrong("has no reason, and nothing is left out without one", "reason")
    participant = "sub-" + cells["participant_id"].removeprefix("sub-")
    found = [run for run in runs if run.participant_id == participant]
    if not found:
        everybody = list(dict.fromkeys(run.participant_id for run in runs))
        return wrong(f"has no run in this study{_hint(participant, everybody)}", "participant_id")
    if cells["session"] is not None:
        session = cells["session"].removeprefix("ses-")
        there = list(dict.fromkeys(run.session for run in found))
        found = [run for run in found if run.session == session]
        if not found:
            hint = _hint(session, there)
            return wrong(f"no run of {participant} has this session{hint}", "session",
                         ", ".join(there))  # fmt: skip
    if cells["run"] is not None:
        there = [run.name for run in found]
        found = [run for run in found if _is_run(run.name, cells["run"])]
        if len(found) != 1:
            number = "no run" if not found else f"{len(found)} runs"
            return wrong(f"{number} of {participant} {'has' if not found else 'have'} this name",
                         "run", ", ".join(there))  # fmt: skip
    return found, None


def _hint(name: str, there: list[str]) -> str:
    # a lost zero first: by letters, sub-1 is as near to sub-10 as to sub-01
    bare = name.removeprefix("sub-").lstrip("0")
    same = [other for other in there if other.removeprefix("sub-").lstrip("0") == bare]
    return did_you_mean(same[0] if same else name, there)


def _is_run(name: str, wanted: str) -> bool:
    if wanted.startswith("sub-"):
        return name == wanted.split("_space-")[0].split("_desc-")[0]
    number = re.search(r"_run-(\w+?)(?:_|$)", name)
    return number is not None and number[1] == wanted.removeprefix("run-")
