"""Rejection rates of tests and coverage of intervals in null studies of the hard kinds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from calibration_cells import ALPHA, Cell, Seen
from hard_studies import Case, HardStudy, design_for, hard_study, planned_by_name

from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.maxt import FamilyTest
from ketfc.inference.core.permutation import freedman_lane_test, stream
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.model import Model, model_over
from ketfc.inference.design.planned_tests import PlannedTest
from ketfc.inference.families import edgewise_test
from ketfc.inference.robustness.mmrm import arms_over_time
from ketfc.study.design.design import Design

_GROUPS = ((20, 20), (4, 10), (10, 25), (10, 30))
_SPREADS = (1.0, 1.5, 2.0)


def hard_cells(*, permutations: int, seed: int) -> Iterator[Cell]:
    """Yield every hard cell, the most telling first.

    Parameters
    ----------
    permutations : int
        Arrangements of each test; 199 give the level exactly.
    seed : int
        Seed of the simulation; every study has a stream of its own.

    Yields
    ------
    Cell
        Rates of every test over everybody in the first of five circuits, with the intervals of
        change and association; and of both primary families, whether any `p_fwer` (``max-t``) or
        `p_holm` (``holm``) is that small, and how often a single p by the joint permutations is
        (``each edge``).
    """
    unequal = [
        Case(design, *groups, spread=spread)
        for spread in reversed(_SPREADS)
        for design in ("parallel", "crossover")
        for groups in reversed(_GROUPS)
    ]
    moved = [
        Case("parallel", *groups, spread=spread, moves=True)
        for groups, spread in (((20, 20), 2.0), ((10, 30), 2.0), ((4, 10), 2.0), ((20, 20), 1.0))
    ]
    sites = [
        Case(design, *groups, sites=order)
        for design, groups in (
            ("parallel", (10, 10)),
            ("single-arm", (20, 0)),
            ("crossover", (10, 10)),
            ("parallel", (20, 20)),
        )
        for order in ("interleaved", "sorted")
    ]
    scores = [
        Case(design, *groups, scores=kind)
        for kind in ("zeros", "one item")
        for design, groups in (
            ("parallel", (10, 30)),
            ("parallel", (10, 10)),
            ("single-arm", (20, 0)),
            ("crossover", (10, 10)),
        )
    ]
    courses = [
        Case("parallel", *groups, spread=spread, followups=2)
        for groups, spread in (((10, 30), 2.0), ((4, 10), 2.0), ((20, 20), 1.0))
    ]
    first = [*moved[:3], *unequal[:4], *sites, *scores, *courses]
    for case in [*first, *unequal[4:], *moved[3:]]:
        study = partial(_course if case.followups > 1 else _study, case, permutations, seed)
        yield Cell(about(case), study, f"{permutations}-{seed}")


def about(case: Case) -> dict[str, str | int | float]:
    """Return what tells a case from others, in the columns of the table."""
    return {
        "design": case.design,
        "ketamine": case.ketamine,
        "control": case.control,
        "spread": case.spread,
        "drug": "moves both" if case.moves else "no effect",
        "sites": f"3 {case.sites}" if case.sites else "1",
        "scores": case.scores,
        "followups": case.followups,
    }


def _study(case: Case, permutations: int, seed: int, i: int) -> Iterator[Seen]:
    rng = stream(seed, f"{case}/{i}")
    study, design = hard_study(case, rng), design_for(case)
    own = int(rng.integers(2**31))
    tests = planned_by_name(design)
    if case.moves or case.scores != "skewed":
        # a drug that moves connectivity changes it, and scores are no part of a change
        del tests["change"]
    for name, test in tests.items():
        given = {"permutations": permutations, "seed": own}
        if test.kind == "moderation":
            yield Seen("rejection", name, "permutation", p_alone(study, test, design, **given))
            continue
        found = evidence(study, test, design, **given)
        yield Seen("rejection", name, "permutation", found.p_permutation)
        yield Seen("coverage", name, "permutation", _covers(found))
        joint = family(study, test, design, **given)
        known = joint.p[np.isfinite(joint.p)]
        yield Seen("rejection", name, "each edge", float((known <= ALPHA + 1e-9).mean()))
        yield Seen("rejection", name, "max-t", float(np.maximum(joint.p_fwer, joint.p).min()))
        # the smallest p by Holm's method is the smallest of all times their number
        yield Seen("rejection", name, "holm", float(min(1.0, known.min() * len(known))))


def _course(case: Case, permutations: int, seed: int, i: int) -> Iterator[Seen]:
    """Yield the change until each of two follow-ups, and what the mixed model says of both."""
    rng = stream(seed, f"{case}/{i}")
    study, design = hard_study(case, rng, circuits=1), design_for(case)
    own = int(rng.integers(2**31))
    test = planned_by_name(design)["change"]
    treated = (study.people["arm"] == "ketamine").to_numpy(dtype=np.float64)
    together = arms_over_time(
        np.column_stack([study.after, study.later]),
        treated,
        np.column_stack([np.ones(case.n), study.before]),
        alpha=ALPHA,
    )
    for name, after, mixed in zip(
        ("change", "change-late"), (study.after, study.later), together, strict=True
    ):
        alone = replace(study, after=after)
        found = evidence(
            alone, replace(test, name=name), design, permutations=permutations, seed=own
        )
        yield Seen("rejection", name, "permutation", found.p_permutation)
        yield Seen("coverage", name, "permutation", _covers(found))
        yield Seen("rejection", name, "mixed-model", mixed.p_parametric)
        yield Seen("coverage", name, "mixed-model", _covers(mixed))


def evidence(
    study: HardStudy, test: PlannedTest, design: Design, *, permutations: int, seed: int
) -> Evidence:
    """Return what a test of the first circuit says, as in ``tests/hypotheses.tsv``.

    Parameters
    ----------
    study : HardStudy
        The study.
    test, design
        From :func:`hard_studies.planned_by_name` and :func:`hard_studies.design_for`.
    permutations, seed
        As for :func:`ketfc.inference.hypotheses.run_test`, which does the same.
    """
    return evidence_of(
        _model(study, test, design),
        alpha=ALPHA,
        permutations=permutations,
        rng=stream(seed, f"circuit-0/{test.name}"),
    )


def p_alone(
    study: HardStudy, test: PlannedTest, design: Design, *, permutations: int, seed: int
) -> float:
    """Return the `p_permutation` of :func:`evidence` of a slope, without the slow interval.

    Parameters are those of :func:`evidence`. NaN where the test has an obstacle.
    """
    model = _model(study, test, design)
    if model.obstacle is not None:
        return np.nan
    return freedman_lane_test(
        model.response[1],
        model.tested,
        model.adjustment,
        permutations=permutations,
        rng=stream(seed, f"circuit-0/{test.name}"),
        blocks=model.blocks,
        groups=model.variance_groups,
    ).p


def family(
    study: HardStudy, test: PlannedTest, design: Design, *, permutations: int, seed: int
) -> FamilyTest:
    """Return p of all circuits under joint permutations, as a family of circuits or of edges.

    Parameters are those of :func:`evidence`.
    """
    there = np.isfinite(study.before + study.after)
    # who has no circuit at all is no part of the joint arrangements
    enter = there.any(axis=1)
    before, after = (np.where(there, side, np.nan)[enter] for side in (study.before, study.after))
    return edgewise_test(
        model_over(test, study.people[enter], before, after, design),
        permutations=permutations,
        rng=stream(seed, f"max-t/primary-{test.name}"),
    )


def _covers(found: Evidence) -> float:
    return np.nan if np.isnan(found.ci_low) else float(found.ci_low <= 0 <= found.ci_high)


def _model(study: HardStudy, test: PlannedTest, design: Design) -> Model:
    """Return the model of a test of the first circuit."""
    there = np.isfinite(study.before[:, 0] + study.after[:, 0])
    z = study.before[there, 0], study.after[there, 0]
    return model_over(test, study.people[there], *z, design)
