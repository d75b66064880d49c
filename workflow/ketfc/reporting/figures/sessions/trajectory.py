"""Connectivity over all sessions of a study, participant by participant and in the mean."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from ketfc.reporting.design_words import arms_of
from ketfc.reporting.figures import style
from ketfc.reporting.figures.sessions.paired import mean_interval
from ketfc.reporting.rows import numeric, primary_circuits
from ketfc.reporting.words import sentence
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ["circuit", "arm", "kind", "participant_id", "role", "n", "value", "low", "high"]


def draw_trajectory(
    connectivity: pd.DataFrame, hypotheses: pd.DataFrame, design: Design
) -> tuple[Figure, pd.DataFrame]:
    """Draw every participant's connectivity over all sessions, one panel per primary circuit.

    Parameters
    ----------
    connectivity, hypotheses : pandas.DataFrame
        ``connectivity.tsv`` and ``tests/hypotheses.tsv``.
    design : Design
        Its sessions, in their order, stand at equal distances.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Thin lines are participants; thick marks are the means of an arm at each session, over
        whoever was measured then, with 95 % t intervals.
    numbers : pandas.DataFrame
        A row of kind ``participant`` for every value, and one of kind ``mean`` for every circuit,
        arm and session; `n` is the number of participants in it.
    """
    circuits = primary_circuits(hypotheses)
    numbers = _numbers(connectivity, list(circuits), design)
    return draw_courses(numbers, circuits, design), numbers


def draw_courses(numbers: pd.DataFrame, circuits: Mapping[str, str], design: Design) -> Figure:
    """Draw what :func:`draw_trajectory` gives; without rows of participants, means alone.

    Parameters
    ----------
    numbers : pandas.DataFrame
        Its numbers, or those rows of them that are to be seen.
    circuits : mapping of str to str
        Names by id, a panel each.
    design : Design
        The study's design.
    """
    with style.paper_style():
        if numbers.empty:
            return style.words_only("No participant has connectivity at any session.")
        figure, axes = style.panel_grid(len(circuits), columns=3, panel_height=52)
        for panel, (circuit, name) in zip(axes, circuits.items(), strict=False):
            _draw_panel(panel, numbers[numbers["circuit"] == circuit], design)
            panel.set_title(textwrap.fill(sentence(name), 34), loc="left", fontweight="bold")
        handles = style.course_legend(arms_of(design))
        if not (numbers["kind"] == "participant").any():
            # the last entry is that of a participant
            handles.pop()
        axes[-1].legend(handles=handles, loc="center left", handlelength=1.8, labelspacing=0.9)
    return figure


def _numbers(connectivity: pd.DataFrame, circuits: list[str], design: Design) -> pd.DataFrame:
    people = design.in_contrasts()
    labels = {arm.role: arm.label for arm in arms_of(design)}
    table = connectivity[
        (connectivity["measure"] == "mean")
        & (connectivity["strategy"] == design.strategy)
        & connectivity["circuit"].isin(circuits)
        & connectivity["participant_id"].isin(list(people))
        & connectivity["role"].isin(list(design.sessions))
    ]
    table = numeric(table, "z").dropna(subset=["z"])
    rows: list[dict[Hashable, object]] = []
    for circuit in circuits:
        own = table[table["circuit"] == circuit]
        rows += [
            {
                "circuit": circuit,
                "arm": labels.get(people[str(who)] if design.arms else None),
                "kind": "participant",
                "participant_id": who,
                "role": role,
                "n": 1,
                "value": z,
            }
            for who, role, z in own[["participant_id", "role", "z"]].itertuples(index=False)
        ]
        for arm in arms_of(design):
            of_arm = [who for who, role in people.items() if not design.arms or role == arm.role]
            for role in design.sessions:
                z = own.loc[own["participant_id"].isin(of_arm) & (own["role"] == role), "z"]
                if len(z):
                    value, low, high = mean_interval(z)
                    rows.append(
                        {
                            "circuit": circuit,
                            "arm": arm.label,
                            "kind": "mean",
                            "role": role,
                            "n": len(z),
                            "value": value,
                            "low": low,
                            "high": high,
                        }
                    )
    return pd.DataFrame(rows, columns=_COLUMNS)


def _draw_panel(axes: Axes, numbers: pd.DataFrame, design: Design) -> None:
    if numbers.empty:
        style.say(axes, "no value in any session")
        return
    place = {role: i for i, role in enumerate(design.sessions)}
    arms = arms_of(design)
    for i, arm in enumerate(arms):
        colour, own = style.ARM_COLOURS[arm.role], numbers[numbers["arm"] == arm.label]
        for _, course in own[own["kind"] == "participant"].groupby("participant_id"):
            known = course.assign(x=course["role"].map(place)).sort_values("x")
            marker = "." if len(known) == 1 else ""
            axes.plot(
                known["x"],
                known["value"],
                color=colour,
                alpha=0.3,
                linewidth=0.6,
                marker=marker,
                markersize=2.5,
            )
        means = own[own["kind"] == "mean"].assign(x=lambda rows: rows["role"].map(place))
        # arms stand beside one another, so that no interval hides another
        shift = 0.12 * (i - (len(arms) - 1) / 2)
        half = (means["value"] - means["low"]).fillna(0.0)
        axes.errorbar(
            means["x"] + shift,
            means["value"],
            yerr=half,
            color=colour,
            marker=style.ARM_MARKERS[arm.role],
            markersize=5,
            linewidth=1.8,
            elinewidth=1.2,
            capsize=2.2,
            markeredgecolor="white",
            markeredgewidth=0.7,
            zorder=5,
        )
    axes.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    steep = max(map(len, place)) * len(place) > 26
    axes.set_xticks(list(place.values()), list(place))
    if steep:
        axes.tick_params(axis="x", labelrotation=35)
    axes.set_xlim(-0.4, len(place) - 0.6)
    axes.margins(y=0.08)
    axes.set_ylabel("Fisher z")
