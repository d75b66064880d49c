"""Covariates and blocks as columns of a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import Floats
from ketfc.study.design.design import Design

LONE_LEVEL, LONE_BLOCK = "lone-level", "lone-block"
"""Flags: somebody is alone with a label of a covariate, or in a block."""


def covariate_columns(table: pd.DataFrame, names: Sequence[str]) -> dict[str, Floats]:
    """Return covariates as columns of a model.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of :func:`ketfc.inference.design.samples.participant_table` without missing covariates.
    names : sequence of str
        The covariates.

    Returns
    -------
    dict of str to numpy.ndarray of shape (n,)
        Numbers as they are; of labels a column for each but the first in alphabetical order, 1
        where it applies (``site: B``). Labels that are all the same are one constant column.
    """
    columns: dict[str, Floats] = {}
    for name in names:
        values = table[f"covariate_{name}"]
        if pd.api.types.is_numeric_dtype(values):
            columns[name] = values.to_numpy(dtype=np.float64)
            continue
        labels = values.astype(str)
        levels = sorted(set(labels))
        if len(levels) < 2:
            columns[name] = np.zeros(len(table))
        for level in levels[1:]:
            columns[f"{name}: {level}"] = np.asarray(labels == level, dtype=np.float64)
    return columns


def blocks_of(names: Sequence[str], design: Design) -> str | None:
    """Return the covariate within whose labels a test exchanges participants, if there is one."""
    return design.terms.blocks if design.terms.blocks in names else None


def singleton_flags(
    table: pd.DataFrame, names: Sequence[str], blocks: str | None
) -> tuple[str, ...]:
    """Return flags for labels that one participant has alone.

    The model fits such a participant exactly, so that they say nothing of what is tested.

    Parameters
    ----------
    table, names
        As for :func:`covariate_columns`.
    blocks : str or None
        Which of them are the blocks.
    """
    flags = []
    for name in names:
        values = table[f"covariate_{name}"]
        if not pd.api.types.is_numeric_dtype(values) and (values.value_counts() == 1).any():
            flags.append(LONE_BLOCK if name == blocks else f"{LONE_LEVEL}: {name}")
    return tuple(flags)
