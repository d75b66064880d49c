"""Changes in the activity of regions, side by side for every measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ketfc.inference.activity.table import FOLLOWS_CENSORING
from ketfc.inference.families import ACTIVITY
from ketfc.reporting.figures import style
from ketfc.reporting.rows import MOTION_MARK
from ketfc.reporting.text.beside.activity import measure_label
from ketfc.reporting.words import region_label
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = [
    *("region", "measure", "effect_size", "effect_size_ci_low", "effect_size_ci_high"),
    *("p_permutation", "p_fdr", "n", "flags"),
]

_ROW = 3.6
"""Height of a region, mm."""


def draw_activity(activity: pd.DataFrame, design: Design) -> tuple[Figure, pd.DataFrame]:
    """Draw the standardised change in activity of every region, a panel for each measure.

    Parameters
    ----------
    activity : pandas.DataFrame
        ``tests/activity.tsv``, numbers as numbers.
    design : Design
        The study's design.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Effect sizes with their intervals; filled where the change survives the false discovery
        rate, marked where it follows censoring.
    numbers : pandas.DataFrame
        The rows that are drawn.
    """
    chosen = activity[(activity["family"] == ACTIVITY) & (activity["test"] == "change")]
    numbers = chosen[_COLUMNS].reset_index(drop=True)
    with style.paper_style():
        if numbers["effect_size"].isna().all():
            return style.words_only("No change in activity could be tested."), numbers
        measures = list(dict.fromkeys(numbers["measure"]))
        regions = list(dict.fromkeys(numbers["region"]))
        figure = style.new_figure(style.page_width(), 26 + _ROW * len(regions))
        panels = figure.subplots(1, len(measures), sharex=True, sharey=True, squeeze=False)[0]
        for axes, measure in zip(panels, measures, strict=True):
            rows = numbers[numbers["measure"] == measure].set_index("region").reindex(regions)
            _panel(axes, rows, design.alpha)
            axes.set_title(measure_label(measure), loc="left", fontweight="bold")
        kind = chosen["effect_size_type"].dropna().iloc[0]
        panels[len(panels) // 2].set_xlabel(f"change, {kind}")
        panels[0].set_yticks(range(len(regions)), [region_label(region) for region in regions])
        panels[0].set_ylim(len(regions) - 0.4, -0.6)
        ring: Any = {"marker": "o", "markersize": 4, "color": style.INK}
        handles = [
            style.legend_mark("survives the false discovery rate", **ring),
            style.legend_mark("does not", **ring, markerfacecolor="white"),
        ]
        if numbers["flags"].fillna("").str.contains(FOLLOWS_CENSORING).any():
            handles.append(
                style.legend_mark(
                    "follows the change in censoring", marker="^", markersize=4, color=style.QUIET
                )
            )
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure, numbers


def _panel(axes: Axes, rows: pd.DataFrame, alpha: float) -> None:
    axes.axvline(0, color=style.FAINT, linewidth=0.8, zorder=0)
    axes.tick_params(axis="y", length=0)
    for place, row in enumerate(rows.to_dict("records")):
        if pd.isna(row["effect_size"]):
            axes.text(0, place, "not tested", ha="center", va="center", color=style.QUIET, size=6)
            continue
        ends = [row["effect_size_ci_low"], row["effect_size_ci_high"]]
        axes.plot(ends, [place, place], color=style.INK, linewidth=0.9, zorder=1)
        face = style.INK if row["p_fdr"] < alpha else "white"
        look: Any = {"marker": "o", "markersize": 4, "markerfacecolor": face, "zorder": 2}
        axes.plot([row["effect_size"]], [place], color=style.INK, linestyle="none", **look)
        if FOLLOWS_CENSORING in str(row["flags"]).split(";"):
            axes.annotate(
                MOTION_MARK,
                (1.01, place),
                xycoords=("axes fraction", "data"),
                ha="left",
                va="center",
                color=style.QUIET,
                fontsize=style.pt(6),
            )
