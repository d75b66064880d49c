"""How much memory and time one BOLD run is given, from the size of its image."""

from __future__ import annotations

import math
from pathlib import Path

_BASE_MB = 1500
"""Python, nilearn, two nested Snakemakes (260 MB) and the operators of several strategies."""

_PER_MB = 4
"""Volumes are read in batches, so memory grows far slower than the file: 4 MB per MB of it is a
multiple of what was measured (226 MB of gzip: 254 MB in all)."""

_BASE_MINUTES = 10
_MB_PER_MINUTE = 20
"""A machine that inflates 20 MB of gzip in a minute is a hundred times slower than a laptop."""


def memory_mb(bold: Path, attempt: int) -> int:
    """Return the megabytes to ask a scheduler for.

    Parameters
    ----------
    bold : pathlib.Path
        The run's image, which must be there.
    attempt : int
        1 for the first; a job that ran out of memory is given that many times as much.

    Raises
    ------
    FileNotFoundError
        If there is no such image (yet): Snakemake then asks again before the job starts.
    """
    return attempt * (_BASE_MB + math.ceil(_PER_MB * _size_mb(bold)))


def minutes(bold: Path, attempt: int) -> int:
    """Return the minutes to ask a scheduler for; as :func:`memory_mb`."""
    return attempt * (_BASE_MINUTES + math.ceil(_size_mb(bold) / _MB_PER_MINUTE))


def _size_mb(path: Path) -> float:
    return path.stat().st_size / 1e6
