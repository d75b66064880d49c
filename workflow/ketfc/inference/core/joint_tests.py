"""Many tests under the same arrangements: models, their null statistics and their tally.

Statistics are the standard normal deviates that t values amount to
(:func:`ketfc.inference.core.variance_groups.deviates`), whatever their degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.permutation import Blocks, Floats, below, orthonormal
from ketfc.inference.core.variance_groups import Groups, Studentised, by_group

Orders = npt.NDArray[np.intp]
Places = npt.NDArray[np.intp]

_NOTHING = 1e-9
"""Share of a column's size below which what is left of it is rounding."""

_ROWS = 1024
"""Arrangements that are held in memory together: a few 100 kB per array, for the cache."""


class Tally:
    """Counts of how often arrangements reach the observed statistics.

    Parameters
    ----------
    tests, arrangements : int
        How many there are.

    Attributes
    ----------
    t, df : numpy.ndarray of shape (tests,)
        Observed t and their degrees of freedom.
    """

    def __init__(self, tests: int, arrangements: int) -> None:
        self.permutations = arrangements
        self.t, self.df = np.zeros(tests), np.ones(tests)
        self._reached = np.zeros(tests)
        self._beyond = np.zeros(tests, dtype=np.int64)
        self._largest = np.zeros(arrangements)

    def compare(self, test: int, t: float, df: float, observed: float, null: Floats) -> None:
        """Count the arrangements that reach a test's statistic.

        Parameters
        ----------
        test : int
            Its place in the family.
        t, df : float
            Its t and degrees of freedom.
        observed : float
            Its deviate.
        null : numpy.ndarray of shape (arrangements,)
            Deviates of all arrangements; overwritten by their sizes.
        """
        self.t[test], self.df[test] = t, df
        self._reached[test] = below(abs(observed))
        np.abs(null, out=null)
        self._beyond[test] = np.count_nonzero(null >= self._reached[test])
        np.maximum(self._largest, null, out=self._largest)

    def p_values(self, *, exhaustive: bool) -> tuple[Floats, Floats]:
        """Return p of each test alone and p by the largest statistic of the family."""
        own = 0 if exhaustive else 1
        m = self.permutations + own
        smaller = np.searchsorted(np.sort(self._largest), self._reached)
        return (self._beyond + own) / m, (self.permutations - smaller + own) / m


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
    partial_r : numpy.ndarray of shape (kept,)
        Partial correlation of outcome and tested regressor.
    scale : numpy.ndarray of shape (kept,)
        Units of the outcome per unit of the tested regressor that a correlation of 1 amounts to.
    order : numpy.ndarray of shape (n,)
        Rows sorted by group, which all that follows is.
    groups : numpy.ndarray of shape (n,) or None
        Groups whose residuals have a variance each.
    basis : numpy.ndarray of shape (n, k)
        Orthonormal columns of the shared nuisance.
    own : numpy.ndarray of shape (n, kept) or None
        Own nuisance column of each test, of unit length and orthogonal to the basis.
    tested, residual : numpy.ndarray of shape (n, kept) or (n, 1)
        Tested regressor and outcome of each test, or of all, without what the nuisance explains,
        of unit length.
    """

    kept: Places
    untestable: Mapping[int, str]
    partial_r: Floats
    scale: Floats
    order: Places
    groups: Groups | None
    basis: Floats
    own: Floats | None
    tested: Floats
    residual: Floats

    @classmethod
    def fit(
        cls,
        y: Floats,
        x: Floats,
        nuisance: Floats,
        own: Floats | None = None,
        *,
        groups: Groups | None = None,
    ) -> Models:
        """Take the nuisance out of outcome, regressor and own nuisance.

        Parameters
        ----------
        y, x, own : numpy.ndarray of shape (n, tests) or (n, 1)
            Outcome, tested regressor and, if any, own nuisance column of each test, or of all.
        nuisance : numpy.ndarray of shape (n, k)
            What all share, the intercept among it.
        groups : numpy.ndarray of shape (n,), optional
            Groups whose residuals have a variance each.
        """
        tests = max(column.shape[1] for column in (y, x, y if own is None else own))
        order = by_group(len(y), groups)
        groups = None if groups is None else groups[order]
        y, x, nuisance = y[order], x[order], nuisance[order]
        why = np.full(tests, "", dtype=object)
        constant = [constant_columns(column) for column in (y, x, x if own is None else own)]
        basis = orthonormal(nuisance)
        residual, _ = _without(basis, y)
        tested, flat = _without(basis, x)
        norm = np.linalg.norm(tested, axis=0)
        if own is not None:
            own, own_left = _without(basis, own[order])
            own = own / np.where(own_left, np.linalg.norm(own, axis=0), 1.0)
            residual = residual - own * (own * residual).sum(axis=0)
            tested = tested - own * (own * tested).sum(axis=0)
            before, norm = norm, np.linalg.norm(tested, axis=0)
            flat = flat & (norm > _NOTHING * before) & own_left
        size = np.linalg.norm(residual, axis=0)
        spread = np.linalg.norm(y - y.mean(axis=0), axis=0)
        why[~np.broadcast_to(flat, tests)] = "collinear"
        same = (size <= _NOTHING * spread) | np.logical_or.reduce(np.broadcast_arrays(*constant))
        why[np.broadcast_to(same, tests)] = "constant"
        if len(y) - basis.shape[1] - (own is not None) - 1 < 2:
            why[:] = "too-few"
        kept = np.flatnonzero(why == "")
        residual, size = residual / np.where(size > 0, size, 1.0), _each(size, tests)
        tested, norm = tested / np.where(norm > 0, norm, 1.0), _each(norm, tests)
        return cls(
            kept=kept,
            untestable={int(i): str(why[i]) for i in np.flatnonzero(why != "")},
            partial_r=_each((tested * residual).sum(axis=0), tests)[kept],
            scale=size[kept] / np.where(norm > 0, norm, 1.0)[kept],
            order=order,
            groups=groups,
            basis=basis,
            own=None if own is None else own[:, kept],
            tested=tested if tested.shape[1] != tests else tested[:, kept],
            residual=residual if residual.shape[1] != tests else residual[:, kept],
        )

    @property
    def slope(self) -> Floats:
        """Coefficients of the tested regressor by ordinary least squares, shape (kept,)."""
        return self.partial_r * self.scale

    def statistics(self, order: Orders) -> Iterator[tuple[float, float, float, Floats]]:
        """Yield each model's t and degrees of freedom, its deviate and those of rearrangements.

        The fitted values of the nuisance drop out of t, so that the residuals alone are needed.

        Parameters
        ----------
        order : numpy.ndarray of shape (arrangements, n)
            Orders of the rows.

        Yields
        ------
        t, df : float
            Aspin and Welch's t and its degrees of freedom.
        observed : float
            Its deviate.
        null : numpy.ndarray of shape (arrangements,)
            Deviates of the arrangements.
        """
        place = np.argsort(self.order)
        order = np.ascontiguousarray(place[order[:, self.order]])
        once = self.residual.shape[1] == 1
        placed = self.residual[:, 0][order] if once else np.empty((_ROWS, order.shape[1]))
        for i in range(len(self.kept)):
            own = [] if self.own is None else [self.own[:, i]]
            tested = self.tested[:, i % self.tested.shape[1]]
            model = Studentised.of(tested, np.column_stack([*own, self.basis]), self.groups)
            residual = np.ascontiguousarray(self.residual[:, i % self.residual.shape[1]])
            own_parts = _parts(model, [residual[np.newaxis]])
            t, df = model.t(*own_parts)
            observed = float(model.deviates(*own_parts)[0])
            if once:
                chunks = (placed[rows] for rows in _slices(len(order)))
            else:
                chunks = (
                    residual.take(order[rows], out=placed[: rows.stop - rows.start], mode="clip")
                    for rows in _slices(len(order))
                )
            yield float(t[0]), float(df[0]), observed, model.deviates(*_parts(model, chunks))


def _parts(model: Studentised, outcomes: Iterable[Floats]) -> tuple[Floats, Floats]:
    """Return products with the tested column and residual squares of outcomes in chunks."""
    along, squares = [], []
    for some in outcomes:
        products = some @ model.columns
        along.append(products[:, 0])
        squares.append(model.squares(some, products))
    return np.concatenate(along), np.concatenate(squares)


def without_absent(order: Orders, rows: npt.NDArray[np.bool_], blocks: Blocks) -> Orders:
    """Return orders of the participants present: the joint orders with the absent left out.

    Parameters
    ----------
    order : numpy.ndarray of shape (orders, n)
        Orders of all participants, who are exchanged within their block.
    rows : numpy.ndarray of shape (n,)
        Who is present.
    blocks : numpy.ndarray of shape (n,)
        Block of each participant.

    Returns
    -------
    numpy.ndarray of shape (orders, present)
        Each row holds 0 … present − 1. Of orders drawn at random within blocks they are orders
        drawn at random within what is left of each block.
    """
    if rows.all():
        return order
    rank = np.cumsum(rows) - 1
    kept = np.empty((len(order), int(rows.sum())), dtype=np.intp)
    for block in np.unique(blocks[rows]):
        # the places of a block's members are filled by its members in their joint order
        members = order[:, blocks == block]
        present = rank[members[rows[members]]].reshape(len(order), -1)
        kept[:, rank[rows & (blocks == block)]] = present
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


def _each(values: Floats, tests: int) -> Floats:
    """Return one value per test where all may share one."""
    return np.broadcast_to(values, tests)


def _slices(length: int) -> Iterator[slice]:
    for start in range(0, length, _ROWS):
        yield slice(start, min(start + _ROWS, length))
