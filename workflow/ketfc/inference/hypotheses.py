"""Tests of the hypotheses: the table of every circuit and planned test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.core.evidence import ONE_SIDED, Evidence
from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.design.circuit_tests import Planned, planned_samples
from ketfc.inference.design.covariate_columns import (
    blocks_of,
    covariate_columns,
    singleton_flags,
)
from ketfc.inference.design.exchangeability import exchange_blocks, variance_groups
from ketfc.inference.design.fit import bayes_factor, described, evidence_of
from ketfc.inference.design.model import Model, model_of
from ketfc.inference.design.planned_tests import PlannedTest
from ketfc.inference.design.samples import SMALL_ARM
from ketfc.inference.families import (
    PRIMARY_ASSOCIATION,
    PRIMARY_CHANGE,
    SENSITIVITY,
    false_discovery_rate,
    family_of,
    holm,
    joint_test,
)
from ketfc.inference.holm_intervals import HolmInterval, agreeing, holm_levels
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

HYPOTHESIS_COLUMNS = (
    "hypothesis",
    "name",
    "test",
    "family",
    "primary",
    "strategy",
    "estimate",
    "ci_low",
    "ci_high",
    "ci_holm_low",
    "ci_holm_high",
    "ci_holm_level",
    "effect_size",
    "effect_size_ci_low",
    "effect_size_ci_high",
    "effect_size_type",
    "partial_r",
    "statistic",
    "df",
    "p_permutation",
    "p_parametric",
    "p_holm",
    "p_fwer",
    "p_fdr",
    "bf10",
    "bf10_type",
    "n",
    "n_excluded",
    "permutations",
    "flags",
)


@dataclass(frozen=True)
class Tested:
    """A planned test with its model, family and evidence.

    `holm` is the interval that belongs to the correction, None where nothing is corrected.
    """

    planned: Planned
    model: Model
    family: str
    evidence: Evidence
    holm: HolmInterval | None = None


def evaluate_hypotheses(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
    seed: int,
    permutations: int,
    alpha: float,
) -> tuple[pd.DataFrame, list[Tested]]:
    """Test whether each circuit changed, and whether it changed with suicidal ideation.

    One arm: mean change with sign flips. Two arms: follow-up compared at equal baseline (ANCOVA).
    Crossover: difference between the drugs within participants, adjusted for period. Association:
    the score at follow-up with the change in connectivity at equal baseline score (and arm), or
    change with change, by ranks (partial Spearman correlation). The interval of a change holds what
    the permutation test behind `p_permutation` does not reject (of a described one: what t does
    not), that of a correlation what its standard error (Bonett and Wright) does not; `statistic`,
    `df` and `p_parametric` are those of the t that was permuted, by ranks in an association, with a
    residual variance for each arm (or order, or diagnosis) where there are several.
    `p_holm` corrects `p_permutation` within the family and decides; `ci_holm_low` and
    `ci_holm_high` belong to it, the interval at the level at which Holm's procedure judged the test
    (it covers `ci_holm_level`), which leaves out 0 exactly where `p_holm` is not above `alpha`.
    `p_fwer` corrects by the largest |t| of the
    primary family under joint permutations of whole participants; it is two-sided for all, and
    never below `p_permutation`. `p_fdr` is for the secondary family and those of moderation and of
    baseline connectivity, each by itself (Benjamini and Hochberg). `bf10` is a Bayes factor of the
    kind `bf10_type`, two-sided (:func:`ketfc.inference.design.fit.bayes_factor`). `effect_size` is
    of the kind `effect_size_type`, with an interval that excludes 0 where that of the estimate
    does. Where the design's `terms` name covariates, the models of associations, arms and
    moderation hold them; where they name blocks, participants are exchanged within them.

    Parameters
    ----------
    connectivity, scores : pandas.DataFrame
        ``connectivity.tsv`` and ``plan/scores.tsv``, rows in any order.
    design : Design
        The study's design. Unless it says `preregistered`, every test is flagged
        ``exploratory``; those of moderation are always.
    circuits : iterable of Circuit
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
    hypotheses : pandas.DataFrame
        :data:`HYPOTHESIS_COLUMNS`, one row per circuit and planned test. What cannot be tested has
        a row too, without numbers but with flags. `primary` tells whether the hypothesis is
        primary, `family` whether the row is tested as such. Within an arm, `n_excluded` counts that
        arm's participants. Other definitions of a circuit have the tests over everybody alone, in
        the family ``sensitivity`` and without corrected p values.
    tested : list of Tested
        The tests behind the rows, in the same order: what sentences on them are made from.

    Raises
    ------
    ValueError
        If the tables contradict the design: see
        :func:`ketfc.inference.design.samples.participant_table`.
    """
    tested = [
        run_test(planned, seed=seed, permutations=permutations, alpha=alpha)
        for planned in planned_samples(connectivity, scores, design, circuits, strategy=strategy)
    ]
    return table_of_tests(
        tested, strategy=strategy, seed=seed, permutations=permutations, alpha=alpha
    )


def table_of_tests(
    tested: Sequence[Tested], *, strategy: str, seed: int, permutations: int, alpha: float
) -> tuple[pd.DataFrame, list[Tested]]:
    """Return tests as a table, corrected within their families.

    Parameters
    ----------
    tested : sequence of Tested
        From :func:`run_test`.
    strategy, seed, permutations, alpha
        As for :func:`evaluate_hypotheses`.

    Returns
    -------
    table : pandas.DataFrame
        :data:`HYPOTHESIS_COLUMNS`, a row per test.
    tested : list of Tested
        The same tests with the intervals that belong to the correction.
    """
    p_values = pd.Series(
        [np.nan if item.family == SENSITIVITY else item.evidence.p_permutation for item in tested],
        dtype=np.float64,
    )
    families = pd.Series([item.family for item in tested], dtype=object)
    corrected = holm(p_values, families)
    levels = holm_levels(p_values, families, alpha=alpha)
    tested = [
        with_holm_interval(item, level, p, seed=seed, permutations=permutations, alpha=alpha)
        for item, level, p in zip(tested, levels, corrected["p_holm"], strict=True)
    ]
    corrected["p_fwer"] = family_wise_p(tested, seed=seed, permutations=permutations)
    corrected["p_fdr"] = false_discovery_rate(p_values, families)
    rows = [
        _row(item, of_family, strategy=strategy)
        for item, of_family in zip(tested, corrected.to_dict("records"), strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(HYPOTHESIS_COLUMNS))
    # whole numbers that may be missing
    return frame.astype({"permutations": "Int64"}), tested


def run_test(planned: Planned, *, seed: int, permutations: int, alpha: float) -> Tested:
    """Run one planned test. Parameters are those of :func:`evaluate_hypotheses`."""
    circuit, test, design = planned.circuit, planned.test, planned.design
    complete = planned.sample.complete
    model = model_of(test, complete, design)
    if test.described_only:
        evidence = described(model, alpha=alpha)
    else:
        evidence = evidence_of(
            model,
            alpha=alpha,
            permutations=permutations,
            rng=_stream(planned, seed),
            direction=circuit.direction if test.kind == "change" else None,
        )
    family = family_of(
        kind=test.kind,
        primary=circuit.primary
        and not test.secondary
        and design.primary_question in ("both", test.kind),
        within_arm=test.arm is not None,
        variant=circuit.variant_of is not None,
    )
    flags = _flags(test, complete, evidence, design, alpha=alpha)
    return Tested(planned, model, family, replace(evidence, flags=flags))


def with_holm_interval(
    item: Tested, level: float, p_holm: float, *, seed: int, permutations: int, alpha: float
) -> Tested:
    """Add to a test the interval at the level at which Holm's procedure judged it.

    Parameters
    ----------
    item : Tested
        The test.
    level : float
        From :func:`ketfc.inference.holm_intervals.holm_levels`; NaN where nothing is corrected.
    p_holm : float
        Its p after Holm.
    seed, permutations, alpha
        As for :func:`evaluate_hypotheses`.

    Returns
    -------
    Tested
        With `holm`: of the same kind as the interval of the evidence, from the same arrangements.
        Of a one-sided test both ends are at `level`, so that the interval covers 1 − 2 · `level`.
        Flagged ``interval-moved`` where an end was set by the decision of the test.
    """
    if np.isnan(level):
        return item
    evidence, planned = item.evidence, item.planned
    covered = 2 * level if ONE_SIDED in evidence.flags else level
    wider = evidence
    if covered != alpha:
        wider = evidence_of(
            item.model, alpha=covered, permutations=permutations, rng=_stream(planned, seed)
        )
    interval = agreeing(
        wider.ci_low,
        wider.ci_high,
        level=covered,
        estimate=evidence.estimate,
        rejected=p_holm <= alpha,
    )
    if interval.moved:
        evidence = replace(evidence, flags=(*evidence.flags, "interval-moved"))
    return replace(item, evidence=evidence, holm=interval)


def _stream(planned: Planned, seed: int) -> np.random.Generator:
    """Return the random stream of one test."""
    return stream(seed, f"{planned.circuit.id}/{planned.test.name}")


def family_wise_p(tested: Sequence[Tested], *, seed: int, permutations: int) -> Floats:
    """Return the p of each test corrected by the largest t of its primary family, else NaN.

    `tested` are all tests of a study; `seed` and `permutations` as for :func:`evaluate_hypotheses`.
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
        samples = [tested[i].planned.sample.complete for i in members]
        models = [
            (list(map(str, sample.index)), tested[i].model)
            for i, sample in zip(members, samples, strict=True)
        ]
        # covariates are the same for all circuits
        everybody = pd.concat(samples)
        everybody = everybody[~everybody.index.duplicated()].sort_index()
        planned = tested[members[0]].planned
        about = (planned.test, everybody, planned.design)
        joint = joint_test(
            models,
            shared=covariate_columns(everybody, planned.test.adjusted),
            blocks=exchange_blocks(*about),
            variance_groups=variance_groups(*about),
            permutations=permutations,
            rng=stream(seed, f"max-t/{family}"),
        )
        alone = [tested[i].evidence.p_permutation for i in members]
        p[members] = np.maximum(joint.p_fwer, alone)
    return p


def _row(item: Tested, of_family: Mapping[Any, Any], *, strategy: str) -> dict[str, Any]:
    """Return one row of the table."""
    planned, evidence = item.planned, item.evidence
    circuit = planned.circuit
    tested = np.isfinite(evidence.p_permutation)
    bf10, bf10_type = bayes_factor(item.model) if tested else (np.nan, None)
    return {
        "hypothesis": circuit.id,
        "name": circuit.name,
        "test": planned.test.name,
        "family": item.family,
        "primary": circuit.primary,
        "strategy": strategy,
        "estimate": evidence.estimate,
        "ci_low": evidence.ci_low,
        "ci_high": evidence.ci_high,
        "ci_holm_low": item.holm.low if item.holm else np.nan,
        "ci_holm_high": item.holm.high if item.holm else np.nan,
        "ci_holm_level": 1 - item.holm.level if item.holm else np.nan,
        "effect_size": evidence.effect_size,
        "effect_size_ci_low": evidence.effect_low,
        "effect_size_ci_high": evidence.effect_high,
        "effect_size_type": evidence.effect_size_type,
        "partial_r": evidence.partial_r,
        "statistic": evidence.statistic,
        "df": evidence.df,
        "p_permutation": evidence.p_permutation,
        "p_parametric": evidence.p_parametric,
        "p_holm": of_family["p_holm"],
        "p_fwer": of_family["p_fwer"],
        "p_fdr": of_family["p_fdr"],
        "bf10": bf10,
        "bf10_type": bf10_type,
        "n": len(planned.sample.complete),
        "n_excluded": len(planned.sample.left_out),
        "permutations": evidence.permutations,
        "flags": ";".join(evidence.flags) or None,
    }


def _flags(
    test: PlannedTest,
    complete: pd.DataFrame,
    evidence: Evidence,
    design: Design,
    *,
    alpha: float,
) -> tuple[str, ...]:
    """Return the flags of the evidence, of its sample and of its setting."""
    flags = list(evidence.flags)
    if "si_change" in test.needs:
        flags.append("no-baseline-score")
    if evidence.obstacle is not None:
        return tuple(flags)
    # it is what was not fixed beforehand; how small a sample is, the interval says
    if not design.preregistered or test.kind == "moderation":
        flags.append("exploratory")
    flags += singleton_flags(complete, test.adjusted, blocks_of(test.adjusted, design))
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
