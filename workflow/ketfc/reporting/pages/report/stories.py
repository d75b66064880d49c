"""The story of each circuit: its tests, means, plots, gates and all that stands beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ketfc.reporting.design_words import unit_of
from ketfc.reporting.gates import Gate, gates
from ketfc.reporting.pages.report.beside import Remark, Tables, remarks
from ketfc.reporting.pages.report.brain.viewer import Place, places
from ketfc.reporting.pages.report.cards import Card, cards
from ketfc.reporting.pages.report.circuit_plots import arm_means, circuit_plots
from ketfc.reporting.pages.report.plots import Plot
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class Story:
    """Everything that the page tells of one circuit.

    Attributes
    ----------
    card : Card
        Its primary tests.
    unit : str
        Unit of its connectivity.
    means : list of str
        Mean before and after by arm, in words.
    places : list of Place
        Where its regions are.
    """

    card: Card
    unit: str
    means: list[str]
    places: list[Place]
    plots: list[Plot]
    gates: list[Gate]
    remarks: list[Remark]


def stories(
    tables: Tables,
    numbers: Mapping[str, pd.DataFrame],
    runs: pd.DataFrame,
    regions: pd.DataFrame,
    design: Design,
    *,
    habenula: Sequence[str],
    people: bool,
) -> list[Story]:
    """Return the stories of the primary circuits, in the order of the tests.

    Parameters
    ----------
    tables : Tables
        Results of all circuits.
    numbers : mapping of str to pandas.DataFrame
        The numbers of figures by name (`ketfc.reporting.pages.report.circuit_plots`).
    runs : pandas.DataFrame
        ``quality/runs.tsv``.
    regions : pandas.DataFrame
        ``regions.tsv``.
    design : Design
        The study's design.
    habenula : sequence of str
        Sentences on the habenula.
    people : bool
        Whether participants are shown in the plots.
    """
    found = []
    for card in cards(tables.hypotheses, design):
        unit = unit_of(tables.hypotheses, card.circuit)
        found.append(
            Story(
                card=card,
                unit=unit,
                means=arm_means(card.circuit, numbers["paired"], design)
                if "paired" in numbers
                else [],
                places=places(card.circuit, regions),
                plots=circuit_plots(card.circuit, numbers, runs, design, unit=unit, people=people),
                gates=gates(card.circuit, tables.hypotheses, tables.motion, tables.curves, design),
                remarks=remarks(card.circuit, tables, design, habenula),
            )
        )
    return found
