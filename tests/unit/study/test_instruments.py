"""The catalogue of instruments: what it holds, a lab's own, and every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketfc.base.errors import closest
from ketfc.study.config.scores import Depression, Score
from ketfc.study.scores.instruments import Rule, load_instruments

CATALOGUE, PROBLEMS = load_instruments()
FULL = "{name: Mine, range: [10, 50], step: 5, direction: higher-better, remission: 40, "
FULL += "source: {text: ours, verified: true}}"


def test_the_bundled_catalogue_has_the_instruments_and_no_problem() -> None:
    assert PROBLEMS == []
    spans = {name: one.range for name, one in CATALOGUE.instruments.items()}
    assert spans == {
        "SSI": (0, 38),
        "BSS": (0, 38),
        "SSI5": (0, 10),
        "C-SSRS-ideation": (0, 5),
        "C-SSRS-intensity": (0, 25),
        "CGI-SS-r": (0, 6),
        "MADRS": (0, 60),
        "MADRS-10": (0, 6),
        "HAM-D17": (0, 52),
        "HAM-D6": (0, 22),
        "HAM-D-3": (0, 4),
        "QIDS": (0, 27),
        "QIDS-12": (0, 3),
        "BDI": (0, 63),
        "BDI-9": (0, 3),
    }
    assert {one.direction for one in CATALOGUE.instruments.values()} == {"higher-worse"}


def test_every_item_belongs_to_a_total_that_contains_an_item_of_the_same_range() -> None:
    items = {n: one for n, one in CATALOGUE.instruments.items() if one.item_of and one.items == 1}
    assert len(items) == 4
    for one in items.values():
        total = CATALOGUE.find(str(one.item_of))
        assert total is not None
        assert total.si_item is not None
        assert total.si_item.range == one.range


def test_no_two_instruments_share_a_name() -> None:
    every = [(n, a) for n, one in CATALOGUE.instruments.items() for a in (n, *one.aliases)]
    for name, alias in every:
        assert CATALOGUE.find(alias) is CATALOGUE.instruments[name], alias


@pytest.mark.parametrize(
    ("written", "meant"),
    [("madrs", "MADRS"), ("HAMD 17", "HAM-D17"), ("HDRS", "HAM-D17"), ("BDI-II", "BDI")],
)
def test_names_are_found_however_they_are_written(written: str, meant: str) -> None:
    assert CATALOGUE.find(written) is CATALOGUE.instruments[meant]


def test_an_unknown_name_has_a_nearest_one_or_none() -> None:
    assert CATALOGUE.find("MADRSS") is None
    assert closest("MADRSS", CATALOGUE.names) == "MADRS"
    assert closest("BPRS", CATALOGUE.names) is None or CATALOGUE.find("BPRS") is None
    assert closest("quality of life", CATALOGUE.names) is None


@pytest.mark.parametrize(
    ("instrument", "value", "complaint"),
    [
        ("SSI", 0, None),
        ("SSI", 38, None),
        ("SSI", 39, "is out of the range of SSI"),
        ("SSI", -1, "is out of the range of SSI"),
        ("SSI", 7.5, "is not a possible score of SSI"),
        ("C-SSRS-intensity", 0, None),
        ("C-SSRS-intensity", 1, "is not a possible score of C-SSRS-intensity"),
        ("C-SSRS-intensity", 2, None),
        ("unheard of", 1e6, None),
    ],
)
def test_possible_scores(instrument: str, value: float, complaint: str | None) -> None:
    rule = CATALOGUE.rule(Score(instrument=instrument, column="x"))
    assert rule.complaint(value) == complaint


def test_a_range_in_the_config_replaces_that_of_the_catalogue_and_allows_fractions() -> None:
    rule = CATALOGUE.rule(Score(instrument="SSI", column="x", range=[0, 40]))
    assert rule.complaint(38.5) is None
    assert rule.complaint(41) == "is out of the range of SSI"
    assert rule.allowed == "a number from 0 to 40"
    assert rule.remission == 3


def test_a_scale_turned_round_has_no_rule_of_response_or_remission_unless_given() -> None:
    turned = CATALOGUE.rule(Score(instrument="SSI", column="x", direction="higher-better"))
    assert (turned.response, turned.remission) == (None, None)
    score = Score(
        instrument="SSI", column="x", direction="higher-better", response=0.3, remission=35
    )
    assert (CATALOGUE.rule(score).response, CATALOGUE.rule(score).remission) == (0.3, 35)


def test_the_total_without_its_item_has_the_range_of_the_rest() -> None:
    madrs = Depression.model_validate({"instrument": "MADRS", "column": "M", "si-item": "M10"})
    item = CATALOGUE.item_rule(madrs)
    assert item == Rule("item 10 of MADRS", low=0, high=6, step=1.0)
    rest = CATALOGUE.rule(madrs).less(item)
    assert (rest.low, rest.high, rest.remission, rest.response) == (0, 54, None, 0.5)


@pytest.fixture
def own(tmp_path: Path):
    def own(text: str):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return load_instruments(path)

    return own


def test_a_labs_own_instruments_are_added_and_replace_those_of_the_same_name(own) -> None:
    catalogue, problems = own(f"Mine: {FULL}\nSSI: {FULL}\n")
    assert problems == []
    assert len(catalogue.instruments) == len(CATALOGUE.instruments) + 1
    rule = catalogue.rule(Score(instrument="SSI", column="x"))
    assert (rule.low, rule.high, rule.step, rule.direction) == (10, 50, 5, "higher-better")
    assert (rule.complaint(15), rule.complaint(16)) == (None, "is not a possible score of SSI")


def test_all_that_is_wrong_with_a_file_is_listed_by_instrument_and_key(own) -> None:
    catalogue, problems = own(
        "A: {name: A, rnage: [0, 1], source: {text: a, verified: true}}\n"
        "B: {name: B, range: [9, 1], direction: worse, source: {text: b, verified: maybe}}\n"
        f"C: {FULL.replace('40', '60')}\n"
        "D: 3\n"
        "E: {range: [0, 1]}\n"
    )
    assert [f"{p.file}: {p.field}: {p.message}" for p in problems] == [
        "mine.yaml: A: rnage: unknown key; did you mean 'range'?",
        "mine.yaml: B: range: does not begin with the lower number",
        "mine.yaml: B: direction: is not one of the possible values",
        "mine.yaml: B: source.verified: is text where true or false is needed",
        "mine.yaml: C: remission: is outside the range 10 to 50",
        "mine.yaml: D: None: is not a group of keys",
        "mine.yaml: E: name: is required and missing",
        "mine.yaml: E: source: is required and missing",
    ]
    assert {p.severity for p in problems} == {"error"}
    assert set(catalogue.instruments) == set(CATALOGUE.instruments)


@pytest.mark.parametrize(
    ("text", "message"),
    [("- SSI\n", "is not a set of instruments"), ("A: [\n", "cannot be read as YAML")],
)
def test_a_file_of_another_form_is_an_error(own, text: str, message: str) -> None:
    catalogue, problems = own(text)
    assert [message in p.message for p in problems] == [True]
    assert len(catalogue.instruments) == len(CATALOGUE.instruments)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    _, problems = load_instruments(tmp_path / "none.yaml")
    assert [(p.field, p.message) for p in problems] == [
        ("scores.instruments", "there is no such file")
    ]
