"""Families and Holm's correction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketfc.inference.families import family_of, holm


def test_holm_multiplies_the_smallest_by_all_and_the_next_by_one_fewer():
    p = pd.Series([0.03, 0.01, 0.04, 0.005])
    corrected = holm(p, pd.Series(["one"] * 4))
    # sorted: .005 × 4, .01 × 3, .03 × 2, .04 × 1, never falling
    assert corrected["p_holm"].tolist() == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert corrected["tests"].tolist() == [4] * 4


def test_families_are_not_mixed():
    p = pd.Series([0.03, 0.01, 0.03, 0.01], index=[4, 2, 9, 0])
    corrected = holm(p, pd.Series(["a", "b", "b", "a"], index=p.index))
    assert corrected.index.tolist() == [4, 2, 9, 0]
    assert corrected["p_holm"].tolist() == pytest.approx([0.03, 0.02, 0.03, 0.02])


def test_what_could_not_be_tested_stays_missing_and_does_not_count():
    corrected = holm(pd.Series([0.03, np.nan, 0.02]), pd.Series(["a", "a", "a"]))
    assert corrected["p_holm"].tolist() == pytest.approx([0.04, np.nan, 0.04], nan_ok=True)
    assert corrected["tests"].tolist() == [2, 2, 2]
    nothing = holm(pd.Series([np.nan]), pd.Series(["a"]))
    assert np.isnan(nothing["p_holm"].item())


@pytest.mark.parametrize(
    ("kind", "primary", "within_arm", "family"),
    [
        ("change", True, False, "primary-change"),
        ("association", True, False, "primary-association"),
        ("change", False, False, "secondary"),
        ("association", True, True, "secondary"),
        ("change", True, True, "descriptive"),
    ],
)
def test_a_test_belongs_to_one_family(kind, primary, within_arm, family):
    assert family_of(kind=kind, primary=primary, within_arm=within_arm) == family
