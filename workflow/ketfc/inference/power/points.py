"""Scores of an ordinal scale that floor, ceiling, skew and zeros give a shape."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.permutation import Floats
from ketfc.study.config.planning.power import Points


def points_of(shape: Points) -> Callable[[Floats], Floats]:
    """Return a function that turns standard normal values into the points of a scale.

    Parameters
    ----------
    shape : Points
        The share `at_floor` has the floor; all others a Pearson type III distribution (a shifted
        gamma distribution) of that mean, standard deviation and skewness, rounded to whole points
        and cut off at floor and ceiling.

    Returns
    -------
    callable
        The higher the value, the more points: the order of participants stays, but for ties.
    """
    edges = _edges(shape)

    def points(latent: Floats) -> Floats:
        found: Floats = shape.floor + np.searchsorted(edges, latent).astype(np.float64)
        return found

    return points


def summary_of(shape: Points) -> dict[str, float]:
    """Return mean, standard deviation and share at the floor of the points themselves."""
    from scipy import stats

    below = np.r_[0.0, stats.norm.cdf(_edges(shape)), 1.0]
    share = np.diff(below)
    points = shape.floor + np.arange(len(share))
    mean = float(share @ points)
    return {
        "mean": mean,
        "sd": float(share @ (points - mean) ** 2) ** 0.5,
        "at_floor": float(share[0]),
    }


def _edges(shape: Points) -> npt.NDArray[np.float64]:
    """Return the normal value up to which each number of points but the most reaches."""
    from scipy import stats

    points = np.arange(shape.floor, shape.ceiling)
    above = stats.pearson3.cdf(points + 0.5, shape.skew, loc=shape.mean, scale=shape.sd)
    edges: Floats = stats.norm.ppf(shape.at_floor + (1 - shape.at_floor) * above)
    return edges
