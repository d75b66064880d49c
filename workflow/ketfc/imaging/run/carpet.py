"""The carpet of a run: some of its voxels over time, before and after denoising, for pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.files import replacing
from ketfc.imaging.denoise.censoring import DVARS, FD
from ketfc.imaging.run.carpet_voxels import CarpetSeries

STEP = 0.2
"""Standard deviations per unit of the stored int8: a twentieth of the greys from −2 to 2."""

NO_VALUE = -128
"""Stored where there is no number: a voxel without signal, a censored volume after denoising."""

_FEWEST = 10
"""With fewer kept volumes than this, trend and standard deviation are those of all volumes."""


@dataclass(frozen=True, eq=False)
class Carpet:
    """The carpet of a run; every array is empty where there was nothing to measure.

    Attributes
    ----------
    before, after : numpy.ndarray of int8, shape (n_voxels, n_volumes)
        Linear trend removed, and denoised; both in units of :data:`STEP` standard deviations of
        the voxel before denoising (trend removed, kept volumes), so that what denoising took away
        is seen; :data:`NO_VALUE` where there is none.
    parcel, depth : numpy.ndarray, shape (n_voxels,)
        As in :class:`ketfc.imaging.run.carpet_voxels.CarpetSeries`.
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


def make_carpet(
    voxels: CarpetSeries | None = None,
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
    voxels : CarpetSeries or None
        The voxels and their series.
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
    if voxels is not None:
        parcel, depth = voxels.parcel, voxels.depth
        straight, scale = _detrended(voxels.series, keep)
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
