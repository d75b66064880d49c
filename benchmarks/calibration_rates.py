"""Rejection rates of tests and coverage of intervals in simulated studies of known truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from simulated_studies import (
    NOTHING,
    Truth,
    null_course,
    plans,
    simulated_study,
    true_values,
)

from ketfc.inference.core.bootstrap import bca_mean
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.hc2 import hc2_coefficient
from ketfc.inference.core.linear import regression_evidence
from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.core.ranks import rank_evidence
from ketfc.inference.hypotheses import Tested, family_wise_p, run_test
from ketfc.inference.robustness.mixed_model import contrasts_over_time

ALPHA = 0.05
"""Level of every test; intervals cover 1 − ALPHA."""

LEVELS = (0.01, ALPHA, 0.1, *(round(0.1 * i, 1) for i in range(2, 10)))
"""Levels at which p values of the primary methods are counted, those of others at ALPHA."""

PRIMARY = ("permutation", "max-t")
"""Methods behind `p_permutation` and `p_fwer` of ``tests/hypotheses.tsv``."""

COLUMNS = (
    "design",
    "truth",
    "n",
    "test",
    "method",
    "kind",
    "level",
    "studies",
    "rate",
    "expected",
    "low",
    "high",
)
"""Columns of every table here.

`truth` is ``no effect`` (or that, ``drifting``), ``planted`` or ``as predicted``. `kind` is
``rejection`` (expected: `level`), ``coverage`` (1 − ALPHA) or ``power``; `studies` are
those with a result; `low` and `high` are the binomial 99 % band about what is expected.
"""

_CONTRASTS = {"post": (-1.0, 1.0, 0.0), "late": (-1.0, 0.0, 1.0)}


class _Seen(NamedTuple):
    """One number of one study: a p value, or 1 or 0 for an interval that covers or does not."""

    kind: str
    test: str
    method: str
    value: float


def null_rates(kind: str, n: int, *, studies: int, permutations: int, seed: int) -> pd.DataFrame:
    """Return how often tests reject and intervals cover where nothing is to be found.

    Primary tests, their families and intervals go through the functions that fill
    ``tests/hypotheses.tsv``.

    Parameters
    ----------
    kind : str
        Design, one of :data:`simulated_studies.DESIGNS`.
    n : int
        Participants of each study, before sessions go missing.
    studies : int
        Simulated studies.
    permutations : int
        Arrangements of each test; 199 give the levels exactly.
    seed : int
        Seed of the simulation; every study has a stream of its own.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`, `truth` ``no effect``. Of five circuits the first tells the rates of a test
        alone; method ``max-t`` is whether any of the five has such a `p_fwer`.
    """
    seen: list[_Seen] = []
    for i in range(studies):
        rng = stream(seed, f"{kind}/{n}/{i}")
        study = simulated_study(kind, n, rng)
        own = int(rng.integers(2**31))
        tested = [
            run_test(planned, seed=own, permutations=permutations, alpha=ALPHA)
            for planned in plans(study)
        ]
        seen += _families(tested, permutations, own)
        for item in tested[:2]:
            seen += _judged(item, NOTHING, permutations, rng)
    return _summary(seen, {"design": kind, "truth": "no effect", "n": n})


def planted_coverage(
    kind: str, n: int, *, studies: int, permutations: int, seed: int
) -> pd.DataFrame:
    """Return how often intervals cover planted effects that no model of the tests describes.

    Parameters
    ----------
    kind, n, studies, permutations, seed
        As for :func:`null_rates`.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`, `truth` ``planted``, `kind` ``coverage`` alone: of
        :func:`simulated_studies.true_values`.
    """
    truth = true_values(kind, seed=seed)
    seen: list[_Seen] = []
    for i in range(studies):
        rng = stream(seed, f"planted/{kind}/{n}/{i}")
        study = simulated_study(kind, n, rng, planted=True)
        own = int(rng.integers(2**31))
        for planned in plans(study, circuits=1):
            item = run_test(planned, seed=own, permutations=permutations, alpha=ALPHA)
            found = _judged(item, truth[planned.test.name], permutations, rng)
            seen += [one for one in found if one.kind == "coverage"]
    return _summary(seen, {"design": kind, "truth": "planted", "n": n})


def course_rates(
    n: int, *, drifting: bool, studies: int, permutations: int, seed: int
) -> pd.DataFrame:
    """Return how often contrasts between three times are rejected where nothing changes.

    Parameters
    ----------
    n, studies, permutations, seed
        As for :func:`null_rates`.
    drifting : bool
        As for :func:`simulated_studies.null_course`.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`, of the mixed model and of sign flips within who has both sessions.
    """
    course = "null, drifting" if drifting else "null"
    truth = course.replace("null", "no effect")
    seen: list[_Seen] = []
    for i in range(studies):
        rng = stream(seed, f"{course}/{n}/{i}")
        values = null_course(n, rng, drifting=drifting)
        found = contrasts_over_time(
            values,
            _CONTRASTS,
            alpha=ALPHA,
            permutations=permutations,
            seed=int(rng.integers(2**31)),
            name="course",
        )
        for label, one in found.items():
            test = f"change-{label}"
            seen.append(_Seen("rejection", test, "mixed-model", one.p_parametric))
            seen.append(_Seen("rejection", test, "permutation", one.p_permutation))
            seen.append(_Seen("coverage", test, "mixed-model", _covers(one, 0.0)))
    return _summary(seen, {"design": "longitudinal", "truth": truth, "n": n})


def _families(tested: Sequence[Tested], permutations: int, seed: int) -> Iterator[_Seen]:
    """Yield the smallest `p_fwer` of each primary family."""
    p = family_wise_p(tested, seed=seed, permutations=permutations)
    for test in ("change", "association"):
        own = [p[i] for i, item in enumerate(tested) if item.planned.test.name == test]
        smallest = np.nan if np.isnan(own).all() else float(np.nanmin(own))
        yield _Seen("rejection", test, "max-t", smallest)


def _judged(
    item: Tested, truth: Truth, permutations: int, rng: np.random.Generator
) -> Iterator[_Seen]:
    """Yield what a test found, and other methods that stand in ``tests/robustness.tsv``."""
    evidence, model, test = item.evidence, item.model, item.planned.test.name
    yield _Seen("rejection", test, "permutation", evidence.p_permutation)
    yield _Seen("coverage", test, "permutation", _covers(evidence, truth.estimate))
    if evidence.obstacle is not None:
        return
    given: dict[str, Any] = {"alpha": ALPHA, "permutations": permutations, "rng": rng}
    if model.term is None:
        yield from _by_t(evidence, test, "t", truth.estimate)
        bca = bca_mean(model.response[1], alpha=ALPHA, resamples=999, rng=rng)
        yield _Seen("coverage", test, "bca", _within(bca.low, bca.high, truth.estimate))
        return
    if model.by_ranks:
        line = regression_evidence(model.response, model.regressors, **given)
        yield _Seen("rejection", test, "values", line.p_permutation)
        yield _Seen("coverage", test, "values", _covers(line, truth.coefficient))
        yield from _by_t(line, test, "hc3", truth.coefficient)
    else:
        yield from _by_t(evidence, test, "hc3", truth.estimate)
        ranked = rank_evidence(model.response, model.regressors, **given)
        yield _Seen("rejection", test, "ranks", ranked.p_permutation)
    robust = hc2_coefficient(model.response[1], model.tested, model.adjustment, alpha=ALPHA)
    covers = _within(robust.ci_low, robust.ci_high, truth.coefficient)
    yield _Seen("rejection", test, "hc2", robust.p)
    yield _Seen("coverage", test, "hc2", covers)


def _by_t(evidence: Evidence, test: str, method: str, truth: float) -> Iterator[_Seen]:
    """Yield what estimate and t, which share a standard error, say."""
    from scipy import stats

    error = abs(evidence.estimate / evidence.statistic)
    half = float(stats.t.ppf(1 - ALPHA / 2, evidence.df)) * error
    covers = _within(evidence.estimate - half, evidence.estimate + half, truth)
    yield _Seen("rejection", test, method, evidence.p_parametric)
    yield _Seen("coverage", test, method, covers)


def _covers(evidence: Evidence, truth: float) -> float:
    return _within(evidence.ci_low, evidence.ci_high, truth)


def _within(low: float, high: float, truth: float) -> float:
    return np.nan if np.isnan(low) else float(low <= truth <= high)


def _summary(seen: Sequence[_Seen], about: Mapping[str, str | int]) -> pd.DataFrame:
    """Return the rate of everything that was seen, and the band of what is expected of it."""
    values: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for one in seen:
        values[one.test, one.method, one.kind].append(one.value)
    rows = []
    for (test, method, kind), found in values.items():
        known = np.array(found)[np.isfinite(found)]
        labels = {**about, "test": test, "method": method, "kind": kind}
        if kind == "coverage":
            rows.append(labels | rate_of(known, 1 - ALPHA) | {"level": ALPHA})
        else:
            levels = LEVELS if method in PRIMARY else (ALPHA,)
            # p values are multiples of 1 / (permutations + 1), in floating point
            below = {level: (known <= level + 1e-9).astype(float) for level in levels}
            rows += [
                labels | rate_of(hits, level) | {"level": level} for level, hits in below.items()
            ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def rate_of(hits: Floats, expected: float) -> dict[str, float]:
    """Return `studies`, `rate`, `expected`, and `low` and `high` of the band of what is expected.

    Parameters
    ----------
    hits : numpy.ndarray of shape (studies,)
        1 or 0 of each study.
    expected : float
        The rate that there should be.
    """
    from scipy import stats

    m = len(hits)
    low, high = stats.binom.interval(0.99, m, expected)
    return {
        "studies": m,
        "rate": float(hits.mean()),
        "expected": expected,
        "low": low / m,
        "high": high / m,
    }
