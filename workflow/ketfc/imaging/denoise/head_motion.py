"""Framewise displacement from the motion parameters, with breathing filtered out or not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.confounds import AXES
from ketfc.study.config.denoising import Denoising

HEAD_RADIUS = 50.0
"""mm; what turns rotations into displacements (Power 2012), as in fMRIPrep and XCP-D."""

_LOW_PASS_ORDER = 2
"""Order of the Butterworth filter: XCP-D's motion-filter-order of 4, halved as it runs twice."""


def require_nyquist(denoising: Denoising, repetition_time: float) -> None:
    """Refuse a motion filter whose band the sampling rate cannot show.

    XCP-D would stop the frequencies that the band is aliased to, which can lie where slow head
    motion is; here the study decides.

    Parameters
    ----------
    denoising : Denoising
        The configuration; without ``motion-filter-type`` nothing is refused.
    repetition_time : float
        Seconds.

    Raises
    ------
    RunError
        ``motion-filter`` if the upper end of the band (the low-pass's cut-off) is not below half
        the sampling rate.
    """
    notch = denoising.motion_filter_type == "notch"
    name = "band-stop-max" if notch else "band-stop-min"
    top = denoising.band_stop_max if notch else denoising.band_stop_min
    nyquist = 30 / repetition_time
    if denoising.motion_filter_type is not None and top is not None and top >= nyquist:
        raise RunError(
            "motion-filter",
            f"{name} is {top:g} breaths per minute, and with a repetition time of "
            f"{repetition_time:g} s nothing above {nyquist:g} can be told apart; lower it, or "
            "set denoising.motion-filter-type to null",
            value=top,
            threshold=round(nyquist, 6),
        )


def filter_motion(
    motion: NDArray[np.float64], repetition_time: float, denoising: Denoising
) -> NDArray[np.float64]:
    """Take breathing out of motion parameters, forwards and backwards, so that nothing is delayed.

    As in XCP-D 26 with its default order of 4: for ``notch`` (Fair 2020) one second-order notch
    around the middle of the band and as wide as it, for ``lp`` (Gratton 2020) a Butterworth filter
    of order 2; the ends are continued by their first and last value.

    Parameters
    ----------
    motion : numpy.ndarray, shape (n_volumes, n_parameters)
        Unfiltered.
    repetition_time : float
        Seconds.
    denoising : Denoising
        ``motion-filter-type``, ``band-stop-min`` and ``band-stop-max`` (breaths per minute) of the
        configuration; without a type the parameters are returned as they are.

    Raises
    ------
    RunError
        As :func:`require_nyquist`.
    """
    from scipy.signal import butter, filtfilt, iirnotch

    low, high = denoising.band_stop_min, denoising.band_stop_max
    # the configuration has no filter without its lower end
    if denoising.motion_filter_type is None or low is None:
        return motion
    require_nyquist(denoising, repetition_time)
    rate = 1 / repetition_time
    if high is None:
        b, a = butter(_LOW_PASS_ORDER, low / 60, btype="lowpass", fs=rate)
    else:
        middle, width = (low + high) / 120, (high - low) / 60
        b, a = iirnotch(middle, middle / width, fs=rate)
    filtered: NDArray[np.float64] = filtfilt(
        b, a, motion, axis=0, padtype="constant", padlen=len(motion) - 1
    )
    return filtered


def framewise_displacement(
    confounds: pd.DataFrame, repetition_time: float, denoising: Denoising | None = None
) -> NDArray[np.float64]:
    """Return framewise displacement (Power 2012, 10.1016/j.neuroimage.2011.10.018) in mm.

    The sum over the six parameters of the absolute change since the volume before, rotations
    taken on a sphere of 50 mm; without a filter this is fMRIPrep's ``framewise_displacement``.

    Parameters
    ----------
    confounds : pandas.DataFrame
        Holds the six motion parameters (mm, radians).
    repetition_time : float
        Seconds.
    denoising : Denoising or None
        Whose motion filter is applied to the parameters first, if it has one.

    Returns
    -------
    numpy.ndarray of float64, shape (n_volumes,)
        NaN for the first volume.

    Raises
    ------
    RunError
        ``confounds-column`` or ``confounds-gap``; ``motion-filter``.
    """
    missing = [axis for axis in AXES if axis not in confounds]
    if missing:
        raise RunError(
            "confounds-column",
            f"the confounds lack {', '.join(missing)}, by which volumes are censored",
        )
    motion = confounds[AXES].to_numpy(dtype=np.float64)
    gaps = np.argwhere(~np.isfinite(motion))
    if gaps.size:
        row, column = gaps[0]
        raise RunError(
            "confounds-gap",
            f"confound {AXES[column]} has no finite number in row {row + 2} of its file",
            value=len(np.unique(gaps[:, 0])),
            threshold=0,
        )
    if denoising is not None:
        motion = filter_motion(motion, repetition_time, denoising)
    change = np.abs(np.diff(motion, axis=0))
    change[:, 3:] *= HEAD_RADIUS
    fd = np.full(len(motion), np.nan)
    fd[1:] = change.sum(axis=1)
    return fd
