"""Rejection rates of tests and coverage of intervals in simulated studies of known truth."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import numpy as np
from calibration_cells import ALPHA, Cell, Seen
from scipy import stats
from simulated_studies import NOTHING, Truth, null_course, plans, simulated_study, true_values

from ketfc.inference.core.bootstrap import bca_mean
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.hc2 import hc2_coefficient
from ketfc.inference.core.linear import hc3_coefficient, regression_evidence
from ketfc.inference.core.permutation import stream
from ketfc.inference.core.ranks import rank_evidence
from ketfc.inference.design.model import model_over
from ketfc.inference.families import edgewise_test
from ketfc.inference.hypotheses import Tested, run_test
from ketfc.inference.robustness.mixed_model import contrasts_over_time

_CONTRASTS = {"post": (-1.0, 1.0, 0.0), "late": (-1.0, 0.0, 1.0)}

_true_values = cache(true_values)


def null_cell(kind: str, n: int, *, permutations: int, seed: int) -> Cell:
    """Return studies in which nothing is to be found.

    Primary tests and their intervals go through the function that fills ``tests/hypotheses.tsv``,
    families through the one that tests edges, which for circuits that the same participants have
    is what ``tests/hypotheses.tsv`` has.

    Parameters
    ----------
    kind : str
        Design, one of :data:`simulated_studies.DESIGNS`.
    n : int
        Participants of each study, before sessions go missing.
    permutations : int
        Arrangements of each test; 199 give the levels exactly.
    seed : int
        Seed of the simulation; every study has a stream of its own.

    Returns
    -------
    Cell
        `truth` ``no effect``. Of five circuits the first tells the rates of a test alone; method
        ``max-t`` is whether any of the five has such a `p_fwer`.
    """
    about = {"design": kind, "truth": "no effect", "n": n}
    study = partial(_null_study, kind, n, permutations, seed)
    return Cell(about, study, f"{permutations}-{seed}", all_levels=True)


def planted_cell(kind: str, n: int, *, permutations: int, seed: int) -> Cell:
    """Return studies with planted effects that no model of the tests describes.

    Parameters
    ----------
    kind, n, permutations, seed
        As for :func:`null_cell`.

    Returns
    -------
    Cell
        `truth` ``planted``, coverage alone: of :func:`simulated_studies.true_values`.
    """
    about = {"design": kind, "truth": "planted", "n": n}
    study = partial(_planted_study, kind, n, permutations, seed)
    return Cell(about, study, f"{permutations}-{seed}")


def course_cell(n: int, *, drifting: bool, permutations: int, seed: int) -> Cell:
    """Return one arm at three times, of which the mean never changes.

    Parameters
    ----------
    n, permutations, seed
        As for :func:`null_cell`.
    drifting : bool
        As for :func:`simulated_studies.null_course`.

    Returns
    -------
    Cell
        Of the mixed model and of sign flips within who has both sessions.
    """
    truth = "no effect, drifting" if drifting else "no effect"
    about = {"design": "longitudinal", "truth": truth, "n": n}
    study = partial(_course_study, n, drifting, permutations, seed)
    return Cell(about, study, f"{permutations}-{seed}", all_levels=True)


def _null_study(kind: str, n: int, permutations: int, seed: int, i: int) -> Iterator[Seen]:
    rng = stream(seed, f"{kind}/{n}/{i}")
    study = simulated_study(kind, n, rng)
    own = int(rng.integers(2**31))
    for planned in plans(study, circuits=1):
        item = run_test(planned, seed=own, permutations=permutations, alpha=ALPHA)
        # sessions are missing whole: all circuits have the same participants
        there = np.isfinite(study.before + study.after).all(axis=1)
        sessions = study.before[there], study.after[there]
        model = model_over(planned.test, planned.sample.complete, *sessions, planned.design)
        name = planned.test.name
        joint = edgewise_test(
            model, permutations=permutations, rng=stream(own, f"max-t/primary-{name}")
        )
        yield Seen("rejection", name, "max-t", float(np.maximum(joint.p_fwer, joint.p).min()))
        yield from _judged(item, NOTHING, permutations, rng)


def _planted_study(kind: str, n: int, permutations: int, seed: int, i: int) -> Iterator[Seen]:
    rng = stream(seed, f"planted/{kind}/{n}/{i}")
    study = simulated_study(kind, n, rng, planted=True)
    own = int(rng.integers(2**31))
    for planned in plans(study, circuits=1):
        item = run_test(planned, seed=own, permutations=permutations, alpha=ALPHA)
        truth = _true_values(kind, seed=seed)[planned.test.name]
        for one in _judged(item, truth, permutations, rng):
            if one.kind == "coverage":
                yield one


def _course_study(n: int, drifting: bool, permutations: int, seed: int, i: int) -> Iterator[Seen]:
    rng = stream(seed, f"{'null, drifting' if drifting else 'null'}/{n}/{i}")
    found = contrasts_over_time(
        null_course(n, rng, drifting=drifting),
        _CONTRASTS,
        alpha=ALPHA,
        permutations=permutations,
        seed=int(rng.integers(2**31)),
        name="course",
    )
    for label, one in found.items():
        test = f"change-{label}"
        yield Seen("rejection", test, "mixed-model", one.p_parametric)
        yield Seen("rejection", test, "permutation", one.p_permutation)
        yield Seen("coverage", test, "mixed-model", _covers(one, 0.0))


def _judged(
    item: Tested, truth: Truth, permutations: int, rng: np.random.Generator
) -> Iterator[Seen]:
    """Yield what a test found, and other methods that stand in ``tests/robustness.tsv``."""
    evidence, model, test = item.evidence, item.model, item.planned.test.name
    yield Seen("rejection", test, "permutation", evidence.p_permutation)
    yield Seen("coverage", test, "permutation", _covers(evidence, truth.estimate))
    if evidence.obstacle is not None:
        return
    yield Seen("rejection", test, "t", evidence.p_parametric)
    if model.term is None:
        half = (
            float(stats.t.ppf(1 - ALPHA / 2, evidence.df)) * evidence.estimate / evidence.statistic
        )
        ends = sorted([evidence.estimate - half, evidence.estimate + half])
        yield Seen("coverage", test, "t", _within(*ends, truth.estimate))
        bca = bca_mean(model.response[1], alpha=ALPHA, resamples=999, rng=rng)
        yield Seen("coverage", test, "bca", _within(bca.low, bca.high, truth.estimate))
        return
    given: dict[str, Any] = {
        "alpha": ALPHA,
        "permutations": permutations,
        "rng": rng,
        "blocks": model.blocks,
        "groups": model.variance_groups,
    }
    if model.by_ranks:
        line = regression_evidence(model.response, model.regressors, **given)
        yield Seen("rejection", test, "values", line.p_permutation)
        yield Seen("coverage", test, "values", _covers(line, truth.coefficient))
    else:
        ranked = rank_evidence(model.response, model.regressors, **given)
        yield Seen("rejection", test, "ranks", ranked.p_permutation)
    columns = model.response[1], model.tested, model.adjustment
    for method, fit in (("hc3", hc3_coefficient), ("hc2", hc2_coefficient)):
        robust = fit(*columns, alpha=ALPHA)
        covers = _within(robust.ci_low, robust.ci_high, truth.coefficient)
        yield Seen("rejection", test, method, robust.p)
        yield Seen("coverage", test, method, covers)


def _covers(evidence: Evidence, truth: float) -> float:
    return _within(evidence.ci_low, evidence.ci_high, truth)


def _within(low: float, high: float, truth: float) -> float:
    return np.nan if np.isnan(low) else float(low <= truth <= high)
