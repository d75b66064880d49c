"""Runs, strategies and regions that imaging excludes, with the number that decided it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

EXCLUSION_COLUMNS = (
    "stage",
    "unit",
    "participant_id",
    "session",
    "run",
    "region",
    "strategy",
    "rule",
    "threshold",
    "value",
    "consequence",
    "reason",
)
"""Columns of ``quality/exclusions.tsv``; `unit` is what the row leaves out: a participant, session,
run, region, strategy or activity (of a run), or a participant's part in a test."""


def excluded_runs(
    runs: pd.DataFrame,
    quality: Mapping[str, Mapping[str, Any]],
    coverage: Mapping[str, Mapping[str, pd.DataFrame]],
    min_coverage: float,
    activity: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    given: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return every run, strategy and region that could not be used, with what decided it.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    quality : mapping of str to mapping
        The ``…_desc-ketfc_qc.json`` of every run that was processed, by name.
    coverage : mapping of str to mapping of str to pandas.DataFrame
        The coverage tables, by run and atlas.
    min_coverage : float
        The threshold that was applied.
    activity : mapping of str to mapping, optional
        The ``…_desc-activity_bold.json`` of every run, by name, where activity was measured.
    given : pandas.DataFrame, optional
        ``quality/regions.tsv`` of a study whose connectivity was computed elsewhere: its regions
        without a value are listed too.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`EXCLUSION_COLUMNS`.
    """
    rows: list[dict[str, Any]] = []
    for record in runs.to_dict("records"):
        who = {key: record[key] for key in ("participant_id", "session", "run")}
        found = quality.get(str(record["run"]))
        if found is None and record.get("status") == "ok":
            # computed elsewhere: there was nothing to process
            continue
        if found is None:
            rows.append(
                who
                | {
                    "stage": "manual" if record.get("rule") == "manual" else "plan",
                    "unit": "run",
                    "rule": record.get("rule") or "missing-file",
                    "consequence": "run not used",
                    "reason": record["reason"],
                }
            )
            continue
        if found["status"] != "ok":
            rows.append(who | _decided(found) | {"unit": "run", "consequence": "run not used"})
        else:
            rows += [
                who
                | _decided(verdict)
                | {
                    "unit": "strategy",
                    "strategy": strategy,
                    "consequence": "strategy n/a for this run",
                }
                for strategy, verdict in found["strategies"].items()
                if verdict["status"] != "ok"
            ]
            unused = {name for name, one in found["strategies"].items() if one["status"] != "ok"}
            rows += [
                who | row for row in _of_activity(activity.get(str(record["run"]), {}), unused)
            ]
        for atlas, table in coverage[str(record["run"])].items():
            rows += [who | row for row in _uncovered(atlas, table, min_coverage)]
    rows += [] if given is None else _missing_given(given)
    return pd.DataFrame(rows, columns=list(EXCLUSION_COLUMNS))


def _missing_given(regions: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {key: row[key] for key in ("participant_id", "session", "run")}
        | {
            "stage": "region",
            "unit": "region",
            "region": f"Circuits:{row['region']}",
            "rule": "parcel",
            "consequence": "region n/a for this run",
            "reason": row["note"],
        }
        for row in regions[regions["note"].notna()].to_dict("records")
    ]


def _decided(verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stage": "imaging",
        "rule": verdict["rule"],
        "threshold": verdict["threshold"],
        "value": verdict["value"],
        "reason": verdict["reason"],
    }


def _of_activity(about: Mapping[str, Any], unused: Container[str]) -> list[dict[str, Any]]:
    """Return the strategies by which activity alone could not be measured."""
    of_strategies = {
        name: each
        for name, each in about.items()
        if isinstance(each, dict) and "ExcludedBy" in each
    }
    return [
        {
            "stage": "imaging",
            # not the strategy, which serves connectivity
            "unit": "activity",
            "strategy": strategy,
            "consequence": "activity n/a for this run",
            "reason": each["Excluded"],
        }
        | each["ExcludedBy"]
        for strategy, each in of_strategies.items()
        if each["Excluded"] is not None and strategy not in unused
    ]


def _uncovered(atlas: str, table: pd.DataFrame, min_coverage: float) -> list[dict[str, Any]]:
    low = table[table["coverage_shared"] < max(min_coverage, np.finfo(float).tiny)]
    return [
        {
            "stage": "region",
            "unit": "region",
            "region": f"{atlas}:{row['region']}",
            "rule": "min-coverage",
            "threshold": min_coverage,
            "value": row["coverage_shared"],
            "consequence": "region n/a for this run",
            "reason": (
                f"{row['n_shared']:g} of {row['n_voxels']:g} voxels lie in the brain mask and have "
                f"signal in all sessions of the participant ({row['n_covered']:g} in this run)"
            ),
        }
        for row in low.to_dict("records")
    ]
