"""The primary estimates with missing follow-ups imputed and shifted, to the tipping point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketfc.inference.robustness.imputation import SCORE
from ketfc.inference.robustness.tipping_point import tipping_point
from ketfc.reporting.figures import style
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE = style.QUIET
_ROW = 47.0
"""Height of a row of panels, mm."""


def draw_tipping_points(curves: pd.DataFrame, design: Design) -> tuple[Figure, pd.DataFrame]:
    """Draw each primary estimate and its interval against the shift of what is missing.

    Parameters
    ----------
    curves : pandas.DataFrame
        ``tests/tipping_point.tsv`` with its numbers as numbers.
    design : Design
        The study's design.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A column per circuit; above the changes, below the associations, where there are any.
    numbers : pandas.DataFrame
        `curves`.
    """
    with style.paper_style():
        if curves.empty:
            return style.words_only(_nothing(design)), curves
        return _draw(curves, design), curves


def _nothing(design: Design) -> str:
    if design.within_drugs:
        return "In a crossover no follow-up is imputed."
    return (
        "Nobody who has a baseline lacks a follow-up, or too few have one to impute by: nothing "
        "was imputed."
    )


def _draw(curves: pd.DataFrame, design: Design) -> Figure:
    tests, circuits = (list(dict.fromkeys(curves[key])) for key in ("test", "hypothesis"))
    tests.sort(key=["change", "association"].index)
    figure = style.new_figure(style.page_width(), _ROW * len(tests) + 4)
    grid = figure.subplots(len(tests), len(circuits), sharex=True, sharey="row", squeeze=False)
    names = dict(zip(curves["hypothesis"], curves["name"], strict=True))
    for i, test in enumerate(tests):
        for j, circuit in enumerate(circuits):
            axes = grid[i, j]
            own = curves[(curves["test"] == test) & (curves["hypothesis"] == circuit)]
            name = style.two_lines(str(names[circuit]), 18) if i == 0 else ""
            if own.empty:
                style.entitle(axes, name, "", size=_SMALL)
                axes.text(0.5, 0.5, "nothing\nimputed", transform=axes.transAxes, **_CENTRED)
                continue
            _panel(axes, own.sort_values("delta_sd"), name, design.alpha)
        unit = "Fisher z" if test == "change" else "partial ρ"
        grid[i, 0].set_ylabel(f"{test}, {unit}")
        shifted = curves.loc[curves["test"] == test, "shifted"].iloc[0]
        what = "missing scores" if shifted == SCORE else "missing connectivity"
        of = " in the ketamine arm" if test == "change" and design.between_arms else ""
        middle = grid[i, len(circuits) // 2]
        middle.set_xlabel(f"shift of {what}{of}, SD")
        middle.xaxis.set_label_coords(0.5 if len(circuits) % 2 else 0.0, -0.18)
    for axes in grid.flat:
        axes.tick_params(labelbottom=True)
        axes.set_xticks([-3, 0, 3])
    figure.align_ylabels()
    return figure


_SMALL = 6.2
"""Size of the words above a panel, points of an ordinary page."""

_CENTRED: dict[str, object] = {"ha": "center", "va": "center", "color": style.QUIET}


def _panel(axes: Axes, own: pd.DataFrame, name: str, alpha: float) -> None:
    x, y = own["delta_sd"].to_numpy(), own["estimate"].to_numpy()
    axes.axhline(0, color=style.QUIET, linewidth=0.6, zorder=0)
    axes.fill_between(x, own["ci_low"], own["ci_high"], color=_LINE, alpha=0.18, linewidth=0)
    axes.plot(x, y, color=_LINE)
    at = int(np.argmin(np.abs(x)))
    axes.plot(x[at], y[at], marker="o", markersize=3.5, color=_LINE)
    turned = tipping_point(own, alpha=alpha)
    words = "none within 3 SD"
    if np.isfinite(turned):
        axes.axvline(turned, color=style.INK, linewidth=1.2, linestyle=(0, (3, 2)))
        words = f"turns at {turned:+.1f} SD".replace("-", "−")
    count = f"{own['n_imputed'].iloc[0]:.0f} of {own['n'].iloc[0]:.0f} imputed"
    weight = "bold" if np.isfinite(turned) else "normal"
    style.entitle(axes, name, f"{count}\n{words}", size=_SMALL, fontweight=weight)
    axes.margins(x=0)
