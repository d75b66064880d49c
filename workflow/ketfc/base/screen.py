"""Text that fits a screen of 24 lines of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 79
"""Columns of a line; a terminal of 80 would break a line of 80 again."""


def wrapped(lines: Iterable[str], width: int = WIDTH) -> list[str]:
    """Return lines broken between words, what follows a break indented below the first word.

    Paths and other long words stay whole, so that they can be copied.
    """
    broken: list[str] = []
    for line in lines:
        text = line.lstrip(" ")
        indent = len(line) - len(text) + (2 if text.startswith("- ") else 0)
        broken += textwrap.wrap(
            line,
            width,
            subsequent_indent=" " * (indent or 2 * (len(line) > width)),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return broken


def fitting(items: Sequence[str], lines: int, *, rest: str, width: int = WIDTH) -> list[str]:
    """Return as many items as fit, and how many do not.

    Parameters
    ----------
    items : sequence of str
        A line each, which may have to be broken; the first is always among those returned.
    lines : int
        Lines that they may take once they are broken.
    rest : str
        Line to end with where some are left out, with ``{n}`` for their number.
    width : int
        Columns of a line.
    """
    shown: list[str] = []
    taken = 0
    for i, item in enumerate(items):
        taken += len(wrapped([item], width))
        last = i + 1 == len(items)
        if shown and taken + (not last) > lines:
            return [*shown, rest.format(n=len(items) - i)]
        shown.append(item)
    return shown
