"""Figures of one run: motion, carpet and the matrix of the circuits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.imaging.run.carpet import NO_VALUE, STEP, Carpet
from ketfc.reporting.figures import style
from ketfc.reporting.figures.matrices import draw_matrix, leader, spread
from ketfc.reporting.words import region_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 118.0
"""Of a run's pictures, mm; two stand beside each other on a screen."""

BAD = "#d55e00"
"""Of places without signal and of what was left out."""
CENSORED = "#9fc5e8"
"""Censored volumes."""
_LIMIT = 2.0
"""Standard deviations that are black and white."""
_STRIP = ("#4c5b6b", "#a9b4c0")


def motion_limits(carpets: Sequence[Carpet], fd_thresh: float | None) -> tuple[float, float]:
    """Return the upper ends of the axes of FD (mm) and DVARS that all runs share.

    One jerk of the head must not flatten everything else: FD is cut at five times the threshold.
    """
    limits = []
    for values, usual, most in (
        ([each.fd for each in carpets], 1.5 * (fd_thresh or 0.3), 5 * (fd_thresh or 0.5)),
        ([each.std_dvars for each in carpets], 1.5, 5.0),
    ):
        largest = max((float(one[np.isfinite(one)].max(initial=0)) for one in values), default=0.0)
        largest *= 1.05
        limits.append(max(usual, min(largest, most)))
    return limits[0], limits[1]


def draw_run(
    carpet: Carpet,
    networks: Sequence[str],
    *,
    fd_thresh: float | None,
    dvars_thresh: float | None,
    limits: tuple[float, float],
) -> Figure:
    """Draw framewise displacement, DVARS and the carpet before and after denoising.

    Parameters
    ----------
    carpet : Carpet
        Of the run; at least its confounds.
    networks : sequence of str
        The network (or another group) of every parcel of the carpet's parcellation.
    fd_thresh, dvars_thresh : float or None
        What censored volumes.
    limits : tuple of float
        What :func:`motion_limits` gives.
    """
    with style.paper_style():
        # names of networks are as long as their makers like
        left = min(max(0.22, 0.09 + 0.0095 * max(map(len, networks), default=0)), 0.4)
        n_panels, height = (4, 166.0) if carpet.before.size else (2, 44.0)
        figure = style.new_figure(WIDTH, height)
        # the names beside the carpets would leave a constrained layout no room
        figure.set_layout_engine(None)
        axes = figure.subplots(
            n_panels,
            1,
            sharex=True,
            height_ratios=[1, 1, 3.8, 3.8][:n_panels],
            gridspec_kw={
                "left": left,
                "right": 0.985,
                "bottom": 9 / height,
                "top": 1 - 3 / height,
                "hspace": 0.22,
            },
        )
        figure.align_ylabels(axes[:2])
        _trace(axes[0], carpet, carpet.fd, fd_thresh, limits[0], "FD, mm")
        _trace(axes[1], carpet, carpet.std_dvars, dvars_thresh, limits[1], "std. DVARS")
        if carpet.before.size:
            order, blocks = _rows(carpet, networks)
            for panel, values, title in (
                (axes[2], carpet.before, "Before denoising (linear trend removed)"),
                (axes[3], carpet.after, f"After denoising by {carpet.strategy}"),
            ):
                _carpet(panel, carpet, values[order], blocks)
                panel.set_title(title, loc="left")
            if (carpet.after == NO_VALUE).all():
                style.say(axes[3], "not denoised: the run is excluded")
        axes[-1].set_xlabel("Time, s")
    return figure


def _step(carpet: Carpet) -> float:
    """Return seconds per volume, or 1 where they are unknown."""
    t_r = carpet.repetition_time
    return t_r if np.isfinite(t_r) else 1.0


def _trace(
    axes: Axes,
    carpet: Carpet,
    values: npt.NDArray[np.float32],
    threshold: float | None,
    limit: float,
    label: str,
) -> None:
    time = (np.arange(values.size) + 0.5) * _step(carpet)
    for volume in np.flatnonzero(~carpet.keep):
        start = volume * _step(carpet)
        axes.axvspan(start, start + _step(carpet), color=CENSORED, linewidth=0, zorder=0)
    axes.plot(time, np.minimum(values, limit), color=style.INK, linewidth=0.7)
    over = values > limit
    axes.plot(time[over], np.full(over.sum(), limit), "^", color=BAD, markersize=3, clip_on=False)
    if threshold is not None:
        axes.axhline(threshold, color=BAD, linewidth=0.7, linestyle=(0, (4, 2)))
    axes.set_ylim(0, limit)
    axes.set_ylabel(label)
    if not np.isfinite(values).any():
        style.say(axes, f"{label.partition(',')[0]} is not in the confounds")


def _rows(
    carpet: Carpet, networks: Sequence[str]
) -> tuple[npt.NDArray[np.intp], list[tuple[str, int, int]]]:
    """Return the order of rows, and name, start and stop of each group of them."""
    names = list(dict.fromkeys(networks))
    place = np.array([names.index(network) for network in networks] or [0])
    within = carpet.parcel >= 0
    key = np.where(within, place[np.maximum(carpet.parcel, 0)], len(names))
    order = np.argsort(key, kind="stable")
    blocks = []
    for i, name in enumerate([*names, "other voxels,\ndeep to edge"]):
        found = np.flatnonzero(key[order] == i)
        if found.size:
            blocks.append((name, int(found[0]), int(found[-1]) + 1))
    return order, blocks


def _carpet(
    axes: Axes, carpet: Carpet, values: npt.NDArray[np.int8], blocks: list[tuple[str, int, int]]
) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    z = np.clip(values.astype(np.float32) * STEP, -_LIMIT, _LIMIT)
    grey = np.rint((z + _LIMIT) * (255 / (2 * _LIMIT))).astype(np.uint8)
    image = np.repeat(grey[..., None], 3, axis=2)
    empty = values == NO_VALUE
    for where, colour in ((empty, CENSORED), (empty.all(axis=1), BAD)):
        image[where] = np.rint(np.multiply(to_rgb(colour), 255))
    n, end = len(values), values.shape[1] * _step(carpet)
    axes.imshow(image, aspect="auto", extent=(0, end, n, 0), interpolation="auto")
    centres = [(start + stop) / 2 for _, start, stop in blocks]
    places = spread(centres, gap=n * 0.055, low=n * 0.02, high=n * 0.98)
    for i, ((name, start, stop), centre, at) in enumerate(
        zip(blocks, centres, places, strict=True)
    ):
        axes.add_patch(
            Rectangle(
                (-0.022, start), 0.016, stop - start, facecolor=_STRIP[i % 2], linewidth=0,
                transform=axes.get_yaxis_transform(), clip_on=False,
            )
        )  # fmt: skip
        axes.annotate(
            _short(name), (-0.022, centre), (-0.045, at), xycoords=axes.get_yaxis_transform(),
            ha="right", va="center", fontsize=style.pt(6), annotation_clip=False,
            arrowprops=leader(1, 0.5),
        )  # fmt: skip
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _short(name: str) -> str:
    """Return a name of at most 20 letters a line, which is the room there is."""
    return name if max(map(len, name.split("\n"))) <= 20 else f"{name[:19]}…"


def draw_circuit_matrix(relmat: pd.DataFrame) -> Figure:
    """Draw the correlations among the regions of the circuits; uncovered ones are hatched."""
    with style.paper_style():
        figure = style.new_figure(WIDTH, 104)
        axes = figure.subplots()
        if relmat.isna().all(axis=None):
            style.say(axes, "no correlation: the run is excluded")
            return figure
        image = draw_matrix(axes, relmat.to_numpy(dtype=float), 1.0)
        names = [region_label(str(name)) for name in relmat.index]
        missing = relmat.isna().all(axis=1).to_numpy()
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            for label, absent in zip(labels, missing, strict=True):
                label.set_fontsize(style.pt(6))
                label.set_color(BAD if absent else style.INK)
        axes.tick_params(length=0)
        style.colour_bar(figure, image, axes, "Pearson's r", shrink=0.6, aspect=24, pad=0.02)
    return figure


def draw_regions_quality(
    coverage: dict[str, pd.DataFrame], min_coverage: float, colours: dict[str, Any]
) -> Figure:
    """Draw coverage and tSNR of every region of the circuits, all runs in one panel.

    Parameters
    ----------
    coverage : dict of str to pandas.DataFrame
        The circuits' coverage table of every run that was read, by the run's label.
    min_coverage : float
        Below this the region is n/a.
    colours : dict of str to (colour, marker)
        By label.
    """
    regions = list(dict.fromkeys(r for table in coverage.values() for r in table["region"]))
    bad: set[str] = set()
    with style.paper_style():
        figure = style.new_figure(style.page_width(), 26 + 3.8 * len(regions))
        panels = figure.subplots(1, 2, sharey=True)
        offsets = np.linspace(-0.18, 0.18, len(coverage)) if len(coverage) > 1 else np.zeros(1)
        for (label, table), offset in zip(coverage.items(), offsets, strict=True):
            colour, marker = colours[label]
            table = table.set_index("region").reindex(regions)
            y = np.arange(len(regions)) + offset
            used = (table["coverage_shared"] >= min_coverage).to_numpy()
            bad |= set(table.index[~used])
            for panel, column, factor in zip(panels, ("coverage", "tsnr"), (100, 1), strict=True):
                x = table[column].to_numpy(dtype=float) * factor
                panel.plot(x[used], y[used], marker, color=colour, markersize=4, label=label)
                # an empty line that is not clipped has no place, and takes all of a layout's
                panel.plot(
                    x[~used], y[~used], "X", color=BAD, markersize=5, markeredgecolor="white",
                    markeredgewidth=0.4, clip_on=bool(used.all()),
                )  # fmt: skip
                for place in y[~np.isfinite(x)]:
                    panel.annotate(
                        "n/a", (0, place), (3, 0), xycoords=panel.get_yaxis_transform(),
                        textcoords="offset points", color=BAD, fontsize=style.pt(5.5), va="center",
                    )  # fmt: skip
        panels[0].axvline(100 * min_coverage, color=BAD, linewidth=0.7, linestyle=(0, (4, 2)))
        panels[0].set_xlim(0, 104)
        panels[0].set_xlabel("Voxels with signal, %")
        panels[1].set_xlim(left=0)
        panels[1].set_xlabel("tSNR before denoising")
        panels[0].set_yticks(range(len(regions)), [region_label(region) for region in regions])
        for label_text, region in zip(panels[0].get_yticklabels(), regions, strict=True):
            label_text.set_color(BAD if region in bad else style.INK)
        panels[0].set_ylim(len(regions) - 0.4, -0.6)
        for panel in panels:
            panel.grid(axis="y", color=style.FAINT, linewidth=0.4)
            panel.set_axisbelow(True)
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(coverage)
        )
    return figure


def draw_similarity(
    first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], labels: tuple[str, str]
) -> Figure:
    """Draw every edge of one session against the same edge of another, as counts on a grid."""
    both = np.isfinite(first) & np.isfinite(second)
    with style.paper_style():
        figure = style.new_figure(WIDTH * 0.7, WIDTH * 0.6)
        axes = figure.subplots()
        x, y = first[both], second[both]
        limit = style.nice_limit(np.concatenate([x, y]), quantile=0.999)
        image = axes.hexbin(
            x, y, gridsize=60, extent=(-limit, limit, -limit, limit), bins="log", mincnt=1,
            cmap="Greys", linewidths=0,
        )  # fmt: skip
        axes.plot([-limit, limit], [-limit, limit], color=BAD, linewidth=0.6)
        axes.set_xlabel(f"{labels[0]}, Fisher z")
        axes.set_ylabel(f"{labels[1]}, Fisher z")
        axes.set_aspect("equal")
        style.colour_bar(figure, image, axes, "Edges", shrink=0.7, aspect=20)
    return figure
