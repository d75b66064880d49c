"""Denoise one run by every strategy from what was extracted of it, and correlate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.imaging.denoise import censoring, confounds
from ketfc.imaging.denoise.compcor import Components, masks_of
from ketfc.imaging.denoise.operator import degrees_of_freedom, require_freedom
from ketfc.imaging.denoise.strategies import StrategyOperator, kept_by_strategy, strategy_operators
from ketfc.imaging.io import sidecars
from ketfc.imaging.run import quality as run_quality
from ketfc.imaging.run.carpet import Carpet, make_carpet
from ketfc.imaging.run.connectivity import pearson
from ketfc.imaging.run.extraction import RegionSeries
from ketfc.imaging.run.reading import Extraction, RunLength, Stage
from ketfc.study.config.denoising import Denoising
from ketfc.study.config.quality import Quality


@dataclass(frozen=True)
class RunFiles:
    """The files of one run; the JSON sidecars beside them may not exist.

    Image and mask need not be there any more: denoising only names them.

    Attributes
    ----------
    bold, mask, confounds : pathlib.Path
        Image, brain mask and confounds table.
    session : str
        Label of its session.
    others : tuple of RunFiles
        The participant's other runs, with which this one is compared.
    """

    bold: Path
    mask: Path
    confounds: Path
    session: str = ""
    others: tuple[RunFiles, ...] = ()

    @classmethod
    def of(cls, run: Mapping[str, str], others: Mapping[str, Sequence[str]]) -> RunFiles:
        """Return the files of a run of the manifest.

        Parameters
        ----------
        run : mapping of str to str
            ``bold``, ``mask``, ``confounds`` and ``session``.
        others : mapping of str to sequence of str
            The same of the participant's other runs; without ``confounds`` where no strategy asks
            for them.
        """
        found = zip(
            others["bold"], others["mask"], others["confounds"], others["session"], strict=False
        )
        return cls(
            Path(run["bold"]),
            Path(run["mask"]),
            Path(run["confounds"]),
            run["session"],
            tuple(
                cls(Path(bold), Path(mask), Path(confounds), session)
                for bold, mask, confounds, session in found
            ),
        )

    @property
    def sidecar(self) -> Path:
        """The BOLD image's JSON."""
        return self.bold.with_name(
            self.bold.name.removesuffix(".gz").removesuffix(".nii") + ".json"
        )


@dataclass(frozen=True, eq=False)
class StrategyResult:
    """Matrices of one strategy by atlas, or the reason why there are none.

    Of `n_kept` volumes that survived censoring, `n_volumes` were correlated: fewer where sessions
    are matched. `rank` of the `columns` are independent.
    """

    matrices: dict[str, pd.DataFrame] = field(default_factory=dict)
    n_volumes: int = 0
    n_kept: int = 0
    tdof: float = 0.0
    columns: tuple[str, ...] = ()
    rank: int = 0
    compcor: Components | None = None
    high_pass: str | None = None
    error: RunError | None = None


@dataclass(frozen=True, eq=False)
class RunResult:
    """Series, matrices and quality of one run.

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


def denoise_run(
    extraction: Extraction,
    files: RunFiles,
    denoising: Denoising,
    limits: Quality,
    *,
    min_coverage: float,
    repetition_time: float | None = None,
) -> RunResult:
    """Denoise a run by every strategy, and correlate its regions.

    What is wrong with the run is part of the result, not an exception: one bad run must not stop
    a study.

    Parameters
    ----------
    extraction : Extraction
        What was read of the image.
    files : RunFiles
        The run.
    denoising : Denoising
        That section of the configuration.
    limits : Quality
        That section of the configuration: motion and censoring above which a run is excluded.
    min_coverage : float
        Smallest share of a region's voxels that must have signal.
    repetition_time : float or None
        Seconds; overrides header and sidecar.
    """
    quality: dict[str, float | int | None] = {}
    series: dict[str, RegionSeries] = {}
    picture: dict[str, Any] = {"strategy": denoising.primary}
    try:
        _require(extraction, "header")
        t_r, table, metadata = _read_tables(extraction.length, files, repetition_time, quality)
        picture |= {"confounds": table, "repetition_time": t_r}
        _require(extraction, "mask")
        kept, censored = kept_by_strategy(table, t_r, denoising)
        # the volumes that the primary strategy keeps, also where too few of them are left
        shown = kept.get(denoising.primary)
        if not isinstance(shown, np.ndarray):
            shown = None if censored is None else censored.keep
        picture["keep"] = shown
        quality |= _motion(table, censored, t_r) | run_quality.signals(table)
        _require(extraction, "image")
        if extraction.series is not None:
            series = extraction.series.by_atlas(min_coverage)
        picture["voxels"] = extraction.carpet
        # a run that keeps too little is excluded for that, below, and not for its motion
        if not all(isinstance(keep, RunError) for keep in kept.values()):
            run_quality.require_limits(quality, limits)
    except RunError as error:
        excluded = {name: StrategyResult(error=error) for name in denoising.strategies}
        carpet = make_carpet(**picture, reason=error.reason)
        return RunResult(series, excluded, quality, error=error, carpet=carpet)
    masks = [masks_of(one.confounds) for one in files.others]
    operators = strategy_operators(kept, table, metadata, t_r, denoising, masks)
    matched: dict[str, int] = {}
    if denoising.match_volumes:
        others = _others(extraction, files, denoising, limits, repetition_time)
        matched = _matched(files, operators, others)
    strategies = {
        name: StrategyResult(error=operator)
        if isinstance(operator, RunError)
        else _correlated(operator, matched.get(name, len(operator.matrix)), series)
        for name, operator in operators.items()
    }
    # where no strategy has enough volumes, the run itself cannot be used
    unkept = [keep for keep in kept.values() if isinstance(keep, RunError)]
    unusable = unkept[0] if len(unkept) == len(kept) else None
    carpet = _carpet(operators[denoising.primary], picture)
    return RunResult(series, strategies, quality, error=unusable, carpet=carpet)


def _require(extraction: Extraction, stage: Stage) -> None:
    """Refuse a run of which this could not be used, when it is its turn."""
    if extraction.error is not None and extraction.failed == stage:
        raise extraction.error


def _carpet(operator: StrategyOperator | RunError, picture: Mapping[str, Any]) -> Carpet:
    """Return the carpet with the primary strategy's series, or with why there are none."""
    if isinstance(operator, RunError):
        return make_carpet(**picture, reason=operator.reason)
    voxels = picture["voxels"]
    cleaned = None if voxels is None else _cleaned(operator.matrix, voxels.series)
    return make_carpet(**picture, cleaned=cleaned)


def _read_tables(
    length: RunLength | None,
    files: RunFiles,
    override: float | None,
    quality: dict[str, float | int | None],
) -> tuple[float, pd.DataFrame, Mapping[str, Any]]:
    """Read repetition time and confounds; `quality` is told what is found on the way."""
    if length is None:
        raise RunError("damaged-image", f"the header of {files.bold.name} cannot be read")
    quality["n_volumes"] = length.n_volumes
    sidecar = sidecars.read_sidecar(files.sidecar)
    quality |= run_quality.timing(length.repetition_time, sidecar)
    t_r = sidecars.repetition_time(length.repetition_time, sidecar, override)
    quality["repetition_time"] = t_r
    table = confounds.read_confounds(files.confounds)
    metadata = sidecars.read_sidecar(files.confounds.with_suffix(".json"))
    if len(table) != length.n_volumes:
        raise RunError(
            "confounds-rows",
            f"{files.confounds.name} has {len(table)} rows, {files.bold.name} has "
            f"{length.n_volumes} volumes",
            value=len(table),
            threshold=length.n_volumes,
        )
    return t_r, table, metadata


def _others(
    extraction: Extraction,
    files: RunFiles,
    denoising: Denoising,
    limits: Quality,
    override: float | None,
) -> list[tuple[RunFiles, dict[str, StrategyOperator | RunError]]]:
    """Return the operators of the participant's other runs that can be used.

    Their images are not read: one that will turn out to be damaged counts like a good one.
    """
    found = []
    # that its own are among them refuses nothing
    masks = [masks_of(one.confounds) for one in (files, *files.others)]
    for other, length in zip(files.others, extraction.others, strict=True):
        try:
            t_r, table, metadata = _read_tables(length, other, override, {})
            kept, censored = kept_by_strategy(table, t_r, denoising)
            run_quality.require_limits(_motion(table, censored, t_r), limits)
        except RunError:
            continue
        found.append((other, strategy_operators(kept, table, metadata, t_r, denoising, masks)))
    return found


def _matched(
    files: RunFiles,
    operators: Mapping[str, StrategyOperator | RunError],
    others: Sequence[tuple[RunFiles, Mapping[str, StrategyOperator | RunError]]],
) -> dict[str, int]:
    """Return the number of volumes that each strategy may use of this run.

    Every run of the participant works out the same numbers from all runs' confounds.
    """
    matched = {}
    for name, operator in operators.items():
        if isinstance(operator, RunError):
            continue
        volumes = {files.session: {str(files.bold): len(operator.matrix)}}
        for other, found in others:
            theirs = found[name]
            if not isinstance(theirs, RunError):
                volumes.setdefault(other.session, {})[str(other.bold)] = len(theirs.matrix)
        matched[name] = censoring.matched_volumes(volumes)[str(files.bold)]
    return matched


def _correlated(
    operator: StrategyOperator, n_volumes: int, series: Mapping[str, RegionSeries]
) -> StrategyResult:
    """Clean with all kept volumes, and correlate the first `n_volumes` of them."""
    matrix = operator.matrix[:n_volumes]
    tdof = degrees_of_freedom(matrix)
    try:
        require_freedom(tdof, n_volumes, operator.rank)
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
    raw = series.to_numpy()
    r = pearson(_cleaned(matrix, raw), np.abs(raw).max(axis=0))
    return pd.DataFrame(r, index=series.columns, columns=series.columns)


def _cleaned(matrix: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
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
