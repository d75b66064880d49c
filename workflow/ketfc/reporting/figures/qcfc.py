"""Head motion and connectivity: edges by strategy, and the circuits' change against motion's."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.motion.gate import FOLLOWS
from ketfc.inference.motion.qcfc import CHANGE
from ketfc.inference.motion.sessions import before_and_after, session_motion
from ketfc.reporting.changes import circuit_changes
from ketfc.reporting.design_words import arms_of
from ketfc.reporting.figures import style
from ketfc.reporting.figures.trend_lines import draw_line, draw_points, fit_line
from ketfc.reporting.rows import MOTION_MARK, motion_row, numeric, primary_circuits, result_line
from ketfc.reporting.words import number
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = [
    "panel",
    "strategy",
    "role",
    "circuit",
    "arm",
    "kind",
    "x",
    "y",
    "low",
    "high",
    "expected",
]
_OTHERS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#8c6d31", "#7f7fbf")
"""Okabe and Ito's colours that no arm has, and two more; beyond them lines are dashed."""
_COMPARED = {
    "median_abs_r": "Median |r| of edge and FD",
    "share_significant": "Share of edges with p < {alpha}",
    "tdof_lost_mean": "Degrees of freedom lost",
}


def draw_qcfc(
    summary: pd.DataFrame,
    curves: pd.DataFrame,
    motion: pd.DataFrame,
    connectivity: pd.DataFrame,
    quality: pd.DataFrame,
    hypotheses: pd.DataFrame,
    design: Design,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the association of connectivity with head motion.

    Parameters
    ----------
    summary, curves, motion : pandas.DataFrame
        ``quality/qcfc.tsv``, ``quality/qcfc_curves.tsv`` and ``quality/motion.tsv``.
    connectivity, quality : pandas.DataFrame
        ``connectivity.tsv`` and ``quality/runs.tsv``.
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``: which circuits are primary.

    Returns
    -------
    figure : matplotlib.figure.Figure
        From above: the strategies compared, the distribution of r of edge and FD, its dependence
        on distance (both at each session and for the change), and for each primary circuit the
        change in connectivity against the change in FD, at the primary strategy.
    numbers : pandas.DataFrame
        What is drawn, by panel; participants without their names, in order of their motion.
    """
    numbers = ["n", *_COMPARED, "median_abs_r_expected", "share_expected", "distance_rho"]
    summary = numeric(summary, *numbers)
    curves = numeric(curves, "x", "y", "low", "high", "expected")
    primary = str(design.strategy)
    names = list(dict.fromkeys(summary["strategy"]))
    names = sorted(names, key=lambda name: name != primary)
    looks = _looks(names, primary)
    roles = [design.baseline, design.followup, CHANGE]
    circuits = primary_circuits(hypotheses)
    rows_below = -(-(len(circuits) + 1) // 3)
    heights = [16 + 3.6 * len(names), 38, 38] + [52] * rows_below
    tables = [
        summary.melt(["strategy", "role"], list(_COMPARED), var_name="kind", value_name="x").assign(
            panel="strategies"
        ),
        curves.assign(panel=np.where(curves["kind"] == "density", "density", "distance")),
    ]
    with style.paper_style():
        figure = style.new_figure(style.page_width(), sum(heights))
        grid = figure.add_gridspec(len(heights), 3, height_ratios=heights)
        for column, measure in enumerate(_COMPARED):
            axes = figure.add_subplot(grid[0, column])
            _compare(axes, summary, measure, looks, roles, named=column == 0)
        for column, role in enumerate(roles):
            of_role = curves[curves["role"] == role]
            axes = figure.add_subplot(grid[1, column])
            axes.set_title(_title(role, design), loc="left", fontweight="bold")
            _densities(axes, of_role, looks, primary)
            axes = figure.add_subplot(grid[2, column])
            _distances(axes, of_role, summary[summary["role"] == role], looks, primary)
        changes = _changes(connectivity, quality, design)
        for i, (circuit, name) in enumerate(circuits.items()):
            axes = figure.add_subplot(grid[3 + i // 3, i % 3])
            of_circuit = changes[changes["circuit"] == circuit]
            tables.append(_draw_circuit(axes, of_circuit, design, circuit))
            style.entitle(axes, textwrap.fill(name, 36), _result(motion, circuit, primary))
        place = len(circuits)
        _legend(figure.add_subplot(grid[3 + place // 3, place % 3]), looks, roles, design)
    filled = [table.reindex(columns=_COLUMNS) for table in tables if len(table)]
    nothing = pd.DataFrame(columns=_COLUMNS)
    return figure, pd.concat(filled, ignore_index=True) if filled else nothing


def _looks(names: Iterable[str], primary: str) -> dict[str, dict[str, Any]]:
    """Return colour and line of every strategy; the primary one is dark and thick."""
    looks: dict[str, dict[str, Any]] = {}
    for name in names:
        if name == primary:
            looks[name] = {"color": style.INK, "linewidth": 1.7, "zorder": 5}
            continue
        place = sum(other != primary for other in looks)
        line = ("-", (0, (4, 1.5)), (0, (1.5, 1.2)))[place // len(_OTHERS) % 3]
        colour = _OTHERS[place % len(_OTHERS)]
        looks[name] = {"color": colour, "linewidth": 0.9, "linestyle": line, "zorder": 4}
    return looks


def _marks(roles: list[str]) -> dict[str, dict[str, Any]]:
    open_ = {"marker": "o", "markersize": 3.8, "markerfacecolor": "white"}
    return {
        roles[0]: open_,
        roles[1]: {"marker": "o", "markersize": 3.8},
        roles[2]: {"marker": "D", "markersize": 3.6},
    }


def _compare(
    axes: Axes,
    summary: pd.DataFrame,
    measure: str,
    looks: dict[str, dict[str, Any]],
    roles: list[str],
    *,
    named: bool,
) -> None:
    alpha = summary["share_expected"].dropna()
    title = _COMPARED[measure].format(alpha=f"{alpha.iloc[0]:.3g}" if len(alpha) else "α")
    axes.set_title(title, loc="left", fontweight="bold")
    if summary[measure].isna().all():
        style.say(axes, "no value")
        return
    marks = _marks(roles)
    # degrees of freedom of a change are those of its two sessions
    shown = roles[:2] if measure == "tdof_lost_mean" else roles
    for row, (name, look) in enumerate(looks.items()):
        axes.axhline(row, color=style.FAINT, linewidth=0.5, zorder=0)
        for i, role in enumerate(shown):
            found = summary[(summary["strategy"] == name) & (summary["role"] == role)]
            axes.plot(
                found[measure],
                [row + 0.22 * (i - (len(shown) - 1) / 2)] * len(found),
                linestyle="none",
                color=look["color"],
                markeredgewidth=0.8,
                clip_on=False,  # a share can be zero
                **marks[role],
            )
    if measure != "tdof_lost_mean":
        which = "share_expected" if measure == "share_significant" else "median_abs_r_expected"
        axes.axvline(float(summary[which].median()), **_EXPECTED)
    axes.set_ylim(len(looks) - 0.4, -0.6)
    axes.set_yticks(range(len(looks)), list(looks) if named else [""] * len(looks))
    axes.set_xlim(0, 1.08 * axes.dataLim.x1)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=5)


_EXPECTED: dict[str, Any] = {"color": style.QUIET, "linewidth": 0.9, "linestyle": (0, (3, 2))}


def _title(role: str, design: Design) -> str:
    if role == CHANGE:
        return f"Change, {design.followup} − {design.baseline}"
    return str(role)


def _densities(
    axes: Axes, curves: pd.DataFrame, looks: dict[str, dict[str, Any]], primary: str
) -> None:
    curves = curves[curves["kind"] == "density"]
    if curves.empty:
        style.say(axes, "too few participants")
        return
    for name, look in looks.items():
        line = curves[curves["strategy"] == name]
        axes.plot(line["x"], line["y"], **look)
    expected = curves[curves["strategy"] == primary]
    expected = expected if len(expected) else curves
    expected = expected.drop_duplicates("x")
    axes.plot(expected["x"], expected["expected"], zorder=6, **_EXPECTED)
    axes.set_xlim(-1, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("r of edge and FD over participants")
    axes.set_ylabel("Density of edges")


def _distances(
    axes: Axes,
    curves: pd.DataFrame,
    summary: pd.DataFrame,
    looks: dict[str, dict[str, Any]],
    primary: str,
) -> None:
    of_primary = curves[curves["strategy"] == primary]
    points = of_primary[of_primary["kind"] == "point"]
    curves = curves[curves["kind"] == "distance"]
    if curves.empty:
        style.say(axes, "too few participants")
        return
    axes.axhline(0, **_EXPECTED)
    axes.plot(points["x"], points["y"], ".", markersize=1.6, color="#a8a8a8", zorder=1)
    for name, look in looks.items():
        line = curves[curves["strategy"] == name]
        axes.plot(line["x"], line["y"], **look)
        if name == primary:
            axes.fill_between(
                line["x"], line["low"], line["high"], color=style.INK, alpha=0.15, linewidth=0
            )
    rho = summary.loc[summary["strategy"] == primary, "distance_rho"]
    if len(rho):
        axes.set_title(f"ρ with distance {number(rho.iloc[0], signed=True)}", loc="left")
    axes.set_ylim(-1, 1)
    axes.set_xlabel("Distance of the two regions, mm")
    axes.set_ylabel("r of edge and FD")


def _changes(connectivity: pd.DataFrame, quality: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Return both changes of everybody who has them, and an arm where there are arms."""
    fd = before_and_after(session_motion(quality), "mean_fd", **design.roles)
    table = circuit_changes(connectivity, design)
    table["motion"] = table["participant_id"].map(fd["followup"] - fd["baseline"])
    known = table["change"].notna() & table["motion"].notna()
    known &= table["arm"].isin([arm.role for arm in arms_of(design)]) | (not design.arms)
    return table[known].sort_values(["circuit", "motion", "change"], kind="stable")


def _draw_circuit(axes: Axes, table: pd.DataFrame, design: Design, circuit: str) -> pd.DataFrame:
    if table.empty:
        style.say(axes, "no participant with both changes")
        return pd.DataFrame(columns=_COLUMNS)
    arms = arms_of(design)
    x = table["motion"].to_numpy(dtype=float)
    y = table["change"].to_numpy(dtype=float)
    treated = [(table["arm"] == arm.role).to_numpy(dtype=float) for arm in arms[1:]]
    line = fit_line(x, y, np.column_stack(treated) if treated else np.empty((len(x), 0)))
    points = y if line is None else line.points
    labels = {arm.role: arm.label for arm in arms}
    key = {"panel": "circuit", "strategy": design.strategy, "circuit": circuit}
    tables = [
        pd.DataFrame(
            {"kind": "participant", "arm": [labels[a] for a in table["arm"]], "x": x, "y": points}
        )
    ]
    draw_points(axes, x, points, list(table["arm"]), arms, size=15)
    if line is not None:
        draw_line(axes, line)
        ends = {"x": line.x, "y": line.y, "low": line.low, "high": line.high}
        tables.append(pd.DataFrame({"kind": "line"} | ends))
    axes.set_xlabel("Change in mean FD, mm")
    axes.set_ylabel("Change, Fisher z")
    return pd.concat(tables).assign(**key)


def _result(motion: pd.DataFrame, circuit: str, strategy: str) -> str:
    row = motion_row(motion, circuit, strategy, "follows")
    mark = f"  {MOTION_MARK} follows motion" if row and row["gate"] == FOLLOWS else ""
    return result_line(row, "r", "not tested", p="p_permutation") + mark


def _legend(axes: Axes, looks: dict[str, dict[str, Any]], roles: list[str], design: Design) -> None:
    from matplotlib.lines import Line2D

    axes.set_axis_off()
    handles = [
        Line2D([], [], **look, label=f"{name} (primary)" if look["linewidth"] > 1 else name)
        for name, look in looks.items()
    ]
    handles += [
        style.legend_mark(_title(role, design), color=style.QUIET, **mark)
        for role, mark in _marks(roles).items()
    ]
    handles.append(Line2D([], [], label="expected without a relation", **_EXPECTED))
    handles += [
        style.legend_mark(
            f"one participant, {arm.label}" if arm.role else "one participant",
            **style.arm_look(arm.role, 4.5),
        )
        for arm in arms_of(design)
    ]
    many = len(looks) > 6
    axes.legend(
        handles=handles,
        loc="center left",
        handlelength=1.8,
        labelspacing=0.15 if many else 0.45,
        fontsize=style.pt(6.0 if many else 6.5),
    )
