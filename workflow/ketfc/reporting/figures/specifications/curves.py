"""Specification curves of the primary circuits, each above the dashboard of its choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketfc.base.files import MISSING
from ketfc.inference.specifications.choices import FAMILIES, REGISTERED
from ketfc.reporting.figures import style
from ketfc.reporting.rows import ascending
from ketfc.reporting.words import p_equals
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEADINGS = {
    "denoising": "denoising",
    "scrubbing": "censoring",
    "definition": "definition",
    "covariates": "covariates",
    "score": "score",
    "scale": "tested",
}
_OTHER = "another"
"""Definitions of regions differ from circuit to circuit, and share one row of the dashboard."""

_ROW, _CURVE = 2.6, 24.0
"""Heights in mm of a row of the dashboard and of a curve."""


def draw_specifications(
    table: pd.DataFrame, curves: pd.DataFrame, design: Design
) -> tuple[Figure, pd.DataFrame]:
    """Draw the effects of all specifications in ascending order, and below each its choices.

    Parameters
    ----------
    table, curves : pandas.DataFrame
        ``tests/specifications.tsv`` and ``tests/specification_curve.tsv`` with their numbers as
        numbers.
    design : Design
        The study's design.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A column per circuit; above the changes, below the associations, where there are any.
    numbers : pandas.DataFrame
        The specifications that are drawn with their `rank`, in the order of the table.
    """
    drawn = table[table["effect"].notna() & table["same_as"].isna()]
    numbers = ascending(drawn, "effect", ["hypothesis", "test"], place="rank")
    with style.paper_style():
        if numbers.empty:
            return style.words_only("No specification could be tested."), numbers
        return _draw(numbers, curves, design), numbers


def _draw(numbers: pd.DataFrame, curves: pd.DataFrame, design: Design) -> Figure:
    tests, circuits = (list(dict.fromkeys(curves[key])) for key in ("test", "hypothesis"))
    rows = {test: _rows(numbers[numbers["test"] == test]) for test in tests}
    heights = [height for test in tests for height in (_CURVE, _ROW * len(rows[test]))]
    figure = style.new_figure(style.page_width(), sum(heights) + 22.0 * len(tests))
    grid = figure.subplots(len(heights), len(circuits), height_ratios=heights, squeeze=False)
    limit = style.nice_limit(numbers["effect"])
    for i, test in enumerate(tests):
        for j, circuit in enumerate(circuits):
            own = numbers[(numbers["test"] == test) & (numbers["hypothesis"] == circuit)]
            about = curves[(curves["test"] == test) & (curves["hypothesis"] == circuit)]
            curve, board = grid[2 * i, j], grid[2 * i + 1, j]
            if own.empty or about.empty:
                style.say(curve, "not tested")
                style.say(board, "")
                continue
            _curve(curve, own, about.iloc[0], limit, design)
            board.sharex(curve)
            _dashboard(board, own, rows[test], design, labelled=j == 0)
            if j == 0:
                curve.set_ylabel(f"{test},\npartial r" + (" or ρ" if test == "association" else ""))
            else:
                curve.set_yticklabels([])
    figure.align_ylabels()
    return figure


def _rows(numbers: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the rows of a dashboard: families of more than one choice, and their choices."""
    found = []
    for family in FAMILIES:
        choices = list(dict.fromkeys(_choice(numbers[family], family)))
        if len(choices) > 1:
            found += [(family, choice) for choice in choices]
    return found


def _choice(values: pd.Series[str], family: str) -> list[str]:
    if family != "definition":
        return [MISSING if pd.isna(value) else str(value) for value in values]
    return [REGISTERED if value == REGISTERED else _OTHER for value in values]


def _curve(
    axes: Axes, own: pd.DataFrame, about: pd.Series[float], limit: float, design: Design
) -> None:
    found = (own["p_permutation"] <= design.alpha).to_numpy()
    size = float(np.clip(400 / len(own), 2.0, 9.0))
    axes.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    axes.axhline(about["median_effect"], color=style.QUIET, linewidth=0.7, linestyle=(0, (4, 2)))
    for here, colour in ((~found, style.OPEN), (found, style.FOUND)):
        axes.scatter(own["rank"][here], own["effect"][here], s=size, color=colour, linewidth=0)
    first = own[own["specification"] == 1]
    axes.scatter(
        first["rank"], first["effect"], s=26, marker="D", facecolor="none",
        edgecolor=style.INK, linewidth=0.8, zorder=4,
    )  # fmt: skip
    axes.set_ylim(-1.08 * limit, 1.08 * limit)
    axes.margins(x=0.04)
    axes.set_xticks([])
    name = style.two_lines(str(about["name"]).partition(",")[0], 20)
    style.entitle(axes, name, _line(about), size=5.8)


def _line(about: pd.Series[float]) -> str:
    share = 100 * about["share_significant"]
    return (
        f"median: {p_equals(about['p_median'])}\n"
        f"{share:.0f} % of {about['counted']:.0f}: {p_equals(about['p_share'])}"
    )


def _dashboard(
    axes: Axes,
    own: pd.DataFrame,
    rows: Sequence[tuple[str, str]],
    design: Design,
    *,
    labelled: bool,
) -> None:
    found = (own["p_permutation"] <= design.alpha).to_numpy()
    for i, (family, choice) in enumerate(rows):
        here = np.array([value == choice for value in _choice(own[family], family)])
        for which, colour in ((here & ~found, style.OPEN), (here & found, style.FOUND)):
            axes.scatter(
                own["rank"][which], np.full(int(which.sum()), i), marker="|",
                s=9, linewidth=float(np.clip(60 / len(own), 0.25, 1.2)), color=colour,
            )  # fmt: skip
        if i and rows[i - 1][0] != family:
            axes.axhline(i - 0.5, color=style.FAINT, linewidth=0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks(range(len(rows)), [_label(rows, i) for i in range(len(rows))])
    axes.tick_params(axis="y", labelsize=style.pt(5.5))
    if not labelled:
        axes.set_yticklabels([])


def _label(rows: Sequence[tuple[str, str]], i: int) -> str:
    family, choice = rows[i]
    opens = i == 0 or rows[i - 1][0] != family
    return f"{_HEADINGS[family]}: {choice}" if opens else choice
