"""Planned tests of circuits with their participants, and the list of those who could not enter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ketfc.inference.design.baseline_connectivity import baseline_tests
from ketfc.inference.design.moderation import moderation_tests
from ketfc.inference.design.planned_tests import PlannedTest, planned_tests
from ketfc.inference.design.samples import Sample, participant_table, sample_of, seen_by
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit


@dataclass(frozen=True)
class Planned:
    """One test of one circuit.

    Attributes
    ----------
    circuit : ketfc.imaging.regions.registry.Circuit
        The hypothesis.
    test : ketfc.inference.design.planned_tests.PlannedTest
        The test.
    design : ketfc.study.design.design.Design
        The design as the test sees it: see :func:`ketfc.inference.design.samples.seen_by`.
    sample : ketfc.inference.design.samples.Sample
        Who enters it, and who does not.
    """

    circuit: Circuit
    test: PlannedTest
    design: Design
    sample: Sample


def planned_samples(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
) -> Iterator[Planned]:
    """Yield every circuit's planned tests, in the order of the tables.

    Moderation and baseline connectivity are looked at in primary circuits alone. Parameters are
    those of :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.
    """
    for circuit in circuits:
        about = {"circuit": circuit.id, "strategy": strategy}
        primary = participant_table(connectivity, scores, design, **about)
        exploratory = circuit.primary and circuit.variant_of is None
        further = [*moderation_tests(design), *baseline_tests(design)] if exploratory else []
        for test in (*planned_tests(design), *further):
            # of another definition of a circuit, only the main tests over everybody
            if circuit.variant_of is not None and (test.arm is not None or test.secondary):
                continue
            table, seen = primary, design
            if test.secondary:
                measured, seen = seen_by(test, connectivity, design)
                table = participant_table(measured, scores, seen, **about)
            yield Planned(circuit, test, seen, sample_of(table, test, seen))


def incomplete_participants(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
) -> pd.DataFrame:
    """List who was planned for a test and could not enter it.

    Parameters are those of :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.

    Returns
    -------
    pandas.DataFrame
        Columns `participant_id`, `hypothesis`, `test` and `reason` (several joined by ``; ``):
        as many rows per hypothesis and test as its `n_excluded`.
    """
    rows = [
        (who, planned.circuit.id, planned.test.name, why)
        for planned in planned_samples(connectivity, scores, design, circuits, strategy=strategy)
        for who, why in planned.sample.left_out.items()
    ]
    return pd.DataFrame(rows, columns=["participant_id", "hypothesis", "test", "reason"])
