"""Covariates and blocks in the models: columns, golden numbers, who is left out, what cannot be."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations as arrangements
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from made_design import design_of
from made_hypotheses import CIRCUITS, Study, adjusted, frame_of, study
from made_models import welch
from scipy import stats

from ketfc.inference.core.permutation import freedman_lane_test
from ketfc.inference.design.covariate_columns import covariate_columns, singleton_flags
from ketfc.inference.design.model import Model
from ketfc.inference.design.planned_tests import motion_tests_of, planned_tests
from ketfc.inference.families import joint_test
from ketfc.inference.power.formulas import detectable_difference
from ketfc.inference.robustness.checks import Settings
from ketfc.inference.robustness.table import FROM_CONTROLS, robustness

PEOPLE = 24


def ages(n: int = PEOPLE) -> list[float]:
    return np.random.default_rng(5).normal(40, 9, n).round(1).tolist()


def sites(n: int = PEOPLE) -> list[str]:
    return [("A", "B", "C")[i % 5 % 3] for i in range(n)]


def ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers as ranks, labels and arms as they are."""
    numbers = ["post_si", "change", "pre_si", "age"]
    return frame.assign(**{name: stats.rankdata(frame[name]) for name in numbers})


def test_labels_become_columns_and_numbers_stay_as_they_are():
    table = pd.DataFrame(
        {"covariate_age": [30.0, 41.5, 29.0], "covariate_sex": ["f", "m", "f"]},
    ).astype({"covariate_sex": object})
    columns = covariate_columns(table, ["age", "sex"])
    assert {name: column.tolist() for name, column in columns.items()} == {
        "age": [30.0, 41.5, 29.0],
        "sex: m": [0.0, 1.0, 0.0],
    }
    assert singleton_flags(table, ["age", "sex"], None) == ("lone-level: sex",)
    assert singleton_flags(table, ["sex"], "sex") == ("lone-block",)


@pytest.mark.parametrize(
    ("test", "formula", "tested"),
    [
        ("association", "post_si ~ change + pre_si + arm + age + C(site)", "change"),
        ("change", "post ~ arm + pre + age + C(site)", "arm"),
    ],
)
def test_the_adjusted_models_are_those_of_statsmodels(test, formula, tested):
    made = adjusted(study(PEOPLE), age=ages(), site=sites())
    row = made.row("sgacc-rlpfc", test)
    fit = smf.ols(formula, frame_of(made)).fit()
    estimate = fit.params[tested]
    if test == "association":
        # by ranks, of numbers; labels say the same in ranks
        fit = smf.ols(formula, ranked(frame_of(made))).fit()
        estimate = fit.tvalues[tested] / np.sqrt(fit.tvalues[tested] ** 2 + fit.df_resid)
    assert row["estimate"] == pytest.approx(estimate)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    numbers = tuple(row[["statistic", "df", "p_parametric"]])
    assert numbers == pytest.approx(welch(fit, tested, frame_of(made)["arm"]))
    assert "age and site" in row["verdict"]


def test_the_permutation_p_of_an_adjusted_association_is_that_of_nilearn():
    from nilearn.mass_univariate import permuted_ols

    # nilearn exchanges everybody, as is right in one arm alone
    made = adjusted(study(PEOPLE, arms=False), age=ages(), site=sites())
    table = ranked(frame_of(made))
    row = made.test(permutations=4999).set_index(["hypothesis", "test"]).loc[
        ("sgacc-rlpfc", "association")
    ]  # fmt: skip
    others = np.column_stack(
        [table["pre_si"], table["age"], table["site"] == "B", table["site"] == "C"]
    ).astype(float)
    theirs = permuted_ols(
        table[["change"]].to_numpy(),
        table[["post_si"]].to_numpy(),
        confounding_vars=others,
        n_perm=4999,
        random_state=1,
        output_type="dict",
        verbose=0,
    )
    assert row["p_permutation"] == pytest.approx(10 ** -theirs["logp_max_t"].item(), abs=0.03)


def test_a_single_arm_change_is_as_it_was_and_its_association_adjusted():
    plain, given = study(arms=False), adjusted(study(arms=False), age=ages(16))
    one, two = plain.test(), given.test()
    change, association = one["family"] == "primary-change", one["test"] == "association"
    pd.testing.assert_frame_equal(one[change], two[change])
    estimates = one.loc[association, "estimate"], two.loc[association, "estimate"]
    assert not np.isclose(*estimates).any()


def test_each_test_is_adjusted_for_what_can_tell_its_participants_apart():
    terms = {"covariates": ["age", "site", "sex"], "blocks": "site", "values": {}}
    one = {test.name: test.adjusted for test in planned_tests(design_of({"terms": terms}))}
    assert one == {"change": (), "association": ("age", "sex", "site")}
    arms = {"ketamine": "ketamine", "control": "midazolam"}
    two = planned_tests(design_of({"terms": terms, "arms": arms}))
    assert {test.name: test.adjusted for test in two} == {
        "change": ("age", "sex", "site"),
        "association": ("age", "sex", "site"),
        "change-ketamine": (),
        "change-midazolam": (),
        "association-ketamine": ("age", "sex", "site"),
        "association-midazolam": ("age", "sex", "site"),
    }
    more = {"contrasts": [["pre", "post"], ["pre", "day-7"]], "terms": terms}
    later = {test.name: test for test in planned_tests(design_of(more))}
    assert later["change-day-7"].adjusted == ()
    assert later["change-day-7"].roles == ("pre", "day-7")
    drugs = {"kind": "crossover", "drugs": arms, "baseline": "control", "followup": "ketamine"}
    estimand = {"change": "a", "association": "b", "change-first-period": "c"}
    crossover = planned_tests(design_of({"terms": terms, "estimand": estimand, **drugs}))
    assert {test.name: test.adjusted for test in crossover} == {
        "change": ("site",),
        "association": ("age", "sex", "site"),
        "change-first-period": ("age", "sex", "site"),
    }
    follows, equal = motion_tests_of(design_of({"terms": terms}))
    assert (follows.name, follows.kind, follows.adjusted) == (
        "follows",
        "follows-motion",
        ("age", "sex", "site"),
    )
    assert (equal.name, equal.kind, equal.adjusted) == (
        "change-at-equal-motion",
        "change-at-equal-motion",
        (),
    )


def test_who_lacks_a_covariate_is_left_out_of_the_tests_that_need_it_and_listed():
    values = ages(16)
    values[2] = None
    made = adjusted(study(16), age=values)
    table, left_out = made.test(), made.incomplete()
    assert set(left_out["reason"]) == {"no age"}
    assert set(left_out["participant_id"]) == {"sub-03"}
    within = table["test"].isin(["change-ketamine", "change-midazolam"])
    other = table["test"] == "association-midazolam"
    assert (table.loc[within | other, "n_excluded"] == 0).all()
    assert (table.loc[~within & ~other, "n_excluded"] == 1).all()
    counted = left_out.groupby(["hypothesis", "test"]).size()
    for row in table[table["n_excluded"] > 0].itertuples():
        assert counted[row.hypothesis, row.test] == row.n_excluded


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        ({"age": [40.0] * 16}, "constant"),
        ({"sex": ["f"] * 16}, "constant"),
        ({"age": ages(16), "months": [12 * age for age in ages(16)]}, "collinear"),
        ({"drug": ["a", "b"] * 8}, "collinear"),
    ],
)
def test_covariates_that_cannot_be_adjusted_for_give_a_flag_and_no_number(values, flag):
    made = adjusted(study(16), **values)
    table = made.test()
    rows = table[table["test"].isin(["change", "association"])]
    assert rows["flags"].str.split(";").map(lambda flags: flag in flags).all()
    assert rows[["estimate", "ci_low", "p_permutation", "p_holm", "p_fwer"]].isna().all(axis=None)
    assert rows["verdict"].str.contains("no result, because").all()


def test_somebody_alone_with_a_label_is_flagged_and_the_interval_stays():
    made = adjusted(study(16), site=["A"] * 7 + ["B"] * 8 + ["C"])
    fewer = adjusted(study(16), site=["A"] * 7 + ["B"] * 8 + [None])
    # whoever is alone with a label has a rank too, so that others' ranks differ without them
    for test, nearly in (("change", 1e-9), ("association", 0.1)):
        row, without = made.row("dmn", test), fewer.row("dmn", test)
        assert "lone-level: site" in row["flags"].split(";")
        assert without["n"] == 15
        for name in ("estimate", "statistic", "p_parametric"):
            assert row[name] == pytest.approx(without[name], abs=nearly)
        assert np.isfinite([row["ci_low"], row["ci_high"]]).all()


def test_two_people_in_one_arm_with_a_covariate_give_no_nonsense():
    made = adjusted(study(16), age=ages(16))
    for i, who in enumerate(made.content["participants"]):
        made.content["participants"][who] = "control" if i < 2 else "ketamine"
    table = made.test()
    rows = table[(table["test"] == "change") & (table["hypothesis"] != "none")]
    assert rows["flags"].str.contains("small-arm").all()
    assert rows["p_permutation"].between(0, 1).all()
    moderation = table[table["family"] == "moderation"]
    assert (moderation["flags"] == "small-cell: control 2").all()
    assert moderation["p_permutation"].isna().all()


# --- blocks ------------------------------------------------------------------------------------


def within_blocks(blocks: list[int]) -> list[list[int]]:
    """Every order that exchanges members of a block only, by brute force."""
    n = len(blocks)
    return [list(o) for o in arrangements(range(n)) if all(blocks[a] == blocks[b]
            for a, b in zip(o, range(n), strict=True))]  # fmt: skip


def t_of(y: np.ndarray, design: np.ndarray) -> float:
    """Return t of the first column by the normal equations."""
    beta = np.linalg.solve(design.T @ design, design.T @ y)
    left = y - design @ beta
    variance = left @ left / (len(y) - design.shape[1])
    return float(beta[0] / np.sqrt(variance * np.linalg.inv(design.T @ design)[0, 0]))


def test_exchange_within_blocks_is_that_of_a_double_loop():
    rng = np.random.default_rng(11)
    blocks = [0, 0, 0, 1, 1, 1, 2, 2]
    site = (np.array(blocks)[:, np.newaxis] == [1, 2]).astype(float)
    x, age = rng.normal(0, 1, (2, 8))
    y = x + site @ [2.0, -1.0] + rng.normal(0, 1, 8)
    nuisance = np.column_stack([np.ones(8), age, site])
    found = freedman_lane_test(
        y, x, nuisance, permutations=100, rng=rng, blocks=np.array(blocks, dtype=np.int64)
    )
    hat = nuisance @ np.linalg.pinv(nuisance)
    fitted, left = hat @ y, y - hat @ y
    design = np.column_stack([x, nuisance])
    orders = within_blocks(blocks)
    null = np.array([abs(t_of(fitted + left[o], design)) for o in orders])
    observed = abs(t_of(y, design))
    assert (found.permutations, found.exhaustive) == (len(orders), True) == (72, True)
    assert found.p == pytest.approx((null >= observed - 1e-9).mean())
    assert found.smallest_p == pytest.approx((null >= null.max() - 1e-9).mean())
    assert found.statistic == pytest.approx(t_of(y, design))


def test_the_family_within_blocks_is_that_of_a_double_loop():
    rng = np.random.default_rng(12)
    blocks = [0, 0, 0, 1, 1, 1]
    people = [f"sub-{i}" for i in range(6)]
    site = np.array(blocks, dtype=float)
    score = rng.normal(0, 1, 6) + 3 * site
    models, tested = [], rng.normal(0, 1, (2, 6)) + site
    for x in tested:
        given = {"site: 1": site}
        model = Model(("score", score), ("change", x), given, covariates=("site: 1",))
        models.append((people, model))
    joint = joint_test(
        models,
        shared={"site: 1": site},
        blocks=np.array(blocks, dtype=np.int64),
        permutations=36,
        rng=rng,
    )
    nuisance = np.column_stack([np.ones(6), site])
    hat = nuisance @ np.linalg.pinv(nuisance)
    fitted, left = hat @ score, score - hat @ score
    null = np.array(
        [[abs(t_of(fitted + left[o], np.column_stack([x, nuisance]))) for x in tested]
         for o in within_blocks(blocks)]
    )  # fmt: skip
    observed = np.array([abs(t_of(score, np.column_stack([x, nuisance]))) for x in tested])
    assert joint.exhaustive
    assert joint.permutations == 36
    assert joint.p.tolist() == pytest.approx((null >= observed - 1e-9).mean(axis=0).tolist())
    largest = null.max(axis=1)
    assert joint.p_fwer.tolist() == pytest.approx([(largest >= t - 1e-9).mean() for t in observed])


def test_labels_that_one_circuit_lacks_are_no_obstacle_to_the_family():
    rng = np.random.default_rng(13)
    labels = np.array(["A"] * 4 + ["B"] * 4 + ["C"] * 4, dtype=object)
    score, people = rng.normal(0, 1, 12), [f"sub-{i:02d}" for i in range(12)]
    table = pd.DataFrame({"covariate_site": labels}, index=people)
    models, alone = [], []
    # one circuit lacks the first label, which is the reference of the other
    for kept in (slice(0, 8), slice(4, 12)):
        x, own = rng.normal(0, 1, 12)[kept], covariate_columns(table[kept], ["site"])
        model = Model(("score", score[kept]), ("change", x), own, covariates=tuple(own))
        models.append((people[kept], model))
        alone.append(t_of(score[kept], np.column_stack([x, model.adjustment])))
    shared = covariate_columns(table, ["site"])
    joint = joint_test(models, shared=shared, permutations=99, rng=rng)
    assert joint.statistic.tolist() == pytest.approx(alone)
    assert joint.df.tolist() == [5, 5]


def test_blocks_are_exchanged_within_and_adjusted_for_in_every_test_between_participants():
    by_site = {"site": sites()}
    blocked = adjusted(study(PEOPLE), blocks="site", **by_site)
    covariate = adjusted(study(PEOPLE), **by_site)
    one, two = blocked.test(), covariate.test()
    assert one["estimate"].tolist() == pytest.approx(two["estimate"].tolist(), nan_ok=True)
    tested = one["p_permutation"].notna()
    assert (one["p_permutation"] != two["p_permutation"])[tested].mean() > 0.7
    primary = one["family"].str.startswith("primary")
    assert (one["p_fwer"] != two["p_fwer"])[primary].mean() > 0.7


def test_a_block_of_one_and_too_few_arrangements_are_flagged():
    made = adjusted(study(12), blocks="site", site=list("AABBCCDDEFGH"))
    row = made.row("dmn", "change")
    assert {"lone-block", "exhaustive", "p-floor"} <= set(row["flags"].split(";"))
    assert row["permutations"] == 16
    assert row["p_permutation"] >= 1 / 16
    assert "no p below 0.05 was possible" in row["verdict"]


def test_every_site_of_one_person_leaves_nothing_to_test():
    made = adjusted(study(16), blocks="site", site=[f"s{i}" for i in range(16)])
    rows = made.test().query("test == 'association'")
    assert rows["flags"].str.contains("too-few").all()
    assert rows["p_permutation"].isna().all()


def test_the_methods_beside_the_primary_tests_have_the_covariates_too():
    made = adjusted(study(PEOPLE), blocks="site", site=sites(), age=ages())
    settings = Settings(seed=1, permutations=199, alpha=0.05, margin=0.1)
    table = robustness(
        *(made.connectivity, made.scores, made.design, CIRCUITS),
        strategy="acompcor",
        settings=settings,
    )
    primary = made.test().set_index(["hypothesis", "test"])["estimate"]
    for row in table[(table["method"] == "hc2") & (table["test"] == "change")].itertuples():
        assert row.estimate == pytest.approx(primary[row.hypothesis, row.test])
        assert pd.isna(row.flags)
    fit = smf.ols("post_si ~ change + pre_si + arm + age + C(site)", frame_of(made)).fit()
    found = table.query("hypothesis == 'sgacc-rlpfc' and test == 'association'")
    slopes = found.set_index("method").loc[["values", "hc2", "hc3"], "estimate"]
    assert slopes.tolist() == pytest.approx([fit.params["change"]] * 3)


def robust(made: Study, **changes: Any) -> pd.DataFrame:
    settings = replace(Settings(seed=1, permutations=999, alpha=0.05, margin=0.1), **changes)
    table = robustness(
        *(made.connectivity, made.scores, made.design, CIRCUITS),
        strategy="acompcor",
        settings=settings,
    )
    return table[table["test"] == "change"].set_index(["hypothesis", "method"])


def test_ranks_of_changes_are_compared_within_sites_and_say_what_they_leave_out():
    made = adjusted(study(PEOPLE), blocks="site", site=sites(), age=ages())
    row = robust(made).loc[("sgacc-rlpfc", "mann-whitney")]
    data = frame_of(made)
    total, pairs = 0.0, []
    for _, own in data.groupby("site"):
        ranks, treated = own["change"].rank(), own["arm"] == 1
        total += ranks[treated].sum() / (len(own) + 1)
        found = own["change"][treated].to_numpy()[:, None] - own["change"][~treated].to_numpy()
        pairs += [(sign, 1 / (len(own) + 1)) for sign in np.sign(found.ravel())]
    assert row["statistic"] == pytest.approx(total)
    signs, weights = np.array(pairs).T
    assert row["effect_size"] == pytest.approx(np.average(signs, weights=weights))
    assert "within blocks, by van Elteren's test; not adjusted for age" in row["note"]
    no_site = adjusted(study(PEOPLE), age=ages(), sex=["m", "f"] * (PEOPLE // 2))
    no_site.content["terms"]["values"]["sex"]["sub-02"] = "m"
    row = robust(no_site).loc[("sgacc-rlpfc", "mann-whitney")]
    assert row["note"] == "Hodges–Lehmann shift of the change; not adjusted for age and sex"
    plain = robust(study(PEOPLE)).loc[("sgacc-rlpfc", "mann-whitney")]
    assert plain["note"] == "Hodges–Lehmann shift of the change"


def test_what_could_be_detected_is_in_what_the_covariates_leave_of_the_spread():
    made = adjusted(study(PEOPLE), blocks="site", site=sites(), age=ages())
    # age explains most of the follow-up
    data = frame_of(made)
    after = made.connectivity["role"].eq("post") & made.connectivity["measure"].eq("mean")
    old = made.connectivity["participant_id"].map(data["age"])
    made.connectivity.loc[after, "z"] = made.connectivity["z"] + 0.05 * old
    data = frame_of(made)
    full = smf.ols("post ~ arm + pre + age + C(site)", data).fit()
    within = smf.ols("post ~ arm", data).fit()
    n1 = int(data["arm"].sum())
    smallest = detectable_difference(
        *(n1, PEOPLE - n1),
        nuisance=int(full.df_model) - 1,
        explained=1 - full.mse_resid / within.mse_resid,
        alpha=0.05,
    )
    row = robust(made).loc[("sgacc-rlpfc", "detectable")]
    assert row["effect_size"] == pytest.approx(smallest)
    assert row["estimate"] == pytest.approx(smallest * within.mse_resid**0.5)
    assert "at equal connectivity at baseline and covariates" in row["note"]
    unadjusted = Study(made.connectivity, made.scores, {**made.content, "terms": None})
    other = robust(unadjusted).loc[("sgacc-rlpfc", "detectable")]
    assert other["estimate"] > 1.5 * row["estimate"]
    assert "covariates" not in other["note"]


def with_controls(made: Study) -> Study:
    """Six healthy controls, measured once, without covariates of their own."""
    patients = made.content["participants"]
    healthy = [f"sub-h{i}" for i in range(6)]
    rng = np.random.default_rng(3)
    rows = [
        (who, "pre", "pre", "acompcor", "dmn", "mean", None, None, z)
        for who, z in zip(healthy, rng.normal(0.5, 0.1, 6), strict=True)
    ]
    more = pd.DataFrame(rows, columns=made.connectivity.columns)
    groups = dict.fromkeys(patients, "patients") | dict.fromkeys(healthy, "controls")
    design = {
        **made.content,
        "participants": patients | dict.fromkeys(healthy),
        "groups": {"patients": ["MDD"], "controls": ["HC"], "participants": groups},
    }
    return Study(pd.concat([made.connectivity, more]), made.scores, design)


def test_the_distance_from_controls_says_that_it_is_not_adjusted():
    made = adjusted(study(PEOPLE), blocks="site", site=sites(), age=ages())
    note = robust(with_controls(made)).loc[("dmn", FROM_CONTROLS), "note"]
    assert "(arms exchanged within site); not adjusted for age and site" in note
    made.content["terms"]["values"]["site"]["sub-01"] = None
    lost = robust(with_controls(made)).loc[("dmn", FROM_CONTROLS)]
    assert lost["n"] == PEOPLE / 2 - 1, "who has no site cannot be exchanged within it"
    one_arm = adjusted(study(PEOPLE, arms=False), blocks="site", site=sites())
    note = robust(with_controls(one_arm)).loc[("dmn", FROM_CONTROLS), "note"]
    assert note.endswith("; not adjusted for site")
    plain = robust(with_controls(study(PEOPLE))).loc[("dmn", FROM_CONTROLS), "note"]
    assert "adjusted" not in plain
    assert "exchanged" not in plain


def rejections(studies: int, *, blocked: bool, adjusted_too: bool, seed: int) -> float:
    """Share of null studies rejected at .05: site moves both score and change, alone.

    Sites are of unequal size, and their errors of unequal spread.
    """
    rng = np.random.default_rng(seed)
    codes = np.repeat([0, 1, 2], [6, 8, 10])
    columns = (codes[:, np.newaxis] == [1, 2]).astype(float)
    nuisance = np.column_stack([np.ones(24), *(columns.T if adjusted_too else [])])
    found = 0
    for _ in range(studies):
        spread = np.array([1.0, 2.0, 4.0])[codes]
        x = codes * 1.5 + rng.normal(0, 1, 24) * spread
        y = codes * 2.0 + rng.exponential(1, 24) * spread
        test = freedman_lane_test(
            *(y, x, nuisance),
            permutations=199,
            rng=rng,
            blocks=codes if blocked else None,
        )
        found += test.p <= 0.05
    return found / studies


def test_a_site_that_moves_both_does_not_pass_for_an_association_within_blocks():
    low, high = stats.binom.interval(0.99, 1500, 0.05)
    share = rejections(1500, blocked=True, adjusted_too=True, seed=1)
    assert low / 1500 <= share <= high / 1500
    # without sites in the model nor blocks, the same studies are full of false positives
    assert rejections(200, blocked=False, adjusted_too=False, seed=1) > 0.2


def test_exchange_across_sites_of_unequal_spread_is_not_exact():
    high = stats.binom.interval(0.99, 1500, 0.05)[1] / 1500
    assert rejections(1500, blocked=False, adjusted_too=True, seed=1) > high


@pytest.mark.parametrize(("labels", "values"), list(product([["A", "B"]], [[0.0, 1.0]])))
def test_a_label_and_its_number_say_the_same(labels, values):
    named = adjusted(study(16), x=[labels[i // 2 % 2] for i in range(16)])
    numbered = adjusted(study(16), x=[values[i // 2 % 2] for i in range(16)])
    columns = ["estimate", "p_permutation", "ci_low", "p_fwer"]
    one, two = named.test()[columns], numbered.test()[columns]
    pd.testing.assert_frame_equal(one, two)
