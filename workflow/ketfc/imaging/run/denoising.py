"""Denoise one run by every strategy from what was extracted of it, and correlate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.compcor import Components
from ketfc.imaging.run.carpet import Carpet, make_carpet
from ketfc.imaging.run.connectivity import pearson
from ketfc.imaging.run.extraction import RegionSeries
from ketfc.imaging.run.operators import Cleaning, RunFiles, RunSettings, run_operators
from ketfc.imaging.run.reading import Extraction


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


def denoise_run(extraction: Extraction, files: RunFiles, settings: RunSettings) -> RunResult:
    """Denoise a run by every strategy, and correlate its regions.

    What is wrong with the run is part of the result, not an exception: one bad run must not stop
    a study.

    Parameters
    ----------
    extraction : Extraction
        What was read of the image.
    files : RunFiles
        The run.
    settings : RunSettings
        The study's.
    """
    found, primary = run_operators(extraction, files, settings), settings.denoising.primary
    series: dict[str, RegionSeries] = {}
    picture: dict[str, Any] = {"strategy": primary, "keep": found.shown}
    if found.confounds is not None:
        picture |= {"confounds": found.confounds, "repetition_time": found.repetition_time}
    # of a run whose volumes are not known, nothing is shown
    if found.keep and extraction.series is not None:
        series = extraction.series.by_atlas(settings.min_coverage)
        picture["voxels"] = extraction.carpet
    strategies = {
        name: strategy_result(cleaning, series) for name, cleaning in found.strategies.items()
    }
    carpet = _carpet(found.strategies[primary], picture)
    return RunResult(series, strategies, found.quality, error=found.error, carpet=carpet)


def _carpet(cleaning: Cleaning | RunError, picture: Mapping[str, Any]) -> Carpet:
    """Return the carpet with the primary strategy's series, or with why there are none."""
    if isinstance(cleaning, RunError):
        return make_carpet(**picture, reason=cleaning.reason)
    voxels = picture.get("voxels")
    cleaned = None if voxels is None else _cleaned(cleaning.operator.matrix, voxels.series)
    return make_carpet(**picture, cleaned=cleaned)


def strategy_result(
    cleaning: Cleaning | RunError, series: Mapping[str, RegionSeries]
) -> StrategyResult:
    """Clean with all kept volumes, and correlate those that are used.

    Parameters
    ----------
    cleaning : Cleaning or RunError
        One strategy's, from :func:`ketfc.imaging.run.operators.run_operators`.
    series : mapping of str to RegionSeries
        By atlas.
    """
    if isinstance(cleaning, RunError):
        return StrategyResult(error=cleaning)
    matrix, operator = cleaning.matrix, cleaning.operator
    return StrategyResult(
        matrices={atlas: _correlations(matrix, each.series) for atlas, each in series.items()},
        n_volumes=cleaning.n_volumes,
        n_kept=len(operator.matrix),
        tdof=cleaning.tdof,
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
