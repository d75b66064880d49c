"""Activity of sessions, from that of their runs: ``activity.tsv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.files import read_json, read_tsv
from ketfc.imaging.activity.run import NUMBERS

COLUMNS = (
    "participant_id",
    "session",
    "role",
    "strategy",
    "region",
    "measure",
    "value",
    "n_volumes",
    "reason",
)
"""Columns of ``activity.tsv``."""

_SESSION = ["participant_id", "session", "role"]


def session_activity(
    runs: pd.DataFrame, tables: Mapping[str, tuple[pd.DataFrame, Mapping[str, Any]]]
) -> pd.DataFrame:
    """Average the activity of the runs of every session, weighted by their kept volumes.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    tables : mapping of str to (pandas.DataFrame, mapping)
        By run, what :func:`read_activity` gives; runs that were not processed are not in it.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`. `n_volumes` are those of the runs with a value; where no run has one,
        `value` is missing and `reason` says why, for each of the session's runs where they differ.
    """
    rows = []
    for key, own in runs.groupby(_SESSION, sort=True):
        found = [(run, *tables[run]) for run in map(str, own["run"]) if run in tables]
        whole = [] if not found else [_of_session(found)]
        who = dict(zip(_SESSION, map(str, key), strict=True))
        rows += [one.assign(**who) for one in whole]
    nothing = pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(rows, ignore_index=True)[list(COLUMNS)] if rows else nothing


def _of_session(found: Sequence[tuple[str, pd.DataFrame, Mapping[str, Any]]]) -> pd.DataFrame:
    """Return the rows of a session, in the order of its first run."""
    keys = ["strategy", "region", "measure"]
    total: pd.DataFrame | None = None
    reasons: dict[str, list[str]] = {}
    for _, table, about in found:
        values = table.set_index(keys)
        weight = values["n_volumes"].where(values["value"].notna(), 0.0)
        own = pd.DataFrame({"sum": (values["value"] * weight).fillna(0.0), "n": weight})
        total = own if total is None else total + own
        for strategy in values.index.unique("strategy"):
            why = about[strategy]["Excluded"] or (
                f"less than {about['MinimumCoverage']:.0%} of the region has signal in all "
                "sessions of the participant"
            )
            said = reasons.setdefault(str(strategy), [])
            if why not in said:
                said.append(why)
    if total is None:
        raise ValueError("a session without runs has no activity")
    mean = total["sum"] / total["n"].where(total["n"] > 0)
    combined = pd.DataFrame({"value": mean.round(12), "n_volumes": total["n"].astype(int)})
    combined = combined.reset_index()
    why_not = combined["strategy"].map({name: "; ".join(said) for name, said in reasons.items()})
    return combined.assign(reason=why_not.where(combined["value"].isna(), None))


def read_activity(path: str) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Read the table of a run's activity and its JSON."""
    table = read_tsv(path, numeric=NUMBERS)
    if table["value"].isna().all():
        # a column without any number is no reason to take it for text
        table["value"] = np.nan
    return table, read_json(path.removesuffix(".tsv") + ".json")
