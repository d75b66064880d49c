"""Figures of the hard cases: a line per case, a panel per kind of test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
from calibration_cells import ALPHA
from matplotlib.figure import Figure

from ketfc.reporting.figures.style import FAINT, INK, QUIET, TWO_COLUMNS, new_figure

EDGE, BEFORE = "#56b4e9", "#d55e00"
"""Colours of single edges and of what was found before, Okabe and Ito's."""

CASE = ["design", "ketamine", "control", "spread", "drug", "sites", "scores", "followups"]
"""Columns that tell hard cases apart."""


_MANY = 1990
"""Studies of a case below which their number stands beside it."""

DESIGNS = {"single-arm": "one arm", "parallel": "two arms", "crossover": "crossover"}


class Mark(NamedTuple):
    """One mark of a hard case."""

    test: str
    method: str
    shape: str
    colour: str
    kind: str = "rejection"

    def rates(self, table: pd.DataFrame, case: pd.Series[Any]) -> pd.Series[float]:
        """Return the rates of it in a table: one, or none."""
        own = table[(table[CASE] == case[CASE]).all(axis=1)]
        own = own[(own["test"] == self.test) & (own["method"] == self.method)]
        return own.loc[own["kind"] == self.kind, "rate"]


PANELS: tuple[tuple[str, tuple[Mark, ...]], ...] = (
    (
        "change",
        (
            Mark("change", "permutation", "o", INK),
            Mark("change", "each edge", "o", EDGE),
            Mark("change-late", "permutation", "D", INK),
        ),
    ),
    (
        "association",
        (
            Mark("association", "permutation", "s", INK),
            Mark("association", "each edge", "s", EDGE),
        ),
    ),
    (
        "moderation",
        (
            Mark("drug-by-baseline-score", "permutation", "^", INK),
            Mark("drug-by-change", "permutation", "v", INK),
        ),
    ),
    (
        "family of 5",
        tuple(
            Mark(test, method, shape, colour)
            for test, shape in (("change", "o"), ("association", "s"))
            for method, colour in (("max-t", INK), ("holm", EDGE))
        ),
    ),
    (
        "interval",
        (
            Mark("change", "permutation", "o", INK, "coverage"),
            Mark("association", "permutation", "s", INK, "coverage"),
        ),
    ),
)
"""Panels of the figures of hard cases, with the marks of each."""


def case_label(about: pd.Series[Any]) -> str:
    """Return the words for a hard case."""
    one = about["design"] == "single-arm"
    parts = [f"n = {about['ketamine']}" if one else f"{about['ketamine']} + {about['control']}"]
    plain = {"drug": "no effect", "sites": "1", "scores": "skewed"}
    if about["spread"] != 1 or all(about[name] == value for name, value in plain.items()):
        parts.append(f"spread {about['spread']:g}")
    if about["drug"] != "no effect":
        parts.append(about["drug"])
    if about["sites"] != "1":
        parts.append(about["sites"].replace("3", "3 sites,"))
    if about["followups"] != "1":
        parts.append("two follow-ups")
    words = {"zeros": "60 % zeros", "one item": "one item"}
    return ", ".join([*parts, *([words[about["scores"]]] if about["scores"] in words else [])])


def _kind(about: pd.Series[Any]) -> tuple[str, ...]:
    """Return what cases that stand together share."""
    names = "design", "drug", "scores", "followups"
    return (about["sites"][:1], *(about[name] for name in names))


def hard(table: pd.DataFrame, before: pd.DataFrame, designs: Sequence[str]) -> Figure:
    """Draw a line per hard case of some designs, a panel per kind of test."""
    own = table[table["design"].isin(designs)]
    cases = own[CASE].drop_duplicates()
    cases = cases.iloc[sorted(range(len(cases)), key=lambda i: _place(cases.iloc[i]))]
    panels = PANELS if "parallel" in designs else [one for one in PANELS if one[0] != "moderation"]
    figure = new_figure(TWO_COLUMNS, 28 + 5.4 * len(cases))
    grid = figure.subplots(1, len(panels), sharey=True)
    labels, heights, y, last = [], [], 0.0, None
    for _, case in cases.iterrows():
        y += 1.0 if last in (None, _kind(case)) else 1.7
        last = _kind(case)
        design = f"{DESIGNS[case['design']]}, " if len(designs) > 1 else ""
        studies = own.loc[(own[CASE] == case).all(axis=1), "studies"].max()
        few = f" ({studies:.0f})" if studies < _MANY else ""
        labels.append(design + case_label(case) + few)
        heights.append(y)
        for axes, (_, marks) in zip(grid, panels, strict=True):
            for j, mark in enumerate(marks):
                at = y + 0.22 * (j - (len(marks) - 1) / 2)
                for rates, colour, face in ((before, BEFORE, "white"), (table, mark.colour, None)):
                    axes.plot(
                        (found := mark.rates(rates, case)),
                        [at] * len(found),
                        mark.shape,
                        color=colour,
                        markerfacecolor=face or colour,
                        markersize=3.0,
                        markeredgewidth=0.7,
                    )
    for axes, (name, marks) in zip(grid, panels, strict=True):
        covers = marks[0].kind == "coverage"
        low, high, middle = (0.93, 0.97, 0.95) if covers else (*_band(own), ALPHA)
        axes.axvspan(low, high, color=FAINT, linewidth=0, zorder=0)
        axes.axvline(middle, color=QUIET, linewidth=0.6, zorder=0)
        least, most = axes.get_xlim()
        axes.set_xlim(min(least, 0.91 if covers else 0.02), max(most, 0.98 if covers else 0.08))
        axes.set_title(name, loc="left", fontweight="bold")
        axes.set_xlabel("covers the truth" if covers else "rejected at .05")
        axes.set_ylim(y + 0.8, 0.2)
        axes.tick_params(axis="y", length=0)
    grid[0].set_yticks(heights, labels)
    _hard_legend(figure)
    return figure


def _place(about: pd.Series[Any]) -> tuple[Any, ...]:
    """Return a key of sorting: the plain cases first, arms ever less equal, ever fewer people."""
    ketamine, control = int(about["ketamine"]), int(about["control"])
    return (
        list(DESIGNS).index(about["design"]),
        about["followups"],
        about["drug"] != "no effect",
        about["sites"],
        about["scores"] != "skewed",
        about["scores"],
        about["spread"],
        control / ketamine,
        -ketamine,
    )


def _band(table: pd.DataFrame) -> tuple[float, float]:
    """Return the band of a rate of .05 of all studies."""
    own = table[(table["kind"] == "rejection") & (table["method"] == "max-t")]
    return float(own["low"].max()), float(own["high"].min())


def _hard_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def handle(shape: str, colour: str, label: str, face: str | None = None) -> Line2D:
        return Line2D(
            [],
            [],
            marker=shape,
            color=colour,
            markerfacecolor=face or colour,
            linestyle="",
            markersize=4,
            label=label,
        )

    handles: list[Any] = [
        handle("o", INK, "change"),
        handle("s", INK, "association"),
        handle("D", INK, "change until the second follow-up"),
        handle("^", INK, "drug by baseline score"),
        handle("v", INK, "drug by change"),
        handle("o", EDGE, "single edges; Holm (else max-T)"),
        handle("o", BEFORE, "before, where simulated", "white"),
        Patch(color=FAINT, label="99 % band; 95 ± 2 %"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
