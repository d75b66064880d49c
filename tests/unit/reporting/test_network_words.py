"""The three networks in the report: the figure, the sentences, the table and the methods."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text

from ketfc.reporting.figures.networks.triple_network import draw_networks
from ketfc.reporting.text.beside.networks import (
    network_caption,
    network_methods,
    network_section,
)
from ketfc.reporting.words import p_equals

sys.path.insert(0, str(Path(__file__).parents[2]))
import made_tables


@pytest.fixture(scope="module")
def made() -> made_tables.Made:
    return made_tables.two_arms()


@pytest.fixture(scope="module")
def tests(made: made_tables.Made) -> pd.DataFrame:
    return made_tables.networks_of(made)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def row(table: pd.DataFrame, hypothesis: str, test: str) -> pd.Series:
    return table[(table["hypothesis"] == hypothesis) & (table["test"] == test)].iloc[0]


def test_a_triangle_for_each_arm_and_one_for_what_is_tested(made, tests):
    figure, numbers = draw_networks(tests, made.design)
    assert list(dict.fromkeys(numbers["panel"])) == [
        "ketamine",
        "midazolam",
        "difference between the arms",
    ]
    assert numbers.groupby("panel").size().tolist() == [10, 10, 10]
    shown = texts(figure)
    for test in ("change-ketamine", "change-midazolam"):
        value = row(tests, "within-default-mode", test)["estimate"]
        assert f"{value:+.2f}".replace("-", "−") in shown
    tested = row(tests, "within-default-mode", "change")
    # in its disc, with the p after Holm
    value = f"{tested['estimate']:+.2f}".replace("-", "−")
    assert f"{value}\n{p_equals(tested['p_holm'])}" in shown


def test_discs_and_lines_have_the_colours_of_their_changes(made, tests):
    figure, _ = draw_networks(tests, made.design)
    discs = [
        (marks.get_offsets()[0], marks.get_facecolor()[0])
        for axes in figure.axes[:1]
        for marks in axes.collections
    ]
    fell = row(tests, "within-default-mode", "change-ketamine")["estimate"]
    assert fell < -0.2
    # default mode stands at the lower left, and blue is below zero
    (colour,) = [colour for (x, y), colour in discs if x < 0 and y < 0]
    assert colour[2] > colour[0] + 0.3
    # the widest line of a panel is that of its largest change
    axes = figure.axes[0]
    wide = max(axes.lines, key=lambda line: line.get_linewidth())
    between = tests[(tests["measure"] == "between") & (tests["test"] == "change-ketamine")]
    most = between.loc[between["estimate"].abs().idxmax()]
    places = {"salience": (0.0, 0.92), "default-mode": (-1.0, -0.72), "frontoparietal": (1, -0.72)}
    assert {tuple(point) for point in wide.get_xydata()} == {
        places[most["network_a"]],
        places[most["network_b"]],
    }


def test_intervals_are_drawn_for_every_measure_and_panel(made, tests):
    figure, numbers = draw_networks(tests, made.design)
    bars = [axes for axes in figure.axes if axes.get_xlabel().startswith("change in ")]
    assert [axes.get_xlabel() for axes in bars] == [
        "change in mean Fisher z",
        "change in segregation",
    ]
    drawn = {
        tuple(np.round(line.get_xdata(), 12))
        for axes in bars
        for line in axes.lines
        if len(line.get_xdata()) == 2 and line.get_xdata()[0] != line.get_xdata()[1]
    }
    known = numbers.dropna(subset=["ci_low"])
    expected = set(map(tuple, known[["ci_low", "ci_high"]].astype(float).round(12).to_numpy()))
    assert len(expected) == 27
    assert expected <= drawn
    # arms have their colours, what is tested that of the text
    colours = {line.get_color() for line in bars[0].lines if line.get_marker() not in ("None", "")}
    assert {to_rgba(colour) for colour in colours} == {
        to_rgba("#d55e00"),
        to_rgba("#0072b2"),
        to_rgba("#222222"),
    }


def test_with_one_arm_there_is_one_triangle():
    made = made_tables.one_arm()
    _, numbers = draw_networks(made_tables.networks_of(made), made.design)
    assert set(numbers["panel"]) == {"post minus pre"}
    assert len(numbers) == 10


def test_where_nothing_was_tested_the_figure_and_the_report_say_why(made, tests):
    nothing = tests.assign(
        **dict.fromkeys(("estimate", "ci_low", "ci_high", "p_permutation", "p_holm"), np.nan),
        reason="the midazolam arm has no complete participant",
    )
    figure, numbers = draw_networks(nothing, made.design)
    said = "No network could be tested: the midazolam arm has no complete participant."
    assert said in texts(figure)
    assert len(numbers) == 30
    section = network_section(nothing, made.design)
    assert section.sentences == [said]
    assert section.table.rows == []
    assert network_methods(nothing, made.design) == []


def test_the_report_names_what_was_found_and_counts_what_was_tested(made, tests):
    none = network_section(tests.assign(p_holm=tests["p_holm"] + 0.06), made.design)
    # nobody has the segregation of the salience network: 20 tests less two
    assert none.sentences[1] == (
        "After Holm over 18 tests there is evidence in none. Absence of evidence is not evidence "
        "of absence."
    )
    found = tests.copy()
    own = (found["hypothesis"] == "within-default-mode") & (found["test"] == "change")
    found.loc[own, "p_holm"] = made.design.alpha
    found.loc[found["family"].eq("networks") & ~own, "p_holm"] += 0.06
    section = network_section(found, made.design)
    assert section.sentences[1] == (
        "After Holm over 18 tests there is evidence in 1: default-mode network, within (change)."
    )
    assert len(section.table.rows) == 40
    cells = {tuple(cells[:2]): cells for cells in section.table.rows}
    lost = cells["Salience network, segregation", "change"]
    assert lost[section.table.columns.index("flags")] == (
        "the ketamine arm has no complete participant"
    )
    first = cells["Default-mode network, within", "change"]
    assert first[section.table.columns.index("p (Holm)")] == ".050"


def test_captions_say_what_is_tested_and_what_negative_correlations_count_as(made):
    two, one = network_caption(made.design), network_caption(made_tables.one_arm().design)
    assert "difference between ketamine and midazolam at equal pre, which alone is tested" in two
    assert one.startswith("Mean connectivity at post minus pre; p after Holm")
    for text in (two, one):
        assert "negative correlations count as zero in it, and as they are in the mean" in text


def test_the_methods_count_the_family_and_cite_the_measures(made, tests):
    (text,) = network_methods(tests, made.design)
    assert "(change and association), in a family of their own of 18 tests" in text
    for key in ("menon2011", "chan2014", "rubinov2010"):
        assert f"@{key}" in text
    without = made_tables.without_scores()
    own = tests[tests["test"] != "association"]
    (text,) = network_methods(own, without.design)
    assert "(change), in a family of their own of 9 tests" in text
