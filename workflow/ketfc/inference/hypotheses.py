"""Every hypothesis put to every test that the design calls for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ketfc.inference.association import association
from ketfc.inference.change import adjusted_difference, describe_change, mean_change
from ketfc.inference.crossover import crossover_evidence
from ketfc.inference.evidence import ONE_SIDED, Evidence, untestable
from ketfc.inference.families import SECONDARY, SENSITIVITY, family_of, holm
from ketfc.inference.permutation import stream
from ketfc.inference.samples import (
    PlannedTest,
    Sample,
    instrument_of,
    participant_table,
    planned_tests,
    sample_of,
    seen_by,
)
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
    "n",
    "n_excluded",
    "permutations",
    "flags",
    "verdict",
)
EXPLORATORY_BELOW = 40
"""Samples smaller than this are labelled exploratory."""

MIN_ARM = 2
"""A smaller arm is fitted exactly by its own coefficient and says nothing of its spread."""

SMALL_ARM = 5
"""A smaller arm is flagged, and no association is tested within it."""


class CircuitLike(Protocol):
    """What the tests need to know of a circuit: a ``ketfc.imaging.registry.Circuit`` has it."""

    @property
    def id(self) -> str:
        """Identifier, as in connectivity.tsv."""

    @property
    def name(self) -> str:
        """Name in plain words."""

    @property
    def primary(self) -> bool:
        """Whether it is one of the primary hypotheses."""

    @property
    def expected_sign(self) -> str:
        """Expected direction of change: ``+``, ``-`` or ``?``."""

    @property
    def direction(self) -> str | None:
        """Preregistered direction of its change, ``+`` or ``-``: that test is one-sided."""

    @property
    def registration(self) -> str | None:
        """Where that can be read."""

    @property
    def variant_of(self) -> str | None:
        """The circuit that it is another definition of, for sensitivity alone."""


@dataclass(frozen=True)
class _Tested:
    circuit: CircuitLike
    test: PlannedTest
    design: Mapping[str, Any]
    family: str
    sample: Sample
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
    the score at follow-up on the change in connectivity at equal baseline score (and arm), or
    change on change. `statistic`, `df`, `p_parametric` and the interval belong together (t, or HC3
    in a regression); `p_holm` corrects `p_permutation` within the family.

    Parameters
    ----------
    connectivity, scores : pandas.DataFrame
        ``connectivity.tsv`` and ``plan/scores.tsv``, rows in any order.
    design : mapping
        Content of ``plan/design.json``.
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
        tests over everybody alone, in the family ``sensitivity`` and without `p_holm`.

    Raises
    ------
    ValueError
        If the tables contradict the design: see :func:`ketfc.inference.samples.participant_table`.
    """
    tested = []
    for circuit, test, seen, sample in _samples(connectivity, scores, design, circuits, strategy):
        rng = stream(seed, f"{circuit.id}/{test.name}")
        evidence = _evidence(
            test,
            sample.complete,
            seen,
            alpha=alpha,
            permutations=permutations,
            rng=rng,
            direction=circuit.direction,
        )
        flags = _flags(test, sample.complete, evidence, seen, alpha=alpha)
        evidence = replace(evidence, flags=flags)
        family = family_of(
            kind=test.kind,
            primary=circuit.primary and not test.secondary,
            within_arm=test.arm is not None,
            variant=circuit.variant_of is not None,
        )
        tested.append(_Tested(circuit, test, seen, family, sample, evidence))
    p_values = [
        np.nan if item.family == SENSITIVITY else item.evidence.p_permutation for item in tested
    ]
    corrected = holm(
        pd.Series(p_values, dtype=np.float64),
        pd.Series([item.family for item in tested], dtype=object),
    )
    rows = [
        _row(item, strategy=strategy, alpha=alpha, p_holm=float(p), tests=int(m))
        for item, p, m in zip(tested, corrected["p_holm"], corrected["tests"], strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(HYPOTHESIS_COLUMNS))
    # whole numbers that may be missing
    return frame.astype({"permutations": "Int64"})


def incomplete_participants(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Mapping[str, Any],
    circuits: Iterable[CircuitLike],
    *,
    strategy: str,
) -> pd.DataFrame:
    """List who was planned for a test and could not enter it.

    Parameters
    ----------
    connectivity, scores, design, circuits, strategy
        As for :func:`test_hypotheses`.

    Returns
    -------
    pandas.DataFrame
        Columns `participant_id`, `hypothesis`, `test` and `reason` (several joined by ``; ``):
        as many rows per hypothesis and test as its `n_excluded`.
    """
    rows = [
        (who, circuit.id, test.name, why)
        for circuit, test, _, sample in _samples(connectivity, scores, design, circuits, strategy)
        for who, why in sample.left_out.items()
    ]
    return pd.DataFrame(rows, columns=["participant_id", "hypothesis", "test", "reason"])


def _samples(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Mapping[str, Any],
    circuits: Iterable[CircuitLike],
    strategy: str,
) -> Iterator[tuple[CircuitLike, PlannedTest, Mapping[str, Any], Sample]]:
    """Yield every circuit and test with the design as the test sees it and who enters it."""
    for circuit in circuits:
        about = {"circuit": circuit.id, "strategy": strategy}
        primary = participant_table(connectivity, scores, design, **about)
        for test in planned_tests(design):
            # of another definition of a circuit, only the main tests over everybody
            if circuit.variant_of is not None and (test.arm is not None or test.secondary):
                continue
            table, seen = primary, design
            if test.secondary:
                measured, seen = seen_by(test, connectivity, design)
                table = participant_table(measured, scores, seen, **about)
            yield circuit, test, seen, sample_of(table, test, seen)


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
    baseline = complete["z_baseline"].to_numpy(dtype=np.float64)
    followup = complete["z_followup"].to_numpy(dtype=np.float64)
    if test.kind == "change" and test.arm is not None:
        return describe_change(baseline, followup, alpha=alpha)
    compares_arms = design["kind"] == "parallel" and test.arm is None
    treated = np.asarray(complete["arm"] == "ketamine", dtype=np.float64) if compares_arms else None
    hindrance = _small_sample(complete, treated, test, design)
    if hindrance is not None:
        return hindrance
    if design["kind"] == "crossover":
        return crossover_evidence(
            complete,
            instrument_of(design) if test.kind == "association" else None,
            alpha=alpha,
            permutations=permutations,
            rng=rng,
            direction=direction,
        )
    if test.kind == "association":
        instrument = instrument_of(design)
        if "si_change" in test.needs:
            score = (f"the change in {instrument}", _values(complete, "si_change"))
            before = None
        else:
            score = (f"{instrument} at {design['followup']}", _values(complete, "si_followup"))
            before = (f"{instrument} at {design['baseline']}", _values(complete, "si_baseline"))
        return association(
            followup - baseline,
            score,
            baseline_score=before,
            treated=treated,
            alpha=alpha,
            permutations=permutations,
            rng=rng,
        )
    if treated is not None:
        return adjusted_difference(
            baseline,
            followup,
            treated,
            alpha=alpha,
            permutations=permutations,
            rng=rng,
            direction=direction,
        )
    return mean_change(
        baseline, followup, alpha=alpha, permutations=permutations, rng=rng, direction=direction
    )


def _values(table: pd.DataFrame, column: str) -> np.ndarray:
    return table[column].to_numpy(dtype=np.float64)


def _small_sample(
    complete: pd.DataFrame,
    treated: np.ndarray | None,
    test: PlannedTest,
    design: Mapping[str, Any],
) -> Evidence | None:
    """Return what forbids a test because an arm or order is too small, if anything does."""
    n = len(complete)
    if test.arm is not None and n < SMALL_ARM:
        return untestable("too-few", f"{n} complete participants, at least {SMALL_ARM} are needed")
    if design["kind"] == "crossover":
        for role, drug in design["drugs"].items():
            size = int((complete["sequence"] == f"{role}-first").sum())
            if size < MIN_ARM:
                had = "no complete participant" if size == 0 else "one complete participant only"
                why = f"{had} had {drug} first, so that drug and period cannot be told apart"
                return untestable("order-empty" if size == 0 else "too-few", why)
        return None
    if treated is None:
        return None
    sizes = {"ketamine": int(treated.sum()), "control": int((1 - treated).sum())}
    for role, size in sizes.items():
        label = design["arms"][role]
        if size == 0:
            return untestable("arm-empty", f"the {label} arm has no complete participant")
        if size < MIN_ARM:
            return untestable("too-few", f"the {label} arm has one complete participant only")
    return None


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
    if len(complete) < EXPLORATORY_BELOW:
        flags.append("exploratory")
    of = {"parallel": "arm", "crossover": "sequence"}.get(design["kind"])
    if of is not None and complete[of].value_counts().min() < SMALL_ARM:
        flags.append("small-arm" if of == "arm" else "small-order")
    if ONE_SIDED in flags:
        # a two-sided interval does not answer the question of a one-sided test
        return tuple(flags)
    excludes_zero = evidence.ci_low > 0 or evidence.ci_high < 0
    if np.isfinite([evidence.p_permutation, evidence.ci_low]).all() and excludes_zero != (
        evidence.p_permutation < alpha
    ):
        flags.append("interval-disagrees")
    return tuple(flags)


def _row(
    item: _Tested,
    *,
    strategy: str,
    alpha: float,
    p_holm: float,
    tests: int,
) -> dict[str, Any]:
    """Return one row of the table."""
    circuit, test, design, evidence = item.circuit, item.test, item.design, item.evidence
    n = len(item.sample.complete)
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
        change_score="si_change" in test.needs,
        alpha=alpha,
        one_sided=(circuit.direction, circuit.registration)
        if ONE_SIDED in evidence.flags
        else None,
    )
    estimand = test.estimand
    if setting.one_sided is not None:
        estimand = f"{estimand} {one_sided_words(setting)}"
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
        "p_holm": p_holm,
        "n": n,
        "n_excluded": len(item.sample.left_out),
        "permutations": evidence.permutations,
        "flags": ";".join(evidence.flags) or None,
        "verdict": verdict(
            evidence,
            setting,
            n=n,
            p_holm=p_holm,
            tests=tests,
        ),
    }
