"""Sentences of report and methods on every edge."""

from __future__ import annotations

from dataclasses import replace

import made_tables
import numpy as np
import pandas as pd
import pytest

from ketfc.reporting.text.edges import contrast, edge_methods, edge_section


@pytest.fixture(scope="module")
def made():
    return made_tables.two_arms()


@pytest.fixture(scope="module")
def edges(made) -> pd.DataFrame:
    return made_tables.edges_of(made)


def test_the_section_says_what_survives_in_each_family_and_that_it_is_exploratory(made, edges):
    section = edge_section(edges, made.design)
    assert section.sentences[0].startswith("Exploratory")
    assert len(section.sentences) == 1 + edges["family"].nunique() == 5
    for sentence, row, (_, family) in zip(
        section.sentences[1:],
        section.families.rows,
        edges.groupby("family", sort=False),
        strict=True,
    ):
        found = int((family["p_fdr"] < 0.05).sum())
        tested = int(family["p_permutation"].notna().sum())
        assert f"{found} of {tested} edges" in sentence
        cells = dict(zip(section.families.columns, row, strict=True))
        assert (cells["edges"], cells["tested"]) == (str(len(family)), str(tested))
        assert cells["survive FDR"] == str(found)
        assert cells["survive FWER"] == str(int((family["p_fwer"] < 0.05).sum()))
    assert "left out: 20 in nobody at both sessions" in section.sentences[1]


def test_surviving_edges_are_listed_by_size_and_no_others(made, edges):
    table = edge_section(edges, made.design).survivors
    found = edges[(edges["p_fdr"] < 0.05) | (edges["p_fwer"] < 0.05)]
    assert len(table.rows) == len(found) > 2
    column = table.columns.index("t")
    shown = [abs(float(row[column].replace("−", "-"))) for row in table.rows if row[1] == "change"]
    of_parcels = shown[: int((found["family"] == found["family"].iloc[0]).sum())]
    assert of_parcels == sorted(of_parcels, reverse=True)
    none = edges.assign(p_fdr=1.0, p_fwer=1.0)
    assert edge_section(none, made.design).survivors.rows == []


def test_long_lists_are_cut_and_say_so(made, edges):
    many = edges.assign(p_fdr=np.where(edges["p_fdr"].notna(), 0.01, np.nan))
    table = edge_section(many, made.design).survivors
    assert len(table.rows) == 4 * 25
    assert f"of {many['p_fdr'].notna().sum()};" in table.note
    assert "tests/edges.tsv" in table.note


def test_the_methods_tell_the_families_apart(made, edges):
    (text,) = edge_methods(edges, made.design)
    assert "210 of circuits and 63 of the circuits" in text
    assert "mixed with no other family" in text
    (text,) = edge_methods(edges, replace(made.design, si=None))
    assert "primary tests of change, with" in text


def test_the_contrast_is_named_as_the_design_has_it(made):
    assert contrast("change", made.design) == "ketamine − midazolam at post, given pre"
    assert contrast("association", made.design) == "Association of the change with SSI"
    assert contrast("change", made_tables.one_arm().design) == "Change: post − pre"
    drugs = {"control": "placebo", "ketamine": "ketamine"}
    crossover = replace(made_tables.one_arm().design, drugs=drugs)
    assert contrast("change", crossover) == "Change: ketamine − placebo"
