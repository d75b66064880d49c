"""Effects on the scores, between arms and within them: ``clinical/effects.tsv``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.clinical.changes import (
    BETWEEN_ARMS,
    BETWEEN_DRUGS,
    WITHIN_ARM,
    Score,
    change_test,
    complete_of,
    hours_of,
    people_of,
    score_model,
    with_scores,
)
from ketfc.inference.clinical.responses import (
    RISK_DIFFERENCE,
    Counts,
    Matched,
    ShareEffect,
    fisher_p,
    matched_effects,
    mcnemar_p,
    share_effects,
)
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.exchangeability import exchange_blocks, variance_groups
from ketfc.inference.design.fit import described, evidence_of
from ketfc.inference.design.model import Model
from ketfc.inference.design.planned_tests import PlannedTest
from ketfc.inference.design.samples import SMALL_ARM
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design
from ketfc.study.scores.long_scores import CHANGE, LESS_SI_ITEM, SI_ITEM, TOTAL
from ketfc.study.scores.response import compared_roles

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

SMALL_CELL = "small-cell"
"""Flag: an arm of the stratum has too few participants for a comparison."""

PERMUTATION, FISHER, MCNEMAR = "permutation", "Fisher's exact", "McNemar's exact"


@dataclass(frozen=True)
class _Part:
    """A part of the study: its scores, people and how they are tested."""

    by: str
    level: str
    people: pd.DataFrame
    scores: pd.DataFrame
    course: pd.DataFrame
    design: Design
    seed: int
    permutations: int
    alpha: float

    @property
    def in_strata(self) -> bool:
        """True for a stratum of the participants."""
        return self.by != "all"

    def tested(self, model: Model, *names: str) -> Evidence:
        """Test a model with the random stream of its name."""
        rng = stream(self.seed, "/".join(["clinical", self.by, self.level, *names]))
        return evidence_of(model, alpha=self.alpha, permutations=self.permutations, rng=rng)


@dataclass(frozen=True)
class _Change:
    """The change in a score from one role to another, in a part of the study."""

    score: Score
    reference: str | None
    role: str
    hours: float
    table: pd.DataFrame

    @property
    def name(self) -> tuple[str, ...]:
        """Names that tell it from other changes."""
        return self.score.scale, self.score.item, str(self.reference), self.role


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
        `n_missing` lack a score, `n_…` and `events_…` count those compared.
    """
    people = people_of(design)
    about: dict[str, Any] = {
        "design": design,
        "seed": seed,
        "permutations": permutations,
        "alpha": alpha,
    }
    rows: list[dict[str, Any]] = []
    for by, level, own in _parts(participants, people):
        mine = course[course["participant_id"].isin(own.index)]
        part = _Part(by, level, own, scores, mine, **about)
        for change in _changes(part):
            name = _named(part, change)
            rows += [name | row for row in _score_rows(part, change)]
            rows += [name | row for row in _share_rows(part, change)]
        rows += _correlations(part)
    table = pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))
    kinds: dict[str, Any] = dict.fromkeys(NUMBERS, np.float64) | dict.fromkeys(COUNTS, "Int64")
    return table.astype(kinds)


def _parts(
    participants: pd.DataFrame, people: pd.DataFrame
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    yield "all", "all", people
    if "si_stratum" in participants:
        strata = participants.set_index("participant_id")["si_stratum"].reindex(people.index)
        for level in sorted(set(strata.dropna())):
            yield "si_stratum", str(level), people[strata == level]


def _changes(part: _Part) -> Iterator[_Change]:
    """Yield the changes of every score, in the order of the scores and roles."""
    keys = ["scale", "instrument", "item"]
    for key, own in part.scores.groupby(keys, sort=True):
        score = Score(*map(str, key))
        if score.item == SI_ITEM:
            continue
        there = set(own.loc[own["score"].notna(), "role"])
        pairs: list[tuple[str | None, str]] = [
            pair for pair in compared_roles(part.design) if {*pair} <= there
        ]
        pairs += [(None, CHANGE)] if CHANGE in there else []
        for reference, role in pairs:
            table = with_scores(part.people, part.scores, score, reference, role)
            hours = hours_of(role, own[own["role"] == role], part.design)
            yield _Change(score, reference, role, hours, table)


def _named(part: _Part, change: _Change) -> dict[str, Any]:
    score = change.score
    return {
        "by": part.by,
        "level": part.level,
        "scale": score.scale,
        "instrument": score.instrument,
        "item": score.item,
        "reference": change.reference,
        "role": change.role,
        "hours": change.hours,
    }


def _score_rows(part: _Part, change: _Change) -> Iterator[dict[str, Any]]:
    """Yield the effects on a score itself: between treatments, and within arms."""
    design, table = part.design, change.table
    drugs = design.within_drugs and (change.reference, change.role) in design.contrasts
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


def _within(part: _Part, change: _Change, arm: str | None) -> dict[str, Any]:
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


def _share_rows(part: _Part, change: _Change) -> Iterator[dict[str, Any]]:
    """Yield the comparisons of two arms, or of two drugs, in response and remission."""
    if change.reference is None:
        return
    if part.design.between_arms:
        own = _outcomes(part, change.score, change.reference, change.role)
        for outcome in ("response", "remission"):
            yield from _arm_shares(part, outcome, own[outcome], change.table["arm"].dropna())
    before = part.design.pre
    drugs = part.design.within_drugs and (change.reference, change.role) in part.design.contrasts
    if drugs and before is not None:
        both = change.table["sequence"].isin([KETAMINE_FIRST, CONTROL_FIRST])
        people = change.table.index[both]
        control, treated = (
            _outcomes(part, change.score, before, role).reindex(people)
            for role in (change.reference, change.role)
        )
        for outcome in ("response", "remission"):
            yield from _drug_shares(part, outcome, treated[outcome], control[outcome])


def _outcomes(part: _Part, score: Score, reference: str, role: str) -> pd.DataFrame:
    """Return response and remission (``yes``, ``no``) of who has both scores, by participant."""
    course = part.course
    own = course[
        (course["scale"] == score.scale)
        & (course["instrument"] == score.instrument)
        & (course["item"] == score.item)
        & (course["reference"] == reference)
        & (course["role"] == role)
        & course["change"].notna()
    ]
    return own.set_index("participant_id")[["response", "remission"]]


def _arm_shares(
    part: _Part, outcome: str, own: pd.Series[str], arms: pd.Series[str]
) -> Iterator[dict[str, Any]]:
    said = own.reindex(arms.index)
    if not said.notna().any():
        return
    known, arm = said.dropna(), arms[said.notna()]
    treated, control = (known[arm == name] == "yes" for name in ("ketamine", "control"))
    counts = Counts(int(treated.sum()), len(treated), int(control.sum()), len(control))
    row = {
        "contrast": BETWEEN_ARMS,
        "outcome": outcome,
        "n": len(known),
        "n_missing": len(said) - len(known),
        "n_ketamine": counts.of_treated,
        "n_control": counts.of_control,
        "events_ketamine": counts.treated,
        "events_control": counts.control,
    }
    smallest = min(counts.of_treated, counts.of_control)
    if smallest == 0 or (part.in_strata and smallest < SMALL_ARM):
        yield row | {"effect": RISK_DIFFERENCE, "flags": SMALL_CELL}
        return
    p = fisher_p(counts)
    for effect in share_effects(counts, alpha=part.alpha):
        yield row | _share(effect) | {"p": p, "p_method": FISHER}


def _drug_shares(
    part: _Part, outcome: str, treated: pd.Series[str], control: pd.Series[str]
) -> Iterator[dict[str, Any]]:
    known = treated.notna() & control.notna()
    if not known.any():
        return
    one, two = treated[known] == "yes", control[known] == "yes"
    counts = Matched(
        int((one & two).sum()),
        int((one & ~two).sum()),
        int((~one & two).sum()),
        int((~one & ~two).sum()),
    )
    row = {
        "contrast": BETWEEN_DRUGS,
        "outcome": outcome,
        "n": counts.n,
        "n_missing": len(treated) - counts.n,
        "n_ketamine": counts.n,
        "n_control": counts.n,
        "events_ketamine": counts.both + counts.treated_only,
        "events_control": counts.both + counts.control_only,
        "only_ketamine": counts.treated_only,
        "only_control": counts.control_only,
    }
    if part.in_strata and counts.n < SMALL_ARM:
        yield row | {"effect": RISK_DIFFERENCE, "flags": SMALL_CELL}
        return
    p = mcnemar_p(counts)
    for effect in matched_effects(counts, alpha=part.alpha):
        yield row | _share(effect) | {"p": p, "p_method": MCNEMAR}


def _share(effect: ShareEffect) -> dict[str, Any]:
    return {
        "effect": effect.kind,
        "estimate": effect.estimate,
        "ci_low": effect.ci_low,
        "ci_high": effect.ci_high,
        "flags": ";".join(effect.flags) or None,
    }


def _correlations(part: _Part) -> Iterator[dict[str, Any]]:
    """Yield the correlation of the change in ideation with that in depression, pair by pair."""
    changes = list(_changes(part))
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
            yield _named(part, si) | _correlation(part, si, other)


def _correlation(part: _Part, si: _Change, other: _Change) -> dict[str, Any]:
    design = part.design
    drugs = design.within_drugs and (si.reference, si.role) in design.contrasts
    both = si.table.assign(
        si=si.table["followup"] - si.table["baseline"],
        other=other.table["followup"] - other.table["baseline"],
    )
    needs = ["si", "other"] + (["sequence"] if drugs else ["arm"] if design.between_arms else [])
    complete = both.dropna(subset=needs)
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


def _numbers(evidence: Evidence, change: _Change) -> dict[str, Any]:
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
