"""The carpet of a run: some of its voxels over time, before and after denoising, for pictures.

The voxels are regions of one voxel each that are measured with all others, so that a picture needs
no second read of the image. They are in no table and decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.files import replacing
from ketfc.imaging.denoise.censoring import DVARS, FD
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.placing import RegionSet

CARPET = "Carpet"
"""Name, in the place of an atlas, of the set of these voxels."""

N_VOXELS = 800
"""Voxels of a carpet, as many rows as a screen shows."""

MAX_CELLS = 200_000
"""Voxels × volumes of a carpet at most: a longer run has fewer voxels, so that files stay small."""

STEP = 0.2
"""Standard deviations per unit of the stored int8: a twentieth of the greys from −2 to 2."""

NO_VALUE = -128
"""Stored where there is no number: a voxel without signal, a censored volume after denoising."""

_FEWEST = 10
"""With fewer kept volumes than this, trend and standard deviation are those of all volumes."""


@dataclass(frozen=True, eq=False)
class CarpetVoxels:
    """Which voxels are drawn, in the order of the rows.

    Attributes
    ----------
    voxels : numpy.ndarray of int64, shape (n,)
        Flat indices on the grid, Fortran order.
    parcel : numpy.ndarray of int16, shape (n,)
        Row of the parcellation's table, first; −1 for the voxels outside it, which come last.
    depth : numpy.ndarray of float32, shape (n,)
        mm to the nearest voxel outside the brain mask.
    """

    voxels: NDArray[np.int64]
    parcel: NDArray[np.int16]
    depth: NDArray[np.float32]

    def regions(self, n_voxels: int) -> RegionSet:
        """Return a region of each voxel, on a grid of `n_voxels`."""
        from scipy.sparse import csr_matrix

        count = len(self.voxels)
        weights = csr_matrix(
            (np.ones(count, dtype=np.float32), self.voxels, np.arange(count + 1)),
            shape=(count, n_voxels),
        )
        names = tuple(map(str, range(count)))
        return RegionSet(CARPET, names, weights, ("",) * count, picture=True)


@dataclass(frozen=True, eq=False)
class Carpet:
    """What is drawn of a run; every array is empty where there was nothing to measure.

    Attributes
    ----------
    before, after : numpy.ndarray of int8, shape (n_voxels, n_volumes)
        Linear trend removed, and denoised; both in units of :data:`STEP` standard deviations of
        the voxel before denoising (trend removed, kept volumes), so that what denoising took away
        is seen; :data:`NO_VALUE` where there is none.
    parcel, depth : numpy.ndarray, shape (n_voxels,)
        As in :class:`CarpetVoxels`.
    fd, std_dvars : numpy.ndarray of float32, shape (n_volumes,)
        Framewise displacement in mm and standardised DVARS; NaN where missing.
    keep : numpy.ndarray of bool, shape (n_volumes,)
        Volumes that were not censored.
    repetition_time : float
        Seconds; NaN if unknown.
    strategy : str
        What `after` was denoised by.
    reason : str
        Why there is no `after`, or nothing at all; empty if there is.
    """

    before: NDArray[np.int8]
    after: NDArray[np.int8]
    parcel: NDArray[np.int16]
    depth: NDArray[np.float32]
    fd: NDArray[np.float32]
    std_dvars: NDArray[np.float32]
    keep: NDArray[np.bool_]
    repetition_time: float
    strategy: str
    reason: str


def sample_voxels(
    mask: NDArray[np.bool_], grid: Grid, parcels: RegionSet, *, n_volumes: int
) -> CarpetVoxels:
    """Choose voxels of the brain mask, evenly over the brain and always the same ones.

    Voxels are taken at equal steps along a Morton curve, in the parcellation and outside it in
    proportion to their numbers. Those in it are put in the order of its parcels, the others in
    that of their depth, from the deepest to the edge of the brain, where motion shows first; so
    no tissue map is needed.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (grid.n_voxels,)
        Brain mask in Fortran order.
    grid : Grid
        Its grid.
    parcels : RegionSet
        The parcellation on it.
    n_volumes : int
        Of the run; see :data:`MAX_CELLS`.
    """
    label = np.full(grid.n_voxels, -1, dtype=np.int16)
    label[parcels.weights.indices] = np.repeat(
        np.arange(len(parcels.names), dtype=np.int16), np.diff(parcels.weights.indptr)
    )
    inside = np.flatnonzero(mask)
    inside = inside[np.argsort(_morton(inside, grid), kind="stable")]
    count = min(N_VOXELS, max(1, MAX_CELLS // max(n_volumes, 1)), inside.size)
    within, without = inside[label[inside] >= 0], inside[label[inside] < 0]
    n_within = round(count * within.size / inside.size)
    depth = _depth(mask, grid)
    first, last = _evenly(within, n_within), _evenly(without, count - n_within)
    first = first[np.argsort(label[first], kind="stable")]
    last = last[np.argsort(-depth[last], kind="stable")]
    voxels = np.concatenate([first, last])
    return CarpetVoxels(voxels, label[voxels], depth[voxels])


def _evenly(items: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return `count` items at equal steps."""
    places = (np.arange(count) + 0.5) * (items.size / max(count, 1))
    return items[places.astype(np.int64)]


def _morton(voxels: NDArray[np.int64], grid: Grid) -> NDArray[np.int64]:
    """Return each voxel's place on a curve that fills space: the bits of i, j and k in turn."""
    code = np.zeros(voxels.size, dtype=np.int64)
    for axis, index in enumerate(np.unravel_index(voxels, grid.shape, order="F")):
        for bit in range(max(grid.shape).bit_length()):
            code |= ((index >> bit) & 1) << (3 * bit + axis)
    return code


def _depth(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.float32]:
    """Return the distance of every voxel to the nearest one outside the mask, mm."""
    from scipy.ndimage import distance_transform_edt, find_objects

    image = mask.reshape(grid.shape, order="F")
    # the box around the brain is a fraction of the grid
    box = find_objects(image.astype(np.uint8))[0]
    sizes = np.sqrt((grid.affine[:3, :3] ** 2).sum(axis=0))
    depth = np.zeros(grid.shape, dtype=np.float32)
    depth[box] = distance_transform_edt(np.pad(image[box], 1), sampling=sizes)[1:-1, 1:-1, 1:-1]
    return depth.ravel(order="F")


def make_carpet(
    chosen: CarpetVoxels | None = None,
    series: pd.DataFrame | None = None,
    *,
    confounds: pd.DataFrame | None = None,
    keep: NDArray[np.bool_] | None = None,
    cleaned: NDArray[np.float64] | None = None,
    repetition_time: float | None = None,
    strategy: str = "",
    reason: str = "",
) -> Carpet:
    """Return the carpet of as much of a run as is known.

    Parameters
    ----------
    chosen : CarpetVoxels or None
        The voxels.
    series : pandas.DataFrame or None, shape (n_volumes, n_voxels)
        Their series; missing in the whole column where there is no signal.
    confounds : pandas.DataFrame or None
        Its framewise displacement and DVARS, if it has them, are shown.
    keep : numpy.ndarray of bool or None, shape (n_volumes,)
        Volumes that were not censored.
    cleaned : numpy.ndarray or None, shape (n_kept, n_voxels)
        The series after denoising.
    repetition_time : float or None
        Seconds.
    strategy, reason : str
        As in :class:`Carpet`.
    """
    table = pd.DataFrame() if confounds is None else confounds
    keep = np.ones(len(table), dtype=bool) if keep is None else keep
    before = after = np.empty((0, keep.size), dtype=np.int8)
    parcel, depth = np.empty(0, dtype=np.int16), np.empty(0, dtype=np.float32)
    if chosen is not None and series is not None:
        parcel, depth = chosen.parcel, chosen.depth
        straight, scale = _detrended(series.to_numpy(), keep)
        before = _stored(straight / scale)
        after = np.full(before.shape, NO_VALUE, dtype=np.int8)
        if cleaned is not None:
            after[:, keep] = _stored(cleaned / scale)
    return Carpet(
        before=before,
        after=after,
        parcel=parcel,
        depth=depth,
        fd=_column(table, FD),
        std_dvars=_column(table, DVARS),
        keep=keep,
        repetition_time=float("nan") if repetition_time is None else repetition_time,
        strategy=strategy,
        reason=reason,
    )


def _detrended(
    values: NDArray[np.float64], keep: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return series without their linear trend, and their SD; NaN where they do not vary."""
    used = keep if keep.sum() >= _FEWEST else np.ones(keep.size, dtype=bool)
    time = np.column_stack([np.ones(keep.size), np.linspace(-1, 1, keep.size)])
    centred = values - values[used].mean(axis=0)
    straight = centred - time @ (np.linalg.pinv(time[used]) @ centred[used])
    scale = straight[used].std(axis=0, ddof=1)
    return straight, np.where(scale > 0, scale, np.nan)


def _stored(z: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return standard deviations as int8, voxels as rows."""
    counts = np.clip(np.rint(z / STEP), -127, 127)
    return np.where(np.isfinite(counts), counts, NO_VALUE).astype(np.int8).T


def _column(table: pd.DataFrame, name: str) -> NDArray[np.float32]:
    values = table[name] if name in table else pd.Series(np.nan, index=table.index)
    return values.to_numpy(dtype=np.float32)


def write_carpet(path: Path, carpet: Carpet) -> None:
    """Write a carpet as ``.npz``, whole or not at all; the same carpet gives the same bytes."""
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **vars(carpet), step=STEP)


def read_carpet(path: Path) -> Carpet:
    """Read what :func:`write_carpet` wrote."""
    with np.load(path, allow_pickle=False) as file:
        content = {name: file[name] for name in file.files if name != "step"}
    for name, kind in (("repetition_time", float), ("strategy", str), ("reason", str)):
        content[name] = kind(content[name])
    return Carpet(**content)
