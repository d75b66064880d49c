"""The quality of every run, of its regions and strategies, and the change between sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.files import write_tsv
from ketfc.imaging.denoise.censoring import REASONS
from ketfc.imaging.io.sidecars import TR_TOLERANCE
from ketfc.study.design.design import Design

DROPOUT_REGIONS = ("sgACC", "lAmygdala", "rAmygdala")
"""Regions near air-filled sinuses, where the signal of gradient-echo images is lost first."""

DROPOUT_SHARE = 0.5
"""Share of the run's median region below which tSNR or intensity tells of lost signal.

A convention of this workflow, to point at runs that want a look; nothing is excluded by it.
"""

MEASURES: Mapping[str, str] = {
    "repetition_time": "mean",
    "n_volumes": "sum",
    "n_censored": "sum",
    **{f"n_censored_{reason}": "sum" for reason in REASONS},
    "share_censored": "mean",
    "seconds_kept": "sum",
    "mean_fd": "mean",
    "median_fd": "mean",
    "max_fd": "max",
    "mean_fd_filtered": "mean",
    "median_fd_filtered": "mean",
    "max_fd_filtered": "max",
    "mean_std_dvars": "mean",
    "median_std_dvars": "mean",
    "max_std_dvars": "max",
    "n_spikes": "sum",
    "share_spikes": "mean",
    "mean_global_signal": "mean",
    "sd_global_signal_percent": "mean",
    "tdof": "sum",
    "tdof_lost": "sum",
}
"""Measures of a run, and the summary of several runs of a session."""

REGION_MEASURES = ("coverage", "coverage_shared", "tsnr", "intensity")
"""Measures of a region; runs of a session are averaged."""

_TIMES = ("header_repetition_time", "sidecar_repetition_time")
_WHO = ["run", "participant_id", "session", "role"]


def region_quality(runs: pd.DataFrame, coverage: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return ``quality/regions.tsv``: one row per run that was processed and circuit region.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    coverage : mapping of str to pandas.DataFrame
        The circuits' coverage table of every run that was processed.

    Returns
    -------
    pandas.DataFrame
        Columns run, participant_id, session, role, region, n_voxels, coverage, coverage_shared,
        tsnr (before denoising), intensity (mean signal as a share of the run's median region)
        and note.
    """
    numbers = ["n_voxels", *REGION_MEASURES]
    parts = []
    for record in runs.to_dict("records"):
        table = coverage.get(str(record["run"]))
        if table is None:
            continue
        part = table[["region", *numbers, "note"]].copy()
        # a run that could not be read has a table without numbers, whose columns hold objects
        part[numbers] = part[numbers].apply(pd.to_numeric)
        middle = part["intensity"].median()
        part["intensity"] = part["intensity"] / (middle if middle > 0 else np.nan)
        parts.append(part.assign(**{key: record[key] for key in _WHO}))
    columns = [*_WHO, "region", *numbers, "note"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True)[columns]


def strategy_quality(runs: pd.DataFrame, quality: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return ``quality/strategies.tsv``: volumes and degrees of freedom by run and strategy.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    quality : mapping of str to mapping
        The ``…_desc-ketfc_qc.json`` of every run that was processed, by name.

    Returns
    -------
    pandas.DataFrame
        Columns run, participant_id, session, role, strategy, n_volumes (kept), n_regressors,
        compcor (aCompCor's components among them), tdof (effective temporal degrees of freedom
        left), tdof_lost (volumes of the run minus those), status and reason; numbers are missing
        where the strategy could not be used.
    """
    rows = []
    for record in runs.to_dict("records"):
        found = quality.get(str(record["run"]))
        for strategy, verdict in (found["strategies"] if found else {}).items():
            used = verdict["status"] == "ok"
            total = found["quality"].get("n_volumes") if found else None
            rows.append(
                {key: record[key] for key in _WHO}
                | {
                    "strategy": strategy,
                    "n_volumes": verdict["n_volumes"] if used else None,
                    "n_regressors": verdict["n_regressors"] if used else None,
                    "compcor": verdict.get("compcor") if used else None,
                    "tdof": verdict["tdof"] if used else None,
                    "tdof_lost": total - verdict["tdof"] if used and total else None,
                    "status": verdict["status"],
                    "reason": verdict.get("reason"),
                }
            )
    numbers = ["n_volumes", "n_regressors", "tdof", "tdof_lost"]
    columns = [*_WHO, "strategy", *numbers[:2], "compcor", *numbers[2:], "status", "reason"]
    table = pd.DataFrame(rows, columns=columns)
    table[numbers] = table[numbers].apply(pd.to_numeric)
    return table


def run_quality(
    runs: pd.DataFrame,
    quality: Mapping[str, Mapping[str, Any]],
    regions: pd.DataFrame,
    strategies: pd.DataFrame,
    *,
    primary: str,
    min_coverage: float,
) -> pd.DataFrame:
    """Return ``quality/runs.tsv``: the measures of every planned run, one row each.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    quality : mapping of str to mapping
        The ``…_desc-ketfc_qc.json`` of every run that was processed, by name.
    regions, strategies : pandas.DataFrame
        As :func:`region_quality` and :func:`strategy_quality` give them.
    primary : str
        The strategy whose degrees of freedom are shown.
    min_coverage : float
        Smallest share of a region's voxels that must have signal.

    Returns
    -------
    pandas.DataFrame
        run, participant_id, session, role, arm, status, reason; the repetition times and whether
        header and sidecar agree (``yes``, ``no``; missing where one of them tells none); the
        numbers of :data:`MEASURES`; and, for those of :data:`DROPOUT_REGIONS` that the study has,
        ``coverage_``, ``tsnr_``, ``intensity_`` and ``dropout_`` with the region's name. Drop-out
        is ``yes`` if coverage is below `min_coverage`, or tSNR or intensity below
        :data:`DROPOUT_SHARE` of the median over the run's regions.
    """
    costs = strategies[strategies["strategy"] == primary].set_index("run")
    of_runs = {str(run): part for run, part in regions.groupby("run")}
    shown = [name for name in DROPOUT_REGIONS if name in set(regions["region"])]
    rows = []
    for record in runs.to_dict("records"):
        run = str(record["run"])
        found = quality.get(run)
        row = {key: record[key] for key in ("run", "participant_id", "session", "role", "arm")}
        row["status"] = found["status"] if found else record["status"]
        row["reason"] = found.get("reason") if found else record["reason"]
        measured = dict(found["quality"]) if found else {}
        if run in costs.index:
            measured |= {name: costs.loc[run, name] for name in ("tdof", "tdof_lost")}
        row |= {name: measured.get(name) for name in (*_TIMES, *MEASURES)}
        row["repetition_times_agree"] = _agree(*(measured.get(name) for name in _TIMES))
        row |= _dropout(of_runs.get(run), shown, min_coverage)
        rows.append(row)
    first = ["run", "participant_id", "session", "role", "arm", "status", "reason"]
    last = [f"{kind}_{name}" for name in shown for kind in _DROPOUT_KINDS]
    table = pd.DataFrame(
        rows, columns=[*first, *_TIMES, "repetition_times_agree", *MEASURES, *last]
    )
    numbers = [
        name
        for name in table.columns
        if name not in (*first, "repetition_times_agree") and not name.startswith("dropout_")
    ]
    table[numbers] = table[numbers].apply(pd.to_numeric)
    return table


_DROPOUT_KINDS = ("coverage", "tsnr", "intensity", "dropout")


def _agree(header: float | None, sidecar: float | None) -> str | None:
    if header is None or sidecar is None:
        return None
    return "yes" if abs(header - sidecar) <= TR_TOLERANCE else "no"


def _dropout(
    regions: pd.DataFrame | None, names: Iterable[str], min_coverage: float
) -> dict[str, Any]:
    if regions is None or regions["coverage"].isna().all():
        return {}
    row: dict[str, Any] = {}
    middle = regions["tsnr"].median()
    for name in names:
        own = regions[regions["region"] == name].iloc[0]
        lost = (
            own["coverage"] < min_coverage
            or own["tsnr"] < DROPOUT_SHARE * middle
            or own["intensity"] < DROPOUT_SHARE
        )
        row |= {f"{kind}_{name}": own[kind] for kind in ("coverage", "tsnr", "intensity")}
        row[f"dropout_{name}"] = "yes" if lost or not own["coverage"] > 0 else "no"
    return row


def write_quality(
    runs: pd.DataFrame,
    quality: Mapping[str, Mapping[str, Any]],
    coverage: Mapping[str, pd.DataFrame],
    design: Design,
    paths: Any,
    *,
    primary: str,
    min_coverage: float,
) -> None:
    """Write the four tables of the runs' quality.

    Parameters
    ----------
    runs, quality, coverage, primary, min_coverage
        As for :func:`run_quality` and :func:`region_quality`.
    design : Design
        The study's design.
    paths : object
        Its attributes ``quality`` (of runs), ``region_quality``, ``strategies`` and ``change`` are
        where they go.
    """
    strategies, regions = strategy_quality(runs, quality), region_quality(runs, coverage)
    of_runs = run_quality(
        runs, quality, regions, strategies, primary=primary, min_coverage=min_coverage
    )
    write_tsv(paths.quality, of_runs)
    write_tsv(paths.strategies, strategies)
    write_tsv(paths.region_quality, regions)
    write_tsv(paths.change, quality_change(of_runs, regions, design))


def quality_change(runs: pd.DataFrame, regions: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Return ``quality/change.tsv``: every measure before, after, and its difference.

    Only runs that the primary strategy could be used on count, so that these are the differences
    of what was compared; the runs of a session are summed, averaged or their largest taken, as
    :data:`MEASURES` says.

    Parameters
    ----------
    runs, regions : pandas.DataFrame
        As :func:`run_quality` and :func:`region_quality` give them.
    design : mapping
        ``plan/design.json``.

    Returns
    -------
    pandas.DataFrame
        Columns participant_id, arm (role or None), measure, region (None for measures of the
        whole run), pre, post, difference; a row for every planned participant and measure.
    """
    used = runs[(runs["status"] == "ok") & runs["tdof"].notna()]
    grouped = used.groupby(["participant_id", "role"])
    whole = pd.DataFrame(
        {
            name: grouped[name].sum(min_count=1) if how == "sum" else grouped[name].agg(how)
            for name, how in MEASURES.items()
            # what the scanner was set to is no quality that could change
            if name != "repetition_time"
        }
    )
    parts = _wide(whole, design)
    wanted = regions[regions["run"].isin(used["run"])]
    own = wanted.groupby(["region", "participant_id", "role"], sort=False)[list(REGION_MEASURES)]
    means = own.mean()
    for region in dict.fromkeys(regions["region"]):
        there = region in means.index.get_level_values("region")
        table = means.loc[region] if there else whole.reindex(columns=REGION_MEASURES)[:0]
        parts += [part.assign(region=region) for part in _wide(table, design)]
    table = pd.concat(parts, ignore_index=True)
    table["difference"] = table["post"] - table["pre"]
    arms = design.participants
    table["arm"] = pd.Series([arms[one] for one in table["participant_id"]], dtype=object)
    columns = ["participant_id", "arm", "measure", "region", "pre", "post", "difference"]
    ordered = table.sort_values("participant_id", kind="stable", ignore_index=True)
    return ordered.reindex(columns=columns)


def _wide(table: pd.DataFrame, design: Design) -> list[pd.DataFrame]:
    """Return one table per column: planned participants, their values before and after."""
    people = sorted(design.participants)
    parts = []
    for measure in table.columns:
        part = pd.DataFrame({"participant_id": people, "measure": measure})
        for column, role in (("pre", design.baseline), ("post", design.followup)):
            places = [(one, role) for one in people]
            part[column] = table[measure].reindex(places).to_numpy(dtype=np.float64)
        parts.append(part)
    return parts
