"""Head motion of a session, from that of its runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

MEASURES = {
    "mean_fd": "mean framewise displacement (mm)",
    "share_censored": "share of volumes censored",
    "sd_global_signal_percent": "standard deviation of the global signal (% of its mean)",
}
"""Measures of motion that may differ between sessions, in words."""


def session_motion(quality: pd.DataFrame) -> pd.DataFrame:
    """Average the quality of runs over the usable runs of every session.

    Parameters
    ----------
    quality : pandas.DataFrame
        ``quality/runs.tsv``: `participant_id`, `role`, `status`, `n_volumes`, `mean_fd`,
        `n_censored`, and `sd_global_signal_percent` where it was measured.

    Returns
    -------
    pandas.DataFrame
        Indexed by `participant_id` and `role`, a row for every session with a usable run (status
        ``ok``). Columns are those of :data:`MEASURES` that were measured, weighted by the volumes
        of each run; a run without a value does not count, and a session without one is missing.
    """
    usable = quality[quality["status"].astype(str) == "ok"].copy()
    volumes = pd.to_numeric(usable["n_volumes"], errors="coerce").astype(np.float64)
    if "n_censored" in usable:
        censored = pd.to_numeric(usable["n_censored"], errors="coerce").astype(np.float64)
        usable["share_censored"] = censored / volumes.where(volumes > 0)
    keys = [usable["participant_id"].astype(str), usable["role"].astype(str)]
    means = {}
    for measure in MEASURES:
        if measure in usable:
            value = pd.to_numeric(usable[measure], errors="coerce").astype(np.float64)
            weight = volumes.where(value.notna(), 0.0).fillna(0.0)
            total = weight.groupby(keys).sum()
            means[measure] = (weight * value.fillna(0.0)).groupby(keys).sum() / total.where(
                total > 0
            )
    table = pd.DataFrame(means)
    table.index = table.index.set_names(["participant_id", "role"])
    return table


def before_and_after(
    motion: pd.DataFrame, measure: str, *, baseline: str, followup: str
) -> pd.DataFrame:
    """Return one measure of every participant at both sessions.

    Parameters
    ----------
    motion : pandas.DataFrame
        From :func:`session_motion`.
    measure : str
        One of its columns.
    baseline, followup : str
        Roles of the sessions.

    Returns
    -------
    pandas.DataFrame
        Columns `baseline` and `followup`, indexed by participant, sorted; NaN where missing.
    """
    value = motion[measure]
    of_role = {
        time: value[value.index.get_level_values("role") == role].droplevel("role")
        for time, role in (("baseline", baseline), ("followup", followup))
    }
    return pd.DataFrame(of_role).sort_index().rename_axis("participant_id")
