"""Activity of one run by every strategy that is asked for, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.base.files import write_json, write_tsv
from ketfc.base.software import generated_by
from ketfc.imaging.activity.alff import amplitudes, require_band, spectra
from ketfc.imaging.activity.reho import FEWEST, reho
from ketfc.imaging.denoise.confounds import regressors
from ketfc.imaging.denoise.operator import filled_operator, within
from ketfc.imaging.io.images import write_image
from ketfc.imaging.regions.placing import CIRCUITS, RegionSet
from ketfc.imaging.run.operators import RunOperators, VoxelRun
from ketfc.imaging.run.reading import BrainSeries
from ketfc.imaging.run.voxels import VoxelSeries
from ketfc.study.config.maps import Activity

DIVIDED = "m"
"""Before the name of a measure: divided by its mean over the voxels of the brain."""

COLUMNS = ("strategy", "region", "measure", "value", "n_volumes")
"""Columns of a run's table of activity."""

NUMBERS = ("value", "n_volumes")
"""Those of them that are numbers."""


@dataclass(frozen=True, eq=False)
class RunActivity:
    """Activity of one run by one strategy.

    Attributes
    ----------
    measures : dict of str to numpy.ndarray of float64, shape (n_voxels,)
        ``alff``, ``falff``, ``reho`` as asked for, in every voxel; empty if there is an error.
    n_volumes : int
        Volumes that survived censoring.
    n_filled : int
        Volumes of the spectrum: those and the censored ones between them.
    error : RunError or None
        Why there are no numbers.
    """

    measures: Mapping[str, NDArray[np.float64]]
    n_volumes: int = 0
    n_filled: int = 0
    error: RunError | None = None

    def mean(self, measure: str) -> float:
        """Return the mean of a measure over the voxels of the brain that have one."""
        return float(np.nanmean(self.measures[measure]))


def run_activity(
    voxels: VoxelSeries, found: RunOperators, settings: Activity, strategies: Sequence[str]
) -> dict[str, RunActivity]:
    """Measure the activity of every voxel of a run.

    Parameters
    ----------
    voxels : VoxelSeries
        The voxels, not smoothed.
    found : RunOperators
        Of the same run.
    settings : Activity
        That section of the configuration.
    strategies : sequence of str
        Those wanted.

    Returns
    -------
    dict of str to RunActivity
        By strategy. ALFF and ReHo are of series that are band-passed to the band of the settings;
        ReHo of the kept volumes alone.
    """
    return {name: _by_strategy(voxels, found, settings, name) for name in strategies}


def _by_strategy(
    voxels: VoxelSeries, found: RunOperators, settings: Activity, strategy: str
) -> RunActivity:
    cleaning, keep = found.strategies[strategy], found.keep.get(strategy)
    if isinstance(cleaning, RunError):
        return RunActivity({}, error=cleaning)
    if not isinstance(keep, np.ndarray) or found.confounds is None or not found.repetition_time:
        raise ValueError(f"a run that {strategy} can clean lacks its volumes or confounds")
    columns = regressors(found.confounds, list(cleaning.operator.columns))
    kept, band = within(keep), (settings.lower_bpf, settings.upper_bpf)
    measured: dict[str, NDArray[np.float64]] = {}
    about = {"repetition_time": found.repetition_time}
    try:
        require_band(kept.size, found.repetition_time, band)
        banded = filled_operator(columns, keep, **about, high_pass=band[0], low_pass=band[1])
        whole = filled_operator(columns, keep, **about, high_pass=None, low_pass=None)
        of_run = spectra(banded, whole, **about, band=band)
    except RunError as error:
        return RunActivity({}, error=error)
    if not {"alff", "falff"}.isdisjoint(settings.measures):
        measured["alff"], measured["falff"] = amplitudes(of_run, voxels.values)
    if "reho" in settings.measures:
        measured["reho"] = reho(banded[kept], voxels.values, voxels.voxels, voxels.grid)
    wanted: dict[str, NDArray[np.float64]] = {name: measured[name] for name in settings.measures}
    return RunActivity(wanted, int(keep.sum()), kept.size)


def region_activity(
    found: Mapping[str, RunActivity],
    brain: BrainSeries | None,
    names: Sequence[str],
    measures: Sequence[str],
    min_coverage: float,
) -> pd.DataFrame:
    """Return the mean activity of regions, as measured and divided by the mean over the brain.

    Parameters
    ----------
    found : mapping of str to RunActivity
        By strategy.
    brain : BrainSeries or None
        Voxels and regions; None if the run could not be read.
    names : sequence of str
        The circuits' regions.
    measures : sequence of str
        Those that were asked for.
    min_coverage : float
        Smallest share of a region's voxels, or of its weight, that must have signal in all the
        participant's runs.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`; a row for every strategy, region, measure and, with :data:`DIVIDED` before
        its name, divided measure. `value` is missing where the run, the strategy or the region is
        excluded.
    """
    rows = []
    for strategy, activity in found.items():
        for measure in measures:
            values, scale = np.full(len(names), np.nan), np.nan
            if brain is not None and measure in activity.measures:
                each = activity.measures[measure]
                regions = next(one for one in brain.regions if one.atlas == CIRCUITS)
                values = _means(regions, brain.voxels.voxels, each, min_coverage)
                scale = activity.mean(measure)
            for prefix, shown in (("", values), (DIVIDED, values / scale)):
                part = pd.DataFrame({"region": list(names), "value": shown})
                rows.append(
                    part.assign(
                        strategy=strategy,
                        measure=prefix + measure,
                        n_volumes=activity.n_volumes,
                    )
                )
    return pd.concat(rows, ignore_index=True)[list(COLUMNS)]


def _means(
    regions: RegionSet,
    voxels: NDArray[np.integer],
    values: NDArray[np.float64],
    min_coverage: float,
) -> NDArray[np.float64]:
    """Return the weighted means of regions over their voxels that have a value."""
    weights = regions.weights.tocsc()[:, voxels].astype(np.float64)
    size = np.asarray(regions.weights.sum(axis=1), dtype=np.float64).ravel()
    covered = weights @ np.ones(len(voxels))
    known = np.isfinite(values)
    used = weights @ known.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (weights @ np.where(known, values, 0.0)) / used
        # sums of weights differ in their last bits
        enough = (covered / size >= min_coverage - 1e-6) & (used > 0)
    return np.where(enough, means, np.nan)


def write_activity(
    folder: Path,
    stem: str,
    run: VoxelRun,
    *,
    settings: Activity,
    strategies: Sequence[str],
    names: Sequence[str],
    min_coverage: float,
) -> None:
    """Measure the activity of a run and write it, with a JSON beside every file.

    An excluded run has the same files, without a value and with the reason. Without any measure
    in the settings nothing is written.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/derivatives/sub-…/ses-…/func``.
    stem : str
        ``sub-…_ses-…_task-…_space-…``.
    run : VoxelRun
        The run, its voxels not smoothed.
    settings, strategies
        As for :func:`run_activity`.
    names, min_coverage
        As for :func:`region_activity`.
    """
    if not settings.measures:
        return
    brain, found = run.brain, run.operators
    if brain is None:
        nothing = {name: found.strategies[name] for name in strategies}
        measured = {
            name: RunActivity({}, error=error if isinstance(error, RunError) else None)
            for name, error in nothing.items()
        }
    else:
        measured = run_activity(brain.voxels, found, settings, strategies)
    table = region_activity(measured, brain, names, settings.measures, min_coverage)
    base = folder / f"{stem}_desc-activity_bold.tsv"
    about: dict[str, Any] = {"Sources": run.files.sources, "GeneratedBy": generated_by()}
    write_tsv(base, table)
    write_json(
        base.with_suffix(".json"),
        {"Description": _DESCRIPTION, "MinimumCoverage": min_coverage}
        | {name: _about(settings, each) for name, each in measured.items()}
        | about,
    )
    if not settings.maps:
        return
    grid = run.grid
    for strategy, activity in measured.items():
        for measure in settings.measures:
            image = np.full(grid.n_voxels, np.nan, dtype=np.float32)
            if brain is not None and measure in activity.measures:
                image = brain.voxels.image(activity.measures[measure])
            path = folder / f"{stem}_desc-{strategy}_stat-{measure}_boldmap"
            write_image(path.with_name(path.name + ".nii.gz"), image, grid)
            write_json(
                path.with_name(path.name + ".json"),
                {"Description": DEFINITIONS[measure], "DenoisingStrategy": strategy}
                | _about(settings, activity)
                | about,
            )


DEFINITIONS: Mapping[str, str] = {
    "alff": "Twice the mean, over the frequencies of the band, of the square root of the power "
    "(periodogram) of the band-passed series, censored volumes being interpolated",
    "falff": "Sum of the square root of power (periodogram) over the band, divided by that over "
    "all frequencies but zero, of the series that were not band-passed, censored volumes being "
    "interpolated",
    "reho": "Kendall's W, corrected for ties, of the band-passed series of a voxel and its "
    f"neighbours in a cube of 27 voxels, of which at least {FEWEST} must have a series; kept "
    "volumes alone",
}
"""Definitions of the measures, in words."""

_DESCRIPTION = (
    "Mean of each region over its voxels with signal in all runs of the participant; measures "
    f"that begin with {DIVIDED} were divided by the mean over the voxels of the brain"
)


def _about(settings: Activity, activity: RunActivity) -> dict[str, Any]:
    return {
        "BandHz": [settings.lower_bpf, settings.upper_bpf],
        "NumberOfVolumes": activity.n_volumes,
        "VolumesOfSpectrum": activity.n_filled,
        "MeanOverBrain": {name: activity.mean(name) for name in activity.measures},
        "Excluded": activity.error.reason if activity.error else None,
        "ExcludedBy": None
        if activity.error is None
        else {name: getattr(activity.error, name) for name in ("rule", "value", "threshold")},
    }
