"""Everything that happens to one BOLD run: one read, all strategies, all atlases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.imaging.denoise import censoring, confounds
from ketfc.imaging.denoise import operator as denoising
from ketfc.imaging.denoise.censoring import CensoringRules
from ketfc.imaging.denoise.head_motion import MotionFilter
from ketfc.imaging.denoise.matched_volumes import matched_volumes
from ketfc.imaging.denoise.strategies import StrategyOperator, kept_by_strategy, strategy_operators
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.reader import BoldHeader, read_header
from ketfc.imaging.io.sidecars import read_sidecar, repetition_time
from ketfc.imaging.regions.placing import RegionSet
from ketfc.imaging.run import quality as run_quality
from ketfc.imaging.run.carpet import CARPET, Carpet, CarpetVoxels, make_carpet, sample_voxels
from ketfc.imaging.run.connectivity import pearson
from ketfc.imaging.run.extraction import RegionSeries, extract, read_mask, require_outside
from ketfc.imaging.run.shared_voxels import shared_voxels


@dataclass(frozen=True)
class RunFiles:
    """The files of one run; the JSON sidecars beside them may not exist.

    `siblings` are BOLD image and mask of the participant's other runs, with which it is compared;
    `matched` are session and files of those with which it is to be matched in volumes.
    """

    bold: Path
    mask: Path
    confounds: Path
    siblings: tuple[tuple[Path, Path], ...] = ()
    session: str = ""
    matched: tuple[tuple[str, RunFiles], ...] = ()

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
        Names of :data:`ketfc.imaging.denoise.confounds.STRATEGIES` or of `own_strategies`, with
        ``_noscrub`` at the end of those that censor nothing.
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
    own_strategies : mapping of str to sequence of str
        Column patterns of the study's own strategies.
    censor_before, censor_after, censor_between : int
        Volumes; see :class:`ketfc.imaging.denoise.censoring.CensoringRules`.
    motion_filter_type, band_stop_min, band_stop_max
        See :class:`ketfc.imaging.denoise.head_motion.MotionFilter`; breaths per minute.
    dummy_scans : int or "auto"
        See :class:`ketfc.imaging.denoise.censoring.CensoringRules`.
    match_volumes : bool
        Whether the participant's sessions use equally many volumes.
    max_mean_fd, max_fd, max_censored : float or None
        mm, mm and a share of the volumes, above which a run is excluded; None for no limit.
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
    own_strategies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    censor_before: int = 0
    censor_after: int = 0
    censor_between: int = 0
    motion_filter_type: str | None = None
    band_stop_min: float | None = None
    band_stop_max: float | None = None
    dummy_scans: int | Literal["auto"] = "auto"
    match_volumes: bool = False

    max_mean_fd: float | None = None
    max_fd: float | None = None
    max_censored: float | None = None
    primary: str = ""
    carpet_atlas: str | None = None

    @property
    def censoring(self) -> CensoringRules:
        """What makes a volume go."""
        motion_filter = None
        if self.motion_filter_type is not None and self.band_stop_min is not None:
            motion_filter = MotionFilter(
                self.motion_filter_type, self.band_stop_min, self.band_stop_max
            )
        return CensoringRules(
            fd_thresh=self.fd_thresh,
            dvars_thresh=self.dvars_thresh,
            before=self.censor_before,
            after=self.censor_after,
            between=self.censor_between,
            motion_filter=motion_filter,
            dummy_scans=self.dummy_scans,
        )


@dataclass(frozen=True, eq=False)
class StrategyResult:
    """What one strategy gave: matrices by atlas, or the reason why there are none.

    Of `n_kept` volumes that survived censoring, `n_volumes` were correlated: fewer where sessions
    are matched. `rank` of the `columns` are independent.
    """

    matrices: dict[str, pd.DataFrame] = field(default_factory=dict)
    n_volumes: int = 0
    n_kept: int = 0
    tdof: float = 0.0
    columns: tuple[str, ...] = ()
    rank: int = 0
    compcor: str | None = None
    high_pass: str | None = None
    error: RunError | None = None


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
        header, t_r, table, metadata = _read_tables(files, settings, quality)
        picture |= {"confounds": table, "repetition_time": t_r}
        mask = read_mask(files.mask, header.grid)
        require_outside(mask, files.mask)
        kept, censored = kept_by_strategy(table, t_r, settings)
        picture["keep"] = _shown(kept.get(settings.primary), censored)
        quality |= _motion(table, censored, t_r) | run_quality.signals(table)
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
        # a run that keeps too little is excluded for that, below, and not for its motion
        if not all(isinstance(keep, RunError) for keep in kept.values()):
            _require_limits(quality, settings)
    except RunError as error:
        excluded = {name: StrategyResult(error=error) for name in settings.strategies}
        carpet = make_carpet(**picture, reason=error.reason)
        return RunResult(series, excluded, quality, error=error, carpet=carpet)
    operators = strategy_operators(kept, table, metadata, t_r, settings)
    matched = _matched(files, settings, operators) if settings.match_volumes else {}
    strategies = {
        name: StrategyResult(error=operator)
        if isinstance(operator, RunError)
        else _correlated(operator, matched.get(name, len(operator.matrix)), series)
        for name, operator in operators.items()
    }
    # where no strategy has enough volumes, the run itself cannot be used
    unkept = [keep for keep in kept.values() if isinstance(keep, RunError)]
    unusable = unkept[0] if len(unkept) == len(kept) else None
    carpet = _carpet(operators.get(settings.primary), picture)
    return RunResult(series, strategies, quality, error=unusable, carpet=carpet)


def _shown(
    kept: NDArray[np.bool_] | RunError | None, censored: censoring.Censoring | None
) -> NDArray[np.bool_] | None:
    """Return the volumes that the carpet shows as kept, also where too few of them are."""
    if isinstance(kept, np.ndarray):
        return kept
    return censored.keep if censored is not None else None


def _carpet(operator: StrategyOperator | RunError | None, picture: Mapping[str, Any]) -> Carpet:
    """Return the carpet with the primary strategy's series, or with why there are none."""
    if isinstance(operator, RunError):
        return make_carpet(**picture, reason=operator.reason)
    cleaned = None
    if operator is not None and "series" in picture:
        cleaned = _cleaned(operator.matrix, picture["series"])
    return make_carpet(**picture, cleaned=cleaned)


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


def _read_tables(
    files: RunFiles, settings: RunSettings, quality: dict[str, float | int | None]
) -> tuple[BoldHeader, float, pd.DataFrame, Mapping[str, Any]]:
    """Read all but the image; `quality` is told what is found on the way."""
    header = read_header(files.bold)
    quality["n_volumes"] = header.n_volumes
    sidecar = read_sidecar(files.sidecar)
    quality |= run_quality.timing(header, sidecar)
    t_r = repetition_time(header, sidecar, settings.repetition_time)
    quality["repetition_time"] = t_r
    table = confounds.read_confounds(files.confounds)
    metadata = read_sidecar(files.confounds.with_suffix(".json"))
    _require_rows(table, header.n_volumes, files)
    return header, t_r, table, metadata


def _require_rows(table: pd.DataFrame, n_volumes: int, files: RunFiles) -> None:
    if len(table) != n_volumes:
        raise RunError(
            "confounds-rows",
            f"{files.confounds.name} has {len(table)} rows, {files.bold.name} has "
            f"{n_volumes} volumes",
            value=len(table),
            threshold=n_volumes,
        )


def _require_limits(quality: Mapping[str, float | int | None], settings: RunSettings) -> None:
    run_quality.require_limits(
        quality,
        max_mean_fd=settings.max_mean_fd,
        max_fd=settings.max_fd,
        max_censored=settings.max_censored,
    )


def _matched(
    files: RunFiles, settings: RunSettings, operators: Mapping[str, StrategyOperator | RunError]
) -> dict[str, int]:
    """Return how many volumes each strategy may use of this run, given the sessions' other runs.

    Every run of the participant works out the same numbers from all runs' confounds. Of the
    others the images are not read: one that will turn out to be damaged counts like a good one.
    """
    others = []
    for session, other in files.matched:
        try:
            _, t_r, table, metadata = _read_tables(other, settings, {})
            kept, censored = kept_by_strategy(table, t_r, settings)
            _require_limits(_motion(table, censored, t_r), settings)
        except RunError:
            continue
        found = strategy_operators(kept, table, metadata, t_r, settings)
        others.append((session, str(other.bold), found))
    matched = {}
    for name, operator in operators.items():
        if isinstance(operator, RunError):
            continue
        volumes = {files.session: {str(files.bold): len(operator.matrix)}}
        for session, run, found in others:
            theirs = found[name]
            if not isinstance(theirs, RunError):
                volumes.setdefault(session, {})[run] = len(theirs.matrix)
        matched[name] = matched_volumes(volumes)[str(files.bold)]
    return matched


def _correlated(
    operator: StrategyOperator, n_volumes: int, series: Mapping[str, RegionSeries]
) -> StrategyResult:
    """Clean with all kept volumes, and correlate the first `n_volumes` of them."""
    matrix = operator.matrix[:n_volumes]
    tdof = denoising.degrees_of_freedom(matrix)
    try:
        denoising.require_freedom(tdof, n_volumes, operator.rank)
    except RunError as error:
        return StrategyResult(error=error)
    return StrategyResult(
        matrices={atlas: _correlations(matrix, each.series) for atlas, each in series.items()},
        n_volumes=n_volumes,
        n_kept=len(operator.matrix),
        tdof=tdof,
        columns=operator.columns,
        rank=operator.rank,
        compcor=operator.compcor,
        high_pass=operator.high_pass,
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
    table: pd.DataFrame, censored: censoring.Censoring | None, t_r: float
) -> dict[str, float | int | None]:
    motion: dict[str, float | int | None] = {}
    if censored is not None:
        motion["n_censored"] = int((~censored.keep).sum())
        motion["share_censored"] = float((~censored.keep).mean())
        motion |= {f"n_censored_{reason}": n for reason, n in censored.counts.items()}
        motion["seconds_kept"] = float(censored.keep.sum()) * t_r
    columns = {
        "fd": table.get(censoring.FD),
        "std_dvars": table.get(censoring.DVARS),
        "fd_filtered": pd.Series(censored.fd) if censored and censored.filtered else None,
    }
    for prefix, values in columns.items():
        finite = pd.Series(dtype=float) if values is None else values[np.isfinite(values)]
        for name in ("mean", "median", "max"):
            motion[f"{name}_{prefix}"] = float(getattr(finite, name)()) if len(finite) else None
    return motion
