"""Our tests on a real crossover's depression scores, whose contrasts are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_models import drug_difference, mean_change

from ketfc.inference.core.effect_sizes import paired_effect
from ketfc.inference.core.permutation import stream

SETTINGS = {"alpha": 0.05, "permutations": 10_000}


@pytest.fixture(scope="module")
def madrs(kit: Path) -> pd.DataFrame:
    """MADRS of the patients with major depression: a row each, a column per session."""
    folder = kit / "tables/ds005917"
    scores = pd.read_csv(folder / "phenotype/phenotype.tsv", sep="\t", na_values="n/a")
    people = pd.read_csv(folder / "participants.tsv", sep="\t", na_values="n/a")
    wide = scores.pivot_table(index="participant_id", columns="session_id", values="MADRS_Total")
    wide.columns = wide.columns.str.removeprefix("ses-")
    patients = people[people["group"] == "MDD"].set_index("participant_id")
    return wide.join(patients[["infusion_1", "infusion_2"]], how="inner")


def test_the_fall_after_ketamine_is_the_known_one(madrs: pd.DataFrame) -> None:
    before, after = madrs[["b0", "d2"]].dropna().to_numpy(dtype=float).T
    found = mean_change(before, after, rng=stream(1, "madrs"), **SETTINGS)
    assert len(before) == 27
    assert round(found.estimate, 2) == -9.22
    assert round(found.statistic, 2) == -4.61
    assert found.df == 26
    assert found.p_permutation < 0.001


def test_ketamine_differs_from_placebo_by_the_known_effect(madrs: pd.DataFrame) -> None:
    both = madrs.dropna(subset=["d2", "p2"])
    placebo, ketamine = both[["p2", "d2"]].to_numpy(dtype=float).T
    difference = ketamine - placebo
    assert (len(both), round(difference.mean(), 2)) == (24, -6.75)
    assert round(difference.std(ddof=1), 2) == 9.54
    # dz is given without Hedges' correction
    assert round(difference.mean() / difference.std(ddof=1), 2) == -0.71
    assert abs(paired_effect(placebo, ketamine).dz) < 0.71

    first = np.asarray(both["infusion_1"] == "d", dtype=float)
    found = drug_difference(placebo, ketamine, first, rng=stream(1, "madrs"), **SETTINGS)
    # the same effect, each order of the drugs with half the weight
    halves = [difference[first == side].mean() for side in (0.0, 1.0)]
    assert found.estimate == pytest.approx(np.mean(halves))
    assert found.ci_low < -6.75 < found.ci_high < 0
    assert found.p_permutation < 0.01
