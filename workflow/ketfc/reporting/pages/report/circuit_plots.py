"""Plots of one circuit, from the numbers of the figures."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ketfc.inference.motion.sessions import before_and_after, session_motion
from ketfc.reporting.design_words import arms_of, association_given, compared
from ketfc.reporting.pages.report.plots import Plot, courses, scatter
from ketfc.reporting.rows import numeric
from ketfc.reporting.words import number
from ketfc.study.design.design import Design

_ENDS = ("", "_low", "_high")


def circuit_plots(
    circuit: str,
    numbers: Mapping[str, pd.DataFrame],
    runs: pd.DataFrame,
    design: Design,
    *,
    unit: str,
    people: bool,
) -> list[Plot]:
    """Return the plots of a circuit: its course, its association, its change and motion.

    Parameters
    ----------
    circuit : str
        Its id.
    numbers : mapping of str to pandas.DataFrame
        ``figures/paired.tsv``, ``association.tsv`` and, of more than two sessions,
        ``trajectory.tsv``, by those names; what is lacking is not drawn.
    runs : pandas.DataFrame
        ``quality/runs.tsv``.
    design : Design
        The study's design.
    unit : str
        Unit of the circuit's connectivity.
    people : bool
        Whether participants are shown; without them there are means alone.
    """
    found: list[Plot | None] = []
    if "paired" in numbers:
        each, means = course_of(circuit, numbers, design)
        about = {"title": "Course", "unit": unit}
        found.append(courses(each if people else each.iloc[:0], means, design, **about))
    if people and "association" in numbers:
        found.append(_association(circuit, numbers["association"], design, unit))
    if people and "paired" in numbers:
        found.append(_motion(circuit, numbers["paired"], runs, design, unit))
    return [plot for plot in found if plot is not None]


def arm_means(circuit: str, paired: pd.DataFrame, design: Design) -> list[str]:
    """Return by arm, in words, the means of those with both sessions, from ``paired.tsv``."""
    own = paired[(paired["circuit"] == circuit) & (paired["kind"] == "mean")]
    before, after = compared(design)
    return [
        f"{row['arm']}: {number(row['baseline'])} ({before}) → {number(row['followup'])} "
        f"({after}), n = {number(row['n'], 0)}"
        for row in own.to_dict("records")
    ]


def motion_courses(
    runs: pd.DataFrame, design: Design, *, people: bool, fewest: int = 0
) -> Plot | None:
    """Return every participant's mean FD over the sessions, and the means of the arms.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``quality/runs.tsv``.
    design : Design
        The study's design.
    people : bool
        Whether participants are shown.
    fewest : int
        Means over fewer participants than these are not shown.
    """
    measured = session_motion(runs)
    if "mean_fd" not in measured:
        return None
    table = measured["mean_fd"].rename("value").reset_index()
    table.columns = pd.Index(["participant_id", "role", "value"])
    labels = {arm.role: arm.label for arm in arms_of(design)}
    only = labels.get(None)
    arm = table["participant_id"].map(design.participants).map(labels)
    table["arm"] = only if only is not None else arm
    grouped = table.dropna(subset=["arm", "value"]).groupby(["arm", "role"])["value"]
    means = grouped.agg(value="mean", n="count").reset_index().assign(low=None, high=None)
    means = numeric(means[means["n"] >= fewest], "low", "high")
    about = {"title": "Head motion over the sessions", "unit": "mean FD, mm"}
    return courses(table if people else table.iloc[:0], means, design, **about)


def course_of(
    circuit: str, numbers: Mapping[str, pd.DataFrame], design: Design
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return values of participants and means of arms by role, of all sessions where they are.

    Parameters
    ----------
    circuit, numbers, design
        As for :func:`circuit_plots`.

    Returns
    -------
    people, means : pandas.DataFrame
        Columns arm, kind, participant_id, n, role, value, low and high.
    """
    if "trajectory" in numbers:
        table = numbers["trajectory"]
        table = numeric(table[table["circuit"] == circuit], "value", "low", "high", "n")
        return table[table["kind"] == "participant"], table[table["kind"] == "mean"]
    table = numbers["paired"][numbers["paired"]["circuit"] == circuit]
    times = (("baseline", design.baseline), ("followup", design.followup))
    ends = [f"{time}{end}" for time, _ in times for end in _ENDS]
    table = numeric(table, "n", *ends)
    long = pd.concat([
        table[["arm", "kind", "participant_id", "n"]].assign(
            role=role, value=table[time], low=table[f"{time}_low"], high=table[f"{time}_high"]
        )
        for time, role in times
    ])  # fmt: skip
    return long[long["kind"] == "participant"], long[long["kind"] == "mean"]


def _association(circuit: str, table: pd.DataFrame, design: Design, unit: str) -> Plot | None:
    """Return the points that the test by ranks correlates, with their line."""
    own = numeric(table[table["circuit"] == circuit], "x", "y", "connectivity_change", "si_change")
    each = own[own["kind"] == "participant"].copy()
    each["says"] = [
        f"connectivity {number(z, signed=True)} {unit}, {design.instrument} "
        f"{number(si, 1, signed=True)}, as measured"
        for z, si in zip(each["connectivity_change"], each["si_change"], strict=True)
    ]
    adjusted = ", adjusted" if association_given(design) else ""
    what = "difference" if design.drugs else "change"
    titles = (f"{what} in connectivity, rank{adjusted}", f"{design.instrument}, rank{adjusted}")
    line = own.loc[own["kind"] == "line", ["x", "y"]]
    ends = [(float(x), float(y)) for x, y in line.itertuples(index=False)]
    return scatter(each, design, title="Association", titles=titles, line=ends)


def _motion(
    circuit: str, paired: pd.DataFrame, runs: pd.DataFrame, design: Design, unit: str
) -> Plot | None:
    """Return the change in connectivity against the change in motion, as measured."""
    measured = session_motion(runs)
    if "mean_fd" not in measured:
        return None
    fd = before_and_after(measured, "mean_fd", **design.roles)
    own = paired[(paired["circuit"] == circuit) & (paired["kind"] == "participant")]
    each = numeric(own, "change").rename(columns={"change": "y"})
    each["x"] = each["participant_id"].map(fd["followup"] - fd["baseline"])
    each["says"] = [
        f"motion {number(x, 3, signed=True)} mm, connectivity {number(y, signed=True)} {unit}"
        for x, y in zip(each["x"], each["y"], strict=True)
    ]
    what = "difference" if design.drugs else "change"
    titles = (f"{what} in mean FD, mm", f"{what}, {unit}")
    return scatter(each, design, title="Motion", titles=titles)
