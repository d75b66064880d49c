"""A forest of every hypothesis: effects, corrected p, and what each has to stand up to."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.base.files import MISSING
from ketfc.inference.families import PRIMARY_ASSOCIATION, PRIMARY_CHANGE, SECONDARY
from ketfc.reporting.design_words import arms_of, compared
from ketfc.reporting.figures import style
from ketfc.reporting.gates import CHOICES, FAILED, HABENULA, MOTION, OPEN, PASSED, gates
from ketfc.reporting.rows import STATES, state_of
from ketfc.reporting.tables import LEGIBLE
from ketfc.reporting.words import MINUS, as_number, is_missing, number, p_equals, sentence
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_CHANGE, _ASSOCIATION = "change", "association"
_GATES = {MOTION: "motion", CHOICES: "choices", HABENULA: "habenula"}
_LOOKS: dict[str, dict[str, Any]] = {
    PASSED: {"marker": "o", "markerfacecolor": style.INK},
    FAILED: {"marker": "x", "markerfacecolor": style.INK},
    OPEN: {"marker": "o", "markerfacecolor": "white"},
}
_COLUMNS = [
    *("panel", "block", "hypothesis", "name", "test", "family"),
    *("value", "ci_low", "ci_high", "effect_size_type", "p_holm", "n", "state", "why"),
    *_GATES.values(),
]
_ROW = 5.2  # mm
_TEXT = 5.8


def draw_hypotheses(
    hypotheses: pd.DataFrame, motion: pd.DataFrame, curves: pd.DataFrame, design: Design
) -> tuple[Figure, pd.DataFrame]:
    """Draw the effect of every primary and secondary test, a row for each circuit.

    Parameters
    ----------
    hypotheses, motion, curves : pandas.DataFrame
        ``tests/hypotheses.tsv``, ``quality/motion.tsv`` and ``tests/specification_curve.tsv``.
    design : Design
        Its `alpha` says what is evidence.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Left changes, in standard deviations, right associations, as correlations; primary tests
        above secondary ones. Filled where p after Holm is not above alpha. On the right the gates
        of the circuit.
    numbers : pandas.DataFrame
        A row for each test. `block` is what stands together, `why` the reason of no result.
    """
    numbers = _numbers(hypotheses, motion, curves, design)
    with style.paper_style():
        if numbers.empty:
            return style.words_only("No hypothesis is to be tested."), numbers
        return _draw(numbers, design), numbers


def _numbers(
    hypotheses: pd.DataFrame, motion: pd.DataFrame, curves: pd.DataFrame, design: Design
) -> pd.DataFrame:
    families = (PRIMARY_CHANGE, PRIMARY_ASSOCIATION, SECONDARY)
    kept = hypotheses[hypotheses["family"].isin(families)]
    # tests beside the two that every circuit has: of one arm, of later sessions
    further = [name for name in kept["test"].unique() if name not in (_CHANGE, _ASSOCIATION)]
    rows: list[dict[str, Any]] = []
    for row in kept.to_dict("records"):
        test, circuit = str(row["test"]), str(row["hypothesis"])
        # as it is computed, or as it is read
        primary = str(row["primary"]).lower() in ("true", "1")
        block = "primary circuits" if primary else "secondary circuits"
        if test in further:
            block = _of_what(test, design)
        of_circuit = {
            gate.name: gate.state for gate in gates(circuit, hypotheses, motion, curves, design)
        }
        state = state_of(row, design.alpha)
        rows.append(
            {
                "panel": _panel_of(row),
                "block": block,
                "hypothesis": circuit,
                "name": circuit if is_missing(row["name"]) else row["name"],
                "test": test,
                "family": row["family"],
                "value": as_number(row["effect_size"]),
                "ci_low": as_number(row["effect_size_ci_low"]),
                "ci_high": as_number(row["effect_size_ci_high"]),
                "effect_size_type": row["effect_size_type"],
                "p_holm": as_number(row["p_holm"]),
                "n": as_number(row["n"]),
                "state": STATES[state],
                "why": row["flags"] if state == "none" else None,
                **{column: of_circuit.get(gate) for gate, column in _GATES.items()},
            }
        )
    numbers = pd.DataFrame(rows, columns=_COLUMNS)
    blocks = ["primary circuits", "secondary circuits"]
    blocks += list(dict.fromkeys(_of_what(test, design) for test in further))
    place = numbers["block"].map({name: i for i, name in enumerate(blocks)})
    return numbers.loc[place.sort_values(kind="stable").index].reset_index(drop=True)


def _panel_of(row: Mapping[Any, Any]) -> str:
    return _ASSOCIATION if str(row["test"]).startswith(_ASSOCIATION) else _CHANGE


def _of_what(test: str, design: Design) -> str:
    """Return what a further test is of: an arm, a later session, the first period."""
    for kind in (_CHANGE, _ASSOCIATION):
        test = test.removeprefix(f"{kind}-")
    within = "within " if test in design.arms.values() else ""
    return f"secondary: {within}{test.replace('-', ' ')}"


def _draw(numbers: pd.DataFrame, design: Design) -> Figure:
    places, headings = _places(numbers)
    height = max(places.values()) + 1
    figure = style.new_figure(style.page_width(), 24 + _ROW * height)
    gated = [column for column in _GATES.values() if numbers[column].notna().any()]
    panels = [name for name in (_CHANGE, _ASSOCIATION) if (numbers["panel"] == name).any()]
    grid = figure.add_gridspec(1, len(panels) + 1, width_ratios=[1.0] * len(panels) + [0.4])
    for i, panel in enumerate(panels):
        axes = figure.add_subplot(grid[0, i])
        own = numbers[numbers["panel"] == panel]
        _forest(axes, own, places)
        _entitle(axes, panel, own, design)
        for block in [name for name in headings if name not in set(own["block"])]:
            within = panel == _CHANGE and " within " in block
            look: Any = {
                "ha": "center",
                "va": "center",
                "fontsize": style.pt(_TEXT),
                "color": style.QUIET,
            }
            look |= {"bbox": {"color": "white", "pad": 1}}
            axes.text(
                0, headings[block] + 1, "described, not tested" if within else "not tested", **look
            )
        _left(axes, numbers if i == 0 else numbers.iloc[:0], places, headings)
        axes.set_ylim(height - 0.4, -0.8)
    last = figure.add_subplot(grid[0, len(panels)])
    _stand_up(last, numbers, places, gated)
    last.set_ylim(height - 0.4, -0.8)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=5, handletextpad=0.3)
    return figure


def _places(numbers: pd.DataFrame) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Return the rows of circuits, by block and circuit, and those of the headings of blocks."""
    places: dict[tuple[str, str], int] = {}
    headings: dict[str, int] = {}
    row = 0
    for block, own in numbers.groupby("block", sort=False):
        headings[str(block)] = row
        for circuit in own["hypothesis"].unique():
            row += 1
            places[str(block), str(circuit)] = row
        row += 1
    return places, headings


def _forest(axes: Axes, own: pd.DataFrame, places: Mapping[tuple[str, str], int]) -> None:
    """Draw effects with intervals against zero, and beside them p, n and what they say."""
    ends = np.abs(own[["value", "ci_low", "ci_high"]].to_numpy(dtype=float))
    reach = min(LEGIBLE, 1.08 * float(np.nanmax(ends))) if np.isfinite(ends).any() else 1.0
    if own["effect_size_type"].astype(str).str.contains("rho").any():
        reach = 1.0
    axes.set_xlim(-reach, reach)
    axes.axvline(0, color=style.QUIET, linewidth=0.6, zorder=0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    beside: Any = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    scale = style.pt(_TEXT) / _TEXT
    beside |= {"va": "center", "fontsize": style.pt(_TEXT), "annotation_clip": False}
    for row in own.to_dict("records"):
        y = places[row["block"], row["hypothesis"]]
        words = [(p_equals(row["p_holm"], "").strip(" ="), 4), (number(row["n"], 0), 32)]
        if np.isfinite(row["value"]):
            _effect(axes, row, y, reach)
        else:
            reason = "" if is_missing(row["why"]) else f": {row['why']}"
            text = textwrap.shorten(f"no result{reason}", 44, placeholder=" …")
            axes.text(
                0, y, text, ha="center", va="center", fontsize=style.pt(_TEXT), color=style.QUIET
            )
            words = []
        weight = "bold" if row["state"] == STATES["found"] else "normal"
        for text, right in [*words, (row["state"], 44)]:
            axes.annotate(text, (1, y), (right * scale, 0), fontweight=weight, **beside)
    for text, right in (("p(Holm)", 4), ("n", 32), ("", 44)):
        axes.annotate(text, (1, -0.45), (right * scale, 0), color=style.QUIET, **beside)


def _effect(axes: Axes, row: Mapping[Any, Any], y: float, reach: float) -> None:
    """Draw one effect with its interval; what lies beyond the axis ends in an arrow at its edge."""
    from matplotlib.markers import CARETLEFT, CARETRIGHT

    low, value, high = (float(row[name]) for name in ("ci_low", "value", "ci_high"))
    if np.isfinite(low):
        ends = np.clip([low, high], -reach, reach)
        axes.plot(ends, [y, y], color=style.INK, linewidth=0.9, solid_capstyle="butt")
        # with their tips at the edge, so that they touch no text beside the panel
        for end, edge, marker in ((low, -reach, CARETLEFT), (high, reach, CARETRIGHT)):
            if abs(end) > reach and end * edge > 0:
                axes.plot(edge, y, marker=marker, markersize=4, color=style.INK, clip_on=False)
    if abs(value) > reach:
        right = value > 0
        look: Any = {"ha": "right" if right else "left", "va": "center", "color": style.QUIET}
        place = reach * (0.92 if right else -0.92)
        look["bbox"] = {"color": "white", "pad": 0.4}
        axes.text(place, y, number(value), fontsize=style.pt(_TEXT), **look)
    else:
        face = style.INK if row["state"] == STATES["found"] else "white"
        look = {"marker": "D" if row["family"] == SECONDARY else "s", "markersize": 4.2}
        axes.plot(value, y, color=style.INK, markerfacecolor=face, markeredgewidth=0.9, **look)


def _left(
    axes: Axes,
    numbers: pd.DataFrame,
    places: Mapping[tuple[str, str], int],
    headings: Mapping[str, int],
) -> None:
    """Name circuits and blocks at the left of a panel."""
    look: Any = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    look |= {"va": "center", "ha": "right", "annotation_clip": False}
    names = numbers.drop_duplicates(["block", "hypothesis"])
    for row in names.to_dict("records"):
        y = places[row["block"], row["hypothesis"]]
        name = textwrap.shorten(sentence(str(row["name"])), 38, placeholder=" …")
        axes.annotate(name, (0, y), (-4, 0), fontsize=style.pt(6.3), **look)
    for block in names["block"].unique():
        axes.annotate(
            sentence(block),
            (0, headings[block]),
            (-4, 0),
            fontsize=style.pt(6.3),
            fontweight="bold",
            **look,
        )


def _entitle(axes: Axes, panel: str, own: pd.DataFrame, design: Design) -> None:
    before, after = compared(design)
    arms = arms_of(design)
    if panel == _CHANGE:
        what = f"{arms[0].label} {MINUS} {arms[1].label}" if len(arms) > 1 else ""
        title = f"Change\n{what or f'{after} {MINUS} {before}'}"
    else:
        title = f"Association\nwith {design.instrument}"
    if not own["family"].astype(str).str.startswith("primary").any():
        title += " (secondary)"
    axes.set_title(title, loc="left", fontweight="bold", fontsize=style.pt(7))
    kinds = [str(kind) for kind in own["effect_size_type"].dropna().unique() if kind != MISSING]
    label = kinds[0] if len(kinds) == 1 else "effect size, of the kinds in the table"
    axes.set_xlabel(textwrap.fill(label.replace("rho", "ρ"), 26) if kinds else "")


def _stand_up(
    axes: Axes, numbers: pd.DataFrame, places: Mapping[tuple[str, str], int], gated: Sequence[str]
) -> None:
    """Mark what the results of each circuit have to stand up to, in its first row."""
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(axis="x", length=0, labeltop=True, labelbottom=False, pad=1)
    axes.set_xticks(range(len(gated)), gated, rotation=90, fontsize=style.pt(_TEXT))
    axes.set_xlim(-0.6, max(len(gated), 1) - 0.4)
    for row in numbers.drop_duplicates("hypothesis").to_dict("records"):
        y = places[row["block"], row["hypothesis"]]
        for x, column in enumerate(gated):
            if not is_missing(row[column]):
                axes.plot(x, y, markersize=3.4, color=style.INK, **_LOOKS[row[column]])


def _legend() -> list[Line2D]:
    """Return the entries: what is evidence, what is secondary, and the gates."""
    box: dict[str, Any] = {"markersize": 4.2, "color": style.INK}
    gate: dict[str, Any] = {"markersize": 3.4, "color": style.INK}
    return [
        style.legend_mark("primary, evidence", marker="s", **box),
        style.legend_mark("primary, no evidence", marker="s", markerfacecolor="white", **box),
        style.legend_mark("secondary, evidence", marker="D", **box),
        style.legend_mark("secondary, no evidence", marker="D", markerfacecolor="white", **box),
        *(style.legend_mark(f"gate {state}", **look, **gate) for state, look in _LOOKS.items()),
    ]
