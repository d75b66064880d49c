"""Lines through points, less what covariates explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

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


def draw_points(
    axes: Axes,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    roles: Sequence[str | None],
    arms: Sequence[Arm],
    *,
    size: float,
    filled: bool = True,
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
    filled : bool
        Whether markers are filled, or outlines.
    """
    axes.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    axes.axvline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    for arm in arms:
        here = np.array([arm.role is None or role == arm.role for role in roles], dtype=bool)
        axes.scatter(
            x[here],
            y[here],
            s=size,
            zorder=3,
            marker=style.ARM_MARKERS[arm.role],
            linewidth=0.5 if filled else 0.7,
            edgecolor="white" if filled else style.ARM_COLOURS[arm.role],
            facecolor=style.ARM_COLOURS[arm.role] if filled else "none",
        )
    axes.margins(0.08)
    axes.locator_params(nbins=5)


def draw_line(axes: Axes, line: Line) -> None:
    """Draw a line with its interval as a band."""
    axes.fill_between(line.x, line.low, line.high, color=style.INK, alpha=0.12, linewidth=0)
    axes.plot(line.x, line.y, color=style.INK, linewidth=1.2)
