"""Denoising as a linear operator, so that one read serves every strategy."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import RunError

MIN_TDOF = 10.0
"""Fewer temporal degrees of freedom than this leave no correlation worth the name."""

_CONSTANT = 1e-10
"""Share of a column's size below which its variation is rounding."""

_DETERMINED = 1e-9
"""Share of its spread below which what others do not explain of a column is rounding."""


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
    numpy.ndarray of float64, shape (keep.sum(), n_volumes)
        With a filter, censored volumes between kept ones are interpolated first; those at either
        end are cut off and not extrapolated.

    Raises
    ------
    RunError
        ``degrees-of-freedom`` if the regressors and the filter leave too few, ``filter`` if the
        run is too short to be filtered at all.
    """
    n_kept = int(keep.sum())
    require_freedom(n_kept - 2, n_kept, 0)
    settings = (keep.tobytes(), repetition_time, high_pass, low_pass)
    try:
        matrix = _filtered_identity(*settings)
    except ValueError as error:
        # a Butterworth filter pads by a multiple of its order, which a short run does not have
        raise RunError(
            "filter", f"the {n_kept} kept volumes cannot be filtered: {error}", value=n_kept
        ) from error
    basis = confound_basis(regressors, matrix)
    rank = basis.shape[1]
    # where regressors take all volumes, what is left is rounding residue that looks like freedom
    require_freedom(n_kept - rank - 2, n_kept, rank)
    if rank:
        matrix = matrix - basis @ (basis.T @ matrix)
    require_freedom(degrees_of_freedom(matrix), n_kept, rank)
    return matrix


def independent_regressors(
    regressors: pd.DataFrame,
    keep: NDArray[np.bool_],
    *,
    repetition_time: float,
    high_pass: float | None,
    low_pass: float | None,
) -> int:
    """Return the number of regressors that :func:`operator` finds independent of one another.

    Parameters
    ----------
    regressors, keep, repetition_time, high_pass, low_pass
        As for :func:`operator`.
    """
    matrix = _filtered_identity(keep.tobytes(), repetition_time, high_pass, low_pass)
    return len(confound_basis(regressors, matrix).T)


def confound_basis(regressors: pd.DataFrame, filtering: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis of what regressors span once they are filtered as the data are.

    As `nilearn.signal.clean` with ``standardize_confounds=True``, except for what it mistakes
    for regressors: a constant column is, after detrending, rounding residue, which scaled to unit
    variance would take away a random direction; so would what rounding leaves of a column that
    others determine.

    Parameters
    ----------
    regressors : pandas.DataFrame, shape (n_volumes, n_regressors)
        Confounds without gaps.
    filtering : numpy.ndarray, shape (n_kept, n_volumes)
        The operator without regressors.

    Returns
    -------
    numpy.ndarray of float64, shape (n_kept, rank)
        Its number of columns is that of the independent regressors.
    """
    from scipy.linalg import qr

    values = regressors.to_numpy(dtype=np.float64)
    filtered = filtering @ (values - values.mean(axis=0))
    filtered -= filtered.mean(axis=0)
    spread = np.sqrt((filtered**2).mean(axis=0))
    varying = spread > _CONSTANT * np.abs(values).max(axis=0, initial=0)
    if not varying.any():
        return np.empty((len(filtering), 0))
    basis, upper, _ = qr(filtered[:, varying] / spread[varying], mode="economic", pivoting=True)
    size = np.abs(upper.diagonal())
    found: NDArray[np.float64] = basis[:, size > _DETERMINED * size[0]]
    return found


@lru_cache(maxsize=4)
def _filtered_identity(
    keep: bytes, repetition_time: float, high_pass: float | None, low_pass: float | None
) -> NDArray[np.float64]:
    """Return the operator of detrending and filtering, kept since filtering is slow."""
    from nilearn.signal import clean

    kept = np.frombuffer(keep, dtype=bool)
    unfiltered = high_pass is None and low_pass is None
    with warnings.catch_warnings():
        # the identity's columns make it warn about nothing
        warnings.simplefilter("ignore")
        cleaned = clean(
            np.eye(len(keep)),
            runs=None,
            sample_mask=None if kept.all() else np.flatnonzero(kept),
            detrend=True,
            standardize=False,
            filter=False if unfiltered else "butterworth",
            low_pass=low_pass,
            high_pass=high_pass,
            t_r=repetition_time,
            ensure_finite=False,
            extrapolate=False,
        )
    matrix = np.asarray(cleaned, dtype=np.float64)
    matrix.setflags(write=False)
    return matrix


def require_freedom(left: float, n_volumes: int, n_regressors: int) -> None:
    """Refuse what leaves fewer than :data:`MIN_TDOF` temporal degrees of freedom.

    Parameters
    ----------
    left : float
        Degrees of freedom.
    n_volumes, n_regressors : int
        Volumes that correlations would be computed from, and independent regressors.

    Raises
    ------
    RunError
        ``degrees-of-freedom``.
    """
    if left >= MIN_TDOF:
        return
    raise RunError(
        "degrees-of-freedom",
        f"{max(left, 0):.0f} temporal degrees of freedom are left of {n_volumes} kept volumes "
        f"after {n_regressors} independent regressors, trend and filter; at least {MIN_TDOF:g} "
        "are needed",
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
