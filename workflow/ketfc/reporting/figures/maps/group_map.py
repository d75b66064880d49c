"""A group map: what survives in a glass brain, and the whole map in slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.inference.maps.clusters import CLUSTER
from ketfc.reporting.figures import style
from ketfc.reporting.text.maps.captions import asked, outcome
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SLICES: Mapping[str, int] = {"z": 8, "y": 8, "x": 8}
_MARGIN = 0.12
"""Slices along each axis, and the share of the mask's extent that is left out at either end."""


@dataclass(frozen=True, eq=False)
class MapImages:
    """The images of a group map, as ``nibabel`` has them."""

    t: Any
    thresholded: Any
    mask: Any

    @classmethod
    def read(cls, t: str | Path, thresholded: str | Path, mask: str | Path) -> MapImages:
        """Read the three files."""
        import nibabel as nib

        return cls(*(nib.load(path) for path in (t, thresholded, mask)))


def draw_group_map(
    images: MapImages, clusters: pd.DataFrame, design: Design
) -> tuple[Figure, pd.DataFrame]:
    """Draw a group map.

    Parameters
    ----------
    images : MapImages
        Its t, that of surviving voxels, and its mask.
    clusters : pandas.DataFrame
        The map's rows of ``maps/clusters.tsv``.
    design : Design
        The study's design.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Above, surviving voxels seen through a glass brain. Below, t of the whole map over the
        template, the fainter the nearer to 0, surviving voxels outlined, in slices through the
        peaks. Left is left.
    numbers : pandas.DataFrame
        The clusters.
    """
    with style.paper_style():
        first = clusters.iloc[0]
        if not bool(np.asanyarray(images.mask.dataobj).any()):
            return style.words_only(
                f"{asked(first, design)}: {outcome(clusters, design)}"
            ), clusters
        return _draw(images, clusters, design), clusters


def _draw(images: MapImages, clusters: pd.DataFrame, design: Design) -> Figure:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from nilearn import plotting

    figure = style.new_figure(style.page_width(), 128)
    figure.set_layout_engine(None)
    t = np.asanyarray(images.t.dataobj)
    limit = style.nice_limit(t[t != 0], quantile=0.999, smallest=3.0)
    look: Any = {"figure": figure, "cmap": style.DIVERGING, "vmin": -limit, "vmax": limit}
    look |= {"colorbar": False}
    found = clusters[clusters["result"] == CLUSTER]
    glass = plotting.plot_glass_brain(
        None if found.empty else images.thresholded,
        axes=(0.0, 0.7, 1.0, 0.21),
        display_mode="lyrz",
        plot_abs=False,
        threshold=1e-6,
        **look,
    )
    places = _slices(np.asanyarray(images.mask.dataobj) > 0, images.mask.affine, found)
    panels = [glass]
    for row, (axis, cuts) in enumerate(places.items()):
        panel = plotting.plot_stat_map(
            images.t,
            axes=(0.0, 0.495 - 0.18 * row, 1.0, 0.19),
            display_mode=axis,
            cut_coords=cuts,
            black_bg=False,
            threshold=0,
            transparency=images.t,
            transparency_range=[0.0, limit / 2],
            resampling_interpolation="nearest",
            **look,
        )
        if not found.empty:
            panel.add_contours(
                _binary(images.thresholded), levels=[0.5], colors=style.INK, linewidths=0.5
            )
        panels.append(panel)
    for panel in panels:
        _smaller_letters(panel)
    figure.text(0.01, 0.985, asked(clusters.iloc[0], design), fontweight="bold", va="top")
    figure.text(0.01, 0.953, outcome(clusters, design), va="top")
    bar = figure.add_axes((0.3, 0.085, 0.4, 0.014))
    colours = ScalarMappable(Normalize(-limit, limit), style.DIVERGING)
    drawn = figure.colorbar(colours, cax=bar, orientation="horizontal", extend="both")
    drawn.set_label("t (above: voxels that survive; below: all voxels, those outlined)")
    drawn.outline.set_linewidth(0.5)
    return figure


def _slices(
    mask: npt.NDArray[np.bool_], affine: npt.NDArray[np.float64], found: pd.DataFrame
) -> dict[str, list[float]]:
    """Return places of slices along each axis, in mm: even, the nearest moved to the peaks."""
    voxels = np.argwhere(mask)
    mm = voxels @ affine[:3, :3].T + affine[:3, 3]
    low, high = mm.min(axis=0), mm.max(axis=0)
    places = {}
    for axis, count in _SLICES.items():
        i = "xyz".index(axis)
        spare = _MARGIN * (high[i] - low[i])
        cuts = np.linspace(low[i] + spare, high[i] - spare, count).round()
        taken: set[int] = set()
        for peak in found[axis].head(count):
            order = [int(k) for k in np.argsort(np.abs(cuts - peak)) if int(k) not in taken]
            cuts[order[0]] = peak
            taken.add(order[0])
        places[axis] = sorted({float(cut) for cut in cuts})
    return places


def _binary(image: Any) -> Any:
    """Return an image that is 1 where another is not 0."""
    import nibabel as nib

    return nib.Nifti1Image(
        (np.asanyarray(image.dataobj) != 0).astype(np.float32), affine=image.affine
    )


def _smaller_letters(panel: Any) -> None:
    """Give the letters and places of nilearn's slices the size of this figure's text."""
    for cut in panel.axes.values():
        for text in cut.ax.texts:
            text.set_fontsize(style.pt(6.5))
