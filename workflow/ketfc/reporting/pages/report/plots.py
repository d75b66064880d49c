"""Plots of the page that can be pointed at: lines and dots of participants, by where they lie."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ketfc.reporting.design_words import arms_of
from ketfc.reporting.words import compact, number
from ketfc.study.design.design import Design

WIDTH, HEIGHT = 330, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 10, 46


@dataclass(frozen=True)
class Mark:
    """A line or a dot of a participant, or the mean of an arm.

    Attributes
    ----------
    who : str
        The participant; empty for a mean.
    arm : str
        ``ketamine``, ``control`` or ``all``: what its colour and shape are.
    points : list of (float, float)
        Where it lies, in pixels.
    says : str
        Its values in words.
    ends : list of (float, float, float)
        Of a mean: where the intervals stand, and their lower and upper ends, in pixels.
    """

    who: str
    arm: str
    points: list[tuple[float, float]]
    says: str
    ends: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The points as an SVG polyline takes them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True)
class Plot:
    """A plot of the page, everything in pixels from its upper left corner.

    Attributes
    ----------
    title, x_title, y_title : str
        What it shows.
    people, means : list of Mark
        Participants, and arms.
    x_ticks, y_ticks : list of (float, str)
        Places and labels.
    groups : list of (float, str, str)
        Middle, label and colour of the arms below the ticks.
    fit : tuple of four floats, optional
        Ends of a least-squares line.
    zero : float, optional
        Height of zero, where it is inside.
    """

    title: str
    x_title: str
    y_title: str
    people: list[Mark]
    means: list[Mark]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    groups: list[tuple[float, str, str]] = field(default_factory=list)
    fit: tuple[float, float, float, float] | None = None
    zero: float | None = None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    bottom: int = HEIGHT - _BOTTOM
    right: int = WIDTH - _RIGHT


def colour_of(role: str | None) -> str:
    """Return the name of an arm's colour on the page."""
    return role or "all"


def courses(
    people: pd.DataFrame, means: pd.DataFrame, design: Design, *, title: str, unit: str
) -> Plot | None:
    """Return every participant's course over the sessions, arm beside arm, with the means.

    Parameters
    ----------
    people : pandas.DataFrame
        Columns participant_id, arm (its label, missing for those without one), role and value; no
        rows where participants are not to be shown.
    means : pandas.DataFrame
        Columns arm, role, value, low, high and n.
    design : Design
        Its arms and sessions are the columns of the plot.
    title, unit : str
        What is shown, and the unit of the value.
    """
    values = [people["value"], *(means[name] for name in ("value", "low", "high"))]
    height = _scale(values, HEIGHT - _BOTTOM, _TOP)
    if height is None:
        return None
    arms = arms_of(design)
    there = {*people["role"], *means["role"]}
    roles = [role for role in design.sessions if role in there]
    place = {
        (arm.label, role): (len(roles) + 0.5) * i + j
        for i, arm in enumerate(arms)
        for j, role in enumerate(roles)
    }
    across = _Scale(-0.5, max(place.values()) + 0.5, _LEFT, WIDTH - _RIGHT)
    colours = {arm.label: colour_of(arm.role) for arm in arms}
    only = arms[0].label if arms[0].role is None else None
    lines = []
    for who, own in people.dropna(subset=["value"]).groupby("participant_id", sort=False):
        label = only or str(own["arm"].iloc[0])
        if label not in colours:
            continue
        by_role = dict(zip(own["role"], own["value"], strict=True))
        known = [role for role in roles if role in by_role]
        lines.append(
            Mark(
                str(who),
                colours[label],
                [(across(place[label, role]), height(by_role[role])) for role in known],
                ", ".join(f"{role} {compact(by_role[role])}" for role in known) + f" {unit}",
            )
        )
    return Plot(
        title=title,
        x_title="",
        y_title=unit,
        people=lines,
        means=[
            _mean(own, str(label), roles, colours[str(label)], (place, across, height), unit)
            for label, own in means.groupby("arm", sort=False)
            if label in colours
        ],
        x_ticks=[(across(x), role) for (_, role), x in place.items()],
        y_ticks=height.ticks(),
        groups=[
            (
                across((len(roles) + 0.5) * i + (len(roles) - 1) / 2),
                arm.label,
                colour_of(arm.role),
            )
            for i, arm in enumerate(arms)
            if arm.role is not None
        ],
        zero=height.inside(0.0),
    )


def scatter(
    people: pd.DataFrame,
    design: Design,
    *,
    title: str,
    titles: tuple[str, str],
    line: Sequence[tuple[float, float]] = (),
) -> Plot | None:
    """Return a dot for every participant, and a line through them where one is given.

    Parameters
    ----------
    people : pandas.DataFrame
        Columns participant_id, arm (its label), x, y and says (the values in words).
    titles : tuple of str
        Of both axes.
    line : sequence of (float, float)
        Two points.
    """
    people = people.dropna(subset=["x", "y"])
    along = _scale([people["x"]], _LEFT, WIDTH - _RIGHT)
    height = _scale([people["y"]], HEIGHT - _BOTTOM, _TOP)
    if along is None or height is None:
        return None
    colours = {arm.label: colour_of(arm.role) for arm in arms_of(design)}
    dots = [
        Mark(str(who), colours.get(str(arm), "all"), [(along(x), height(y))], str(says))
        for who, arm, x, y, says in people[["participant_id", "arm", "x", "y", "says"]].itertuples(
            index=False
        )
    ]
    fit = None
    if len(line) == 2:
        (x0, y0), (x1, y1) = line
        fit = (along(x0), height(y0), along(x1), height(y1))
    return Plot(
        title=title,
        x_title=titles[0],
        y_title=titles[1],
        people=dots,
        means=[],
        x_ticks=along.ticks(),
        y_ticks=height.ticks(),
        fit=fit,
        zero=height.inside(0.0),
    )


@dataclass(frozen=True)
class _Scale:
    """The pixels of values from `low` to `high`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def inside(self, value: float) -> float | None:
        """Return the pixel of a value if it lies within the scale."""
        return self(value) if self.low < value < self.high else None

    def ticks(self) -> list[tuple[float, str]]:
        """Return some four round values with their labels."""
        rough = (self.high - self.low) / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 2.5, 4, 5, 10) if power * factor >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [(self(step * i), compact(round(step * i, 10))) for i in range(first, last + 1)]


def _scale(values: Iterable[pd.Series[float]], start: float, end: float) -> _Scale | None:
    """Return a scale a little wider than all values, or None where there is no value."""
    known = np.concatenate([np.asarray(one, dtype=float) for one in values])
    known = known[np.isfinite(known)]
    if not known.size:
        return None
    low, high = float(known.min()), float(known.max())
    margin = 0.06 * (high - low) or max(0.1, 0.1 * abs(high))
    return _Scale(low - margin, high + margin, start, end)


def _mean(
    own: pd.DataFrame,
    label: str,
    roles: Sequence[str],
    colour: str,
    scales: tuple[Mapping[tuple[str, str], float], _Scale, _Scale],
    unit: str,
) -> Mark:
    """Return the means of one arm over the sessions."""
    place, across, height = scales
    rows = {str(row["role"]): row for row in own.to_dict("records")}
    known = [role for role in roles if role in rows and math.isfinite(rows[role]["value"])]
    says = ", ".join(f"{role} {number(rows[role]['value'])}" for role in known)
    n = rows[known[0]]["n"] if known else 0
    return Mark(
        "",
        colour,
        [(across(place[label, role]), height(rows[role]["value"])) for role in known],
        f"{label}: mean {says} {unit}, n = {number(n, 0)}",
        [
            (across(place[label, role]), height(rows[role]["low"]), height(rows[role]["high"]))
            for role in known
            if math.isfinite(rows[role]["low"])
        ],
    )
