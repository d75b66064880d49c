"""Similarity of the sessions of one participant, compared with those of two people."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_COLUMNS = 8192
"""Edges at a time, and the baselines of so many people: what is in memory beside the matrices
themselves does not grow with both."""
_PEOPLE = 256

SIMILARITY_NUMBERS = ("r_own", "n_edges", "r_others_median", "r_others_max", "rank", "n_others")
"""Columns of ``quality/similarity.tsv``, beside ``participant_id``."""


def edge_vector(z: pd.DataFrame) -> NDArray[np.float32]:
    """Return the upper triangle of a matrix as a vector."""
    values: NDArray[np.float32] = z.to_numpy()[np.triu_indices(len(z), 1)].astype(np.float32)
    return values


def pairwise_r(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return Pearson's r of every row of `a` with every row of `b`, over the columns both have.

    Parameters
    ----------
    a, b : numpy.ndarray, shape (n_a, n), (n_b, n)
        NaN where missing.

    Returns
    -------
    numpy.ndarray, shape (n_a, n_b)
        NaN where fewer than three columns are shared, or one does not vary over them.
    """
    # sums over the columns that two rows share are products with the masks of what is there
    shape = (len(a), len(b))
    n, of_x, of_y, of_xx, of_yy, of_xy = sums = np.zeros((6, *shape), dtype=np.float64)
    for start in range(0, a.shape[1], _COLUMNS):
        x, y = (each[:, start : start + _COLUMNS] for each in (a, b))
        has_x, has_y = (np.isfinite(each).astype(np.float32) for each in (x, y))
        x, y = np.nan_to_num(x), np.nan_to_num(y)
        n += has_x @ has_y.T
        of_x += x @ has_y.T
        of_y += has_x @ y.T
        of_xx += (x**2) @ has_y.T
        of_yy += has_x @ (y**2).T
        of_xy += x @ y.T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y, square_x, square_y, product = sums[1:] / n
        spread = (square_x - mean_x**2) * (square_y - mean_y**2)
        r = (product - mean_x * mean_y) / np.sqrt(np.where(spread > 0, spread, np.nan))
    return np.where(n >= 3, np.clip(r, -1, 1), np.nan)


def session_similarity(
    matrices: Iterable[tuple[str, str, pd.DataFrame]], baseline: str, followup: str
) -> pd.DataFrame:
    """Compare the matrix of everybody's baseline with everybody's follow-up.

    A participant whose two sessions are less alike than the sessions of two people is suspicious:
    a bad scan, or images of somebody else (Finn et al. 2015, 10.1038/nn.4135).

    Parameters
    ----------
    matrices : iterable of (participant, role, matrix of Fisher z)
        What :func:`ketfc.imaging.group.sessions.session_fisher_z` gives.
    baseline, followup : str
        The two roles.

    Returns
    -------
    pandas.DataFrame
        ``participant_id``; ``r_own``, Pearson's r over the edges of both sessions; ``n_edges``;
        ``r_others_median`` and ``r_others_max``, of the own baseline with the follow-up of others;
        ``rank`` of the own among all follow-ups (1: the most alike), of ``n_others`` + 1. A row
        for whoever has a baseline or a follow-up.
    """
    vectors: dict[str, dict[str, NDArray[np.float32]]] = {baseline: {}, followup: {}}
    for participant, role, z in matrices:
        if role in vectors:
            vectors[role][participant] = edge_vector(z)
    first, last = vectors[baseline], vectors.pop(followup)
    everybody = np.stack(list(last.values())) if last else np.empty((0, 0), dtype=np.float32)
    # from here on the rows of the array: the vectors are in memory once
    last = dict(zip(last, everybody, strict=True))
    place = {participant: i for i, participant in enumerate(last)}
    rows: dict[str, dict[str, float]] = {
        participant: dict.fromkeys(SIMILARITY_NUMBERS, np.nan)
        for participant in sorted({*first, *last})
    }
    both = [participant for participant in first if participant in last]
    for start in range(0, len(both), _PEOPLE):
        some = both[start : start + _PEOPLE]
        r = pairwise_r(np.stack([first[participant] for participant in some]), everybody)
        for participant, alike in zip(some, r, strict=True):
            rows[participant] |= _compared(
                alike, place[participant], first[participant], last[participant]
            )
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(SIMILARITY_NUMBERS))
    return table.rename_axis("participant_id").reset_index()


def _compared(
    alike: NDArray[np.float64], own: int, before: NDArray[np.float32], after: NDArray[np.float32]
) -> dict[str, float]:
    """Return a row: r of one baseline with all follow-ups, of which one is the participant's."""
    r_own, others = float(alike[own]), np.delete(alike, own)
    others = others[np.isfinite(others)]
    row = {"r_own": r_own, "n_edges": int((np.isfinite(before) & np.isfinite(after)).sum())}
    if others.size:
        row["r_others_median"] = float(np.median(others))
        row["r_others_max"] = float(others.max())
    if np.isfinite(r_own):
        row["rank"], row["n_others"] = 1 + int((others > r_own).sum()), others.size
    return row
