"""Aspin and Welch's t: a residual variance of its own for each group of participants.

Arms differ in size and, once a drug acts on some of its recipients more than on others, in spread.
The classical t takes their spreads to be equal, and is rejected too often where the smaller arm is
the more varied one; permutations do not mend that, because they mix the spreads. A variance for
each group does (Welch BL (1951), Biometrika 38:330–336; with nuisance and permutations: Winkler AM
et al. (2014), NeuroImage 92:381–397, doi:10.1016/j.neuroimage.2014.01.060, their v). Its degrees of
freedom depend on the spreads found; arrangements are therefore compared by the standard normal
deviates that their t and degrees of freedom amount to. With a single group it is the classical t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]
"""Group of each participant, shape (n,): whose residuals share a variance."""

_PERFECT = 1e-9
"""Share of a sum of squares below which what is left of it is rounding."""

_FEWER, _FEWEST = 1.5, 0.5
"""Degrees of freedom that each of several groups has less when arrangements are compared, and the
fewest left to it. Permutations mix the spreads, so that the t of an arrangement has more degrees of
freedom than that of a small and varied arm. Of 0, .5, 1 and 1.5 the last keeps the level of five
tests of 4 and 10 participants with twice the spread (any of them rejected by the largest: .090,
.084, .075, .065); it costs nothing in arms of equal size."""

FEWEST_DF = 1.0 - 1e-9
"""Residual degrees of freedom that a group needs for a variance of its own, but for rounding."""

_EXPLAINED = 1e-10
"""Share of a sum of squares that nuisance has to leave before a term can be tested."""


@dataclass(frozen=True, eq=False)
class Studentised:
    """The columns of a linear model, prepared to test the first of them in many outcomes.

    Attributes
    ----------
    order : numpy.ndarray of int, shape (n,)
        Participants sorted by group, the largest group last.
    columns : numpy.ndarray of shape (n, k)
        Orthonormal columns in that order: the tested one first, without what the others explain of
        it.
    ends : tuple of int
        Where each group ends in that order.
    weight, df : numpy.ndarray of shape (groups,)
        Sum of squares of the tested column within each group, and the group's residual degrees of
        freedom: the sum of 1 − leverage.
    pooled : bool
        Whether several groups share one variance, because some group has fewer than one residual
        degree of freedom.
    """

    order: npt.NDArray[np.intp]
    columns: Floats
    ends: tuple[int, ...]
    weight: Floats
    df: Floats
    pooled: bool

    @classmethod
    def of(cls, tested: Floats, nuisance: Floats, groups: Groups | None = None) -> Studentised:
        """Prepare a model.

        Parameters
        ----------
        tested : numpy.ndarray of shape (n,)
            The tested column, of unit length and orthogonal to the nuisance.
        nuisance : numpy.ndarray of shape (n, k)
            An orthonormal basis of the other columns.
        groups : numpy.ndarray of shape (n,), optional
            Groups with a residual variance each; None for one variance.
        """
        n = len(tested)
        columns = np.column_stack([tested, nuisance])
        left = 1.0 - (columns**2).sum(axis=1)
        codes = np.zeros(n, dtype=np.int64) if groups is None else groups
        order = by_group(n, groups)
        sorted_codes = codes[order]
        starts = np.flatnonzero(np.r_[True, sorted_codes[1:] != sorted_codes[:-1]])
        df = np.add.reduceat(left[order], starts)
        pooled = len(starts) > 1 and bool(df.min() < FEWEST_DF)
        if pooled or len(starts) == 1:
            starts, df = starts[:1], np.array([float(n - columns.shape[1])])
        return cls(
            order=order,
            columns=columns[order],
            ends=(*map(int, starts[1:]), n),
            weight=np.add.reduceat(tested[order] ** 2, starts),
            df=df,
            pooled=pooled,
        )

    def squares(self, outcomes: Floats, along: Floats) -> Floats:
        """Return the residual sum of squares of each outcome within each group.

        Parameters
        ----------
        outcomes : numpy.ndarray of shape (m, n)
            Outcomes, participants in the order of `order`.
        along : numpy.ndarray of shape (m, k)
            Their products with `columns`.

        Returns
        -------
        numpy.ndarray of shape (m, groups)
        """
        found = self.products(outcomes, along, outcomes, along)
        return np.maximum(found, 0.0, out=found)

    def products(
        self, one: Floats, along_one: Floats, other: Floats, along_other: Floats
    ) -> Floats:
        """Return the sums within each group of the products of two outcomes' residuals.

        Parameters
        ----------
        one, other : numpy.ndarray of shape (m, n)
            Outcomes, participants in the order of `order`.
        along_one, along_other : numpy.ndarray of shape (m, k)
            Their products with `columns`.

        Returns
        -------
        numpy.ndarray of shape (m, groups)
        """
        found = np.empty((len(one), len(self.ends)))
        start = 0
        for i, end in enumerate(self.ends[:-1]):
            columns = self.columns[start:end].T
            left = one[:, start:end] - along_one @ columns
            also = left if other is one else other[:, start:end] - along_other @ columns
            np.einsum("ij,ij->i", left, also, out=found[:, i])
            start = end
        # of the last and largest group what is left of all
        total = np.einsum("ij,ij->i", one, other) - np.einsum("ij,ij->i", along_one, along_other)
        found[:, -1] = total - found[:, :-1].sum(axis=1)
        return found

    def t(
        self, along: Floats, squares: Floats, total: Floats | float = 1.0
    ) -> tuple[Floats, Floats]:
        """Return t and its degrees of freedom, as :func:`aspin_welch` does, both of shape (m,).

        Parameters
        ----------
        along : numpy.ndarray of shape (m,)
            Products of outcomes with the tested column.
        squares : numpy.ndarray of shape (m, groups)
            Residual sums of squares.
        total : float or numpy.ndarray of shape (m,)
            Sum of squares of each outcome beside the nuisance, before it was rearranged.
        """
        return aspin_welch(along, squares, self.weight, self.df, self.df, total)

    def deviates(self, along: Floats, squares: Floats, total: Floats | float = 1.0) -> Floats:
        """Return the standard normal deviates by which arrangements are compared, shape (m,).

        Parameters are those of :meth:`t`. What is compared may be any statistic; this one, with
        the degrees of freedom of :func:`compared_df`, keeps the level best.
        """
        free = compared_df(self.df)
        return deviates(*aspin_welch(along, squares, self.weight, self.df, free, total))

    def error_ratio(self, squares: Floats) -> float:
        """Return the standard error of one outcome over the classical one, 1 for a perfect fit."""
        total = float(squares.sum())
        if total == 0:
            return 1.0
        classical = total * float(self.weight.sum()) / float(self.df.sum())
        return float(((squares * (self.weight / self.df)).sum() / classical) ** 0.5)


def aspin_welch(
    along: Floats,
    squares: Floats,
    weight: Floats,
    df: Floats,
    free: Floats,
    total: Floats | float = 1.0,
) -> tuple[Floats, Floats]:
    """Return t and its degrees of freedom (Welch–Satterthwaite), both of shape (m,).

    Parameters
    ----------
    along : numpy.ndarray of shape (m,)
        Products of outcomes with their tested column.
    squares : numpy.ndarray of shape (m, groups)
        Residual sums of squares of each group.
    weight, df : numpy.ndarray of shape (groups,) or (m, groups)
        Sum of squares of the tested column within each group, and the group's residual degrees of
        freedom: of one model, or of one for each outcome.
    free : numpy.ndarray of shape (groups,) or (m, groups)
        The degrees of freedom that those of t are made from: `df`, or :func:`compared_df` of it.
    total : float or numpy.ndarray of shape (m,)
        Sum of squares of each outcome beside the nuisance, before it was rearranged.

    Returns
    -------
    t, df : numpy.ndarray of shape (m,)
        t is infinite where nothing is left unexplained, and 0 where the nuisance explains all
        there is.
    """
    unexplained = squares.sum(axis=1)
    nothing = along**2 + unexplained <= _EXPLAINED * total
    perfect = unexplained <= _PERFECT * total
    if squares.shape[1] == 1:
        found = np.broadcast_to(df[..., 0], along.shape).astype(np.float64)
        variance = squares[:, 0] * (weight[..., 0] / df[..., 0])
    else:
        parts = squares * (weight / df)
        variance = parts.sum(axis=1)
        perfect |= variance <= _PERFECT * total
        spread = (parts**2 / free).sum(axis=1)
        found = np.broadcast_to(free.sum(axis=-1), along.shape).astype(np.float64)
        np.divide(variance**2, spread, out=found, where=~perfect)
    t = np.divide(along, np.sqrt(variance), out=np.copysign(np.inf, along), where=~perfect)
    t[nothing] = 0.0
    return t, found


def compared_df(df: Floats) -> Floats:
    """Return the degrees of freedom by which arrangements are compared.

    Parameters
    ----------
    df : numpy.ndarray of shape (groups,) or (m, groups)
        The groups' residual degrees of freedom.

    Returns
    -------
    numpy.ndarray
        Of several groups :data:`_FEWER` less each; of one, its own.
    """
    return np.maximum(df - _FEWER, _FEWEST) if df.shape[-1] > 1 else df


def by_group(n: int, groups: Groups | None) -> npt.NDArray[np.intp]:
    """Return the places of `n` participants sorted by group, those of the largest group last."""
    if groups is None:
        return np.arange(n)
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rank = np.argsort(np.argsort(sizes, kind="stable"), kind="stable")
    return np.argsort(rank[codes], kind="stable")


def deviates(t: Floats, df: Floats | float) -> Floats:
    """Return the standard normal deviates that t values amount to.

    Parameters
    ----------
    t : numpy.ndarray of shape (m,)
        Values of t, infinite ones too.
    df : float or numpy.ndarray of shape (m,)
        Their degrees of freedom.

    References
    ----------
    Wallace DL (1959), Ann Math Stat 30:1121–1130, doi:10.1214/aoms/1177706091.
    """
    size: Floats = np.sqrt(df * np.log1p(t**2 / df))
    size *= (8 * df + 1) / (8 * df + 3)
    return np.copysign(size, t)
