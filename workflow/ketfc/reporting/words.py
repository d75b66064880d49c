"""Numbers as a paper prints them, and labels as a reader says them."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ketfc.base.files import MISSING

MINUS = "−"


class Rounded(str):
    """A number as it is printed, which knows the value that it was rounded from.

    Attributes
    ----------
    value : str
        As the tables of the results have it: eight significant digits, an ASCII minus sign.
    """

    value: str

    def __new__(cls, text: str, *values: float) -> Rounded:
        """Return the text of a number, or of an interval where there are two values."""
        rounded = super().__new__(cls, text)
        whole = [f"{value:.8g}" for value in values]
        rounded.value = whole[0] if len(whole) == 1 else f"[{', '.join(whole)}]"
        return rounded


def whole_value(cell: str) -> str:
    """Return the value that a cell was rounded from; empty where it is not known."""
    return cell.value if isinstance(cell, Rounded) else ""


def is_missing(value: Any) -> bool:
    """Return whether a cell holds nothing: None, not-a-number, an empty text or ``n/a``."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip() in ("", MISSING)
    return isinstance(value, float) and math.isnan(value)


def as_text(value: Any) -> str:
    """Return a cell as text, ``n/a`` where missing."""
    return MISSING if is_missing(value) else str(value)


def as_number(value: Any) -> float:
    """Return a cell as a float; NaN for whatever is missing or no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def number(value: Any, digits: int = 2, *, signed: bool = False) -> str:
    """Return a number with `digits` decimals and a true minus sign; ``n/a`` where missing."""
    x = as_number(value)
    if not math.isfinite(x):
        return MISSING
    text = f"{abs(x):.{digits}f}"
    sign = "" if float(text) == 0 else MINUS if x < 0 else "+" if signed else ""
    return Rounded(f"{sign}{text}", x)


def compact(value: Any, *, signed: bool = False) -> str:
    """Return a number with three significant digits, whole numbers whole, and text as it is.

    Powers of ten are written out between 0.00001 and a million.
    """
    if is_missing(value):
        return MISSING
    x = as_number(value)
    if isinstance(value, bool) or not math.isfinite(x):
        return str(value)
    if abs(x) < 1e6 and x == round(x):
        return number(x, 0, signed=signed)
    text = f"{x:.3g}"
    if 1e-5 <= abs(x) < 1e6:
        text = np.format_float_positional(float(text), trim="-")
    return Rounded(("+" if signed and x > 0 else "") + text.replace("-", MINUS), x)


def p_value(value: Any) -> str:
    """Return a p value as APA prints it: ``< .001``, ``.043``, ``1.00`` or ``n/a``."""
    p = as_number(value)
    if not math.isfinite(p):
        return MISSING
    text = f"{p:.3f}"
    shown = "1.00" if text == "1.000" else text.removeprefix("0")
    return Rounded("< .001" if p < 0.001 else shown, p)


def bayes(value: Any) -> str:
    """Return a Bayes factor as a paper prints it: ``0.43``, ``12``, ``> 1000`` or ``n/a``."""
    x = as_number(value)
    if math.isnan(x):
        return MISSING
    if x > 1000:
        return Rounded("> 1000", x)
    return Rounded("< 0.001", x) if x < 0.001 else compact(x)


def p_equals(value: Any, name: str = "p") -> str:
    """Return ``p = .043``, ``p < .001`` or ``p n/a``."""
    text = p_value(value)
    return f"{name} {text}" if text[0] in "n<" else f"{name} = {text}"


def interval(low: Any, high: Any, digits: int = 2) -> str:
    """Return ``[low, high]``, or ``n/a`` if either end is missing."""
    text = f"[{number(low, digits)}, {number(high, digits)}]"
    return MISSING if MISSING in text else Rounded(text, float(low), float(high))


def span(low: Any, high: Any) -> str:
    """Return ``[low, high]`` with three significant digits, or ``n/a`` if either is missing."""
    text = f"[{compact(as_number(low))}, {compact(as_number(high))}]"
    return MISSING if MISSING in text else Rounded(text, float(low), float(high))


def coverage(alpha: float) -> str:
    """Return the coverage of the intervals of tests of that level, such as ``95 %``."""
    return f"{100 * (1 - alpha):.4g} %"


def region_label(region: str) -> str:
    """Return a region id as it is written in a figure: ``rFrontalPole`` becomes ``R frontal pole``.

    Only a small l or r before a capital marks the hemisphere; abbreviations such as ``sgACC``
    stay what they are, and so do ids that are not in camel case.
    """
    match = re.fullmatch(r"([lr]?)((?:[A-Z][a-z]+)+|[A-Z].*)", region)
    if not match:
        return region
    words = re.findall(r"[A-Z][a-z]+", match[2])
    name = " ".join(words).lower() if "".join(words) == match[2] else match[2]
    return f"{match[1].upper()} {name}" if match[1] else name


def sentence(text: str) -> str:
    """Return `text` with a capital first letter, unless its first word has capitals of its own."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    return text[0].upper() + text[1:] if first.islower() else text


def pair_label(regions: list[str]) -> str:
    """Return one label for regions drawn in one place: ``L/R Amygdala`` for the two sides."""
    labels = [region_label(region) for region in regions]
    sides = {label[:2] for label in labels}
    if sides == {"L ", "R "} and len({label[2:] for label in labels}) == 1:
        return f"L/R {labels[0][2:]}"
    return ", ".join(labels)
