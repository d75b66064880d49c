"""Connectivity before treatment and the score after it: a family of tests of its own.

Prognostic: whether the score is associated with connectivity at baseline, over arms and at equal
baseline score. Prescriptive: whether that differs between the arms. Both are about groups; how far
they would help to tell what a new patient will have is another question, which nothing here asks.
"""

from __future__ import annotations

from ketfc.inference.design.planned_tests import PlannedTest, adjusted_for, score_columns
from ketfc.study.design.design import Design

PROGNOSTIC = "baseline-prognostic"
PRESCRIPTIVE = "baseline-prescriptive"

KIND = "baseline"


def baseline_tests(design: Design) -> list[PlannedTest]:
    """Return the tests of baseline connectivity that a design has the columns for.

    Returns
    -------
    list of PlannedTest
        With a score :data:`PROGNOSTIC`, with two arms :data:`PRESCRIPTIVE` too. They need no scan
        after treatment. None in a crossover, whose scores are those of both drugs.
    """
    if design.si is None or design.within_drugs:
        return []
    arms = (design.group_column,) if design.group_column else ()
    needs = (*arms, "z_baseline", *score_columns(design))
    names = (PROGNOSTIC, PRESCRIPTIVE) if design.between_arms else (PROGNOSTIC,)
    return [PlannedTest(name, KIND, None, needs, adjusted=adjusted_for(design)) for name in names]
