"""Which volumes are kept: framewise displacement, DVARS and the shortest useful run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.imaging.errors import RunError

FD = "framewise_displacement"
DVARS = "std_dvars"


def kept_volumes(
    confounds: pd.DataFrame, *, fd_thresh: float | None, dvars_thresh: float | None
) -> NDArray[np.bool_]:
    """Return which volumes survive censoring.

    A volume goes when its framewise displacement (Power 2012, mm) or its standardised DVARS
    exceeds the threshold. The first volume has neither and is kept.

    Parameters
    ----------
    confounds : pandas.DataFrame
        The run's confounds table.
    fd_thresh : float or None
        Millimetres; None does not censor by motion.
    dvars_thresh : float or None
        Units of ``std_dvars``; None does not censor by DVARS.

    Raises
    ------
    RunError
        ``confounds-column`` or ``confounds-gap``.
    """
    keep = np.ones(len(confounds), dtype=bool)
    for column, threshold in ((FD, fd_thresh), (DVARS, dvars_thresh)):
        if threshold is None:
            continue
        if column not in confounds:
            raise RunError(
                "confounds-column", f"the confounds lack {column}, by which volumes are censored"
            )
        values = confounds[column].to_numpy()
        gaps = np.flatnonzero(~np.isfinite(values[1:]))
        if gaps.size:
            raise RunError(
                "confounds-gap",
                f"confound {column} has no finite number in row {gaps[0] + 3} of its file",
                value=int(gaps.size),
                threshold=0,
            )
        keep[1:] &= values[1:] <= threshold
    return keep


def require_time(keep: NDArray[np.bool_], repetition_time: float, min_time: float) -> None:
    """Refuse a run that keeps less than `min_time` seconds.

    Raises
    ------
    RunError
        ``min-time``.
    """
    seconds = float(keep.sum()) * repetition_time
    if seconds < min_time:
        raise RunError(
            "min-time",
            f"{seconds:g} s are left after censoring {int((~keep).sum())} of {keep.size} volumes, "
            f"less than min-time {min_time:g} s",
            value=seconds,
            threshold=min_time,
        )
