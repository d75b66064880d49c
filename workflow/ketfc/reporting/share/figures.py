"""Figures that show participants or counts, drawn again from what may leave the lab."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ketfc.inference.clinical.effects import NUMBERS
from ketfc.inference.clinical.time_course import TIME_COURSE_NUMBERS
from ketfc.reporting.figures.clinical.scores import draw_clinical
from ketfc.reporting.figures.sessions.trajectory import draw_courses
from ketfc.reporting.pages.report.circuit_plots import course_of
from ketfc.reporting.rows import numeric, primary_circuits
from ketfc.study.design.design import Design

_DPI = 200


def redrawn(
    means: pd.DataFrame, pages: Mapping[str, pd.DataFrame | None], design: Design, folder: Path
) -> dict[str, Path]:
    """Draw means of connectivity without participants, and scores without small groups.

    Parameters
    ----------
    means : pandas.DataFrame
        Rows of kind ``mean`` of ``figures/paired.tsv``, of enough participants.
    pages : mapping of str to pandas.DataFrame
        ``hypotheses``, ``time_course`` and ``effects`` as they may be seen: numbers of rows that
        may not are missing.
    design : Design
        The study's design.
    folder : pathlib.Path
        Where the PNG files are written.

    Returns
    -------
    dict of str to pathlib.Path
        ``means`` and ``clinical``, as far as there is anything to draw.
    """
    from ketfc.reporting.figures.style import paper_style

    figures = {}
    hypotheses = pages["hypotheses"]
    circuits = {} if hypotheses is None else primary_circuits(hypotheses)
    circuits = {name: said for name, said in circuits.items() if name in set(means["circuit"])}
    if circuits:
        parts = [
            course_of(circuit, {"paired": means}, design)[1].assign(circuit=circuit)
            for circuit in circuits
        ]
        figures["means"] = draw_courses(pd.concat(parts), circuits, design)
    course, effects = pages["time_course"], pages["effects"]
    if course is not None and effects is not None:
        figure, drawn = draw_clinical(
            numeric(course, *TIME_COURSE_NUMBERS), numeric(effects, *NUMBERS), design
        )
        if len(drawn):
            figures["clinical"] = figure
    paths = {}
    for name, figure in figures.items():
        paths[name] = folder / f"{name}.png"
        with paper_style():
            figure.savefig(paths[name], dpi=_DPI, metadata={"Software": None})
    return paths
