"""The tables of a study whose connectivity was computed elsewhere; what is not known is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ketfc.imaging.group.sessions import COLUMNS
from ketfc.imaging.regions.registry import Registry
from ketfc.imaging.run.connectivity import MEAN
from ketfc.study.config.config import AS_GIVEN
from ketfc.study.config.sources import AS_IS
from ketfc.study.connectivity.given import Given

QUALITY = ("n_volumes", "n_censored", "mean_fd", "max_fd", "seconds_kept")
"""Measures of a run that the results name, and that a table of connectivity does not hold."""

_RUN = ["run", "participant_id", "session", "role", "status", "reason"]


def given_connectivity(given: Given, runs: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Return ``connectivity.tsv``: one row per session and measure.

    Parameters
    ----------
    given : Given
        What the lab's tables hold.
    runs : pandas.DataFrame
        ``plan/runs.tsv``: of sessions that are left out the values are missing.
    registry : Registry
        Gives the order of the measures.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`ketfc.imaging.group.sessions.COLUMNS`. `z` is Fisher z, or the value as it
        is where it is no correlation, which then has no `r`; volumes, degrees of freedom and
        coverage are missing.
    """
    ok = runs[runs["status"] == "ok"]
    used = set(zip(ok["participant_id"], ok["session"], strict=True))
    table = given.values.rename(columns={"measure": "circuit"})
    keys = zip(table["participant_id"], table["session"], strict=True)
    here = np.array([key in used for key in keys], dtype=bool)
    table["z"] = table["value"].where(here).astype(float).round(12)
    correlated = {one.id for one in given.measures if one.scale != AS_IS}
    table["r"] = np.tanh(table["z"]).where(table["circuit"].isin(correlated))
    table = table.assign(strategy=AS_GIVEN, measure=MEAN)
    place = {name: i for i, name in enumerate(registry.circuits)}
    table["_place"] = table["circuit"].map(place)
    table = table.sort_values(["participant_id", "session", "_place"], ignore_index=True)
    return table.reindex(columns=list(COLUMNS))


def given_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return ``quality/runs.tsv``: the planned sessions; of their quality nothing is known.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    """
    return runs[_RUN].assign(**dict.fromkeys(QUALITY, np.nan))
