"""How alike the sessions of one participant are, and whether more so than those of two people."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    has_a, has_b = (np.isfinite(each).astype(np.float32) for each in (a, b))
    x, y = np.nan_to_num(a), np.nan_to_num(b)
    n = (has_a @ has_b.T).astype(np.float64)
    sums = [x @ has_b.T, has_a @ y.T, (x**2) @ has_b.T, has_a @ (y**2).T, x @ y.T]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y, square_x, square_y, product = (each.astype(float) / n for each in sums)
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
        What :func:`ketfc.imaging.sessions.session_fisher_z` gives.
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
    first, last = vectors[baseline], vectors[followup]
    r = np.empty((0, 0))
    if first and last:
        r = pairwise_r(np.stack(list(first.values())), np.stack(list(last.values())))
    place = {participant: i for i, participant in enumerate(first)}
    rows = []
    for participant in sorted({*first, *last}):
        row: dict[str, float] = dict.fromkeys(SIMILARITY_NUMBERS, np.nan)
        if participant in first and participant in last:
            is_own = np.array([other == participant for other in last])
            alike = r[place[participant]]
            own, others = float(alike[is_own][0]), alike[~is_own & np.isfinite(alike)]
            both = np.isfinite(first[participant]) & np.isfinite(last[participant])
            row["r_own"], row["n_edges"] = own, int(both.sum())
            if others.size:
                row["r_others_median"] = float(np.median(others))
                row["r_others_max"] = float(others.max())
            if np.isfinite(own):
                row["rank"], row["n_others"] = 1 + int((others > own).sum()), others.size
        rows.append({"participant_id": participant, **row})
    return pd.DataFrame(rows, columns=["participant_id", *SIMILARITY_NUMBERS])
