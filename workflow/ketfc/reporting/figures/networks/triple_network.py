"""Default-mode, salience and frontoparietal networks as three nodes, with their change by arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.imaging.group.networks import BETWEEN, CONTROL, DEFAULT, SALIENCE, SEGREGATION, WITHIN
from ketfc.inference.families import NETWORKS
from ketfc.reporting.design_words import arms_of, compared
from ketfc.reporting.figures import style
from ketfc.reporting.words import as_number, number, p_equals
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

_PLACES = {SALIENCE: (0.0, 0.92), DEFAULT: (-1.0, -0.72), CONTROL: (1.0, -0.72)}
"""Corners of the triangle; salience, which is thought to switch between the others, on top."""

_SHORT = {
    SALIENCE: "salience",
    DEFAULT: "default mode",
    CONTROL: "frontoparietal",
    "all": "all networks",
}

_COLUMNS = [
    *("panel", "measure", "network_a", "network_b"),
    *("estimate", "ci_low", "ci_high", "p_holm", "n"),
]


@dataclass(frozen=True)
class _Panel:
    """A triangle: its title, its test in the table, and the look of its rows among the bars."""

    title: str
    test: str
    look: dict[str, Any]


def draw_networks(tests: pd.DataFrame, design: Design) -> tuple[Figure, pd.DataFrame]:
    """Draw the change of the three networks: triangles for each arm, bars with intervals below.

    Parameters
    ----------
    tests : pandas.DataFrame
        ``tests/networks.tsv`` with its numbers as numbers.
    design : Design
        The study's design.

    Returns
    -------
    figure : matplotlib.figure.Figure
        With two arms a triangle of the change in each and one of the difference between them, which
        is what is tested; else one triangle. All triangles share one colour scale.
    numbers : pandas.DataFrame
        Columns panel, measure, network_a, network_b, estimate, ci_low, ci_high, p_holm and n.
    """
    panels = _panels(design)
    rows = pd.concat([
        tests[tests["test"] == panel.test].assign(panel=panel.title.partition("\n")[0])
        for panel in panels
    ])  # fmt: skip
    numbers = rows[_COLUMNS].reset_index(drop=True)
    with style.paper_style():
        if not np.isfinite(numbers["estimate"]).any():
            why = tests.loc[tests["family"] == NETWORKS, "reason"].dropna().astype(str)
            reason = f": {why.iloc[0]}" if len(why) else ""
            return style.words_only(f"No network could be tested{reason}."), numbers
        return _draw(numbers, panels), numbers


def _panels(design: Design) -> list[_Panel]:
    before, after = compared(design)
    tested = {"color": style.INK, "marker": "D", "markersize": 4.2}
    if not design.between_arms:
        title = f"{after} minus {before}"
        return [_Panel(title, "change", tested | style.arm_look(None, 4.5))]
    return [
        *(
            _Panel(
                f"{arm.label}\nchange from {before} to {after}",
                f"change-{arm.label}",
                style.arm_look(arm.role, 4.5),
            )
            for arm in arms_of(design)
        ),
        _Panel("difference between the arms\nat equal baseline, tested", "change", tested),
    ]


def _draw(numbers: pd.DataFrame, panels: list[_Panel]) -> Figure:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    connectivity = numbers[numbers["measure"] != SEGREGATION]
    limit = style.nice_limit(connectivity["estimate"])
    colours, norm = colormaps[style.DIVERGING], Normalize(-limit, limit)
    several = len(panels) > 1
    figure = style.new_figure(style.page_width(), 132 if several else 106)
    # triangles above their bars, or the only one beside them
    shape = (2, 1) if several else (1, 2)
    grid = figure.add_gridspec(*shape, width_ratios=[1.0] if several else [0.85, 1.0])
    top, bottom = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    axes = top.subplots(1, len(panels), squeeze=False)[0]
    for one, panel in zip(axes, panels, strict=True):
        own = numbers[numbers["panel"] == panel.title.partition("\n")[0]]
        _triangle(one, own, panel, colours, norm)
    bar = top.colorbar(
        ScalarMappable(norm, colours), ax=axes, location="right", shrink=0.6, aspect=18, pad=0.02
    )
    bar.set_label("change in mean Fisher z")
    bar.outline.set_linewidth(0.5)
    beside: Any = (
        bottom.subplots(1, 2, width_ratios=(1.25, 1.0))
        if several
        else bottom.subplots(2, 1, height_ratios=(1.4, 1.0))
    )
    left, right = beside
    _bars(left, connectivity, panels, "change in mean Fisher z")
    _bars(right, numbers[numbers["measure"] == SEGREGATION], panels, "change in segregation")
    left.set_title("Within and between networks", fontweight="bold", loc="left")
    right.set_title("Segregation from all other networks", fontweight="bold", loc="left")
    if several:
        handles = [
            style.legend_mark(panel.title.replace("\n", ", ", 1).partition(", change")[0],
                              **panel.look)
            for panel in panels
        ]  # fmt: skip
        bottom.legend(handles=handles, loc="outside lower center", ncols=len(panels))
    return figure


def _triangle(
    axes: Axes, rows: pd.DataFrame, panel: _Panel, colours: Colormap, norm: Normalize
) -> None:
    """Draw three discs, coloured by the change within, joined by lines of the change between."""
    name, _, what = panel.title.partition("\n")
    axes.text(0.0, 2.4, name, fontsize=style.pt(9), fontweight="bold", ha="center", va="center")
    axes.text(0.0, 2.06, what, color=style.QUIET, ha="center", va="center")
    for row in rows[rows["measure"] == BETWEEN].to_dict("records"):
        ends = np.array([_PLACES[row["network_a"]], _PLACES[row["network_b"]]])
        value = as_number(row["estimate"])
        known = np.isfinite(value)
        width = 2.0 + 9.0 * abs(value) / float(norm.vmax or 1) if known else 1.0
        look: Any = {"solid_capstyle": "butt", "zorder": 1}
        if known:
            # a thin outline, since white is the colour of no change
            axes.plot(*ends.T, color=style.QUIET, linewidth=width + 0.8, **look)
            axes.plot(*ends.T, color=colours(norm(value)), linewidth=width, **look)
        else:
            axes.plot(*ends.T, color=style.QUIET, linewidth=width, linestyle=":", zorder=1)
        _label(axes, row, ends.mean(axis=0), boxed=True)
    for row in rows[rows["measure"] == WITHIN].to_dict("records"):
        key, value = row["network_a"], as_number(row["estimate"])
        x, y = _PLACES[key]
        known = np.isfinite(value)
        face = colours(norm(value)) if known else style.NO_DATA
        axes.scatter(x, y, s=1500, color=[face], edgecolors=style.INK, linewidths=0.9, zorder=3)
        dark = known and abs(value) > 0.6 * float(norm.vmax or 1)
        _label(axes, row, np.array([x, y]), colour="white" if dark else style.INK)
        below = y < 0
        axes.annotate(
            _SHORT[key],
            (x, y),
            xytext=(0, -24 if below else 23),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=style.pt(8),
        )
    axes.set(xlim=(-1.75, 1.75), ylim=(-1.55, 2.6), aspect="equal")
    axes.set_axis_off()


def _label(
    axes: Axes, row: Any, place: Any, *, boxed: bool = False, colour: str = style.INK
) -> None:
    """Write an estimate, and its p after Holm where it was tested."""
    said = number(row["estimate"], signed=True)
    if np.isfinite(as_number(row["p_holm"])):
        said += f"\n{p_equals(row['p_holm'])}"
    box: Any = {"boxstyle": "round,pad=0.18", "facecolor": "white", "edgecolor": "none"}
    x, y = place
    axes.text(
        x,
        y,
        said,
        ha="center",
        va="center",
        fontsize=style.pt(6.8),
        color=colour,
        linespacing=1.15,
        zorder=4,
        bbox=box if boxed else None,
    )


def _bars(axes: Axes, rows: pd.DataFrame, panels: list[_Panel], label: str) -> None:
    """Draw estimates with their intervals, the measures below one another."""
    from matplotlib.ticker import MaxNLocator

    keys = ["measure", "network_a", "network_b"]
    measures = list(rows[keys].drop_duplicates().itertuples(index=False, name=None))
    axes.axvline(0, color=style.QUIET, linewidth=0.6, zorder=0)
    step = 0.24
    for j, panel in enumerate(panels):
        own = rows[rows["panel"] == panel.title.partition("\n")[0]].set_index(keys)
        offset = step * (j - (len(panels) - 1) / 2)
        for i, measure in enumerate(measures):
            row = own.loc[measure]
            y = i + offset
            axes.plot(
                [row["ci_low"], row["ci_high"]], [y, y], color=panel.look["color"], linewidth=1.1
            )
            axes.plot(row["estimate"], y, linestyle="none", **panel.look)
            if not np.isfinite(as_number(row["estimate"])):
                axes.text(
                    0, y, " n/a", va="center", fontsize=style.pt(6), color=panel.look["color"]
                )
    axes.set_yticks(range(len(measures)), [_words(*one) for one in measures])
    axes.set_ylim(len(measures) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for i in range(1, len(measures)):
        axes.axhline(i - 0.5, color=style.FAINT, linewidth=0.5, zorder=0)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(label)


def _words(measure: str, a: str, b: str) -> str:
    if measure == BETWEEN:
        return f"{_SHORT[a]} –\n{_SHORT[b]}"
    return _SHORT[a]
