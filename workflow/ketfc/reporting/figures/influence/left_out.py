"""Every primary result without each participant and site, in ascending order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.influence.left_out import INFLUENTIAL, NOBODY, PARTICIPANT, SITE
from ketfc.reporting.figures import style
from ketfc.reporting.rows import ascending
from ketfc.reporting.words import as_text, p_equals
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL = 46.0
"""Height of a row of panels, mm."""


def draw_influence(influence: pd.DataFrame, design: Design) -> tuple[Figure, pd.DataFrame]:
    """Draw the estimates without each participant and site, with their intervals.

    Parameters
    ----------
    influence : pandas.DataFrame
        ``tests/influence.tsv`` with its numbers as numbers.
    design : Design
        The study's design.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A column per circuit; above the changes, below the associations, where there are any.
    numbers : pandas.DataFrame
        The estimates that are drawn, with their `place`.
    """
    drawn = influence[influence["estimate"].notna()]
    by = ["hypothesis", "test", "left_out"]
    numbers = ascending(drawn, "estimate", by, place="place")
    with style.paper_style():
        if numbers.empty:
            return style.words_only("No primary test could be made."), numbers
        return _draw(influence, numbers, design), numbers


def _draw(influence: pd.DataFrame, numbers: pd.DataFrame, design: Design) -> Figure:
    tests, circuits = (list(dict.fromkeys(influence[key])) for key in ("test", "hypothesis"))
    figure = style.new_figure(style.page_width(), _PANEL * len(tests))
    grid = figure.subplots(len(tests), len(circuits), squeeze=False)
    names = dict(zip(influence["hypothesis"], influence["name"], strict=True))
    for i, test in enumerate(tests):
        of_test = numbers[numbers["test"] == test]
        for j, circuit in enumerate(circuits):
            axes, own = grid[i, j], of_test[of_test["hypothesis"] == circuit]
            short = str(names[circuit]).partition(",")[0]
            name = style.two_lines(short, 20) if i == 0 else ""
            if own.empty:
                style.entitle(axes, name, "", lines=1, size=5.8)
                style.say(axes, "not tested")
            else:
                _panel(axes, own, name, design)
        what = "partial ρ" if test == "association" else "Δz"
        grid[i, 0].set_ylabel(f"{test}, {what}")
    figure.supxlabel("one participant or site left out, in ascending order", fontsize=style.pt(7))
    return figure


def _panel(axes: Axes, own: pd.DataFrame, name: str, design: Design) -> None:
    whole = own[own["left_out"] == NOBODY].iloc[0]
    people, sites = (own[own["left_out"] == kind] for kind in (PARTICIPANT, SITE))
    axes.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    axes.axhline(whole["estimate"], color=style.QUIET, linewidth=0.7, linestyle=(0, (4, 2)))
    places = people["place"].to_numpy(dtype=float)
    after = sites["place"].to_numpy(dtype=float) + len(people) + 1.5
    size = float(np.clip(300 / max(len(people), 1), 3.0, 11.0))
    for rows, x, marker in ((people, places, "o"), (sites, after, "s")):
        axes.vlines(x, rows["ci_low"], rows["ci_high"], color=style.FAINT, linewidth=0.8, zorder=1)
        found = (rows["p"] <= design.alpha).to_numpy()
        for here, colour in ((~found, style.OPEN), (found, style.FOUND)):
            axes.scatter(
                x[here], rows["estimate"][here], s=size, marker=marker, color=colour,
                linewidth=0, zorder=3,
            )  # fmt: skip
    near: Any = {"textcoords": "offset points", "fontsize": style.pt(5.6), "rotation": 90}
    # over intervals and dashed lines, which would cross the letters
    near["bbox"] = {"color": "white", "pad": 0.4}
    flagged = [INFLUENTIAL in as_text(flags).split(";") for flags in people["flags"]]
    for x, row in zip(places[flagged], people[flagged].to_dict("records"), strict=True):
        lower = row["estimate"] < whole["estimate"]
        axes.annotate(
            str(row["label"]), (x, row["estimate"]), xytext=(0, 5 if lower else -5),
            ha="center", va="bottom" if lower else "top", **near,
        )  # fmt: skip
    for x, row in zip(after, sites.to_dict("records"), strict=True):
        axes.annotate(
            str(row["label"]), (x, row["ci_low"]), xytext=(0, -2), ha="center", va="top", **near
        )
    axes.set_xticks([])
    axes.margins(x=0.06, y=0.16)
    said = f"{p_equals(whole['p'])}, n = {whole['n']:.0f}"
    style.entitle(axes, name, said, lines=1, size=5.8)
