"""Tables of the page on participants, runs, exclusions and regions."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ketfc.base.english import plural
from ketfc.base.files import MISSING
from ketfc.reporting.rows import numeric
from ketfc.reporting.tables import Table, table_of
from ketfc.reporting.words import is_missing, region_label

MANY = 1000
"""Tables are cut at this many rows, and say so and where the rest is."""

_RUN_COLUMNS = {
    "run": "run",
    "role": "session",
    "status": "status",
    "mean_fd": "mean FD, mm",
    "max_fd": "max FD, mm",
    "n_volumes": "volumes",
    "n_censored": "censored",
    "seconds_kept": "kept, s",
    "reason": "reason",
}


def left_out(incomplete: pd.DataFrame, hypotheses: pd.DataFrame) -> Table:
    """Gather the tests and circuits that somebody was left out of for the same reason."""
    tested = hypotheses.groupby("test")["hypothesis"].nunique()
    names = dict(zip(hypotheses["hypothesis"], hypotheses["name"], strict=True))
    tests: dict[tuple[str, str, str], list[str]] = {}
    for keys, group in incomplete.groupby(["participant_id", "reason", "test"], sort=False):
        participant, reason, test = map(str, keys)
        circuits = list(dict.fromkeys(group["hypothesis"]))
        where = (
            "all circuits"
            if len(circuits) == tested.get(test)
            else ", ".join(str(names.get(circuit, circuit)) for circuit in circuits)
        )
        tests.setdefault((participant, reason, where), []).append(test)
    rows = [(who, why, ", ".join(of), where) for (who, why, where), of in sorted(tests.items())]
    table = pd.DataFrame(rows, columns=["participant", "reason", "left out of", "circuits"])
    shown = table_of(table, most=MANY, file="the tables of results/tests")
    return replace(shown, people=[row[0] for row in shown.rows])


def excluded(exclusions: pd.DataFrame, regions: pd.DataFrame) -> tuple[Table, str]:
    """Return the exclusions of participants, sessions, runs and regions of circuits, as a list.

    Parameters
    ----------
    exclusions, regions : pandas.DataFrame
        ``quality/exclusions.tsv`` and ``regions.tsv``.

    Returns
    -------
    table : Table
        Columns without any value are left out.
    parcels : str
        How many others, of parcels, are counted and not listed; empty where there are none.
    """
    of_circuits = set(regions["region"]) if len(regions) else set()
    parcel = (exclusions["unit"] == "region") & ~exclusions["region"].isin(of_circuits)
    listed = exclusions[~parcel].dropna(axis="columns", how="all")
    shown = table_of(listed, most=MANY, file="quality/exclusions.tsv")
    who = [str(one) for one in listed["participant_id"].head(MANY)] if len(listed) else []
    said = ""
    if n := int(parcel.sum()):
        own = exclusions[parcel]
        said = (
            f"{plural(n, 'exclusion')} of {plural(own['region'].nunique(), 'parcel')} in "
            f"{plural(own['run'].nunique(), 'run')}, where too little of the parcel has signal, "
            "are counted above and listed in the file alone."
        )
    return replace(shown, people=who), said


def run_table(runs: pd.DataFrame) -> Table:
    """Return motion and time kept of every run, from ``quality/runs.tsv``."""
    present = {name: title for name, title in _RUN_COLUMNS.items() if name in runs}
    numbers = [name for name in present if name.startswith(("mean", "max", "n_", "seconds"))]
    table = numeric(runs[list(present)], *numbers).rename(columns=present)
    digits = {present[name]: 2 for name in ("mean_fd", "max_fd") if name in present}
    shown = table_of(table, most=MANY, file="quality/runs.tsv", digits=digits)
    return replace(shown, people=[str(one) for one in runs["participant_id"].head(MANY)])


def region_table(regions: pd.DataFrame) -> Table:
    """Return the regions of the circuits with their sources, from ``regions.tsv``."""
    table = regions.copy()
    table["region"] = [region_label(str(region)) for region in table["region"]]
    if "verified" in table:
        verified = table["verified"].astype(str).str.lower()
        words = {"true": "read in source", "1": "read in source", "yes": "read in source"}
        table["verified"] = [
            MISSING if is_missing(one) else words.get(one, "not read") for one in verified
        ]
    for column in table.columns.intersection(["circuit", "circuits"]):
        table[column] = table[column].str.replace(r"[,;]\s*", ", ", regex=True)
    return table_of(table.rename(columns={"n_voxels_median": "voxels (median)"}))
