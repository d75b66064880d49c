"""Two drugs in two periods: golden numbers, calibration, and what the table says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from made_design import design_of
from made_hypotheses import hypotheses_table
from made_models import drug_difference, model_like, welch
from scipy import stats

from ketfc.inference.core.permutation import freedman_lane_test
from ketfc.inference.design.circuit_tests import incomplete_participants
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.many_connections import t_of_many
from ketfc.inference.design.model import Model
from ketfc.inference.null.matched_null import matched_null

SETTINGS: dict[str, Any] = {"alpha": 0.05, "permutations": 999}


def trial(
    first: int, second: int, *, seed: int = 0, drug: float = 0.0, period: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return z after the control drug, z after ketamine, and who had ketamine first."""
    rng = np.random.default_rng(seed)
    ketamine_first = np.repeat([1.0, 0.0], [first, second])
    person = rng.normal(0.3, 0.2, len(ketamine_first))
    noise = rng.normal(0, 0.1, (2, len(ketamine_first)))
    control = person + noise[0] + period * ketamine_first
    ketamine = person + noise[1] + period * (1 - ketamine_first) + drug
    return control, ketamine, ketamine_first


def evidence(made: tuple[np.ndarray, ...], **settings: Any) -> Any:
    return drug_difference(*made, rng=np.random.default_rng(1), **SETTINGS | settings)


def test_estimate_and_t_are_those_of_regression_on_the_order():
    control, ketamine, first = made = trial(9, 5, seed=3, drug=0.1, period=0.3)
    found = evidence(made)
    # the mean over orders is the intercept where the orders are coded one half and minus one half
    design = np.column_stack([np.ones(14), first - 0.5])
    fit = sm.OLS(ketamine - control, design).fit()
    assert found.estimate == pytest.approx(fit.params[0])
    assert (found.ci_low <= 0 <= found.ci_high) == (found.p_permutation > 0.05)
    numbers = (found.statistic, found.df, found.p_parametric)
    assert numbers == pytest.approx(welch(fit, 0, first))
    # without nuisance it is Welch's test of the two orders
    periods = np.where(first == 1, ketamine - control, control - ketamine)
    theirs = stats.ttest_ind(periods[first == 1], periods[first == 0], equal_var=False)
    assert numbers == pytest.approx((theirs.statistic, theirs.df, theirs.pvalue))


def test_the_estimate_is_that_of_a_mixed_model_with_period():
    control, ketamine, first = trial(9, 5, seed=4, drug=0.1, period=0.3)
    people = np.arange(14)
    long = pd.DataFrame(
        {
            "z": np.r_[control, ketamine],
            "drug": np.repeat([0.0, 1.0], 14),
            "period": np.r_[first, 1 - first],
            "person": np.r_[people, people],
            "order": np.r_[first, first],
        }
    )
    fit = smf.mixedlm("z ~ drug + period + order", long, groups="person").fit()
    assert evidence((control, ketamine, first)).estimate == pytest.approx(fit.params["drug"])


def test_the_permuted_statistic_is_that_of_hills_and_armitage():
    control, ketamine, first = trial(9, 5, seed=5, drug=0.1)
    periods = np.where(first == 1, ketamine - control, control - ketamine)
    expected = stats.ttest_ind(periods[first == 1], periods[first == 0])
    found = freedman_lane_test(
        periods, 2 * first - 1, np.ones((14, 1)), permutations=99, rng=np.random.default_rng(0)
    )
    assert found.statistic == pytest.approx(expected.statistic)
    columns = [np.column_stack([z, z[::-1]]) for z in (control, ketamine)]
    model = model_like("change", *columns, first=first)
    theirs = stats.ttest_ind(periods[first == 1], periods[first == 0], equal_var=False)
    t, df = t_of_many(model)
    assert (t[0], df[0]) == pytest.approx((theirs.statistic, theirs.df))


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_many_connections_have_the_same_t_in_other_units_and_none_where_nothing_is_left(unit):
    control, ketamine, first = trial(7, 4, seed=5, drug=0.2)
    order = 2 * first - 1
    periods = np.where(first == 1, ketamine - control, control - ketamine)
    # the last but one is what the order explains, the last hardly anything else
    little = 1e-4 * np.random.default_rng(2).normal(size=len(order))
    many = np.column_stack([periods, order * 0.3 + 0.7, order * 0.3 + 0.7 + little])
    t, df = t_of_many(Model(("y", many * unit), ("order", order), {}))
    theirs = sm.OLS(many[:, 2], np.column_stack([order, np.ones(len(order))])).fit()
    assert t[2] == pytest.approx(theirs.tvalues[0])
    assert np.isfinite(df[[0, 2]]).all()
    assert np.isnan([t[1], df[1]]).all()
    assert t[0] == pytest.approx(t_of_many(Model(("y", many), ("order", order), {}))[0][0])


def test_all_allocations_of_a_small_study_give_the_exact_p():
    control, ketamine, first = made = trial(4, 3, seed=6, drug=0.2)
    periods = np.where(first == 1, ketamine - control, control - ketamine)

    def difference(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(a.mean(axis=axis) - b.mean(axis=axis))

    expected = stats.permutation_test(
        (periods[first == 1], periods[first == 0]), difference, vectorized=True, n_resamples=np.inf
    )
    found = evidence(made, permutations=10_000)
    assert "exhaustive" in found.flags
    assert found.p_permutation == pytest.approx(expected.pvalue)


def test_the_effect_size_is_the_mean_in_standard_deviations_within_an_order():
    control, ketamine, first = made = trial(9, 5, seed=7, drug=0.1, period=2.0)
    found = evidence(made)
    difference = ketamine - control
    pooled = np.sqrt(
        (8 * difference[first == 1].var(ddof=1) + 4 * difference[first == 0].var(ddof=1)) / 12
    )
    # J(12) of Hedges (1981), table 1: 0.9359
    assert found.effect_size == pytest.approx(0.9359 * found.estimate / pooled, rel=1e-3)


def test_a_strong_effect_of_period_alone_is_no_effect_of_the_drug():
    """Rejections at .05 lie in the binomial 99 % band; those of the paired t test do not."""
    studies, unbalanced = 2000, (16, 4)
    rejected = naive = 0
    rng = np.random.default_rng(11)
    for seed in range(studies):
        control, ketamine, first = trial(*unbalanced, seed=1000 + seed, period=0.3)
        periods = (ketamine - control) * (2 * first - 1)
        test = freedman_lane_test(
            periods, 2 * first - 1, np.ones((20, 1)), permutations=199, rng=rng
        )
        rejected += test.p <= 0.05
        naive += stats.ttest_rel(ketamine, control).pvalue <= 0.05
    low, high = stats.binom.ppf([0.005, 0.995], studies, 0.05)
    assert low <= rejected <= high
    assert naive > 10 * high


def test_a_planted_drug_is_found_whatever_the_period_does():
    for period in (0.0, 1.0):
        found = evidence(trial(12, 8, seed=8, drug=0.25, period=period))
        assert found.p_permutation < 0.01
        assert found.ci_low < 0.25 < found.ci_high


def test_period_in_connectivity_and_score_is_no_association():
    rng = np.random.default_rng(2)
    first = np.repeat([1.0, 0.0], 10)
    period = np.where(first == 1, 1.0, -1.0)
    connectivity = 0.5 * period + rng.normal(0, 0.1, 20)
    score = 8 * period + rng.normal(0, 2, 20)
    none = np.zeros(20)
    scores = {"si_baseline": none, "si_followup": score}
    model = model_like("association", none, connectivity, first=first, **scores)
    found = evidence_of(model, rng=np.random.default_rng(1), **SETTINGS)
    # of two groups of ten the ranks of the order are its values, but for scale
    nuisance = np.column_stack([np.ones(20), first])
    left = [
        column - nuisance @ np.linalg.lstsq(nuisance, column, rcond=None)[0]
        for column in (stats.rankdata(connectivity), stats.rankdata(score))
    ]
    assert found.estimate == pytest.approx(np.corrcoef(*left)[0, 1])
    assert stats.pearsonr(connectivity, score).pvalue < 1e-6
    assert found.p_permutation > 0.05


@dataclass(frozen=True)
class Circuit:
    id: str = "dmn"
    name: str = "DMN"
    primary: bool = True
    expected_sign: str = "+"
    direction: str | None = None
    quantity: str = "connectivity"
    unit: str = "Fisher z"
    registration: str | None = None
    variant_of: str | None = None
    edges: tuple[tuple[str, str], ...] = (("A", "B"),)
    regress: tuple[()] = ()


def study(*, drug: float = 0.4, healthy: int = 3) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """Ten patients with both drugs, one with ketamine alone, one of unknown order; controls."""
    rng = np.random.default_rng(5)
    orders = ["ketamine-first", "control-first"] * 5 + ["ketamine-only", None]
    orders += ["ketamine-first"] * healthy
    people = {f"sub-{i:02d}": order for i, order in enumerate(orders, start=1)}
    groups = dict.fromkeys(people, "patients")
    groups |= dict.fromkeys(list(people)[len(people) - healthy :], "controls")
    rows, scores = [], []
    for who, order in people.items():
        base = rng.normal(0.2, 0.1)
        shift = {"pre": 0.0, "post": drug, "control": 0.0, "late": drug / 2, "controllate": 0.0}
        for role, more in shift.items():
            if order == "ketamine-only" and role.startswith("control"):
                continue
            value = 5.0 if groups[who] == "controls" else base + more + rng.normal(0, 0.05)
            rows.append((who, role, role, "acompcor", "dmn", "mean", value))
            scores.append((who, role, role, 20 - 10 * more + rng.normal(), "si", "SSI", "total"))
    columns = ["participant_id", "session", "role"]
    connectivity = pd.DataFrame(rows, columns=[*columns, "strategy", "circuit", "measure", "z"])
    table = pd.DataFrame(scores, columns=[*columns, "score", "scale", "instrument", "item"])
    design = {
        "kind": "crossover",
        "baseline": "control",
        "followup": "post",
        "pre": "pre",
        "contrasts": [["control", "post"], ["controllate", "late"]],
        "arms": None,
        "drugs": {"ketamine": "ketamine", "control": "saline"},
        "participants": dict.fromkeys(people),
        "sequences": people,
        "groups": {"patients": ["MDD"], "controls": ["HC"], "participants": groups},
        "si": {"instrument": "SSI", "shape": "pre-post"},
        "estimand": {
            "change": "c", "association": "a", "change-late": "l", "change-first-period": "f"
        },
    }  # fmt: skip
    return connectivity, table, design


def table_of(made: tuple[pd.DataFrame, pd.DataFrame, dict]) -> pd.DataFrame:
    settings = {"strategy": "acompcor", "seed": 1, "permutations": 499, "alpha": 0.05}
    connectivity, scores, design = made
    tables = connectivity, scores, design_of(design)
    return hypotheses_table(*tables, [Circuit()], **settings).set_index("test")


def test_a_crossover_has_its_tests_and_controls_are_in_none():
    table = table_of(study())
    assert list(table.index) == ["change", "association", "change-late", "change-first-period"]
    assert table["family"].tolist() == [
        "primary-change", "primary-association", "secondary", "secondary"
    ]  # fmt: skip
    assert table["n"].tolist() == [10, 10, 10, 11]
    assert table["n_excluded"].tolist() == [2, 2, 2, 1]
    # had the controls' z of 5 entered, it would show
    assert table.loc["change", "estimate"] == pytest.approx(0.4, abs=0.1)
    assert table.loc["change-late", "estimate"] == pytest.approx(0.2, abs=0.1)
    assert table.loc["change-first-period", "estimate"] == pytest.approx(0.4, abs=0.1)
    assert (table["p_permutation"].drop("association") < 0.05).all()


def test_who_lacks_a_drug_or_its_order_is_left_out_with_the_reason():
    connectivity, scores, design = study()
    tables = connectivity, scores, design_of(design)
    left = incomplete_participants(*tables, [Circuit()], strategy="acompcor")
    said = {(row.participant_id, row.test): row.reason for row in left.itertuples()}
    assert said["sub-11", "change"] == "had no second drug; no connectivity at control"
    assert said["sub-12", "change"] == "order of the drugs not known"
    assert said["sub-12", "change-first-period"] == (
        "order of the drugs not known; no connectivity at first period"
    )
    assert ("sub-11", "change-first-period") not in said
    assert {who for who, _ in said} == {"sub-11", "sub-12"}


def test_the_sentences_name_the_drugs_and_neither_cause_nor_specificity():
    table = table_of(study())
    change, late = table.loc["change", "verdict"], table.loc["change-late", "verdict"]
    assert change.startswith("DMN: connectivity after ketamine was 0.4")
    assert "higher than after saline in the same participants, adjusted for period" in change
    assert change.endswith("evidence for a difference between the drugs in the expected direction.")
    assert "after saline" in late
    assert "between ketamine and saline" in table_of(study(drug=0.0)).loc["change", "verdict"]
    assert "given the order of the drugs" in table.loc["association", "verdict"]
    for verdict in table["verdict"]:
        assert not [word for word in ("specific", "no control", "pre–post") if word in verdict]


def test_one_order_alone_cannot_tell_drug_from_period():
    made = study()
    made[2]["sequences"] = dict.fromkeys(made[2]["sequences"], "ketamine-first")
    row = table_of(made).loc["change"]
    assert row["flags"] == "order-empty"
    assert "had saline first, so that drug and period cannot be told apart" in row["verdict"]
    assert np.isnan(row["p_permutation"])
    made[2]["sequences"]["sub-02"] = "control-first"
    assert table_of(made).loc["change", "flags"] == "too-few"


def test_the_circuit_is_ranked_by_its_own_statistic_among_matched_pairs():
    connectivity, _, design = study()
    nothing = pd.DataFrame(columns=["x", "y", "z", "size", "tsnr", "radius"], dtype=float)
    measured = pd.DataFrame(
        index=pd.MultiIndex.from_tuples([], names=["participant_id", "role"]), dtype=bool
    )
    row = matched_null(
        connectivity, design_of(design), [Circuit()], [], regions=nothing, spheres=nothing,
        measured=measured, strategy="acompcor", seed=1,
    ).iloc[0]  # fmt: skip
    assert row["n"] == 10
    assert "pairs of spheres" in row["reason"]
    design["sequences"] = dict.fromkeys(design["sequences"], "ketamine-first")
    row = matched_null(
        connectivity, design_of(design), [Circuit()], [], regions=nothing, spheres=nothing,
        measured=measured, strategy="acompcor", seed=1,
    ).iloc[0]  # fmt: skip
    assert "drug and period cannot be told apart" in row["reason"]


def test_further_follow_ups_of_other_designs_are_secondary():
    connectivity, scores, design = study(healthy=0)
    design |= {"kind": "longitudinal", "sequences": None, "groups": None, "drugs": None}
    design |= {"baseline": "pre", "contrasts": [["pre", "post"], ["pre", "late"]]}
    del design["estimand"]["change-first-period"]
    table = table_of((connectivity, scores, design))
    assert list(table.index) == ["change", "association", "change-late", "baseline-prognostic"]
    assert table["n"].tolist() == [12, 12, 12, 12]
    assert table.loc["change-late", "family"] == "secondary"
    wide = connectivity.pivot_table(index="participant_id", columns="role", values="z")
    expected = stats.ttest_rel(wide["late"], wide["pre"])
    assert table.loc["change-late", "statistic"] == pytest.approx(expected.statistic)
    assert "from pre to late" in table.loc["change-late", "verdict"]
