"""Section `figures` of the config: how figures are printed."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator

from ketfc.study.config.printing.journals import GENERAL, JOURNALS, Journal
from ketfc.study.config.types import Group, Number, Text, Whole, key, refuse

Narrow = Literal["paired", "trajectory", "association"]


class Figures(Group):
    """Print of the figures; a change draws them anew and tests nothing again."""

    journal: Literal["nature", "plos", "elsevier", "cell", "pnas"] | None = key(
        None,
        "Values for the keys below that are not given, after the guidelines of a journal or "
        "publisher; `study/config/printing/journals.py` has them with their sources, and says what "
        "is unverified. null: 180 mm, DejaVu Sans, 7 pt, 300 dpi, no letters.",
        "nature, plos, elsevier, cell, pnas or null",
    )
    single_column: tuple[Narrow, ...] = key(
        [],
        "Figures that are one column wide: those whose panels can stand below one another. All "
        "others are two columns wide.",
        "a list of paired, trajectory and association, each once",
        examples=[["paired"]],
    )
    width: Number | None = key(
        None,
        "Width of two columns in mm; null: that of the journal.",
        "a number of mm, from 140 to 250, or null",
        examples=[183],
        ge=140.0,
        le=250.0,
    )
    font: Text | None = key(
        None,
        "Family of the font; null: that of the journal. It has to be installed to be embedded in "
        "the PDF: Arial and Helvetica are measured and embedded as Liberation Sans where they are "
        "missing, others as DejaVu Sans. The SVG names the family whether it is installed or not.",
        "name of a font, or null",
        examples=["Helvetica"],
    )
    font_size: Number | None = key(
        None,
        "Size of ordinary text in points; other sizes follow it. null: that of the journal.",
        "a number of points, from 5 to 12, or null",
        examples=[7],
        ge=5.0,
        le=12.0,
    )
    dpi: Whole | None = key(
        None,
        "Resolution of the PNG, dots per inch; PDF and SVG are vectors. null: that of the journal.",
        "a whole number from 150 to 1200, or null",
        examples=[600],
        ge=150,
        le=1200,
    )
    panel_letters: Literal["lower", "upper", "none"] | None = key(
        None,
        "Letters of panels. lower: a, b …; upper: A, B …; none. null: those of the journal.",
        "lower, upper, none or null",
    )

    @field_validator("single_column")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise refuse(f"names {twice} twice")
        return names

    def printed(self, name: str) -> dict[str, Any]:
        """Return how a figure is printed.

        Parameters
        ----------
        name : str
            The figure's, such as ``paired``.

        Returns
        -------
        dict
            The fields of :class:`ketfc.reporting.figures.style.Sheet`.
        """
        journal: Journal = JOURNALS[self.journal] if self.journal else GENERAL
        double = journal.double if self.width is None else self.width
        size = journal.size if self.font_size is None else self.font_size
        return {
            "width": journal.single if name in self.single_column else double,
            "font": self.font or journal.font,
            "size": size,
            "smallest": min(journal.smallest, size),
            "dpi": self.dpi or journal.dpi,
            "letters": self.panel_letters or journal.letters,
        }
