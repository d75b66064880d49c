"""Percentiles and flags of hypotheses: matched pairs, the habenula."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketfc.inference.flags import (
    add_habenula_flags,
    add_null_percentile,
    add_specification_flags,
)


@pytest.fixture
def hypotheses() -> pd.DataFrame:
    rows = [
        ("a", "change", "exploratory", 1.0),
        ("a", "association", None, 2.0),
        ("a", "change-ketamine", None, 3.0),
        ("b", "change", None, 4.0),
        ("c", "change", "p-floor;exploratory", 5.0),
    ]
    return pd.DataFrame(rows, columns=["hypothesis", "test", "flags", "estimate"])


@pytest.fixture
def null() -> pd.DataFrame:
    rows = [("c", None, "size"), ("b", 12.5, "size;tsnr"), ("a", 97.5, None)]
    return pd.DataFrame(rows, columns=["circuit", "percentile", "unmatched"])


def test_the_percentile_stands_beside_the_change_only(hypotheses, null):
    table = add_null_percentile(hypotheses, null)
    assert table.columns[-1] == "null_percentile"
    np.testing.assert_array_equal(table["null_percentile"], [97.5, np.nan, np.nan, 12.5, np.nan])
    # a circuit without a percentile needs no word on its matching
    assert list(table["flags"]) == [
        "exploratory",
        None,
        None,
        "null-unmatched",
        "p-floor;exploratory",
    ]
    pd.testing.assert_frame_equal(
        table.drop(columns=["null_percentile", "flags"]), hypotheses.drop(columns="flags")
    )


def test_every_result_of_a_circuit_with_a_habenula_has_the_verdict(hypotheses):
    verdicts = {
        "a": "peri-habenular only",
        "c": "unknown native resolution: treat as peri-habenular only",
    }
    table = add_habenula_flags(hypotheses, verdicts)
    assert list(table["flags"]) == [
        "exploratory;habenula: peri-habenular only",
        "habenula: peri-habenular only",
        "habenula: peri-habenular only",
        None,
        "p-floor;exploratory;habenula: unknown native resolution",
    ]
    unchanged = add_habenula_flags(hypotheses, {})["flags"]
    assert list(unchanged.dropna()) == list(hypotheses["flags"].dropna())


def test_what_other_choices_do_not_find_is_flagged(hypotheses):
    rows = [
        ("a", "change", None),
        ("c", "change", "definition;scale"),
        ("a", "association", "strategy"),
        ("b", "association", "strategy"),
    ]
    curves = pd.DataFrame(rows, columns=["hypothesis", "test", "depends_on"])
    table = add_specification_flags(hypotheses, curves)
    assert list(table["flags"]) == [
        "exploratory",
        "depends-on: strategy",
        None,
        None,
        "p-floor;exploratory;depends-on: definition;scale",
    ]


def test_a_table_without_rows_stays_one(hypotheses, null):
    table = add_habenula_flags(add_null_percentile(hypotheses.iloc[:0], null), {"a": "caution"})
    assert len(table) == 0
    assert "null_percentile" in table
