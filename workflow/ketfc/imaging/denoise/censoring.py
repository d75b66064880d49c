"""Which volumes are kept: dummy scans, displacement, DVARS, neighbours and what is too short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.confounds import AXES
from ketfc.imaging.denoise.head_motion import MotionFilter, framewise_displacement

FD = "framewise_displacement"
DVARS = "std_dvars"
NON_STEADY = "non_steady_state_outlier"

REASONS = ("dummy", "fd", "dvars", "neighbours", "segments")
"""Why a volume is censored: the first of these that holds."""


@dataclass(frozen=True)
class CensoringRules:
    """What makes a volume go.

    Attributes
    ----------
    fd_thresh : float or None
        Framewise displacement (Power 2012) in mm above which a volume goes; None: none by FD.
    dvars_thresh : float or None
        The same in units of ``std_dvars``.
    before, after : int
        Volumes that go with each of those, before and after it.
    between : int
        Longest stretch of what is then left, between censored volumes or the ends of the run,
        that goes as well (XCP-D's ``censor-between``).
    motion_filter : MotionFilter or None
        What framewise displacement is filtered by; None takes fMRIPrep's own.
    dummy_scans : int or "auto"
        Volumes at the start of the run that go whatever the strategy; ``auto``: those that fMRIPrep
        took for not yet in a steady state.
    """

    fd_thresh: float | None = None
    dvars_thresh: float | None = None
    before: int = 0
    after: int = 0
    between: int = 0
    motion_filter: MotionFilter | None = None
    dummy_scans: int | Literal["auto"] = "auto"

    @property
    def columns(self) -> tuple[str, ...]:
        """The confound columns that decide."""
        fd = () if self.fd_thresh is None else tuple(AXES) if self.motion_filter else (FD,)
        return fd if self.dvars_thresh is None else (*fd, DVARS)


@dataclass(frozen=True, eq=False)
class Censoring:
    """Which volumes of a run go, and why.

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


def dummy_volumes(confounds: pd.DataFrame, dummy_scans: int | Literal["auto"]) -> NDArray[np.bool_]:
    """Return which volumes were taken before the signal was steady, shape (n_volumes,).

    With ``auto`` those that any ``non_steady_state_outlier*`` column of fMRIPrep marks, which
    nilearn's ``load_confounds`` leaves out too; with a number, that many from the start.
    """
    if dummy_scans == "auto":
        marks = confounds.filter(regex=f"^{NON_STEADY}")
        found: NDArray[np.bool_] = (marks.fillna(0) != 0).any(axis=1).to_numpy(dtype=bool)
        return found
    return np.arange(len(confounds)) < dummy_scans


def censor(confounds: pd.DataFrame, rules: CensoringRules, repetition_time: float) -> Censoring:
    """Return which volumes survive censoring.

    The first volume has neither framewise displacement nor DVARS and exceeds no threshold.

    Parameters
    ----------
    confounds : pandas.DataFrame
        The run's confounds table.
    rules : CensoringRules
        What makes a volume go.
    repetition_time : float
        Seconds.

    Raises
    ------
    RunError
        ``confounds-column``, ``confounds-gap`` or ``motion-filter``.
    """
    fd: NDArray[np.float64] | None = None
    reasons = {name: np.zeros(len(confounds), dtype=bool) for name in REASONS}
    if rules.fd_thresh is not None:
        if rules.motion_filter is None:
            fd = _complete(confounds, FD)
        else:
            fd = framewise_displacement(confounds, repetition_time, rules.motion_filter)
        reasons["fd"][1:] = fd[1:] > rules.fd_thresh
    if rules.dvars_thresh is not None:
        reasons["dvars"][1:] = _complete(confounds, DVARS)[1:] > rules.dvars_thresh
    reasons["dummy"] = dummy_volumes(confounds, rules.dummy_scans)
    exceeding = reasons["fd"] | reasons["dvars"]
    for volume in np.flatnonzero(exceeding):
        reasons["neighbours"][max(0, volume - rules.before) : volume + rules.after + 1] = True
    reasons["segments"] = _short(
        reasons["dummy"] | exceeding | reasons["neighbours"], rules.between
    )
    gone = np.zeros(len(confounds), dtype=bool)
    counts = {}
    for name in REASONS:
        counts[name] = int((reasons[name] & ~gone).sum())
        gone |= reasons[name]
    filtered = fd is not None and rules.motion_filter is not None
    return Censoring(keep=~gone, counts=counts, fd=fd, filtered=filtered)


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
