"""Deviates of every voxel under one arrangement of whole participants after the other.

A map has far more voxels than there are participants, and its extent matters: an arrangement is
therefore applied to all voxels before the next one is looked at. The statistic is that of the
primary tests (:mod:`ketfc.inference.core.variance_groups`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.joint_tests import Models, Orders, constant_columns
from ketfc.inference.core.maxt import ranks_within, t_of_mean
from ketfc.inference.core.permutation import Floats, orders_within, sign_flips
from ketfc.inference.core.variance_groups import (
    FEWEST_DF,
    aspin_welch,
    compared_df,
    deviates,
)
from ketfc.inference.design.model import Model

Maps = npt.NDArray[np.float32]
"""Deviates, shape (arrangements, voxels)."""

_LARGEST = 37.0
"""Deviate of a perfect fit: as far as the normal distribution goes in double precision."""

_VOXELS = 8192
"""Voxels that are rearranged together, for the cache."""

_AT_ONCE = 16
"""Arrangements whose maps are held together."""

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Arranged:
    """One model of many voxels, observed and rearranged.

    Attributes
    ----------
    kept : numpy.ndarray of int
        Voxels that can be tested; those that are the same in everybody, or follow from the
        nuisance, cannot.
    estimate : numpy.ndarray of shape (kept,)
        The mean, the coefficient, or the partial Spearman correlation where ranks are tested.
    t, df : numpy.ndarray of shape (kept,)
        Aspin and Welch's t and its degrees of freedom.
    observed : numpy.ndarray of shape (kept,)
        The standard normal deviates that they are compared by.
    maps : iterator of numpy.ndarray
        The same of the arrangements, a few at a time, shape (some, kept).
    arrangements : int
        How many there are.
    exhaustive : bool
        Whether these are all there are, the observed one among them.
    """

    kept: Places
    estimate: Floats
    t: Floats
    df: Floats
    observed: Maps
    maps: Iterator[Maps]
    arrangements: int
    exhaustive: bool


def arranged(model: Model, *, permutations: int, rng: np.random.Generator) -> Arranged:
    """Prepare a model of many voxels: sign flips of a mean, Freedman and Lane's method else.

    The arrangements are those that the same stream gives the test of a single connection.

    Parameters
    ----------
    model : Model
        From :func:`ketfc.inference.design.model.model_over` for many connections, none missing,
        its sample large enough.
    permutations : int
        Random arrangements, or all of them when they are no more than that.
    rng : numpy.random.Generator
        Their source.

    Raises
    ------
    ValueError
        If several columns of the nuisance differ between voxels.
    """
    if model.term is None:
        return _signs(model.response[1], permutations, rng)
    columns = [model.response[1], model.tested, *model.nuisance.values()]
    if model.by_ranks:
        columns = [ranks_within(column) for column in columns]
    outcome, tested, *nuisance = columns
    own = [column for column in nuisance if column.ndim == 2]
    if len(own) > 1 or (own and outcome.ndim == 1):
        raise ValueError("the nuisance may differ between voxels in one column of their outcome")
    models = Models.fit(
        _wide(outcome),
        _wide(tested),
        np.column_stack([np.ones(model.n), *(c for c in nuisance if c.ndim == 1)]),
        own[0] if own else None,
        groups=model.variance_groups,
    )
    blocks = np.zeros(model.n, dtype=np.int64) if model.blocks is None else model.blocks
    order, exhaustive = orders_within(blocks, permutations=permutations, rng=rng)
    place = np.argsort(models.order)
    order = np.ascontiguousarray(place[order[:, models.order]])
    parts = _parts(models)
    nobody_moved = np.arange(model.n, dtype=np.intp)[np.newaxis]
    t, df = (np.empty(len(models.kept)) for _ in range(2))
    for part in parts:
        t[part.voxels], df[part.voxels] = part.t(nobody_moved)
    return Arranged(
        kept=models.kept,
        estimate=models.partial_r if model.by_ranks else models.slope,
        t=t,
        df=df,
        observed=next(_maps(parts, nobody_moved, len(models.kept)))[0].copy(),
        maps=_maps(parts, order, len(models.kept)),
        arrangements=len(order),
        exhaustive=exhaustive,
    )


def _signs(differences: Floats, permutations: int, rng: np.random.Generator) -> Arranged:
    """Prepare the mean of each voxel; the sum of squares is the same under all signs."""
    n = len(differences)
    kept = np.flatnonzero(~constant_columns(differences) & (n >= 3))
    own = differences[:, kept]
    unit = own / (np.linalg.norm(own, axis=0) * np.sqrt(n))
    signs, exhaustive = sign_flips(n, permutations=permutations, rng=rng)
    df = float(n - 1)
    t = t_of_mean(unit.sum(axis=0), df)
    maps = (
        _deviates(t_of_mean(signs[i : i + _AT_ONCE] @ unit, df), df)
        for i in range(0, len(signs), _AT_ONCE)
    )
    return Arranged(
        kept=kept,
        estimate=own.mean(axis=0),
        t=t,
        df=np.full(len(kept), df),
        observed=_deviates(t, df),
        maps=maps,
        arrangements=len(signs),
        exhaustive=exhaustive,
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """Some voxels of a model whose groups have a variance each, or share one.

    Rows are sorted by group; `ends` are where the groups end. `outcome`, `tested` and `own` have
    a column per voxel, or one for all; `weight` and `df` have shape (voxels, groups).
    """

    voxels: Places
    basis: Floats
    outcome: Floats
    tested: Floats
    own: Floats | None
    ends: tuple[int, ...]
    weight: Floats
    df: Floats

    @classmethod
    def of(cls, models: Models, voxels: Places, ends: tuple[int, ...]) -> _Part:
        """Take some voxels of all."""

        def some(columns: Floats) -> Floats:
            return columns if columns.shape[1] == 1 else np.ascontiguousarray(columns[:, voxels])

        own = None if models.own is None else some(models.own)
        tested = some(models.tested)
        starts = [0, *ends[:-1]]
        free = _free(models.basis, tested, own, starts)
        weight = np.add.reduceat(tested**2, starts, axis=0)
        shape = len(ends), len(voxels)
        return cls(
            voxels=voxels,
            basis=models.basis,
            outcome=some(models.residual),
            tested=tested,
            own=own,
            ends=ends,
            weight=np.broadcast_to(weight, shape).T,
            df=np.broadcast_to(free, shape).T,
        )

    def t(self, order: Orders) -> tuple[Floats, Floats]:
        """Return t and its degrees of freedom in the first of the orders."""
        along, squares = self._parts(order)
        return aspin_welch(along[0], squares[0].T, self.weight, self.df, self.df)

    def deviates(self, order: Orders) -> Maps:
        """Return the deviates of every voxel in several orders, shape (orders, voxels)."""
        free = compared_df(self.df)
        found = np.empty((len(order), len(self.voxels)), dtype=np.float32)
        for i, (along, squares) in enumerate(zip(*self._parts(order), strict=True)):
            found[i] = _deviates(*aspin_welch(along, squares.T, self.weight, self.df, free))
        return found

    def _parts(self, order: Orders) -> tuple[Floats, Floats]:
        """Return products with the tested column and residual squares by group.

        Shapes (orders, voxels) and (orders, groups, voxels).
        """
        if self.outcome.shape[1] == 1 and self.own is None:
            return self._of_one_outcome(self.outcome[:, 0][order])
        found = [self._of_outcomes(self.outcome.take(each, axis=0)) for each in order]
        return np.stack([along for along, _ in found]), np.stack([squares for _, squares in found])

    def _of_one_outcome(self, outcome: Floats) -> tuple[Floats, Floats]:
        """Return the parts of an outcome that all voxels share, in several orders."""
        left = outcome - (outcome @ self.basis) @ self.basis.T
        along = left @ self.tested
        squares = np.empty((len(outcome), len(self.ends), along.shape[1]))
        rest = squares[:, -1]
        np.subtract((left**2).sum(axis=1)[:, np.newaxis], along**2, out=rest)
        start = 0
        for i, end in enumerate(self.ends[:-1]):
            own, tested = left[:, start:end], self.tested[start:end]
            squares[:, i] = along**2 * (tested**2).sum(axis=0) - 2 * along * (own @ tested)
            squares[:, i] += (own**2).sum(axis=1)[:, np.newaxis]
            rest -= squares[:, i]
            start = end
        return along, np.maximum(squares, 0.0, out=squares)

    def _of_outcomes(self, outcome: Floats) -> tuple[Floats, Floats]:
        """Return the parts of the voxels' own outcomes in one order."""
        common = self.basis.T @ outcome
        squares = np.empty((len(self.ends), outcome.shape[1]))
        rest = squares[-1]
        # residuals have unit length in whatever order
        np.subtract(1.0, (common**2).sum(axis=0), out=rest)
        if self.own is not None:
            before = np.einsum("ij,ij->j", self.own, outcome)
            rest -= before**2
        if self.tested.shape[1] == 1:
            along = (self.tested.T @ outcome)[0]
        else:
            along = np.einsum("ij,ij->j", self.tested, outcome)
        rest -= along**2
        start = 0
        for i, end in enumerate(self.ends[:-1]):
            rows = slice(start, end)
            left = outcome[rows] - self.basis[rows] @ common - self.tested[rows] * along
            if self.own is not None:
                left -= self.own[rows] * before
            np.einsum("ij,ij->j", left, left, out=squares[i])
            rest -= squares[i]
            start = end
        return along, np.maximum(squares, 0.0, out=squares)


def _parts(models: Models) -> list[_Part]:
    """Split voxels for the cache, and by whether their groups have a variance each."""
    n, voxels = len(models.basis), np.arange(len(models.kept))
    shared: list[tuple[Places, tuple[int, ...]]] = [(voxels, (n,))]
    if models.groups is not None:
        ends = (*(np.flatnonzero(np.diff(models.groups)) + 1).tolist(), n)
        free = _free(models.basis, models.tested, models.own, [0, *ends[:-1]])
        own = np.broadcast_to(free.min(axis=0) >= FEWEST_DF, len(voxels))
        shared = [(voxels[~own], (n,)), (voxels[own], ends)]
    return [
        _Part.of(models, some[i : i + _VOXELS], ends)
        for some, ends in shared
        for i in range(0, len(some), _VOXELS)
    ]


def _free(basis: Floats, tested: Floats, own: Floats | None, starts: list[int]) -> Floats:
    """Return each group's residual degrees of freedom: the sum of 1 − leverage, (groups, m)."""
    explained = (basis**2).sum(axis=1)[:, np.newaxis] + tested**2
    if own is not None:
        explained = explained + own**2
    free: Floats = np.add.reduceat(1.0 - explained, starts, axis=0)
    return free


def _maps(parts: list[_Part], order: Orders, voxels: int) -> Iterator[Maps]:
    """Yield the deviates of all voxels, a few orders at a time."""
    for i in range(0, len(order), _AT_ONCE):
        some = order[i : i + _AT_ONCE]
        found = np.empty((len(some), voxels), dtype=np.float32)
        for part in parts:
            found[:, part.voxels] = part.deviates(some)
        yield found


def _deviates(t: Floats, df: Floats | float) -> Maps:
    """Return finite deviates in the precision that clusters are enhanced in."""
    found: Maps = np.clip(deviates(t, df), -_LARGEST, _LARGEST).astype(np.float32)
    return found


def _wide(column: Floats) -> Floats:
    return column if column.ndim == 2 else column[:, np.newaxis]
