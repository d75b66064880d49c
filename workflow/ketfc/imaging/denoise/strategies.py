"""Strategies on one run: their volumes, their regressors and the operators they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.imaging.denoise import censoring, confounds
from ketfc.imaging.denoise.compcor import Components, compcor_components, require_same_masks
from ketfc.imaging.denoise.operator import independent_regressors, operator
from ketfc.study.config.denoising import Denoising, scrubbed


@dataclass(frozen=True, eq=False)
class StrategyOperator:
    """One strategy on one run.

    Attributes
    ----------
    matrix : numpy.ndarray, shape (n_kept, n_volumes)
        As :func:`ketfc.imaging.denoise.operator.operator`.
    columns : tuple of str
        Confound columns that are regressed out.
    rank : int
        How many of them are independent.
    compcor : Components or None
        aCompCor's components among the columns, if it is regressed out.
    high_pass : str
        What does the work of a high-pass filter, in words.
    """

    matrix: NDArray[np.float64]
    columns: tuple[str, ...]
    rank: int
    compcor: Components | None
    high_pass: str


def kept_by_strategy(
    table: pd.DataFrame, repetition_time: float, denoising: Denoising
) -> tuple[dict[str, NDArray[np.bool_] | RunError], censoring.Censoring | None]:
    """Return the volumes that each strategy keeps, or why it cannot be used, and the censoring.

    Parameters
    ----------
    table : pandas.DataFrame
        The run's confounds.
    repetition_time : float
        Seconds.
    denoising : Denoising
        What is censored, and how much must be left.

    Returns
    -------
    kept : dict of str to (numpy.ndarray of bool or RunError)
        By strategy.
    censored : Censoring or None
        Of the strategies with scrubbing, also where none is asked for; None if it is not known.
    """
    censored: censoring.Censoring | None = None
    steady = ~censoring.dummy_volumes(table, denoising.dummy_scans)
    kept: dict[bool, NDArray[np.bool_] | RunError] = {False: steady}
    try:
        censored = censoring.censor(table, denoising, repetition_time)
        kept[True] = censored.keep
    except RunError as error:
        kept[True] = error
    for scrubbing, keep in kept.items():
        if not isinstance(keep, RunError):
            try:
                censoring.require_time(keep, repetition_time, denoising.min_time)
            except RunError as error:
                kept[scrubbing] = error
    return {name: kept[scrubbed(name)] for name in denoising.strategies}, censored


def _strategy_operator(
    name: str,
    keep: NDArray[np.bool_],
    table: pd.DataFrame,
    metadata: Mapping[str, Any],
    repetition_time: float,
    denoising: Denoising,
    other_masks: Sequence[str | None],
) -> StrategyOperator:
    """Return the operator by which a strategy cleans a run; as :func:`strategy_operators`."""
    strategy = confounds.find_strategy(name, denoising.own_strategies)
    columns = confounds.strategy_columns(strategy, list(table.columns), metadata)
    components = None
    if strategy.compcor:
        components = compcor_components(table.columns, metadata)
        require_same_masks(components, other_masks)
    cosines = confounds.cosines(columns)
    high_pass = None if strategy.compcor or cosines else denoising.lower_bpf or None
    if cosines:
        filtered = f"{len(cosines)} cosine regressors of fMRIPrep"
    elif high_pass:
        filtered = f"Butterworth, {high_pass:g} Hz"
    else:
        filtered = "linear trend only"
    regressors = confounds.regressors(table, columns)
    matrix = operator(
        regressors,
        keep,
        repetition_time=repetition_time,
        high_pass=high_pass,
        low_pass=denoising.upper_bpf,
    )
    rank = independent_regressors(
        regressors,
        keep,
        repetition_time=repetition_time,
        high_pass=high_pass,
        low_pass=denoising.upper_bpf,
    )
    return StrategyOperator(
        matrix=matrix,
        columns=tuple(columns),
        rank=rank,
        compcor=components,
        high_pass=filtered,
    )


def strategy_operators(
    kept: Mapping[str, NDArray[np.bool_] | RunError],
    table: pd.DataFrame,
    metadata: Mapping[str, Any],
    repetition_time: float,
    denoising: Denoising,
    other_masks: Sequence[str | None] = (),
) -> dict[str, StrategyOperator | RunError]:
    """Return the operator of each strategy, or why it cannot be used.

    Parameters
    ----------
    kept : mapping of str to (numpy.ndarray of bool or RunError)
        As :func:`kept_by_strategy` gives them.
    table, metadata
        The run's confounds and their sidecar.
    repetition_time : float
        Seconds.
    denoising : Denoising
        Filters, and the study's own strategies.
    other_masks : sequence of str or None
        Kinds of masks of aCompCor in the participant's other runs, from
        :func:`ketfc.imaging.denoise.compcor.masks_of`.
    """
    found: dict[str, StrategyOperator | RunError] = {}
    for name, keep in kept.items():
        if isinstance(keep, RunError):
            found[name] = keep
            continue
        try:
            found[name] = _strategy_operator(
                name, keep, table, metadata, repetition_time, denoising, other_masks
            )
        except RunError as error:
            found[name] = error
    return found
