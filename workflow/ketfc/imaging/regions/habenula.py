"""Habenula verdict: interpretability of the habenula at the native voxel size.

The habenula is smaller than a voxel of most protocols. How much of it a voxel holds is decided by
the voxels that the scanner recorded; the grid of 2 mm that fMRIPrep writes does not sharpen them.
Everything here is geometry. The point spread of the sequence, errors of registration and any
smoothing make it worse, so a verdict can only be too kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from ketfc.base.errors import Problem, StudyError
from ketfc.imaging.io.native_size import native_problems
from ketfc.imaging.regions.definitions import Region
from ketfc.imaging.regions.habenula_geometry import Body, expected_purity, habenula_body
from ketfc.imaging.regions.registry import Circuit, Registry, load_registry

INTERPRETABLE_FROM = 0.75
"""Expected habenula share of the best voxel from which a result is called interpretable.

Three quarters: what is not habenula contributes less than a third of what the habenula does. This
limit and the next are ours; no paper that we know of gives one.
"""

CAUTION_FROM = 0.5
"""Expected share from which it is called with caution; below, even the luckiest voxel of a typical
scan is mostly something else, so that nothing measured is the habenula's more than its neighbours'.
"""

INTERPRETABLE = "interpretable"
CAUTION = "caution"
PERI_HABENULAR = "peri-habenular only"
UNKNOWN = "unknown native resolution: treat as peri-habenular only"
_FROM_BEST = (INTERPRETABLE, CAUTION, PERI_HABENULAR, UNKNOWN)

COLUMNS = (
    "region",
    "native_x",
    "native_y",
    "native_z",
    "native_source",
    "runs",
    "body",
    "best_voxel_fraction",
    "region_purity",
    "weighted_purity",
    "verdict",
)
"""Columns of ``habenula.tsv``."""

NATIVE = ["native_x", "native_y", "native_z"]
"""Columns of the recorded voxel size, mm."""


def verdict(best_voxel: float | None) -> str:
    """Return what may be made of a result, from the expected share of the best voxel.

    Parameters
    ----------
    best_voxel : float or None
        :attr:`Purity.best_voxel`; None where the native voxel size is unknown.
    """
    if best_voxel is None:
        return UNKNOWN
    if best_voxel >= INTERPRETABLE_FROM:
        return INTERPRETABLE
    return CAUTION if best_voxel >= CAUTION_FROM else PERI_HABENULAR


def habenula_table(
    registry: Registry,
    space: str,
    native: pd.DataFrame,
    *,
    labels: Mapping[str, Body] = MappingProxyType({}),
) -> pd.DataFrame:
    """Return ``habenula.tsv``: the verdict for every native voxel size of a study.

    Parameters
    ----------
    registry : Registry
        Its used regions with ``structure: habenula`` are judged.
    space : str
        The study's template space.
    native : pandas.DataFrame
        ``plan/native.tsv``: columns `run`, `native_x`, `native_y`, `native_z` (mm; NaN where
        unknown) and `native_source`, one row per run.
    labels : mapping of str to Body
        The habenula itself, by hemisphere, where the study has its label image; without it, the
        spheroid stands for it.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`COLUMNS`; one row per region and distinct size, with the number of runs
        that have it, the largest number first. No rows where no circuit has a habenula.
    """
    sizes = (
        native.assign(**native[NATIVE].astype(np.float64).round(2))
        .groupby([*NATIVE, "native_source"], dropna=False, sort=True)
        .size()
        .rename("runs")
        .reset_index()
        .sort_values("runs", ascending=False, kind="stable")
    )
    rows = []
    for region in habenula_regions(registry):
        label = labels.get(region.hemisphere)
        body = label or habenula_body(space, region.hemisphere)
        for record in sizes.to_dict("records"):
            size = [float(record[axis]) for axis in NATIVE]
            known = bool(np.isfinite(size).all())
            purity = expected_purity(size, body, region, space) if known else None
            best = None if purity is None else purity.best_voxel
            rows.append(
                {
                    "region": region.id,
                    **dict(zip(NATIVE, size, strict=True)),
                    "native_source": record["native_source"] if known else None,
                    "runs": int(record["runs"]),
                    "body": "label" if label else "spheroid",
                    "best_voxel_fraction": best,
                    "region_purity": purity.region if purity else None,
                    "weighted_purity": purity.weighted if purity else None,
                    "verdict": verdict(best),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def resolution_problems(registry: str | Path, native: pd.DataFrame) -> list[Problem]:
    """Return a note that asks for the native voxel size where a habenula waits for it.

    Parameters
    ----------
    registry : str or pathlib.Path
        ``circuits.yaml``; what is wrong with it is told elsewhere.
    native : pandas.DataFrame
        ``plan/native.tsv``.
    """
    try:
        wanted = habenula_regions(load_registry(registry))
    except StudyError:
        return []
    return native_problems(native) if wanted else []


def habenula_regions(registry: Registry) -> tuple[Region, ...]:
    """Return the used regions that are meant to measure the habenula."""
    return tuple(region for region in registry.used_regions if region.structure == "habenula")


def circuit_verdicts(circuits: Iterable[Circuit], table: pd.DataFrame) -> dict[str, str]:
    """Return the verdict on every circuit that holds a habenula: the worst of its regions' rows.

    Parameters
    ----------
    circuits : iterable of Circuit
        The circuits.
    table : pandas.DataFrame
        ``habenula.tsv``.

    Returns
    -------
    dict of str to str
        By circuit.
    """
    found: dict[str, str] = {}
    for circuit in circuits:
        given = set(table.loc[table["region"].isin(circuit.regions), "verdict"])
        if given:
            found[circuit.id] = max(given, key=_FROM_BEST.index)
    return found
