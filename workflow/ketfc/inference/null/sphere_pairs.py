"""Pairs of spheres that are like an edge of a circuit in size, tSNR and length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.files import read_tsv
from ketfc.inference.core.permutation import Floats

FEWEST = 1000
"""The fewest pseudo-circuits that a rank may rest on; one edge is exchanged for as many pairs."""

POOL = 250
"""The nearest pairs that an edge may be exchanged for where a circuit has several."""

PSEUDO_CIRCUITS = 10_000
"""Pseudo-circuits that are drawn where a circuit has several edges."""

SAME_PLACE = 15.0
"""mm; a pair whose spheres lie this near to both ends of an edge measures that edge itself."""

UNMATCHED_FROM = 0.5
"""Difference of means from which a feature is called unmatched, in its unit (see Pairs)."""

SIZE_UNIT = 0.25
"""A quarter more voxels counts as much as a standard deviation of tSNR or distance."""

FEATURES = ("size", "tsnr", "distance")

_AXES = ["x", "y", "z"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of spheres, and how an edge is compared with them.

    Attributes
    ----------
    ends : numpy.ndarray of int, shape (n_pairs, 2)
        Spheres, the first before the second.
    log_size, tsnr : numpy.ndarray, shape (n_pairs, 2)
        Of both ends: the natural logarithm of the voxels, and tSNR.
    distance : numpy.ndarray, shape (n_pairs,)
        Between their centres, in mm.
    unit : tuple of float
        In which size, tSNR and distance are compared: log(1 + :data:`SIZE_UNIT`), and the
        standard deviations of tSNR between spheres and of distance between pairs.
    """

    ends: NDArray[np.intp]
    log_size: Floats
    tsnr: Floats
    distance: Floats
    unit: tuple[float, float, float]


def candidate_pairs(spheres: pd.DataFrame) -> Pairs:
    """Return every pair of spheres that do not overlap.

    Parameters
    ----------
    spheres : pandas.DataFrame
        Columns `x`, `y`, `z`, `radius`, `size` and `tsnr`.
    """
    ends = np.stack(np.triu_indices(len(spheres), k=1), axis=1)
    centre = spheres[_AXES].to_numpy(dtype=np.float64)
    radius = spheres["radius"].to_numpy(dtype=np.float64)
    distance = np.linalg.norm(centre[ends[:, 0]] - centre[ends[:, 1]], axis=1)
    apart = distance > radius[ends].sum(axis=1)
    ends, distance = ends[apart], distance[apart]
    log_size = np.log(spheres["size"].to_numpy(dtype=np.float64))
    tsnr = spheres["tsnr"].to_numpy(dtype=np.float64)
    spreads = [float(values.std()) if len(values) else 0.0 for values in (tsnr, distance)]
    # where all are alike in something, they are matched in it or not, whatever is chosen
    of_tsnr, of_distance = (spread if spread > 0 else 1.0 for spread in spreads)
    return Pairs(
        ends=ends,
        log_size=log_size[ends],
        tsnr=tsnr[ends],
        distance=distance,
        unit=(float(np.log1p(SIZE_UNIT)), of_tsnr, of_distance),
    )


def nearest_pairs(
    pairs: Pairs, size: Sequence[float], tsnr: Sequence[float], distance: float, *, count: int
) -> NDArray[np.intp]:
    """Return the pairs that are most like an edge.

    Differences are in the units of :class:`Pairs`; size and tSNR are compared end by end, whichever
    way round fits better: d² = mean Δsize² + mean ΔtSNR² + Δdistance².

    Parameters
    ----------
    pairs : Pairs
        The candidates.
    size, tsnr : sequence of float
        Voxels and tSNR of the edge's two ends.
    distance : float
        Between its ends, in mm.
    count : int
        How many to return.

    Returns
    -------
    numpy.ndarray of int, shape (count,)
        Rows of `pairs`, nearest first.
    """
    log_size = np.log(np.asarray(size, dtype=np.float64))
    of_size, of_tsnr, of_distance = pairs.unit
    apart = np.full(len(pairs.ends), np.inf)
    for turn in (1, -1):
        by_size = (((pairs.log_size - log_size[::turn]) / of_size) ** 2).mean(axis=1)
        by_tsnr = (((pairs.tsnr - np.asarray(tsnr)[::turn]) / of_tsnr) ** 2).mean(axis=1)
        apart = np.minimum(apart, by_size + by_tsnr)
    apart += ((pairs.distance - distance) / of_distance) ** 2
    nearest: NDArray[np.intp] = np.argsort(apart, kind="stable")[:count]
    return nearest


def draw_circuits(pools: Sequence[NDArray[np.intp]], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return pseudo-circuits: for each edge of a circuit one pair of its pool.

    Parameters
    ----------
    pools : sequence of numpy.ndarray of int
        The pairs that each edge may be exchanged for.
    rng : numpy.random.Generator
        The circuit's stream.

    Returns
    -------
    numpy.ndarray of int, shape (n_null, n_edges)
        No pair twice in one row. A circuit of one edge has each pair of its pool once, others
        :data:`PSEUDO_CIRCUITS` rows, or fewer where that many cannot be drawn.
    """
    if len(pools) == 1:
        return np.stack(pools, axis=1)
    # half of the draws may repeat a pair before rows become fewer
    chosen = [pool[rng.integers(0, len(pool), 2 * PSEUDO_CIRCUITS)] for pool in pools]
    drawn = np.stack(chosen, axis=1)
    ordered = np.sort(drawn, axis=1)
    distinct = (ordered[:, 1:] != ordered[:, :-1]).all(axis=1)
    return np.asarray(drawn[distinct][:PSEUDO_CIRCUITS], dtype=np.intp)


def elsewhere(
    pairs: Pairs, spheres: pd.DataFrame, ends: pd.DataFrame, edges: Sequence[tuple[str, str]]
) -> Pairs:
    """Return the pairs that do not lie where an edge of a circuit lies.

    Parameters
    ----------
    pairs : Pairs
        The candidates.
    spheres, ends : pandas.DataFrame
        Columns `x`, `y` and `z` of the spheres and, by name, of the circuit's regions.
    edges : sequence of (str, str)
        The circuit's edges.
    """
    centre = spheres[_AXES].to_numpy(dtype=np.float64)
    there = {
        name: np.linalg.norm(centre - place, axis=1) < SAME_PLACE
        for name, place in zip(ends.index, ends[_AXES].to_numpy(dtype=np.float64), strict=True)
    }
    first, second = pairs.ends.T
    same = np.zeros(len(pairs.ends), dtype=bool)
    for a, b in edges:
        same |= (there[a][first] & there[b][second]) | (there[b][first] & there[a][second])
    return Pairs(
        ends=pairs.ends[~same],
        log_size=pairs.log_size[~same],
        tsnr=pairs.tsnr[~same],
        distance=pairs.distance[~same],
        unit=pairs.unit,
    )


def match_circuit(
    pairs: Pairs, ends: pd.DataFrame, edges: Sequence[tuple[str, str]], rng: np.random.Generator
) -> tuple[NDArray[np.intp], dict[str, Any]]:
    """Return the pseudo-circuits of a circuit, and how well they match it.

    Parameters
    ----------
    pairs : Pairs
        The candidates, at least :data:`FEWEST` of them.
    ends : pandas.DataFrame
        Columns `x`, `y`, `z`, `size` and `tsnr` of the circuit's regions, by name.
    edges : sequence of (str, str)
        The circuit's edges.
    rng : numpy.random.Generator
        The circuit's stream.

    Returns
    -------
    drawn : numpy.ndarray of int, shape (n_null, n_edges)
        Rows of `pairs`.
    matching : dict
        `size` (geometric mean), `tsnr` and `distance` of the circuit's edges, `…_null` of the
        pseudo-circuits, and `unmatched`: the features in which edges differ from their pairs by
        :data:`UNMATCHED_FROM` or more on average, joined by semicolons, or None.
    """
    count = POOL if len(edges) > 1 else FEWEST
    pools, wanted = [], []
    for a, b in edges:
        size, tsnr = ends.loc[[a, b], "size"], ends.loc[[a, b], "tsnr"]
        gap = ends.loc[a, _AXES] - ends.loc[b, _AXES]
        distance = float(np.linalg.norm(gap.to_numpy(dtype=np.float64)))
        pools.append(nearest_pairs(pairs, list(size), list(tsnr), distance, count=count))
        wanted.append((float(np.log(size).mean()), float(tsnr.mean()), distance))
    drawn = draw_circuits(pools, rng)
    own = np.array(wanted)
    null = np.stack(
        [
            pairs.log_size[drawn].mean(axis=(0, 2)),
            pairs.tsnr[drawn].mean(axis=(0, 2)),
            pairs.distance[drawn].mean(axis=0),
        ],
        axis=1,
    )
    # edge by edge, so that one that is too small does not make up for one that is too large
    apart = np.abs(own - null).mean(axis=0) / pairs.unit
    values = {
        name: (np.exp(a), np.exp(b)) if name == "size" else (a, b)
        for name, a, b in zip(FEATURES, own.mean(axis=0), null.mean(axis=0), strict=True)
    }
    matching: dict[str, Any] = {}
    for name, (of_circuit, of_null) in values.items():
        matching |= {name: float(of_circuit), f"{name}_null": float(of_null)}
    unmatched = [name for name, d in zip(FEATURES, apart, strict=True) if d >= UNMATCHED_FROM]
    matching["unmatched"] = ";".join(unmatched) or None
    return drawn, matching


def region_features(coverage: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return how many voxels of each region were averaged, and their tSNR, over all runs.

    Parameters
    ----------
    coverage : iterable of pandas.DataFrame
        The coverage tables of one atlas, a table per run; those of excluded runs hold no numbers.

    Returns
    -------
    pandas.DataFrame
        Columns `size` and `tsnr` (means), indexed by region; missing where never measured.
    """
    tables = pd.concat(list(coverage), ignore_index=True).rename(columns={"n_shared": "size"})
    return tables.groupby("region", sort=True)[["size", "tsnr"]].mean()


def with_features(
    table: str | Path, key: str, columns: Sequence[str], coverage: Iterable[pd.DataFrame]
) -> pd.DataFrame:
    """Read where regions are, and join their features.

    Parameters
    ----------
    table : str or pathlib.Path
        ``regions.tsv``, or the table of spheres.
    key : str
        Its column with the names of the regions, which become the index.
    columns : sequence of str
        Numbers that are read of it.
    coverage : iterable of pandas.DataFrame
        As for :func:`region_features`.
    """
    places = read_tsv(table, numeric=tuple(columns)).set_index(key)
    return places[list(columns)].join(region_features(coverage))


def measured_regions(
    runs: pd.DataFrame, coverage: Mapping[str, pd.DataFrame], min_coverage: float
) -> pd.DataFrame:
    """Return which regions were measured in which sessions.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    coverage : mapping of str to pandas.DataFrame
        The coverage table of one atlas of every run that was processed.
    min_coverage : float
        Share of a region's voxels below which it is n/a.

    Returns
    -------
    pandas.DataFrame
        Bool, indexed by participant and role, a column per region: whether any run of the session
        covered it.
    """
    rows: dict[tuple[str, str], pd.Series[bool]] = {}
    for record in runs.to_dict("records"):
        table = coverage.get(str(record["run"]))
        if table is None:
            continue
        share = table.set_index("region")["coverage_shared"]
        covered = (share >= min_coverage) & (share > 0)
        key = (str(record["participant_id"]), str(record["role"]))
        rows[key] = covered | rows[key] if key in rows else covered
    return pd.DataFrame(rows).T.astype(bool)
