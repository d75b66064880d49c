"""The figure of specification curves: order, marks, and the choices below."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from ketfc.reporting.figures import style
from ketfc.reporting.figures.specifications.curves import draw_specifications
from ketfc.study.config.printing.figures import Figures

sys.path.insert(0, str(Path(__file__).parents[2]))
import made_tables

EFFECTS = {"dmn": [0.3, -0.2, 0.7, 0.1, 0.5, np.nan], "sgacc": [-0.4, -0.6, -0.1, -0.9, -0.3, 0.2]}
SMALL_P = {"dmn": [2], "sgacc": [1, 3]}
"""Specifications, from 0, with p below .05."""

NAMES = {"dmn": "default-mode network, within", "sgacc": "sgACC – right lateral PFC"}


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return six specifications of two circuits: one without an effect, and one counted before."""
    rows = []
    for circuit, effects in EFFECTS.items():
        choices = product(["acompcor", "36P", "24P"], ["values", "ranks"])
        for i, (denoising, scale) in enumerate(choices):
            rows.append(
                {
                    "hypothesis": circuit, "name": NAMES[circuit], "test": "change",
                    "specification": i + 1, "denoising": denoising, "scrubbing": "FD 0.5",
                    "definition": "registered", "covariates": "none", "score": None,
                    "scale": scale, "effect": effects[i],
                    "p_permutation": 0.01 if i in SMALL_P[circuit] else 0.4,
                    "same_as": "2" if (circuit, i) == ("sgacc", 5) else None,
                }
            )  # fmt: skip
    curves = pd.DataFrame(
        {
            "hypothesis": list(NAMES), "name": list(NAMES.values()), "test": "change",
            "counted": [5.0, 5.0], "median_effect": [0.3, -0.4], "share_significant": [0.2, 0.4],
            "p_median": [0.0312, 0.5], "p_share": [0.2, 0.0004],
        }
    )  # fmt: skip
    return pd.DataFrame(rows), curves


@pytest.fixture(scope="module")
def drawn():
    return draw_specifications(*tables(), made_tables.two_arms().design)


def points_of(axes, colour):
    """Return the offsets of all marks of a colour, sorted."""
    marks = [m for m in axes.collections if any(to_hex(c) == colour for c in m.get_facecolor())]
    return sorted(tuple(map(float, point)) for mark in marks for point in mark.get_offsets())


def test_effects_ascend_and_what_is_significant_is_dark(drawn):
    figure, numbers = drawn
    assert len(numbers) == 10
    assert list(numbers.loc[numbers["hypothesis"] == "dmn", "specification"]) == [1, 2, 3, 4, 5]
    assert list(numbers.loc[numbers["hypothesis"] == "dmn", "rank"]) == [3, 1, 5, 2, 4]
    default_mode, sgacc = figure.axes[:2]
    assert points_of(default_mode, style.FOUND) == [(5.0, 0.7)]
    assert points_of(default_mode, style.OPEN) == [(1.0, -0.2), (2.0, 0.1), (3.0, 0.3), (4.0, 0.5)]
    assert points_of(sgacc, style.FOUND) == [(1.0, -0.9), (2.0, -0.6)]


def test_the_primary_specification_and_the_median_are_marked(drawn):
    figure, _ = drawn
    diamonds = [m for m in figure.axes[0].collections if not len(m.get_facecolor())]
    assert [tuple(m.get_offsets()[0]) for m in diamonds] == [(3.0, 0.3)]
    assert 0.3 in {float(line.get_ydata()[0]) for line in figure.axes[0].lines}
    shown = [text.get_text() for text in figure.axes[1].texts]
    assert "median: p = .500\n40 % of 5: p < .001" in shown


def test_the_choices_of_every_point_stand_below_it(drawn):
    figure, _ = drawn
    board = figure.axes[2]
    labels = [text.get_text() for text in board.get_yticklabels()]
    # families with one choice need no row
    assert labels == ["denoising: acompcor", "36P", "24P", "tested: values", "ranks"]
    marks = sorted(tuple(map(int, p)) for m in board.collections for p in m.get_offsets())
    # ranks and rows: specifications 2, 4, 1, 5 and 3 in this order, values before ranks
    assert marks == sorted([
        (1, 0), (1, 4), (2, 1), (2, 4), (3, 0), (3, 3), (4, 2), (4, 3), (5, 1), (5, 3)
    ])  # fmt: skip


@pytest.mark.parametrize("journal", [None, "plos"])
def test_no_name_covers_what_is_said_below_it(journal, tmp_path):
    with style.printed(Figures(journal=journal).printed("specifications")), style.paper_style():
        figure, numbers = draw_specifications(*tables(), made_tables.two_arms().design)
        style.save_figure(figure, tmp_path / "specifications", numbers)
        renderer = figure.canvas.get_renderer()
        for axes in figure.axes[:2]:
            (said,) = [text for text in axes.texts if "median" in text.get_text()]
            below, above = (t.get_window_extent(renderer) for t in (said, axes._left_title))
            assert axes.bbox.y1 < below.y0 + 1
            assert below.y1 < above.y0 + 1
            assert above.y1 < figure.bbox.y1 + 1


def test_a_study_without_any_says_so():
    table, curves = tables()
    figure, numbers = draw_specifications(
        table.assign(effect=np.nan), curves, made_tables.two_arms().design
    )
    assert numbers.empty
    assert [text.get_text() for text in figure.texts] == ["No specification could be tested."]
