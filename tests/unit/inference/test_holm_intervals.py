"""Intervals that belong to Holm's correction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_hypotheses import study
from scipy import stats

from ketfc.inference.families import holm
from ketfc.inference.holm_intervals import agreeing, holm_levels


def levels(p: list[float], family: list[str] | None = None) -> list[float]:
    of = pd.Series(family or ["one"] * len(p), dtype=object)
    return holm_levels(pd.Series(p), of, alpha=0.05).tolist()


def test_every_step_has_its_own_level_until_the_first_that_is_not_rejected():
    # sorted: .001 ≤ .05/5, .012 ≤ .05/4, .03 > .05/3: the last three are judged at .05/3
    p = [0.03, 0.001, 0.04, 0.012, 0.9]
    assert levels(p) == pytest.approx([0.05 / 3, 0.01, 0.05 / 3, 0.0125, 0.05 / 3])


def test_what_follows_a_p_that_was_not_rejected_is_not_judged_more_mildly():
    # .04 alone would be below .05/1; Holm has stopped at .03
    assert levels([0.04, 0.03]) == pytest.approx([0.025, 0.025])


def test_without_a_rejection_the_levels_are_bonferronis_and_missing_p_do_not_count():
    assert levels([0.5, np.nan, 0.02, 0.3]) == pytest.approx(
        [0.05 / 3, np.nan, 0.05 / 3, 0.05 / 3], nan_ok=True
    )


def test_equal_p_values_are_judged_alike_and_families_apart():
    assert levels([0.01, 0.01, 0.01]) == pytest.approx([0.05 / 3] * 3)
    found = levels([0.001, 0.02, 0.001, 0.2], ["a", "b", "b", "a"])
    assert found == pytest.approx([0.025, 0.05, 0.025, 0.05])


def test_a_test_is_rejected_where_its_own_p_is_not_above_its_own_level():
    rng = np.random.default_rng(4)
    kinds = set()
    for _ in range(20):
        p = pd.Series(rng.choice([0.001, 0.01, 0.0125, 0.02, 0.025, 0.03, 0.2], size=5))
        family = pd.Series(rng.choice(["a", "b"], size=5, p=[0.8, 0.2]), dtype=object)
        level = holm_levels(p, family, alpha=0.05)
        rejected = holm(p, family)["p_holm"] <= 0.05
        assert ((p <= level + 1e-15) == rejected).all()
        kinds.add((bool(rejected.any()), bool(rejected.all())))
    assert kinds == {(False, False), (True, False), (True, True)}


@pytest.mark.parametrize(
    ("low", "high", "estimate", "rejected", "expected"),
    [
        (0.1, 0.5, 0.3, True, (0.1, 0.5, False)),
        (-0.1, 0.5, 0.3, False, (-0.1, 0.5, False)),
        (0.01, 0.5, 0.3, False, (0.0, 0.5, True)),
        (-0.5, -0.01, -0.3, False, (-0.5, 0.0, True)),
        (-0.02, 0.5, 0.3, True, (3e-7, 0.5, True)),
        (-0.5, 0.02, -0.3, True, (-0.5, -3e-7, True)),
    ],
)
def test_an_end_is_moved_only_where_it_contradicts_the_test(
    low, high, estimate, rejected, expected
):
    found = agreeing(low, high, level=0.01, estimate=estimate, rejected=rejected)
    assert (found.low, found.high, found.moved) == pytest.approx(expected)
    assert (found.low > 0 or found.high < 0) == rejected
    assert found.level == 0.01


def test_without_an_interval_nothing_is_moved():
    found = agreeing(np.nan, np.nan, level=0.01, estimate=0.1, rejected=False)
    assert np.isnan([found.low, found.high]).all()
    assert not found.moved


def strong(n: int, size: float, *, arms: bool):
    """Return a study with a change of that size in one circuit, and with scores that follow it."""
    made = study(n, arms=arms)
    after = made.connectivity["role"].eq("post") & made.connectivity["circuit"].eq("dmn")
    made.connectivity.loc[after, "z"] += size
    return made


@pytest.mark.parametrize("arms", [True, False])
def test_no_interval_contradicts_the_verdict_beside_it(arms):
    seen = set()
    for seed, (n, size) in enumerate([(14, 0.05), (22, 0.1), (30, 0.15), (18, 0.3)]):
        made = strong(n, size, arms=arms)
        rng = np.random.default_rng(seed)
        score = made.scores["role"].eq("post") & made.scores["scale"].eq("si")
        made.scores.loc[score, "score"] += rng.integers(-3, 4, size=int(score.sum()))
        table = made.test(permutations=499)
        corrected = table[table["p_holm"].notna() & table["ci_holm_low"].notna()]
        leaves_out = (corrected["ci_holm_low"] > 0) | (corrected["ci_holm_high"] < 0)
        found = corrected["p_holm"] <= 0.05
        assert (leaves_out == found).all()
        assert (corrected["ci_holm_low"] < corrected["estimate"]).all()
        assert (corrected["ci_holm_high"] > corrected["estimate"]).all()
        for row, moved in zip(corrected.itertuples(), found, strict=True):
            covers = f"{100 * row.ci_holm_level:.4g} % CI"
            assert covers in row.verdict
            seen.add(bool(moved))
        none = table[table["p_holm"].isna()]
        assert none[["ci_holm_low", "ci_holm_high", "ci_holm_level"]].isna().all(axis=None)
    assert seen == {True, False}


def test_the_interval_is_that_of_the_same_test_at_the_level_of_its_step():
    table = strong(20, 0.02, arms=False).test(permutations=999)
    change = table[table["family"] == "primary-change"]
    assert len(change) == 2
    assert (change["p_holm"] > 0.05).all()
    assert change["ci_holm_level"].tolist() == pytest.approx([0.975, 0.975])
    # of a mean the interval by sign flips is close to that of t, at either level
    for level, low, high in ((0.95, "ci_low", "ci_high"), (0.975, "ci_holm_low", "ci_holm_high")):
        half = (change[high] - change[low]) / 2
        error = change["estimate"].abs() / change["statistic"].abs()
        expected = error * stats.t.ppf((1 + level) / 2, change["n"] - 1)
        assert half.tolist() == pytest.approx(expected.tolist(), rel=0.15)
    assert (change["ci_holm_low"] < change["ci_low"]).all()
    assert (change["ci_holm_high"] > change["ci_high"]).all()


def test_one_primary_question_leaves_the_other_to_the_secondary_family():
    made = study(12)
    both = made.test(permutations=99)
    made.content["primary_question"] = "change"
    one = made.test(permutations=99)
    made.content["primary_question"] = "association"
    other = made.test(permutations=99)
    for table, families in (
        (both, {"primary-change", "primary-association"}),
        (one, {"primary-change"}),
        (other, {"primary-association"}),
    ):
        assert {name for name in table["family"] if name.startswith("primary")} == families
    moved = one["test"].eq("association") & one["primary"].astype(bool)
    assert set(one.loc[moved, "family"]) == {"secondary"}
    assert one["p_holm"][moved].notna().all()
    assert one["p_permutation"].equals(both["p_permutation"])
