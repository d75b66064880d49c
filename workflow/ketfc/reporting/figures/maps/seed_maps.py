"""The seed maps of one participant, all runs side by side, for the eye to judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ketfc.base.files import read_json
from ketfc.reporting.figures import style
from ketfc.reporting.words import region_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_LIMIT = 0.8
"""Fisher z of the darkest colours; the same for all maps, so that runs can be compared."""

_SLICE = 20.0
"""Width of a slice, mm of paper."""

_NAMES = 24.0
"""Width of the names of the seeds, mm of paper."""


@dataclass(frozen=True, eq=False)
class SeedMap:
    """One seed's map of one run.

    Attributes
    ----------
    z : numpy.ndarray of float32, shape (i, j, k)
        Fisher z of the box around the brain, i from left to right, j from back to front, k from
        below; NaN without a value.
    centre : tuple of int or None
        Voxel of the seed's middle, in which the slices are taken; None if there is no map.
    reason : str or None
        Why there is no map.
    """

    z: npt.NDArray[np.float32]
    centre: tuple[int, int, int] | None
    reason: str | None


def read_seed_map(path: str | Path) -> SeedMap:
    """Read a map that :mod:`ketfc.imaging.maps` wrote, and the JSON beside it."""
    import nibabel as nib

    path = Path(path)
    about = read_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"))
    image: Any = nib.as_closest_canonical(nib.load(path))
    z = np.asarray(image.dataobj, dtype=np.float32)
    if about["Excluded"] or about["SeedCentre"] is None:
        return SeedMap(z, None, about["Excluded"] or "the seed lies outside the image")
    place = np.linalg.inv(image.affine) @ [*about["SeedCentre"], 1]
    brain = np.argwhere(np.isfinite(z))
    low, high = brain.min(axis=0), brain.max(axis=0)
    z = z[tuple(slice(first, last + 1) for first, last in zip(low, high, strict=True))]
    i, j, k = np.clip(np.rint(place[:3]).astype(int) - low, 0, high - low)
    return SeedMap(z, (int(i), int(j), int(k)), None)


def draw_seed_maps(maps: Mapping[str, Sequence[SeedMap]], labels: Sequence[str]) -> Figure:
    """Draw three slices through every seed, a row for each, and all runs beside each other.

    Parameters
    ----------
    maps : mapping of str to sequence of SeedMap
        By seed, its map in every run.
    labels : sequence of str
        The runs.
    """
    width, height = _NAMES + 3 * _SLICE * len(labels), 18.0 + 1.1 * _SLICE * len(maps)
    with style.paper_style():
        figure = style.new_figure(width, height)
        figure.set_layout_engine(None)
        axes = figure.subplots(
            len(maps),
            3 * len(labels),
            squeeze=False,
            gridspec_kw={
                "left": _NAMES / width,
                "right": 1 - 1 / width,
                "bottom": 12 / height,
                "top": 1 - 5 / height,
                "wspace": 0.03,
                "hspace": 0.04,
            },
        )
        shown = None
        for row, (seed, of_runs) in zip(axes, maps.items(), strict=True):
            row[0].text(
                -0.08, 0.5, region_label(seed), transform=row[0].transAxes, ha="right", va="center"
            )
            for run, one in enumerate(of_runs):
                panels = row[3 * run : 3 * run + 3]
                shown = _draw_map(panels, one) or shown
                for panel in panels:
                    panel.set_axis_off()
        for run, label in enumerate(labels):
            # above the tallest slice, whichever it is
            left = (_NAMES + 3 * _SLICE * run) / width
            figure.text(left, 1 - 1 / height, label, va="top", fontsize=style.pt(7.5))
        if shown is not None:
            bar = figure.add_axes((_NAMES / width, 5.5 / height, 3 * _SLICE / width, 1.6 / height))
            ticks = [-_LIMIT, -_LIMIT / 2, 0, _LIMIT / 2, _LIMIT]
            figure.colorbar(shown, cax=bar, orientation="horizontal", extend="both", ticks=ticks)
            bar.set_xlabel("Fisher z", labelpad=1)
            bar.xaxis.set_label_position("top")
    return figure


def _draw_map(panels: Sequence[Axes], one: SeedMap) -> AxesImage | None:
    """Draw the sagittal, coronal and axial slice through the seed; None if there is no map."""
    from matplotlib import colormaps

    if one.centre is None:
        style.say(panels[1], "\n".join(wrap(f"no map: {one.reason}", 44)))
        return None
    i, j, k = one.centre
    colours = colormaps[style.DIVERGING].with_extremes(bad=style.NO_DATA)
    look: Any = {"cmap": colours, "vmin": -_LIMIT, "vmax": _LIMIT, "origin": "lower"}
    image = None
    for panel, (plane, across, up) in zip(
        panels,
        ((one.z[i], j, k), (one.z[:, j], i, k), (one.z[:, :, k], i, j)),
        strict=True,
    ):
        image = panel.imshow(np.ma.masked_invalid(plane.T), interpolation="nearest", **look)
        panel.plot(across, up, "o", markersize=5, markerfacecolor="none", markeredgecolor="black")
    for panel in panels[1:]:
        for x, side in ((0.02, "L"), (0.92, "R")):
            panel.text(x, 0.92, side, transform=panel.transAxes, fontsize=style.pt(5), va="top")
    return image
