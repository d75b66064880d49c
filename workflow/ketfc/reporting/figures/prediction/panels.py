"""A row of panels per prediction: what it says, its calibration, its learning, and its gain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.prediction.curves import CALIBRATION, LEARNING, ROC
from ketfc.inference.prediction.fits import BOTH, CLINICAL, CONNECTIVITY
from ketfc.reporting.figures import style
from ketfc.reporting.words import number, p_equals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {CLINICAL: "#8a8a8a", CONNECTIVITY: "#8c4f8d", BOTH: style.INK}
_MARKERS = {CLINICAL: "s", CONNECTIVITY: "o", BOTH: "D"}
_NAMES = {CLINICAL: "clinical", CONNECTIVITY: "connectivity", BOTH: "both"}
_DASHED: Any = (0, (4, 2))
_HEIGHT = 46.0
"""Height of a row in mm."""


def draw_prediction(
    accuracy: pd.DataFrame, curves: pd.DataFrame, out_of_fold: pd.DataFrame
) -> tuple[Figure, pd.DataFrame]:
    """Draw predictions of those left out, calibration, learning curve and accuracy.

    Parameters
    ----------
    accuracy, curves, out_of_fold : pandas.DataFrame
        ``tests/prediction.tsv``, ``prediction_curve.tsv`` and ``prediction_out_of_fold.tsv``,
        numbers as numbers.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A row for each kind of features and model.
    numbers : pandas.DataFrame
        What is drawn, by `panel`.
    """
    tested = accuracy[accuracy["p_permutation"].notna() | accuracy["p_difference"].notna()]
    jobs = list(dict.fromkeys(zip(tested["features"], tested["model"], strict=True)))
    numbers = _numbers(tested, curves, out_of_fold)
    with style.paper_style():
        if not jobs:
            reasons = "; ".join(dict.fromkeys(accuracy["reason"].dropna().astype(str)))
            return style.words_only(f"Nothing could be predicted: {reasons}."), numbers
        figure = style.new_figure(style.page_width(), 12 + _HEIGHT * len(jobs))
        grid = figure.subplots(len(jobs), 4, squeeze=False)
        for row, (features, model) in zip(grid, jobs, strict=True):
            own = [
                table[(table["features"] == features) & (table["model"] == model)]
                for table in (tested, curves, out_of_fold)
            ]
            _row(row, *own)
            row[0].set_title(f"{features}, {model}", loc="left", fontweight="bold")
        marks = [
            style.legend_mark(_NAMES[name], marker=_MARKERS[name], color=_COLOURS[name])
            for name in dict.fromkeys(tested["predictors"])
        ]
        figure.legend(handles=marks, loc="outside lower center", ncols=3, handletextpad=0.2)
        return figure, numbers


def _row(
    axes: np.ndarray[Any, Any], tested: pd.DataFrame, curves: pd.DataFrame, people: pd.DataFrame
) -> None:
    classes = tested["metric"].iloc[0] == "auc"
    measure = "AUC" if classes else "R²"
    if classes:
        _roc(axes[0], curves)
    else:
        _said(axes[0], people)
    _calibration(axes[1], curves, people, classes=classes)
    _learning(axes[2], curves, measure, chance=0.5 if classes else 0.0)
    _accuracy(axes[3], tested, measure, chance=0.5 if classes else 0.0)


def _said(axes: Axes, people: pd.DataFrame) -> None:
    own = people[people["predictors"] == CONNECTIVITY]
    ends = [own["observed"].min(), own["observed"].max()]
    axes.plot(ends, ends, color=style.FAINT, linewidth=0.8, zorder=0)
    look: Any = {"s": 9, "color": _COLOURS[CONNECTIVITY], "linewidth": 0, "alpha": 0.8}
    axes.scatter(own["predicted"], own["observed"], **look)
    axes.set_xlabel("predicted change, left out")
    axes.set_ylabel("observed change")


def _roc(axes: Axes, curves: pd.DataFrame) -> None:
    axes.plot([0, 1], [0, 1], color=style.FAINT, linewidth=0.8, zorder=0)
    for name, own in curves[curves["curve"] == ROC].groupby("predictors", sort=False):
        axes.step(own["x"], own["y"], where="post", color=_COLOURS[str(name)])
    axes.set_xlabel("1 − specificity")
    axes.set_ylabel("sensitivity")
    axes.set_aspect("equal")


def _calibration(axes: Axes, curves: pd.DataFrame, people: pd.DataFrame, *, classes: bool) -> None:
    own = curves[(curves["curve"] == CALIBRATION) & (curves["predictors"] != BOTH)]
    said = people["predicted"]
    ends = [0.0, 1.0] if classes else [said.min(), said.max()]
    axes.plot(ends, ends, color=style.FAINT, linewidth=0.8, zorder=0)
    for name, rows in own.groupby("predictors", sort=False):
        _marks(axes, rows["x"], rows, str(name), line=True)
    axes.set_xlabel("mean predicted" + (" probability" if classes else ""))
    axes.set_ylabel("share observed" if classes else "mean observed")


def _learning(axes: Axes, curves: pd.DataFrame, measure: str, *, chance: float) -> None:
    axes.axhline(chance, color=style.QUIET, linewidth=0.7, linestyle=_DASHED, zorder=0)
    own = curves[curves["curve"] == LEARNING]
    for name, rows in own.groupby("predictors", sort=False):
        colour = _COLOURS[str(name)]
        axes.plot(rows["x"], rows["y"], marker=_MARKERS[str(name)], markersize=3, color=colour)
        if name == CONNECTIVITY:
            axes.fill_between(
                rows["x"], rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0
            )
    axes.set_xlabel("training participants")
    axes.set_ylabel(measure)


def _accuracy(axes: Axes, tested: pd.DataFrame, measure: str, *, chance: float) -> None:
    axes.axvline(chance, color=style.QUIET, linewidth=0.7, linestyle=_DASHED, zorder=0)
    rows = tested.to_dict("records")
    for place, row in enumerate(rows):
        name = str(row["predictors"])
        axes.plot([row["ci_low"], row["ci_high"]], [place, place], color=_COLOURS[name])
        axes.plot(row["estimate"], place, marker=_MARKERS[name], markersize=4, color=_COLOURS[name])
        p = (
            p_equals(row["p_permutation"])
            if name != BOTH
            else f"gain {number(row['difference'], signed=True)}, {p_equals(row['p_difference'])}"
        )
        axes.annotate(
            p, (0, place), xytext=(2, 5), xycoords=("axes fraction", "data"),
            textcoords="offset points", fontsize=style.pt(5.8), color=style.QUIET,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
        )  # fmt: skip
    axes.set_ylim(len(rows) - 0.5, -0.7)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(measure)


def _marks(axes: Axes, x: pd.Series[float], rows: pd.DataFrame, name: str, *, line: bool) -> None:
    colour = _COLOURS[name]
    axes.vlines(x, rows["low"], rows["high"], color=colour, linewidth=0.6)
    axes.plot(
        x, rows["y"], marker=_MARKERS[name], markersize=3.5, color=colour,
        linewidth=0.8 if line else 0.0,
    )  # fmt: skip


def _numbers(tested: pd.DataFrame, curves: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    key = ["features", "model", "predictors"]
    parts = [
        people[people["predictors"] == CONNECTIVITY][[*key, "predicted", "observed"]]
        .rename(columns={"predicted": "x", "observed": "y"})
        .assign(panel="predictions"),
        curves[[*key, "x", "y", "low", "high", "n"]].assign(panel=curves["curve"]),
        tested[[*key, "estimate", "ci_low", "ci_high", "n"]]
        .rename(columns={"estimate": "x", "ci_low": "low", "ci_high": "high"})
        .assign(panel="accuracy"),
    ]
    columns = ["panel", *key, "x", "y", "low", "high", "n"]
    filled = [part.reindex(columns=columns).astype({"n": "Float64"}) for part in parts]
    return pd.concat([part for part in filled if len(part)] or filled[:1], ignore_index=True)
