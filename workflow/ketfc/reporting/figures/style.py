"""The style of every figure: sizes for a paper, colours for every eye, files that never change."""

from __future__ import annotations

import logging
import math
import string
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ketfc.base.files import replacing, write_tsv
from ketfc.base.software import write_sidecars
from ketfc.reporting.design_words import Arm
from ketfc.reporting.words import as_number, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

INK = "#222222"
QUIET = "#6b6b6b"
FAINT = "#d9d9d9"
NO_DATA = "#e6e6e6"
"""Face of a cell without a value; it is hatched as well."""

ARM_COLOURS: dict[str | None, str] = {"ketamine": "#d55e00", "control": "#0072b2", None: "#00735c"}
"""Okabe and Ito's vermilion and blue, and a dark green for studies without arms."""
ARM_MARKERS: dict[str | None, str] = {"ketamine": "o", "control": "s", None: "o"}

FOUND, OPEN = INK, "#a8a8a8"
"""Results with p at most alpha, and others. Colours of arms mean arms, and nothing else."""

DIVERGING = "RdBu_r"
"""Red is above zero, blue below, in every figure."""


@dataclass(frozen=True)
class Sheet:
    """Print settings of a figure; the defaults are those of a study that names no journal.

    Attributes
    ----------
    width : float
        Of the figure, mm.
    font : str
        Family.
    size, smallest : float
        Of ordinary text, and of the smallest, in points.
    dpi : int
        Of the PNG.
    letters : str
        Of panels: ``lower``, ``upper`` or ``none``.
    """

    width: float = 180.0
    font: str = "DejaVu Sans"
    size: float = 7.0
    smallest: float = 5.0
    dpi: int = 300
    letters: str = "none"


_GENERAL = Sheet()
_SHEET: ContextVar[Sheet] = ContextVar("sheet", default=_GENERAL)
_DRAWN_AT = 7.0  # points: the size of ordinary text that the figures are laid out for
_ALIKE = {"Arial": ["Liberation Sans"], "Helvetica": ["Arial", "Liberation Sans"]}
"""Fonts of the same widths, which stand in for one that is not installed."""


@contextmanager
def printed(about: Mapping[str, Any]) -> Iterator[None]:
    """Print the figures that are drawn inside this block as the fields of a :class:`Sheet` say."""
    # a font that is missing has one that stands in for it
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    token = _SHEET.set(Sheet(**about))
    try:
        _find_fonts(families()[:-1])
        yield
    finally:
        _SHEET.reset(token)


def _find_fonts(names: Sequence[str]) -> None:
    """Make fonts known that were installed after matplotlib made its list of fonts."""
    from matplotlib import font_manager

    known = {font.name for font in font_manager.fontManager.ttflist}
    missing = [name.replace(" ", "").lower() for name in names if name not in known]
    if not missing:
        return
    for path in sorted(font_manager.findSystemFonts()):
        stem = Path(path).stem.replace(" ", "").lower()
        if any(stem.startswith(name) for name in missing):
            font_manager.fontManager.addfont(path)


def page_width() -> float:
    """Return the width of the figure that is being drawn, mm."""
    return _SHEET.get().width


def pt(size: float) -> float:
    """Return the size of text, in points, that is `size` beside ordinary text of 7 points."""
    sheet = _SHEET.get()
    return max(sheet.smallest, round(size * sheet.size / _DRAWN_AT, 2))


def families() -> list[str]:
    """Return the fonts of the figure that is being drawn, the one that was asked for first."""
    font = _SHEET.get().font
    # the last ships with matplotlib
    return list(dict.fromkeys([font, *_ALIKE.get(font, []), "DejaVu Sans"]))


_SIZES = {
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 7,
}
RC: Any = {
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "hatch.linewidth": 0.4,
    "hatch.color": "#9a9a9a",
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "image.composite_image": False,
    "pdf.fonttype": 42,  # text stays text that a journal can edit
    "svg.fonttype": "none",
    "svg.hashsalt": "ketfc",
}

# Dates and program versions would make equal figures differ in their bytes.
_METADATA: dict[str, dict[str, None]] = {
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": None},
}


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw inside this block in the style of the figures, whatever the reader's matplotlibrc."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC | {name: pt(size) for name, size in _SIZES.items()})
        mpl.rcParams["font.sans-serif"] = families()
        yield


def new_figure(width: float, height: float, *, grows: bool = True) -> Figure:
    """Return an empty figure of `width` × `height` mm; it belongs to no window system.

    Where it `grows`, `height` is what it takes with ordinary text of 7 points: larger text makes
    it higher.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if grows:
        height *= max(1.0, _SHEET.get().size / _DRAWN_AT)
    figure = Figure(figsize=(width / 25.4, height / 25.4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panel_grid(count: int, *, columns: int, panel_height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels and, last, one for the legend.

    Parameters
    ----------
    count : int
        Panels with data, at least 1.
    columns : int
        Panels beside each other on a page of 180 mm; fewer on a narrower one.
    panel_height : float
        In mm.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of matplotlib.axes.Axes
        `count` + 1; the last one has its axis switched off.
    """
    columns = min(fitting(columns), count + 1)
    rows = math.ceil((count + 1) / columns)
    figure = new_figure(page_width(), rows * panel_height)
    grid = figure.add_gridspec(rows, columns)
    axes = [figure.add_subplot(grid[i // columns, i % columns]) for i in range(count + 1)]
    axes[-1].set_axis_off()
    return figure, axes


def fitting(columns: int) -> int:
    """Return how many of the panels that stand side by side on 180 mm do so on this page."""
    return max(1, round(columns * page_width() / Sheet.width))


def entitle(
    axes: Axes,
    name: str,
    result: str,
    *,
    lines: int = 2,
    above: float = 3,
    size: float = 6.8,
    **look: Any,
) -> None:
    """Write above a panel its name in bold and below that its result, in at most `lines` lines.

    `above` is the distance of the last line from the panel, in points; `size` that of the result,
    in points of an ordinary page, and `look` whatever else is said of it.
    """
    rise = above + lines * pt(1.35 * size)
    title: Any = {"loc": "left", "fontweight": "bold", "fontsize": pt(size + 0.7)}
    axes.set_title(sentence(name), pad=3 + rise, **title)
    axes.annotate(
        result,
        (0, 1),
        xytext=(0, rise),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        fontsize=pt(size),
        linespacing=1.3,
        **look,
    )


def two_lines(name: str, letters: int) -> str:
    """Return a name in at most two lines of so many letters, of fewer where text is larger."""
    room = int(letters * _DRAWN_AT / max(_SHEET.get().size, _DRAWN_AT))
    return "\n".join(textwrap.wrap(sentence(name), room)[:2])


def legend_mark(label: str, **look: Any) -> Line2D:
    """Return an entry of a legend: a marker without a line, unless `look` has a line style."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **{"linestyle": "none"} | look)


def course_legend(arms: Sequence[Arm]) -> list[Line2D]:
    """Return the entries of a legend to courses: the mean of every arm, and one participant."""
    means = [
        legend_mark(
            f"{arm.label}: mean, 95 % interval",
            linestyle="-",
            linewidth=2.0,
            markeredgecolor="white",
            **arm_look(arm.role, 5.5),
        )
        for arm in arms
    ]
    return [*means, legend_mark("one participant", linestyle="-", color=QUIET, linewidth=0.7)]


def arm_look(role: str | None, size: float) -> dict[str, Any]:
    """Return marker, its size in points, and colour of an arm."""
    return {"marker": ARM_MARKERS[role], "markersize": size, "color": ARM_COLOURS[role]}


def colour_bar(figure: Figure, image: Any, axes: Any, label: str, **look: Any) -> None:
    """Add a bar of colours with a label and a thin outline."""
    bar = figure.colorbar(image, ax=axes, **look)
    bar.set_label(label)
    bar.outline.set_linewidth(0.5)


def words_only(message: str) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = new_figure(page_width(), 32)
    centred: Any = {"ha": "center", "va": "center"}
    figure.text(0.5, 0.5, message, wrap=True, fontsize=pt(8), color=INK, linespacing=1.5, **centred)
    return figure


def say(axes: Axes, message: str) -> None:
    """Write in an empty panel why it is empty."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    look: Any = {"ha": "center", "va": "center", "color": QUIET, "linespacing": 1.4}
    axes.text(0.5, 0.5, message, transform=axes.transAxes, **look)


def nice_limit(values: Any, *, quantile: float = 1.0, smallest: float = 0.1) -> float:
    """Return a symmetrical colour limit: a quantile of sizes, rounded up to a twentieth."""
    import numpy as np

    finite = np.abs(np.asarray(values, dtype=float))
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return smallest
    limit = as_number(np.quantile(finite, quantile))
    return max(smallest, math.ceil(limit * 20 - 1e-9) / 20)


def _letter(figure: Figure) -> None:
    """Write a letter before the title of every panel, where there are several."""
    sheet = _SHEET.get()
    panels = [axes for axes in figure.axes if axes.get_title("left") or axes.get_title("center")]
    parts = [part for part in figure.subfigs if part.get_suptitle()]
    alphabet = string.ascii_lowercase if sheet.letters == "lower" else string.ascii_uppercase
    if sheet.letters == "none" or not 2 <= len(panels) + len(parts) <= len(alphabet):
        return
    letters = iter(alphabet)
    look: Any = {"fontsize": pt(8), "fontweight": "bold", "ha": "right"}
    for part in parts:
        part.text(0.03, 0.98, next(letters), va="top", **look)
    for axes in panels:
        title = axes.get_title("left") or axes.get_title("center")
        # beside its first line
        below = "\n" * title.count("\n")
        beside = axes.transAxes + axes.titleOffsetTrans  # type: ignore[attr-defined]
        axes.text(0, 1, f"{next(letters)}  {below}", transform=beside, va="baseline", **look)


def _steady(figure: Figure) -> None:
    """Round the places of all axes, in shares of the figure.

    The solver of the layout (kiwi) can give another last bit in another process, and the names of
    clip paths in an SVG are digests of all bits.
    """
    for axes in figure.axes:
        place = axes.get_position(original=True).bounds
        axes.set_position(tuple(round(share, 6) for share in place), which="original")


def save_figure(figure: Figure, stem: Path, numbers: pd.DataFrame) -> list[Path]:
    """Write a figure as PDF, SVG and PNG, its numbers as TSV, and what made it as JSON.

    The same figure gives the same bytes at any time on any day: no dates, no program versions, no
    random identifiers. Every file appears whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    stem : pathlib.Path
        Folder and name without a suffix.
    numbers : pandas.DataFrame
        Every number that is drawn.

    Returns
    -------
    list of pathlib.Path
        The five files.
    """
    files = []
    dpi = _SHEET.get().dpi
    with paper_style():
        _letter(figure)
        # one layout serves all three formats; what stands beside square panels finds its place in
        # further passes, which know how large they became
        for _ in range(3):
            figure.draw_without_rendering()
        figure.set_layout_engine(None)
        _steady(figure)
        for suffix, metadata in _METADATA.items():
            path = stem.with_name(stem.name + suffix)
            with replacing(path) as temporary:
                figure.savefig(temporary, format=suffix[1:], dpi=dpi, metadata=metadata)
            files.append(path)
    path = stem.with_name(stem.name + ".tsv")
    write_tsv(path, numbers)
    write_sidecars([path])
    return [*files, path, path.with_suffix(".json")]
