"""Quality of all runs of a study: who moved, what was covered, what each strategy left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.reporting.design_words import arms_of
from ketfc.reporting.figures import style
from ketfc.reporting.words import is_missing
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURES = {
    "mean_fd": "Mean FD, mm",
    "censored": "Censored volumes, %",
    "seconds_kept": "Kept, s",
    "tsnr": "tSNR of the circuits' regions (median)",
    "uncovered": "Circuits' regions without enough signal",
}
"""Columns of :func:`run_measures` that are drawn."""


def run_measures(
    runs: pd.DataFrame, coverage: dict[str, pd.DataFrame], min_coverage: float
) -> pd.DataFrame:
    """Return the measures of every run that are drawn and listed.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``quality/runs.tsv``, numbers as float.
    coverage : dict of str to pandas.DataFrame
        The circuits' coverage table by run.
    min_coverage : float
        A region needs this share of voxels with signal in all sessions.

    Returns
    -------
    pandas.DataFrame
        ``run participant_id role arm status reason mean_fd censored seconds_kept tsnr uncovered``,
        `censored` in percent; NaN for what was not measured.
    """
    rows = []
    for record in runs.to_dict("records"):
        table = coverage.get(str(record["run"]))
        read = table is not None and table["coverage_shared"].notna().any()
        least = max(min_coverage, np.finfo(float).tiny)
        rows.append(
            {
                name: record[name]
                for name in ("run", "participant_id", "role", "arm", "status", "reason")
            }
            | {
                "mean_fd": record["mean_fd"],
                "censored": 100 * record["n_censored"] / record["n_volumes"],
                "seconds_kept": record["seconds_kept"],
                "tsnr": table["tsnr"].median() if table is not None and read else np.nan,
                "uncovered": (
                    float((table["coverage_shared"] < least).sum())
                    if table is not None and read
                    else np.nan
                ),
            }
        )
    return pd.DataFrame(rows)


def draw_measures(measures: pd.DataFrame, similarity: pd.DataFrame, design: Design) -> Figure:
    """Draw every measure by session and arm, one dot a run, and the likeness of sessions.

    Parameters
    ----------
    measures : pandas.DataFrame
        What :func:`run_measures` gives.
    similarity : pandas.DataFrame
        ``quality/similarity.tsv``, numbers as float.
    """
    from matplotlib.ticker import MaxNLocator

    with style.paper_style():
        figure = style.new_figure(style.page_width(), 122)
        panels = figure.subplots(2, 3).ravel()
        roles = list(design.sessions)
        arms = arms_of(design)
        for axes, (column, label) in zip(panels, MEASURES.items(), strict=False):
            for j, arm in enumerate(arms):
                for i, role in enumerate(roles):
                    rows = measures[measures["role"] == role]
                    if arm.role is not None:
                        rows = rows[rows["arm"] == arm.role]
                    place = i + (j - (len(arms) - 1) / 2) * 0.38
                    _dots(axes, place, rows[column].dropna().to_numpy(dtype=float), arm.role)
            axes.set_xticks(range(len(roles)), roles)
            axes.set_xlim(-0.6, len(roles) - 0.4)
            # what is zero must not be cut in half
            axes.set_ylim(bottom=-0.03 * axes.get_ylim()[1])
            axes.yaxis.set_major_locator(MaxNLocator(6, integer=column == "uncovered"))
            axes.set_title(label, loc="left")
            if measures[column].isna().all():
                style.say(axes, "not measured")
        _draw_similarity(panels[5], similarity, design)
        if arms[0].role is not None:
            handles = [
                panels[0].plot(
                    [], [], style.ARM_MARKERS[arm.role], color=style.ARM_COLOURS[arm.role],
                    markersize=4, label=arm.label,
                )[0]
                for arm in arms
            ]  # fmt: skip
            figure.legend(handles=handles, loc="outside upper left", ncols=len(arms))
    return figure


def _dots(axes: Axes, place: float, values: npt.NDArray[np.float64], arm: str | None) -> None:
    """Draw values as dots in a column, and their quartiles as a box beside none of them."""
    if not values.size:
        return
    values = np.sort(values)
    # golden steps spread neighbours apart, and always in the same way
    jitter = (np.arange(values.size) * 0.618034 % 1 - 0.5) * 0.24
    axes.plot(
        place + jitter, values, style.ARM_MARKERS[arm], color=style.ARM_COLOURS[arm],
        markersize=3 if values.size < 100 else 1.5, alpha=0.7, markeredgewidth=0,
    )  # fmt: skip
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    axes.plot([place - 0.16, place + 0.16], [middle, middle], color=style.INK, linewidth=1.2)
    axes.plot([place, place], [low, high], color=style.INK, linewidth=0.7)


def _draw_similarity(axes: Axes, similarity: pd.DataFrame, design: Design) -> None:
    own = similarity["r_own"].dropna().to_numpy(dtype=float)
    others = similarity["r_others_median"].dropna().to_numpy(dtype=float)
    axes.set_title(f"Likeness of {design.baseline} and {design.followup}, r", loc="left")
    if not own.size:
        style.say(axes, "nobody has both sessions")
        return
    for place, values in enumerate((own, others)):
        _dots(axes, place, values, None)
    axes.set_xticks([0, 1], ["own sessions", "with others'\n(median)"])
    axes.set_xlim(-0.6, 1.6)


def draw_strategies(tdof: dict[str, pd.Series[float]], primary: str) -> Figure:
    """Draw the temporal degrees of freedom that each strategy leaves, one dot a run.

    Parameters
    ----------
    tdof : dict of str to pandas.Series
        By strategy, of the runs that it could be applied to.
    primary : str
        Its name is set in bold.
    """
    with style.paper_style():
        figure = style.new_figure(style.page_width(), 12 + 7 * max(len(tdof), 2))
        axes = figure.subplots()
        for i, values in enumerate(tdof.values()):
            ordered = np.sort(values.to_numpy(dtype=float))
            jitter = (np.arange(ordered.size) * 0.618034 % 1 - 0.5) * 0.4
            axes.plot(
                ordered, i + jitter, "o", color=style.ARM_COLOURS[None], markersize=3,
                alpha=0.6, markeredgewidth=0,
            )  # fmt: skip
            if ordered.size:
                middle = float(np.median(ordered))
                axes.plot([middle, middle], [i - 0.3, i + 0.3], color=style.INK, linewidth=1.2)
        axes.set_yticks(range(len(tdof)), list(tdof))
        for label in axes.get_yticklabels():
            label.set_fontweight("bold" if label.get_text() == primary else "normal")
        axes.set_ylim(len(tdof) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.set_xlabel("Temporal degrees of freedom left")
    return figure


def strategy_rows(strategies: pd.DataFrame) -> dict[str, pd.Series[float]]:
    """Return, by strategy, the degrees of freedom of the runs that it could be applied to.

    From ``quality/strategies.tsv``.
    """
    tdof = pd.to_numeric(strategies["tdof"]).astype(float)
    used = tdof.where(strategies["status"] == "ok")
    return {
        str(name): values.dropna()
        for name, values in used.groupby(strategies["strategy"], sort=False)
    }


def reasons(exclusions: pd.DataFrame, participant: str) -> list[str]:
    """Return the reasons that runs of a participant are not used for, each once."""
    rows = exclusions[
        (exclusions["participant_id"] == participant) & (exclusions["stage"] != "region")
    ]
    return list(dict.fromkeys(str(one) for one in rows["reason"] if not is_missing(one)))
