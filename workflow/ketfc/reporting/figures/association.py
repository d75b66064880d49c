"""Score of suicidal ideation (SI) against change in connectivity, as the test sees them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.model import model_of
from ketfc.inference.design.planned_tests import planned_tests
from ketfc.inference.design.samples import participant_table, sample_of
from ketfc.reporting.design_words import arms_of, association_given, compared
from ketfc.reporting.figures import style
from ketfc.reporting.figures.trend_lines import draw_points
from ketfc.reporting.rows import hypothesis_row, numeric, primary_circuits, result_line
from ketfc.reporting.words import sentence
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = [
    *("circuit", "kind", "participant_id", "arm", "x", "y"),
    *("connectivity_change", "si_change"),
]


@dataclass(frozen=True, eq=False)
class TestedPoints:
    """The points that a test by ranks correlates, one per participant.

    Attributes
    ----------
    x, y : numpy.ndarray of shape (n,)
        Ranks of the change in connectivity and of the score, each less what the ranks of the
        nuisance explain. Their Pearson correlation is the (partial) Spearman ρ of the test.
    complete : pandas.DataFrame
        The participants of the test, as
        :func:`ketfc.inference.design.samples.participant_table` gives them.
    """

    x: Floats | None
    y: Floats | None
    complete: pd.DataFrame


def tested_points(
    connectivity: pd.DataFrame, scores: pd.DataFrame, design: Design, circuit: str
) -> TestedPoints:
    """Return the points of a circuit's test of association, from the test's own model.

    Parameters
    ----------
    connectivity, scores : pandas.DataFrame
        ``connectivity.tsv`` and ``plan/scores.tsv``.
    design : Design
        The study's design; its primary strategy is used.
    circuit : str
        Which circuit.

    Returns
    -------
    TestedPoints
        `x` and `y` are None where the test has an obstacle.
    """
    (test,) = (test for test in planned_tests(design) if test.name == "association")
    about = {"circuit": circuit, "strategy": design.strategy}
    table = participant_table(numeric(connectivity, "z"), numeric(scores, "score"), design, **about)
    complete = sample_of(table, test, design).complete
    model = model_of(test, complete, design)
    if model.obstacle is not None:
        return TestedPoints(None, None, complete)
    y, x = model.ranked().residuals
    return TestedPoints(x, y, complete)


def draw_association(
    connectivity: pd.DataFrame, scores: pd.DataFrame, hypotheses: pd.DataFrame, design: Design
) -> tuple[Figure, pd.DataFrame]:
    """Draw the score against the change in connectivity, two panels per primary circuit.

    Parameters
    ----------
    connectivity, scores, hypotheses : pandas.DataFrame
        ``connectivity.tsv``, ``plan/scores.tsv`` and ``tests/hypotheses.tsv``.

    Returns
    -------
    figure : matplotlib.figure.Figure
        By circuit the points of the test (:class:`TestedPoints`) with their least-squares line,
        whose correlation is the ρ printed above them; and, smaller and in outline, the changes of
        the same participants as they were measured, which no test looks at.
    numbers : pandas.DataFrame
        Rows of kind ``participant`` (x, y: as tested; connectivity_change in Fisher z and
        si_change: as measured) and of kind ``line`` (x, y).
    """
    circuits = primary_circuits(hypotheses)
    numbers = pd.DataFrame(columns=_COLUMNS)
    with style.paper_style():
        if not design.si:
            return style.words_only(
                "This study has no score of suicidal ideation,\nso no association can be drawn."
            ), numbers
        points = {one: tested_points(connectivity, scores, design, one) for one in circuits}
        if all(one.complete.empty for one in points.values()):
            return style.words_only(
                "No participant has both a change in connectivity and a change in suicidal "
                "ideation,\nso no association can be drawn."
            ), numbers
        figure, axes = style.panel_grid(2 * len(circuits), columns=4, panel_height=56)
        tables = []
        for i, (circuit, name) in enumerate(circuits.items()):
            tested, measured = axes[2 * i], axes[2 * i + 1]
            row = hypothesis_row(hypotheses, circuit, "association")
            result = result_line(row, "ρ =", "association not tested")
            tables.append(_draw_tested(tested, points[circuit], design, circuit))
            style.entitle(tested, textwrap.fill(name, 24), result)
            _draw_measured(measured, points[circuit], design)
        _legend(axes[-1], design)
        numbers = pd.concat(tables, ignore_index=True)
    return figure, numbers


def _changes(complete: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return change in connectivity and in score as they were measured."""
    z = complete["z_followup"] - complete["z_baseline"]
    si = complete["si_change"].fillna(complete["si_followup"] - complete["si_baseline"])
    return z.to_numpy(dtype=float), si.to_numpy(dtype=float)


def _draw_tested(axes: Axes, points: TestedPoints, design: Design, circuit: str) -> pd.DataFrame:
    """Draw ranks less what the nuisance explains, and return what was drawn."""
    complete = points.complete
    arms = arms_of(design)
    labels = {arm.role: arm.label for arm in arms}
    z, si = _changes(complete)
    people = pd.DataFrame(
        {
            "circuit": circuit,
            "kind": "participant",
            "participant_id": complete.index.to_numpy(),
            "arm": [labels.get(role) for role in complete["arm"]],
            "x": np.nan if points.x is None else points.x,
            "y": np.nan if points.y is None else points.y,
            "connectivity_change": z,
            "si_change": si,
        },
        columns=_COLUMNS,
    )
    if points.x is None or points.y is None:
        style.say(axes, "no participant with both changes" if complete.empty else "not tested")
        return people
    adjusted = ", adjusted" if association_given(design) else ""
    axes.set_xlabel(sentence(f"{_what(design)} in connectivity,\nrank{adjusted}"))
    axes.set_ylabel(f"{_score(design)},\nrank{adjusted}")
    draw_points(axes, points.x, points.y, list(complete["arm"]), arms, size=16)
    ends = np.array([points.x.min(), points.x.max()])
    heights = ends * float(points.x @ points.y) / float(points.x @ points.x)
    axes.plot(ends, heights, color=style.INK, linewidth=1.2)
    line = pd.DataFrame(
        {"circuit": circuit, "kind": "line", "x": ends, "y": heights}, columns=_COLUMNS
    )
    # columns that are all missing would warn about their type when concatenated
    return pd.concat([people.astype(object), line.astype(object)], ignore_index=True)


def _draw_measured(axes: Axes, points: TestedPoints, design: Design) -> None:
    """Draw the changes as they were measured."""
    complete = points.complete
    if complete.empty:
        style.say(axes, "")
        return
    what = _what(design)
    axes.set_title("As measured", loc="left", color=style.QUIET, fontsize=style.pt(6.8))
    axes.set_xlabel(sentence(f"{what} in\nconnectivity, Fisher z"))
    supplied = " (supplied)" if design.si_changes_only else ""
    axes.set_ylabel(f"{design.instrument} {what}{supplied}")
    z, si = _changes(complete)
    draw_points(axes, z, si, list(complete["arm"]), arms_of(design), size=9, filled=False)
    axes.locator_params(nbins=4)


def _score(design: Design) -> str:
    """Return the name of the score that the test is about."""
    if design.drugs or design.si_changes_only:
        return f"{design.instrument} {_what(design)}"
    return f"{design.instrument} at {compared(design)[1]}"


def _what(design: Design) -> str:
    return "difference" if design.drugs else "change"


def _legend(axes: Axes, design: Design) -> None:
    from matplotlib.lines import Line2D

    handles: list[Line2D] = []
    for arm in arms_of(design):
        look = style.arm_look(arm.role, 4.5)
        label = arm.label if arm.role else "one participant"
        tested = {**look, "markeredgecolor": "white", "markeredgewidth": 0.5}
        handles.append(style.legend_mark(f"{label}, as tested", **tested))
        handles.append(
            style.legend_mark(f"{label}, as measured", **look | {"markerfacecolor": "none"})
        )
    handles.append(Line2D([], [], color=style.INK, linewidth=1.2, label="least squares"))
    legend = axes.legend(handles=handles, loc="center left", handlelength=1.8, labelspacing=0.9)
    # it reaches into the empty place beside it, and must not widen the column
    legend.set_in_layout(False)
