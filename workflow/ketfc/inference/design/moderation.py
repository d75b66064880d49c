"""Moderation: interactions with arm, baseline score or diagnosis.

A family of its own, exploratory whatever its sample: a trial with a power of 80 % for a difference
between its arms has one of 29 % for an interaction of the same size (Brookes ST et al. (2004),
J Clin Epidemiol 57:229–236, doi:10.1016/j.jclinepi.2003.08.009).
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.design.baseline_connectivity import PRESCRIPTIVE, PROGNOSTIC
from ketfc.inference.design.planned_tests import PlannedTest, adjusted_for, score_columns
from ketfc.study.design.design import BIPOLAR, UNIPOLAR, Design

DRUG_BY_CHANGE = "drug-by-change"
DRUG_BY_BASELINE = "drug-by-baseline-score"
DIAGNOSIS_BY_CHANGE = "diagnosis-by-change"
CHANGE_BY_DIAGNOSIS = "change-by-diagnosis"

MIN_CELL = 10
"""People in every arm, diagnosis or (for three-way questions) both together: with fewer no
interaction is tested, and with fewer in all nothing with baseline connectivity. A convention, not a
finding."""

_KIND = "moderation"


def moderation_tests(design: Design) -> list[PlannedTest]:
    """Return the tests of moderation that a design has the columns for.

    Returns
    -------
    list of PlannedTest
        With two arms and a score: whether arms differ in the association
        (:data:`DRUG_BY_CHANGE`) and, where the score was measured at baseline, whether their
        difference in connectivity is associated with it (:data:`DRUG_BY_BASELINE`). With two
        diagnoses: whether they differ in the change of connectivity (:data:`CHANGE_BY_DIAGNOSIS`;
        with two arms, in the difference between the arms) and, with a score, in the association
        (:data:`DIAGNOSIS_BY_CHANGE`).
    """
    arms = (design.group_column,) if design.group_column else ()
    change = ("z_baseline", "z_followup")
    score = score_columns(design) if design.si else ()
    needs = {}
    if design.between_arms and score:
        needs[DRUG_BY_CHANGE] = (*arms, *change, *score)
        if "si_baseline" in score:
            needs[DRUG_BY_BASELINE] = (*arms, *change, "si_baseline")
    if design.terms.diagnosis:
        needs[CHANGE_BY_DIAGNOSIS] = (*arms, "diagnosis", *change)
        if score:
            needs[DIAGNOSIS_BY_CHANGE] = (*arms, "diagnosis", *change, *score)
    adjusted = adjusted_for(design)
    return [
        PlannedTest(name, _KIND, None, columns, adjusted=adjusted)
        for name, columns in needs.items()
    ]


def small_cells(test: PlannedTest, complete: pd.DataFrame, design: Design) -> Evidence | None:
    """Return the reason that a test is not made: cells of fewer than `MIN_CELL` people.

    Parameters are those of :func:`ketfc.inference.design.model.model_of`; the evidence is without
    numbers, flagged ``small-cell`` with these cells and their sizes.
    """
    small = {name: n for name, n in _cells(test, complete, design) if n < MIN_CELL}
    if not small:
        return None
    flag = f"small-cell: {', '.join(f'{name} {n}' for name, n in small.items())}"
    labels = design.arms
    words = ", ".join(
        f"{' '.join(labels.get(part, part) for part in name.split())} {n}"
        for name, n in small.items()
    )
    least = f"at least {MIN_CELL} are needed" + ("" if test.name == PROGNOSTIC else " of each")
    return untestable(flag, f"too few complete participants ({words}), {least}")


def _cells(test: PlannedTest, complete: pd.DataFrame, design: Design) -> Iterator[tuple[str, int]]:
    """Yield the cells of a test with the number of their participants."""
    drugs, diagnoses = ("ketamine", "control"), (UNIPOLAR, BIPOLAR)
    if test.name == PROGNOSTIC:
        yield "participants", len(complete)
        return
    if test.name in (DRUG_BY_CHANGE, DRUG_BY_BASELINE, PRESCRIPTIVE):
        yield from ((role, int((complete["arm"] == role).sum())) for role in drugs)
        return
    for diagnosis in diagnoses:
        own = complete[complete["diagnosis"] == diagnosis]
        if test.name == CHANGE_BY_DIAGNOSIS and design.between_arms:
            yield from ((f"{role} {diagnosis}", int((own["arm"] == role).sum())) for role in drugs)
        else:
            yield diagnosis, len(own)
