"""One planned test on its participants, and the corrected p of a primary family of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.core.evidence import ONE_SIDED, Evidence, untestable
from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.design.association import association
from ketfc.inference.design.change import adjusted_difference, describe_change, mean_change
from ketfc.inference.design.crossover import crossover_evidence
from ketfc.inference.design.model import (
    SMALL_ARM,
    Model,
    blocks_of,
    model_of,
    small_sample,
    values,
)
from ketfc.inference.design.model_columns import block_codes, covariate_columns, lone_flags
from ketfc.inference.design.moderation import (
    moderation_evidence,
    moderation_model,
)
from ketfc.inference.design.planned import Planned
from ketfc.inference.design.samples import PlannedTest
from ketfc.inference.families import (
    PRIMARY_ASSOCIATION,
    PRIMARY_CHANGE,
    family_of,
    joint_test,
)
from ketfc.study.design.design import Design

EXPLORATORY_BELOW = 40
"""Samples smaller than this are labelled exploratory, unless the hypotheses were preregistered."""


@dataclass(frozen=True)
class Tested:
    """A planned test, the family it belongs to and what it found."""

    planned: Planned
    family: str
    evidence: Evidence


def tested_plan(planned: Planned, *, seed: int, permutations: int, alpha: float) -> Tested:
    """Run one planned test.

    Parameters
    ----------
    planned : Planned
        The test and its participants.
    seed, permutations, alpha
        As for :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.
    """
    circuit, test, complete = planned.circuit, planned.test, planned.sample.complete
    evidence = _evidence(
        test,
        complete,
        planned.design,
        alpha=alpha,
        permutations=permutations,
        rng=stream(seed, f"{circuit.id}/{test.name}"),
        direction=circuit.direction,
    )
    flags = _flags(test, complete, evidence, planned.design, alpha=alpha)
    family = family_of(
        kind=test.kind,
        primary=circuit.primary and not test.secondary,
        within_arm=test.arm is not None,
        variant=circuit.variant_of is not None,
    )
    return Tested(planned, family, replace(evidence, flags=flags))


def family_wise(tested: Sequence[Tested], *, seed: int, permutations: int) -> Floats:
    """Return the p of each test corrected by the largest t of its primary family, else NaN.

    Parameters
    ----------
    tested : sequence of Tested
        All tests of a study.
    seed, permutations
        As for :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.
    """
    p = np.full(len(tested), np.nan)
    for family in (PRIMARY_CHANGE, PRIMARY_ASSOCIATION):
        members = [
            i
            for i, item in enumerate(tested)
            if item.family == family and item.evidence.obstacle is None
        ]
        if not members:
            continue
        plans = [tested[i].planned for i in members]
        people = [list(map(str, plan.sample.complete.index)) for plan in plans]
        models = [(own, model_behind(plan)) for own, plan in zip(people, plans, strict=True)]
        # covariates are the same for all circuits
        everybody = pd.concat([plan.sample.complete for plan in plans])
        everybody = everybody[~everybody.index.duplicated()].sort_index()
        test, design = plans[0].test, plans[0].design
        joint = joint_test(
            models,
            shared=covariate_columns(everybody, test.adjusted),
            blocks=block_codes(everybody, blocks_of(test, design)),
            permutations=permutations,
            rng=stream(seed, f"max-t/{family}"),
        )
        alone = [tested[i].evidence.p_permutation for i in members]
        p[members] = np.maximum(joint.p_fwer, alone)
    return p


def model_behind(planned: Planned) -> Model:
    """Return the model of a planned test."""
    made = moderation_model if planned.test.kind == "moderation" else model_of
    return made(planned.test, planned.sample.complete, planned.design)


def _evidence(
    test: PlannedTest,
    complete: pd.DataFrame,
    design: Design,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    direction: str | None,
) -> Evidence:
    """Run one planned test on its complete participants."""
    if test.kind == "association" and not design.si:
        return untestable("no-scores", "the study has no SI score")
    baseline, followup = values(complete, "z_baseline"), values(complete, "z_followup")
    if test.kind == "change" and test.arm is not None:
        return describe_change(baseline, followup, alpha=alpha)
    if test.kind == "moderation":
        draws: dict[str, Any] = {"alpha": alpha, "permutations": permutations, "rng": rng}
        return moderation_evidence(test, complete, design, **draws)
    compares_arms = design.between_arms and test.arm is None
    treated = np.asarray(complete["arm"] == "ketamine", dtype=np.float64) if compares_arms else None
    obstacle = small_sample(test, complete, design)
    if obstacle is not None:
        return obstacle
    given: dict[str, Any] = {
        "covariates": covariate_columns(complete, test.adjusted),
        "blocks": block_codes(complete, blocks_of(test, design)),
    }
    if design.within_drugs:
        return crossover_evidence(
            complete,
            design.instrument if test.kind == "association" else None,
            **given,
            alpha=alpha,
            permutations=permutations,
            rng=rng,
            direction=direction,
        )
    if test.kind == "association":
        instrument = design.instrument
        if "si_change" in test.needs:
            score = (f"the change in {instrument}", values(complete, "si_change"))
            before = None
        else:
            score = (f"{instrument} at {design.followup}", values(complete, "si_followup"))
            before = (f"{instrument} at {design.baseline}", values(complete, "si_baseline"))
        return association(
            followup - baseline,
            score,
            baseline_score=before,
            treated=treated,
            **given,
            alpha=alpha,
            permutations=permutations,
            rng=rng,
        )
    if treated is not None:
        return adjusted_difference(
            baseline,
            followup,
            treated,
            **given,
            alpha=alpha,
            permutations=permutations,
            rng=rng,
            direction=direction,
        )
    return mean_change(
        baseline, followup, alpha=alpha, permutations=permutations, rng=rng, direction=direction
    )


def _flags(
    test: PlannedTest,
    complete: pd.DataFrame,
    evidence: Evidence,
    design: Design,
    *,
    alpha: float,
) -> tuple[str, ...]:
    """Return the flags of the evidence and those that its sample and setting call for."""
    flags = list(evidence.flags)
    if "si_change" in test.needs:
        flags.append("no-baseline-score")
    if evidence.obstacle is not None:
        return tuple(flags)
    small = len(complete) < EXPLORATORY_BELOW and not design.preregistered
    if small or test.kind == "moderation":
        flags.append("exploratory")
    flags += lone_flags(complete, test.adjusted, blocks_of(test, design))
    of = design.group_column
    if of is not None and complete[of].value_counts().min() < SMALL_ARM:
        flags.append("small-arm" if of == "arm" else "small-order")
    if ONE_SIDED in flags:
        # a two-sided interval does not answer the question of a one-sided test
        return tuple(flags)
    excludes_zero = evidence.ci_low > 0 or evidence.ci_high < 0
    if np.isfinite([evidence.p_permutation, evidence.ci_low]).all() and excludes_zero != (
        evidence.p_permutation <= alpha
    ):
        flags.append("interval-disagrees")
    return tuple(flags)
