"""Denoising as a linear operator, so that one read serves every strategy."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.imaging.errors import RunError

MIN_TDOF = 10.0
"""Fewer temporal degrees of freedom than this leave no correlation worth the name."""


def operator(
    regressors: pd.DataFrame,
    keep: NDArray[np.bool_],
    *,
    repetition_time: float,
    high_pass: float | None,
    low_pass: float | None,
) -> NDArray[np.float64]:
    """Return the matrix that cleans any series of a run.

    `nilearn.signal.clean` is linear in its data (detrending, filtering with interpolation over
    censored volumes, confound regression), so what it makes of the identity matrix is the
    operator itself: ``clean(X) == operator @ X`` to rounding.

    Parameters
    ----------
    regressors : pandas.DataFrame, shape (n_volumes, n_regressors)
        Confounds without gaps; may have no column.
    keep : numpy.ndarray of bool, shape (n_volumes,)
        Volumes that survive censoring.
    repetition_time : float
        Seconds.
    high_pass, low_pass : float or None
        Butterworth cut-offs in Hz; None does not filter at that end.

    Returns
    -------
    numpy.ndarray of float64, shape (n_kept, n_volumes)
        n_kept can be smaller than ``keep.sum()``: with a filter, censored volumes at either end
        are cut off and not extrapolated.

    Raises
    ------
    RunError
        ``degrees-of-freedom`` if the regressors and the filter leave too few, ``filter`` if the
        run is too short to be filtered at all.
    """
    n_kept = int(keep.sum())
    # where regressors take all volumes, clean() leaves rounding residue that looks like freedom
    if n_kept - regressors.shape[1] - 2 < MIN_TDOF:
        _too_few(n_kept - regressors.shape[1] - 2, n_kept, regressors.shape[1])
    settings = (keep.tobytes(), repetition_time, high_pass, low_pass)
    try:
        matrix = _filtered_identity(*settings)
        if regressors.shape[1]:
            confounds = _filtered(regressors.to_numpy(dtype=np.float64), *settings)
            matrix = _clean(
                matrix,
                confounds=confounds,
                standardize_confounds=True,
                detrend=False,
                filter=False,
            )
    except ValueError as error:
        # a Butterworth filter pads by a multiple of its order, which a short run does not have
        raise RunError(
            "filter", f"the {n_kept} kept volumes cannot be filtered: {error}", value=n_kept
        ) from error
    tdof = degrees_of_freedom(matrix)
    if tdof < MIN_TDOF:
        _too_few(tdof, n_kept, regressors.shape[1])
    return matrix


def _filtered(
    signals: NDArray[np.float64],
    keep: bytes,
    repetition_time: float,
    high_pass: float | None,
    low_pass: float | None,
) -> NDArray[np.float64]:
    """Detrend, filter and censor the columns of `signals`; `keep` is the mask's bytes."""
    kept = np.frombuffer(keep, dtype=bool)
    unfiltered = high_pass is None and low_pass is None
    return _clean(
        signals,
        sample_mask=None if kept.all() else np.flatnonzero(kept),
        detrend=True,
        filter=False if unfiltered else "butterworth",
        low_pass=low_pass,
        high_pass=high_pass,
        t_r=repetition_time,
    )


@lru_cache(maxsize=4)
def _filtered_identity(
    keep: bytes, repetition_time: float, high_pass: float | None, low_pass: float | None
) -> NDArray[np.float64]:
    """Return what all strategies of a run with one filter have in common; filtering is slow."""
    matrix = _filtered(np.eye(len(keep)), keep, repetition_time, high_pass, low_pass)
    matrix.setflags(write=False)
    return matrix


def _clean(signals: NDArray[np.float64], **settings: Any) -> NDArray[np.float64]:
    from nilearn.signal import clean

    with warnings.catch_warnings():
        # constant confound columns and the identity's own columns make it warn about nothing
        warnings.simplefilter("ignore")
        cleaned = clean(
            signals,
            runs=None,
            standardize=False,
            ensure_finite=False,
            extrapolate=False,
            **settings,
        )
    return np.asarray(cleaned, dtype=np.float64)


def _too_few(left: float, n_kept: int, n_regressors: int) -> None:
    raise RunError(
        "degrees-of-freedom",
        f"{max(left, 0):.0f} temporal degrees of freedom are left of {n_kept} kept volumes after "
        f"{n_regressors} regressors, trend and filter; at least {MIN_TDOF:g} are needed",
        value=round(float(left), 1),
        threshold=MIN_TDOF,
    )


def degrees_of_freedom(matrix: NDArray[np.float64]) -> float:
    """Return the effective temporal degrees of freedom that an operator leaves.

    White noise cleaned by C has covariance S = C Cᵀ; Satterthwaite's approximation gives
    tr(S)² / tr(S²) (Satterthwaite 1946, 10.2307/3002019). For plain regression S is a projection
    and this is its rank: kept volumes − intercept − trend − independent regressors.
    """
    covariance = matrix @ matrix.T
    squares = float((covariance**2).sum())
    return float(np.trace(covariance)) ** 2 / squares if squares > 0 else 0.0
