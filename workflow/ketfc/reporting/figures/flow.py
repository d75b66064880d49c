"""The flow of participants through a study, in the manner of a CONSORT diagram."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from ketfc.reporting.design_words import arms_of
from ketfc.reporting.figures import style
from ketfc.reporting.text.flow import Entry, head, rows
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ONE_ARM = 120.0
"""Width of the figure of a study without arms, mm."""
_MARGIN, _BETWEEN, _PAD, _GAP = 2.0, 8.0, 1.8, 4.0
"""Around the figure, between the arms, within a box, and between boxes, mm."""
_SPINE, _SIDE = 6.0, 14.0
"""From a column's left edge to the line down, and to the boxes of what is left out, mm."""
_SIZE, _LINE = 6.8, 3.25
"""Text in points; from line to line in mm."""
_INDENT = 2.4
"""Indent of the lines of an item after its first, mm."""


@dataclass(frozen=True)
class _Line:
    """One line of a box: its text, how far it is moved in (mm), and whether it stands out."""

    text: str
    indent: float
    bold: bool


_Wrap = Callable[[Sequence[Entry], float], list[_Line]]


@dataclass(frozen=True)
class _Box:
    """A box in mm from the lower left corner of the figure; `x`, `y` is its upper left corner.

    Without a colour it is one of what is left out.
    """

    x: float
    y: float
    width: float
    lines: Sequence[_Line]
    colour: str | None
    least: float = 0.0

    @property
    def height(self) -> float:
        return max(len(self.lines) * _LINE + 2 * _PAD, self.least)


def draw_flow(
    counts: pd.DataFrame, hypotheses: pd.DataFrame, design: Design
) -> tuple[Figure, pd.DataFrame]:
    """Draw who was found, imaged, usable and tested, and beside it who was not and why.

    Parameters
    ----------
    counts : pandas.DataFrame
        As :func:`ketfc.inference.account.flow.flow_counts` gives it.
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``, for the names of the circuits.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A column per arm, as high as its words need.
    numbers : pandas.DataFrame
        `counts`.
    """
    n_arms = len(arms_of(design))
    width = _ONE_ARM if n_arms == 1 else style.page_width()
    column = (width - 2 * _MARGIN - _BETWEEN * (n_arms - 1)) / n_arms
    with style.paper_style():
        wrap = _wrapping()
        # from the top down, below zero; the figure is made as high as it turns out to be
        boxes, arrows, lines, bottom = _place(counts, hypotheses, design, column, width, wrap)
        figure = style.new_figure(width, _MARGIN - bottom, grows=False)
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, width)
        axes.set_ylim(bottom - _MARGIN, 0)
        axes.set_axis_off()
        for xs, ys in lines:
            axes.plot(xs, ys, color=style.QUIET, linewidth=0.8, zorder=2)
        for start, end in arrows:
            _draw_arrow(axes, start, end)
        for box in boxes:
            _draw_box(axes, box)
    return figure, counts


_Point = tuple[float, float]


def _place(
    counts: pd.DataFrame,
    hypotheses: pd.DataFrame,
    design: Design,
    column: float,
    width: float,
    wrap: _Wrap,
) -> tuple[
    list[_Box],
    list[tuple[_Point, _Point]],
    list[tuple[tuple[float, ...], tuple[float, ...]]],
    float,
]:
    """Return boxes, arrows (from, to), plain lines (x, y) and the lower end of it all."""
    arms = arms_of(design)
    lefts = [_MARGIN + i * (column + _BETWEEN) for i in range(len(arms))]
    narrow = column - _SIDE
    boxes: list[_Box] = []
    arrows: list[tuple[_Point, _Point]] = []
    lines: list[tuple[tuple[float, ...], tuple[float, ...]]] = []
    y, middle = -_MARGIN, width / 2

    above = [wrap(entries, narrow - 2 * _PAD) for entries in head(counts, design)]
    if above:
        boxes.append(_Box(middle - narrow / 2, y, narrow, above[0], style.INK))
        start = y - boxes[0].height
        y = start - _GAP
        for text in above[1:]:
            box = _Box(middle + _SIDE - _SPINE, y, narrow, text, None)
            boxes.append(box)
            arrows.append(((middle, y - box.height / 2), (box.x, y - box.height / 2)))
            y -= box.height + _GAP
        centres = [left + column / 2 for left in lefts]
        lines += [((middle, middle), (start, y)), ((centres[0], centres[-1]), (y, y))]
        arrows += [((centre, y), (centre, y - _GAP)) for centre in centres]
        y -= _GAP
    previous = y
    for i, row in enumerate(rows(counts, hypotheses, design)):
        texts = [
            wrap(entries, (narrow if row.aside else column) - 2 * _PAD) for entries in row.boxes
        ]
        highest = max(_Box(0, 0, 0, text, None).height for text in texts)
        for left, arm, text in zip(lefts, arms, texts, strict=True):
            if not row.aside:
                colour = style.ARM_COLOURS[arm.role] if arm.role and i == 0 else style.INK
                boxes.append(_Box(left, y, column, text, colour, highest))
                if i:
                    arrows.append(((left + _SPINE, previous), (left + _SPINE, y)))
            elif text:
                box = _Box(left + _SIDE, y, narrow, text, None)
                boxes.append(box)
                centre = y - box.height / 2
                arrows.append(((left + _SPINE, centre), (box.x, centre)))
        y -= highest
        previous = previous if row.aside else y
        y -= _GAP
    return boxes, arrows, lines, y + _GAP


def _wrapping() -> _Wrap:
    """Return a function that breaks entries into lines no wider than so many mm."""
    renderer = style.new_figure(10, 10).canvas.get_renderer()  # type: ignore[attr-defined]
    from matplotlib.font_manager import FontProperties

    fonts = {
        bold: FontProperties(
            family=style.families(), size=style.pt(_SIZE), weight="bold" if bold else "normal"
        )
        for bold in (False, True)
    }
    # 100 dots per inch, matplotlib's own, is what the renderer measures in
    mm = 25.4 / 100

    def wide(text: str, bold: bool) -> float:
        width, _, _ = renderer.get_text_width_height_descent(text, fonts[bold], False)
        return float(width) * mm

    def wrap(entries: Sequence[Entry], width: float) -> list[_Line]:
        lines: list[_Line] = []
        for entry in entries:
            indent, room = 0.0, width
            line = "– " if entry.item else ""
            for word in _pieces(entry.text, partial(wide, bold=entry.bold), width - _INDENT):
                longer = f"{line} {word}" if line.strip("– ") else f"{line}{word}"
                if line.strip("– ") and wide(longer, entry.bold) > room:
                    lines.append(_Line(line, indent, entry.bold))
                    indent = _INDENT if entry.item else 0.0
                    line, room = word, width - indent
                else:
                    line = longer
            lines.append(_Line(line, indent, entry.bold))
        return lines

    return wrap


def _pieces(text: str, wide: Callable[[str], float], width: float) -> list[str]:
    """Return the words of a text, those that are wider than a line in pieces."""
    pieces = []
    for word in filter(None, re.split("[ \\t\\n]+", text)):
        piece = ""
        for letter in word:
            if piece and wide(piece + letter) > width:
                pieces.append(piece)
                piece = ""
            piece += letter
        pieces.append(piece)
    return pieces


def _draw_box(axes: Axes, box: _Box) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (box.x, box.y - box.height),
            box.width,
            box.height,
            facecolor="white" if box.colour else "#f4f4f4",
            edgecolor=box.colour or style.FAINT,
            linewidth=0.9 if box.colour else 0.7,
            zorder=3,
        )
    )
    for i, line in enumerate(box.lines):
        axes.text(
            box.x + _PAD + line.indent,
            box.y - _PAD - (i + 0.5) * _LINE,
            line.text,
            fontsize=style.pt(_SIZE),
            fontweight="bold" if line.bold else "normal",
            color=box.colour if box.colour and line.bold else style.INK,
            va="center_baseline",
            ha="left",
            zorder=4,
        )


def _draw_arrow(axes: Axes, start: _Point, end: _Point) -> None:
    axes.annotate(
        "",
        end,
        start,
        zorder=2,
        arrowprops={
            "arrowstyle": "-|>,head_length=0.3,head_width=0.14",
            "color": style.QUIET,
            "linewidth": 0.8,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
