"""Effects on the scores, between arms and within them: ``clinical/effects.tsv``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.clinical.changes import (
    BETWEEN_ARMS,
    BETWEEN_DRUGS,
    WITHIN_ARM,
    change_test,
    complete_of,
    people_of,
    score_model,
    with_both_drugs,
)
from ketfc.inference.clinical.parts import SMALL_CELL, Change, Part, changes_of, named, parts_of
from ketfc.inference.clinical.shares import share_rows
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.design.exchangeability import exchange_blocks, variance_groups
from ketfc.inference.design.fit import described
from ketfc.inference.design.model import Model
from ketfc.inference.design.planned_tests import PlannedTest
from ketfc.inference.design.samples import SMALL_ARM
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design
from ketfc.study.scores.long_scores import LESS_SI_ITEM, TOTAL

EFFECT_COLUMNS = (
    "by",
    "level",
    "scale",
    "instrument",
    "item",
    "reference",
    "role",
    "hours",
    "contrast",
    "arm",
    "outcome",
    "effect",
    "estimate",
    "ci_low",
    "ci_high",
    "effect_size",
    "effect_size_ci_low",
    "effect_size_ci_high",
    "effect_size_type",
    "statistic",
    "df",
    "p",
    "p_method",
    "n",
    "n_missing",
    "n_ketamine",
    "n_control",
    "events_ketamine",
    "events_control",
    "only_ketamine",
    "only_control",
    "flags",
)

COUNTS = (
    *("n", "n_missing", "n_ketamine", "n_control", "events_ketamine", "events_control"),
    *("only_ketamine", "only_control"),
)
"""Columns of whole numbers that may be missing."""

NUMBERS = (
    "hours",
    "estimate",
    "ci_low",
    "ci_high",
    "effect_size",
    "effect_size_ci_low",
    "effect_size_ci_high",
    "statistic",
    "df",
    "p",
    *COUNTS,
)
"""All columns of numbers."""

ADJUSTED = "difference at equal baseline"
UNADJUSTED = "difference in mean change"
DRUGS = "mean difference between the drugs"
WITHIN = "mean change"
RHO = "partial Spearman correlation"

BETWEEN_SCALES = "between scales"
"""Contrast of the correlation of two changes."""

PERMUTATION = "permutation"


def clinical_effects(
    scores: pd.DataFrame,
    course: pd.DataFrame,
    participants: pd.DataFrame,
    design: Design,
    *,
    seed: int,
    permutations: int,
    alpha: float,
) -> pd.DataFrame:
    """Estimate what happened to the scores, whoever has images or not.

    Parameters
    ----------
    scores, participants : pandas.DataFrame
        ``plan/scores.tsv`` and ``plan/participants.tsv``.
    course : pandas.DataFrame
        ``clinical/scores.tsv``.
    design : Design
        The study's design.
    seed, permutations, alpha
        As for :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.

    Returns
    -------
    pandas.DataFrame
        :data:`EFFECT_COLUMNS`. By score and pair of roles: with two arms the difference between
        them (ANCOVA as for connectivity: the same model, permutations and variances; in mean change
        where only changes are known), and of response and remission the comparisons of
        :func:`ketfc.inference.clinical.responses.share_effects`; in a crossover the difference
        between the drugs within participants and, where there was a session before both, its
        response and remission after each
        (:func:`ketfc.inference.clinical.responses.matched_effects`); and the change within each
        arm, which is of no treatment and tested only where there is no other arm. By pair of roles,
        the correlation of the change in ideation with that in depression, by ranks within arms. All
        over everybody (patients, where there are healthy controls), then by stratum of baseline
        ideation, where arms of fewer than five are flagged ``small-cell`` and not compared.
        `n_…` and `events_…` count those compared; `n_missing` are all others of the part, or of the
        arm: they lack a score, a covariate, an arm or the second drug.
    """
    people = people_of(design)
    about: dict[str, Any] = {
        "design": design,
        "seed": seed,
        "permutations": permutations,
        "alpha": alpha,
    }
    rows: list[dict[str, Any]] = []
    for by, level, own in parts_of(participants, people):
        mine = course[course["participant_id"].isin(own.index)]
        part = Part(by, level, own, scores, mine, **about)
        for change in changes_of(part):
            name = named(part, change)
            rows += [name | row for row in _score_rows(part, change)]
            rows += [name | row for row in share_rows(part, change)]
        rows += _correlations(part)
    table = pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))
    kinds: dict[str, Any] = dict.fromkeys(NUMBERS, np.float64) | dict.fromkeys(COUNTS, "Int64")
    return table.astype(kinds)


def _score_rows(part: Part, change: Change) -> Iterator[dict[str, Any]]:
    """Yield the effects on a score itself: between treatments, and within arms."""
    design, table = part.design, change.table
    drugs = change.between_drugs(design)
    if design.between_arms or drugs:
        test = change_test(design)
        complete = complete_of(table, test, design)
        effect = DRUGS if drugs else UNADJUSTED if change.reference is None else ADJUSTED
        row = {
            "contrast": BETWEEN_DRUGS if drugs else BETWEEN_ARMS,
            "outcome": "score",
            "effect": effect,
            **_sizes(complete, design),
            "n_missing": len(table) - len(complete),
        }
        if part.in_strata and _smallest(complete, design) < SMALL_ARM:
            yield row | {"flags": SMALL_CELL}
        else:
            model = score_model(test, complete, change.score, change.role, design)
            yield row | _numbers(part.tested(model, *change.name), change)
    if drugs:
        return
    for arm in ("ketamine", "control") if design.between_arms else (None,):
        yield _within(part, change, arm)


def _within(part: Part, change: Change, arm: str | None) -> dict[str, Any]:
    """Return the change within an arm, or where there is but one, with its test."""
    # whoever had both drugs is one group here, whichever came first
    design = part.design
    planned = change.table if arm is None else change.table[change.table["arm"] == arm]
    known = planned.dropna(subset=["baseline", "followup"])
    model = Model(
        (
            f"the change in {change.score.instrument}",
            (known["followup"] - known["baseline"]).to_numpy(dtype=np.float64),
        )
    )
    row = {
        "contrast": WITHIN_ARM,
        "arm": design.arms[arm] if arm else "all",
        "outcome": "score",
        "effect": WITHIN,
        "n": len(known),
        "n_missing": len(planned) - len(known),
    }
    if arm is not None:
        return row | _numbers(described(model, alpha=part.alpha), change)
    return row | _numbers(part.tested(model, *change.name), change)


def _correlations(part: Part) -> Iterator[dict[str, Any]]:
    """Yield the correlation of the change in ideation with that in depression, pair by pair."""
    changes = list(changes_of(part))
    ideation = [one for one in changes if one.score.scale == "si" and one.score.item == TOTAL]
    for si in ideation:
        others = [
            one
            for one in changes
            if one.score.scale == "depression"
            and (one.reference, one.role) == (si.reference, si.role)
        ]
        # ideation is in the total: without its item, where that is known
        items = {one.score.item for one in others}
        for other in others:
            if LESS_SI_ITEM in items and other.score.item == TOTAL:
                continue
            yield named(part, si) | _correlation(part, si, other)


def _correlation(part: Part, si: Change, other: Change) -> dict[str, Any]:
    design = part.design
    drugs = si.between_drugs(design)
    both = si.table.assign(
        si=si.table["followup"] - si.table["baseline"],
        other=other.table["followup"] - other.table["baseline"],
    )
    needs = ["si", "other"] + (["sequence"] if drugs else ["arm"] if design.between_arms else [])
    complete = both.dropna(subset=needs)
    if drugs:
        complete = with_both_drugs(complete)
    given = {}
    if design.between_arms:
        given["arm"] = np.asarray(complete["arm"] == "ketamine", dtype=np.float64)
    elif drugs:
        first = complete["sequence"] == KETAMINE_FIRST
        given["the order of the drugs"] = np.asarray(first, dtype=np.float64)
    test = PlannedTest("association", "association", None, ("si", "other"))
    model = Model(
        (f"the change in {other.score.instrument}", complete["other"].to_numpy(dtype=np.float64)),
        (f"the change in {si.score.instrument}", complete["si"].to_numpy(dtype=np.float64)),
        given,
        by_ranks=True,
        blocks=exchange_blocks(test, complete, design) if given else None,
        variance_groups=variance_groups(test, complete, design) if given else None,
    )
    without = " without its suicide item" if other.score.item == LESS_SI_ITEM else ""
    row = {
        "contrast": BETWEEN_SCALES,
        "outcome": f"change with that in {other.score.instrument}{without}",
        "effect": RHO,
        "n": len(complete),
        "n_missing": len(both) - len(complete),
    }
    if part.in_strata and len(complete) < 2 * SMALL_ARM:
        return row | {"flags": SMALL_CELL}
    return row | _numbers(part.tested(model, *si.name, other.score.item), si)


def _sizes(complete: pd.DataFrame, design: Design) -> dict[str, int]:
    sizes = {"n": len(complete)}
    if design.between_arms:
        for role in ("ketamine", "control"):
            sizes[f"n_{role}"] = int((complete["arm"] == role).sum())
    return sizes


def _smallest(complete: pd.DataFrame, design: Design) -> int:
    """Return the size of the smaller arm, or of the smaller order of two drugs."""
    labels = ("ketamine", "control") if design.between_arms else (KETAMINE_FIRST, CONTROL_FIRST)
    column = complete[str(design.group_column)]
    return min(int((column == label).sum()) for label in labels)


def _numbers(evidence: Evidence, change: Change) -> dict[str, Any]:
    tested = bool(np.isfinite(evidence.p_permutation))
    flags = [*evidence.flags, *(["no-baseline-score"] if change.reference is None else [])]
    return {
        "estimate": evidence.estimate,
        "ci_low": evidence.ci_low,
        "ci_high": evidence.ci_high,
        "effect_size": evidence.effect_size,
        "effect_size_ci_low": evidence.effect_low,
        "effect_size_ci_high": evidence.effect_high,
        "effect_size_type": evidence.effect_size_type,
        "statistic": evidence.statistic,
        "df": evidence.df,
        "p": evidence.p_permutation,
        "p_method": PERMUTATION if tested else None,
        "flags": ";".join(flags) or None,
    }
