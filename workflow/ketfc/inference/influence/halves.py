"""A primary test in the first and in the second half of its participants, by enrolment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan, sqrt

import numpy as np

from ketfc.inference.core.evidence import Evidence
from ketfc.inference.design.circuit_tests import Planned
from ketfc.inference.hypotheses import run_test
from ketfc.inference.influence.left_out import part_of


@dataclass(frozen=True)
class Halves:
    """A test in the two halves of its participants.

    Attributes
    ----------
    n : tuple of int
        Participants in the first and in the second half.
    evidence : tuple of Evidence
        Of each half; without numbers where it cannot be tested.
    difference, low, high : float
        Estimate of the second half less that of the first, with an interval.
    unordered : int
        Participants whose place in the order of enrolment is not known, who are in neither.
    """

    n: tuple[int, int] = (0, 0)
    evidence: tuple[Evidence, Evidence] = field(default=(Evidence(), Evidence()))
    difference: float = nan
    low: float = nan
    high: float = nan
    unordered: int = 0


def halves(
    planned: Planned, order: Mapping[str, float], *, seed: int, permutations: int, alpha: float
) -> Halves:
    """Test the earlier and the later half of the participants by themselves.

    Parameters
    ----------
    planned : Planned
        The test.
    order : mapping of str to float
        The participants' places in the order of enrolment, each its own; those left out, or not a
        number, have none.
    seed, permutations, alpha
        As for :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.

    Returns
    -------
    Halves
        Of an odd number the first half has one more. The interval of the difference is made of
        those of the halves, which may be lopsided (MOVER).

    References
    ----------
    Zou GY (2007), Psychol Methods 12:399–413, doi:10.1037/1082-989X.12.4.399.
    """
    complete = planned.sample.complete
    places = np.array([order.get(str(who), nan) for who in complete.index], dtype=np.float64)
    known = np.flatnonzero(np.isfinite(places))
    ranked = known[np.argsort(places[known], kind="stable")]
    middle = -(-len(ranked) // 2)
    parts = [np.isin(np.arange(len(places)), side) for side in np.split(ranked, [middle])]
    first, second = (
        run_test(part_of(planned, rows), seed=seed, permutations=permutations, alpha=alpha).evidence
        for rows in parts
    )
    difference = second.estimate - first.estimate
    below = (second.estimate - second.ci_low, first.ci_high - first.estimate)
    above = (second.ci_high - second.estimate, first.estimate - first.ci_low)
    return Halves(
        n=(int(parts[0].sum()), int(parts[1].sum())),
        evidence=(first, second),
        difference=difference,
        low=difference - sqrt(below[0] ** 2 + below[1] ** 2),
        high=difference + sqrt(above[0] ** 2 + above[1] ** 2),
        unordered=len(complete) - len(known),
    )
