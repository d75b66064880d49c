"""Scores over the sessions by arm, differences between treatments, and changes within arms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.clinical.changes import BETWEEN_ARMS, BETWEEN_DRUGS, WITHIN_ARM
from ketfc.inference.clinical.responses import RISK_DIFFERENCE
from ketfc.reporting.figures import style
from ketfc.reporting.words import is_missing, number
from ketfc.study.design.design import Design
from ketfc.study.scores.long_scores import LESS_SI_ITEM, SI_ITEM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = (
    "panel",
    "scale",
    "instrument",
    "item",
    "arm",
    "reference",
    "role",
    "hours",
    "outcome",
    "n",
    "value",
    "ci_low",
    "ci_high",
)

COURSE, BETWEEN, SHARES, WITHIN = "course", "between treatments", "shares", "within arms"
"""Panels; each has its own axis."""

_SCALES = {"si": 0, "depression": 1}


def draw_clinical(
    time_course: pd.DataFrame, effects: pd.DataFrame, design: Design
) -> tuple[Figure, pd.DataFrame]:
    """Draw the scores over the sessions, and below them what was compared.

    Parameters
    ----------
    time_course, effects : pandas.DataFrame
        ``clinical/time_course.tsv`` and ``clinical/effects.tsv``, numbers as numbers.
    design : Design
        The study's design.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Above, a panel per instrument: means with intervals by arm and session. Below, standardised
        differences between treatments, differences in shares, and standardised changes within arms,
        in panels with an axis each, since a change within an arm is no effect of a treatment.
    numbers : pandas.DataFrame
        Every number drawn, by panel; `value` is a mean in points (``course``), Hedges g (``between
        treatments``, ``within arms``) or a difference in shares.
    """
    course = time_course[~time_course["item"].isin([SI_ITEM, LESS_SI_ITEM])]
    everybody = effects[(effects["by"] == "all") & (effects["item"] != LESS_SI_ITEM)]
    numbers = pd.concat(
        [
            course.assign(panel=COURSE, value=course["mean"]),
            _sizes(everybody, [BETWEEN_ARMS, BETWEEN_DRUGS], BETWEEN),
            everybody[everybody["effect"] == RISK_DIFFERENCE].pipe(
                lambda rows: rows.assign(panel=SHARES, value=rows["estimate"])
            ),
            _sizes(everybody, [WITHIN_ARM], WITHIN),
        ]
    )
    numbers = (
        numbers.reindex(columns=list(_COLUMNS))
        .assign(_scale=numbers["scale"].map(_SCALES))
        .pipe(lambda table: table[table["value"].notna()])
    )
    place = {name: number for number, name in enumerate((COURSE, BETWEEN, SHARES, WITHIN))}
    numbers["_panel"] = numbers["panel"].map(place)
    numbers = numbers.sort_values(["_panel", "_scale"], kind="stable", ignore_index=True)
    numbers = numbers[list(_COLUMNS)]
    with style.paper_style():
        if numbers.empty:
            return style.words_only("No change in a score can be described."), numbers
        return _draw(numbers, design), numbers


def _sizes(effects: pd.DataFrame, contrasts: list[str], panel: str) -> pd.DataFrame:
    rows = effects[(effects["outcome"] == "score") & effects["contrast"].isin(contrasts)]
    return rows.assign(
        panel=panel,
        value=rows["effect_size"],
        ci_low=rows["effect_size_ci_low"],
        ci_high=rows["effect_size_ci_high"],
    )


def _draw(numbers: pd.DataFrame, design: Design) -> Figure:
    courses = numbers[numbers["panel"] == COURSE]
    instruments = list(dict.fromkeys(courses["instrument"]))
    panels = [name for name in (BETWEEN, SHARES, WITHIN) if (numbers["panel"] == name).any()]
    most = max((int((numbers["panel"] == name).sum()) for name in panels), default=0)
    heights = ([52.0] if instruments else []) + ([22 + 5.5 * most] if panels else [])
    figure = style.new_figure(style.page_width(), sum(heights))
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if instruments:
        upper = parts[0].subplots(1, len(instruments), squeeze=False)[0]
        for axes, instrument in zip(upper, instruments, strict=True):
            _course(axes, courses[courses["instrument"] == instrument], design)
    if panels:
        lower = parts[-1].subplots(1, len(panels), squeeze=False)[0]
        for axes, name in zip(lower, panels, strict=True):
            _forest(axes, numbers[numbers["panel"] == name], name, design)
    return figure


def _roles(design: Design) -> dict[str, str | None]:
    """Return the roles of the arms by their labels."""
    labels: dict[str, str | None] = {label: role for role, label in design.arms.items()}
    return labels if design.between_arms else {"all": None}


def _course(axes: Axes, rows: pd.DataFrame, design: Design) -> None:
    """Draw means with intervals, sessions at equal distances with their hours below."""
    sessions = rows.drop_duplicates("role").reset_index(drop=True)
    at = {str(role): float(i) for i, role in enumerate(sessions["role"])}
    arms = list(dict.fromkeys(rows["arm"]))
    for shift, arm in zip(np.linspace(-0.06, 0.06, len(arms)), arms, strict=True):
        own = rows[rows["arm"] == arm]
        x = np.array([at[str(role)] for role in own["role"]]) + (shift if len(arms) > 1 else 0.0)
        look: Any = style.arm_look(_roles(design)[str(arm)], 4)
        ends = np.abs(own[["ci_low", "ci_high"]].to_numpy(float).T - own["value"].to_numpy(float))
        axes.errorbar(x, own["value"], yerr=ends, label=arm if len(arms) > 1 else None, **look)
        beside: Any = {"xytext": (-4, -7), "ha": "right"} if shift < 0 else {"xytext": (4, 3)}
        for where, row in zip(x, own.to_dict("records"), strict=True):
            axes.annotate(
                number(row["n"], 0),
                (where, float(row["value"])),
                textcoords="offset points",
                fontsize=style.pt(5.5),
                color=style.QUIET,
                **beside,
            )
    labels = [
        design.sessions[str(row["role"])]
        + ("" if is_missing(row["hours"]) else f"\n{number(row['hours'], 0)} h")
        for row in sessions.to_dict("records")
    ]
    axes.set_xticks(list(at.values()), labels)
    axes.set_xlim(-0.4, len(at) - 0.6)
    axes.set_ylabel("mean score, points")
    axes.set_title(str(rows["instrument"].iloc[0]), loc="left", fontweight="bold")
    if len(arms) > 1:
        # beside the title, where no mean can be
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=len(arms), handlelength=1.2, borderpad=0
        )


_TITLES = {
    SHARES: ("Response, remission", "difference in share"),
    WITHIN: ("Within arms:\nno treatment effect", "change, Hedges g\n(SD of the change)"),
}


def _forest(axes: Axes, rows: pd.DataFrame, panel: str, design: Design) -> None:
    """Draw estimates with intervals, one below the other, against zero."""
    title, label = _TITLES.get(panel, ("", ""))
    if panel == BETWEEN:
        names = design.drugs or design.arms
        title = f"{names['ketamine']} −\n{names['control']}"
        label = "difference, Hedges g\n(kind in the table)"
    labels = []
    records = rows.to_dict("records")
    for i, row in enumerate(records):
        role = _roles(design).get(str(row["arm"])) if panel == WITHIN else None
        look: Any = style.arm_look(role, 4)
        if panel != WITHIN:
            look = look | {"color": style.INK}
        ends = np.abs(np.array([[row["ci_low"]], [row["ci_high"]]], dtype=float) - row["value"])
        axes.errorbar([row["value"]], [i], xerr=ends, **look)
        what = [str(row["instrument"])]
        if panel == SHARES:
            what.append(str(row["outcome"]))
        if panel == WITHIN and row["arm"] != "all":
            what.append(str(row["arm"]))
        when = design.sessions.get(str(row["role"]), str(row["role"]))
        labels.append(f"{' '.join(what)}, {when}")
    axes.axvline(0, color=style.QUIET, linewidth=0.6, zorder=0)
    axes.set_yticks(range(len(records)), labels)
    axes.set_ylim(len(records) - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.set_title(title, loc="left", fontweight="bold")
