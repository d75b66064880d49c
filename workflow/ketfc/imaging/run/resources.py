"""Memory and time of jobs: of one run by its files, of all runs by their number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

_BASE_MB = 1500
"""Python, nilearn, two nested Snakemakes (260 MB) and the operators of several strategies."""

_PER_MB = 4
"""Volumes are read in batches, so memory grows far slower than the file: 4 MB per MB of it is a
multiple of what was measured (226 MB of gzip: 254 MB in all)."""

_PER_MB_OF_VOXELS = 6
"""Beside that, where the series of every voxel are kept: 4.1 MB at single precision per MB of gzip
were measured where the image is masked and has whole numbers (whole heads of float32: 0.25)."""

_PER_MB_OF_CONFOUNDS = 150
"""Operators grow with the square of the volumes, of which a MB of confounds holds a few hundred."""

_PER_MB_OF_MAPS = 12.0
"""Models and permuted statistics of a group map hold its voxels in double precision: measured six
times the maps of both sessions, and twice as much is given."""

_MB_PERMUTED_PER_MINUTE = 300.0
"""A map of 1 MB has some 250,000 voxels, which took 0.1 s a permutation on a busy machine."""

_BASE_MINUTES = 10
_MB_PER_MINUTE = 20
"""A machine that inflates 20 MB of gzip in a minute is a hundred times slower than a laptop."""

_MATRIX_SHARE = 0.35
"""MB in memory per MB of a matrix written as text: its upper triangle at single precision takes
0.18 of it (eleven characters a number, every number twice), and half of them are copied once."""

_MB_TESTED_PER_MINUTE = 6
"""MB of matrices' text whose every edge is tested in a minute, with 10,000 permutations: 139 MB
(400 parcels, 40 participants twice) took one CPU minute; where values are missing it takes ten, and
twice that is given."""

_MS_PER_FIT = {
    ("circuits", "ridge"): 2.5,
    ("circuits", "elastic-net"): 11.0,
    ("matrix", "ridge"): 3.0,
    ("matrix", "elastic-net"): 300.0,
    ("matrix", "cpm"): 50.0,
}
"""CPU milliseconds of one fit of 40 participants, measured with 6 circuits and 40,000 edges; those
of matrices are given for 80,000, but that of the ridge depends on participants alone."""


def file_mb(path: Path) -> float:
    """Return the size of a file in megabytes.

    Raises
    ------
    FileNotFoundError
        If there is no such file (yet): Snakemake then asks again before the job starts.
    """
    return path.stat().st_size / 1e6


def memory_mb(bold: float, attempt: int) -> int:
    """Return the megabytes to ask a scheduler for.

    Parameters
    ----------
    bold : float
        Size of the run's image, in MB.
    attempt : int
        1 for the first; a job that ran out of memory is given that many times as much.
    """
    return attempt * (_BASE_MB + math.ceil(_PER_MB * bold))


def voxels_mb(bold: float, attempt: int) -> int:
    """Return the megabytes for a job that keeps every voxel of a run; as :func:`memory_mb`."""
    return memory_mb(bold, attempt) + attempt * math.ceil(_PER_MB_OF_VOXELS * bold)


def minutes(bold: float, attempt: int) -> int:
    """Return the minutes to ask a scheduler for; as :func:`memory_mb`."""
    return attempt * (_BASE_MINUTES + math.ceil(bold / _MB_PER_MINUTE))


def denoising_mb(confounds: float, attempt: int) -> int:
    """Return the megabytes to ask a scheduler for, to denoise what was read of a run.

    Parameters
    ----------
    confounds, attempt
        Size of the run's table in MB, which tells how long the run is; and as :func:`memory_mb`.
    """
    return attempt * (_BASE_MB + math.ceil(_PER_MB_OF_CONFOUNDS * confounds))


def denoising_minutes(confounds: float, attempt: int) -> int:
    """Return the minutes to ask a scheduler for; as :func:`denoising_mb`."""
    return attempt * (_BASE_MINUTES + math.ceil(confounds))


def matrices_mb(relmats: Sequence[float], attempt: int, *, copies: int = 1) -> int:
    """Return the megabytes for a job that holds the upper triangles of many matrices.

    Parameters
    ----------
    relmats : sequence of float
        Sizes in MB: one matrix per session, or several for each.
    attempt : int
        As in :func:`memory_mb`.
    copies : int
        How often a job holds what most jobs hold once: one that tests every edge keeps models and
        permuted statistics beside them (measured: seven times).
    """
    return attempt * (_BASE_MB + math.ceil(copies * _MATRIX_SHARE * _full_mb(relmats)))


def edgewise_minutes(relmats: Sequence[float], attempt: int, *, permutations: int) -> int:
    """Return the minutes for a job that tests every edge of many matrices.

    Parameters
    ----------
    relmats, attempt
        As for :func:`matrices_mb`.
    permutations : int
        Of every test.
    """
    share = permutations / 10_000
    return attempt * (20 + math.ceil(_full_mb(relmats) / _MB_TESTED_PER_MINUTE * share))


def group_map_mb(maps: Sequence[float], attempt: int) -> int:
    """Return the megabytes for a job that tests every voxel of the maps of all runs.

    Parameters
    ----------
    maps : sequence of float
        Sizes in MB, one per run. Their numbers hardly shrink when they are compressed.
    attempt : int
        As in :func:`memory_mb`.
    """
    return attempt * (_BASE_MB + math.ceil(_PER_MB_OF_MAPS * sum(maps)))


def group_map_minutes(maps: Sequence[float], attempt: int, *, permutations: int) -> int:
    """Return the minutes for a job that tests every voxel of the maps of all runs.

    Parameters
    ----------
    maps, attempt
        As for :func:`group_map_mb`.
    permutations : int
        Of whole participants.
    """
    largest = max(maps, default=0.0)
    return attempt * (20 + math.ceil(largest * permutations / _MB_PERMUTED_PER_MINUTE))


def reading_minutes(n_files: int, attempt: int) -> int:
    """Return the minutes for a job that reads so many files of runs.

    Reading a matrix of 400 × 400 and its Fisher z took 0.05 CPU seconds; it is given ten times
    that, and twenty minutes for the rest.
    """
    return attempt * (20 + math.ceil(n_files * 0.5 / 60))


def prediction_minutes(n_files: int, attempt: int, *, fits: int, features: str, model: str) -> int:
    """Return the minutes for a job that predicts.

    Parameters
    ----------
    n_files, attempt
        As for :func:`reading_minutes`.
    fits : int
        Fits of each of the three sets of predictors, those of all permutations among them.
    features, model : str
        ``circuits`` or ``matrix``, and the model.
    """
    seconds = 3 * fits * _MS_PER_FIT[features, model] / 1000
    return reading_minutes(n_files, attempt) + attempt * math.ceil(2 * seconds / 60)


def _full_mb(relmats: Sequence[float]) -> float:
    """Return the megabytes of so many matrices, all as large as the largest."""
    return max(relmats, default=0.0) * len(relmats)
