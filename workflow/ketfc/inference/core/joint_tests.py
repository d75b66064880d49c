"""Many tests under the same arrangements: null statistics in blocks, and their tally.

All statistics are t in bounded form, r = t / √(t² + df), until the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.permutation import Floats, orthonormal

Orders = npt.NDArray[np.intp]
Places = npt.NDArray[np.intp]
Null = Callable[[slice, slice], Floats]
"""Statistics, shape (arrangements, tests), of some arrangements and some tests."""

_TIE = 1e-10
"""Statistics bounded by 1 that differ by less are equal: they differ by rounding only."""

_PERFECT = 1e-14
"""Unexplained share of a sum of squares below which a fit leaves nothing unexplained."""

_NOTHING = 1e-9
"""Share of a column's size below which what is left of it is rounding."""

_BLOCK = (128, 1024)
"""Arrangements and tests that are held in memory together: 1 MB per array, for the cache."""


class Tally:
    """Counts of how often arrangements reach the observed statistics.

    Parameters
    ----------
    observed, df : numpy.ndarray of shape (tests,)
        Observed statistics in bounded form, and their degrees of freedom.
    """

    def __init__(self, observed: Floats, df: Floats) -> None:
        self.observed, self.df = np.clip(observed, -1.0, 1.0), df
        self.permutations = 0
        self._beyond = np.zeros(len(df), dtype=np.int64)
        self._largest = np.zeros(0)

    @property
    def t(self) -> Floats:
        """Observed t, infinite for a perfect fit."""
        unexplained = 1.0 - self.observed**2
        unexplained = np.where(unexplained > _PERFECT, unexplained, 0.0)
        with np.errstate(divide="ignore"):
            t: Floats = self.observed * np.sqrt(self.df / unexplained)
        return t

    def compare(self, tests: Places, arrangements: int, null: Null) -> None:
        """Count over all arrangements of some tests.

        Parameters
        ----------
        tests : numpy.ndarray of int
            Their places in the family.
        arrangements : int
            How many there are, the same for all tests of the family.
        null : callable
            Their statistics, by slices of the arrangements and of `tests`.
        """
        self.permutations = arrangements
        if len(self._largest) == 0:
            self._largest = np.zeros(arrangements)
        for some in _slices(len(tests), _BLOCK[1]):
            at = tests[some]
            reached = np.abs(self.observed[at]) - _TIE
            for rows in _slices(arrangements, _BLOCK[0]):
                r = null(rows, some)
                np.abs(r, out=r)
                self._beyond[at] += np.count_nonzero(r >= reached, axis=0)
                largest = self._comparable(r, self.df[at]).max(axis=1)
                np.maximum(self._largest[rows], largest, out=self._largest[rows])

    def p_values(self, *, exhaustive: bool) -> tuple[Floats, Floats]:
        """Return p of each test alone and p by the largest statistic of the family."""
        own = 0 if exhaustive else 1
        m = self.permutations + own
        reached = self._comparable(np.abs(self.observed), self.df) - _TIE
        below = np.searchsorted(np.sort(self._largest), reached)
        return (self._beyond + own) / m, (self.permutations - below + own) / m

    def _comparable(self, r: Floats, df: Floats) -> Floats:
        """Return |t| in one bounded form for all tests, whatever their degrees of freedom."""
        most = self.df.max(initial=0.0)
        if (df == most).all():
            return r
        square = r**2
        free = np.clip(1.0 - square, 0.0, 1.0)
        comparable: Floats = np.sqrt(square * df / np.maximum(square * df + free * most, _TIE**2))
        return comparable


@dataclass(frozen=True, eq=False)
class Models:
    """Linear models of the same rows and nuisance, prepared for rearranging their residuals.

    Attributes
    ----------
    kept : numpy.ndarray of int
        Models that can be tested.
    untestable : mapping of int to str
        The others: ``too-few`` (fewer than two residual degrees of freedom), ``constant`` (outcome
        or regressor, or what the nuisance leaves of the outcome) or ``collinear``.
    observed, df : numpy.ndarray of shape (kept,)
        Partial correlation of outcome and tested regressor; residual degrees of freedom.
    slope : numpy.ndarray of shape (kept,)
        Coefficient of the tested regressor by ordinary least squares.
    """

    kept: Places
    untestable: Mapping[int, str]
    observed: Floats
    df: Floats
    slope: Floats
    _residual: Floats
    _tested: Floats
    _own: Floats | None
    _along_own: Floats
    _tested_norm: Floats
    _basis: Floats

    @classmethod
    def fit(
        cls, y: Floats, x: Floats, nuisance: Floats, own: Floats | None = None, *, fixed: Floats
    ) -> Models:
        """Take the nuisance out of outcome, regressor and own nuisance.

        Parameters
        ----------
        y, x, own : numpy.ndarray of shape (n, tests) or (n, 1)
            Outcome, tested regressor and, if any, own nuisance column of each test, or of all.
        nuisance : numpy.ndarray of shape (n, k)
            What all share, the intercept among it.
        fixed : numpy.ndarray of shape (n, blocks)
            Columns that no arrangement changes.
        """
        tests = max(column.shape[1] for column in (y, x, y if own is None else own))
        why = np.full(tests, "", dtype=object)
        basis = orthonormal(nuisance)
        residual, _ = _without(basis, y)
        tested, tested_left = _without(basis, x)
        flat = tested_left
        along_own = np.zeros(1)
        if own is not None:
            own, own_left = _without(basis, own)
            own = own / np.where(own_left, np.linalg.norm(own, axis=0), 1.0)
            along_own = (own * tested).sum(axis=0)
            residual = residual - own * (own * residual).sum(axis=0)
            orthogonal = tested - own * along_own
            norm = np.linalg.norm(orthogonal, axis=0)
            flat = tested_left & (norm > _NOTHING * np.linalg.norm(tested, axis=0)) & own_left
        else:
            orthogonal, norm = tested, np.linalg.norm(tested, axis=0)
        size = np.linalg.norm(residual, axis=0)
        spread = np.linalg.norm(y - y.mean(axis=0), axis=0)
        df = len(y) - basis.shape[1] - (own is not None) - 1
        why[~np.broadcast_to(flat, tests)] = "collinear"
        same = constant_columns(y) | (size <= _NOTHING * spread) | constant_columns(x)
        why[np.broadcast_to(same, tests)] = "constant"
        if df < 2:
            why[:] = "too-few"
        kept = np.flatnonzero(why == "")

        def of_kept(column: Floats) -> Floats:
            return column[..., kept] if column.shape[-1] == tests else column

        safe = np.where(size > 0, size, 1.0)
        residual = of_kept(residual / safe)
        norm = of_kept(np.where(norm > 0, norm, 1.0))
        observed = (of_kept(orthogonal) / norm * residual).sum(axis=0)
        return cls(
            kept=kept,
            untestable={int(i): str(why[i]) for i in np.flatnonzero(why != "")},
            observed=np.broadcast_to(observed, len(kept)),
            df=np.full(len(kept), float(df)),
            slope=np.broadcast_to(observed * of_kept(size) / norm, len(kept)),
            _residual=residual,
            _tested=of_kept(tested),
            _own=None if own is None else of_kept(own),
            _along_own=of_kept(along_own),
            _tested_norm=norm,
            _basis=_varying(basis, fixed),
        )

    def null(self, order: Orders) -> Null:
        """Return the statistics of rearranged residuals.

        The fitted values of the nuisance drop out of t, and rearranging does not change a sum of
        squares: projections of the rearranged residuals on each column are all that is needed.
        """

        def statistics(rows: slice, some: slice) -> Floats:
            def of_some(column: Floats) -> Floats:
                if column.shape[-1] != len(self.kept):
                    return column
                return np.ascontiguousarray(column[..., some])  # rows are fetched one by one

            residual = of_some(self._residual)
            along = _products(of_some(self._tested), residual, order[rows])
            free = np.ones_like(residual[:1])
            for column in self._basis.T:
                free = free - _products(column[:, np.newaxis], residual, order[rows]) ** 2
            if self._own is not None:
                across = _products(of_some(self._own), residual, order[rows])
                along = along - of_some(self._along_own) * across
                free = free - across**2
            along = along / of_some(self._tested_norm)
            # An arrangement that the nuisance explains fully leaves nothing for the tested column.
            usable = free > _TIE
            r: Floats = np.where(usable, along / np.sqrt(np.where(usable, free, 1.0)), 0.0)
            return r

        return statistics


def without_absent(order: Orders, rows: npt.NDArray[np.bool_]) -> Orders:
    """Return orders of the participants present: the joint orders with the absent left out.

    Parameters
    ----------
    order : numpy.ndarray of shape (orders, n)
        Orders of all participants.
    rows : numpy.ndarray of shape (n,)
        Who is present.

    Returns
    -------
    numpy.ndarray of shape (orders, present)
        Each row holds 0 … present − 1. Of orders drawn at random within blocks they are orders
        drawn at random within what is left of the blocks.
    """
    if rows.all():
        return order
    # in every row, the places of those present are filled by those present in their joint order
    places = np.flatnonzero(rows)
    rank = np.cumsum(rows) - 1
    kept: Orders = rank[order[rows[order]].reshape(len(order), len(places))]
    return kept


def missing_patterns(
    present: npt.NDArray[np.bool_],
) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]]:
    """Yield the rows that enter and the tests that share them, for each pattern of missing rows.

    Parameters
    ----------
    present : numpy.ndarray of shape (n, tests)
        Which rows enter which test.
    """
    packed = np.packbits(present, axis=0)
    _, first, pattern = np.unique(packed, axis=1, return_index=True, return_inverse=True)
    for i, test in enumerate(first):
        yield present[:, test], np.flatnonzero(pattern.ravel() == i)


def indicators(blocks: npt.NDArray[np.int64]) -> Floats:
    """Return a column per block, shape (n, blocks), that is 1 in its rows and 0 elsewhere."""
    columns: Floats = (blocks[:, np.newaxis] == np.unique(blocks)).astype(np.float64)
    return columns


def constant_columns(values: Floats) -> npt.NDArray[np.bool_]:
    """Tell which columns are the same in all rows but for rounding; missing rows do not count."""
    present = np.isfinite(values)
    low = np.where(present, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(present, values, -np.inf).max(axis=0, initial=-np.inf)
    size = np.maximum(1.0, np.where(present, np.abs(values), 0.0).max(axis=0, initial=0.0))
    same: npt.NDArray[np.bool_] = ~(high - low > _NOTHING * size)
    return same


def _without(basis: Floats, columns: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return columns with the basis taken out, and whether anything but rounding is left."""
    left = columns - basis @ (basis.T @ columns)
    spread = np.linalg.norm(columns - columns.mean(axis=0), axis=0)
    return left, np.linalg.norm(left, axis=0) > _NOTHING * spread


def _varying(basis: Floats, fixed: Floats) -> Floats:
    """Return a basis without directions that no arrangement changes: residuals have none there."""
    unchanged = orthonormal(fixed)
    inside = np.linalg.norm(unchanged - basis @ (basis.T @ unchanged), axis=0) < 1e-8
    unchanged = unchanged[:, inside]
    left, values, _ = np.linalg.svd(basis - unchanged @ (unchanged.T @ basis), full_matrices=False)
    varying: Floats = left[:, values > 0.5]
    return varying


def _products(columns: Floats, residual: Floats, order: Orders) -> Floats:
    """Return columnsᵀ · rearranged residual of each order and test."""
    if residual.shape[1] == 1:
        product: Floats = residual[order, 0] @ columns
        return product
    if columns.shape[1] == 1:
        placed = np.empty(order.shape)
        np.put_along_axis(placed, order, np.broadcast_to(columns[:, 0], order.shape), axis=1)
        product = placed @ residual
        return product
    found = np.empty((len(order), residual.shape[1]))
    for i, one in enumerate(order):
        np.einsum("ie,ie->e", columns, residual[one], out=found[i])
    return found


def _slices(length: int, size: int) -> Iterator[slice]:
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))
