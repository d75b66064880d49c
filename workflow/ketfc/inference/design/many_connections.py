"""The t of one model in many connections at once, as a permutation test would take it."""

from __future__ import annotations

import math

import numpy as np

from ketfc.inference.core.permutation import Floats, orthonormal
from ketfc.inference.design.model import Model

_ZERO = 1e-9
"""Share of a column's length below which what the others leave of it is rounding."""


def t_of_many(model: Model) -> tuple[Floats, Floats]:
    """Return t and degrees of freedom of the term of interest of many connections.

    As :class:`ketfc.inference.core.variance_groups.Studentised` gives them for one connection after
    the other: a residual variance for each of the model's groups, Welch and Satterthwaite's degrees
    of freedom.

    Parameters
    ----------
    model : Model
        Its response of shape (n, m), as may be any column of the nuisance; values, not ranks.

    Returns
    -------
    t, df : numpy.ndarray, shape (m,)
        NaN where the term or the response does not vary beside the nuisance.
    """
    y, n = model.response[1], model.n
    columns = list(model.nuisance.values())
    shared = np.column_stack([np.empty((n, 0)), *(one for one in columns if one.ndim == 1)])
    if model.term is not None:
        shared = np.column_stack([np.ones(n), shared])
    basis = orthonormal(shared) if shared.shape[1] else shared
    bases: list[Floats] = []
    for column in (one for one in columns if one.ndim == 2):
        bases.append(_unit(column, basis, bases, missing=0.0))
    tested = np.ones(n) if model.term is None else model.tested
    own = _unit(np.broadcast_to(tested[:, np.newaxis], y.shape), basis, bases, missing=math.nan)
    explained = (basis**2).sum(axis=1)[:, np.newaxis] + own**2 + sum(one**2 for one in bases)
    along = (own * y).sum(axis=0)
    residual = _less(y, basis, bases) - own * along
    squares, free, weight = residual**2, 1.0 - explained, own**2
    groups = np.zeros(n, dtype=np.int64) if model.variance_groups is None else model.variance_groups
    members = [groups == group for group in np.unique(groups)]
    df = np.stack([free[rows].sum(axis=0) for rows in members])
    spread = np.stack([squares[rows].sum(axis=0) for rows in members])
    share = np.stack([weight[rows].sum(axis=0) for rows in members])
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = spread / df * share
        variance = parts.sum(axis=0)
        found = variance**2 / (parts**2 / df).sum(axis=0)
        # a group of less than one degree of freedom has no variance of its own
        pooled = df.min(axis=0) < 1.0 - 1e-9
        total = free.sum(axis=0)
        variance = np.where(pooled, squares.sum(axis=0) / total, variance)
        found = np.where(pooled, total, found)
        flat = squares.sum(axis=0) <= (_ZERO * np.linalg.norm(y, axis=0)) ** 2
        t = np.where(flat, math.nan, along / np.sqrt(variance))
    return t, np.where(np.isfinite(t), found, math.nan)


def _less(columns: Floats, basis: Floats, bases: list[Floats]) -> Floats:
    """Return columns, one per connection, without what a shared basis and the own ones explain."""
    left = columns - basis @ (basis.T @ columns)
    for one in bases:
        left = left - one * (one * left).sum(axis=0)
    return left


def _unit(columns: Floats, basis: Floats, bases: list[Floats], *, missing: float) -> Floats:
    """Return what is left of columns at unit length, `missing` where nothing is."""
    left = _less(columns, basis, bases)
    length = np.linalg.norm(left, axis=0)
    some = length > _ZERO * np.linalg.norm(columns, axis=0)
    unit: Floats = np.where(some, left / np.where(some, length, 1.0), missing)
    return unit
