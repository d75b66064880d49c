"""Every primary result without each participant and each site: ``tests/influence.tsv``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.inference.core.evidence import Evidence
from ketfc.inference.design.circuit_tests import Planned, planned_samples
from ketfc.inference.design.samples import Sample
from ketfc.inference.hypotheses import run_test
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

INFLUENCE_COLUMNS = (
    "hypothesis",
    "name",
    "test",
    "left_out",
    "label",
    "estimate",
    "ci_low",
    "ci_high",
    "statistic",
    "df",
    "p",
    "permutations",
    "n",
    "shift",
    "shift_se",
    "flags",
    "note",
)

INFLUENCE_NUMBERS = (
    *("estimate", "ci_low", "ci_high", "statistic", "df", "p", "permutations", "n"),
    *("shift", "shift_se"),
)
"""Columns that hold numbers."""

NOBODY, PARTICIPANT, SITE = "nobody", "participant", "site"
"""Kinds of rows by who is left out; nobody in that of the primary test itself."""

INFLUENTIAL, SIGN, SIGNIFICANCE = "influential", "sign-flips", "significance-flips"
"""Flags of a row."""

LARGE = 1.0
"""Standard errors by which somebody who is influential moves an estimate: the convention for small
and medium samples of Kutner MH et al. (2005), Applied linear statistical models, 5th ed.,
section 10.4."""

FEW_ARRANGEMENTS = 1000
"""Arrangements of a test without somebody, where their p is not near the level."""


def primary_tests(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
) -> Iterator[Planned]:
    """Yield the tests of change and association of every primary circuit.

    Parameters are those of :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.
    """
    primary = [one for one in circuits if one.primary and one.variant_of is None]
    names = ("change", "association") if design.si else ("change",)
    for planned in planned_samples(connectivity, scores, design, primary, strategy=strategy):
        if planned.test.name in names:
            yield planned


def influence(
    tests: Iterable[Planned], *, seed: int, permutations: int, alpha: float
) -> pd.DataFrame:
    """Repeat every primary test without each participant, and without each site.

    Parameters
    ----------
    tests : iterable of Planned
        As :func:`primary_tests` gives them.
    seed, permutations, alpha
        As for :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.

    Returns
    -------
    pandas.DataFrame
        :data:`INFLUENCE_COLUMNS`: per test the row of :data:`NOBODY`, which is that of
        ``tests/hypotheses.tsv``, then one for each participant and, where the config names blocks,
        for each site. All are the test itself on a smaller sample, model, interval and p alike; a
        p far from `alpha` rests on fewer arrangements. `shift` is the estimate less that with
        everybody, `shift_se` the same in standard errors of the estimate without them. Flags:
        :data:`INFLUENTIAL` where a participant's is :data:`LARGE` or more, :data:`SIGN` and
        :data:`SIGNIFICANCE` (before correction) where they are lost or won.
    """
    rows: list[dict[str, Any]] = []
    for planned in tests:
        about = {
            "hypothesis": planned.circuit.id,
            "name": planned.circuit.name,
            "test": planned.test.name,
        }
        whole = run_test(planned, seed=seed, permutations=permutations, alpha=alpha).evidence
        n = len(planned.sample.complete)
        rows.append(about | {"left_out": NOBODY} | _numbers(whole, n))
        if whole.obstacle is not None:
            continue
        for kind, label, rest in _smaller(planned):
            evidence = _without(rest, seed=seed, permutations=permutations, alpha=alpha)
            row: dict[str, Any] = about | {"left_out": kind, "label": label}
            row |= _numbers(evidence, len(rest.sample.complete))
            if evidence.obstacle is None:
                shift = evidence.estimate - whole.estimate
                in_se = shift / _error(evidence)
                flags = {
                    INFLUENTIAL: kind == PARTICIPANT and abs(in_se) >= LARGE,
                    SIGN: evidence.estimate * whole.estimate <= 0,
                    SIGNIFICANCE: (_p(evidence) <= alpha) != (_p(whole) <= alpha),
                }
                row |= {"shift": shift, "shift_se": in_se}
                row["flags"] = ";".join(name for name, so in flags.items() if so) or None
            rows.append(row)
    table = pd.DataFrame(rows, columns=list(INFLUENCE_COLUMNS))
    # whole numbers that may be missing
    return table.astype({"permutations": "Int64"})


def part_of(planned: Planned, rows: npt.NDArray[np.bool_]) -> Planned:
    """Return a test of some of its participants.

    It is not adjusted for a covariate of which these have one label only, such as the site where
    one site is left.

    Parameters
    ----------
    planned : Planned
        The test.
    rows : numpy.ndarray of bool, shape (n,)
        Whom to keep.
    """
    rest = planned.sample.complete[rows]
    varied = [name for name in planned.test.adjusted if len(set(rest[f"covariate_{name}"])) > 1]
    test = replace(planned.test, adjusted=tuple(varied))
    return replace(planned, test=test, sample=Sample(rest, {}))


def _smaller(planned: Planned) -> Iterator[tuple[str, str, Planned]]:
    """Yield what can be left out of a test, and the test without it."""
    complete = planned.sample.complete
    for who in complete.index:
        yield PARTICIPANT, str(who), part_of(planned, complete.index != who)
    site = planned.design.terms.blocks
    if site is None:
        return
    labels = complete[f"covariate_{site}"]
    known = sorted({str(label) for label in labels.dropna()})
    for label in known if len(known) > 1 else ():
        yield SITE, label, part_of(planned, (labels.astype(str) != label).to_numpy())


def _without(planned: Planned, *, seed: int, permutations: int, alpha: float) -> Evidence:
    """Run a test with few arrangements, and with all where these cannot tell p from the level."""
    few = min(permutations, FEW_ARRANGEMENTS)
    evidence = run_test(planned, seed=seed, permutations=few, alpha=alpha).evidence
    made = evidence.permutations
    if made is None or "exhaustive" in evidence.flags:
        return evidence
    if abs(evidence.p_permutation - alpha) > 3 * sqrt(alpha * (1 - alpha) / made):
        return evidence
    return run_test(planned, seed=seed, permutations=permutations, alpha=alpha).evidence


def _numbers(evidence: Evidence, n: int) -> dict[str, Any]:
    return {
        "estimate": evidence.estimate,
        "ci_low": evidence.ci_low,
        "ci_high": evidence.ci_high,
        "statistic": evidence.statistic,
        "df": evidence.df,
        "p": _p(evidence),
        "permutations": evidence.permutations,
        "n": n,
        "flags": None if evidence.obstacle is None else ";".join(evidence.flags),
        "note": evidence.obstacle,
    }


def _p(evidence: Evidence) -> float:
    p = evidence.p_permutation
    return p if np.isfinite(p) else evidence.p_parametric


def _error(evidence: Evidence) -> float:
    """Return the standard error that the t of a test has in it, NaN where t is 0 or infinite."""
    t = evidence.statistic
    return abs(evidence.estimate / t) if np.isfinite(t) and t != 0 else nan
