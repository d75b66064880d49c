"""Order in which the participants were enrolled."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from ketfc.base.errors import Problem
from ketfc.base.files import MISSING
from ketfc.study.lab_tables import Table

if TYPE_CHECKING:
    import pandas as pd

_FIELD = "statistics.enrolment"


def enrolment_order(
    people: Table, known: pd.DataFrame, name: str | None
) -> tuple[pd.Series[int], list[Problem]]:
    """Return everybody's place in the order of enrolment, and the problems of its values.

    Parameters
    ----------
    people : Table
        The participants table.
    known : pandas.DataFrame
        Covariates of everybody, as :func:`ketfc.study.people.covariates.covariates` gives them.
    name : str or None
        The covariate that tells the order, by numbers or by dates (``YYYY-MM-DD``); None for the
        rows of the table.

    Returns
    -------
    order : pandas.Series of int
        Indexed by participant, from 1 on; missing where it is not known. Who has the same number
        or date stands in the order of the rows.
    problems : list of Problem
        An error for each value that is neither a number nor a date.
    """
    import pandas as pd

    rows: dict[str, int] = {}
    for i, who in enumerate(people.rows.get("participant_id", ())):
        rows.setdefault(str(who), i)
    everybody = [str(who) for who in known.index]
    if name is None or name not in known:
        keys = {who: (0.0, rows[who]) for who in everybody if who in rows}
        return _places(keys, known.index), []
    keys, problems = {}, []
    for who, value in zip(everybody, known[name].tolist(), strict=True):
        if pd.isna(value):
            continue
        place = _number(value)
        if place is None:
            message = "is no date, so that the order of enrolment is not known"
            allowed = f"numbers, dates as YYYY-MM-DD, or {MISSING}"
            problems.append(
                Problem(
                    "error",
                    message,
                    file=people.file(who),
                    participant_id=who,
                    field=_FIELD,
                    value=str(value),
                    allowed=allowed,
                )
            )
        else:
            keys[who] = (place, rows.get(who, len(rows)))
    return _places(keys, known.index), problems


def _number(value: float | str) -> float | None:
    """Return a number as it is and a date as its day, None for any other text."""
    if not isinstance(value, str):
        return float(value)
    try:
        return float(date.fromisoformat(value).toordinal())
    except ValueError:
        return None


def _places(keys: dict[str, tuple[float, int]], index: pd.Index[str]) -> pd.Series[int]:
    import pandas as pd

    places = {who: i for i, who in enumerate(sorted(keys, key=lambda who: keys[who]), start=1)}
    return pd.Series([places.get(str(who)) for who in index], index=index, dtype="Int64")
