"""Exchangeability of participants: blocks of permutations and groups of one variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import Blocks
from ketfc.inference.core.variance_groups import Groups
from ketfc.inference.design.covariate_columns import blocks_of
from ketfc.inference.design.planned_tests import PlannedTest
from ketfc.study.design.design import Design

_COMPARES_ARMS = ("change", "change-at-equal-motion")


def exchange_blocks(test: PlannedTest, table: pd.DataFrame, design: Design) -> Blocks | None:
    """Return the block within which each participant may be exchanged, None where all may be.

    Parameters
    ----------
    test : PlannedTest
        The test.
    table : pandas.DataFrame
        Rows of :func:`ketfc.inference.design.samples.participant_table` without missing columns.
    design : Design
        The design as the test sees it.

    Returns
    -------
    numpy.ndarray of shape (n,) or None
        The design's blocks (sites) where the test is adjusted for them. Two arms compared with one
        another are exchanged, as the allocation might have done. Any other question over both arms
        is asked within each of them: a drug may move and spread connectivity and scores alike, and
        whoever exchanged participants between arms would take that for their association.
    """
    labels = []
    site = blocks_of(test.adjusted, design)
    if site is not None:
        labels.append(table[f"covariate_{site}"].astype(str))
    if _over_arms(test, design) and test.kind not in _COMPARES_ARMS:
        labels.append(table["arm"].astype(str))
    return label_codes(labels)


def variance_groups(test: PlannedTest, table: pd.DataFrame, design: Design) -> Groups | None:
    """Return the groups whose residuals have a variance each, None where all share one.

    Parameters are those of :func:`exchange_blocks`.

    Returns
    -------
    numpy.ndarray of shape (n,) or None
        The arms, or the orders of two drugs; and the diagnoses where these are compared.
    """
    labels = []
    if _over_arms(test, design):
        labels.append(table["arm"].astype(str))
    elif design.within_drugs:
        labels.append(table["sequence"].astype(str))
    if test.kind == "moderation" and "diagnosis" in test.needs:
        labels.append(table["diagnosis"].astype(str))
    return label_codes(labels)


def label_codes(labels: Sequence[pd.Series[str]]) -> Blocks | None:
    """Return a number for each combination of labels, shape (n,); None without labels."""
    if not labels:
        return None
    joined = np.array(["\n".join(each) for each in zip(*labels, strict=True)], dtype=object)
    codes: Blocks = np.unique(joined, return_inverse=True)[1].astype(np.int64)
    return codes


def _over_arms(test: PlannedTest, design: Design) -> bool:
    return design.between_arms and test.arm is None
