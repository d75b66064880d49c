"""Numbers of participants behind a result, and those that are too small to be shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ketfc.inference.design.circuit_tests import planned_samples
from ketfc.inference.synthesis.export import sample_cells
from ketfc.reporting.words import as_number
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit


@dataclass(frozen=True)
class Cells:
    """Participants by arm or order.

    Attributes
    ----------
    smallest : int
        Fewer participants than these are too few.
    planned : mapping of str to int
        Participants of the study by arm or order, or all of them.
    tested : mapping of (str, str) to mapping
        By hypothesis and test, who entered it.
    of_one_arm : frozenset of str
        Names of tests within one arm.
    """

    smallest: int
    planned: Mapping[str, int]
    tested: Mapping[tuple[str, str], Mapping[str, int]]
    of_one_arm: frozenset[str]

    def too_few(self, n: Any) -> bool:
        """Return whether a count is below the smallest cell; nobody and a missing one are not."""
        return 0 < as_number(n) < self.smallest

    def too_few_of_an_arm(self, row: Mapping[Any, Any]) -> bool:
        """Return whether a test may rest on too few of some arm.

        Where it is known who entered a test, they are counted. Else whoever is missing is taken to
        be of the smallest arm.
        """
        circuit = str(row.get("hypothesis", row.get("circuit", "")))
        test = str(row.get("test", row.get("question", "change")))
        n = as_number(row.get("n"))
        known = self.tested.get((circuit, test))
        if known is not None and (math.isnan(n) or int(n) == sum(known.values())):
            return any(count < self.smallest for count in known.values())
        if math.isnan(n) or n == 0 or test in self.of_one_arm:
            return False
        missing = sum(self.planned.values()) - int(n)
        return min(self.planned.values()) - missing < self.smallest


def cells_of(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    smallest: int,
) -> Cells:
    """Return who is behind the results of a study.

    Parameters
    ----------
    connectivity, scores : pandas.DataFrame
        ``connectivity.tsv`` and ``plan/scores.tsv``, numbers as numbers.
    design : Design
    circuits : iterable of Circuit
        All that were tested, other definitions among them.
    smallest : int
        ``statistics.smallest-cell``.
    """
    tested, within = {}, set()
    for each in planned_samples(connectivity, scores, design, circuits, strategy=design.strategy):
        people = each.sample.complete
        if each.test.arm is not None:
            within.add(each.test.name)
            counts = {each.test.arm: len(people)}
        else:
            counts = sample_cells(people, each.design)
        tested[each.circuit.id, each.test.name] = counts
    return Cells(smallest, planned_cells(design), tested, frozenset(within))


def planned_cells(design: Design) -> dict[str, int]:
    """Return the participants of a study by arm or order of drugs, or all of them."""
    everybody = design.in_contrasts()
    if design.within_drugs:
        orders = [order for who, order in design.sequences.items() if who in everybody and order]
        return {order: orders.count(order) for order in sorted(set(orders))}
    if design.between_arms:
        arms = list(everybody.values())
        return {arm: arms.count(arm) for arm in ("ketamine", "control")}
    return {"all": len(everybody)}
