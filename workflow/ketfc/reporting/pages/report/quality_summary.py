"""Summary of the quality of runs by session and arm."""

from __future__ import annotations

import pandas as pd

from ketfc.base.files import MISSING
from ketfc.reporting.design_words import arms_of
from ketfc.reporting.rows import numeric
from ketfc.reporting.tables import Table
from ketfc.reporting.words import number, region_label
from ketfc.study.design.design import Design

_SHOWN = {
    "mean_fd": ("mean FD, mm", 2),
    "share_censored": ("censored, %", 0),
    "seconds_kept": ("kept, s", 0),
    "tdof": ("degrees of freedom", 0),
    "mean_std_dvars": ("mean DVARS (std)", 2),
    "sd_global_signal_percent": ("global signal SD, %", 2),
}


def quality_summary(runs: pd.DataFrame, design: Design, *, fewest: int = 0) -> Table:
    """Return mean and SD of each measure over the runs that were used, by arm and session.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``quality/runs.tsv``; measures that it lacks are not shown.
    design : Design
        Its arms and sessions are the rows.
    fewest : int
        Of the runs of fewer participants than these nothing is told.

    Returns
    -------
    Table
        One row per arm and role, with runs used of those planned, and beside the tSNR of the
        regions where signal is lost first how many of the runs lost it.
    """
    shown = {name: about for name, about in _SHOWN.items() if name in runs}
    names = [str(name) for name in runs.columns]
    regions = [name.removeprefix("dropout_") for name in names if name.startswith("dropout_")]
    columns = ["arm", "session", "runs used", *(title for title, _ in shown.values())]
    columns += [f"tSNR {region_label(region)} (lost)" for region in regions]
    table = numeric(runs, *shown, *(f"tsnr_{region}" for region in regions))
    people = design.participants
    arm = table["participant_id"].map(people)
    rows = []
    for one in arms_of(design):
        for role in design.sessions:
            planned = table[(table["role"] == role) & ((arm == one.role) | (one.role is None))]
            used = planned[planned["status"] == "ok"]
            row = [one.label, str(role), f"{len(used)} of {len(planned)}"]
            if 0 < used["participant_id"].nunique() < fewest:
                row[-1] = f"of fewer than {fewest} participants"
                used = used.iloc[:0]
            for name, (_, digits) in shown.items():
                scale = 100 if name == "share_censored" else 1
                row.append(_mean_sd(scale * used[name], digits))
            for region in regions:
                lost = int((used[f"dropout_{region}"] == "yes").sum())
                row.append(f"{_mean_sd(used[f'tsnr_{region}'], 0)}, lost in {lost}")
            rows.append(row)
    kinds = ["short"] * 3 + ["num"] * (len(columns) - 3)
    return Table(columns, rows, kinds)


def _mean_sd(values: pd.Series[float], digits: int) -> str:
    values = values.dropna()
    if values.empty:
        return MISSING
    mean = number(values.mean(), digits)
    return mean if len(values) == 1 else f"{mean} ({number(values.std(ddof=1), digits)})"
