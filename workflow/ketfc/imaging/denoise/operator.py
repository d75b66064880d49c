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
        raise _not_filtered(n_kept, error) from error
    basis = confound_basis(regressors, matrix)
    rank = basis.shape[1]
    # where regressors take all volumes, what is left is rounding residue that looks like freedom
    require_freedom(n_kept - rank - 2, n_kept, rank)
    if rank:
        matrix = matrix - basis @ (basis.T @ matrix)
    require_freedom(degrees_of_freedom(matrix), n_kept, rank)
    return matrix


def filled_operator(
    regressors: pd.DataFrame,
    keep: NDArray[np.bool_],
    *,
    repetition_time: float,
    high_pass: float | None,
    low_pass: float | None,
) -> NDArray[np.float64]:
    """Return the matrix that cleans a run and keeps its censored volumes, filled in.

    A spectrum needs equally spaced volumes. Censored volumes of data and regressors are
    interpolated linearly, the trend is taken out and the filter applied; the regression is fitted
    on the kept volumes, as everywhere, and what it fits is taken out of all of them. Not by the
    spline of :func:`operator`, of which filled volumes are cut out again: it overshoots in gaps of
    several volumes: the change in ALFF of a null was half its standard deviation where 20 % of
    volumes were censored instead of 5 %, and nothing with lines.

    Parameters
    ----------
    regressors, keep, repetition_time, high_pass, low_pass
        As for :func:`operator`.

    Returns
    -------
    numpy.ndarray of float64, shape (n_filled, n_volumes)
        From the first kept volume to the last one; see :func:`within`.

    Raises
    ------
    RunError
        ``degrees-of-freedom`` or ``filter``, as :func:`operator`.
    """
    n_kept, fitted = int(keep.sum()), within(keep)
    require_freedom(n_kept - 2, n_kept, 0)
    try:
        filling = _cleaned(_filled_linearly(keep), repetition_time, high_pass, low_pass)
    except ValueError as error:
        raise _not_filtered(n_kept, error) from error
    basis = _basis(regressors, filling, fitted)
    rank = basis.shape[1]
    require_freedom(n_kept - rank - 2, n_kept, rank)
    matrix = filling - basis @ (basis[fitted].T @ filling[fitted])
    require_freedom(degrees_of_freedom(matrix[fitted]), n_kept, rank)
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
    return _basis(regressors, filtering, np.ones(len(filtering), dtype=bool))


def _basis(
    regressors: pd.DataFrame, filtering: NDArray[np.float64], fitted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return such a basis in all rows of `filtering`, orthonormal in those that are `fitted`."""
    from scipy.linalg import qr, solve_triangular

    values = regressors.to_numpy(dtype=np.float64)
    filtered = filtering @ (values - values.mean(axis=0))
    filtered -= filtered[fitted].mean(axis=0)
    spread = np.sqrt((filtered[fitted] ** 2).mean(axis=0))
    varying = spread > _CONSTANT * np.abs(values).max(axis=0, initial=0)
    if not varying.any():
        return np.empty((len(filtering), 0))
    scaled = filtered[:, varying] / spread[varying]
    basis, upper, order = qr(scaled[fitted], mode="economic", pivoting=True)
    size = np.abs(upper.diagonal())
    rank = int((size > _DETERMINED * size[0]).sum())
    found = np.empty((len(filtering), rank))
    found[fitted] = basis[:, :rank]
    if not fitted.all():
        others = scaled[np.ix_(~fitted, order[:rank])]
        found[~fitted] = solve_triangular(upper[:rank, :rank], others.T, trans="T").T
    return found


@lru_cache(maxsize=4)
def _filtered_identity(
    keep: bytes, repetition_time: float, high_pass: float | None, low_pass: float | None
) -> NDArray[np.float64]:
    """Return the operator of detrending and filtering, kept since filtering is slow."""
    kept = np.frombuffer(keep, dtype=bool)
    if high_pass is None and low_pass is None:
        matrix = _cleaned(np.eye(kept.size)[kept], repetition_time, None, None)
    else:
        filled = _cleaned(interpolation(kept), repetition_time, high_pass, low_pass)
        matrix = filled[within(kept)]
    matrix.setflags(write=False)
    return matrix


def within(keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return `keep` from the first kept volume to the last one."""
    first, last = np.flatnonzero(keep)[[0, -1]]
    return keep[first : last + 1]


def interpolation(keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the matrix that fills censored volumes between kept ones by a cubic spline.

    As `nilearn.signal.clean` with ``extrapolate=False`` means to. It takes the indices of the kept
    volumes for a mask, however (``~sample_mask``), and so leaves a censored volume as it is where
    the volume as far from the other end of the run is censored too (nilearn 0.10 to 0.14).

    Parameters
    ----------
    keep : numpy.ndarray of bool, shape (n_volumes,)
        Volumes that survive censoring; at least two.

    Returns
    -------
    numpy.ndarray of float64, shape (n_filled, n_volumes)
        From the first kept volume to the last one.
    """
    from scipy.interpolate import CubicSpline

    volumes = np.flatnonzero(keep)
    spline = CubicSpline(volumes, np.eye(keep.size)[keep])
    filled: NDArray[np.float64] = spline(np.arange(volumes[0], volumes[-1] + 1))
    return filled


def _filled_linearly(keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a matrix as :func:`interpolation`, by straight lines."""
    volumes = np.flatnonzero(keep)
    wanted = np.arange(volumes[0], volumes[-1] + 1)
    lines = [np.interp(wanted, volumes, unit) for unit in np.eye(volumes.size)]
    filled = np.zeros((wanted.size, keep.size))
    filled[:, keep] = np.column_stack(lines)
    return filled


def _cleaned(
    values: NDArray[np.float64],
    repetition_time: float,
    high_pass: float | None,
    low_pass: float | None,
) -> NDArray[np.float64]:
    """Return series of equally spaced volumes without linear trend, and filtered."""
    from nilearn.signal import clean

    with warnings.catch_warnings():
        # columns of the identity make it warn about nothing
        warnings.simplefilter("ignore")
        cleaned = clean(
            values,
            runs=None,
            detrend=True,
            standardize=False,
            filter=False if high_pass is None and low_pass is None else "butterworth",
            low_pass=low_pass,
            high_pass=high_pass,
            t_r=repetition_time,
            ensure_finite=False,
        )
    return np.asarray(cleaned, dtype=np.float64)


def _not_filtered(n_kept: int, error: ValueError) -> RunError:
    """Return why a run cannot be used that has fewer volumes than the filter pads it by."""
    return RunError(
        "filter", f"the {n_kept} kept volumes cannot be filtered: {error}", value=n_kept
    )


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
    # a projection's rank is a whole number but for rounding
    if left >= MIN_TDOF - 1e-9:
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
