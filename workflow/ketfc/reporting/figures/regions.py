"""Every region on the MNI template, as the voxels that this study measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.placing import RegionSet
from ketfc.reporting.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOUR = "#d55e00"
_HALF_WIDTH_MM = 45.0
_BEHIND = {"facecolor": "black", "edgecolor": "none", "pad": 1.2}
"""Behind words on the brain, which is white in places."""


def draw_regions(
    names: Sequence[str], regions: RegionSet, centres: dict[str, np.ndarray], grid: Grid
) -> Figure:
    """Draw regions as their voxels on the study's grid, on nilearn's bundled MNI template.

    Parameters
    ----------
    names : sequence of str
        The regions to draw, one row of two slices (sagittal and axial) each.
    regions : RegionSet
        Regions on `grid`.
    centres : dict of str to numpy.ndarray, shape (3,)
        Where to cut, mm.
    grid : Grid
        The study's grid.
    """
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    with style.paper_style():
        figure = style.new_figure(style.page_width(), 34 * rows)
        axes = figure.subplots(rows, 2 * columns, squeeze=False)
        for axis in axes.flat:
            axis.set_axis_off()
        for place, name in enumerate(names):
            row, column = divmod(place, columns)
            voxels = regions.weights[regions.names.index(name)].indices
            pair = axes[row, 2 * column : 2 * column + 2]
            for axis, direction in zip(pair, (0, 2), strict=True):
                _slice(axis, direction, centres[name], voxels, grid)
            pair[0].set_title(f"{name}, n = {len(voxels)}", loc="left", fontsize=style.pt(7))
    return figure


def _slice(axis: Any, direction: int, centre: np.ndarray, voxels: np.ndarray, grid: Grid) -> None:
    """Draw one slice of the template through `centre` and the outlines of the voxels near it."""
    from matplotlib.patches import Polygon

    template, affine = _template()
    across, up = [a for a in range(3) if a != direction]
    inverse = np.linalg.inv(affine)
    steps = np.linspace(-_HALF_WIDTH_MM, _HALF_WIDTH_MM, 181)
    points = np.empty((steps.size, steps.size, 3))
    points[..., direction] = centre[direction]
    points[..., across] = centre[across] + steps[None, :]
    points[..., up] = centre[up] + steps[:, None]
    index = np.rint(points @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    inside = ((index >= 0) & (index < template.shape)).all(axis=-1)
    index[~inside] = 0
    image = np.where(inside, template[tuple(np.moveaxis(index, -1, 0))], 0)
    extent = (
        centre[across] - _HALF_WIDTH_MM,
        centre[across] + _HALF_WIDTH_MM,
        centre[up] - _HALF_WIDTH_MM,
        centre[up] + _HALF_WIDTH_MM,
    )
    axis.imshow(image, cmap="gray", origin="lower", extent=extent, interpolation="bilinear")
    ijk = np.stack(np.unravel_index(voxels, grid.shape, order="F"), axis=-1)
    world = ijk @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    half = np.abs(grid.affine[:3, :3]).sum(axis=1) / 2
    for point in world[np.abs(world[:, direction] - centre[direction]) <= half[direction]]:
        x, y = point[across], point[up]
        corners = [
            (x - half[across], y - half[up]),
            (x + half[across], y - half[up]),
            (x + half[across], y + half[up]),
            (x - half[across], y + half[up]),
        ]
        axis.add_patch(
            Polygon(corners, facecolor=_COLOUR, alpha=0.55, edgecolor=_COLOUR, linewidth=0.4)
        )
    label = f"{'xyz'[direction]} = {centre[direction]:g}"
    at = {"color": "white", "transform": axis.transAxes, "bbox": _BEHIND}
    axis.text(0.03, 0.04, label, fontsize=style.pt(6), **at)
    if direction == 2:
        axis.text(0.03, 0.96, "L", fontsize=style.pt(6), va="top", **at)
        axis.text(0.97, 0.96, "R", fontsize=style.pt(6), va="top", ha="right", **at)


def _template() -> tuple[np.ndarray, np.ndarray]:
    """Return nilearn's bundled T1 template (ICBM 2009a, symmetric) at 1 mm and its affine."""
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=1)
    return np.asanyarray(image.dataobj), np.asarray(image.affine)
