"""Lines through points, less what covariates explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.ranks import theil_sen
from ketfc.reporting.design_words import Arm
from ketfc.reporting.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Line:
    """A line with its interval, and the points it was fitted to."""

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    points: npt.NDArray[np.float64]
    slope: float


def fit_line(x: npt.ArrayLike, y: npt.ArrayLike, covariates: npt.ArrayLike) -> Line | None:
    """Fit ``y ~ x + covariates`` by ordinary least squares.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Finite values.
    covariates : array_like, shape (n, k)
        Adjusted for; k may be 0. The line is that of somebody with mean covariates, and the
        points are `y` less what the covariates explain around their means (component plus
        residual), so that the slope drawn is the adjusted one.

    Returns
    -------
    Line or None
        With the interval of the fitted mean from Student's t; None if the data do not determine
        it (fewer than two degrees of freedom, or no spread in a variable).
    """
    from scipy import stats

    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    C = np.asarray(covariates, dtype=float).reshape(len(x), -1)
    C = C - C.mean(axis=0)
    X = np.column_stack([np.ones_like(x), x, C])
    df = len(x) - X.shape[1]
    if df < 2 or np.linalg.matrix_rank(X) < X.shape[1]:
        return None
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    residuals = y - X @ beta
    covariance = np.linalg.inv(X.T @ X) * (residuals @ residuals) / df
    grid = np.linspace(x.min(), x.max(), 50)
    rows = np.zeros((grid.size, X.shape[1]))
    rows[:, 0], rows[:, 1] = 1, grid
    half = stats.t.ppf(0.975, df) * np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows))
    line = rows @ beta
    return Line(grid, line, line - half, line + half, y - C @ beta[2:], float(beta[1]))


def median_line(
    x: npt.ArrayLike, y: npt.ArrayLike, covariates: npt.ArrayLike, *, alpha: float
) -> Line | None:
    """Return the line with the median of the slopes between all pairs of points.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        Finite values.
    covariates : array_like, shape (n, k)
        Adjusted for; k may be 0. They are taken out of both before slopes are taken
        (:func:`ketfc.inference.core.ranks.theil_sen`), and the points are `y` less what they
        explain beside that slope, around their means.
    alpha : float
        The band covers 1 − `alpha`.

    Returns
    -------
    Line or None
        Through the medians of `x` and of the residuals, about which point the band turns the line
        by the interval of its slope; None if the data do not determine it.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    C = np.asarray(covariates, dtype=float).reshape(len(x), -1)
    C = C - C.mean(axis=0)
    nuisance = np.column_stack([np.ones_like(x), C])
    full = np.column_stack([nuisance, x])
    if len(x) - full.shape[1] < 2 or np.linalg.matrix_rank(full) < full.shape[1]:
        return None
    fit = theil_sen(y, x, nuisance, alpha=alpha)
    if fit.obstacle is not None:
        return None
    explained = np.linalg.lstsq(nuisance, y - fit.slope * x, rcond=None)[0]
    points = y - C @ explained[1:]
    middle = float(np.median(x))
    level = float(np.median(points - fit.slope * x)) + fit.slope * middle
    grid = np.linspace(x.min(), x.max(), 50)
    line, one, other = (
        level + slope * (grid - middle) for slope in (fit.slope, fit.ci_low, fit.ci_high)
    )
    low, high = np.minimum(one, other), np.maximum(one, other)
    return Line(grid, line, low, high, points, fit.slope)


def draw_points(
    axes: Axes,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    roles: Sequence[str | None],
    arms: Sequence[Arm],
    *,
    size: float,
) -> None:
    """Draw participants in the colour and with the marker of their arm, and both axes' zero.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    x, y : numpy.ndarray, shape (n,)
        Where.
    roles : sequence of (str or None)
        Role of the arm of each participant.
    arms : sequence of Arm
        All arms; everybody is in the only one where it has no role.
    size : float
        Area of a marker in square points.
    """
    axes.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    axes.axvline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    for arm in arms:
        here = np.array([arm.role is None or role == arm.role for role in roles], dtype=bool)
        axes.scatter(
            x[here],
            y[here],
            s=size,
            linewidth=0.5,
            edgecolor="white",
            zorder=3,
            marker=style.ARM_MARKERS[arm.role],
            color=style.ARM_COLOURS[arm.role],
        )
    axes.margins(0.08)
    axes.locator_params(nbins=5)


def draw_line(axes: Axes, line: Line) -> None:
    """Draw a line with its interval as a band."""
    axes.fill_between(line.x, line.low, line.high, color=style.INK, alpha=0.12, linewidth=0)
    axes.plot(line.x, line.y, color=style.INK, linewidth=1.2)
