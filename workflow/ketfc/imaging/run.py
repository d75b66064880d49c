"""Everything that happens to one BOLD run: one read, all strategies, all atlases."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.imaging import censoring, confounds, denoising
from ketfc.imaging.carpet import CARPET, Carpet, CarpetVoxels, make_carpet, sample_voxels
from ketfc.imaging.connectivity import pearson
from ketfc.imaging.errors import RunError
from ketfc.imaging.extraction import RegionSeries, extract, read_mask
from ketfc.imaging.grid import Grid
from ketfc.imaging.reader import BoldHeader, read_header
from ketfc.imaging.regions import RegionSet
from ketfc.imaging.shared_voxels import shared_voxels

_TR_TOLERANCE = 1e-3
"""Seconds by which header and sidecar may differ (NIfTI stores the repetition time as float32)."""


@dataclass(frozen=True)
class RunFiles:
    """The files of one run; the JSON sidecars beside them may not exist.

    `siblings` are BOLD image and mask of the participant's other runs, with which it is compared.
    """

    bold: Path
    mask: Path
    confounds: Path
    siblings: tuple[tuple[Path, Path], ...] = ()

    @property
    def sidecar(self) -> Path:
        """The BOLD image's JSON."""
        return self.bold.with_name(
            self.bold.name.removesuffix(".gz").removesuffix(".nii") + ".json"
        )


@dataclass(frozen=True)
class RunSettings:
    """The part of the configuration that a run depends on.

    Attributes
    ----------
    strategies : tuple of str
        Names of :data:`ketfc.imaging.confounds.STRATEGIES`.
    fd_thresh, dvars_thresh : float or None
        mm; units of ``std_dvars``.
    min_time : float
        Seconds that must be left after censoring.
    lower_bpf, upper_bpf : float or None
        Hz. The lower one is not applied to strategies with aCompCor, whose cosines do its work.
    min_coverage : float
        Smallest share of a region's voxels that must have signal.
    repetition_time : float or None
        Seconds; overrides header and sidecar.
    primary : str
        The strategy whose series the carpet shows.
    carpet_atlas : str or None
        The atlas whose parcels put the voxels of the carpet in order; None makes no carpet.
    """

    strategies: tuple[str, ...]
    fd_thresh: float | None
    dvars_thresh: float | None
    min_time: float
    lower_bpf: float | None
    upper_bpf: float | None
    min_coverage: float
    repetition_time: float | None = None
    primary: str = ""
    carpet_atlas: str | None = None


@dataclass(frozen=True, eq=False)
class StrategyResult:
    """What one strategy gave: matrices by atlas, or the reason why there are none.

    `carpet`, of the primary strategy alone, has the cleaned series of the carpet's voxels.
    """

    matrices: dict[str, pd.DataFrame] = field(default_factory=dict)
    n_volumes: int = 0
    tdof: float = 0.0
    columns: tuple[str, ...] = ()
    compcor: str | None = None
    high_pass: str | None = None
    error: RunError | None = None
    carpet: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class RunResult:
    """What one run gave.

    Attributes
    ----------
    series : dict of str to RegionSeries
        By atlas; empty if the image could not be used.
    strategies : dict of str to StrategyResult
        By name; always all that were asked for.
    quality : dict
        Numbers for ``quality/runs.tsv``; what could not be measured is None.
    error : RunError or None
        Why the whole run is excluded.
    carpet : Carpet
        What pictures show of it; empty where nothing could be read.
    """

    series: dict[str, RegionSeries]
    strategies: dict[str, StrategyResult]
    quality: dict[str, float | int | None]
    error: RunError | None = None
    carpet: Carpet = field(default_factory=make_carpet)


def read_sidecar(path: Path) -> Mapping[str, Any]:
    """Return a JSON sidecar; empty if there is none.

    Raises
    ------
    RunError
        ``sidecar`` if it is there but is no JSON object.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise RunError("sidecar", f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise RunError("sidecar", f"{path.name} is not a JSON object")
    return content


def repetition_time(
    header: BoldHeader, sidecar: Mapping[str, Any], override: float | None
) -> float:
    """Return the repetition time in seconds on which header and sidecar agree.

    Raises
    ------
    RunError
        ``repetition-time`` if they differ, or neither has one, and the study sets none.
    """
    if override is not None:
        return override
    told = sidecar.get("RepetitionTime")
    if told is not None and not (
        isinstance(told, int | float) and not isinstance(told, bool) and 0 < told < 3600
    ):
        raise RunError(
            "repetition-time",
            f"RepetitionTime in the sidecar is {told!r}, not seconds",
            value=str(told),
            threshold="> 0 s",
        )
    found = header.repetition_time
    if told is None and found is None:
        raise RunError(
            "repetition-time",
            "neither the header nor the sidecar has a repetition time; "
            "set study.repetition-time in the config",
        )
    if told is not None and found is not None and abs(told - found) > _TR_TOLERANCE:
        raise RunError(
            "repetition-time",
            f"the repetition time is {found:g} s in the header and {told:g} s in the sidecar; "
            "mend one of them, or set study.repetition-time in the config",
            value=f"{found:g}",
            threshold=f"{told:g}",
        )
    return float(told if told is not None else found)  # type: ignore[arg-type]


def process_run(
    files: RunFiles,
    place_regions: Callable[[Grid], Sequence[RegionSet]],
    settings: RunSettings,
) -> RunResult:
    """Read a run once and return series, coverage, matrices and quality.

    What is wrong with the run is part of the result, not an exception: one bad run must not stop
    a study.

    Parameters
    ----------
    files : RunFiles
        The run.
    place_regions : callable
        Gives the region sets on a grid.
    settings : RunSettings
        How to clean and what to refuse.
    """
    quality: dict[str, float | int | None] = {}
    series: dict[str, RegionSeries] = {}
    picture: dict[str, Any] = {"strategy": settings.primary}
    try:
        header = read_header(files.bold)
        quality["n_volumes"] = header.n_volumes
        t_r = repetition_time(header, read_sidecar(files.sidecar), settings.repetition_time)
        quality["repetition_time"] = t_r
        table = confounds.read_confounds(files.confounds)
        metadata = read_sidecar(files.confounds.with_suffix(".json"))
        _require_rows(table, header.n_volumes, files)
        picture |= {"confounds": table, "repetition_time": t_r}
        mask = read_mask(files.mask, header.grid)
        keep = censoring.kept_volumes(
            table, fd_thresh=settings.fd_thresh, dvars_thresh=settings.dvars_thresh
        )
        quality |= _motion(table, keep, t_r)
        picture["keep"] = keep
        shared = shared_voxels([(files.bold, files.mask), *files.siblings], header.grid)
        regions = list(place_regions(header.grid))
        chosen = _carpet_voxels(regions, mask, header, settings)
        series = extract(
            files.bold,
            mask,
            [*regions, *([chosen.regions(mask.size)] if chosen else [])],
            min_coverage=settings.min_coverage,
            shared=shared,
        )
        if chosen:
            picture |= {"chosen": chosen, "series": series.pop(CARPET).series}
        censoring.require_time(keep, t_r, settings.min_time)
    except RunError as error:
        excluded = {name: StrategyResult(error=error) for name in settings.strategies}
        carpet = make_carpet(**picture, reason=error.reason)
        return RunResult(series, excluded, quality, error=error, carpet=carpet)
    drawn = picture.get("series")
    strategies = {
        name: _denoise(
            confounds.STRATEGIES[name],
            table,
            metadata,
            keep,
            t_r,
            series,
            settings,
            drawn if name == settings.primary else None,
        )
        for name in settings.strategies
    }
    primary = strategies.get(settings.primary, StrategyResult())
    carpet = make_carpet(
        **picture,
        cleaned=primary.carpet,
        reason=primary.error.reason if primary.error else "",
    )
    return RunResult(series, strategies, quality, carpet=carpet)


def _carpet_voxels(
    regions: Sequence[RegionSet],
    mask: NDArray[np.bool_],
    header: BoldHeader,
    settings: RunSettings,
) -> CarpetVoxels | None:
    """Return the voxels to draw; None if the settings want no picture."""
    parcels = [each for each in regions if each.atlas == settings.carpet_atlas]
    if not parcels:
        return None
    return sample_voxels(mask, header.grid, parcels[0], n_volumes=header.n_volumes)


def _require_rows(table: pd.DataFrame, n_volumes: int, files: RunFiles) -> None:
    if len(table) != n_volumes:
        raise RunError(
            "confounds-rows",
            f"{files.confounds.name} has {len(table)} rows, {files.bold.name} has "
            f"{n_volumes} volumes",
            value=len(table),
            threshold=n_volumes,
        )


def _denoise(
    strategy: confounds.Strategy,
    table: pd.DataFrame,
    metadata: Mapping[str, Any],
    keep: NDArray[np.bool_],
    t_r: float,
    series: Mapping[str, RegionSeries],
    settings: RunSettings,
    drawn: pd.DataFrame | None,
) -> StrategyResult:
    high_pass = None if strategy.compcor else settings.lower_bpf
    try:
        columns = confounds.strategy_columns(strategy, list(table.columns), metadata)
        matrix = denoising.operator(
            confounds.regressors(table, columns),
            keep,
            repetition_time=t_r,
            high_pass=high_pass or None,
            low_pass=settings.upper_bpf,
        )
    except RunError as error:
        return StrategyResult(error=error)
    cosines = [column for column in columns if column.startswith("cosine")]
    if cosines:
        filtered = f"{len(cosines)} cosine regressors of fMRIPrep"
    elif high_pass:
        filtered = f"Butterworth, {high_pass:g} Hz"
    else:
        filtered = "linear trend only"
    choice = confounds.compcor_columns(list(table.columns), metadata)[1]
    return StrategyResult(
        matrices={atlas: _correlations(matrix, each.series) for atlas, each in series.items()},
        n_volumes=matrix.shape[0],
        tdof=denoising.degrees_of_freedom(matrix),
        columns=tuple(columns),
        compcor=choice if strategy.compcor else None,
        high_pass=filtered,
        carpet=None if drawn is None else _cleaned(matrix, drawn),
    )


def _correlations(matrix: NDArray[np.float64], series: pd.DataFrame) -> pd.DataFrame:
    r = pearson(_cleaned(matrix, series))
    return pd.DataFrame(r, index=series.columns, columns=series.columns)


def _cleaned(matrix: NDArray[np.float64], series: pd.DataFrame) -> NDArray[np.float64]:
    values = series.to_numpy()
    # the mean is taken out first: it is a thousand times the signal, and cleaning removes it anyway
    cleaned: NDArray[np.float64] = matrix @ (values - values.mean(axis=0))
    return cleaned


def _motion(
    table: pd.DataFrame, keep: NDArray[np.bool_], t_r: float
) -> dict[str, float | int | None]:
    motion: dict[str, float | int | None] = {
        "n_censored": int((~keep).sum()),
        "seconds_kept": float(keep.sum()) * t_r,
    }
    for column, prefix in ((censoring.FD, "fd"), (censoring.DVARS, "std_dvars")):
        values = table[column] if column in table else pd.Series(dtype=float)
        values = values[np.isfinite(values)]
        for name in ("mean", "median", "max"):
            motion[f"{name}_{prefix}"] = float(getattr(values, name)()) if len(values) else None
    return motion
