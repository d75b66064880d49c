"""Sizes, fonts and letters that journals ask figures to have.

Guidelines change, and single journals of a publisher differ: read those of yours. What was not
read at the source, on 2026-11-29, is marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Journal:
    """Requirements of a journal for its figures.

    Attributes
    ----------
    single, double : float
        Width of one column and of two, mm.
    font : str
        Family.
    size : float
        Of ordinary text, points.
    smallest : float
        No text is smaller, points.
    dpi : int
        Of the PNG.
    letters : str
        ``lower`` (a, b …), ``upper`` (A, B …) or ``none``.
    """

    single: float
    double: float
    font: str
    size: float
    smallest: float
    dpi: int
    letters: str


GENERAL = Journal(85.0, 180.0, "DejaVu Sans", 7.0, 5.0, 300, "none")
"""Without a journal: widths that most would take, and the font that comes with matplotlib."""

JOURNALS: Mapping[str, Journal] = MappingProxyType(
    {
        # research-figure-guide.nature.com, building and exporting figure panels: 89 and 183 mm,
        # Arial or Helvetica, 5 to 7 pt, 300 dpi; lower-case letters: unverified
        "nature": Journal(89.0, 183.0, "Arial", 7.0, 5.0, 300, "lower"),
        # journals.plos.org/plosmedicine/s/figures: 66.8 to 190.5 mm, Arial, 8 to 12 pt, 300 to 600
        # dpi; the width of its text column (132 mm) and upper-case letters: unverified
        "plos": Journal(132.0, 190.5, "Arial", 8.0, 8.0, 300, "upper"),
        # elsevier.com, artwork and media instructions: 7 pt, 6 pt for what is raised or lowered,
        # Arial or Helvetica; widths, 500 dpi and upper-case letters: unverified
        "elsevier": Journal(90.0, 190.0, "Arial", 7.0, 6.0, 500, "upper"),
        # all of it unverified
        "cell": Journal(85.0, 174.0, "Arial", 7.0, 6.0, 300, "upper"),
        # all of it unverified
        "pnas": Journal(87.0, 178.0, "Arial", 7.0, 6.0, 300, "upper"),
    }
)
"""By the names that the config knows them by."""
