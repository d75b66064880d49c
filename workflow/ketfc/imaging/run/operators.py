"""Operators of one run by strategy: which volumes each keeps, and whether the run can be used."""

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
from ketfc.imaging.denoise.compcor import masks_of
from ketfc.imaging.denoise.operator import degrees_of_freedom, require_freedom
from ketfc.imaging.denoise.strategies import StrategyOperator, kept_by_strategy, strategy_operators
from ketfc.imaging.io import sidecars
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.run import quality as run_quality
from ketfc.imaging.run.reading import BrainSeries, Extraction, RunLength, Stage
from ketfc.imaging.run.voxels import grid_of
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

    @property
    def sources(self) -> list[str]:
        """BIDS URIs of image, mask and confounds."""
        return [f"bids:preprocessed:{path.name}" for path in (self.bold, self.mask, self.confounds)]


@dataclass(frozen=True)
class RunSettings:
    """Settings by which a run is denoised and judged.

    Attributes
    ----------
    denoising : Denoising
        That section of the configuration.
    limits : Quality
        That section of the configuration: motion and censoring above which a run is excluded.
    min_coverage : float
        Smallest share of a region's voxels that must have signal.
    repetition_time : float or None
        Seconds; overrides header and sidecar.
    """

    denoising: Denoising
    limits: Quality
    min_coverage: float
    repetition_time: float | None = None

    @classmethod
    def of_job(cls, params: Any) -> RunSettings:
        """Return the settings of a job.

        Parameters
        ----------
        params : snakemake.io.Params
            The attributes by their names, sections as mappings.
        """
        return cls(
            Denoising(**params.denoising),
            Quality(**params.limits),
            params.min_coverage,
            params.repetition_time,
        )


@dataclass(frozen=True, eq=False)
class Cleaning:
    """A strategy that can be used on one run, with the volumes that are correlated.

    Attributes
    ----------
    operator : StrategyOperator
        With all volumes that survive censoring.
    n_volumes : int
        Of these, the first that are used: fewer where sessions are matched.
    tdof : float
        Effective temporal degrees of freedom of those.
    """

    operator: StrategyOperator
    n_volumes: int
    tdof: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The operator of the volumes that are used, (n_volumes, all volumes of the run)."""
        return self.operator.matrix[: self.n_volumes]


@dataclass(frozen=True, eq=False)
class RunOperators:
    """Operators of all strategies on one run, or the reason that there is none.

    Attributes
    ----------
    strategies : dict of str to (Cleaning or RunError)
        By name; always all that were asked for.
    quality : dict
        Numbers for ``quality/runs.tsv``; what could not be measured is None.
    keep : dict of str to (numpy.ndarray of bool, shape (n_volumes,), or RunError)
        Volumes that survive censoring, by strategy; empty where that is not known.
    shown : numpy.ndarray of bool or None
        Those of the primary strategy, also where too few of them are left.
    confounds : pandas.DataFrame or None
        The run's table; None if it cannot be used.
    repetition_time : float or None
        Seconds; None if it is not known.
    error : RunError or None
        Why the whole run is excluded.
    """

    strategies: Mapping[str, Cleaning | RunError]
    quality: dict[str, float | int | None] = field(default_factory=dict)
    keep: Mapping[str, NDArray[np.bool_] | RunError] = field(default_factory=dict)
    shown: NDArray[np.bool_] | None = None
    confounds: pd.DataFrame | None = None
    repetition_time: float | None = None
    error: RunError | None = None


@dataclass(frozen=True, eq=False)
class VoxelRun:
    """One run of which every voxel of the brain was read.

    Attributes
    ----------
    files : RunFiles
        Its files.
    brain : BrainSeries or None
        The voxels, not denoised, and the regions; None if the run could not be read.
    operators : RunOperators
        Of the strategies.
    """

    files: RunFiles
    brain: BrainSeries | None
    operators: RunOperators

    @property
    def grid(self) -> Grid:
        """The grid of its maps, also where it could not be read."""
        return grid_of(self.files.bold) if self.brain is None else self.brain.voxels.grid


def run_operators(extraction: Extraction, files: RunFiles, settings: RunSettings) -> RunOperators:
    """Return how every strategy cleans a run, judged by its confounds and what was read of it.

    What is wrong with the run is part of the result, not an exception.

    Parameters
    ----------
    extraction, files, settings
        As for :func:`ketfc.imaging.run.denoising.denoise_run`.
    """
    denoising = settings.denoising
    quality: dict[str, float | int | None] = {}
    kept: dict[str, NDArray[np.bool_] | RunError] = {}
    shown: NDArray[np.bool_] | None = None
    table: pd.DataFrame | None = None
    t_r: float | None = None
    try:
        _require(extraction, "header")
        t_r, table, metadata = _read_tables(
            extraction.length, files, settings.repetition_time, quality
        )
        _require(extraction, "mask")
        kept, censored = kept_by_strategy(table, t_r, denoising)
        primary = kept.get(denoising.primary)
        if isinstance(primary, np.ndarray):
            shown = primary
        elif censored is not None:
            shown = censored.keep
        quality |= _motion(table, censored, t_r) | run_quality.signals(table)
        _require(extraction, "image")
        # a run that keeps too little is excluded for that, below, and not for its motion
        if not all(isinstance(keep, RunError) for keep in kept.values()):
            run_quality.require_limits(quality, settings.limits)
    except RunError as error:
        excluded = dict.fromkeys(denoising.strategies, error)
        return RunOperators(excluded, quality, kept, shown, table, t_r, error)
    masks = [masks_of(one.confounds) for one in files.others]
    operators = strategy_operators(kept, table, metadata, t_r, denoising, masks)
    matched: dict[str, int] = {}
    if denoising.match_volumes:
        others = _others(extraction, files, settings)
        matched = _matched(files, operators, others)
    strategies = {
        name: operator
        if isinstance(operator, RunError)
        else _cleaning(operator, matched.get(name, len(operator.matrix)))
        for name, operator in operators.items()
    }
    # where no strategy has enough volumes, the run itself cannot be used
    unkept = [keep for keep in kept.values() if isinstance(keep, RunError)]
    unusable = unkept[0] if len(unkept) == len(kept) else None
    return RunOperators(strategies, quality, kept, shown, table, t_r, unusable)


def _cleaning(operator: StrategyOperator, n_volumes: int) -> Cleaning | RunError:
    tdof = degrees_of_freedom(operator.matrix[:n_volumes])
    try:
        require_freedom(tdof, n_volumes, operator.rank)
    except RunError as error:
        return error
    return Cleaning(operator, n_volumes, tdof)


def _require(extraction: Extraction, stage: Stage) -> None:
    """Refuse a run of which this could not be used, when it is its turn."""
    if extraction.error is not None and extraction.failed == stage:
        raise extraction.error


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
    extraction: Extraction, files: RunFiles, settings: RunSettings
) -> list[tuple[RunFiles, dict[str, StrategyOperator | RunError]]]:
    """Return the operators of the participant's other runs that can be used.

    Their images are not read: one that will turn out to be damaged counts like a good one.
    """
    found, denoising = [], settings.denoising
    # that its own are among them refuses nothing
    masks = [masks_of(one.confounds) for one in (files, *files.others)]
    for other, length in zip(files.others, extraction.others, strict=True):
        try:
            t_r, table, metadata = _read_tables(length, other, settings.repetition_time, {})
            kept, censored = kept_by_strategy(table, t_r, denoising)
            run_quality.require_limits(_motion(table, censored, t_r), settings.limits)
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
