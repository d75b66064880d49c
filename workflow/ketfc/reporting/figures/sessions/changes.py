"""Everybody's change beside the effect that was tested, on an axis that shares its zero.

The layout is that of estimation plots: of Gardner and Altman for one group or for differences
within people, of Cumming for two arms.

References
----------
Gardner MJ, Altman DG (1986), BMJ 292:746–750, doi:10.1136/bmj.292.6522.746.
Ho J et al. (2019), Nat Methods 16:565–566, doi:10.1038/s41592-019-0470-3.
Allen M et al. (2021), Wellcome Open Res 4:63, doi:10.12688/wellcomeopenres.15191.2 (rain clouds).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.reporting.design_words import arms_of, compared
from ketfc.reporting.figures import style
from ketfc.reporting.rows import CLOUD_FROM
from ketfc.reporting.words import MINUS
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 0.36  # of a cloud, and of the points beside it, where arms are 1 apart
_LEVELS = 26  # at which points stand side by side


def draw_changes(
    axes: Axes, people: pd.DataFrame, means: pd.DataFrame, effect: Mapping[Any, Any], design: Design
) -> None:
    """Draw the changes of every arm as points, cloud and mean, and the effect beside them.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        An empty panel.
    people, means : pandas.DataFrame
        Rows of one circuit of ``figures/paired.tsv``: of kind ``participant`` and ``mean``.
    effect : mapping
        Its row of kind ``estimate``. Where there are two arms its axis, on the right, has its zero
        at the mean change of the second arm; otherwise it shares the axis of the changes.
    """
    arms = arms_of(design)
    known = people.dropna(subset=["change"])
    if known.empty:
        style.say(axes, "nobody with\nboth sessions")
        return
    ticks = []
    for place, arm in enumerate(arms):
        own = known if arm.role is None else known[known["arm"] == arm.label]
        look: Any = {"color": style.ARM_COLOURS[arm.role]}
        values = own["change"].to_numpy(dtype=float)
        if len(values) >= CLOUD_FROM and np.ptp(values) > 0:
            levels, density = cloud(values)
            edge = place - 0.04
            axes.fill_betweenx(levels, edge - _WIDTH * density, edge, alpha=0.25, lw=0, **look)
        marker = style.ARM_MARKERS[arm.role]
        x = place + 0.06 + rain(values)
        axes.scatter(x, values, s=7, marker=marker, alpha=0.75, linewidths=0, zorder=3, **look)
        mean = float(means.loc[means["arm"] == arm.label, "change"].iloc[0])
        axes.plot([place - 0.04, place + 0.42], [mean, mean], linewidth=1.4, zorder=4, **look)
        ticks.append(f"n = {len(values)}")
    at = len(arms) + 0.5
    zero = float(means["change"].iloc[-1]) if len(arms) > 1 else 0.0
    axes.axhline(0, color=style.FAINT, linewidth=0.6, zorder=0)
    axes.set_ylabel("difference, Fisher z" if design.drugs else "change, Fisher z")
    _effect(axes, at, zero, effect)
    if len(arms) > 1:
        look = {
            "linestyle": (0, (2, 2)),
            "linewidth": 0.7,
            "color": style.ARM_COLOURS[arms[1].role],
        }
        axes.plot([len(arms) - 0.58, at + 0.5], [zero, zero], zorder=2, **look)
        ticks.append("difference")
        if np.isfinite(zero):
            beside = axes.secondary_yaxis("right", functions=_moved(zero))
            beside.set_ylabel(f"{arms[0].label} {MINUS} {arms[1].label}")
            beside.spines["right"].set_visible(True)
    else:
        ticks.append(f"\n{MINUS} ".join(reversed(compared(design))) if design.drugs else "mean")
    axes.set_xticks([*range(len(arms)), at], ticks)
    axes.tick_params(axis="x", length=0, labelsize=style.pt(6))
    axes.set_xlim(-0.5, at + 0.5)
    axes.margins(y=0.08)


def _effect(axes: Axes, at: float, zero: float, effect: Mapping[Any, Any]) -> None:
    """Draw estimate and both intervals at `at`, where 0 of the effect stands at `zero`."""
    if not np.isfinite(effect["change"]):
        return
    look: Any = {"color": style.INK, "zorder": 4, "solid_capstyle": "butt"}
    for ends, width in (("holm_", 0.9), ("change_", 2.4)):
        low, high = effect[f"{ends}low"], effect[f"{ends}high"]
        if np.isfinite(low):
            axes.plot([at, at], [zero + low, zero + high], linewidth=width, **look)
    axes.plot(
        at, zero + effect["change"], marker="D", markersize=5, markeredgecolor="white",
        markeredgewidth=0.7, color=style.INK, zorder=5,
    )  # fmt: skip


def _moved(zero: float) -> Any:
    """Return the functions between an axis and one whose zero stands at `zero`."""
    return (lambda value: value - zero, lambda value: value + zero)


def cloud(
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return levels from the lowest to the highest value, and the density there, its largest 1.

    A Gaussian kernel with the bandwidth of Scott's rule; it ends where the values end.
    """
    from scipy.stats import gaussian_kde

    levels = np.linspace(values.min(), values.max(), 101)
    density = gaussian_kde(values)(levels)
    return levels, density / density.max()


def rain(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return how far to the side each point stands, so that points of one level do not overlap.

    Points of a level stand side by side in their order; the widest level takes the whole width.
    """
    if len(values) == 0:
        return np.empty(0)
    span = np.ptp(values) or 1.0
    level = np.floor((values - values.min()) / span * _LEVELS).astype(int)
    rank = pd.Series(level).groupby(level).cumcount().to_numpy(dtype=float)
    return np.asarray(rank * min(0.075, _WIDTH / max(rank.max(), 1.0)))
