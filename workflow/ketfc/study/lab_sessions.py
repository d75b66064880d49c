"""Sessions of a lab's table that the study does not name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ketfc.base.english import listed
from ketfc.base.errors import Problem, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

FEW, MANY = 2, 10
"""Participants up to whom a session that no role names is asked about, since it may be misspelt,
in a table of so many."""


def odd_sessions(
    rows: pd.DataFrame, labels: Iterable[str], *, file: str, key: str
) -> list[Problem]:
    """Return a question on every session of few participants that no role names.

    Parameters
    ----------
    rows : pandas.DataFrame
        `participant_id` and `session_id`, with the labels of ``study.sessions`` where known.
    labels : iterable of str
        Those labels.
    file : str
        Name of the table.
    key : str
        The key of the config that renames sessions.
    """
    if rows["participant_id"].nunique() < MANY:
        return []
    known = set(labels)
    problems = []
    people = rows[~rows["session_id"].isin(known)].groupby("session_id")["participant_id"]
    for session, who in people.unique().items():
        if len(who) > FEW:
            continue
        message = (
            f"is a session of {listed(sorted(who))} alone, and not one of study.sessions"
            f": its rows are not used, unless {key} names the session it stands for"
            f"{did_you_mean(str(session), known)}"
        )
        problems.append(Problem("note", message, file=file, field="session_id", value=str(session)))
    return problems
