"""Missing follow-ups: how different the unseen would have to be to change a conclusion.

Whoever has a baseline but no follow-up is imputed many times over as if those who did not come back
had gone on like those who did (missing at random, given baseline, arm and covariates). The imputed
values are then shifted by a delta, further and further, until the conclusion at alpha is another
one: the tipping point. Delta is in standard deviations of the follow-up.

References
----------
Rubin DB (1987), Multiple imputation for nonresponse in surveys, Wiley (pooling of the results).
Barnard J, Rubin DB (1999), Biometrika 86:948–955, doi:10.1093/biomet/86.4.948 (degrees of freedom).
Ratitch B, O'Kelly M, Tosiello R (2013), Pharm Stat 12:337–347, doi:10.1002/pst.1549 (delta and
tipping point).
Cro S et al. (2020), Stat Med 39:2815–2842, doi:10.1002/sim.8569 (sensitivity by controlled
imputation).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import nan
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketfc.inference.core.hc2 import hc2_coefficient
from ketfc.inference.core.linear import informative
from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.design.planned_tests import PlannedTest, planned_tests
from ketfc.inference.design.samples import participant_table
from ketfc.inference.robustness.checks import Check
from ketfc.inference.robustness.imputation import CONNECTIVITY, SCORE, Gaps, gaps_of, imputations
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

TIPPING_COLUMNS = (
    *("hypothesis", "name", "test", "delta_sd", "delta", "shifted", "estimate", "ci_low"),
    *("ci_high", "statistic", "df", "p", "n", "n_imputed", "n_shifted"),
)
"""Columns of ``tests/tipping_point.tsv``."""

TIPPING_NUMBERS = (*TIPPING_COLUMNS[3:5], *TIPPING_COLUMNS[6:])
"""Those of them that hold numbers."""

DELTAS = np.arange(-12, 13) / 4
"""Shifts, in standard deviations of the follow-up: three in each direction."""

_ONE_ERROR = 0.3
"""Any level: an error is taken from the width of the interval of that level."""


@dataclass(frozen=True)
class _Pooled:
    estimate: float
    ci_low: float
    ci_high: float
    statistic: float
    df: float
    p: float


def tipping_curves(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
    seed: int,
    alpha: float,
) -> pd.DataFrame:
    """Test the primary hypotheses again with missing follow-ups imputed and shifted.

    Parameters
    ----------
    connectivity, scores, design, circuits, strategy, seed, alpha
        As for :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.

    Returns
    -------
    pandas.DataFrame
        :data:`TIPPING_COLUMNS`, for each primary circuit and each of ``change`` and ``association``
        a row for each of :data:`DELTAS`; none in a crossover, and none where nobody's follow-up is
        missing or too few were observed to impute by. The change: missing connectivity of the
        ketamine arm (of everybody, where there are no arms) is shifted; HC2 errors between arms,
        t within one. The association: the missing score is shifted, or missing connectivity where
        no score is missing; partial Spearman correlation, pooled as Fisher's z.
    """
    rows: list[dict[str, object]] = []
    for circuit, test, table in _tests(connectivity, scores, design, circuits, strategy):
        gaps = gaps_of(test, table, design)
        if gaps is None:
            continue
        rng = stream(seed, f"tipping-point/{circuit.id}/{test.name}")
        filled = list(imputations(gaps, rng))
        rows += [
            {
                "hypothesis": circuit.id,
                "name": circuit.name,
                "test": test.name,
                "delta_sd": delta,
                "delta": delta * gaps.spread,
                "shifted": gaps.what,
                **_pooled(gaps, filled, delta, alpha).__dict__,
                "n": gaps.model.n,
                "n_imputed": gaps.imputed,
                "n_shifted": int(gaps.shifted.sum()),
            }
            for delta in DELTAS
        ]
    return pd.DataFrame(rows, columns=list(TIPPING_COLUMNS))


def tipping_point(curve: pd.DataFrame, *, alpha: float) -> float:
    """Return the smallest shift, in standard deviations, that turns the conclusion.

    Parameters
    ----------
    curve : pandas.DataFrame
        Rows of one circuit and test of :func:`tipping_curves`.
    alpha : float
        Level of the test.

    Returns
    -------
    float
        NaN where no shift of :data:`DELTAS` does. Between two of them the p value is taken to go
        along a line. A significant result of the opposite sign is another conclusion.
    """
    ordered = curve.sort_values("delta_sd")
    delta, p, sign = (
        ordered["delta_sd"].to_numpy(),
        ordered["p"].to_numpy(),
        np.sign(ordered["estimate"].to_numpy()),
    )
    concluded = np.where(p <= alpha, sign, 0.0)
    start = int(np.argmin(np.abs(delta)))
    found = []
    for step in (-1, 1):
        at = start
        while 0 <= at + step < len(delta) and concluded[at + step] == concluded[start]:
            at += step
        if not 0 <= at + step < len(delta):
            continue
        share = (alpha - p[at]) / (p[at + step] - p[at])
        inside = np.clip(share, 0.0, 1.0) if np.isfinite(share) else 1.0
        found.append(delta[at] + inside * (delta[at + step] - delta[at]))
    return float(min(found, key=abs)) if found else nan


def tipping_checks(curves: pd.DataFrame, *, alpha: float) -> dict[tuple[str, str], Check]:
    """Return the row of each circuit and test beside the other methods.

    Parameters
    ----------
    curves : pandas.DataFrame
        From :func:`tipping_curves`.
    alpha : float
        Level of the test.

    Returns
    -------
    dict of (str, str) to Check
        By circuit and test: the result without a shift, with the tipping point as effect size; not
        a number where no shift turns the conclusion.
    """
    found = {}
    for key, curve in curves.groupby(["hypothesis", "test"], sort=False):
        row = curve.iloc[int(np.argmin(np.abs(curve["delta_sd"].to_numpy())))].to_dict()
        shift = tipping_point(curve, alpha=alpha)
        of = "connectivity" if row["shifted"] == CONNECTIVITY else "the score"
        words = "no shift within 3 SD turns the conclusion"
        if np.isfinite(shift):
            words = (
                f"the conclusion turns where {row['n_shifted']:.0f} of them are shifted by "
                f"{shift * _unit(curve):+.3g} ({shift:+.2f} SD)"
            )
        circuit, test = map(str, key)
        found[circuit, test] = Check(
            "tipping-point",
            int(row["n"]),
            float(row["estimate"]),
            float(row["ci_low"]),
            float(row["ci_high"]),
            float(row["statistic"]),
            float(row["df"]),
            float(row["p"]),
            effect_size=shift,
            effect_size_type=f"delta, SD of {of} at follow-up",
            note=f"follow-ups of {row['n_imputed']:.0f} of {row['n']:.0f} imputed (missing at "
            f"random); {words}",
        )
    return found


def _tests(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    strategy: str,
) -> Iterator[tuple[Circuit, PlannedTest, pd.DataFrame]]:
    """Yield each primary circuit and test, with the participants it was planned for."""
    if design.within_drugs:
        return
    tests = [
        test
        for test in planned_tests(design)
        if test.arm is None
        and test.name in ("change", "association")
        and (design.si or test.name == "change")
    ]
    for circuit in circuits:
        if circuit.primary and circuit.variant_of is None:
            table = participant_table(
                connectivity, scores, design, circuit=circuit.id, strategy=strategy
            )
            for test in tests:
                yield circuit, test, table


def _pooled(
    gaps: Gaps, filled: list[tuple[Floats, Floats | None]], delta: float, alpha: float
) -> _Pooled:
    """Return the estimate over all imputations, shifted by delta, by Rubin's rules."""
    shift = np.where(gaps.shifted, delta * gaps.spread, 0.0)
    fits = []
    for after, score in filled:
        followup = after + shift if gaps.what == CONNECTIVITY else after
        outcome = score + shift if score is not None and gaps.what == SCORE else score
        fits.append(_fit(gaps, followup, outcome))
    estimates, variances, dfs = np.array(fits).T
    times = len(fits)
    between = float(estimates.var(ddof=1))
    within = float(variances.mean())
    total = within + (1 + 1 / times) * between
    estimate, df = float(estimates.mean()), float(dfs.mean())
    missing = (1 + 1 / times) * between / total
    if missing > 0:
        observed = (df + 1) / (df + 3) * df * (1 - missing)
        df = 1 / (missing**2 / (times - 1) + 1 / observed)
    error = total**0.5
    half, t = _half(alpha, df) * error, estimate / error
    ends = np.array([estimate, estimate - half, estimate + half])
    if gaps.score is not None:
        ends = np.tanh(ends)
    estimate, low, high = map(float, ends)
    return _Pooled(estimate, low, high, t, df, _two_sided(t, df))


def _fit(gaps: Gaps, followup: Floats, score: Floats | None) -> tuple[float, float, float]:
    """Return the estimate of one completed sample, its variance and degrees of freedom.

    Of an association both are those of Fisher's z of the partial ρ (Bonett and Wright 2000).
    """
    model, change = gaps.model, followup - gaps.before
    if score is not None and model.term is not None:
        ranked = replace(
            model, response=(model.response[0], score), term=(model.term[0], change)
        ).ranked()
        r, others = ranked.partial_r, len(model.nuisance)
        return float(np.arctanh(r)), (1 + r**2 / 2) / (model.n - 3 - others), model.n - 2 - others
    if model.term is None:
        return float(change.mean()), float(change.var(ddof=1)) / model.n, model.n - 1
    columns = informative(followup, model.tested, model.adjustment)
    fit = hc2_coefficient(*columns, alpha=_ONE_ERROR)
    return fit.estimate, (fit.ci_high - fit.estimate) ** 2 / _half(_ONE_ERROR, fit.df) ** 2, fit.df


def _unit(curve: pd.DataFrame) -> float:
    """Return the standard deviation that a curve's shifts are in."""
    shifts, deltas = curve["delta_sd"].to_numpy(), curve["delta"].to_numpy()
    last = int(np.argmax(np.abs(shifts)))
    return float(deltas[last] / shifts[last])


def _half(alpha: float, df: float) -> float:
    """Return half the width of an interval of t, in standard errors."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 1 - alpha / 2))


def _two_sided(t: float, df: float) -> float:
    from scipy.special import stdtr

    return 2 * float(stdtr(df, -abs(t)))
