"""Find runs that are too short, by rows of confounds and repetition time, without any image."""

from __future__ import annotations

import math
from pathlib import Path

from ketfc.base.errors import Problem
from ketfc.imaging.io.sidecars import read_sidecar
from ketfc.study.config.config import Config
from ketfc.study.plan import MIN_TIME
from ketfc.study.runs.index import Run

_BLOCK = 1 << 16

_LEAST, _MOST = 1e-6, 1e6
"""Seconds beyond which a number is no repetition time, and may be no float: JSON has any whole
number. What is wrong with it, the reading of the run says."""


def length_problem(run: Run, config: Config) -> Problem | None:
    """Return the problem of a run that is shorter than ``denoising.min-time`` as it is.

    Parameters
    ----------
    run : Run
        With confounds, which have a row per volume.
    config : Config
        The study's configuration.

    Returns
    -------
    Problem or None
        None too where nobody recorded the repetition time outside the image.

    Raises
    ------
    OSError, RunError
        If the confounds or the sidecar of the image cannot be read.
    """
    denoising = config.denoising
    t_r = config.study.repetition_time or read_sidecar(Path(run.sidecar)).get("RepetitionTime")
    if isinstance(t_r, bool) or not isinstance(t_r, int | float) or not _LEAST <= t_r <= _MOST:
        return None
    dummies = denoising.dummy_scans if isinstance(denoising.dummy_scans, int) else 0
    needed = math.ceil(denoising.min_time / t_r - 1e-9) + dummies
    path = Path(str(run.confounds))
    rows = rows_up_to(path, needed)
    if rows >= needed or rows == 0:
        return None
    left = f", {dummies} of them dummy scans" if dummies else ""
    return Problem(
        "excluded",
        f"{rows} volumes of {t_r:g} s{left} are {(rows - dummies) * t_r:g} s, less than min-time "
        f"{denoising.min_time:g} s, before any volume is censored",
        file=path.name,
        participant_id=run.participant_id,
        session=run.session,
        run=run.name,
        field=MIN_TIME,
        value=f"{denoising.min_time:g}",
    )


def rows_up_to(path: Path, needed: int) -> int:
    """Return the number of rows below the header of a table, or at least `needed` if it has more.

    Of a table that is clearly longer, only the beginning is read: rows are about equally long, and
    those of derivatives that do not exist yet are the shortest.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as table:
        block = table.read(_BLOCK)
        lines = block.count(b"\n")
        longest = max(map(len, block.split(b"\n")))
        if lines > 2 and path.stat().st_size > 1.5 * longest * (needed + 1):
            return needed
        last = block
        while lines <= needed and (block := table.read(_BLOCK)):
            lines += block.count(b"\n")
            last = block
    # a last line without an end is a row too
    return max(0, lines + (not last.endswith(b"\n")) - 1) if last else 0
