"""Scales of correlations: told from the numbers, and turned into Fisher z."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ketfc.study.config.sources import AS_IS

Floats = npt.NDArray[np.float64]

BOUNDS = {"r": 1.0, "arctan": np.pi / 4}
"""Largest size of a number on each scale that has one; that of Fisher z has none."""

IN_WORDS = {
    "r": "correlations (from -1 to 1)",
    "arctan": "arctangents of correlations (from -0.785 to 0.785)",
    "fisher-z": "Fisher z",
}

_TOLERANCE = 1e-6


def fisher_z(values: Any, scale: str) -> Floats:
    """Return correlations as Fisher z, and what is no correlation as it is.

    Parameters
    ----------
    values : array_like
        Numbers on `scale`; NaN stays.
    scale : str
        ``r``, ``arctan``, ``fisher-z`` or ``as-is``.
    """
    numbers = np.array(values, dtype=np.float64)
    if scale == "arctan":
        # what numerics put beyond the ends is not a correlation beyond one
        numbers = np.tan(numbers)
    if scale in BOUNDS:
        with np.errstate(divide="ignore", invalid="ignore"):
            numbers = np.arctanh(numbers)
    return np.asarray(numbers, dtype=np.float64)


def scale_problem(values: Any, scale: str) -> str | None:
    """Return why numbers cannot be on a scale, with those that decide it; None if they can.

    Parameters
    ----------
    values : array_like
        Numbers off the diagonal, NaN where missing.
    scale : str
        The scale that the config names.
    """
    if scale == AS_IS:
        return None
    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[~np.isnan(numbers)]
    if not len(numbers):
        return None
    low, high = float(numbers.min()), float(numbers.max())
    said = f"the numbers go from {low:.6g} to {high:.6g}"
    bound = BOUNDS.get(scale)
    largest = max(-low, high)
    if bound is None:
        return f"{said}, and Fisher z is finite" if not np.isfinite(largest) else None
    if largest > bound + _TOLERANCE:
        fitting = [name for name, other in (*BOUNDS.items(), ("fisher-z", np.inf))
                   if largest <= other and np.isfinite(largest)]  # fmt: skip
        other = f"; they could be {' or '.join(IN_WORDS[name] for name in fitting)}"
        return f"{said}, which are no {IN_WORDS[scale]}{other if fitting else ''}"
    if bound - largest < _TOLERANCE:
        return f"{said}, and one of exactly {bound:.6g} has no Fisher z: a region with itself?"
    return None
