"""Censoring: dummy scans, displacement, DVARS, neighbours, short stretches, matched sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.confounds import AXES
from ketfc.imaging.denoise.head_motion import framewise_displacement
from ketfc.study.config.denoising import Denoising

FD = "framewise_displacement"
DVARS = "std_dvars"
NON_STEADY = "non_steady_state_outlier"

REASONS = ("dummy", "fd", "dvars", "neighbours", "segments")
"""Reasons to censor a volume, the first that holds being counted."""


@dataclass(frozen=True, eq=False)
class Censoring:
    """The volumes that a run keeps, and the reasons for the others.

    Attributes
    ----------
    keep : numpy.ndarray of bool, shape (n_volumes,)
        Volumes that stay.
    counts : dict of str to int
        Censored volumes by the first of :data:`REASONS` that holds; they sum to all censored.
    fd : numpy.ndarray of float64, shape (n_volumes,), or None
        The framewise displacement that decided (mm); None where it does not.
    filtered : bool
        Whether that is of filtered motion.
    """

    keep: NDArray[np.bool_]
    counts: dict[str, int]
    fd: NDArray[np.float64] | None
    filtered: bool


def censoring_columns(denoising: Denoising) -> tuple[str, ...]:
    """Return the confound columns that decide which volumes are censored."""
    fd: tuple[str, ...] = ()
    if denoising.fd_thresh is not None:
        fd = (FD,) if denoising.motion_filter_type is None else tuple(AXES)
    return fd if denoising.dvars_thresh is None else (*fd, DVARS)


def dummy_volumes(confounds: pd.DataFrame, dummy_scans: int | Literal["auto"]) -> NDArray[np.bool_]:
    """Return the volumes taken before the signal was steady, shape (n_volumes,).

    With ``auto`` those that any ``non_steady_state_outlier*`` column of fMRIPrep marks, which
    nilearn's ``load_confounds`` leaves out too; with a number, that many from the start.
    """
    if dummy_scans == "auto":
        marks = confounds.filter(regex=f"^{NON_STEADY}")
        found: NDArray[np.bool_] = (marks.fillna(0) != 0).any(axis=1).to_numpy(dtype=bool)
        return found
    return np.arange(len(confounds)) < dummy_scans


def censor(confounds: pd.DataFrame, denoising: Denoising, repetition_time: float) -> Censoring:
    """Return the volumes that survive censoring.

    The first volume has neither framewise displacement nor DVARS and exceeds no threshold.

    Parameters
    ----------
    confounds : pandas.DataFrame
        The run's confounds table.
    denoising : Denoising
        Thresholds, neighbours, dummy scans and motion filter of the configuration.
    repetition_time : float
        Seconds.

    Raises
    ------
    RunError
        ``confounds-column``, ``confounds-gap`` or ``motion-filter``.
    """
    fd: NDArray[np.float64] | None = None
    by_filter = denoising.motion_filter_type is not None
    reasons = {name: np.zeros(len(confounds), dtype=bool) for name in REASONS}
    if denoising.fd_thresh is not None:
        if by_filter:
            fd = framewise_displacement(confounds, repetition_time, denoising)
        else:
            fd = _complete(confounds, FD)
        reasons["fd"][1:] = fd[1:] > denoising.fd_thresh
    if denoising.dvars_thresh is not None:
        reasons["dvars"][1:] = _complete(confounds, DVARS)[1:] > denoising.dvars_thresh
    reasons["dummy"] = dummy_volumes(confounds, denoising.dummy_scans)
    exceeding = reasons["fd"] | reasons["dvars"]
    before, after = denoising.censor_before, denoising.censor_after
    for volume in np.flatnonzero(exceeding):
        reasons["neighbours"][max(0, volume - before) : volume + after + 1] = True
    reasons["segments"] = _short(
        reasons["dummy"] | exceeding | reasons["neighbours"], denoising.censor_between
    )
    gone = np.zeros(len(confounds), dtype=bool)
    counts = {}
    for name in REASONS:
        counts[name] = int((reasons[name] & ~gone).sum())
        gone |= reasons[name]
    return Censoring(keep=~gone, counts=counts, fd=fd, filtered=by_filter and fd is not None)


def _complete(confounds: pd.DataFrame, column: str) -> NDArray[np.float64]:
    if column not in confounds:
        raise RunError(
            "confounds-column", f"the confounds lack {column}, by which volumes are censored"
        )
    values = confounds[column].to_numpy(dtype=np.float64)
    gaps = np.flatnonzero(~(np.isfinite(values[1:]) & (values[1:] >= 0)))
    if gaps.size:
        raise RunError(
            "confounds-gap",
            f"confound {column} has no finite number, or one below 0, in row "
            f"{gaps[0] + 3} of its file",
            value=int(gaps.size),
            threshold=0,
        )
    return values


def _short(gone: NDArray[np.bool_], longest: int) -> NDArray[np.bool_]:
    """Return the volumes in stretches of at most `longest` between those that are gone."""
    edges = np.flatnonzero(np.diff(np.r_[True, gone, True].astype(np.int8)))
    short = np.zeros(gone.size, dtype=bool)
    for start, stop in edges.reshape(-1, 2):
        short[start:stop] = stop - start <= longest
    return short


def require_time(keep: NDArray[np.bool_], repetition_time: float, min_time: float) -> None:
    """Refuse a run that keeps less than `min_time` seconds, or nothing at all.

    Raises
    ------
    RunError
        ``min-time``, or ``all-censored``.
    """
    if not keep.any():
        raise RunError(
            "all-censored", f"all {keep.size} volumes are censored", value=0, threshold=1
        )
    seconds = float(keep.sum()) * repetition_time
    if seconds < min_time:
        raise RunError(
            "min-time",
            f"{seconds:g} s are left after censoring {int((~keep).sum())} of {keep.size} volumes, "
            f"less than min-time {min_time:g} s",
            value=seconds,
            threshold=min_time,
        )


def matched_volumes(kept: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return the number of kept volumes that each run uses once sessions are matched.

    Every session uses as many as the one that kept fewest. Where a session has several runs,
    each gives its share of what the session kept, by largest remainder (ties go by name).

    Parameters
    ----------
    kept : mapping of str to mapping of str to int
        Kept volumes by session and run; runs that cannot be used are not in it.

    Returns
    -------
    dict of str to int
        By run.
    """
    totals = {session: sum(runs.values()) for session, runs in kept.items() if runs}
    target = min(totals.values(), default=0)
    matched: dict[str, int] = {}
    for session, total in totals.items():
        runs = kept[session]
        matched |= {run: n * target // total for run, n in runs.items()}
        left = target - sum(matched[run] for run in runs)
        by_remainder = sorted(runs, key=lambda run: (-(runs[run] * target % total), run))
        for run in by_remainder[:left]:
            matched[run] += 1
    return matched
