"""The page on tests, held to the tests that there are and to what was simulated of them."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ketfc.inference import families
from ketfc.inference.design import baseline_connectivity, moderation
from ketfc.inference.robustness.association_checks import ASSOCIATION_METHODS
from ketfc.inference.robustness.change_checks import GROUP_METHODS, MEAN_METHODS
from ketfc.inference.robustness.harmonized_checks import COMBAT, WITHOUT
from ketfc.inference.robustness.table import FROM_CONTROLS

REPO = Path(__file__).parents[2]
PAGE = (REPO / "docs/tests.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([^`]+)`", PAGE))
CODE = "".join(
    path.read_text(encoding="utf-8")
    for path in [
        *(REPO / "workflow/ketfc").rglob("*.py"),
        REPO / "config/columns.yaml",
        REPO / "config/config.default.yaml",
    ]
    if "bundled" not in path.parts
)


def test_every_family_and_moderation_is_on_the_page() -> None:
    strings = [
        value
        for room in (families, moderation, baseline_connectivity)
        for name, value in vars(room).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("_") and name != "KIND"
    ]
    # diagnoses are no tests
    expected = {each for each in strings if each not in ("unipolar", "bipolar")}
    assert len(expected) > 12
    assert expected <= NAMED, expected - NAMED


def test_every_method_of_the_robustness_table_is_on_the_page() -> None:
    made = {*MEAN_METHODS, *GROUP_METHODS, *ASSOCIATION_METHODS, COMBAT, WITHOUT, FROM_CONTROLS}
    for path in (REPO / "workflow/ketfc/inference/robustness").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        made |= set(re.findall(r"\b(?:Check|check_of)\(\s*\"([\w-]+)\"", text))
    assert {"mmrm", "mixed-model", "tipping-point", "ordinal", "depression-adjusted"} <= made
    assert made <= NAMED, made - NAMED


def test_every_table_of_tests_is_on_the_page() -> None:
    columns = yaml.safe_load((REPO / "config/columns.yaml").read_text(encoding="utf-8"))
    # what says who is in no test, or compares without one
    other = {"left_out", "attrition", "mean_relmat", "tipping_point", "specifications"}
    other |= {"prediction_curve", "prediction_out_of_fold"}
    for name in columns["tables"]:
        if name.startswith("tests/") and Path(name).stem not in other:
            assert re.search(rf"`(tests/)?{Path(name).name}`", PAGE), name


@pytest.mark.parametrize("word", sorted(NAMED))
def test_what_the_page_names_is_in_the_code(word: str) -> None:
    # a test or flag with a place for a name in capitals, such as change-ROLE, or an ellipsis
    fixed = re.split(r"[A-Z]{3,}|…", word)[0].strip()
    assert fixed.removeprefix("tests/").removesuffix("/") in CODE, word


@pytest.mark.parametrize(
    ("row", "design", "test", "method"),
    [
        ("| `change`, one arm |", "single-arm", "change", "permutation"),
        ("| `change`, two arms", "parallel", "change", "permutation"),
        ("| `change`, crossover", "crossover", "change", "permutation"),
        ("| `association` (ranks", None, "association", "permutation"),
    ],
)
def test_rates_are_those_that_were_simulated(
    row: str, design: str | None, test: str, method: str
) -> None:
    table = pd.read_csv(REPO / "docs/calibration.tsv", sep="\t")
    found = table[
        (table["kind"] == "rejection")
        & (table["level"] == 0.05)
        & (table["truth"] == "no effect")
        & (table["test"] == test)
        & (table["method"] == method)
        & (table["design"] == design if design else table["design"] != "longitudinal")
    ]["rate"]
    (line,) = [each for each in PAGE.splitlines() if each.startswith(row)]
    low, high = (f"{value:.3f}".removeprefix("0") for value in (found.min(), found.max()))
    assert f"{low} to {high}" in line
