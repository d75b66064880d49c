"""Connectivity of the circuits at further thresholds of framewise displacement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from ketfc.base.files import read_tsv
from ketfc.imaging.group.sessions import NUMERIC, combine_runs, with_sessions
from ketfc.imaging.regions.registry import Registry
from ketfc.imaging.run.denoising import denoise_run
from ketfc.imaging.run.derivatives import circuit_table
from ketfc.imaging.run.operators import RunFiles, RunSettings
from ketfc.imaging.run.reading import Extraction


def circuits_at(
    thresholds: Iterable[float],
    strategies: Sequence[str],
    extraction: Extraction,
    files: RunFiles,
    settings: RunSettings,
    registry: Registry,
) -> pd.DataFrame:
    """Return the circuits of a run for each threshold of FD, from what was extracted of it.

    Parameters
    ----------
    thresholds : iterable of float
        Framewise displacement in mm above which a volume is censored.
    strategies : sequence of str
        Of the study's; those that censor.
    extraction, files, settings
        As for :func:`ketfc.imaging.run.denoising.denoise_run`; everything but the threshold is as
        there, so that a run that keeps too little is n/a at that threshold.
    registry : Registry
        Whose circuits are listed.

    Returns
    -------
    pandas.DataFrame
        Rows as in the run's table of circuits, and the column `fd_thresh` (mm).
    """
    # of a run's strategies the primary one is always worked out
    denoising = settings.denoising
    names = tuple(dict.fromkeys([denoising.primary, *strategies]))
    tables = []
    for fd in thresholds:
        changed = denoising.model_copy(update={"fd_thresh": fd, "strategies": names})
        result = denoise_run(extraction, files, replace(settings, denoising=changed))
        rows = circuit_table(result, registry, extraction.regions)
        tables.append(rows[rows["strategy"].isin(strategies)].assign(fd_thresh=fd))
    return pd.concat(tables, ignore_index=True)


def combined_at(
    thresholds: Sequence[float],
    strategies: Sequence[str],
    paths: Mapping[str, str],
    registry: Registry,
    runs: pd.DataFrame,
) -> dict[float, pd.DataFrame]:
    """Return ``connectivity.tsv`` as it would be at each threshold.

    Parameters
    ----------
    thresholds, strategies
        As for :func:`circuits_at`.
    paths : mapping of str to str
        The table of every run.
    registry, runs
        As for :func:`ketfc.imaging.group.sessions.combine_runs`.
    """
    if not thresholds:
        return {}
    tables = with_sessions(
        {run: read_tsv(path, numeric=(*NUMERIC, "fd_thresh")) for run, path in paths.items()}, runs
    )
    return {
        fd: combine_runs(
            [table[table["fd_thresh"] == fd] for table in tables], registry, runs, strategies
        )
        for fd in thresholds
    }
