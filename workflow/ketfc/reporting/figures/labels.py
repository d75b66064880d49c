"""Names beside points, so that none covers another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ANGLES = (0, 180, 45, 135, 315, 225, 90, 270, 22, 158, 338, 202)
_DISTANCES = (5.0, 8.0, 12.0, 17.0, 23.0)
_LEADER_FROM = 8.0  # from this distance on (points) a thin line joins name and point

Box = tuple[float, float, float, float]


def merge_close(
    points: npt.NDArray[np.float64], distance: float
) -> list[tuple[tuple[float, float], list[int]]]:
    """Return groups of points that are closer together than `distance`, with their centres.

    Parameters
    ----------
    points : numpy.ndarray, shape (points, 2)
        Where the points are.
    distance : float
        In the units of `points`; a point joins the first group whose first member is closer.

    Returns
    -------
    list of ((x, y), list of int)
        The centre of each group and the rows of `points` in it.
    """
    groups: list[list[int]] = []
    for i, point in enumerate(points):
        for group in groups:
            if np.hypot(*(points[group[0]] - point)) < distance:
                group.append(i)
                break
        else:
            groups.append([i])
    centres = [points[group].mean(axis=0) for group in groups]
    return [((float(x), float(y)), group) for (x, y), group in zip(centres, groups, strict=True)]


def place_labels(
    figure: Figure,
    axes: Axes,
    points: list[tuple[float, float]],
    texts: list[str],
    *,
    obstacles: npt.NDArray[np.float64],
    fontsize: float,
) -> None:
    """Write each text near its point where it covers no other text, point or obstacle.

    Every text takes the first free place among those of rising distance around its point, the
    most crowded point first; where none is free, the place that is covered least.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The whole figure.
    axes : matplotlib.axes.Axes
        A panel with its final limits and its final place in the figure.
    points : list of (float, float)
        In data coordinates.
    texts : list of str
        One per point.
    obstacles : numpy.ndarray, shape (n, 2)
        Further places to leave free (data coordinates), such as points on lines.
    fontsize : float
        In points.
    """
    from matplotlib import patheffects
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    scale = figure.dpi / 72
    anchors = axes.transData.transform(np.asarray(points, dtype=float).reshape(-1, 2))
    blocked = axes.transData.transform(np.asarray(obstacles, dtype=float).reshape(-1, 2))
    frame = axes.get_window_extent(renderer)
    halo = [patheffects.withStroke(linewidth=1.6, foreground="white")]
    placed: list[Box] = []
    for i in _most_crowded_first(anchors):
        text = axes.text(
            0, 0, texts[i], fontsize=fontsize, ha="center", va="center", zorder=9, path_effects=halo
        )
        extent = text.get_window_extent(renderer)
        width, height = extent.width, extent.height * 0.9
        best: tuple[float, float, float, float, Box] | None = None
        for distance in _DISTANCES:
            for angle in _ANGLES:
                x, y = _beside(anchors[i], width, height, distance * scale, math.radians(angle))
                box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
                cost = (
                    20 * sum(_overlap(box, other) for other in placed)
                    + 9 * _inside(box, anchors, 3.2 * scale) * height**2
                    + _inside(box, blocked, 0.5 * scale) * height**2 / 3
                    + 12 * _outside(box, (frame.x0, frame.y0, frame.x1, frame.y1))
                    + 4 * _nearer_to_another(box, anchors, i) * height**2
                    + 0.15 * distance * height
                )
                if best is None or cost < best[0]:
                    best = (cost, x, y, distance, box)
        assert best is not None
        _, x, y, distance, box = best
        placed.append(box)
        to_data = axes.transData.inverted().transform
        text.set_position(tuple(to_data((x, y))))
        if distance >= _LEADER_FROM:
            end = (float(np.clip(anchors[i][0], box[0], box[2])), y)
            xs, ys = zip(*to_data([end, anchors[i]]), strict=True)
            axes.plot(xs, ys, color="#777777", linewidth=0.4, zorder=6)


def _most_crowded_first(anchors: npt.NDArray[np.float64]) -> list[int]:
    distances = np.hypot(*(anchors[:, None, :] - anchors[None, :, :]).transpose(2, 0, 1))
    crowding = np.exp(-distances / 40).sum(axis=1).round(6)
    return [int(i) for i in np.argsort(-crowding, kind="stable")]


def _beside(
    anchor: npt.NDArray[np.float64], width: float, height: float, distance: float, angle: float
) -> tuple[float, float]:
    """Return the centre of a box whose edge is `distance` from the anchor in that direction."""
    across, up = math.cos(angle), math.sin(angle)
    x = anchor[0] + across * distance + np.sign(round(across, 3)) * width / 2
    y = anchor[1] + up * distance + up * height / 2
    return float(x), float(y)


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _inside(box: Box, points: npt.NDArray[np.float64], margin: float) -> int:
    across = (points[:, 0] > box[0] - margin) & (points[:, 0] < box[2] + margin)
    up = (points[:, 1] > box[1] - margin) & (points[:, 1] < box[3] + margin)
    return int(np.sum(across & up))


def _nearer_to_another(box: Box, anchors: npt.NDArray[np.float64], own: int) -> bool:
    """Return whether a reader would take the text for the name of another point."""
    low, high = np.array(box[:2]), np.array(box[2:])
    gaps = np.hypot(*(np.clip(anchors, low, high) - anchors).T)
    return bool(np.delete(gaps, own).min(initial=np.inf) < gaps[own] * 1.15)


def _outside(box: Box, frame: Box) -> float:
    area = (box[2] - box[0]) * (box[3] - box[1])
    return area - _overlap(box, frame)
