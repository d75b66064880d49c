"""Numbers beside Holm's p: the family's largest t, false discoveries, and Bayes factors."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations as arrangements
from itertools import product
from typing import Any

import made_tables
import numpy as np
import pandas as pd
import pingouin
import pytest
import statsmodels.api as sm
from made_hypotheses import hypotheses_table
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ketfc.inference.design.fit import bayes_factor, evidence_of
from ketfc.inference.design.model import Model
from ketfc.inference.families import false_discovery_rate, joint_test

PEOPLE = ["sub-1", "sub-2", "sub-3", "sub-4", "sub-5", "sub-6"]


def t_of(y: np.ndarray, tested: np.ndarray, *others: np.ndarray) -> float:
    design = np.column_stack([tested, np.ones(len(y)), *others])
    return float(sm.OLS(y, design).fit().tvalues[0])


def test_the_family_of_changes_is_that_of_a_double_loop_over_signs():
    rng = np.random.default_rng(1)
    changes = rng.normal([0.5, 0.1, -0.3], 1, (6, 3))
    models = [(PEOPLE, Model(("the change", column))) for column in changes.T]
    joint = joint_test(models, permutations=100, rng=rng)
    observed = np.abs(stats.ttest_1samp(changes, 0.0).statistic)
    largest = [
        np.abs(stats.ttest_1samp(changes * np.array(signs)[:, np.newaxis], 0.0).statistic).max()
        for signs in product((-1, 1), repeat=6)
    ]
    expected = [(np.array(largest) >= t - 1e-9).mean() for t in observed]
    assert joint.exhaustive
    assert joint.p_fwer.tolist() == pytest.approx(expected)


def test_the_family_of_two_arms_is_that_of_a_double_loop_over_orders():
    rng = np.random.default_rng(2)
    arm = np.array([1.0, 0, 1, 0, 1, 0])
    before = rng.normal(0, 1, (6, 2))
    after = before * 0.5 + arm[:, np.newaxis] * [1.5, 0.2] + rng.normal(0, 0.6, (6, 2))
    models = [
        (PEOPLE, Model(("post", after[:, j]), ("arm", arm), {"pre": before[:, j]}, groups=True))
        for j in range(2)
    ]
    joint = joint_test(models, permutations=720, rng=rng)
    observed, fitted, left = [], [], []
    for j in range(2):
        observed.append(abs(t_of(after[:, j], arm, before[:, j])))
        fit = sm.OLS(after[:, j], sm.add_constant(before[:, j])).fit()
        fitted.append(fit.fittedvalues)
        left.append(fit.resid)
    largest = [
        max(abs(t_of(fitted[j] + left[j][list(o)], arm, before[:, j])) for j in range(2))
        for o in arrangements(range(6))
    ]
    expected = [(np.array(largest) >= t - 1e-9).mean() for t in observed]
    assert joint.p_fwer.tolist() == pytest.approx(expected)


def test_circuits_of_different_participants_share_a_family():
    rng = np.random.default_rng(3)
    score, before = rng.normal(0, 1, 6), rng.normal(0, 1, 6)
    models = []
    for kept in (slice(0, 6), slice(1, 6)):
        change = ("change", rng.normal(0, 1, 6)[kept])
        model = Model(("score", score[kept]), change, {"score before": before[kept]})
        models.append((PEOPLE[kept], model))
    joint = joint_test(models, permutations=720, rng=rng)
    assert joint.n.tolist() == [6, 5]
    for (_, model), t in zip(models, joint.statistic, strict=True):
        expected = t_of(model.response[1], model.tested, model.nuisance["score before"])
        assert t == pytest.approx(expected)


@pytest.mark.parametrize("by_ranks", [False, True])
@pytest.mark.parametrize("groups", [False, True])
def test_a_family_of_one_is_the_test_itself_whatever_the_order_of_people_and_sites(
    groups, by_ranks
):
    """Covariates and blocks are those of the people they belong to: nothing here is symmetric."""
    rng = np.random.default_rng(11)
    people = ["sub-05", "sub-01", "sub-07", "sub-02", "sub-06", "sub-03", "sub-04", "sub-08"]
    site = np.array([0, 1, 0, 0, 1, 1, 0, 0])
    age = np.array([31.0, 52, 45, 23, 64, 38, 29, 57])
    arm = np.array([1.0, 0, 0, 1, 1, 0, 1, 0])
    tested = ("arm", arm) if groups else ("change", rng.normal(0, 1, 8))
    response = ("response", rng.normal(0, 1, 8) + 0.1 * age + 2 * site + tested[1])
    nuisance = {} if groups and by_ranks else {"before": rng.normal(0, 1, 8)}
    columns = {"age": age, "site: 1": site.astype(float)}
    model = Model(
        response,
        tested,
        nuisance | columns,
        groups=groups,
        covariates=tuple(columns),
        blocks=site,
        by_ranks=by_ranks,
    )
    alone = evidence_of(model, alpha=0.05, permutations=1000, rng=np.random.default_rng(0))
    place = np.argsort(people)
    joint = joint_test(
        [(people, model)],
        shared={name: column[place] for name, column in columns.items()},
        blocks=site[place],
        permutations=1000,
        rng=np.random.default_rng(1),
    )
    assert joint.exhaustive
    assert joint.permutations == 120 * 6
    assert joint.p_fwer.tolist() == joint.p.tolist() == pytest.approx([alone.p_permutation])


def test_circuits_with_the_same_numbers_have_a_p_each():
    change = np.array([0.3, 0.1, 0.2, -0.1, 0.4, 0.25])
    models = [(PEOPLE, Model(("the change", change)))] * 2
    joint = joint_test(models, permutations=100, rng=np.random.default_rng(0))
    assert joint.p_fwer.tolist() == [joint.p[0]] * 2


@pytest.fixture(scope="module", params=["one_arm", "two_arms"])
def table(request: Any) -> pd.DataFrame:
    return getattr(made_tables, request.param)().hypotheses


def test_only_primary_tests_have_a_family_wise_p(table):
    primary = table["family"].str.startswith("primary")
    assert table.loc[primary, "p_fwer"].notna().all()
    assert table.loc[~primary, "p_fwer"].isna().all()
    assert (table["p_fwer"] >= table["p_permutation"])[primary].all()
    bonferroni = 5 * table["p_permutation"] + 0.05
    assert (table["p_fwer"] <= bonferroni)[primary].all()


def test_primary_tests_have_no_false_discovery_rate_and_other_families_one_each(table):
    corrected = table["family"].isin(["secondary", "baseline-connectivity"])
    for _, own in table[corrected].dropna(subset="p_permutation").groupby("family"):
        expected = multipletests(own["p_permutation"], method="fdr_bh")[1]
        assert own["p_fdr"].tolist() == pytest.approx(expected.tolist())
    assert table.loc[~corrected, "p_fdr"].isna().all()
    assert table.loc[corrected, "p_fdr"].notna().any()


def test_other_families_do_not_count_for_a_false_discovery_rate():
    p = pd.Series([0.001, 0.02, np.nan, 0.04])
    family = pd.Series(["primary-change", "secondary", "secondary", "secondary"])
    expected = [np.nan, 0.04, np.nan, 0.04]
    assert false_discovery_rate(p, family).tolist() == pytest.approx(expected, nan_ok=True)


def test_the_bayes_factor_of_a_change_is_that_of_pingouin():
    made = made_tables.one_arm()
    row = made.hypotheses[made.hypotheses["test"] == "change"].iloc[0]
    assert row["bf10"] == pytest.approx(
        float(pingouin.bayesfactor_ttest(row["statistic"], row["n"], paired=True)), rel=1e-3
    )


def test_the_bayes_factor_of_two_groups_and_of_an_association_are_those_of_pingouin():
    rng = np.random.default_rng(4)
    y, x = rng.normal(0, 1, 20), rng.normal(0, 1, 20)
    group = np.repeat([0.0, 1.0], [8, 12])
    t = stats.ttest_ind(y[group == 1], y[group == 0]).statistic
    two, _ = bayes_factor(Model(("y", y), ("group", group), groups=True))
    assert two == pytest.approx(float(pingouin.bayesfactor_ttest(t, 12, 8)), rel=1e-3)
    r = pingouin.partial_corr(pd.DataFrame({"y": y, "x": x, "g": group}), "x", "y", "g")["r"]
    partial, _ = bayes_factor(Model(("y", y), ("x", x), {"g": group}))
    assert partial == pytest.approx(
        float(pingouin.bayesfactor_pearson(float(r.iloc[0]), 19)), rel=1e-3
    )


def test_a_constant_circuit_is_no_part_of_the_family():
    made = made_tables.one_arm(size=8)
    constant = made.connectivity["circuit"] == "dmn"
    made.connectivity.loc[constant, "z"] = 0.5
    circuits = [made_tables.Circuit(c, c, True, "?") for c in ("dmn", "salience")]
    settings = {"strategy": "acompcor", "seed": 1, "permutations": 199, "alpha": 0.05}
    about = (made.connectivity, made.scores, made.design)
    both = hypotheses_table(*about, circuits, **settings).set_index("hypothesis")
    assert both.loc["dmn", "p_fwer"].isna().all()
    assert both.loc["dmn", "bf10"].isna().all()
    primary = both.loc["salience", "family"].str.startswith("primary")
    assert both.loc["salience", "p_fwer"].notna().tolist() == primary.tolist()


def test_a_preregistered_study_is_not_exploratory():
    made = made_tables.one_arm(size=8)
    circuits = [made_tables.Circuit("dmn", "DMN", True, "?")]
    settings = {"strategy": "acompcor", "seed": 1, "permutations": 199, "alpha": 0.05}
    locked = replace(made, content={**made.content, "preregistered": True})
    for study, labelled in ((made, True), (locked, False)):
        table = hypotheses_table(
            study.connectivity, study.scores, study.design, circuits, **settings
        )
        primary = table[table["family"].str.startswith("primary")]
        assert primary["flags"].fillna("").str.contains("exploratory").eq(labelled).all()
