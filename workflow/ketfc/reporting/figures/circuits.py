"""The circuits on a glass brain, each connection coloured by its change."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.reporting.changes import adjusted_difference, edge_changes
from ketfc.reporting.design_words import arms_of, compared
from ketfc.reporting.figures import style
from ketfc.reporting.figures.labels import merge_close, place_labels
from ketfc.reporting.rows import (
    MOTION_MARK,
    any_follows_motion,
    hypothesis_row,
    motion_mark,
    numeric,
    primary_circuits,
    result_line,
)
from ketfc.reporting.words import coverage, pair_label, sentence
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from matplotlib.path import Path

_VIEWS = {"x": (1, 2), "z": (0, 1)}
"""Direction of the look and the two coordinates seen: from the left, and from above."""
_NAMES = {"x": "from the left", "z": "from above"}
_SAME_PLACE = 9.0  # mm in a view; closer regions share a label


def draw_circuits(
    connectivity: pd.DataFrame, regions: pd.DataFrame, hypotheses: pd.DataFrame, design: Design
) -> tuple[Figure, pd.DataFrame]:
    """Draw the circuits of the primary hypotheses on glass brains.

    The brains are nilearn's; its ``plot_connectome`` names no region, draws missing connections as
    none, and has a colour scale for each circuit.

    Parameters
    ----------
    connectivity, regions, hypotheses : pandas.DataFrame
        ``connectivity.tsv``, ``regions.tsv`` (with centres x, y, z) and ``tests/hypotheses.tsv``.

    Returns
    -------
    figure : matplotlib.figure.Figure
        One panel per circuit, seen from the left and from above.
    numbers : pandas.DataFrame
        One row per edge: circuit, region_a, region_b, their centres in mm, the change in Fisher z
        (`ketfc.reporting.changes.adjusted_difference`) and the n behind it.
    """
    circuits = primary_circuits(hypotheses)
    numbers = _edges(connectivity, regions, design, list(circuits))
    with style.paper_style():
        if numbers.empty:
            return style.words_only("No circuit was measured: there is no connectivity."), numbers
        drawn = [circuit for circuit in circuits if (numbers["circuit"] == circuit).any()]
        figure = style.new_figure(style.page_width(), 48 * ((len(drawn) + 2) // 2) + 2)
        colours = _colours(numbers["change"])
        grid = figure.subfigures((len(drawn) + 2) // 2, 2, squeeze=False, wspace=0.02, hspace=0.02)
        cells = np.ravel(grid)
        views: list[tuple[Axes, str, pd.DataFrame]] = []
        for cell, circuit in zip(cells, drawn, strict=False):
            edges = numbers[numbers["circuit"] == circuit]
            cell.suptitle(sentence(circuits[circuit]), fontsize=style.pt(7.5), fontweight="bold")
            row = hypothesis_row(hypotheses, circuit, "change")
            result = result_line(row, "Δz", "change not tested", sep=", ") + motion_mark(row)
            cell.supxlabel(result, fontsize=style.pt(6.8))
            # one scale for both: seen from above, names stand beside the brain
            pair = cell.subplots(1, 2, width_ratios=[1, 1.3])
            for axes, direction in zip(pair, _VIEWS, strict=True):
                _draw_view(axes, direction, edges, colours)
                views.append((axes, direction, edges))
        marked = any_follows_motion(hypotheses)
        _legend(cells[len(drawn)].subplots(), colours, design, marked=marked)
        # names go where there is room, so the panels must have their final places first
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for axes, direction, edges in views:
            _name_regions(figure, axes, direction, edges)
    return figure, numbers


def _edges(
    connectivity: pd.DataFrame, regions: pd.DataFrame, design: Design, circuits: list[str]
) -> pd.DataFrame:
    changes = edge_changes(connectivity, design)
    # a region of several spheres, or listed once per template, is drawn at their mean
    means = numeric(regions, "x", "y", "z").groupby("region")[["x", "y", "z"]].mean()
    centres = dict(zip(means.index, means.to_dict("records"), strict=True))
    rows: list[dict[str, object]] = []
    for circuit in circuits:
        of_circuit = changes[changes["circuit"] == circuit]
        for (a, b), table in of_circuit.groupby(["region_a", "region_b"], sort=False):
            if a not in centres or b not in centres:
                continue
            change, n = adjusted_difference(table, design)
            row: dict[str, object] = {"circuit": circuit, "region_a": a, "region_b": b}
            for end, region in (("a", a), ("b", b)):
                row |= {f"{axis}_{end}": value for axis, value in centres[region].items()}
            rows.append(row | {"change": change, "n": n})
    ends = [f"{axis}_{end}" for end in "ab" for axis in "xyz"]
    return pd.DataFrame(rows, columns=["circuit", "region_a", "region_b", *ends, "change", "n"])


def _colours(changes: pd.Series[float]) -> ScalarMappable:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    limit = style.nice_limit(changes)
    return ScalarMappable(Normalize(-limit, limit), style.DIVERGING)


def _places(edges: pd.DataFrame, direction: str) -> dict[str, tuple[float, float]]:
    places: dict[str, tuple[float, float]] = {}
    for edge in edges.to_dict("records"):
        for end in "ab":
            xyz = [float(edge[f"{axis}_{end}"]) for axis in "xyz"]
            across, up = _VIEWS[direction]
            places[edge[f"region_{end}"]] = (xyz[across], xyz[up])
    return places


def _draw_view(axes: Axes, direction: str, edges: pd.DataFrame, colours: ScalarMappable) -> None:
    from matplotlib import patheffects
    from matplotlib.patches import PathPatch

    outline, bounds = _outline(direction)
    axes.add_artist(PathPatch(outline, facecolor="none", edgecolor="#b5b5b5", linewidth=0.5))
    # room for names beside the brain, of 7 points or larger; seen from above it is narrow
    room = 8 if direction == "x" else 50 * max(1.0, style.pt(7) / 7) ** 2
    axes.set_xlim(bounds[0] - room, bounds[1] + room)
    axes.set_ylim(bounds[2] - 4, bounds[3] + 2)
    axes.set_aspect("equal")
    axes.set_axis_off()
    look: Any = {"ha": "center", "va": "top", "fontsize": style.pt(5.5), "color": style.QUIET}
    axes.text(0.5, 0.0, _NAMES[direction], transform=axes.transAxes, **look)
    if direction == "z":
        # below the brain, where no region's name covers them
        for x, side in ((-66, "L"), (66, "R")):
            axes.text(x, 0.0, side, transform=axes.get_xaxis_transform(), **look)
    places = _places(edges, direction)
    # the strongest changes lie on top; what has no value is a dotted line below all
    order = edges["change"].abs().fillna(-1).argsort(kind="stable")
    casing = [patheffects.withStroke(linewidth=2.7, foreground="#5a5a5a")]
    for edge in edges.iloc[order].itertuples():
        (x_a, y_a), (x_b, y_b) = places[str(edge.region_a)], places[str(edge.region_b)]
        change = float(str(edge.change))
        if np.isfinite(change):
            colour = colours.to_rgba(np.array([change]))[0]
            look = {"linewidth": 1.9, "zorder": 3, "solid_capstyle": "round"}
            effects = [*casing, patheffects.Normal()]
            axes.plot([x_a, x_b], [y_a, y_b], color=colour, path_effects=effects, **look)
        else:
            axes.plot([x_a, x_b], [y_a, y_b], color=style.QUIET, linewidth=0.9, linestyle=":")
    xs, ys = zip(*places.values(), strict=True)
    axes.scatter(xs, ys, s=16, color=style.INK, edgecolor="white", linewidth=0.6, zorder=5)


@cache
def _outline(direction: str) -> tuple[Path, tuple[float, float, float, float]]:
    """Return nilearn's glass brain as one path in mm, and its bounds.

    nilearn draws hundreds of strokes; one path draws faster and makes files a tenth the size.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path
    from nilearn.plotting.glass_brain import plot_brain_schematics

    axes = Figure().add_subplot()
    left, right, low, high = plot_brain_schematics(axes, direction)
    strokes = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    to_mm = strokes[0].get_transform() - axes.transData
    joined = Path.make_compound_path(*[stroke.get_path() for stroke in strokes])
    return to_mm.transform_path(joined), (left, right, low, high)


def _name_regions(figure: Figure, axes: Axes, direction: str, edges: pd.DataFrame) -> None:
    places = _places(edges, direction)
    names = list(places)
    groups = merge_close(np.array(list(places.values())), _SAME_PLACE)
    place_labels(
        figure,
        axes,
        [centre for centre, _ in groups],
        [pair_label([names[i] for i in members]) for _, members in groups],
        obstacles=_along(edges, direction),
        fontsize=style.pt(5.8),
    )


def _along(edges: pd.DataFrame, direction: str) -> npt.NDArray[np.float64]:
    """Return points along every edge, for names to keep off."""
    places = _places(edges, direction)
    share = np.linspace(0.1, 0.9, 15)[:, None]
    return np.vstack(
        [
            (1 - share) * np.array(places[a]) + share * np.array(places[b])
            for a, b in zip(edges["region_a"], edges["region_b"], strict=True)
        ]
    )


def _legend(axes: Axes, colours: ScalarMappable, design: Design, *, marked: bool) -> None:
    axes.set_axis_off()
    arms = arms_of(design)
    before, after = compared(design)
    what = (
        f"{arms[0].label} minus {arms[1].label},\nadjusted for the baseline value"
        if len(arms) == 2
        else f"{after} minus {before}" + (",\nadjusted for period" if design.drugs else "")
    )
    bar_axes = axes.inset_axes((0.12, 0.62, 0.76, 0.07))
    figure = axes.get_figure()
    assert figure is not None
    bar = figure.colorbar(colours, cax=bar_axes, orientation="horizontal")
    bar.outline.set_linewidth(0.5)
    bar.set_label(
        f"Change of a connection, Fisher z\n{what}", fontsize=style.pt(7), linespacing=1.4
    )
    axes.text(
        0.5,
        0.16,
        "Dotted: no value.  Numbers below a brain: the test of the\n"
        f"circuit's mean, with {coverage(design.alpha)} interval."
        + (f"\n{MOTION_MARK} motion: the change follows head motion." if marked else ""),
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=style.pt(6.5),
        color=style.QUIET,
        linespacing=1.4,
    )
