"""Draw docs/images/calibration_*.png from the tables docs/calibration*.tsv."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from calibration_cells import ALPHA
from calibration_hard_figures import hard
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ketfc.base.files import read_tsv, replacing
from ketfc.reporting.figures.style import FAINT, INK, QUIET, TWO_COLUMNS, new_figure, paper_style

COLOURS = {12: "#d55e00", 24: "#0072b2", 40: "#222222"}
MARKERS = {12: "o", 24: "s", 40: "^"}
DESIGNS = {
    "single-arm": "One arm",
    "parallel": "Two arms",
    "crossover": "Crossover",
    "longitudinal": "Three times",
}

Row = tuple[str, dict[str, str]]
"""A label, and the rows of the table that it stands for."""


def row(label: str, test: str, method: str, **more: str) -> Row:
    return label, {"test": test, "method": method} | more


def rejection_rows(design: str) -> list[Row]:
    if design == "longitudinal":
        return [
            row(f"{at}, {words}{drift}", f"change-{when}", method, truth=truth)
            for truth, drift in (("no effect", ""), ("no effect, drifting", ", drift"))
            for when, at in (("post", "2nd − 1st"), ("late", "3rd − 1st"))
            for method, words in (("permutation", "sign flips"), ("mixed-model", "mixed model"))
        ]
    rows = [
        row("change", "change", "permutation"),
        row("association", "association", "permutation"),
        row("any of 5 changes", "change", "max-t"),
        row("any of 5 associations", "association", "max-t"),
        row("change, parametric t", "change", "t"),
        row("change, HC3", "change", "hc3"),
        row("change, HC2", "change", "hc2"),
        row("change, ranks", "change", "ranks"),
        row("association, parametric t", "association", "t"),
        row("association, values", "association", "values"),
        row("association, HC3", "association", "hc3"),
        row("association, HC2", "association", "hc2"),
    ]
    return [(label, {**what, "truth": "no effect"}) for label, what in rows]


def coverage_rows(design: str) -> list[Row]:
    plain = "t" if design == "single-arm" else "hc3"
    other = "bca" if design == "single-arm" else "hc2"
    names = {"t": "t", "hc3": "HC3", "hc2": "HC2", "bca": "BCa"}
    methods = [
        ("change", "change", "permutation"),
        ("association", "association", "permutation"),
        (f"change, {names[plain]}", "change", plain),
        (f"change, {names[other]}", "change", other),
        ("association, values", "association", "values"),
        ("association, HC3", "association", "hc3"),
        ("association, HC2", "association", "hc2"),
    ]
    return [
        row(f"{label}{', planted' if truth == 'planted' else ''}", test, method, truth=truth)
        for label, test, method in methods
        for truth in ("no effect", "planted")
    ]


def dots(axes: Axes, table: pd.DataFrame, rows: Sequence[Row], primary: int) -> None:
    """Draw a line of dots per row, one for each n; those below `primary` stand beside the tests."""
    y = 0.0
    ticks, labels = [], []
    for i, (label, what) in enumerate(rows):
        own = table
        for column, value in what.items():
            own = own[own[column] == value]
        if own.empty:
            continue
        y += 1.6 if i == primary else 1.0
        for j, n in enumerate(COLOURS):
            one = own[own["n"] == n]
            axes.plot(
                one["rate"],
                np.full(len(one), y + 0.24 * (j - 1)),
                MARKERS[n],
                color=COLOURS[n],
                markersize=3.6,
                markeredgewidth=0.8,
                markerfacecolor=COLOURS[n] if i < primary else "white",
            )
        ticks.append(y)
        labels.append(label)
    axes.set_yticks(ticks, labels)
    axes.set_ylim(y + 0.7, 0.4)
    axes.tick_params(axis="y", length=0)


def legend(figure: Figure, words: str, **more: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D(
            [],
            [],
            marker=MARKERS[n],
            color=COLOURS[n],
            linestyle="",
            markersize=4,
            label=f"n = {n}",
        )
        for n in COLOURS
    ]
    handles.append(Patch(color=FAINT, label=words))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), **more)


def rejection(table: pd.DataFrame) -> Figure:
    own = table[(table["kind"] == "rejection") & (table["level"] == ALPHA)]
    figure = new_figure(TWO_COLUMNS, 135)
    for axes, design in zip(figure.subplots(2, 2).ravel(), DESIGNS, strict=True):
        of_design = own[own["design"] == design]
        low, high = of_design["low"].max(), of_design["high"].min()
        axes.axvspan(low, high, color=FAINT, linewidth=0, zorder=0)
        axes.axvline(ALPHA, color=QUIET, linewidth=0.6, zorder=0)
        longitudinal = design == "longitudinal"
        dots(axes, of_design, rejection_rows(design), 99 if longitudinal else 4)
        axes.set_title(DESIGNS[design], loc="left", fontweight="bold")
        axes.set_xlim(0, max(0.1, own["rate"].max() * 1.05))
        axes.set_xlabel("rejected at .05 where nothing changes")
    legend(figure, "binomial 99 % band of one rate")
    return figure


def coverage(table: pd.DataFrame) -> Figure:
    own = table[(table["kind"] == "coverage") & (table["design"] != "longitudinal")]
    figure = new_figure(TWO_COLUMNS, 90)
    for axes, design in zip(figure.subplots(1, 3), list(DESIGNS)[:3], strict=True):
        axes.axvspan(0.93, 0.97, color=FAINT, linewidth=0, zorder=0)
        axes.axvline(1 - ALPHA, color=QUIET, linewidth=0.6, zorder=0)
        dots(axes, own[own["design"] == design], coverage_rows(design), 4)
        axes.set_title(DESIGNS[design], loc="left", fontweight="bold")
        axes.set_xlim(min(0.9, own["rate"].min() - 0.005), 1.0)
        axes.set_xlabel("covers the truth")
    legend(figure, "95 ± 2 %")
    return figure


def power(table: pd.DataFrame) -> Figure:
    own = table[table["kind"] == "power"]
    labels = {
        ("single-arm", "change"): "change",
        ("parallel", "change"): "two arms",
        ("crossover", "change"): "crossover",
        ("single-arm", "association"): "association",
        ("parallel", "association"): "two arms, association",
        ("parallel", "drug-by-baseline-score"): "two arms, moderation",
    }
    figure = new_figure(TWO_COLUMNS, 105)
    grid = figure.subplots(2, 3, sharex=True, sharey=True)
    for axes, ((design, test), label) in zip(grid.ravel(), labels.items(), strict=True):
        chosen = own[(own["design"] == design) & (own["test"] == test)]
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.6)
        band = chosen.sort_values("expected").drop_duplicates("expected")
        axes.fill_between(
            band["expected"], band["low"], band["high"], color=FAINT, linewidth=0, zorder=0
        )
        for j, n in enumerate(COLOURS):
            for method, face in (("classical", "white"), ("permutation", COLOURS[n])):
                one = chosen[(chosen["n"] == n) & (chosen["method"] == method)]
                axes.plot(
                    one["expected"] + 0.014 * (j - 1) + 0.006 * (method == "classical"),
                    one["rate"],
                    MARKERS[n],
                    color=COLOURS[n],
                    markersize=3.6,
                    markeredgewidth=0.8,
                    markerfacecolor=face,
                )
        axes.set_title(label, loc="left", fontweight="bold")
        axes.set_xlim(0.42, 1.02)
        axes.set_ylim(0.38, 1.02)
        axes.set_xticks([0.5, 0.8, 0.95], [".5", ".8", ".95"])
        axes.set_yticks([0.5, 0.8, 0.95], [".5", ".8", ".95"])
        axes.set_aspect("equal")
    for axes in grid[1]:
        axes.set_xlabel("power predicted")
    for axes in grid[:, 0]:
        axes.set_ylabel("power found")
    legend(figure, "binomial 99 % band")
    return figure


def uniformity(table: pd.DataFrame) -> Figure:
    """Draw how far the share of p values below each level is from the level."""
    own = table[
        (table["kind"] == "rejection")
        & (table["truth"] == "no effect")
        & table["method"].isin(["permutation", "max-t"])
        & (table["design"] != "longitudinal")
    ]
    figure = new_figure(TWO_COLUMNS, 105)
    grid = figure.subplots(2, 3, sharex=True, sharey=True)
    limit = max(0.05, 1.1 * float((own["rate"] - own["level"]).abs().max()))
    styles = {"change": "-", "association": "--"}
    for down, (method, what) in enumerate(
        (("permutation", "a test alone"), ("max-t", "the family"))
    ):
        for axes, design in zip(grid[down], list(DESIGNS)[:3], strict=True):
            chosen = own[(own["design"] == design) & (own["method"] == method)]
            band = chosen.sort_values("level").drop_duplicates("level")
            axes.fill_between(
                band["level"],
                band["low"] - band["level"],
                band["high"] - band["level"],
                color=FAINT,
                linewidth=0,
                zorder=0,
            )
            axes.axhline(0, color=QUIET, linewidth=0.6)
            for n, colour in COLOURS.items():
                for test, style in styles.items():
                    line = chosen[(chosen["n"] == n) & (chosen["test"] == test)]
                    line = line.sort_values("level")
                    axes.plot(
                        line["level"],
                        line["rate"] - line["level"],
                        style,
                        color=colour,
                        marker=MARKERS[n],
                        markersize=2.2,
                        linewidth=0.8,
                    )
            axes.set_title(f"{DESIGNS[design]}, {what}", loc="left", fontweight="bold")
            axes.set_ylim(-limit, limit)
            if down:
                axes.set_xlabel("level")
        grid[down][0].set_ylabel("share of p ≤ level − level")
    grid[0][0].text(
        0.02, 0.03, "solid: change   dashed: association", transform=grid[0][0].transAxes, color=INK
    )
    legend(figure, "binomial 99 % band at each level")
    return figure


FIGURES = {
    "rejection": rejection,
    "coverage": coverage,
    "power": power,
    "uniformity": uniformity,
}


_BEFORE = Path(__file__).parents[1] / "docs" / "calibration_before.tsv"
"""Rates of the same cases by the tests of commit c14a9c4, a record."""


def draw(docs: Path) -> None:
    """Draw every figure of the tables of rates in a folder, into its ``images``."""
    numbers = ("level", "rate", "expected", "low", "high")
    rates = read_tsv(docs / "calibration.tsv", numeric=("n", *numbers))
    now, before = (
        read_tsv(path, numeric=("spread", "studies", *numbers))
        for path in (docs / "calibration_hard.tsv", _BEFORE)
    )
    with paper_style():
        figures = {name: figure_of(rates) for name, figure_of in FIGURES.items()}
        figures["two_arms"] = hard(now, before, ["parallel"])
        figures["other_designs"] = hard(now, before, ["single-arm", "crossover"])
        for name, figure in figures.items():
            with replacing(docs / "images" / f"calibration_{name}.png") as temporary:
                figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("docs", type=Path, nargs="?", default=Path("docs"))
    draw(parser.parse_args().docs)


if __name__ == "__main__":
    main()
