"""Forest plots: every study's effect on a circuit, and what they say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.synthesis.pooling import TO_POOL
from ketfc.inference.synthesis.table import KEYS
from ketfc.reporting.figures import style
from ketfc.reporting.words import is_missing, number, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = (*KEYS, "row", "study", "n", "weight", "value", "ci_low", "ci_high")

STUDY, POOLED, PREDICTION = "study", "random effects", "prediction"
"""Rows of a panel."""


def draw_forest(
    table: pd.DataFrame, effects: pd.DataFrame, weight: pd.Series[float]
) -> tuple[Figure, pd.DataFrame]:
    """Draw a panel for each primary circuit, test and design.

    Parameters
    ----------
    table, effects : pandas.DataFrame
        ``synthesis.tsv`` and ``effects.tsv``, numbers as numbers.
    weight : pandas.Series of float
        Of every row of `effects`, per cent.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Squares are studies, their area the weight; the diamond is the mean of random effects with
        its interval, the line below it the prediction interval.
    numbers : pandas.DataFrame
        Every number drawn.
    """
    primary = table[table["primary"].astype(str).str.lower().isin(["true", "1"])]
    parts = []
    for row in primary.to_dict("records"):
        key = {name: row[name] for name in KEYS}
        same = (effects[["hypothesis", "test", "design", "metric"]].astype(str)) == [
            str(row[name]) for name in ("hypothesis", "test", "design", "metric")
        ]
        own = effects[same.all(axis=1)]
        studies = own.assign(row=STUDY, weight=weight[own.index], value=own["estimate"])
        parts.append(studies.reindex(columns=list(_COLUMNS)))
        if row["k"] >= TO_POOL:
            about = key | {"row": POOLED, "n": row["n"], "value": row["estimate"]}
            rows = [about | {name: row[name] for name in ("ci_low", "ci_high")}]
            if not is_missing(row["prediction_low"]):
                ends = {"ci_low": row["prediction_low"], "ci_high": row["prediction_high"]}
                rows.append(about | {"row": PREDICTION} | ends)
            parts.append(pd.DataFrame(rows).reindex(columns=list(_COLUMNS)))
    numbers = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(_COLUMNS))
    with style.paper_style():
        if numbers.empty:
            return style.words_only("No study gives a number for a primary circuit."), numbers
        return _draw(numbers), numbers


def _draw(numbers: pd.DataFrame) -> Figure:
    panels = [own for _, own in numbers.groupby(list(KEYS), sort=False, dropna=False)]
    columns = 2 if len(panels) > 1 else 1
    rows = -(-len(panels) // columns)
    most = max(len(own) for own in panels)
    figure = style.new_figure(style.page_width(), rows * (20 + 4.6 * most))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, own in zip(grid, panels, strict=False):
        _panel(axes, own)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    return figure


def _panel(axes: Axes, own: pd.DataFrame) -> None:
    first = own.iloc[0]
    labels = []
    for i, row in enumerate(own.to_dict("records")):
        low, high, value = (float(row[name]) for name in ("ci_low", "ci_high", "value"))
        line: Any = {"color": style.INK, "linewidth": 0.9, "solid_capstyle": "butt"}
        if row["row"] == STUDY:
            labels.append(f"{row['study']} ({number(row['n'], 0)})")
            axes.plot([low, high], [i, i], **line)
            weight = 100.0 if is_missing(row["weight"]) else float(row["weight"])
            axes.scatter([value], [i], s=6 + 0.7 * weight, marker="s", color=style.INK, zorder=3)
        elif row["row"] == POOLED:
            labels.append("random effects")
            colour = style.ARM_COLOURS[None]
            axes.fill([low, value, high, value], [i, i - 0.3, i, i + 0.3], color=colour)
        else:
            labels.append("prediction")
            axes.plot([low, high], [i, i], **line | {"color": style.ARM_COLOURS[None]})
    axes.axvline(0, color=style.QUIET, linewidth=0.6, zorder=0)
    axes.set_yticks(np.arange(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlabel(str(first["metric"]))
    axes.set_title(
        f"{sentence(str(first['name']))}\n{first['test']}, {first['design']}",
        loc="left",
        fontweight="bold",
    )
