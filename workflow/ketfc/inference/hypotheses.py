"""Every hypothesis put to every test that the design calls for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.association import association
from ketfc.inference.change import adjusted_difference, describe_change, mean_change
from ketfc.inference.covariates import block_codes, covariate_columns, lone_flags
from ketfc.inference.crossover import crossover_evidence
from ketfc.inference.evidence import ONE_SIDED, Evidence, untestable
from ketfc.inference.families import (
    MODERATION,
    PRIMARY_ASSOCIATION,
    PRIMARY_CHANGE,
    SECONDARY,
    SENSITIVITY,
    false_discovery_rate,
    family_of,
    holm,
    joint_test,
)
from ketfc.inference.models import (
    SMALL_ARM,
    Model,
    bayes_factor,
    blocks_of,
    model_of,
    small_sample,
    values,
)
from ketfc.inference.moderation import (
    moderation_evidence,
    moderation_model,
    moderation_verdict,
)
from ketfc.inference.permutation import Floats, stream
from ketfc.inference.planned import CircuitLike, Planned, planned_samples
from ketfc.inference.samples import PlannedTest, instrument_of
from ketfc.inference.verdicts import Setting, one_sided_words, verdict

HYPOTHESIS_COLUMNS = (
    "hypothesis",
    "name",
    "test",
    "family",
    "primary",
    "strategy",
    "estimand",
    "estimate",
    "ci_low",
    "ci_high",
    "effect_size",
    "effect_size_type",
    "statistic",
    "df",
    "p_permutation",
    "p_parametric",
    "p_holm",
    "p_fwer",
    "p_fdr",
    "bf10",
    "n",
    "n_excluded",
    "permutations",
    "flags",
    "verdict",
)
EXPLORATORY_BELOW = 40
"""Samples smaller than this are labelled exploratory, unless the hypotheses were preregistered."""


@dataclass(frozen=True)
class Tested:
    """A planned test, the family it belongs to and what it found."""

    planned: Planned
    family: str
    evidence: Evidence


def test_hypotheses(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Mapping[str, Any],
    circuits: Iterable[CircuitLike],
    *,
    strategy: str,
    seed: int,
    permutations: int,
    alpha: float,
) -> pd.DataFrame:
    """Test whether each circuit changed, and whether it changed with suicidal ideation.

    One arm: mean change with sign flips. Two arms: follow-up compared at equal baseline (ANCOVA).
    Crossover: difference between the drugs within participants, adjusted for period. Association:
    the score at follow-up with the change in connectivity at equal baseline score (and arm), or
    change with change, by ranks (partial Spearman correlation). The interval of a change holds what
    the permutation test behind `p_permutation` does not reject (of a described one: what t does
    not), that of a correlation what its standard error (Bonett and Wright) does not; `statistic`,
    `df` and `p_parametric` are those of t, of HC3 in an ANCOVA, of t of ranks in an association.
    `p_holm` corrects `p_permutation` within the family. `p_fwer` does so by the largest |t| of the
    primary family under joint permutations of whole participants; it is two-sided for all, and
    never below `p_permutation`. `p_fdr` is for the secondary family and that of moderation, each by
    itself (Benjamini and Hochberg). `bf10` is the JZS Bayes factor, or Jeffreys' of a partial
    correlation (of ranks), two-sided. Where the design's `terms` name covariates, the models of
    associations, arms and moderation hold them; where they name blocks, participants are exchanged
    within them.

    Parameters
    ----------
    connectivity, scores : pandas.DataFrame
        ``connectivity.tsv`` and ``plan/scores.tsv``, rows in any order.
    design : mapping
        Content of ``plan/design.json``. Where it says `preregistered`, no sample is flagged
        ``exploratory`` for its size.
    circuits : iterable of CircuitLike
        The hypotheses, in the order of the table.
    strategy : str
        Denoising strategy to test.
    seed : int
        The study's seed; each test has its own stream by its name, the same for all strategies.
    permutations : int
        Random arrangements per test; all of them are used where there are no more.
    alpha : float
        Level of the tests; intervals cover 1 − `alpha`.

    Returns
    -------
    pandas.DataFrame
        :data:`HYPOTHESIS_COLUMNS`, one row per circuit and planned test. What cannot be tested has
        a row too, without numbers but with flags and the reason as its verdict. `primary` tells
        whether the hypothesis is primary, `family` whether the row is tested as such. Within an
        arm, `n_excluded` counts that arm's participants. Other definitions of a circuit have the
        tests over everybody alone, in the family ``sensitivity`` and without corrected p values.

    Raises
    ------
    ValueError
        If the tables contradict the design: see :func:`ketfc.inference.samples.participant_table`.
    """
    tested = [
        tested_plan(planned, seed=seed, permutations=permutations, alpha=alpha)
        for planned in planned_samples(connectivity, scores, design, circuits, strategy=strategy)
    ]
    p_values = pd.Series(
        [np.nan if item.family == SENSITIVITY else item.evidence.p_permutation for item in tested],
        dtype=np.float64,
    )
    families = pd.Series([item.family for item in tested], dtype=object)
    corrected = holm(p_values, families)
    corrected["p_fwer"] = family_wise(tested, seed=seed, permutations=permutations)
    corrected["p_fdr"] = false_discovery_rate(p_values, families)
    rows = [
        _row(item, of_family, strategy=strategy, alpha=alpha)
        for item, of_family in zip(tested, corrected.to_dict("records"), strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(HYPOTHESIS_COLUMNS))
    # whole numbers that may be missing
    return frame.astype({"permutations": "Int64"})


def tested_plan(planned: Planned, *, seed: int, permutations: int, alpha: float) -> Tested:
    """Run one planned test.

    Parameters
    ----------
    planned : Planned
        The test and its participants.
    seed, permutations, alpha
        As for :func:`test_hypotheses`.
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
        As for :func:`test_hypotheses`.
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
        models = [(list(map(str, plan.sample.complete.index)), _model(plan)) for plan in plans]
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


def _model(planned: Planned) -> Model:
    made = moderation_model if planned.test.kind == "moderation" else model_of
    return made(planned.test, planned.sample.complete, planned.design)


def _evidence(
    test: PlannedTest,
    complete: pd.DataFrame,
    design: Mapping[str, Any],
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    direction: str | None,
) -> Evidence:
    """Run one planned test on its complete participants."""
    if test.kind == "association" and not design["si"]:
        return untestable("no-scores", "the study has no SI score")
    baseline, followup = values(complete, "z_baseline"), values(complete, "z_followup")
    if test.kind == "change" and test.arm is not None:
        return describe_change(baseline, followup, alpha=alpha)
    if test.kind == "moderation":
        draws: dict[str, Any] = {"alpha": alpha, "permutations": permutations, "rng": rng}
        return moderation_evidence(test, complete, design, **draws)
    compares_arms = design["kind"] == "parallel" and test.arm is None
    treated = np.asarray(complete["arm"] == "ketamine", dtype=np.float64) if compares_arms else None
    hindrance = small_sample(test, complete, design)
    if hindrance is not None:
        return hindrance
    given: dict[str, Any] = {
        "covariates": covariate_columns(complete, test.adjusted),
        "blocks": block_codes(complete, blocks_of(test, design)),
    }
    if design["kind"] == "crossover":
        return crossover_evidence(
            complete,
            instrument_of(design) if test.kind == "association" else None,
            **given,
            alpha=alpha,
            permutations=permutations,
            rng=rng,
            direction=direction,
        )
    if test.kind == "association":
        instrument = instrument_of(design)
        if "si_change" in test.needs:
            score = (f"the change in {instrument}", values(complete, "si_change"))
            before = None
        else:
            score = (f"{instrument} at {design['followup']}", values(complete, "si_followup"))
            before = (f"{instrument} at {design['baseline']}", values(complete, "si_baseline"))
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
    design: Mapping[str, Any],
    *,
    alpha: float,
) -> tuple[str, ...]:
    """Return the flags of the evidence and those that its sample and setting call for."""
    flags = list(evidence.flags)
    if "si_change" in test.needs:
        flags.append("no-baseline-score")
    if evidence.obstacle is not None:
        return tuple(flags)
    small = len(complete) < EXPLORATORY_BELOW and not design.get("preregistered")
    if small or test.kind == "moderation":
        flags.append("exploratory")
    flags += lone_flags(complete, test.adjusted, blocks_of(test, design))
    of = {"parallel": "arm", "crossover": "sequence"}.get(design["kind"])
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


def _row(
    item: Tested,
    of_family: Mapping[Any, Any],
    *,
    strategy: str,
    alpha: float,
) -> dict[str, Any]:
    """Return one row of the table."""
    planned, evidence = item.planned, item.evidence
    circuit, test, design = planned.circuit, planned.test, planned.design
    n = len(planned.sample.complete)
    tested = np.isfinite(evidence.p_permutation)
    arms = design["arms"]
    parallel = design["kind"] == "parallel"
    setting = Setting(
        circuit=circuit.name,
        expected_sign=circuit.expected_sign,
        kind=test.kind,
        arms=(arms["ketamine"], arms["control"]) if parallel else None,
        within=arms[test.arm] if test.arm else None,
        drugs=tuple(design["drugs"].values()) if design["kind"] == "crossover" else None,
        baseline=design["baseline"],
        followup=design["followup"],
        instrument=instrument_of(design),
        rank=item.family if item.family in (SECONDARY, SENSITIVITY) else "primary",
        adjusted=test.adjusted,
        change_score="si_change" in test.needs,
        alpha=alpha,
        one_sided=(circuit.direction, circuit.registration)
        if ONE_SIDED in evidence.flags
        else None,
    )
    estimand = test.estimand
    if setting.one_sided is not None:
        estimand = f"{estimand} {one_sided_words(setting)}"
    corrected = {"n": n, "p_holm": of_family["p_holm"], "tests": of_family["tests"]}
    said = (
        moderation_verdict(evidence, test, design, circuit=circuit.name, alpha=alpha, **corrected)
        if item.family == MODERATION
        else verdict(evidence, setting, **corrected)
    )
    return {
        "hypothesis": circuit.id,
        "name": circuit.name,
        "test": test.name,
        "family": item.family,
        "primary": circuit.primary,
        "strategy": strategy,
        "estimand": estimand,
        "estimate": evidence.estimate,
        "ci_low": evidence.ci_low,
        "ci_high": evidence.ci_high,
        "effect_size": evidence.effect_size,
        "effect_size_type": evidence.effect_size_type,
        "statistic": evidence.statistic,
        "df": evidence.df,
        "p_permutation": evidence.p_permutation,
        "p_parametric": evidence.p_parametric,
        "p_holm": of_family["p_holm"],
        "p_fwer": of_family["p_fwer"],
        "p_fdr": of_family["p_fdr"],
        "bf10": bayes_factor(_model(planned)) if tested else np.nan,
        "n": n,
        "n_excluded": len(planned.sample.left_out),
        "permutations": evidence.permutations,
        "flags": ";".join(evidence.flags) or None,
        "verdict": said,
    }
