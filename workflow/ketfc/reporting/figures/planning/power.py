"""Curves of power against participants, a panel for each question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.power.curves import DETECTABLE, NEEDED
from ketfc.inference.power.planned import PlannedStudy
from ketfc.reporting.figures import style
from ketfc.reporting.text.planning.power import SYMBOLS, question_name
from ketfc.reporting.words import is_missing, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#0072b2", "#d55e00", "#00735c", "#8c4f8d", "#222222")
_MARKERS = ("o", "s", "^", "D", "v")


def draw_power(
    planned: PlannedStudy, table: pd.DataFrame, needed: pd.DataFrame
) -> tuple[Figure, pd.DataFrame]:
    """Draw the curves of every question and effect.

    Parameters
    ----------
    planned : PlannedStudy
        The study.
    table, needed : pandas.DataFrame
        ``power/power.tsv`` and ``power/needed.tsv``, numbers as numbers.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Marks are simulated powers with their Monte-Carlo intervals, broken lines the formula's; the
        horizontal line is the power asked for, the vertical one the participants expected.
    numbers : pandas.DataFrame
        The rows of `table` that are drawn: those of the curves.
    """
    effects = {(name, effect) for name, own in planned.effects.items() for effect in own}
    pairs = zip(table["question"], table["effect"], strict=True)
    of_curves = np.array([pair in effects for pair in pairs])
    drawn = table[of_curves & (table["n"] <= max(planned.curve))].reset_index(drop=True)
    questions = list(dict.fromkeys(drawn["question"]))
    with style.paper_style():
        figure = style.new_figure(style.page_width() if len(questions) > 1 else 110.0, 80)
        grid = figure.subplots(1, len(questions), squeeze=False).ravel()
        for axes, question in zip(grid, questions, strict=True):
            own = needed[needed["question"] == question]
            _panel(axes, planned, drawn[drawn["question"] == question], own)
    return figure, drawn


def _panel(axes: Axes, planned: PlannedStudy, curves: pd.DataFrame, needed: pd.DataFrame) -> None:
    question = str(curves["question"].iloc[0])
    symbol = SYMBOLS[question]
    for i, effect in enumerate(planned.effects[question]):
        own = curves[curves["effect"] == effect].sort_values("n")
        look: Any = {"color": _COLOURS[i], "zorder": 3}
        error = np.abs(own[["ci_low", "ci_high"]].to_numpy().T - own["power"].to_numpy())
        axes.errorbar(
            own["n"],
            own["power"],
            error,
            marker=_MARKERS[i],
            markersize=3,
            linewidth=0.9,
            elinewidth=0.7,
            label=_label(symbol, effect, needed),
            **look,
        )
        axes.plot(own["n"], own["analytic"], linestyle=(0, (3, 2)), linewidth=0.8, **look)
    axes.axhline(planned.target, color=style.QUIET, linewidth=0.6, zorder=0)
    axes.axvline(planned.participants, color=style.FAINT, linewidth=1.0, zorder=0)
    axes.set_ylim(0, 1.01)
    axes.set_yticks(np.arange(0, 1.01, 0.2))
    axes.set_xlim(left=min(planned.curve) - 0.03 * max(planned.curve))
    axes.set_xlabel("participants enrolled")
    axes.set_ylabel("power")
    name = question_name(question, str(planned.design.kind))
    style.entitle(axes, name, _smallest(planned, symbol, needed))
    legend = axes.legend(
        loc="upper left",
        bbox_to_anchor=(0, -0.21),
        ncols=1,
        borderaxespad=0,
        handlelength=1.6,
        title="effect: participants needed (broken lines: formula)",
        alignment="left",
    )
    legend.get_title().set_fontsize(style.pt(6.8))


def _label(symbol: str, effect: float, needed: pd.DataFrame) -> str:
    """Return an effect with the participants that it needs."""
    (row,) = needed[(needed["quantity"] == NEEDED) & (needed["effect"] == effect)].to_dict(
        "records"
    )
    value, formula = row["value"], number(row["analytic"], 0)
    found = "not reached" if is_missing(value) else number(value, 0)
    return f"{symbol} = {number(effect)}: {found} (formula: {formula})"


def _smallest(planned: PlannedStudy, symbol: str, needed: pd.DataFrame) -> str:
    """Return the smallest effect that the participants expected can find."""
    (row,) = needed[needed["quantity"] == DETECTABLE].to_dict("records")
    target = f"{number(100 * planned.target, 0)} % power"
    if is_missing(row["value"]):
        return f"{planned.participants} participants: {target} for no effect simulated"
    return (
        f"{planned.participants} participants: {target} for {symbol} = {number(row['value'])} "
        f"(formula: {number(row['analytic'])})"
    )
