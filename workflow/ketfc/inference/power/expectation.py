"""Power that formulas expect of a planned study, and the effects and sizes that follow from it.

Formulas know of normal values alone, and of the participants who are expected to be complete;
tests by ranks have the power of tests by values in :data:`RANK_EFFICIENCY` times as many. What
floors and ties cost, only the simulation knows.
"""

from __future__ import annotations

from math import nan

from ketfc.inference.power.formulas import (
    RANK_EFFICIENCY,
    power_of_difference,
    power_of_dz,
    power_of_partial_r,
)
from ketfc.inference.power.planned import FEWEST, PlannedStudy

_FURTHEST = 4096
"""Participants of the largest study that is looked for."""


def expected_power(planned: PlannedStudy, question: str, n: int, effect: float) -> float:
    """Return the power of the primary test by the formula of its design.

    Parameters
    ----------
    planned : PlannedStudy
        The study.
    question : str
        ``change``: a paired t test in one arm, an ANCOVA of two arms, a comparison of the orders in
        a crossover. ``association``: a partial correlation.
    n : int
        Participants who are enrolled.
    effect : float
        As in :class:`ketfc.study.config.planning.power.PlannedEffects`.

    Returns
    -------
    float
        NaN where those who are complete are too few for the test.
    """
    about, alpha = planned.measurement, planned.level
    first, second = planned.complete(n)
    size = abs(effect)
    if question == "association":
        nuisance = _nuisance(planned)
        people = int(RANK_EFFICIENCY * (first + second))
        return power_of_partial_r(about.measured_r(size), people, nuisance=nuisance, alpha=alpha)
    if planned.design.within_drugs:
        # orders differ by twice the effect of the drug
        return power_of_difference(2 * size / about.change_sd, first, second, alpha=alpha)
    if planned.design.between_arms:
        return power_of_difference(
            size * about.reliability**0.5,
            first,
            second,
            nuisance=1,
            explained=about.retest**2,
            alpha=alpha,
        )
    return nan if first < 2 else power_of_dz(size / about.change_sd, first, alpha=alpha)


def expected_effect(planned: PlannedStudy, question: str, n: int) -> float:
    """Return the effect that has the power asked for by the formula, NaN where none has."""
    from scipy import optimize

    def missing(effect: float) -> float:
        return expected_power(planned, question, n, effect) - planned.target

    highest = 0.999 if question == "association" else 20.0
    if not missing(highest) > 0:
        return nan
    return float(optimize.brentq(missing, 1e-6, highest, xtol=1e-8))


def expected_n(planned: PlannedStudy, question: str, effect: float) -> float:
    """Return the fewest participants who have the power asked for by the formula.

    NaN where some four thousand do not have it.
    """

    def enough(n: int) -> bool:
        return expected_power(planned, question, n, effect) >= planned.target

    low, high = FEWEST - 1, 2 * FEWEST
    while not enough(high):
        low, high = high, 2 * high
        if high > _FURTHEST:
            return nan
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)


def _nuisance(planned: PlannedStudy) -> int:
    """Return how many columns an association has beside the change and the intercept."""
    return 2 if planned.design.between_arms else 1
