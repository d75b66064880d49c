"""Whether the scan could see the habenula: what share of its signal a voxel of that size holds.

The habenula is smaller than a voxel of most protocols. How much of it a voxel holds is decided by
the voxels that the scanner recorded; the grid of 2 mm that fMRIPrep writes does not sharpen them.
Everything here is geometry. The point spread of the sequence, errors of registration and any
smoothing make it worse, so a verdict can only be too kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.imaging.grid import Grid
from ketfc.imaging.regions import sphere_regions
from ketfc.imaging.registry import Region, Registry

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
    "best_voxel_fraction",
    "region_purity",
    "weighted_purity",
    "verdict",
)
"""Columns of ``habenula.tsv``."""

_NATIVE = ["native_x", "native_y", "native_z"]
_OFFSETS = 300
_SEED = 168
"""Fixed, so that a voxel size has one verdict, whatever seed a study takes for its tests."""

_PARTS = 8
"""Points tried in a voxel along each axis, at least."""

_STEP = 0.5
"""Distance in mm between these points, at most."""


@dataclass(frozen=True, eq=False)
class Body:
    """A body in template space.

    Attributes
    ----------
    contains : callable
        Tells for points (mm), shape (n, 3), which of them lie in it, shape (n,).
    low, high : numpy.ndarray, shape (3,)
        Corners (mm) of a box that holds it whole.
    """

    contains: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Purity:
    """Habenula shares to expect (medians over the ways a grid can lie), from 0 to 1.

    Attributes
    ----------
    best_voxel : float
        Of the voxel that holds most habenula.
    region : float
        Of the mean over the region's voxels.
    weighted : float
        Of a mean weighted by each voxel's own share, the best that any weighting by a probability
        map can do.
    """

    best_voxel: float
    region: float
    weighted: float


@dataclass(frozen=True)
class _Spheroid:
    """A body round about its long axis: centre (mm), volume (mm³), half-length (mm), axis."""

    centre: tuple[float, float, float]
    volume: float
    half_length: float
    axis: tuple[float, float, float]


# Volume, centroid and principal axis of the labels HN of CIT168 (Pauli et al. 2018,
# 10.1038/sdata.2018.63) on its 1 mm copies in both templates. The half-length is √5 times the
# standard deviation along the axis, which is what an ellipsoid has.
_CIT168 = {
    ("MNI152NLin2009cAsym", "left"): _Spheroid((-3.3, -23.9, 2.7), 66, 5.1, (0.25, 0.56, 0.79)),
    ("MNI152NLin2009cAsym", "right"): _Spheroid((3.6, -23.1, 2.7), 59, 4.7, (-0.27, 0.55, 0.79)),
    ("MNI152NLin6Asym", "left"): _Spheroid((-3.3, -23.8, 2.9), 68, 5.5, (0.25, 0.53, 0.81)),
    ("MNI152NLin6Asym", "right"): _Spheroid((2.5, -23.0, 3.0), 63, 5.3, (-0.25, 0.52, 0.82)),
}


def habenula_body(space: str, hemisphere: str) -> Body:
    """Return one habenula as a spheroid with CIT168's volume, centroid, length and direction.

    The label itself is bent and ragged, so that voxels hold a little less of it: 0.02 to 0.08
    less in the best voxel of 2 to 3.75 mm, 0.01 to 0.02 less in a sphere of 3 mm radius. CIT168's
    habenula is also larger than others' (THOMAS: 38 to 43 mm³ a side). Both are kind to the data.

    Parameters
    ----------
    space : str
        ``MNI152NLin2009cAsym`` or ``MNI152NLin6Asym``.
    hemisphere : str
        ``left`` or ``right``.
    """
    shape = _CIT168[space, hemisphere]
    centre = np.asarray(shape.centre)
    axis = np.asarray(shape.axis) / np.linalg.norm(shape.axis)
    radius2 = shape.volume / (4 / 3 * np.pi * shape.half_length)

    def contains(points: NDArray[np.float64]) -> NDArray[np.bool_]:
        offsets = points - centre
        along2 = (offsets @ axis) ** 2
        across2 = (offsets**2).sum(axis=1) - along2
        inside: NDArray[np.bool_] = along2 / shape.half_length**2 + across2 / radius2 <= 1
        return inside

    reach = np.sqrt(axis**2 * shape.half_length**2 + (1 - axis**2) * radius2)
    return Body(contains=contains, low=centre - reach, high=centre + reach)


def label_body(labels: NDArray[np.integer], grid: Grid, label: int) -> Body:
    """Return the voxels of one label of an image as a body.

    Parameters
    ----------
    labels : numpy.ndarray of int, shape `grid.shape`
        The label image, such as CIT168.
    grid : Grid
        Its grid, in the template space of the study.
    label : int
        The habenula of one side.

    Raises
    ------
    ValueError
        If no voxel has the label.
    """
    belongs = labels == label
    voxels = np.argwhere(belongs)
    if not len(voxels):
        raise ValueError(f"no voxel has the label {label}")
    inverse = np.linalg.inv(grid.affine)
    last = np.asarray(grid.shape) - 1

    def contains(points: NDArray[np.float64]) -> NDArray[np.bool_]:
        place = np.rint(points @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.int64)
        within = ((place >= 0) & (place <= last)).all(axis=1)
        found: NDArray[np.bool_] = within & belongs[tuple(np.clip(place, 0, last).T)]
        return found

    centres = voxels @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    half = np.abs(grid.affine[:3, :3]).sum(axis=1) / 2
    return Body(contains=contains, low=centres.min(axis=0) - half, high=centres.max(axis=0) + half)


def expected_purity(
    native: Sequence[float],
    body: Body,
    region: Region,
    space: str,
    *,
    offsets: int = _OFFSETS,
    seed: int = _SEED,
) -> Purity:
    """Return what share of habenula voxels of a size are to be expected to hold.

    A grid of such voxels, parallel to the axes of the template, is laid over the body with random
    offsets. The region is placed on it as on any grid (:func:`sphere_regions`: voxels whose
    centres lie in the sphere, or the one nearest to its centre).

    Parameters
    ----------
    native : sequence of float
        Size of the recorded voxels along x, y and z in mm.
    body : Body
        The habenula.
    region : ketfc.imaging.registry.Region
        The region that is measured.
    space : str
        Template space of both.
    offsets : int
        How many grids.
    seed : int
        Seed of their offsets.

    Returns
    -------
    Purity
        Medians over the grids.
    """
    size = np.asarray(native, dtype=np.float64)
    rng = np.random.default_rng(seed)
    spheres = region.spheres_in(space)
    rims = [np.add(s.centre, reach) for s in spheres for reach in (-s.radius, s.radius)]
    corners = np.stack([body.low, body.high, *rims])
    low = corners.min(axis=0) - 2 * size
    n_i, n_j, n_k = (int(n) for n in np.ceil((corners.max(axis=0) - low) / size) + 2)
    counts = np.maximum(np.ceil(size / _STEP), _PARTS).astype(int)
    parts = [(np.arange(n) + 0.5) / n for n in counts]
    within = np.stack(np.meshgrid(*parts, indexing="ij"), axis=-1).reshape(-1, 3) * size
    found = []
    for _ in range(offsets):
        # the corner of the first voxel; its centre, which the affine gives, is half a voxel on
        start = low + rng.random(3) * size
        affine = np.diag([*size, 1.0])
        affine[:3, 3] = start + size / 2
        grid = Grid(shape=(n_i, n_j, n_k), affine=affine)
        first = np.floor((body.low - start) / size).astype(int)
        last = np.floor((body.high - start) / size).astype(int)
        ranges = [np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]
        touched = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
        points = (start + touched * size)[:, np.newaxis] + within
        inside = body.contains(points.reshape(-1, 3)).reshape(len(touched), len(within))
        share = np.zeros(grid.n_voxels)
        flat = np.ravel_multi_index(tuple(touched.T), grid.shape, order="F")
        share[flat] = inside.mean(axis=1)
        voxels = sphere_regions([region], space, grid).weights.indices
        found.append((share.max(), share[voxels].mean(), (share**2).sum() / share.sum()))
    best, mean, weighted = np.median(found, axis=0)
    return Purity(best_voxel=float(best), region=float(mean), weighted=float(weighted))


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


def habenula_table(registry: Registry, space: str, native: pd.DataFrame) -> pd.DataFrame:
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

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`COLUMNS`; one row per region and distinct size, with the number of runs
        that have it, the largest number first. No rows where no circuit has a habenula.
    """
    sizes = (
        native.assign(**native[_NATIVE].astype(np.float64).round(2))
        .groupby([*_NATIVE, "native_source"], dropna=False, sort=True)
        .size()
        .rename("runs")
        .reset_index()
        .sort_values("runs", ascending=False, kind="stable")
    )
    rows = []
    for region in habenula_regions(registry):
        body = habenula_body(space, region.hemisphere)
        for record in sizes.to_dict("records"):
            size = [float(record[axis]) for axis in _NATIVE]
            known = bool(np.isfinite(size).all())
            purity = expected_purity(size, body, region, space) if known else None
            best = None if purity is None else purity.best_voxel
            rows.append(
                {
                    "region": region.id,
                    **dict(zip(_NATIVE, size, strict=True)),
                    "native_source": record["native_source"] if known else None,
                    "runs": int(record["runs"]),
                    "best_voxel_fraction": best,
                    "region_purity": purity.region if purity else None,
                    "weighted_purity": purity.weighted if purity else None,
                    "verdict": verdict(best),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def habenula_regions(registry: Registry) -> tuple[Region, ...]:
    """Return the used regions that are meant to measure the habenula."""
    return tuple(region for region in registry.used_regions if region.structure == "habenula")


def circuit_verdicts(registry: Registry, table: pd.DataFrame) -> dict[str, str]:
    """Return the verdict on every circuit that holds a habenula: the worst of its regions' rows.

    Parameters
    ----------
    registry : Registry
        The circuits.
    table : pandas.DataFrame
        ``habenula.tsv``.

    Returns
    -------
    dict of str to str
        By circuit.
    """
    found: dict[str, str] = {}
    for circuit in registry.circuits.values():
        given = set(table.loc[table["region"].isin(circuit.regions), "verdict"])
        if given:
            found[circuit.id] = max(given, key=_FROM_BEST.index)
    return found


def report_sentences(table: pd.DataFrame) -> list[str]:
    """Return what a reader of a habenula result must know, one sentence per row of the table.

    Parameters
    ----------
    table : pandas.DataFrame
        ``habenula.tsv``.
    """
    sentences = []
    for row in table.to_dict("records"):
        runs = "1 run" if row["runs"] == 1 else f"{row['runs']:g} runs"
        if row["verdict"] == UNKNOWN:
            sentences.append(
                f"{row['region']}, {runs}: the recorded voxel size is not known, so the result "
                "must be treated as peri-habenular only (set study.native-voxel-size)."
            )
            continue
        size = " × ".join(f"{float(row[axis]):g}" for axis in _NATIVE)
        sentences.append(
            f"{row['region']}, {runs} recorded at {size} mm: {row['verdict']}. By geometry alone, "
            f"{100 * float(row['best_voxel_fraction']):.0f} % of the best voxel and "
            f"{100 * float(row['region_purity']):.0f} % of the region is habenula."
        )
    return sentences


def methods_sentences(table: pd.DataFrame) -> list[str]:
    """Return how the verdict was reached, for the methods; empty where there is no habenula.

    Parameters
    ----------
    table : pandas.DataFrame
        ``habenula.tsv``.
    """
    if not len(table):
        return []
    return [
        "How much habenula a voxel can hold was computed from the voxel size that was recorded, "
        "not from the resampled grid: a spheroid with the volume, centroid, length and direction "
        "of the CIT168 habenula was sampled by grids of that voxel size at "
        f"{_OFFSETS} random offsets.",
        f"A median habenula share of the best voxel of at least {INTERPRETABLE_FROM:g} was called "
        f"interpretable, of at least {CAUTION_FROM:g} caution, and less peri-habenular only. These "
        "limits are a convention of this software, not a published standard, and the computation "
        "is geometry only: the point spread, errors of registration and smoothing make it worse.",
        "No data were smoothed.",
        *report_sentences(table),
    ]
