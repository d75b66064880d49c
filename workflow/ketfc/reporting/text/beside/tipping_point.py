"""Missing follow-ups: the caption of their figure, sentences and a paragraph of the methods."""

from __future__ import annotations

import pandas as pd

from ketfc.inference.robustness.imputation import IMPUTATIONS
from ketfc.reporting.words import coverage
from ketfc.study.design.design import Design

METHOD = "tipping-point"
"""Its name in ``tests/robustness.tsv``."""


def tipping_caption(design: Design) -> str:
    """Return the caption of the figure of the tipping points."""
    whose = "the ketamine arm" if design.between_arms else "everybody"
    return (
        "Follow-ups of participants with a baseline alone were imputed as if they had gone on like "
        f"the others (dot), then shifted by what the axis says: connectivity of {whose} for the "
        "change, scores of everybody for the association, or connectivity where no score is "
        f"missing. Line: pooled estimate; band: {coverage(design.alpha)}. Dashed: the tipping "
        "point, the smallest shift at which the test "
        f"(p ≤ {design.alpha:g}, not corrected) concludes otherwise. Shifts are in standard "
        "deviations of the follow-up; whether one is plausible is for the reader to judge."
    )


def tipping_sentences(robustness: pd.DataFrame) -> list[str]:
    """Return a sentence for each primary test with imputed follow-ups.

    From ``tests/robustness.tsv``; empty where nothing was imputed.
    """
    rows = robustness[robustness["method"] == METHOD]
    return [f"{row['name']}, {row['test']}: {row['note']}." for row in rows.to_dict("records")]


def tipping_methods(robustness: pd.DataFrame) -> list[str]:
    """Return the paragraph of the methods; nothing where nothing was imputed.

    From ``tests/robustness.tsv``.
    """
    if not (robustness["method"] == METHOD).any():
        return []
    return [
        f"Missing follow-ups were imputed {IMPUTATIONS} times by normal regressions on baseline, "
        "covariates and what else was known of the follow-up, within each arm where it was large "
        "enough, under the assumption that they were missing at random; results were pooled by "
        "Rubin's rules [@rubin1987; @barnard1999]. The imputed values were then shifted until the "
        "conclusion turned (delta-adjusted tipping point) [@ratitch2013; @cro2020] "
        "(`tests/tipping_point.tsv`)."
    ]
