"""Rows of ``clinical/effects.tsv`` on response and remission, between arms or drugs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ketfc.inference.clinical.changes import (
    BETWEEN_ARMS,
    BETWEEN_DRUGS,
    Score,
    with_both_drugs,
)
from ketfc.inference.clinical.parts import SMALL_CELL, Change, Part
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
from ketfc.inference.design.samples import SMALL_ARM

FISHER, MCNEMAR = "Fisher's exact", "McNemar's exact"


def share_rows(part: Part, change: Change) -> Iterator[dict[str, Any]]:
    """Yield the comparisons of two arms, or of two drugs, in response and remission."""
    if change.reference is None:
        return
    if part.design.between_arms:
        own = _outcomes(part, change.score, change.reference, change.role)
        for outcome in ("response", "remission"):
            for row in _arm_shares(part, outcome, own[outcome], change.table["arm"].dropna()):
                yield row | {"n_missing": len(change.table) - row["n"]}
    before = part.design.pre
    if change.between_drugs(part.design) and before is not None:
        people = with_both_drugs(change.table).index
        control, treated = (
            _outcomes(part, change.score, before, role).reindex(people)
            for role in (change.reference, change.role)
        )
        for outcome in ("response", "remission"):
            for row in _drug_shares(part, outcome, treated[outcome], control[outcome]):
                yield row | {"n_missing": len(change.table) - row["n"]}


def _outcomes(part: Part, score: Score, reference: str, role: str) -> pd.DataFrame:
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
    part: Part, outcome: str, own: pd.Series[str], arms: pd.Series[str]
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
    part: Part, outcome: str, treated: pd.Series[str], control: pd.Series[str]
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
