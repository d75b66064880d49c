"""Permutation tests of a whole prediction, folds, penalties and selection included."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ketfc.inference.core.permutation import Blocks, Floats, below, orders_within, stream
from ketfc.inference.core.sequential import FEW

_AT_ONCE = 100


def sequential_test(
    observed: float, statistic: Callable[[np.ndarray], float], blocks: Blocks, *,
    permutations: int, seed: int, name: str,
) -> tuple[float, int]:  # fmt: skip
    """Return the p of a statistic under permutations that end where enough have reached it.

    Parameters
    ----------
    observed : float
        The statistic of the data; large is good.
    statistic : callable
        The statistic under an order of the participants, an array of shape (n,).
    blocks : numpy.ndarray of shape (n,)
        Participants are exchanged within their block only.
    permutations : int
        Random orders at most.
    seed, name
        Of the random stream.

    Returns
    -------
    p : float
        One-sided. Where ten orders have reached the observed statistic, the tenth of them as the
        m-th, 10/m; otherwise (b + 1)/(m + 1). Both hold their level (Besag and Clifford 1991;
        Phipson and Smyth 2010).
    m : int
        Orders that were evaluated.

    References
    ----------
    Besag J, Clifford P (1991), Biometrika 78:301–304, doi:10.1093/biomet/78.2.301.
    Phipson B, Smyth GK (2010), Stat Appl Genet Mol Biol 9:39, doi:10.2202/1544-6115.1585.
    """
    rng, reached, drawn = stream(seed, name), 0, 0
    while drawn < permutations:
        several, _ = orders_within(
            blocks, permutations=min(_AT_ONCE, permutations - drawn), rng=rng
        )
        for order in several[: permutations - drawn]:
            drawn += 1
            reached += statistic(order) >= below(observed)
            if reached == FEW:
                return FEW / drawn, drawn
    return (reached + 1) / (drawn + 1), drawn


def beside(columns: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Return what other columns explain of each column, and what they leave.

    Permuting what is left and adding what is explained keeps the relation of the columns with the
    others, and of these with the outcome, and takes away all else (Freedman and Lane 1983).

    Parameters
    ----------
    columns : numpy.ndarray of shape (n, k)
        Missing values count as the mean of their column.
    others : numpy.ndarray of shape (n, j)
        Likewise.

    Returns
    -------
    fitted, residual : numpy.ndarray of shape (n, k)
    """

    def filled(values: Floats) -> Floats:
        there = np.isfinite(values)
        mean = np.where(there, values, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
        whole: Floats = np.where(there, values, mean)
        return whole

    known = filled(columns)
    design = np.column_stack([np.ones(len(others)), filled(others)])
    fitted: Floats = design @ np.linalg.lstsq(design, known, rcond=None)[0]
    return fitted, known - fitted
