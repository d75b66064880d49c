"""From runs to sessions: ``connectivity.tsv``, ``regions.tsv`` and matrices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.files import MISSING, read_json, read_tsv
from ketfc.imaging.regions.registry import Registry
from ketfc.imaging.run.connectivity import EDGE, MEAN, fisher_z
from ketfc.study.design.design import Design

COLUMNS = (
    "participant_id",
    "session",
    "role",
    "strategy",
    "circuit",
    "measure",
    "region_a",
    "region_b",
    "r",
    "z",
    "n_volumes",
    "tdof",
    "coverage_a",
    "coverage_b",
)
"""Columns of ``connectivity.tsv``."""

NUMERIC = ("r", "z", "n_volumes", "tdof", "coverage_a", "coverage_b")
_SESSION = ["participant_id", "session", "role"]
_KEY = [*_SESSION, "strategy", "circuit", "measure"]
_EDGE_KEY = [*_KEY, "region_a", "region_b"]


def read_circuits(paths: Mapping[str, str], runs: pd.DataFrame) -> list[pd.DataFrame]:
    """Read the circuit tables of the runs that were processed.

    Parameters
    ----------
    paths : mapping of str to str
        By run.
    runs : pandas.DataFrame
        ``plan/runs.tsv``, which tells whose they are.
    """
    return with_sessions(
        {run: read_tsv(path, numeric=NUMERIC) for run, path in paths.items()}, runs
    )


def with_sessions(tables: Mapping[str, pd.DataFrame], runs: pd.DataFrame) -> list[pd.DataFrame]:
    """Return tables of runs with their participant, session and role, in the order of the plan.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        By run.
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    """
    return [
        tables[str(record["run"])].assign(**{key: record[key] for key in _SESSION})
        for record in runs.to_dict("records")
        if str(record["run"]) in tables
    ]


def combine_runs(
    tables: Iterable[pd.DataFrame],
    registry: Registry,
    runs: pd.DataFrame,
    strategies: Iterable[str],
) -> pd.DataFrame:
    """Combine the runs of each session, edge by edge, with degrees of freedom as weights.

    The Fisher z of a session is Σ w z / Σ w with w the temporal degrees of freedom of each run
    (the variance of z falls with them); volumes and degrees of freedom are summed. Runs without
    a value do not count. A circuit's mean is taken after combining, over all its edges or not at
    all.

    Parameters
    ----------
    tables : iterable of pandas.DataFrame
        What :func:`read_circuits` gives.
    registry : Registry
        Gives the order of circuits and edges.
    runs : pandas.DataFrame
        ``plan/runs.tsv``: sessions whose runs were all excluded have rows without values.
    strategies : iterable of str
        The strategies of those rows.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`COLUMNS`, one row per session, strategy and edge, and one per circuit.
    """
    nothing = _empty_sessions(registry, runs, list(strategies))
    rows = pd.concat([*tables, nothing], ignore_index=True)
    edges = rows[rows["measure"] == EDGE].copy()
    weight = edges["tdof"].where(edges["z"].notna(), 0.0)
    edges["_w"] = weight
    edges["_wz"] = weight * edges["z"].fillna(0)
    for column in ("coverage_a", "coverage_b"):
        edges[f"_w{column}"] = weight * edges[column].fillna(0)
    # of a run that was excluded after it was read, coverage is still worth showing
    fallback = edges.groupby(_EDGE_KEY, sort=False)[["coverage_a", "coverage_b"]].mean()
    edges["n_volumes"] = edges["n_volumes"].where(edges["z"].notna(), 0)
    weighted = ["_w", "_wz", "_wcoverage_a", "_wcoverage_b", "n_volumes"]
    sums = edges.groupby(_EDGE_KEY, sort=False)[weighted].sum()
    some = sums["_w"] > 0
    total = sums["_w"].where(some)
    combined = pd.DataFrame(
        {
            "z": sums["_wz"] / total,
            "n_volumes": sums["n_volumes"],
            "tdof": sums["_w"],
            "coverage_a": (sums["_wcoverage_a"] / total).fillna(fallback["coverage_a"]),
            "coverage_b": (sums["_wcoverage_b"] / total).fillna(fallback["coverage_b"]),
        }
    ).reset_index()
    grouped = combined.groupby(_KEY, sort=False)
    means = grouped[["n_volumes", "tdof"]].min()
    # a mean over fewer edges would be another measure
    means["z"] = grouped["z"].mean().where(grouped["z"].count() == grouped.size())
    means = means.reset_index().assign(
        measure=MEAN, region_a=None, region_b=None, coverage_a=np.nan, coverage_b=np.nan
    )
    table = pd.concat([combined, means], ignore_index=True)
    # pandas sums in an order that depends on who else is there: the last bits must not show
    table["z"] = table["z"].round(12)
    table["r"] = np.tanh(table["z"])
    return _in_order(table, registry)


def _empty_sessions(registry: Registry, runs: pd.DataFrame, strategies: list[str]) -> pd.DataFrame:
    """Return a row without values for every planned session, strategy and edge."""
    sessions = runs[_SESSION].drop_duplicates()
    edges = [(c.id, a, b) for c in registry.circuits.values() for a, b in c.edges]
    names = pd.DataFrame(edges, columns=["circuit", "region_a", "region_b"])
    rows = sessions.merge(pd.DataFrame({"strategy": strategies}), how="cross")
    rows = rows.merge(names, how="cross").assign(measure=EDGE, n_volumes=0.0, tdof=0.0)
    return rows.assign(**dict.fromkeys(("r", "z", "coverage_a", "coverage_b"), np.nan))


def _in_order(table: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Sort by participant, session and strategy, then as the registry lists circuits and edges."""
    place: dict[tuple[str, str | None, str | None], int] = {}
    for circuit in registry.circuits.values():
        for a, b in circuit.edges:
            place[circuit.id, a, b] = len(place)
        place[circuit.id, None, None] = len(place)
    keys = zip(table["circuit"], table["region_a"], table["region_b"], strict=True)
    table["_place"] = [place[c, _or_none(a), _or_none(b)] for c, a, b in keys]
    order = ["participant_id", "session", "strategy", "_place"]
    table["n_volumes"] = table["n_volumes"].astype(int)
    return table.sort_values(order, ignore_index=True)[list(COLUMNS)]


def _or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def region_table(
    registry: Registry,
    space: str,
    coverage: Iterable[pd.DataFrame],
    centres: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Return ``regions.tsv``: each region's place, size on this study's grids, and source.

    Parameters
    ----------
    registry : Registry
        The regions.
    space : str
        The study's template space.
    coverage : iterable of pandas.DataFrame
        The circuits' coverage table of every run.
    centres : mapping of str to numpy.ndarray
        What :func:`ketfc.imaging.regions.placing.region_centres` gives.
    """
    sizes = pd.concat(list(coverage)).groupby("region")[["n_voxels", "coverage", "tsnr"]].median()
    rows = []
    for region in registry.used_regions:
        spheres = region.spheres_in(space)
        size = sizes.loc[region.id] if region.id in sizes.index else None
        rows.append(
            {
                "region": region.id,
                "circuits": ";".join(
                    c.id for c in registry.circuits.values() if region.id in c.regions
                ),
                "name": region.name,
                "hemisphere": region.hemisphere,
                **dict(zip("xyz", centres[region.id], strict=True)),
                "radius": spheres[0].radius if spheres else None,
                "inner": spheres[0].inner if spheres else None,
                "n_spheres": len(spheres),
                "space": ";".join(dict.fromkeys(s.space for s in spheres)) or None,
                "definition": region.describe(space),
                "n_voxels_median": None if size is None else size["n_voxels"],
                "coverage_median": None if size is None else size["coverage"],
                "tsnr_median": None if size is None else size["tsnr"],
                "source": region.source,
                "verified": "yes" if region.verified else "no",
            }
        )
    return pd.DataFrame(rows)


def session_matrices(
    sessions: Iterable[tuple[str, str, pd.DataFrame]], design: Design
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield the role, the arm's label (or ``all``) and the matrix of r of every session.

    Those of healthy controls are left out.

    Parameters
    ----------
    sessions : iterable of (participant, role, matrix)
        Fisher z, as :func:`session_fisher_z` gives them.
    design : Design
        The study's design.
    """
    labels = design.arms
    others = set(design.participants) - set(design.in_contrasts())
    for participant, role, z in sessions:
        if participant in others:
            continue
        arm = design.participants.get(participant)
        label = labels.get(arm or "") if labels else "all"
        # a participant in neither arm is listed in the exclusions and belongs to no mean
        if label is not None:
            yield role, label, pd.DataFrame(np.tanh(z.to_numpy()), z.index, z.columns)


def read_relmat(path: str | Path) -> pd.DataFrame:
    """Return a matrix of r with its regions as index and columns."""
    # read_tsv() takes twenty times as long over a matrix
    table = pd.read_csv(
        path, sep="\t", dtype={"Node": str}, na_values=[MISSING], keep_default_na=False
    )
    return table.set_index("Node").astype(float)


def session_fisher_z(
    runs: pd.DataFrame, files: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield the participant, the role and the matrix of Fisher z of every session that has one.

    Runs of a session are combined as in :func:`combine_runs`; one session is in memory at a time.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    files : mapping of str to (str, str)
        The matrix and its sidecar, by run.
    """
    for (participant, _, role), rows in runs.groupby(_SESSION, sort=True):
        total: pd.DataFrame | None = None
        weights: pd.DataFrame | None = None
        for run in rows["run"]:
            if run not in files:
                continue
            matrix, sidecar = files[run]
            table = read_relmat(matrix)
            tdof = read_json(sidecar)["DegreesOfFreedom"]
            z = pd.DataFrame(fisher_z(table.to_numpy()), table.index, table.columns)
            weight = z.notna() * tdof
            total = z.fillna(0) * tdof if total is None else total + z.fillna(0) * tdof
            weights = weight if weights is None else weights + weight
        if total is not None and weights is not None:
            yield str(participant), str(role), total / weights.where(weights > 0)
