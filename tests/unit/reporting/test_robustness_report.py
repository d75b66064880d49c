"""Sentences of report and methods on methods other than the primary tests."""

from __future__ import annotations

import re
from dataclasses import replace

import made_tables
import numpy as np
import pandas as pd
import pytest

from ketfc.inference.core.bayes import JZS_MEAN
from ketfc.reporting.text.beside.robustness import METHODS, robustness_methods, robustness_section
from ketfc.reporting.text.references import cited


@pytest.fixture(scope="module")
def made() -> made_tables.Made:
    return made_tables.two_arms()


def changed(made: made_tables.Made, method: str, **cells: object) -> pd.DataFrame:
    table = made.robustness.copy()
    rows = table["hypothesis"].eq("sgacc-rlpfc") & table["test"].eq("change")
    for column, value in cells.items():
        table.loc[rows & table["method"].eq(method), column] = value
    return table


def test_every_primary_circuit_has_a_sentence(made):
    section = robustness_section(made.robustness, made.hypotheses, made.design)
    names = [name for name, _, primary in made_tables.CIRCUITS.values() if primary]
    assert len(section.sentences) == len(names)
    for said, name in zip(section.sentences, names, strict=True):
        assert said.lower().startswith(name.lower())
        assert "change: " in said
        assert "association: " in said
    assert len(section.table.rows) == len(made.robustness)


def test_methods_that_disagree_are_named(made):
    """The planted change is found by all; then one method is made to miss it."""
    agreed = robustness_section(made.robustness, made.hypotheses, made.design).sentences[0]
    assert "change: 4 of 4 other methods agree with the primary test (p below 0.05" in agreed
    table = changed(made, "ranks", p=0.4)
    said = robustness_section(table, made.hypotheses, made.design).sentences[0]
    assert "change: 3 of 4 other methods agree" in said
    assert "; the test of ranks does not" in said
    table = changed(made, "mann-whitney", estimate=-0.2)
    said = robustness_section(table, made.hypotheses, made.design).sentences[0]
    assert "Mann–Whitney, Hodges–Lehmann does not" in said, "the other direction is no agreement"


def test_the_power_of_the_tests_is_said_in_one_sentence(made):
    section = robustness_section(made.robustness, made.hypotheses, made.design)
    own = made.robustness[made.robustness["method"] == "detectable"]
    smallest = own.loc[own["test"] == "association", "effect_size"].min()
    assert f"partial correlations of {smallest:.2f}" in section.power
    assert "80 %" in section.power


def test_what_could_not_be_tested_is_not_said_to_agree():
    made = made_tables.without_pairs()
    section = robustness_section(made.robustness, made.hypotheses, made.design)
    assert all("change: not tested" in said for said in section.sentences)
    assert section.power == ""


def test_every_method_has_words(made):
    tables = [made.robustness, made_tables.one_arm().robustness]
    assert set(pd.concat(tables)["method"]) <= set(METHODS)


def test_the_methods_name_what_was_done_and_nothing_else(made):
    text = " ".join(robustness_methods(made.robustness, 0.1))
    assert "margin of 0.1 Fisher z" in text
    assert "[@conover1982]" in text
    assert "mixed model" not in text
    assert "Wilcoxon" not in text
    assert robustness_methods(made.robustness.iloc[:0], 0.1) == []


def test_a_model_of_all_follow_ups_is_named_with_its_sources(made):
    robust = made.robustness
    table = robust.assign(method=robust["method"].replace("hc2", "mmrm"))
    (text,) = robustness_methods(table, 0.1)
    assert "compares the arms at every follow-up at equal baseline" in text
    cites = {"kenward1997", "mallinckrodt2008"}
    assert cites <= {reference.key for reference in cited(text)}
    section = robustness_section(table, made.hypotheses, made.design)
    assert "MMRM, all follow-ups" in {row[2] for row in section.table.rows}


def test_infinite_bayes_factors_are_printed(made):
    from ketfc.reporting.tables import results

    hypotheses = made.hypotheses.assign(bf10=np.inf)
    table = results(replace(made, hypotheses=hypotheses).hypotheses, primary=True)
    column = table.columns.index("BF10")
    assert {row[column] for row in table.rows} == {"≈ > 1000"}
    # what is approximate is said below the table; the mean of one arm is not
    assert "Jeffreys, partial rho, approximate (ranks as values)" in table.note
    exact = results(hypotheses.assign(bf10_type=JZS_MEAN), primary=True)
    assert {row[column] for row in exact.rows} == {"> 1000"}


def test_an_effect_size_has_its_interval_beside_it_and_a_correlation_that_of_the_estimate(made):
    from ketfc.reporting.tables import results

    table = results(made.hypotheses, primary=True)
    cells = dict(zip(table.columns, zip(*table.rows, strict=True), strict=True))
    kinds = dict.fromkeys(cells["test"])
    assert set(kinds) == {"change", "association"}
    for test, effect in zip(cells["test"], cells["effect size"], strict=True):
        if test == "change":
            assert re.match(r"−?\d+\.\d\d \[.+\], difference / pooled follow-up SD", effect)
        else:
            assert re.match(r"−?\d+\.\d\d, partial Spearman rho", effect)
    assert cells["partial r"][0] != "n/a"


def test_ranks_within_sites_and_what_was_not_adjusted_are_said(made):
    note = "Hodges–Lehmann shift of the change within blocks, by van Elteren's test"
    plain = " ".join(robustness_methods(made.robustness, 0.1))
    assert "Mann and Whitney's test" in plain
    assert "not adjusted" not in plain
    table = changed(made, "mann-whitney", note=f"{note}; not adjusted for age")
    text = " ".join(robustness_methods(table, 0.1))
    assert "van Elteren's test with the Hodges–Lehmann shift within blocks" in text
    assert text.endswith("Those whose note says so are not adjusted for covariates.")
