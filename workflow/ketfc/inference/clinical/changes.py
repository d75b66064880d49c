"""Models of the scores: the same as those of connectivity, with scores in its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ketfc.inference.design.model import BEFORE, Model, model_over
from ketfc.inference.design.planned_tests import PlannedTest, adjusted_for
from ketfc.inference.design.samples import covariate_values
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design
from ketfc.study.scores.long_scores import CHANGE

BETWEEN_ARMS, BETWEEN_DRUGS, WITHIN_ARM = "between arms", "between drugs", "within arm"
"""Contrasts. Those of the first two are of treatments; the third is none of an effect."""

CHANGE_SD = "difference / pooled SD of change (Hedges g)"
"""Difference in mean changes, in standard deviations of the change pooled within arms."""


@dataclass(frozen=True)
class Score:
    """A score of the study: its scale, instrument and item."""

    scale: str
    instrument: str
    item: str


def people_of(design: Design) -> pd.DataFrame:
    """Return everybody whose scores are compared, with what their models need.

    Returns
    -------
    pandas.DataFrame
        Indexed by participant, sorted, without healthy controls: `arm` (role or None), `sequence`
        (order of the drugs of a crossover or None) and `covariate_NAME` of the terms.
    """
    arms = design.in_contrasts()
    people = pd.Index(sorted(arms), dtype=object, name="participant_id")
    table = pd.DataFrame(
        {
            "arm": pd.Series([arms[who] for who in people], index=people, dtype=object),
            "sequence": pd.Series(
                [design.sequences.get(who) for who in people], index=people, dtype=object
            ),
        }
    )
    for name in design.terms.values:
        table[f"covariate_{name}"] = covariate_values(design, name, people)
    return table


def with_scores(
    people: pd.DataFrame, scores: pd.DataFrame, score: Score, reference: str | None, role: str
) -> pd.DataFrame:
    """Add the scores of two roles, or of a change.

    Parameters
    ----------
    people : pandas.DataFrame
        From :func:`people_of`.
    scores : pandas.DataFrame
        ``plan/scores.tsv``.
    score : Score
        Which score.
    reference, role : str
        The roles; without a reference, `role` is ``change``.

    Returns
    -------
    pandas.DataFrame
        With `baseline` and `followup`, NaN where missing; of changes `baseline` is 0.
    """
    own = scores[
        (scores["scale"] == score.scale)
        & (scores["instrument"] == score.instrument)
        & (scores["item"] == score.item)
    ]

    def at(name: str) -> pd.Series[float]:
        rows = own[own["role"] == name].set_index("participant_id")["score"].astype(np.float64)
        return rows.reindex(people.index)

    before = pd.Series(0.0, index=people.index) if reference is None else at(reference)
    return people.assign(baseline=before, followup=at(role))


def hours_of(role: str, cells: pd.DataFrame, design: Design) -> float:
    """Return the hours since the dose at which a role was scored.

    Parameters
    ----------
    role : str
        The role.
    cells : pandas.DataFrame
        Its rows of ``plan/scores.tsv``.
    design : Design
        The study's design.

    Returns
    -------
    float
        The median over participants, for want of it the time of the role's scans, else NaN.
    """
    known = cells["hours"].astype(np.float64).dropna()
    if len(known):
        return float(known.median())
    return float(design.hours_since_dose.get(role, np.nan))


def change_test(design: Design, arm: str | None = None) -> PlannedTest:
    """Return the test of a change in scores, over everybody or within an arm."""
    adjusted = adjusted_for(design, change=True) if arm is None else ()
    return PlannedTest("change", "change", arm, ("baseline", "followup"), adjusted=adjusted)


def complete_of(table: pd.DataFrame, test: PlannedTest, design: Design) -> pd.DataFrame:
    """Return those who have all that a test of their scores needs."""
    rows = table if test.arm is None else table[table["arm"] == test.arm]
    needs: Iterable[str] = test.required
    if test.arm is None and design.group_column:
        needs = (*needs, design.group_column)
    rows = rows.dropna(subset=list(needs))
    return with_both_drugs(rows) if design.within_drugs and test.arm is None else rows


def with_both_drugs(table: pd.DataFrame) -> pd.DataFrame:
    """Return those who had both drugs: who had one alone has no difference between two."""
    return table[table["sequence"].isin([KETAMINE_FIRST, CONTROL_FIRST])]


def score_model(
    test: PlannedTest, complete: pd.DataFrame, score: Score, role: str, design: Design
) -> Model:
    """Return the model of a change in scores.

    Parameters
    ----------
    test : PlannedTest
        From :func:`change_test`.
    complete : pandas.DataFrame
        From :func:`complete_of`.
    score : Score
        Which score.
    role : str
        ``change`` where only changes are known.
    design : Design
        The design as the test sees it.

    Returns
    -------
    Model
        As :func:`ketfc.inference.design.model.model_over` gives it for connectivity, with the
        scores in its place. Where only changes are known, arms differ in mean change, at whatever
        baseline.
    """
    before, after = (complete[name].to_numpy(dtype=np.float64) for name in ("baseline", "followup"))
    model = model_over(test, complete, before, after, design)
    name = f"{score.instrument} at follow-up"
    if model.term is None or design.within_drugs:
        return replace(model, response=(f"the change in {score.instrument}", model.response[1]))
    nuisance = dict(model.nuisance)
    baseline = nuisance.pop(BEFORE, None)
    unit = model.unit
    if role == CHANGE:
        name, unit = f"the change in {score.instrument}", (CHANGE_SD, after)
    elif baseline is not None:
        nuisance = {f"{score.instrument} at baseline": baseline, **nuisance}
    return replace(model, response=(name, after), nuisance=nuisance, unit=unit)
