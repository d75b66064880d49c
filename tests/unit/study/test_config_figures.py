"""Section `figures` of the config."""

from __future__ import annotations

import pytest
import yaml

from ketfc.base.errors import StudyError
from ketfc.study.config.config import parse_config
from ketfc.study.config.printing.journals import JOURNALS

STUDY = """
study: {name: a, derivatives: b, sessions: {pre: a, post: b}}
scores: {table: t, si: {instrument: SSI, column: SSI}}
"""


def parsed(figures: str):
    return parse_config(yaml.safe_load(f"{STUDY}\nfigures: {figures}")).figures


def test_without_a_journal_figures_are_printed_as_ever():
    assert parsed("{}").printed("paired") == {
        "width": 180.0,
        "font": "DejaVu Sans",
        "size": 7.0,
        "smallest": 5.0,
        "dpi": 300,
        "letters": "none",
    }


def test_a_journal_fills_in_what_is_not_given():
    given = parsed("{journal: plos, single-column: [association], dpi: 450, panel-letters: none}")
    wide, narrow = given.printed("forest"), given.printed("association")
    assert (wide["width"], narrow["width"]) == (190.5, 132.0)
    assert (wide["font"], wide["size"], wide["smallest"]) == ("Arial", 8.0, 8.0)
    assert (wide["dpi"], wide["letters"]) == (450, "none")
    other = parsed("{journal: nature, width: 170, font: Helvetica, font-size: 6}").printed("paired")
    assert (other["width"], other["font"], other["size"]) == (170.0, "Helvetica", 6.0)
    assert (other["smallest"], other["letters"]) == (5.0, "lower")


def test_text_that_is_smaller_than_the_journal_asks_is_the_smallest():
    assert parsed("{journal: plos, font-size: 6}").printed("paired")["smallest"] == 6.0


def test_journals_have_sizes_that_a_page_has():
    assert set(JOURNALS) == {"nature", "plos", "elsevier", "cell", "pnas"}
    for journal in JOURNALS.values():
        assert 80 <= journal.single < journal.double <= 195
        assert 5 <= journal.smallest <= journal.size <= 8
        assert journal.dpi >= 300


@pytest.mark.parametrize(
    ("figures", "field", "said"),
    [
        ("{journal: natur}", "figures.journal", "did you mean 'nature'?"),
        ("{single-column: [forest]}", "figures.single-column[0]", "forest"),
        ("{single-column: [paired, paired]}", "figures.single-column", "names paired twice"),
        ("{width: 85}", "figures.width", "85"),
        ("{font-size: 4}", "figures.font-size", "4"),
        ("{dpi: 300.5}", "figures.dpi", "300.5"),
        ("{panel-letters: a}", "figures.panel-letters", "a"),
        ("{fonts: Arial}", "figures.fonts", "did you mean"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(figures: str, field: str, said: str):
    with pytest.raises(StudyError) as raised:
        parsed(figures)
    (problem,) = raised.value.problems
    assert problem.field == field
    assert said in str(problem)
