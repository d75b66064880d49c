"""Arrangements of whole participants for tests that lack some of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.permutation import Floats

Orders = npt.NDArray[np.intp]


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
