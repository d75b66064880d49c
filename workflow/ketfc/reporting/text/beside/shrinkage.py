"""Shrunken estimates of the primary circuits: sentences, a table and a paragraph of the methods."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketfc.inference.shrinkage import LEAST
from ketfc.reporting.tables import Table, text_table
from ketfc.reporting.words import compact, coverage, interval, is_missing, number, sentence, span
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class ShrinkageSection:
    """The report's section on shrunken estimates: a sentence per kind of test, and the table."""

    sentences: list[str]
    table: Table


def shrinkage_section(shrinkage: pd.DataFrame, design: Design) -> ShrinkageSection:
    """Return the report's section on estimates shrunken towards their mean.

    Parameters
    ----------
    shrinkage : pandas.DataFrame
        ``tests/shrinkage.tsv``.
    design : Design
        The study's design.
    """
    said = []
    for test, own in shrinkage.groupby("test", sort=False):
        first = own.iloc[0]
        what = sentence(str(test).replace("-", " "))
        if is_missing(first["mean"]):
            few = f"{number(first['circuits'], 0)} circuits could be tested, {LEAST} are needed"
            why = {
                "too-few-circuits": few,
                "too-few": "so few participants tell nothing of an error",
                "not-separable": "the errors of some circuits follow from those of others",
            }[str(first["flags"])]
            said.append(f"{what}: nothing was shrunken, because {why}.")
            continue
        said.append(
            f"{what}: common mean {number(first['mean'], signed=True)} "
            f"{interval(first['mean_low'], first['mean_high'])} over "
            f"{number(first['circuits'], 0)} circuits, which differ by a standard deviation of "
            f"{number(first['tau'])} (Fisher z) beyond error; the errors of two circuits correlate "
            f"by {number(first['error_correlation'])} on average."
        )
    rows = [
        {
            "circuit": sentence(str(row["name"])),
            "test": str(row["test"]),
            "estimate": compact(row["estimate"], signed=True),
            "interval": span(row["ci_low"], row["ci_high"]),
            "shrunken": number(row["shrunken"], signed=True),
            f"its {coverage(design.alpha)} interval": interval(
                row["shrunken_low"], row["shrunken_high"]
            ),
        }
        for row in shrinkage.to_dict("records")
    ]
    kinds = {"circuit": "mid", "test": "short"}
    return ShrinkageSection(said, text_table(rows, kinds))


def shrinkage_methods(shrinkage: pd.DataFrame) -> list[str]:
    """Return the paragraph of the methods on shrunken estimates; nothing where none was made.

    From ``tests/shrinkage.tsv``.
    """
    if shrinkage["shrunken"].map(is_missing).all():
        return []
    return [
        "As a secondary description, the estimates of the primary circuits were shrunken towards "
        "their common mean by a normal–normal model of each family (correlations as Fisher z), "
        "integrated over the restricted likelihood of the standard deviation between circuits with "
        "flat priors [@morris1983; @gelman2006]. That the circuits were measured in the same "
        "participants enters by the correlation of the participants' influences on the estimates; "
        "the error of an estimate is the half-width of its own interval over the normal quantile. "
        "The model takes the true effects for draws of one normal distribution. No verdict rests "
        "on it (`tests/shrinkage.tsv`)."
    ]
