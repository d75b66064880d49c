"""The caption of the forest of all hypotheses."""

from __future__ import annotations

from ketfc.reporting.design_words import study_wise_error
from ketfc.reporting.tables import LEGIBLE
from ketfc.reporting.words import coverage
from ketfc.study.design.design import Design


def forest_caption(design: Design) -> str:
    """Return the caption of the figure of all hypotheses."""
    motion = (
        "motion, which is not known, was not assessed"
        if design.as_given
        else "motion: its change does not follow the change in head motion"
    )
    return (
        "Effect sizes of all primary tests (squares) and secondary ones (diamonds), with their "
        f"{coverage(design.alpha)} intervals, which are not corrected; filled where p after Holm "
        f"within its family is at most {design.alpha:g}, which decides. {study_wise_error(design)} "
        "Changes are in standard deviations of the kind that stands below them, cut at "
        f"{LEGIBLE:g} (arrow and number), beyond which that deviation is too small for them to be "
        "read; associations are correlations. n is that of each test. On the right, what a "
        f"circuit's results have to stand up to ({motion}; choices: no finding depends on one "
        "choice of analysis; habenula: voxels hold enough of it). “Passed” says that nothing was "
        "found against a result, not that there is nothing. Tests of moderation, of connectivity "
        "before treatment and of other definitions are in tables of their own."
    )
