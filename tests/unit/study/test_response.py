"""The clinical course: changes, response, remission, floor and ceiling, who is never pooled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from scipy import stats

from ketfc.study.config.scores import Scores
from ketfc.study.scores.instruments import Rule
from ketfc.study.scores.response import (
    COURSE_COLUMNS,
    SUMMARY_COLUMNS,
    clinical_rules,
    clinical_scores,
    clinical_summary,
    compared_roles,
)

SSI = {("si", "total"): Rule("SSI", low=0, high=38, step=1, remission=3)}
DESIGN: dict[str, Any] = {"sessions": {"pre": "b", "post": "d1", "late": "d7"}, "contrasts": []}
PAIRS = [("pre", "post"), ("pre", "late")]


def long(rows: dict[str, tuple[float | None, ...]], roles=("pre", "post", "late")) -> pd.DataFrame:
    """Return scores of one scale: by participant, a value per role."""
    return pd.DataFrame(
        [
            (who, role, "si", "SSI", "total", value, hours)
            for who, values in rows.items()
            for role, value, hours in zip(roles, values, (-2.0, 24.0, 168.0), strict=False)
        ],
        columns=["participant_id", "role", "scale", "instrument", "item", "score", "hours"],
    ).astype({"score": float})


def course(*values: float | None, rules: Any = SSI, pairs: Any = PAIRS) -> dict[str, Any]:
    """Return the row of the first pair of one participant."""
    table = clinical_scores(long({"sub-01": values}), rules, pairs)
    assert tuple(table.columns) == COURSE_COLUMNS
    return table.astype(object).where(table.notna(), None).iloc[0].to_dict()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (20, 10, (-10.0, -50.0, "yes", "no", None)),
        (20, 11, (-9.0, -45.0, "no", "no", None)),
        (20, 3, (-17.0, -85.0, "yes", "yes", None)),
        (20, 30, (10.0, 50.0, "no", "no", None)),
        (4, 4, (0.0, 0.0, "no", "no", None)),
        (3, 1, (-2.0, pytest.approx(-66.667, abs=1e-3), "yes", "yes", "low-baseline")),
        (0, 0, (0.0, None, None, "yes", "baseline-zero")),
        (0, 5, (5.0, None, None, "no", "baseline-zero")),
        (None, 5, (None, None, None, "no", "missing-baseline")),
        (20, None, (None, None, None, None, "missing-followup")),
        (None, None, (None, None, None, None, "missing-baseline, missing-followup")),
    ],
)
def test_one_change_and_what_it_amounts_to(before: Any, after: Any, expected: Any) -> None:
    row = course(before, after)
    names = ("change", "percent_change", "response", "remission", "flags")
    assert tuple(row[name] for name in names) == expected


def test_where_higher_is_better_a_rise_is_a_response() -> None:
    rule = Rule("hope", low=0, high=100, direction="higher-better", response=0.5, remission=80)
    rules = {("si", "total"): rule}
    assert [course(40, x, rules=rules)["response"] for x in (60, 59, 20)] == ["yes", "no", "no"]
    assert [course(40, x, rules=rules)["remission"] for x in (80, 79)] == ["yes", "no"]


def test_without_a_rule_there_is_no_response() -> None:
    row = course(20, 1, rules={("si", "total"): Rule("x", response=None)})
    assert (row["response"], row["remission"], row["percent_change"]) == (None, None, -95.0)


@pytest.mark.parametrize(
    ("values", "role", "hours"),
    [
        ((20, 10, 10), "post", 24.0),
        ((20, 15, 10), "late", 168.0),
        ((20, 15, 15), None, None),
        ((20, None, 4), "late", 168.0),
    ],
)
def test_the_first_response_has_its_role_and_its_hours(values: Any, role: Any, hours: Any) -> None:
    row = course(*values)
    assert (row["first_response"], row["first_response_hours"]) == (role, hours)


def test_between_two_sessions_after_treatment_nobody_responds() -> None:
    row = course(20, 10, 4, pairs=[("post", "late")])
    assert (row["change"], row["response"], row["remission"]) == (-6.0, None, None)


def test_a_score_that_is_a_change_stays_one() -> None:
    scores = long({"sub-01": (-4.5,), "sub-02": (None,)}, roles=("change",))
    table = clinical_scores(scores, SSI, PAIRS)
    assert table["role"].tolist() == ["change", "change"]
    assert table["change"].tolist()[0] == -4.5
    assert math.isnan(table["change"].tolist()[1])
    assert table[["baseline", "followup", "percent_change"]].isna().all(axis=None)


def test_the_roles_that_are_compared_follow_the_design() -> None:
    assert compared_roles(design_of(DESIGN)) == PAIRS
    crossover = DESIGN | {"pre": None, "contrasts": [["post", "late"]]}
    assert compared_roles(design_of(crossover)) == [("post", "late")]
    both = DESIGN | {"pre": "pre", "contrasts": [["late", "post"], ["pre", "post"]]}
    assert compared_roles(design_of(both)) == [*PAIRS, ("late", "post")]


def test_rules_come_from_the_catalogue_and_the_config() -> None:
    section = {
        "table": "t.tsv",
        "si": {"instrument": "own", "column": "x", "range": [0, 9], "remission": 1},
        "depression": {"instrument": "MADRS", "column": "M", "si-item": "M10"},
    }
    rules = clinical_rules(Scores.model_validate(section))
    assert {key: (rule.low, rule.high, rule.remission) for key, rule in rules.items()} == {
        ("si", "total"): (0, 9, 1),
        ("depression", "total"): (0, 60, 10),
        ("depression", "si-item"): (0, 6, None),
        ("depression", "total-less-si-item"): (0, 54, None),
    }


def summarised(people: pd.DataFrame, scores: pd.DataFrame, **design: Any) -> pd.DataFrame:
    table = clinical_scores(scores, SSI, PAIRS)
    made = clinical_summary(scores, table, people, SSI, design_of(DESIGN | design))
    assert tuple(made.columns) == SUMMARY_COLUMNS
    return made


def persons(n: int, **columns: Any) -> pd.DataFrame:
    table = pd.DataFrame({"participant_id": [f"sub-{i:02}" for i in range(n)]})
    return table.assign(**{"arm": None, "group": None} | columns)


def test_the_summary_equals_scipy(rng) -> None:
    values = rng.integers(0, 39, (30, 2)).astype(float)
    values[3, 1] = np.nan
    people = persons(30)
    scores = long({w: tuple(v) for w, v in zip(people["participant_id"], values, strict=True)})
    table = summarised(people, scores)
    row = table[table["reference"] == "pre"].iloc[0]
    change = (values[:, 1] - values[:, 0])[~np.isnan(values[:, 1])]
    t = stats.ttest_1samp(change, 0)
    assert (row["n"], row["n_missing"], row["df"]) == (29, 1, 28)
    assert row["t"] == pytest.approx(t.statistic)
    assert row["dz"] == pytest.approx(change.mean() / change.std(ddof=1))
    assert row["median"] == pytest.approx(np.median(change))
    before = table[table["reference"].isna() & (table["role"] == "pre")].iloc[0]
    assert before["sd"] == pytest.approx(values[:, 0].std(ddof=1))


@pytest.mark.parametrize(
    ("zeros", "highest", "flags"), [(3, 0, None), (4, 0, "floor"), (4, 5, "floor, ceiling")]
)
def test_more_than_15_per_cent_at_an_end_are_a_floor_or_a_ceiling(zeros, highest, flags) -> None:
    people = persons(20)
    values = [0] * zeros + [38] * highest + [10] * (20 - zeros - highest)
    scores = long({w: (v,) for w, v in zip(people["participant_id"], values, strict=True)})
    row = summarised(people, scores).iloc[0]
    assert (row["floor"], row["ceiling"]) == (zeros / 20, highest / 20)
    assert (None if pd.isna(row["flags"]) else row["flags"]) == flags


def test_responders_are_counted_among_those_of_whom_it_can_be_said() -> None:
    scores = long({"sub-00": (20, 5), "sub-01": (20, 19), "sub-02": (0, 0), "sub-03": (20, None)})
    row = summarised(persons(4), scores).query("reference == 'pre'").iloc[0]
    assert (row["n"], row["n_missing"]) == (3, 1)
    assert (row["n_response"], row["of_response"]) == (1, 2)
    assert (row["n_remission"], row["of_remission"]) == (1, 3)
    assert row["flags"] == "1 with a baseline below 4"


def test_arms_have_their_labels_and_groups_are_never_pooled() -> None:
    scores = long({f"sub-{i:02}": (20, 10) for i in range(6)})
    arms = ["ketamine", "control"] * 3
    labels = {"ketamine": "ket", "control": "midazolam"}
    table = summarised(persons(6, arm=arms), scores, arms=labels)
    found = table.groupby(["by", "level"])["n"].max().to_dict()
    assert found == {("all", "all"): 6, ("arm", "ket"): 3, ("arm", "midazolam"): 3}
    groups = ["patients"] * 4 + ["controls"] * 2
    strata = ["below 4"] * 6
    table = summarised(persons(6, arm=arms, group=groups, si_stratum=strata), scores, arms=labels)
    found = table.groupby(["by", "level"])["n"].max().to_dict()
    assert found == {
        ("group", "patients"): 4,
        ("group", "controls"): 2,
        ("arm", "ket"): 2,
        ("arm", "midazolam"): 2,
        ("si_stratum", "below 4"): 4,
    }
