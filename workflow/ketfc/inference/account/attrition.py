"""Completers beside drop-outs, at baseline: ``tests/attrition.tsv``.

Differences and their intervals, without a test: a p value above .05 in a handful of drop-outs would
say nothing, and what a difference does to the results depends on its size, not on its p.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.imaging.run.connectivity import MEAN
from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.samples import covariate_values
from ketfc.inference.motion.sessions import session_motion
from ketfc.study.design.design import Design
from ketfc.study.scores.long_scores import TOTAL

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

ATTRITION_COLUMNS = (
    "followup",
    "comparison",
    "arm",
    "kind",
    "variable",
    "completers",
    "dropouts",
    "n_completers",
    "n_dropouts",
    "mean_completers",
    "sd_completers",
    "mean_dropouts",
    "sd_dropouts",
    "difference",
    "ci_low",
    "ci_high",
    "standardised_difference",
    "flags",
)

SCANNED, ANALYSED = "scanned", "analysed"
"""Completers have an image of the follow-up, or usable connectivity of both sessions."""

SCORE, MOTION, COVARIATE, CIRCUIT = "score", "motion", "covariate", "circuit"
"""Kinds of variables."""

_EVERYBODY = "all"

_Variables = Mapping[tuple[str, str], "pd.Series[float]"]


def attrition(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    quality: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
    alpha: float,
) -> pd.DataFrame:
    """Compare completers with drop-outs at baseline, over everybody and within each arm.

    Parameters
    ----------
    connectivity, scores, quality : pandas.DataFrame
        ``connectivity.tsv``, ``plan/scores.tsv`` and ``quality/runs.tsv``.
    design : Design
        The study's design.
    circuits : iterable of Circuit
        The hypotheses, of which the primary ones are looked at.
    strategy : str
        Denoising strategy.
    alpha : float
        Intervals cover 1 − `alpha`.

    Returns
    -------
    pandas.DataFrame
        :data:`ATTRITION_COLUMNS`, a row per follow-up, comparison (:data:`SCANNED`, and
        :data:`ANALYSED` where it does not split people in the same way), arm and variable: scores,
        mean FD, numeric covariates and connectivity at baseline (in a crossover, at the session
        before both drugs; no rows without one). `completers` and `dropouts` count people, `n_…`
        those with a value. `difference` is completers − drop-outs with Welch's interval;
        `standardised_difference` divides it by the standard deviation pooled within the two
        groups. Flags: ``nobody-dropped-out``, ``nobody-came-back``, ``not-measured`` (somebody on
        both sides is needed), ``too-few`` (one person with a value on a side: no interval) and
        ``constant``.

    References
    ----------
    Altman DG (1985), Statistician 34:125–136, doi:10.2307/2987510 (no tests of baseline balance).
    Austin PC (2009), Stat Med 28:3083–3107, doi:10.1002/sim.3697 (standardised differences).
    """
    start = design.pre if design.within_drugs else design.baseline
    if start is None:
        return pd.DataFrame(columns=list(ATTRITION_COLUMNS))
    primary = [one for one in circuits if one.primary and one.variant_of is None]
    z = _mean_z(connectivity, [one.id for one in primary], strategy)
    arms = {who: arm for who, arm in design.in_contrasts().items() if _planned(arm, design)}
    people = pd.Index(sorted(arms), dtype=object)
    measured = _variables(z, scores, quality, design, primary, start, people)
    pairs = [design.contrasts[0]] if design.within_drugs else list(design.contrasts)
    rows: list[dict[str, Any]] = []
    for before, after in pairs:
        needed = {before, after} if design.within_drugs else {after}
        seen = quality.groupby("role")["participant_id"].agg(set)
        scanned = {who for who in people if all(who in seen.get(role, set()) for role in needed)}
        usable = z.dropna().reset_index().groupby("role")["participant_id"].agg(set)
        analysed = usable.get(before, set()) & usable.get(after, set()) & set(people)
        splits = {SCANNED: scanned}
        if analysed != scanned:
            splits[ANALYSED] = analysed
        for comparison, completers in splits.items():
            for arm, group in _groups(arms, design):
                about = {"followup": after, "comparison": comparison, "arm": arm}
                back = [who for who in group if who in completers]
                away = [who for who in group if who not in completers]
                rows += [
                    about
                    | {"kind": kind, "variable": name}
                    | {"completers": len(back), "dropouts": len(away)}
                    | _compared(values, back, away, alpha)
                    for (kind, name), values in measured.items()
                ]
    return pd.DataFrame(rows, columns=list(ATTRITION_COLUMNS))


def _planned(arm: str | None, design: Design) -> bool:
    return arm is not None or not design.between_arms


def _groups(arms: Mapping[str, str | None], design: Design) -> Iterator[tuple[str, list[str]]]:
    yield _EVERYBODY, sorted(arms)
    if design.between_arms:
        for role, label in design.arms.items():
            yield label, sorted(who for who, arm in arms.items() if arm == role)


def _mean_z(connectivity: pd.DataFrame, circuits: list[str], strategy: str) -> pd.Series[float]:
    """Return the circuits' Fisher z by participant, role and circuit, NaN where there is none."""
    own = connectivity[
        (connectivity["strategy"] == strategy)
        & (connectivity["measure"] == MEAN)
        & connectivity["circuit"].isin(circuits)
    ]
    z = pd.to_numeric(own["z"])
    keys = ["participant_id", "role", "circuit"]
    return own.assign(z=z.where(np.isfinite(z))).set_index(keys)["z"]


def _variables(
    z: pd.Series[float],
    scores: pd.DataFrame,
    quality: pd.DataFrame,
    design: Design,
    primary: list[Circuit],
    start: str,
    people: pd.Index[str],
) -> _Variables:
    """Return what was measured at baseline, by kind and name."""
    found: dict[tuple[str, str], pd.Series[float]] = {}
    for scale, about in design.scores.items():
        own = scores[
            (scores["scale"] == scale)
            & (scores["instrument"] == about.instrument)
            & (scores["item"] == TOTAL)
            & (scores["role"] == start)
        ]
        name = f"{about.instrument} ({'SI' if scale == 'si' else scale})"
        found[SCORE, name] = pd.to_numeric(own.set_index("participant_id")["score"])
    # runs that were excluded for their motion are what this asks about
    motion = session_motion(quality.assign(status="ok"))
    if "mean_fd" in motion:
        of_start = motion.index.get_level_values("role") == start
        found[MOTION, "mean FD (mm)"] = motion["mean_fd"][of_start].droplevel("role")
    for name in design.terms.covariates:
        if design.covariates[name] == "numeric" and name != design.terms.blocks:
            found[COVARIATE, name] = covariate_values(design, name, people)
    at_start = z[z.index.get_level_values("role") == start].droplevel("role")
    for circuit in primary:
        own_z = at_start[at_start.index.get_level_values("circuit") == circuit.id]
        found[CIRCUIT, circuit.name] = own_z.droplevel("circuit")
    return found


def _compared(
    values: pd.Series[float], back: list[str], away: list[str], alpha: float
) -> dict[str, Any]:
    """Return the numbers of one variable."""
    came, left = (_known(values, people) for people in (back, away))
    row = {
        "n_completers": len(came),
        "n_dropouts": len(left),
        "mean_completers": _mean(came),
        "sd_completers": _sd(came),
        "mean_dropouts": _mean(left),
        "sd_dropouts": _sd(left),
    }
    if not away or not back:
        return row | {"flags": "nobody-came-back" if away else "nobody-dropped-out"}
    if not len(came) or not len(left):
        return row | {"flags": "not-measured"}
    difference = _mean(came) - _mean(left)
    pooled = _pooled(came, left)
    low, high = _welch(came, left, alpha)
    flags = "too-few" if min(len(came), len(left)) < 2 else "constant" if pooled == 0 else None
    return row | {
        "difference": difference,
        "ci_low": low,
        "ci_high": high,
        "standardised_difference": difference / pooled if pooled > 0 else nan,
        "flags": flags,
    }


def _known(values: pd.Series[float], people: list[str]) -> Floats:
    column = np.asarray(values.reindex(people).to_numpy(), dtype=np.float64)
    known: Floats = column[np.isfinite(column)]
    return known


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else nan


def _sd(values: Floats) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else nan


def _pooled(one: Floats, other: Floats) -> float:
    df = len(one) + len(other) - 2
    squares = sum(float(((side - side.mean()) ** 2).sum()) for side in (one, other))
    return sqrt(squares / df) if df > 0 else nan


def _welch(one: Floats, other: Floats, alpha: float) -> tuple[float, float]:
    """Return the interval of a difference between means that allows for unequal spreads."""
    from scipy import stats

    if min(len(one), len(other)) < 2 or _pooled(one, other) == 0:
        return nan, nan
    # scipy's test warns where one side is constant, which takes nothing from the interval
    first, second = (float(side.var(ddof=1)) / len(side) for side in (one, other))
    df = (first + second) ** 2 / (first**2 / (len(one) - 1) + second**2 / (len(other) - 1))
    half = float(stats.t.ppf(1 - alpha / 2, df)) * sqrt(first + second)
    difference = _mean(one) - _mean(other)
    return difference - half, difference + half
