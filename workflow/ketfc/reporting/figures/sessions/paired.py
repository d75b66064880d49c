"""Connectivity before and after, participant by participant, and the change that was tested."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.reporting.changes import circuit_changes
from ketfc.reporting.design_words import Arm, arms_of, compared
from ketfc.reporting.figures import style
from ketfc.reporting.figures.sessions.changes import draw_changes
from ketfc.reporting.rows import (
    MOTION_MARK,
    any_follows_motion,
    hypothesis_row,
    motion_mark,
    primary_circuits,
    result_line,
)
from ketfc.reporting.words import as_number, coverage
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MEASURES = ("baseline", "followup", "change")
_ENDS = [f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high")]
_HOLM = ["holm_low", "holm_high", "p_holm"]
_COLUMNS = ["circuit", "arm", "kind", "participant_id", "n", *_ENDS, *_HOLM]

_ALONE: dict[str, Any] = {
    "linestyle": "none", "markersize": 3.2, "markeredgewidth": 0.7, "markerfacecolor": "white"
}  # fmt: skip
"""The look of a participant's only session."""


def draw_paired(
    connectivity: pd.DataFrame, hypotheses: pd.DataFrame, design: Design
) -> tuple[Figure, pd.DataFrame]:
    """Draw every participant's connectivity before and after, one panel per primary circuit.

    Parameters
    ----------
    connectivity, hypotheses : pandas.DataFrame
        ``connectivity.tsv`` and ``tests/hypotheses.tsv``.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Thin lines are participants with both sessions, open marks those with one; thick marks the
        arm's mean with its 95 % t interval. Beside them everybody's change, and the estimate of the
        test of change with both of its intervals
        (:func:`ketfc.reporting.figures.sessions.changes.draw_changes`).
    numbers : pandas.DataFrame
        Per circuit and arm one row of kind ``participant`` for everybody (n/a where a session is
        missing) and one of kind ``mean`` over those with both sessions; per circuit one of kind
        ``estimate``, from ``tests/hypotheses.tsv``.
    """
    circuits = primary_circuits(hypotheses)
    changes = circuit_changes(connectivity, design)
    changes = changes[changes["circuit"].isin(list(circuits))]
    numbers = _numbers(changes, circuits, hypotheses, design)
    with style.paper_style():
        if changes["change"].isna().all():
            return style.words_only(
                f"No participant has connectivity both at {' and at '.join(compared(design))},\n"
                "so there is no pair to draw."
            ), numbers
        figure, cells, last = _panels(len(circuits))
        for (head, left, right), (circuit, name) in zip(cells, circuits.items(), strict=True):
            own = numbers[numbers["circuit"] == circuit]
            _draw_panel(left, own, design)
            people, means = own[own["kind"] == "participant"], own[own["kind"] == "mean"]
            effect = own[own["kind"] == "estimate"].iloc[0].to_dict()
            draw_changes(right, people, means, effect, design)
            row = hypothesis_row(hypotheses, circuit, "change")
            result = result_line(row, "Δz", "change not tested", sep=", ")
            style.entitle(
                head, textwrap.shorten(name, 58), result + motion_mark(row), lines=1, above=-7
            )
        _legend(last, design, marked=any_follows_motion(hypotheses))
    return figure, numbers


def _panels(count: int) -> tuple[Figure, list[list[Axes]], Axes]:
    """Return a figure with a head and two panels for each circuit, and a panel for the legend."""
    columns = min(style.fitting(2), count + 1)
    rows = math.ceil((count + 1) / columns)
    figure = style.new_figure(style.page_width(), 54 * rows)
    # a title above one panel alone would widen it as long as the title is
    ratios = {"height_ratios": [0.01, 1] * rows, "width_ratios": [1, 1] * columns}
    grid = figure.add_gridspec(2 * rows, 2 * columns, **ratios)
    cells = []
    for i in range(count):
        row, column = (2 * place for place in divmod(i, columns))
        places: list[Any] = [
            (row, slice(column, column + 2)),
            (row + 1, column),
            (row + 1, column + 1),
        ]
        cells.append([figure.add_subplot(grid[place]) for place in places])
        cells[-1][0].set_axis_off()
    row, column = (2 * place for place in divmod(count, columns))
    last = figure.add_subplot(grid[row + 1, column : column + 2])
    last.set_axis_off()
    return figure, cells, last


def _numbers(
    changes: pd.DataFrame, circuits: dict[str, str], hypotheses: pd.DataFrame, design: Design
) -> pd.DataFrame:
    labels = {arm.role: arm.label for arm in arms_of(design)}
    rows: list[dict[Hashable, object]] = []
    for circuit in circuits:
        of_circuit = changes[changes["circuit"] == circuit]
        kept = ["participant_id", "baseline", "followup", "change"]
        rows += [
            {"circuit": circuit, "arm": labels.get(role), "kind": "participant", "n": 1, **values}
            for role, values in zip(
                of_circuit["arm"], of_circuit[kept].to_dict("records"), strict=True
            )
        ]
        for arm in arms_of(design):
            pairs = _of_arm(of_circuit, arm).dropna(subset=["change"])
            row: dict[Hashable, object] = {"circuit": circuit, "arm": arm.label, "kind": "mean"}
            row["n"] = len(pairs)
            ends = [end for column in _MEASURES for end in mean_interval(pairs[column])]
            rows.append(row | dict(zip(_ENDS, ends, strict=True)))
        rows.append({"circuit": circuit, "kind": "estimate"} | _estimate(hypotheses, circuit))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _estimate(hypotheses: pd.DataFrame, circuit: str) -> dict[Hashable, object]:
    """Return what the test of a circuit's change says, as it stands in ``tests/hypotheses.tsv``."""
    row = hypothesis_row(hypotheses, circuit, "change") or {}
    names = {"change": "estimate", "change_low": "ci_low", "change_high": "ci_high"}
    names |= {"holm_low": "ci_holm_low", "holm_high": "ci_holm_high", "p_holm": "p_holm", "n": "n"}
    return {name: as_number(row.get(column)) for name, column in names.items()}


def _of_arm(table: pd.DataFrame, arm: Arm) -> pd.DataFrame:
    return table if arm.role is None else table[table["arm"] == arm.role]


def mean_interval(values: pd.Series[float]) -> tuple[float, float, float]:
    """Return the mean and the ends of its 95 % interval from Student's t; NaN where undefined."""
    from scipy import stats

    n = len(values)
    if n == 0:
        return math.nan, math.nan, math.nan
    mean = float(values.mean())
    if n == 1:
        return mean, math.nan, math.nan
    half = float(stats.t.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n)
    return mean, mean - half, mean + half


def _draw_panel(axes: Axes, numbers: pd.DataFrame, design: Design) -> None:
    arms = arms_of(design)
    if numbers[["baseline", "followup"]].isna().all(axis=None):
        style.say(axes, "no value in any session")
        return
    ticks: list[float] = []
    for i, arm in enumerate(arms):
        colour = style.ARM_COLOURS[arm.role]
        marker = style.ARM_MARKERS[arm.role]
        x = np.array([0.0, 1.0]) + 2.0 * i
        ticks.extend(x)
        people = numbers[numbers["kind"] == "participant"]
        if arm.role is not None:
            people = people[people["arm"] == arm.label]
        z = people[["baseline", "followup"]].to_numpy(dtype=float)
        for pair in z:
            if np.isfinite(pair).all():
                axes.plot(x, pair, color=colour, alpha=0.45, linewidth=0.7, zorder=2)
            else:
                axes.plot(x, pair, marker=marker, markeredgecolor=colour, zorder=3, **_ALONE)
        mean = numbers[(numbers["kind"] == "mean") & (numbers["arm"] == arm.label)].iloc[0]
        centre = np.array([mean["baseline"], mean["followup"]], dtype=float)
        half = centre - np.array([mean["baseline_low"], mean["followup_low"]], dtype=float)
        # beside the participants' ends, so that it hides none of them
        axes.errorbar(
            x + np.array([-0.16, 0.16]),
            centre,
            yerr=np.nan_to_num(half),
            color=colour,
            marker=marker,
            markersize=5.5,
            linewidth=2.0,
            elinewidth=1.4,
            capsize=2.5,
            markeredgecolor="white",
            markeredgewidth=0.7,
            zorder=5,
        )
    if len(arms) > 1:
        axes.axvline(1.5, color=style.FAINT, linewidth=0.6)
    axes.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    axes.set_xticks(ticks, list(compared(design)) * len(arms))
    axes.set_xlim(-0.5, 2 * len(arms) - 0.5)
    for i, arm in enumerate(arms):
        if arm.role is not None:
            axes.annotate(
                textwrap.fill(arm.label, 10),
                (2 * i + 0.5, 0),
                xycoords=("data", "axes fraction"),
                xytext=(0, -15),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=style.pt(6.3),
                color=style.ARM_COLOURS[arm.role],
            )
    axes.margins(y=0.08)
    axes.set_ylabel("Fisher z")


def _legend(axes: Axes, design: Design, *, marked: bool) -> None:
    handles = style.course_legend(arms_of(design))
    handles.append(
        style.legend_mark(
            "one session only, not in the mean", marker="o", markeredgecolor=style.QUIET, **_ALONE
        )
    )
    look: dict[str, Any] = {"marker": "D", "markersize": 5, "color": style.INK}
    covered = coverage(design.alpha)
    handles.append(style.legend_mark("estimate of the test", **look))
    thick: dict[str, Any] = {"color": style.INK, "linestyle": "-"}
    handles.append(style.legend_mark(f"{covered} interval of the test", linewidth=2.4, **thick))
    handles.append(style.legend_mark("interval that belongs to Holm", linewidth=0.9, **thick))
    if marked:
        look = {"marker": f"${MOTION_MARK}$", "markersize": 5, "color": style.INK}
        handles.append(style.legend_mark("change follows head motion", **look))
    axes.legend(handles=handles, loc="center left", handlelength=1.8, labelspacing=0.9)
