"""The t of every edge of the first parcellation, and which edges survive correction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.edges.edgewise import CIRCUITS
from ketfc.reporting.figures import style
from ketfc.reporting.figures.matrices import (
    NAMED_UP_TO,
    Order,
    draw_matrix,
    mark_order,
    order_of,
    square,
)
from ketfc.reporting.text.edges import contrast, counted
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_CIRCLED_UP_TO = 20
"""So many surviving edges are circled where cells are small; more can be seen without."""

_KEYS = ["atlas", "test", "region_a", "region_b", "network_a", "network_b"]
_COLUMNS = [*_KEYS, "statistic", "p_fdr", "n", "survives"]


def draw_edges(edges: pd.DataFrame, design: Design) -> tuple[Figure, pd.DataFrame]:
    """Draw a matrix of t for each test: all edges below the diagonal, survivors above it.

    Parameters
    ----------
    edges : pandas.DataFrame
        ``tests/edges.tsv`` with its numbers as numbers; the circuits' own edges are not drawn.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Regions of one network stand together. Both tests share one colour scale; an edge that
        could not be tested is grey and hatched; where cells are small, up to 20 edges that survive
        are circled.
    numbers : pandas.DataFrame
        Columns atlas, test, region_a, region_b, network_a, network_b, statistic, p_fdr, n and
        survives (1 where `p_fdr` is below alpha, else 0); a row per edge and test.
    """
    rows = edges[edges["atlas"] != CIRCUITS]
    survives = (rows["p_fdr"] < design.alpha).astype(int)
    numbers = rows.assign(survives=survives)[_COLUMNS].reset_index(drop=True)
    with style.paper_style():
        if not np.isfinite(numbers["statistic"]).any():
            return style.words_only("No edge could be tested, so there is none to draw."), numbers
        return _draw(numbers, rows, design), numbers


def _draw(numbers: pd.DataFrame, rows: pd.DataFrame, design: Design) -> Figure:
    from matplotlib.ticker import MaxNLocator

    tests = list(dict.fromkeys(numbers["test"]))
    order = order_of(numbers[numbers["test"] == tests[0]])
    named = len(order.regions) <= NAMED_UP_TO
    figure = style.new_figure(style.page_width(), 130 if named else 116)
    panels = figure.subplots(1, 2)
    limit = style.nice_limit(numbers["statistic"], quantile=0.99, smallest=2.0)
    for i, (axes, test) in enumerate(zip(panels, tests, strict=False)):
        image = _draw_test(axes, numbers[numbers["test"] == test], order, limit)
        mark_order(axes, order, named, left=i == 0, below=True)
        what = counted(rows[rows["test"] == test], design)
        axes.set_title(
            f"{contrast(test, design)}\n{what.survivors}\n{what.sample}", linespacing=1.4
        )
    if len(tests) == 1:
        style.say(panels[1], "No score of suicidal ideation:\nno association was tested.")
    # not above the panels: the layout keeps no room there beside titles of square panels
    label = (
        "t (below the diagonal all edges, above it those that survive)\n"
        f"Exploratory. Atlas: {numbers['atlas'].iloc[0]}, {len(order.regions)} regions"
    )
    look: Any = {"location": "bottom", "pad": 0.03, "extend": "both", "ticks": MaxNLocator(5)}
    style.colour_bar(figure, image, panels, label, shrink=0.4, aspect=28, **look)
    return figure


def _draw_test(axes: Axes, numbers: pd.DataFrame, order: Order, limit: float) -> AxesImage:
    matrix = square(numbers, order, "statistic")
    survives = square(numbers, order, "survives") == 1
    above = np.triu(np.ones(matrix.shape, dtype=bool), k=1)
    matrix[above & np.isfinite(matrix) & ~survives] = 0.0
    image = draw_matrix(axes, matrix, limit)
    i, j = np.nonzero(above & survives)
    if len(order.regions) > NAMED_UP_TO and len(i) <= _CIRCLED_UP_TO:
        axes.scatter(j, i, s=9, facecolors="none", edgecolors=style.INK, linewidths=0.5, zorder=4)
    return image
