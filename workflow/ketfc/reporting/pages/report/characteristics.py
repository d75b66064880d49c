"""Age, sex, scans and motion of the participants, arm by arm."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ketfc.base.files import MISSING
from ketfc.reporting.design_words import arms_of
from ketfc.reporting.rows import numeric
from ketfc.reporting.tables import Table
from ketfc.reporting.words import compact, number
from ketfc.study.design.design import Design

_FEW = 5
"""Smallest count that is shown on a page that must not identify participants."""

_OF_SCANS = ("repetition_time", "n_volumes", "seconds_kept", "mean_fd")


def characteristics(
    participants: pd.DataFrame, runs: pd.DataFrame, design: Design, *, fewest: int = 0
) -> Table:
    """Return who was planned and how they were scanned, a column per arm.

    Parameters
    ----------
    participants : pandas.DataFrame
        ``plan/participants.tsv``; `age` and `sex` where the study's table has them.
    runs : pandas.DataFrame
        ``quality/runs.tsv``.
    design : Design
        Its arms are the columns.
    fewest : int
        Of fewer participants than these neither number nor mean is told.

    Returns
    -------
    Table
        Mean (SD) over participants, of scans over the runs that were used; lines of which nothing
        is known are left out.
    """
    arms, columns = arms_of(design), []
    used = runs[runs["status"].astype(str) == "ok"]
    used = numeric(used, *(name for name in _OF_SCANS if name in used))
    sexes = (
        sorted(participants["sex"].dropna().astype(str).unique()) if "sex" in participants else []
    )
    for arm in arms:
        own = [who for who, role in design.participants.items() if role == arm.role]
        who = participants[participants["participant_id"].isin(own)]
        told = {"participants": _count(len(who), fewest)}
        if "age" in participants:
            told["age, years"] = _mean_sd(numeric(who, "age")["age"], 1, fewest)
        for sex in sexes:
            told[f"sex: {sex}"] = _count(int((who["sex"] == sex).sum()), fewest)
        scans = used[used["participant_id"].isin(own)]
        columns.append(told | _scans(scans, list(design.sessions), fewest))
    rows = [[name, *(told[name] for told in columns)] for name in columns[0]]
    known = [row for row in rows if any(cell != MISSING for cell in row[1:])]
    return Table(
        ["characteristic", *(arm.label for arm in arms)], known, ["mid", *["num"] * len(arms)]
    )


def _scans(used: pd.DataFrame, roles: Sequence[str], fewest: int) -> dict[str, str]:
    """Return what is told of the scans of an arm, by name."""
    told = {}
    if 0 < used["participant_id"].nunique() < fewest:
        used = used.iloc[:0]
    if "repetition_time" in used:
        told["repetition time, s"] = _range(used["repetition_time"])
    if "n_volumes" in used:
        told["volumes a run"] = _range(used["n_volumes"])
    for role in roles:
        if "seconds_kept" in used:
            minutes = _by_person(used, role, "seconds_kept", "sum") / 60
            told[f"minutes kept, {role}"] = _mean_sd(minutes, 1, fewest)
        if "mean_fd" in used:
            told[f"mean FD, mm, {role}"] = _mean_sd(
                _by_person(used, role, "mean_fd", "mean"), 2, fewest
            )
    return told


def _by_person(scans: pd.DataFrame, role: str, column: str, how: str) -> pd.Series[float]:
    own = scans[scans["role"] == role].dropna(subset=[column])
    return own.groupby("participant_id")[column].agg(how)


def _count(n: int, fewest: int) -> str:
    return f"< {fewest}" if 0 < n < fewest else number(n, 0)


def _mean_sd(values: pd.Series[float], digits: int, fewest: int) -> str:
    values = values.dropna()
    if values.empty or len(values) < fewest:
        return MISSING
    mean = number(values.mean(), digits)
    return mean if len(values) == 1 else f"{mean} ({number(values.std(ddof=1), digits)})"


def _range(values: pd.Series[float]) -> str:
    known = values.dropna()
    if known.empty:
        return MISSING
    low, high = compact(known.min()), compact(known.max())
    return low if low == high else f"{low} to {high}"
