"""The primary hypotheses by other methods: rows of every design, golden numbers, traps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import made_hypotheses
import made_tables
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from made_models import welch
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from ketfc.base.files import write_tsv
from ketfc.inference.robustness.association_checks import ASSOCIATION_METHODS
from ketfc.inference.robustness.change_checks import GROUP_METHODS, MEAN_METHODS
from ketfc.inference.robustness.checks import Settings
from ketfc.inference.robustness.mmrm import arms_over_time
from ketfc.inference.robustness.table import FROM_CONTROLS, ROBUSTNESS_COLUMNS, robustness

SETTINGS = Settings(seed=1, permutations=199, alpha=0.05, margin=0.1)
CIRCUITS = [
    made_tables.Circuit("dmn", "default mode network", True, "?"),
    made_tables.Circuit("sgacc-rlpfc", "sgACC – right lateral PFC", True, "?"),
]


def table_of(made: made_tables.Made, settings: Settings = SETTINGS) -> pd.DataFrame:
    return robustness(
        made.connectivity,
        made.scores,
        made.design,
        CIRCUITS,
        strategy="acompcor",
        settings=settings,
    )


def rows_of(table: pd.DataFrame, test: str, circuit: str = "dmn") -> pd.DataFrame:
    rows = table[(table["hypothesis"] == circuit) & (table["test"] == test)]
    return rows.set_index("method")


def pairs_of(made: made_tables.Made, circuit: str = "dmn") -> pd.DataFrame:
    means = made.connectivity[
        (made.connectivity["measure"] == "mean")
        & (made.connectivity["circuit"] == circuit)
        & (made.connectivity["strategy"] == "acompcor")
    ]
    wide = means.pivot_table(index="participant_id", columns="role", values="z")
    return wide[["pre", "post"]].dropna()


def with_depression(made: made_tables.Made, item: str = "total") -> made_tables.Made:
    """Depression scores of their own, not those of ideation."""
    rng = np.random.default_rng(5)
    scores = made.scores.copy()
    own = scores["scale"] == "depression"
    scores.loc[own, "score"] = rng.normal(25, 6, int(own.sum())).round()
    scores.loc[own, "item"] = item
    return replace(made, scores=scores)


@pytest.mark.parametrize(
    ("make", "methods"), [("one_arm", MEAN_METHODS), ("two_arms", GROUP_METHODS)]
)
def test_every_method_of_a_design_has_a_row(make, methods):
    table = table_of(with_depression(getattr(made_tables, make)()))
    assert tuple(table.columns) == ROBUSTNESS_COLUMNS
    for circuit in CIRCUITS:
        assert tuple(rows_of(table, "change", circuit.id).index) == methods
        found = tuple(rows_of(table, "association", circuit.id).index)
        expected = {*ASSOCIATION_METHODS, "depression-adjusted", "baseline-adjusted"}
        assert expected <= set(found) <= expected | {"ordinal"}
    assert not table.duplicated(["hypothesis", "test", "method"]).any()


def test_a_single_arm_has_the_numbers_of_scipy_and_statsmodels():
    made = made_tables.one_arm()
    rows = rows_of(table_of(made), "change")
    pairs = pairs_of(made)
    change = (pairs["post"] - pairs["pre"]).to_numpy()
    n = len(change)
    t = stats.ttest_1samp(change, 0)
    ends = rows.loc["t", ["ci_low", "ci_high"]].astype(float)
    assert tuple(ends) == pytest.approx(tuple(t.confidence_interval(0.95)))
    assert rows.loc["t", "p"] == pytest.approx(t.pvalue)
    wilcoxon = stats.wilcoxon(change)
    assert rows.loc["wilcoxon", "p"] == pytest.approx(float(wilcoxon.pvalue))
    p = DescrStatsW(change).ttost_mean(-0.1, 0.1)[0]
    assert rows.loc["tost", "p"] == pytest.approx(float(p))
    smallest = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8, alternative="two-sided")
    assert rows.loc["detectable", "effect_size"] == pytest.approx(smallest, rel=1e-4)
    assert rows.loc["detectable", "estimate"] == pytest.approx(
        smallest * change.std(ddof=1), rel=1e-4
    )


def test_two_arms_have_the_numbers_of_statsmodels_and_scipy():
    made = made_tables.two_arms()
    rows = rows_of(table_of(made), "change")
    pairs = pairs_of(made)
    arm = np.array([made.content["participants"][who] == "ketamine" for who in pairs.index])
    design = sm.add_constant(np.column_stack([arm, pairs["pre"]]).astype(float))
    fit = sm.OLS(pairs["post"].to_numpy(), design).fit(cov_type="HC2")
    assert rows.loc["hc2", "estimate"] == pytest.approx(fit.params[1])
    assert rows.loc["hc2", "statistic"] == pytest.approx(fit.tvalues[1])
    hc3 = sm.OLS(pairs["post"].to_numpy(), design).fit(cov_type="HC3", use_t=True)
    ends = rows.loc["hc3", ["ci_low", "ci_high"]].astype(float)
    assert tuple(ends) == pytest.approx(tuple(hc3.conf_int()[1]))
    assert rows.loc["hc3", "p"] == pytest.approx(hc3.pvalues[1])
    change = pairs["post"] - pairs["pre"]
    test = stats.mannwhitneyu(change[arm], change[~arm])
    assert rows.loc["mann-whitney", "statistic"] == test.statistic
    assert rows.loc["mann-whitney", "p"] == pytest.approx(float(test.pvalue))


def test_the_association_is_adjusted_for_depression():
    made = with_depression(made_tables.one_arm())
    rows = rows_of(table_of(made), "association")
    pairs = pairs_of(made)
    scores = made.scores.pivot_table(
        index="participant_id", columns=["scale", "role"], values="score"
    )
    both = pairs.join(scores["si"].add_prefix("si_")).dropna()
    mood = (scores["depression"]["post"] - scores["depression"]["pre"]).reindex(both.index)
    kept = mood.notna()
    columns = np.column_stack([both["post"] - both["pre"], mood, both["si_pre"]])[kept]
    y, *X = (stats.rankdata(column) for column in (both["si_post"][kept], *columns.T))
    ranked = sm.OLS(y, sm.add_constant(np.column_stack(X))).fit()
    rho = ranked.tvalues[1] / np.sqrt(ranked.tvalues[1] ** 2 + ranked.df_resid)
    assert rows.loc["depression-adjusted", "estimate"] == pytest.approx(rho)
    assert rows.loc["depression-adjusted", "flags"].split(";")[-1] == "totals-only"
    less = rows_of(table_of(with_depression(made, item="total-less-si-item")), "association")
    assert "totals-only" not in str(less.loc["depression-adjusted", "flags"])
    assert "without its suicide item" in less.loc["depression-adjusted", "note"]


@pytest.mark.parametrize("make", ["one_arm", "two_arms"])
def test_the_association_is_adjusted_for_baseline_connectivity(make):
    made = getattr(made_tables, make)()
    rows = rows_of(table_of(made), "association")
    pairs = pairs_of(made)
    si = made.scores[made.scores["scale"] == "si"]
    wide = si.pivot_table(index="participant_id", columns="role", values="score")
    both = pairs.join(wide.add_suffix("_si")).dropna()
    arm = [float(made.content["participants"][who] == "ketamine") for who in both.index]
    columns = [both["post"] - both["pre"], both["pre"], both["pre_si"]]
    columns += [arm] if make == "two_arms" else []
    y, *X = (stats.rankdata(column) for column in (both["post_si"], *columns))
    fit = sm.OLS(y, sm.add_constant(np.column_stack(X))).fit()
    rho = fit.tvalues[1] / np.sqrt(fit.tvalues[1] ** 2 + fit.df_resid)
    adjusted = rows.loc["baseline-adjusted"]
    assert adjusted["estimate"] == pytest.approx(rho)
    assert adjusted["n"] == len(both)
    groups = arm if make == "two_arms" else np.zeros(len(both))
    assert adjusted["df"] == pytest.approx(welch(fit, 1, groups)[1])
    assert 0 < adjusted["p"] <= 1


def test_interactions_are_shown_by_ranks_whose_product_is_taken_after_ranking():
    made = made_hypotheses.adjusted(
        made_hypotheses.study(36),
        age=np.random.default_rng(3).normal(40, 9, 36).round().tolist(),
    )
    # arms of 12 and 24
    people = sorted(made.content["participants"])
    made.content["participants"] = {
        who: "ketamine" if i % 3 == 0 else "control" for i, who in enumerate(people)
    }
    table = robustness(made.connectivity, made.scores, made.design, CIRCUITS,
                       strategy="acompcor", settings=SETTINGS)  # fmt: skip
    data = made_hypotheses.frame_of(made, "sgacc-rlpfc")
    data["arm"] = [float(i % 3 == 0) for i in range(36)]
    ranked = data[["post_si", "pre_si", "change", "age", "post", "pre", "arm"]].rank()
    for test, formula, term in (
        ("drug-by-change", "post_si ~ arm * change + pre_si + age", "arm:change"),
        ("drug-by-baseline-score", "post ~ arm * pre_si + pre + age", "arm:pre_si"),
    ):
        row = rows_of(table, test, "sgacc-rlpfc").loc["ranks"]
        fit = smf.ols(formula, ranked).fit()
        r = fit.tvalues[term] / np.sqrt(fit.tvalues[term] ** 2 + fit.df_resid)
        assert row["estimate"] == row["effect_size"] == pytest.approx(r)
        assert row["p"] == pytest.approx(fit.pvalues[term], abs=0.12)
        assert np.isnan([row["ci_low"], row["ci_high"]]).all()
        # the ranks of the product are another test
        product = (data["arm"] - data["arm"].mean()) * (data["change"] - data["change"].mean())
        other = smf.ols(formula.replace("arm * change", "arm + change + product"),
                        ranked.assign(product=product.rank())).fit()  # fmt: skip
        if test == "drug-by-change":
            wrong = other.tvalues["product"]
            assert r != pytest.approx(wrong / np.sqrt(wrong**2 + other.df_resid), abs=1e-3)


def test_moderation_that_could_not_be_tested_has_no_row_of_ranks():
    table = table_of(made_tables.two_arms())
    assert not set(table["test"]) & {"drug-by-change", "drug-by-baseline-score"}


def longitudinal() -> made_tables.Made:
    made = made_tables.one_arm()
    late = made.connectivity[made.connectivity["role"] == "post"].assign(role="late")
    late["z"] = late["z"] + np.random.default_rng(3).normal(0.2, 0.05, len(late))
    design = {
        **made.content,
        "kind": "longitudinal",
        "contrasts": [["pre", "post"], ["pre", "late"]],
        "estimand": {**made.content["estimand"], "change-late": "The change until late."},
    }
    return replace(made, connectivity=pd.concat([made.connectivity, late]), content=design)


def test_several_follow_ups_have_a_mixed_model_each():
    made = longitudinal()
    table = table_of(made)
    late = rows_of(table, "change-late")
    assert "mixed-model" in rows_of(table, "change").index
    pairs = made.connectivity[
        made.connectivity["measure"].eq("mean")
        & made.connectivity["circuit"].eq("dmn")
        & made.connectivity["strategy"].eq("acompcor")
    ].pivot_table(index="participant_id", columns="role", values="z")
    change = (pairs["late"] - pairs["pre"]).dropna()
    assert late.loc["mixed-model", "estimate"] == pytest.approx(change.mean(), abs=0.03)
    assert late.loc["mixed-model", "ci_low"] > 0


def two_follow_ups() -> made_tables.Made:
    """Two arms of 7 and 9 with a late session, which one lacks and another has in place of post."""
    made = made_tables.two_arms()
    people = list(made.content["participants"])
    arms = {who: "ketamine" if i % 5 in (0, 3) else "control" for i, who in enumerate(people)}
    late = made.connectivity[made.connectivity["role"] == "post"].assign(role="late")
    late["z"] = late["z"] + np.random.default_rng(5).normal(0, 0.1, len(late))
    z = pd.concat([made.connectivity, late])
    lost = {people[1]: "late", people[2]: "post", people[4]: "pre"}
    z = z[[lost.get(who) != role for who, role in zip(z["participant_id"], z["role"], strict=True)]]
    design = {
        **made.content,
        "participants": arms,
        "contrasts": [["pre", "post"], ["pre", "late"]],
        "estimand": {**made.content["estimand"], "change-late": "The difference at late."},
    }
    return replace(made, connectivity=z, content=design)


def test_arms_are_compared_at_every_follow_up_in_one_model():
    made = two_follow_ups()
    table = table_of(made)
    rows = table[(table["hypothesis"] == "dmn") & (table["method"] == "mmrm")].set_index("test")
    assert rows.index.tolist() == ["change", "change-late"]
    assert set(rows["flags"]) == {"sessions-missing"}
    wide = made.connectivity[
        made.connectivity["measure"].eq("mean")
        & made.connectivity["circuit"].eq("dmn")
        & made.connectivity["strategy"].eq("acompcor")
    ].pivot_table(index="participant_id", columns="role", values="z")
    wide = wide.dropna(subset="pre")
    wide = wide[wide[["post", "late"]].notna().any(axis=1)]
    assert (rows["n"] == len(wide)).all()
    treated = np.array([made.content["participants"][who] == "ketamine" for who in wide.index])
    nuisance = np.column_stack([np.ones(len(wide)), wide["pre"]])
    expected = arms_over_time(
        wide[["post", "late"]].to_numpy(), treated.astype(float), nuisance, alpha=0.05
    )
    for one, (_, row) in zip(expected, rows.iterrows(), strict=True):
        assert row["estimate"] == pytest.approx(one.estimate)
        assert (row["df"], row["p"]) == pytest.approx((one.df, one.p_parametric))
    # one follow-up has nothing to be modelled with
    single = {**made.content, "contrasts": [["pre", "post"]]}
    assert "mmrm" not in set(table_of(replace(made, content=single))["method"])


def test_the_model_of_all_follow_ups_holds_the_covariates():
    made = two_follow_ups()
    people = list(made.content["participants"])
    ages = dict(zip(people, np.random.default_rng(2).normal(40, 9, len(people)), strict=True))
    ages[people[0]] = None
    site = {who: "AB"[i % 3 == 0] for i, who in enumerate(people)}
    content = {
        **made.content,
        "covariates": {"age": "numeric", "site": "categorical"},
        "terms": {
            "covariates": ["age"],
            "blocks": "site",
            "values": {"age": ages, "site": site},
            "diagnosis": None,
        },
    }
    plain, adjusted = (
        table[(table["hypothesis"] == "dmn") & (table["method"] == "mmrm")].set_index("test")
        for table in (table_of(made), table_of(replace(made, content=content)))
    )
    assert (adjusted["n"] == plain["n"] - 1).all()
    z = made.connectivity[
        made.connectivity["measure"].eq("mean")
        & made.connectivity["circuit"].eq("dmn")
        & made.connectivity["strategy"].eq("acompcor")
    ].pivot_table(index="participant_id", columns="role", values="z")
    wide = z[z["pre"].notna()].drop(people[0])
    columns = [[1.0, z.loc[who, "pre"], ages[who], float(site[who] == "B")] for who in wide.index]
    treated = [float(made.content["participants"][who] == "ketamine") for who in wide.index]
    expected = arms_over_time(
        wide[["post", "late"]].to_numpy(), np.array(treated), np.array(columns), alpha=0.05
    )
    assert adjusted["estimate"].tolist() == pytest.approx([one.estimate for one in expected])


def crossover() -> made_tables.Made:
    """The sessions of a single arm as those after two drugs, in alternating order."""
    made = made_tables.one_arm(size=14)
    people = list(made.content["participants"])
    orders = {who: ("ketamine-first", "control-first")[i % 2] for i, who in enumerate(people)}
    design = {
        **made.content,
        "kind": "crossover",
        "drugs": {"ketamine": "ketamine", "control": "placebo"},
        "sequences": orders,
    }
    return replace(made, content=design)


def test_a_crossover_has_differences_between_the_drugs():
    made = crossover()
    rows = rows_of(table_of(made), "change")
    assert tuple(rows.index) == GROUP_METHODS
    pairs = pairs_of(made)
    change = (pairs["post"] - pairs["pre"]).to_numpy()
    first = np.array([made.content["sequences"][who] == "ketamine-first" for who in pairs.index])
    expected = (change[first].mean() + change[~first].mean()) / 2
    assert rows.loc["hc2", "estimate"] == pytest.approx(expected)
    differences = (change[first][:, np.newaxis] + change[~first]) / 2
    assert rows.loc["mann-whitney", "estimate"] == pytest.approx(np.median(differences))
    assert rows.loc["detectable", "effect_size_type"] == "dz within orders"


def test_scores_of_few_values_are_ordinal_too():
    made = made_tables.one_arm(size=30)
    own = (made.scores["scale"] == "si") & (made.scores["role"] == "post")
    made.scores.loc[own, "score"] = np.random.default_rng(2).integers(0, 4, int(own.sum()))
    row = rows_of(table_of(made), "association").loc["ordinal"]
    assert row["effect_size_type"] == "log odds ratio per SD"
    assert np.isfinite(row["p"])
    assert "ordinal" not in rows_of(table_of(made_tables.one_arm(size=30)), "association").index


def with_controls(made: made_tables.Made, *, level: float) -> made_tables.Made:
    """Eight healthy controls, measured once."""
    rng = np.random.default_rng(8)
    people = [f"sub-hc{i}" for i in range(8)]
    rows = made.connectivity[
        (made.connectivity["measure"] == "mean") & (made.connectivity["role"] == "pre")
    ]
    first = rows["participant_id"].iloc[0]
    some = rows[rows["participant_id"] == first]
    healthy = pd.concat(
        [some.assign(participant_id=who, z=rng.normal(level, 0.1, len(some))) for who in people]
    )
    patients = made.content["participants"]
    groups = {**dict.fromkeys(patients, "patients"), **dict.fromkeys(people, "controls")}
    design = {
        **made.content,
        "participants": {**patients, **dict.fromkeys(people)},
        "groups": {"patients": ["MDD"], "controls": ["HC"], "participants": groups},
    }
    return replace(made, connectivity=pd.concat([made.connectivity, healthy]), content=design)


@pytest.mark.parametrize(
    ("make", "guard"),
    [
        ("one_arm", "not told from regression to the mean"),
        ("two_arms", "beyond what the control arm gives"),
    ],
)
def test_distance_from_controls_says_what_guards_it(make, guard):
    made = with_controls(getattr(made_tables, make)(), level=0.4)
    table = table_of(made)
    row = rows_of(table, "change").loc[FROM_CONTROLS]
    assert guard in row["note"]
    assert ("unguarded" in str(row["flags"])) == (guard.startswith("not"))
    assert np.isfinite(row["p"])
    assert FROM_CONTROLS not in rows_of(table, "change", "sgacc-rlpfc").index
    assert FROM_CONTROLS not in table_of(getattr(made_tables, make)())["method"].tolist()


def constant_edge(made: made_tables.Made) -> made_tables.Made:
    made.connectivity.loc[made.connectivity["circuit"] == "dmn", "z"] = 0.5
    return made


def zero_after(made: made_tables.Made) -> made_tables.Made:
    after = (made.scores["scale"] == "si") & (made.scores["role"] == "post")
    made.scores.loc[after, "score"] = 0.0
    return made


def arm_of_two(made: made_tables.Made) -> made_tables.Made:
    """One arm of two people."""
    people = made.content["participants"]
    kept = [who for who, arm in people.items() if arm == "ketamine"]
    kept += [who for who, arm in people.items() if arm == "control"][:2]
    design = {**made.content, "participants": {who: people[who] for who in kept}}
    return replace(
        made,
        content=design,
        connectivity=made.connectivity[made.connectivity["participant_id"].isin(kept)],
        scores=made.scores[made.scores["participant_id"].isin(kept)],
    )


TRAPS: dict[str, Any] = {
    "n = 3": lambda: made_tables.one_arm(size=5),
    "constant edge": lambda: constant_edge(made_tables.one_arm()),
    "constant edge, two arms": lambda: constant_edge(made_tables.two_arms()),
    "all zero after": lambda: zero_after(made_tables.one_arm()),
    "arm of two": lambda: arm_of_two(made_tables.two_arms()),
    "nobody came back": made_tables.without_pairs,
    "no scores": made_tables.without_scores,
    "changes only": made_tables.changes_only,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("trap", TRAPS)
def test_traps_give_flags_and_no_traceback(trap):
    table = table_of(TRAPS[trap]())
    numbers = table[["estimate", "effect_size"]].notna().any(axis=1)
    assert (numbers | table["flags"].notna()).all(), table[~numbers]
    assert not np.isinf(table.select_dtypes("number")).any(axis=None)
    assert table["p"].dropna().between(0, 1).all()


def test_scores_that_are_all_zero_are_said_to_be_constant():
    rows = rows_of(table_of(zero_after(made_tables.one_arm())), "association")
    assert rows.loc["values", "flags"] == "constant"
    assert "SSI at post is the same" in rows.loc["values", "note"]


def test_the_same_study_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        made = made_tables.two_arms()
        table = robustness(
            made.connectivity.sample(frac=1, random_state=1 if name == "one" else 2),
            made.scores,
            made.design,
            CIRCUITS,
            strategy="acompcor",
            settings=SETTINGS,
        )
        write_tsv(tmp_path / f"{name}.tsv", table)
    assert (tmp_path / "one.tsv").read_bytes() == (tmp_path / "two.tsv").read_bytes()


def test_a_circuit_does_not_depend_on_which_others_are_there():
    made = made_tables.one_arm()
    alone = robustness(
        made.connectivity,
        made.scores,
        made.design,
        CIRCUITS[:1],
        strategy="acompcor",
        settings=SETTINGS,
    )
    among = table_of(made)
    pd.testing.assert_frame_equal(alone, among[among["hypothesis"] == "dmn"])
