"""Curves of power: what is simulated, and where it reaches the power that is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd

from ketfc.base.files import read_tsv
from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.power.expectation import (
    expected_effect,
    expected_n,
    expected_power,
)
from ketfc.inference.power.planned import FEWEST, PlannedStudy
from ketfc.inference.power.simulation import simulated_p

POWER_COLUMNS = (
    "question",
    "design",
    "n",
    "n_complete",
    "effect",
    "power",
    "ci_low",
    "ci_high",
    "analytic",
    "studies",
)
"""Columns of ``power/power.tsv``."""

NEEDED_COLUMNS = (
    "question",
    "design",
    "quantity",
    "effect",
    "n",
    "target",
    "value",
    "ci_low",
    "ci_high",
    "analytic",
    "note",
)
"""Columns of ``power/needed.tsv``."""

NEEDED, DETECTABLE = "participants needed", "smallest detectable effect"
"""Quantities of ``power/needed.tsv``."""

LARGEST = 500
"""Participants of the largest study that is simulated, unless a curve goes further."""

_BEYOND = "not reached within the {what} that were simulated, {low} to {high}"

_AROUND_N = (0.8, 0.9, 1.0, 1.15, 1.35)
"""Numbers of participants about the one that the formula finds, in that one."""

_AROUND_EFFECT = (0.8, 0.9, 1.0, 1.1, 1.25)
"""Effects about the one that the formula finds, in that one."""


@dataclass(frozen=True)
class Crossing:
    """The place at which a curve reaches a power, and its intervals' ends; NaN for nowhere."""

    value: float
    low: float
    high: float


def power_table(planned: PlannedStudy, question: str) -> pd.DataFrame:
    """Simulate the curves of one question.

    Parameters
    ----------
    planned : PlannedStudy
        The study.
    question : str
        ``change`` or ``association``.

    Returns
    -------
    pandas.DataFrame
        The columns :data:`POWER_COLUMNS`, a row per effect and number of participants. Each effect
        of the plan has the curve, and a few numbers about the one that the formula says is needed;
        at the number expected there are also no effect at all (its power is the share of false
        positives) and a few about the one that the formula says is detectable. The interval is
        Wilson's 95 % for the error of the simulation.
    """
    rows = []
    for n, effect in _points(planned, question):
        # equal effects have equal studies, whatever else is simulated
        rng = stream(planned.seed, f"power/{question}/{n}/{effect:.10g}")
        p = simulated_p(planned, question, n, effect, rng=rng)
        # p values are multiples of 1 / (permutations + 1), in floating point
        found = int(np.count_nonzero(p <= planned.level + 1e-9))
        low, high = wilson(found, planned.studies)
        analytic = planned.level if effect == 0 else expected_power(planned, question, n, effect)
        values = (found / planned.studies, low, high, analytic, planned.studies)
        about = (question, str(planned.design.kind), n, sum(planned.complete(n)), effect)
        rows.append((*about, *values))
    return pd.DataFrame(rows, columns=list(POWER_COLUMNS))


def needed_table(planned: PlannedStudy, power: pd.DataFrame) -> pd.DataFrame:
    """Return how many participants are needed, and what those who are expected can find.

    Parameters
    ----------
    planned : PlannedStudy
        The study.
    power : pandas.DataFrame
        Its table from :func:`power_table`, of all questions.

    Returns
    -------
    pandas.DataFrame
        The columns :data:`NEEDED_COLUMNS`: for each question a row per effect with the participants
        needed, rounded up, and one with the smallest detectable effect.
    """
    rows = []
    for question, own in power.groupby("question", sort=False):
        about = {"question": question, "design": str(planned.design.kind)}
        about["target"] = planned.target
        for effect in planned.effects[str(question)]:
            curve = own[own["effect"] == effect].sort_values("n")
            at = _crossing(np.sqrt(curve["n"].to_numpy(float)), curve, planned.target)
            found = [math.ceil(x**2 - 1e-9) if x == x else nan for x in (at.value, at.low, at.high)]
            note = None if at.value == at.value else _beyond("participants", curve["n"])
            analytic = expected_n(planned, str(question), effect)
            numbers = dict(zip(("value", "ci_low", "ci_high"), found, strict=True))
            rows.append(
                about
                | {"quantity": NEEDED, "effect": effect, "analytic": analytic, "note": note}
                | numbers
            )
        n = planned.participants
        # effects that fall have a curve of their own, at the other end of the scale
        curve = own[(own["n"] == n) & (own["effect"] >= 0)].sort_values("effect")
        at = _crossing(curve["effect"].to_numpy(float), curve, planned.target)
        note = None if at.value == at.value else _beyond("effects", curve["effect"])
        analytic = expected_effect(planned, str(question), n)
        numbers = {"value": at.value, "ci_low": at.low, "ci_high": at.high}
        rows.append(
            about | {"quantity": DETECTABLE, "n": n, "analytic": analytic, "note": note} | numbers
        )
    return pd.DataFrame(rows).reindex(columns=list(NEEDED_COLUMNS))


def read_power(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Return tables of :func:`power_table` that were written as one, numbers as numbers."""
    tables = [read_tsv(path, numeric=POWER_COLUMNS[2:]) for path in paths]
    table = pd.concat(tables, ignore_index=True)
    return table.astype(dict.fromkeys(("n", "n_complete", "studies"), np.int64))


def wilson(found: int, studies: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was found in so many studies.

    References
    ----------
    Wilson EB (1927), J Am Stat Assoc 22:209–212, doi:10.1080/01621459.1927.10502953.
    """
    from scipy import stats

    interval = stats.binomtest(found, studies).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def crossing(x: Floats, power: Floats, target: float) -> float:
    """Return where a curve first reaches a power, NaN where it does not or has it all along.

    Parameters
    ----------
    x : numpy.ndarray of shape (points,)
        Where it was simulated, in rising order: of a test by t, what its noncentrality is
        proportional to (an effect, or the root of the participants).
    power : numpy.ndarray of shape (points,)
        What was found; made to rise by the least squares of Barlow and others where the error of
        the simulation lets it fall.
    target : float
        The power asked for.

    Returns
    -------
    float
        On a line between the points before and after in normal quantiles of the power, which about
        rise in a line.

    References
    ----------
    Barlow RE, Bartholomew DJ, Bremner JM, Brunk HD (1972), Statistical inference under order
    restrictions, Wiley.
    """
    from scipy import optimize, stats

    rising = optimize.isotonic_regression(power).x
    reached = np.flatnonzero(rising >= target)
    if not len(reached) or reached[0] == 0:
        return nan
    after = int(reached[0])
    # powers of 0 and 1 have no quantile
    low, high, at = stats.norm.ppf(np.clip([*rising[after - 1 : after + 1], target], 1e-4, 0.9999))
    return float(x[after - 1] + (x[after] - x[after - 1]) * (at - low) / (high - low))


def _beyond(what: str, simulated: pd.Series[float]) -> str:
    return _BEYOND.format(what=what, low=f"{simulated.min():.4g}", high=f"{simulated.max():.4g}")


def _crossing(x: Floats, curve: pd.DataFrame, target: float) -> Crossing:
    value, later, sooner = (
        crossing(x, curve[name].to_numpy(float), target) for name in ("power", "ci_low", "ci_high")
    )
    return Crossing(value, sooner, later)


def _points(planned: PlannedStudy, question: str) -> Iterator[tuple[int, float]]:
    """Yield participants and effects to be simulated, each once."""
    found: dict[tuple[int, float], None] = {}
    most = max(LARGEST, *planned.curve)
    for effect in planned.effects[question]:
        about = expected_n(planned, question, effect)
        near = [round(about * share) for share in _AROUND_N] if about == about else []
        sizes = {*planned.curve, planned.participants, *near}
        found |= dict.fromkeys((n, effect) for n in sorted(sizes) if FEWEST <= n <= most)
    n = planned.participants
    about = expected_effect(planned, question, n)
    near_effects = [round(about * share, 3) for share in _AROUND_EFFECT] if about == about else []
    highest = 0.99 if question == "association" else math.inf
    found |= dict.fromkeys((n, each) for each in (0.0, *near_effects) if each <= highest)
    yield from found
