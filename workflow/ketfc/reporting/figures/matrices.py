"""Mean connectivity matrices before and after, and their difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.reporting.design_words import arms_of, compared
from ketfc.reporting.figures import style
from ketfc.reporting.rows import numeric
from ketfc.reporting.words import is_missing, region_label
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

NAMED_UP_TO = 32
"""Matrices of at most this many regions show the regions' names, larger ones their networks."""

_KEYS = ["atlas", "arm", "region_a", "region_b", "network_a", "network_b"]


@dataclass(frozen=True)
class Order:
    """Regions in the order they are drawn, each with its network (None where it has none)."""

    regions: list[str]
    networks: list[str | None]

    def blocks(self) -> list[tuple[str, int, int]]:
        """Return name, start and stop of every run of regions of one network."""
        blocks: list[tuple[str, int, int]] = []
        for i, network in enumerate(self.networks):
            name = network or "other"
            if blocks and blocks[-1][0] == name:
                blocks[-1] = (name, blocks[-1][1], i + 1)
            else:
                blocks.append((name, i, i + 1))
        return blocks


def draw_matrices(
    mean_relmat: pd.DataFrame, design: Design, *, atlas: str | None = None
) -> tuple[Figure, pd.DataFrame]:
    """Draw the mean matrices before, after and their difference, one row per arm.

    Parameters
    ----------
    mean_relmat : pandas.DataFrame
        ``tests/mean_relmat.tsv``: the upper triangle, as pairs of regions.
    atlas : str, optional
        Which atlas; by default the one with the most regions.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Regions of one network stand together, networks in the order in which they first appear.
        The two sessions share one colour scale, the differences another; a pair without a value
        is grey and hatched.
    numbers : pandas.DataFrame
        Columns atlas, arm, region_a, region_b, network_a, network_b, baseline, followup,
        difference (mean Fisher z), n_baseline, n_followup; the upper triangle.
    """
    columns = [*_KEYS, "baseline", "followup", "difference", "n_baseline", "n_followup"]
    rows = mean_relmat[mean_relmat["strategy"] == design.strategy]
    rows = numeric(rows, "z", "n")
    with style.paper_style():
        if rows["z"].isna().all():
            return style.words_only(
                "No matrix has a value, so there is none to draw."
            ), pd.DataFrame(columns=columns)
        if atlas is None:
            atlas = str(rows.groupby("atlas", sort=False)["region_b"].nunique().idxmax())
        numbers = _numbers(rows[rows["atlas"] == atlas], design)[columns]
        arms = [arm.label for arm in arms_of(design) if arm.role is not None]
        labels = [arm for arm in [*arms, "all"] if (numbers["arm"] == arm).any()]
        order = order_of(numbers)
        figure = _draw(numbers, labels, order, design, atlas)
    return figure, numbers


def _numbers(rows: pd.DataFrame, design: Design) -> pd.DataFrame:
    numbers = rows[_KEYS].drop_duplicates()
    for role in ("baseline", "followup"):
        side = rows.loc[rows["role"] == design.roles[role], [*_KEYS, "z", "n"]]
        side = side.rename(columns={"z": role, "n": f"n_{role}"})
        numbers = numbers.merge(side, how="left", on=_KEYS)
    numbers["difference"] = numbers["followup"] - numbers["baseline"]
    return numbers


def order_of(numbers: pd.DataFrame) -> Order:
    """Return the regions of a table of pairs, those of one network together."""
    networks: dict[str, str | None] = {}
    for end in "ab":
        pairs = zip(numbers[f"region_{end}"], numbers[f"network_{end}"], strict=True)
        for region, network in dict.fromkeys(pairs):
            networks.setdefault(region, None if is_missing(network) else str(network))
    # the upper triangle names the last region only as region_b, so it comes last here too
    places = {network: place for place, network in enumerate(dict.fromkeys(networks.values()))}
    places |= {network: len(networks) for network in (None, "unassigned") if network in places}
    regions = sorted(networks, key=lambda region: places[networks[region]])
    return Order(regions, [networks[region] for region in regions])


def square(numbers: pd.DataFrame, order: Order, column: str) -> npt.NDArray[np.float64]:
    """Return one column of a table of pairs as a symmetric matrix, NaN where it has no pair."""
    place = {region: i for i, region in enumerate(order.regions)}
    matrix = np.full((len(place), len(place)), np.nan)
    i = numbers["region_a"].map(place).to_numpy(dtype=int)
    j = numbers["region_b"].map(place).to_numpy(dtype=int)
    matrix[i, j] = matrix[j, i] = numbers[column].to_numpy(dtype=float)
    return matrix


def _draw(
    numbers: pd.DataFrame, labels: list[str], order: Order, design: Design, atlas: str
) -> Figure:
    from matplotlib.ticker import MaxNLocator

    named = len(order.regions) <= NAMED_UP_TO
    figure = style.new_figure(style.page_width(), 62 * len(labels) + (18 if named else 12))
    panels = figure.subplots(len(labels), 3, squeeze=False)
    before, after = compared(design)
    titles = {"baseline": before, "followup": after, "difference": f"{after} − {before}"}
    limits = {
        "session": style.nice_limit(numbers[["baseline", "followup"]], quantile=0.99),
        "difference": style.nice_limit(numbers["difference"], quantile=0.99),
    }
    images = {}
    for row, label in enumerate(labels):
        of_arm, arm = numbers[numbers["arm"] == label], "" if label == "all" else f"{label}: "
        for column, what in enumerate(titles):
            axes = panels[row, column]
            kind = "difference" if what == "difference" else "session"
            images[kind] = draw_matrix(axes, square(of_arm, order, what), limits[kind])
            mark_order(axes, order, named, left=column == 0, below=row == len(labels) - 1)
            axes.set_title(f"{arm}{titles[what]}{_count(of_arm, what)}")
    for kind, columns, text in (
        ("session", panels[:, :2], "Mean connectivity, Fisher z"),
        ("difference", panels[:, 2], "Difference, Fisher z"),
    ):
        look: Any = {"location": "bottom", "pad": 0.03, "extend": "both", "ticks": MaxNLocator(5)}
        look |= (
            {"shrink": 0.5, "aspect": 28} if kind == "session" else {"shrink": 0.9, "aspect": 24}
        )
        style.colour_bar(figure, images[kind], columns, text, **look)
    figure.suptitle(
        f"Atlas: {atlas}, {len(order.regions)} regions", fontsize=style.pt(7), color=style.QUIET
    )
    return figure


def _count(of_arm: pd.DataFrame, what: str) -> str:
    """Return the n of a session's mean, or of both means where they differ, in brackets."""
    columns = ["n_baseline", "n_followup"] if what == "difference" else [f"n_{what}"]
    ranges = []
    for column in columns:
        counts = of_arm.loc[of_arm[column] > 0, column]
        if counts.empty:
            return ""
        low, high = int(counts.min()), int(counts.max())
        ranges.append(str(high) if low == high else f"{low}–{high}")
    return f" (n = {' and '.join(dict.fromkeys(ranges))})"


def draw_matrix(axes: Axes, matrix: npt.NDArray[np.float64], limit: float) -> AxesImage:
    """Draw a matrix between −`limit` and `limit`; what is missing is grey and hatched.

    nilearn's ``plot_matrix`` leaves missing cells white and centres its colours on no value.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Rectangle

    n = len(matrix)
    axes.add_patch(
        Rectangle((-0.5, -0.5), n, n, facecolor=style.NO_DATA, hatch="/////", linewidth=0, zorder=0)
    )
    look: Any = {"cmap": style.DIVERGING, "vmin": -limit, "vmax": limit, "interpolation": "none"}
    image = axes.imshow(np.ma.masked_invalid(matrix), zorder=1, **look)
    # a region with itself is no measurement: white, neither a value nor a missing one
    diagonal = np.ma.masked_where(~np.eye(n, dtype=bool), np.ones((n, n)))
    axes.imshow(diagonal, cmap=ListedColormap(["white"]), interpolation="none", zorder=2)
    for spine in axes.spines.values():
        spine.set_visible(True)
    return image


def mark_order(axes: Axes, order: Order, named: bool, *, left: bool, below: bool) -> None:
    """Name the regions of a matrix, or part its networks by lines and name them."""
    axes.set_xticks([])
    axes.set_yticks([])
    blocks = order.blocks()
    for _, start, _ in blocks[1:]:
        axes.axhline(start - 0.5, color=style.INK, linewidth=0.4, zorder=3)
        axes.axvline(start - 0.5, color=style.INK, linewidth=0.4, zorder=3)
    if named:
        names = [region_label(region) for region in order.regions]
        centres = [float(i) for i in range(len(names))]
    elif len(blocks) > 1:
        names = [name for name, _, _ in blocks]
        centres = [(start + stop - 1) / 2 for _, start, stop in blocks]
    else:
        return
    n = len(order.regions)
    # small networks would share a place: their names move apart, joined to them by a thin line
    places = spread(centres, gap=0.0 if named else n * 0.054, low=0.0, high=n - 1.0)
    distance = n * (0.02 if named else 0.06)
    for name, centre, place in zip(names, centres, places, strict=True):
        text: dict[str, Any] = {"fontsize": style.pt(5.5 if named else 6), "annotation_clip": False}
        if left:
            text |= {"ha": "right", "va": "center", "arrowprops": None if named else leader(1, 0.5)}
            axes.annotate(name, (-0.5, centre), (-0.5 - distance, place), **text)
        if below:
            text |= {"ha": "center", "va": "top", "arrowprops": None if named else leader(0.5, 1)}
            axes.annotate(name, (centre, n - 0.5), (place, n - 0.5 + distance), rotation=90, **text)


def leader(across: float, up: float) -> dict[str, Any]:
    """Return the look of a thin line from that point of a text's box."""
    return {
        "arrowstyle": "-",
        "linewidth": 0.4,
        "color": style.QUIET,
        "relpos": (across, up),
        "shrinkA": 0.5,
        "shrinkB": 0,
    }


def spread(centres: list[float], *, gap: float, low: float, high: float) -> list[float]:
    """Return the places nearest to increasing `centres` that are at least `gap` apart.

    Least squares by pooling neighbours that are too close (isotonic regression of the centres less
    their gaps), kept between `low` and `high`; with too little room the gap gives way.
    """
    gap = min(gap, (high - low) / max(len(centres) - 1, 1))
    pools: list[list[float]] = []
    for i, centre in enumerate(centres):
        pools.append([centre - i * gap])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    flat = [float(np.mean(pool)) for pool in pools for _ in pool]
    ceiling = high - (len(centres) - 1) * gap
    return [min(max(place, low), ceiling) + i * gap for i, place in enumerate(flat)]
