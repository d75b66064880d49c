"""Whether arm, baseline score or diagnosis tell changes and associations apart: interactions.

A family of its own, exploratory whatever its sample: a trial with a power of 80 % for a difference
between its arms has one of 29 % for an interaction of the same size (Brookes ST et al. (2004),
J Clin Epidemiol 57:229–236, doi:10.1016/j.jclinepi.2003.08.009).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.core.linear import regression_evidence
from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.model import CONNECTIVITY_CHANGE, Model, values, with_covariates
from ketfc.inference.design.samples import PlannedTest, adjusted_for, score_columns
from ketfc.study.design.design import BIPOLAR, KETAMINE_FIRST, UNIPOLAR, Design

DRUG_BY_CHANGE = "drug-by-change"
DRUG_BY_BASELINE = "drug-by-baseline-score"
DIAGNOSIS_BY_CHANGE = "diagnosis-by-change"
CHANGE_BY_DIAGNOSIS = "change-by-diagnosis"

MIN_CELL = 10
"""People in every arm, diagnosis or (for three-way questions) both together: with fewer no
interaction is tested. A convention, not a finding."""

_KIND = "moderation"


def moderation_tests(design: Design) -> list[PlannedTest]:
    """Return the tests of moderation that a design has the columns for.

    Parameters
    ----------
    design : Design
        The study's design.

    Returns
    -------
    list of PlannedTest
        With two arms and a score: whether arms differ in the association
        (:data:`DRUG_BY_CHANGE`) and, where the score was measured at baseline, whether their
        difference in connectivity goes with it (:data:`DRUG_BY_BASELINE`). With two diagnoses:
        whether they differ in the change of connectivity (:data:`CHANGE_BY_DIAGNOSIS`; with two
        arms, in the difference between the arms) and, with a score, in the association
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


def moderation_model(test: PlannedTest, complete: pd.DataFrame, design: Design) -> Model:
    """Return the model of a test of moderation, the interaction first.

    Parameters
    ----------
    test, complete, design
        As for :func:`ketfc.inference.design.model.model_of`.

    Returns
    -------
    Model
        With both main effects beside their product, whose coefficient does not depend on where
        they are centred. Arms were allocated, and are compared at equal baseline; diagnoses were
        not, and are compared in their changes: at equal baseline, regression to different means
        would pass for a difference (Van Breukelen GJP (2006), J Clin Epidemiol
        59:920–925, doi:10.1016/j.jclinepi.2006.02.007).
    """
    before, after = values(complete, "z_baseline"), values(complete, "z_followup")
    change = after - before
    arm = np.asarray(complete["arm"] == "ketamine", dtype=np.float64)
    bipolar = np.asarray(complete["diagnosis"] == BIPOLAR, dtype=np.float64)
    first = np.asarray(complete["sequence"] == KETAMINE_FIRST, dtype=np.float64)
    two_arms, crossover = design.between_arms, design.within_drugs
    sides = {"arm": arm} if two_arms else {"the order of the drugs": first} if crossover else {}
    followup = ("connectivity at follow-up", after)
    baseline = {"connectivity at baseline": before}
    if test.name == DRUG_BY_BASELINE:
        score = {f"{design.instrument} at {design.baseline}": values(complete, "si_baseline")}
        model = Model(followup, _crossed({"arm": arm}, score) | baseline)
    elif test.name == CHANGE_BY_DIAGNOSIS and two_arms:
        model = Model(followup, _crossed({"arm": arm}, {"diagnosis": bipolar}) | baseline)
    elif test.name == CHANGE_BY_DIAGNOSIS:
        model = Model((CONNECTIVITY_CHANGE, change), {"diagnosis": bipolar} | sides)
    else:
        outcome, given = _score(complete, design)
        by = {"arm": arm} if test.name == DRUG_BY_CHANGE else {"diagnosis": bipolar}
        crossed = _crossed(by, {CONNECTIVITY_CHANGE: change})
        model = Model(outcome, crossed | given | sides)
    return with_covariates(model, test, complete, design)


def moderation_evidence(
    test: PlannedTest,
    complete: pd.DataFrame,
    design: Design,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
) -> Evidence:
    """Estimate and test an interaction where there are enough people to tell.

    Parameters
    ----------
    test, complete, design
        As for :func:`moderation_model`.
    alpha, permutations, rng
        As for :func:`ketfc.inference.core.linear.regression_evidence`.

    Returns
    -------
    Evidence
        Without numbers where a cell has fewer than :data:`MIN_CELL` people: flagged
        ``small-cell`` with these cells and how many each has.
    """
    small = {name: n for name, n in _cells(test, complete, design) if n < MIN_CELL}
    if small:
        flag = f"small-cell: {', '.join(f'{name} {n}' for name, n in small.items())}"
        labels = design.arms
        words = ", ".join(
            f"{' '.join(labels.get(part, part) for part in name.split())} {n}"
            for name, n in small.items()
        )
        least = f"at least {MIN_CELL} are needed of each"
        return untestable(flag, f"too few complete participants ({words}), {least}")
    model = moderation_model(test, complete, design)
    return regression_evidence(
        model.outcome,
        model.regressors,
        alpha=alpha,
        permutations=permutations,
        rng=rng,
        blocks=model.blocks,
    )


def _crossed(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the product of two columns around their means, and the two columns."""
    (first, a), (second, b) = *one.items(), *other.items()
    product = (a - a.mean()) * (b - b.mean())
    return {f"{first} by {second}": product, **one, **other}


def _score(complete: pd.DataFrame, design: Design) -> tuple[tuple[str, Floats], dict[str, Floats]]:
    """Return the score of an association, and the score at baseline that is adjusted for."""
    instrument = design.instrument
    before, after = values(complete, "si_baseline"), values(complete, "si_followup")
    if design.within_drugs:
        return (f"the difference in {instrument} between the drugs", after - before), {}
    if "si_change" in score_columns(design):
        return (f"the change in {instrument}", values(complete, "si_change")), {}
    outcome = (f"{instrument} at {design.followup}", after)
    return outcome, {f"{instrument} at {design.baseline}": before}


def _cells(test: PlannedTest, complete: pd.DataFrame, design: Design) -> Iterator[tuple[str, int]]:
    """Yield the cells of a test with the number of their participants."""
    drugs, diagnoses = ("ketamine", "control"), (UNIPOLAR, BIPOLAR)
    if test.name in (DRUG_BY_CHANGE, DRUG_BY_BASELINE):
        yield from ((role, int((complete["arm"] == role).sum())) for role in drugs)
        return
    for diagnosis in diagnoses:
        own = complete[complete["diagnosis"] == diagnosis]
        if test.name == CHANGE_BY_DIAGNOSIS and design.between_arms:
            yield from ((f"{role} {diagnosis}", int((own["arm"] == role).sum())) for role in drugs)
        else:
            yield diagnosis, len(own)
