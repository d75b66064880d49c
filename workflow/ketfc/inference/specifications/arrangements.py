"""Arrangements of participants that all specifications of a question share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.joint_tests import Orders, without_absent
from ketfc.inference.core.permutation import Blocks, Floats, orders_within, sign_flips


@dataclass(frozen=True, eq=False)
class Arrangements:
    """Orders or signs of all participants of several models.

    Attributes
    ----------
    people : tuple of str
        Participants, sorted.
    blocks : numpy.ndarray of shape (n,)
        Who is exchanged with whom.
    exhaustive : bool
        Whether the participants who were drawn for first have every arrangement.
    first : numpy.ndarray of bool, shape (n,)
        Those participants.
    orders : numpy.ndarray of shape (arrangements, n), or None
        Where participants are exchanged.
    signs : numpy.ndarray of shape (arrangements, n), or None
        Where changes are flipped.
    """

    people: tuple[str, ...]
    blocks: Blocks
    exhaustive: bool
    first: npt.NDArray[np.bool_]
    orders: Orders | None = None
    signs: Floats | None = None

    def of(self, people: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return which of the participants are among these, shape (n,)."""
        return np.isin(np.array(self.people, dtype=object), np.array(people, dtype=object))

    def complete(self, rows: npt.NDArray[np.bool_]) -> bool:
        """Return whether these participants have every arrangement, each equally often."""
        return self.exhaustive and not (rows & ~self.first).any()

    def orders_of(self, rows: npt.NDArray[np.bool_]) -> Orders:
        """Return the orders of some participants: the joint ones with the others left out."""
        if self.orders is None:
            raise ValueError("signs were drawn, not orders")
        return without_absent(self.orders, rows, self.blocks)

    def signs_of(self, rows: npt.NDArray[np.bool_]) -> Floats:
        """Return the signs of some participants."""
        if self.signs is None:
            raise ValueError("orders were drawn, not signs")
        return self.signs[:, rows]


def shared_arrangements(
    people: Sequence[str],
    first: Sequence[str],
    *,
    blocks: Blocks | None,
    flipped: bool,
    permutations: int,
    rng: np.random.Generator,
) -> Arrangements:
    """Draw arrangements of all participants, whose part in some of them is the primary test's.

    Parameters
    ----------
    people : sequence of str
        Participants of any model, sorted.
    first : sequence of str
        Those of the primary test, sorted: what is drawn for them is what that test draws from the
        same stream.
    blocks : numpy.ndarray of shape (n,) or None
        Block of each of the people.
    flipped : bool
        Whether changes are flipped, else participants are exchanged.
    permutations : int
        Random arrangements, or all there are of the first when they are no more than that.
    rng : numpy.random.Generator
        The stream of the primary test.

    Returns
    -------
    Arrangements
        Whoever is not among the first is put between them at random places of their block, so that
        the whole is an order drawn at random, as is the part of any sample in it.
    """
    known = np.array(people, dtype=object)
    rows = np.isin(known, np.array(first, dtype=object))
    blocks = np.zeros(len(known), dtype=np.int64) if blocks is None else blocks
    if flipped:
        drawn, exhaustive = sign_flips(int(rows.sum()), permutations=permutations, rng=rng)
        signs = np.empty((len(drawn), len(known)))
        signs[:, rows] = drawn
        others = rng.integers(0, 2, size=(len(drawn), int((~rows).sum())))
        signs[:, ~rows] = 1.0 - 2.0 * others
        return Arrangements(tuple(people), blocks, exhaustive, rows, signs=signs)
    if rows.any():
        order, exhaustive = orders_within(blocks[rows], permutations=permutations, rng=rng)
    else:
        order, exhaustive = np.empty((permutations, 0), dtype=np.intp), False
    whole = _inserted(np.flatnonzero(rows)[order], rows, blocks, rng)
    return Arrangements(tuple(people), blocks, exhaustive, rows, orders=whole)


def _inserted(
    order: Orders, rows: npt.NDArray[np.bool_], blocks: Blocks, rng: np.random.Generator
) -> Orders:
    """Put everybody else at random places between those who are ordered, block by block.

    `order` holds the participants `rows` by their place among all.
    """
    whole = np.empty((len(order), len(rows)), dtype=np.intp)
    place = np.cumsum(rows) - 1
    for block in np.unique(blocks):
        here = blocks == block
        ours, others = np.flatnonzero(here & rows), np.flatnonzero(here & ~rows)
        # a random subset of the places, for those who are ordered, and the rest in random order
        places = np.argsort(rng.random((len(order), int(here.sum()))), axis=1)
        members = np.empty_like(places)
        own = np.sort(places[:, : len(ours)], axis=1)
        np.put_along_axis(members, own, order[:, place[ours]], axis=1)
        rest = np.broadcast_to(others, (len(order), len(others)))
        np.put_along_axis(members, places[:, len(ours) :], rest, axis=1)
        whole[:, here] = members
    return whole
