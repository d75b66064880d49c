"""The figure, sentences and methods of missing follow-ups."""

from __future__ import annotations

from dataclasses import replace

import made_tables
import pandas as pd
import pytest

from ketfc.inference.robustness.tipping_point import (
    TIPPING_COLUMNS,
    tipping_checks,
    tipping_curves,
)
from ketfc.reporting.figures.robustness.tipping_point import draw_tipping_points
from ketfc.reporting.figures.style import save_figure
from ketfc.reporting.text.beside.robustness import METHODS, robustness_methods
from ketfc.reporting.text.beside.tipping_point import (
    METHOD,
    tipping_caption,
    tipping_methods,
    tipping_sentences,
)

CIRCUITS = [
    made_tables.Circuit(name, words, primary, "?")
    for name, (words, _, primary) in made_tables.CIRCUITS.items()
]


def curves(made: made_tables.Made, *, gone: int = 4) -> pd.DataFrame:
    people = sorted(set(made.connectivity["participant_id"]))[1 : 1 + 3 * gone : 3]
    lost = made.connectivity["participant_id"].isin(people) & (made.connectivity["role"] == "post")
    return tipping_curves(
        made.connectivity[~lost],
        made.scores,
        made.design,
        CIRCUITS,
        strategy="acompcor",
        seed=1,
        alpha=0.05,
    )


@pytest.fixture(scope="module")
def made() -> made_tables.Made:
    return made_tables.two_arms()


@pytest.fixture(scope="module")
def table(made) -> pd.DataFrame:
    return curves(made)


def written(table: pd.DataFrame, made: made_tables.Made, folder) -> str:
    figure, numbers = draw_tipping_points(table, made.design)
    pd.testing.assert_frame_equal(numbers, table)
    save_figure(figure, folder / "tipping_point", numbers)
    return (folder / "tipping_point.svg").read_text(encoding="utf-8")


def test_the_figure_names_circuits_counts_and_turns(table, made, tmp_path):
    svg = written(table, made, tmp_path)
    for words in ("lateral PFC", "shift of missing", "in the ketamine arm", "of 16 imputed"):
        assert words in svg
    found = tipping_checks(table, alpha=0.05)
    turning = [one for one in found.values() if abs(one.effect_size) <= 3]
    assert svg.count("turns at") == len(turning)
    assert svg.count("none within 3 SD") == len(found) - len(turning)
    assert turning
    assert len(turning) < len(found)


def test_without_gaps_the_figure_says_so(made, tmp_path):
    empty = pd.DataFrame(columns=list(TIPPING_COLUMNS))
    assert "nothing was imputed" in written(empty, made, tmp_path)


def test_a_circuit_without_gaps_has_a_panel_that_says_so(table, made, tmp_path):
    some = table[(table["hypothesis"] != "dmn") | (table["test"] == "change")]
    assert written(some.reset_index(drop=True), made, tmp_path).count("nothing") == 1


def test_sentences_are_those_of_the_table(table, made):
    rows = [
        {"name": name, "test": test, "method": METHOD, "note": check.note}
        for (name, test), check in tipping_checks(table, alpha=0.05).items()
    ]
    robustness = pd.DataFrame([{"name": "dmn", "test": "change", "method": "t"}, *rows])
    said = tipping_sentences(robustness)
    assert len(said) == len(rows)
    assert said[0].startswith("sgacc-rlpfc, change: follow-ups of 6 of 16 imputed")
    assert METHOD in METHODS
    (paragraph,) = tipping_methods(robustness)
    assert "[@rubin1987; @barnard1999]" in paragraph
    assert tipping_methods(robustness[robustness["method"] == "t"]) == []
    assert "imputed" not in " ".join(robustness_methods(robustness.fillna(""), 0.1))


def test_the_caption_says_whose_follow_up_is_shifted(made):
    assert "connectivity of the ketamine arm" in tipping_caption(made.design)
    content = made_tables.one_arm()
    assert "connectivity of everybody" in tipping_caption(replace(content).design)
