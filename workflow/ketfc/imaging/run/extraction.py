"""One read per run: the series, coverage and tSNR of all regions of all atlases at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.base.files import read_tsv
from ketfc.imaging.io.reader import read_header, stored_volumes
from ketfc.imaging.regions.placing import RegionSet
from ketfc.imaging.run.voxels import VoxelSeries, kept_voxels

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

COVERAGE_NUMBERS = (
    "n_voxels",
    "n_covered",
    "coverage",
    "n_shared",
    "coverage_shared",
    "tsnr",
    "intensity",
)
"""Columns of a coverage table that are numbers, beside ``region`` and ``note``."""

LARGEST = 1e12
"""Signal, in the image's units, that is none; scanners give up to some 100,000."""

MIN_TSNR = 1.0
"""Median temporal SNR below which an image is noise: no preprocessed BOLD image comes near it."""


@dataclass(frozen=True, eq=False)
class RegionSeries:
    """Series and coverage of the regions of one atlas.

    Attributes
    ----------
    series : pandas.DataFrame, shape (n_volumes, n_regions)
        Mean over the shared, covered voxels of each region, weighted where the region is, in the
        image's units; missing in the whole column where coverage is below the threshold.
    coverage : pandas.DataFrame
        One row per region: ``region``, ``n_voxels`` on the grid, ``n_covered`` inside the brain
        mask and with signal, ``coverage`` (their ratio, or of a weighted region their share of all
        its weight), ``n_shared`` and ``coverage_shared`` (the same for the voxels shared by all
        sessions compared, which decide), ``tsnr`` (mean over covered voxels, weighted where the
        region is, of temporal mean / temporal SD, before denoising), ``intensity`` (likewise of
        the temporal mean, in the image's units), ``note``.
    """

    series: pd.DataFrame
    coverage: pd.DataFrame


@dataclass(frozen=True, eq=False)
class StackedSeries:
    """Series and coverage of the regions of all atlases, side by side, as one read gives them.

    Attributes
    ----------
    regions : dict of str to tuple of str
        Names of the regions by atlas, in the order of the columns.
    series : numpy.ndarray of float64, shape (n_volumes, n_regions)
        As in :class:`RegionSeries`, of every region with a shared voxel that has signal; NaN in
        the whole column of the others.
    coverage : pandas.DataFrame
        As in :class:`RegionSeries`, a row for each column.
    """

    regions: dict[str, tuple[str, ...]]
    series: NDArray[np.float64]
    coverage: pd.DataFrame

    def by_atlas(self, min_coverage: float) -> dict[str, RegionSeries]:
        """Return the series by atlas, without those of regions that are covered too little.

        Parameters
        ----------
        min_coverage : float
            Smallest share of a region's voxels, or of its weight, that must have signal in all
            sessions that are compared.
        """
        covered = self.coverage["coverage_shared"].to_numpy() >= min_coverage
        series = np.where(covered, self.series, np.nan)
        found, start = {}, 0
        for atlas, names in self.regions.items():
            part = slice(start, start + len(names))
            start = part.stop
            found[atlas] = RegionSeries(
                series=pd.DataFrame(series[:, part], columns=list(names)),
                coverage=self.coverage[part].reset_index(drop=True),
            )
        return found


def read_coverage(path: str | Path) -> pd.DataFrame:
    """Read the coverage table of one run and atlas; see :class:`RegionSeries`."""
    return read_tsv(path, numeric=COVERAGE_NUMBERS)


def coverage_by_run(
    names: Iterable[str], atlases: Sequence[str], paths: Iterable[str | Path]
) -> dict[str, dict[str, pd.DataFrame]]:
    """Read the coverage tables of several runs.

    Parameters
    ----------
    names : iterable of str
        The runs.
    atlases : sequence of str
        Their atlases.
    paths : iterable of path
        A table for each run and atlas, those of the first run first.

    Returns
    -------
    dict of str to dict of str to pandas.DataFrame
        Tables by run and atlas.
    """
    left = iter(paths)
    return {name: {atlas: read_coverage(next(left)) for atlas in atlases} for name in names}


def extract(
    bold: str | Path,
    mask: NDArray[np.bool_],
    region_sets: Sequence[RegionSet],
    *,
    shared: NDArray[np.bool_] | None = None,
) -> StackedSeries:
    """Read a BOLD image once and return the series of every region of every atlas.

    A voxel has signal when it lies in the mask and varies over time. Voxels that are NaN in every
    volume have none; voxels that are NaN in some volumes mean a damaged file.

    Parameters
    ----------
    bold : str or pathlib.Path
        A 4-D NIfTI file of any real type, with or without scaling.
    mask : numpy.ndarray of bool, shape (n_voxels,)
        Brain mask in Fortran order.
    region_sets : sequence of RegionSet
        On the grid of the image.
    shared : numpy.ndarray of bool, shape (n_voxels,), or None
        Voxels that all sessions to be compared have in common: series, and whether a region is
        covered, come from these alone. None for a run on its own.

    Raises
    ------
    RunError
        ``damaged-image``, ``not-finite``, ``no-signal`` or ``implausible-signal``.
    """
    return _read(Path(bold), mask, region_sets, shared, every_voxel=False)[0]


def extract_voxels(
    bold: str | Path,
    mask: NDArray[np.bool_],
    region_sets: Sequence[RegionSet],
    *,
    shared: NDArray[np.bool_] | None = None,
) -> tuple[StackedSeries, VoxelSeries]:
    """Read a BOLD image once and return the series of every region and of every voxel.

    Parameters
    ----------
    bold, mask, region_sets, shared
        As for :func:`extract`.

    Raises
    ------
    RunError
        As :func:`extract`.
    """
    return _read(Path(bold), mask, region_sets, shared, every_voxel=True)


def _read(
    bold: Path,
    mask: NDArray[np.bool_],
    region_sets: Sequence[RegionSet],
    shared: NDArray[np.bool_] | None,
    *,
    every_voxel: bool,
) -> tuple[StackedSeries, VoxelSeries]:
    """Read a BOLD image; where voxels are not asked for, none is kept."""
    header = read_header(bold)
    inside, voxels = _inside_mask(region_sets, mask, every_voxel=every_voxel)
    size = np.concatenate([each.weights @ np.ones(mask.size) for each in region_sets])
    n_voxels = np.concatenate([np.diff(each.weights.indptr) for each in region_sets])
    common = np.ones(voxels.size, dtype=bool) if shared is None else shared[voxels]
    measured = inside.copy()
    drawn = np.repeat([each.picture for each in region_sets], [len(s.names) for s in region_sets])
    in_picture = np.repeat(drawn, np.diff(inside.indptr))
    measured.data *= common[measured.indices] | in_picture
    decisive = np.unique(inside.indices[~in_picture])

    whole = np.empty((header.n_volumes, voxels.size if every_voxel else 0), dtype=np.float32)
    totals = np.empty((header.n_volumes, inside.shape[0]))
    shifted_sum = np.zeros(voxels.size)
    shifted_squares = np.zeros(voxels.size)
    n_missing = np.zeros(voxels.size, dtype=np.int32)
    reference: NDArray[np.floating] | None = None
    done = 0
    # a slope near zero, times this, may be beyond floating point
    largest = min(LARGEST / abs(header.slope), 1e150)
    most = largest**2
    for batch in stored_volumes(bold, voxels):
        # a cheap product tells whether anything is NaN or enormous; only then is it searched for
        with np.errstate(over="ignore", invalid="ignore"):
            ordinary = all(volume @ volume < most for volume in batch)
        if not ordinary:
            bad = ~np.isfinite(batch)
            _refuse_enormous(bold, batch[~bad], largest)
            n_missing += bad.sum(axis=0, dtype=np.int32)
            batch[bad] = 0
        if reference is None:
            reference = batch[0].copy()
        # differences from the first volume keep float32 sums exact enough for a mean of 10,000
        batch -= reference
        if every_voxel:
            whole[done : done + len(batch)] = batch
        for volume in batch:
            totals[done] = measured @ volume
            done += 1
        shifted_sum += batch.sum(axis=0)
        shifted_squares += np.einsum("ij,ij->j", batch, batch, dtype=np.float64)
    if reference is None or not decisive.size:
        raise RunError("no-signal", f"no region has a voxel inside the brain mask of {bold.name}")

    _refuse_partly_missing(bold, n_missing[decisive], header.n_volumes)
    mean = shifted_sum / header.n_volumes
    variance = np.maximum(shifted_squares / header.n_volumes - mean**2, 0)
    # what is constant but for float32 rounding is constant
    floor = (np.finfo(np.float32).eps * np.abs(reference).astype(np.float64)) ** 2
    # so is what is missing in every volume, and was set to zero; in some: only in a picture
    alive = (variance > floor) & (n_missing == 0)
    if not alive[decisive].any():
        raise RunError(
            "no-signal", f"no voxel of any region varies over time in {bold.name}", value=0
        )

    live = inside @ alive.astype(np.float64)
    used = measured @ alive.astype(np.float64)
    # dead voxels equal the reference throughout, so they add nothing to the totals
    base = measured @ np.where(alive, reference, 0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        series = (totals + base) / used * header.slope + header.inter
        voxel_mean = (mean + reference) * header.slope + header.inter
        voxel_sd = np.sqrt(variance * header.n_volumes / max(header.n_volumes - 1, 1))
        ratio = np.where(alive, voxel_mean / (voxel_sd * abs(header.slope)), 0)
        _require_brightness(bold, ratio[decisive][alive[decisive]])
        tsnr = inside @ ratio / live
        intensity = inside @ np.where(alive, voxel_mean, 0) / live
    n_live, n_used = _counts(inside, alive), _counts(measured, alive)
    coverage, shared_coverage = (
        # sums of weights differ in their last bits, whole regions do not
        np.where(n == n_voxels, 1.0, part / np.maximum(size, np.finfo(float).tiny)) * (size > 0)
        for n, part in ((n_live, live), (n_used, used))
    )
    series[:, shared_coverage < np.finfo(float).tiny] = np.nan
    stacked = StackedSeries(
        regions={each.atlas: each.names for each in region_sets},
        series=series,
        coverage=pd.DataFrame(
            {
                "region": [name for each in region_sets for name in each.names],
                "n_voxels": n_voxels.astype(int),
                "n_covered": n_live,
                "coverage": coverage,
                "n_shared": n_used,
                "coverage_shared": shared_coverage,
                "tsnr": tsnr,
                "intensity": intensity,
                "note": pd.Series(
                    [note or None for each in region_sets for note in each.notes], dtype=object
                ),
            }
        ),
    )
    kept = alive & common & every_voxel
    return stacked, kept_voxels(
        whole, voxels, kept, mean=mean, slope=header.slope, grid=header.grid
    )


def _inside_mask(
    region_sets: Sequence[RegionSet], mask: NDArray[np.bool_], *, every_voxel: bool
) -> tuple[csr_matrix, NDArray[np.int32]]:
    """Stack the regions of all atlases and keep the voxels of the mask, or of regions in it.

    Returns
    -------
    weights : scipy.sparse.csr_matrix, shape (n_regions, n_voxels)
        Over the voxels below.
    voxels : numpy.ndarray of int32, shape (n_voxels,)
        Flat indices on the grid, increasing, so that memory is read in its own order.
    """
    from scipy.sparse import csr_matrix

    rows, columns, data, start = [], [], [], 0
    for regions in region_sets:
        per_region = np.diff(regions.weights.indptr)
        kept = mask[regions.weights.indices]
        rows.append(np.repeat(np.arange(start, start + len(per_region)), per_region)[kept])
        columns.append(regions.weights.indices[kept])
        data.append(regions.weights.data[kept])
        start += len(per_region)
    row, column = np.concatenate(rows), np.concatenate(columns)
    wanted = np.flatnonzero(mask) if every_voxel else np.unique(column)
    voxels = wanted.astype(np.int32)
    place = np.zeros(mask.size, dtype=np.int32)
    place[voxels] = np.arange(voxels.size)
    weights = csr_matrix((np.concatenate(data), (row, place[column])), shape=(start, voxels.size))
    return weights, voxels


def _counts(weights: csr_matrix, alive: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the number of voxels of each region that are alive and have a weight."""
    counted: NDArray[np.int64] = (weights > 0).astype(np.int64) @ alive.astype(np.int64)
    return counted


def _require_brightness(bold: Path, tsnr: NDArray[np.floating]) -> None:
    """Refuse an image whose voxels vary over time more than they are bright."""
    middle = float(np.median(tsnr))
    if not middle >= MIN_TSNR:
        raise RunError(
            "implausible-signal",
            f"the voxels of {bold.name} vary over time more than they are bright (median temporal "
            f"SNR {middle:.2g}): either its header gives a wrong type or byte order, or the mean "
            "was taken out, which preprocessed images keep",
            value=round(middle, 6),
            threshold=MIN_TSNR,
        )


def _refuse_enormous(bold: Path, values: NDArray[np.floating], largest: float) -> None:
    found = float(np.abs(values).max(initial=0))
    if found > largest:
        raise RunError(
            "implausible-signal",
            f"{bold.name} holds numbers such as {found:.3g}, which no scanner gives",
            value=found,
            threshold=largest,
        )


def _refuse_partly_missing(bold: Path, n_missing: NDArray[np.int32], n_volumes: int) -> None:
    if (n_missing == n_volumes).all():
        raise RunError(
            "not-finite",
            f"{bold.name} holds no finite number in any region",
            value=int((n_missing > 0).sum()),
            threshold=0,
        )
    partly = int(((n_missing > 0) & (n_missing < n_volumes)).sum())
    if partly:
        raise RunError(
            "not-finite",
            f"{bold.name} has {partly} voxels in regions that are NaN or infinite in some volumes "
            "but not in all",
            value=partly,
            threshold=0,
        )
