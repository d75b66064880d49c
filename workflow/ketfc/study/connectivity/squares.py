"""Square matrices of connectivity, whichever program wrote them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ketfc.study.connectivity.scales import BOUNDS, IN_WORDS, Floats

_CLOSE = 1e-3
"""Difference from what a diagonal should be that rounding may make."""

_SYMMETRIC = 1e-4
"""Difference between the halves of a matrix that rounding may make."""


@dataclass(frozen=True)
class Source:
    """Place of the matrix of one run.

    Attributes
    ----------
    run, participant_id, session : str
        Name of the run, ``sub-01``, and the session's label.
    path : pathlib.Path
        The file.
    key : str
        Place in the file, where it holds several.
    beside : mapping of str to pathlib.Path
        Further files of the run, by what they hold.
    """

    run: str
    participant_id: str
    session: str
    path: Path
    key: str = ""
    beside: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Square:
    """The connectivity of one run.

    Attributes
    ----------
    labels : tuple of str
        The parcels.
    values : numpy.ndarray, shape (n_parcels, n_parcels)
        On `scale`, NaN where missing.
    scale : str
        ``r``, ``fisher-z`` or ``arctan``.
    known : mapping of str to float
        What is known of the run: ``n_volumes``, ``n_censored``, ``mean_fd``, ``max_fd``.
    """

    labels: tuple[str, ...]
    values: Floats
    scale: str
    known: dict[str, float] = field(default_factory=dict)


def correlations(square: Square) -> Floats:
    """Return a matrix as Pearson's r, NaN on the diagonal.

    Raises
    ------
    ValueError
        If it is not square or symmetric, or not on the scale it is said to be.
    """
    values = square.values
    n = len(square.labels)
    if values.shape != (n, n):
        raise ValueError(f"is {' × '.join(map(str, values.shape))}, and {n} parcels have names")
    if len(set(square.labels)) < n:
        twice = sorted({one for one in square.labels if square.labels.count(one) > 1})
        raise ValueError(f"names a parcel twice: {', '.join(twice[:3])}")
    apart = np.abs(values - values.T)[~np.eye(n, dtype=bool)]
    largest = float(np.nanmax(apart, initial=0.0))
    if largest > _SYMMETRIC or (np.isnan(values) != np.isnan(values.T)).any():
        raise ValueError(f"is not symmetric: its halves differ by up to {largest:.6g}")
    if wrong := misfit(values, square.scale):
        raise ValueError(wrong)
    r = values.copy()
    np.fill_diagonal(r, np.nan)
    if square.scale == "fisher-z":
        r = np.tanh(r)
    elif square.scale == "arctan":
        r = np.tan(r)
    return np.asarray(r, dtype=np.float64)


def misfit(values: Floats, scale: str) -> str | None:
    """Return why a matrix cannot be on a scale, by its diagonal and range; None if it can.

    Parameters
    ----------
    values : numpy.ndarray
        A square matrix.
    scale : str
        The scale it is said to be on.
    """
    n = len(values)
    off = values[~np.eye(n, dtype=bool)]
    off = off[~np.isnan(off)]
    if not len(off):
        return None
    low, high = float(off.min()), float(off.max())
    diagonal = values.diagonal()
    fitting = _fitting(diagonal, max(-low, high))
    if scale in fitting:
        return None
    known = diagonal[~np.isnan(diagonal)]
    ends = sorted({f"{float(known.min()):.6g}", f"{float(known.max()):.6g}"}) if len(known) else []
    said = f"the diagonal is {' to '.join(ends) if ends else 'missing'}"
    other = " or ".join(IN_WORDS[name] for name in fitting)
    told = f"which fits {other}" if fitting else "which fits no scale of correlations"
    return (
        f"{said} and the numbers off it go from {low:.6g} to {high:.6g}, {told}; they are said to "
        f"be {IN_WORDS[scale]}"
    )


def _fitting(diagonal: Floats, largest: float) -> list[str]:
    """Return the scales that a diagonal and the largest size off it allow."""
    known = diagonal[~np.isnan(diagonal)]
    silent = not len(known) or bool((np.abs(known) < _CLOSE).all())
    found = []
    for scale, end in BOUNDS.items():
        ends = silent or bool((np.abs(known - end) < _CLOSE).all())
        if ends and largest <= end + _CLOSE:
            found.append(scale)
    # artanh(1), or what clipping or software made of it
    infinite = silent or bool((known > 3).all())
    if infinite and np.isfinite(largest):
        found.append("fisher-z")
    return found
