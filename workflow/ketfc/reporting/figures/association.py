"""Change in connectivity against change in suicidal ideation (SI)."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.inference.design.covariate_columns import covariate_columns
from ketfc.inference.design.planned_tests import adjusted_for
from ketfc.inference.design.samples import covariate_values
from ketfc.reporting.changes import circuit_changes, drug_orders, score_changes
from ketfc.reporting.design_words import arms_of, association_given
from ketfc.reporting.figures import style
from ketfc.reporting.figures.trend_lines import draw_line, draw_points, median_line
from ketfc.reporting.rows import hypothesis_row, primary_circuits, result_line
from ketfc.reporting.words import coverage, sentence
from ketfc.study.design.design import KETAMINE_FIRST, Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ["circuit", "kind", "participant_id", "arm", "x", "y", "y_low", "y_high", "si_change"]


def draw_association(
    connectivity: pd.DataFrame, scores: pd.DataFrame, hypotheses: pd.DataFrame, design: Design
) -> tuple[Figure, pd.DataFrame]:
    """Draw change in SI against change in connectivity, one panel per primary circuit.

    Parameters
    ----------
    connectivity, scores, hypotheses : pandas.DataFrame
        ``connectivity.tsv``, ``plan/scores.tsv`` and ``tests/hypotheses.tsv``.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Points are participants, their SI change adjusted as in the test (for baseline SI where it
        was measured, for arm where there are arms, for the order of the drugs in a crossover, for
        covariates); the line is that of :func:`ketfc.reporting.figures.trend_lines.median_line`.
    numbers : pandas.DataFrame
        Rows of kind ``participant`` (x: change in Fisher z, y: SI change as drawn, si_change: as
        measured) and of kind ``line`` (x, y, y_low, y_high).
    """
    circuits = primary_circuits(hypotheses)
    numbers = pd.DataFrame(columns=_COLUMNS)
    with style.paper_style():
        if not design.si:
            return style.words_only(
                "This study has no score of suicidal ideation,\nso no association can be drawn."
            ), numbers
        merged = circuit_changes(connectivity, design).merge(
            score_changes(scores, design), on="participant_id", suffixes=("", "_si")
        )
        merged["order"] = drug_orders(design, merged["participant_id"])
        needed = ["change", "change_si"]
        needed += [] if design.si_changes_only else ["baseline_si"]
        needed += ["arm"] if design.arms else []
        needed += ["order"] if design.drugs else []
        given = adjusted_for(design)
        for name in given:
            merged[f"covariate_{name}"] = covariate_values(design, name, merged["participant_id"])
        needed += [f"covariate_{name}" for name in given]
        merged = merged[merged["circuit"].isin(list(circuits))].dropna(subset=needed)
        if merged.empty:
            return style.words_only(
                "No participant has both a change in connectivity and a change in suicidal "
                "ideation,\nso no association can be drawn."
            ), numbers
        figure, axes = style.panel_grid(len(circuits), columns=3, panel_height=54)
        tables = []
        for panel, (circuit, name) in zip(axes, circuits.items(), strict=False):
            table = merged[merged["circuit"] == circuit]
            tables.append(_draw_panel(panel, table, design, circuit))
            row = hypothesis_row(hypotheses, circuit, "association")
            result = result_line(row, "ρ =", "association not tested")
            style.entitle(panel, textwrap.fill(name, 34), result)
        _legend(axes[-1], design)
        numbers = pd.concat(tables, ignore_index=True)
    return figure, numbers


def _covariates(table: pd.DataFrame, design: Design) -> npt.NDArray[np.float64]:
    """Return the terms of `association_given` as columns of numbers."""
    columns = list(covariate_columns(table, adjusted_for(design)).values())
    if design.drugs:
        columns.append(np.asarray(table["order"] == KETAMINE_FIRST, dtype=float))
    elif not design.si_changes_only:
        columns.append(table["baseline_si"].to_numpy(dtype=float))
    arms = arms_of(design)
    columns += [np.asarray(table["arm"] == arm.role, dtype=float) for arm in arms[1:]]
    return np.column_stack(columns) if columns else np.empty((len(table), 0))


def _draw_panel(axes: Axes, table: pd.DataFrame, design: Design, circuit: str) -> pd.DataFrame:
    arms = arms_of(design)
    axes.set_xlabel(sentence(f"{_what(design)} in connectivity, Fisher z"))
    axes.set_ylabel(_score_label(design))
    if table.empty:
        style.say(axes, "no participant with both changes")
        axes.set_xlabel("")
        axes.set_ylabel("")
        return pd.DataFrame(columns=_COLUMNS)
    x = table["change"].to_numpy(dtype=float)
    y = table["change_si"].to_numpy(dtype=float)
    alpha = design.alpha
    line = median_line(x, y, _covariates(table, design), alpha=alpha)
    points = y if line is None else line.points
    labels = {arm.role: arm.label for arm in arms}
    who, arm = table["participant_id"].to_numpy(), [labels.get(role) for role in table["arm"]]
    columns = {"participant_id": who, "arm": arm, "x": x, "y": points, "si_change": y}
    people = pd.DataFrame({"circuit": circuit, "kind": "participant", **columns}, columns=_COLUMNS)
    draw_points(axes, x, points, list(table["arm"]), arms, size=16)
    if line is None:
        axes.text(
            0.5,
            0.02,
            "too few participants for a line",
            transform=axes.transAxes,
            ha="center",
            fontsize=6,
            color=style.QUIET,
        )
        return people
    draw_line(axes, line)
    ends = {"x": line.x, "y": line.y, "y_low": line.low, "y_high": line.high}
    drawn = pd.DataFrame({"circuit": circuit, "kind": "line", **ends}, columns=_COLUMNS)
    # columns that are all missing would warn about their type when concatenated
    return pd.concat([people.astype(object), drawn.astype(object)], ignore_index=True)


def _score_label(design: Design) -> str:
    instrument = design.instrument
    supplied = " (supplied)" if design.si_changes_only else ""
    adjusted = ", adjusted" if association_given(design) else ""
    return f"{instrument} {_what(design)}{supplied}{adjusted}"


def _what(design: Design) -> str:
    return "difference" if design.drugs else "change"


def _legend(axes: Axes, design: Design) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | Patch] = [
        style.legend_mark(
            arm.label if arm.role else "one participant",
            **style.arm_look(arm.role, 4.5),
            markeredgecolor="white",
            markeredgewidth=0.5,
        )
        for arm in arms_of(design)
    ]
    handles.append(Line2D([], [], color=style.INK, linewidth=1.2, label="Theil–Sen line"))
    covers = coverage(design.alpha)
    handles.append(Patch(facecolor=style.INK, alpha=0.12, label=f"{covers} interval of its slope"))
    axes.legend(handles=handles, loc="center left", handlelength=1.8, labelspacing=0.9)
