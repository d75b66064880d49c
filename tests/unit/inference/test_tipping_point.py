"""Missing follow-ups imputed and shifted until the conclusion turns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import made_hypotheses
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from ketfc.inference.robustness import imputation
from ketfc.inference.robustness import tipping_point as module
from ketfc.inference.robustness.checks import Settings
from ketfc.inference.robustness.table import robustness
from ketfc.inference.robustness.tipping_point import (
    DELTAS,
    TIPPING_COLUMNS,
    tipping_checks,
    tipping_curves,
    tipping_point,
)

SETTINGS: dict[str, Any] = {"seed": 7, "alpha": 0.05}
CIRCUIT = "sgacc-rlpfc"


def study(n: int = 26, *, arms: bool = True, unequal: bool = True, **about: Any) -> Any:
    """A study whose ketamine arm is the larger one."""
    made = made_hypotheses.study(n, arms=arms, planted=True, **about)
    if arms and unequal:
        people = made.content["participants"]
        for who in sorted(people)[1 : n // 2 : 2]:
            people[who] = "ketamine"
    return made


def without(made: Any, *, images: tuple[int, ...] = (), scores: tuple[int, ...] = ()) -> Any:
    """The study in which some have no image, or no score, after treatment."""

    def lost(table: pd.DataFrame, numbers: tuple[int, ...]) -> pd.DataFrame:
        who = {f"sub-{i:02d}" for i in numbers}
        return table[~(table["participant_id"].isin(who) & (table["role"] == "post"))]

    return replace(
        made, connectivity=lost(made.connectivity, images), scores=lost(made.scores, scores)
    )


def curves(made: Any, **settings: Any) -> pd.DataFrame:
    return tipping_curves(
        made.connectivity,
        made.scores,
        made.design,
        made_hypotheses.CIRCUITS,
        strategy="acompcor",
        **{**SETTINGS, **settings},
    )


def curve(made: Any, test: str = "change", circuit: str = CIRCUIT) -> pd.DataFrame:
    table = curves(made)
    own = table[(table["hypothesis"] == circuit) & (table["test"] == test)]
    return own.set_index("delta_sd")


def sessions(made: Any) -> pd.DataFrame:
    """Connectivity before and after of everybody, with the arm."""
    own = made.connectivity
    own = own[(own["strategy"] == "acompcor") & (own["circuit"] == CIRCUIT)]
    own = own[own["measure"] == "mean"]
    wide = own.pivot_table(index="participant_id", columns="role", values="z", dropna=False)
    arm = pd.Series(made.content["participants"]) == "ketamine"
    return wide.assign(arm=arm.reindex(wide.index).astype(float))


def test_without_gaps_there_is_nothing_to_impute():
    table = curves(study())
    assert table.empty
    assert tuple(table.columns) == TIPPING_COLUMNS


def test_unshifted_the_difference_is_that_of_complete_cases():
    made = without(study(60), images=(3, 6, 9, 14, 21, 33, 40))
    found = curve(made).loc[0.0]
    seen = sessions(made).dropna()
    fit = sm.OLS(seen["post"], sm.add_constant(seen[["arm", "pre"]])).fit(cov_type="HC2")
    # imputing from what the model holds already adds nothing but its own noise
    assert found["estimate"] == pytest.approx(fit.params["arm"], abs=0.15 * fit.bse["arm"])
    width = found["ci_high"] - found["ci_low"]
    assert width == pytest.approx(2 * stats.t.ppf(0.975, found["df"]) * fit.bse["arm"], rel=0.12)
    assert (found["n"], found["n_imputed"]) == (60, 7)


def test_the_ketamine_arm_alone_is_shifted():
    made = without(study(), images=(1, 3, 4, 20, 22))
    found = curve(made)
    frame = sessions(made)
    gone = frame["post"].isna() & (frame["arm"] == 1)
    given = sm.add_constant(frame[["arm", "pre"]])
    moved = sm.OLS(gone.astype(float), given).fit().params["arm"]
    within = frame.groupby("arm")["post"]
    seen = frame["post"].notna().sum() - 2
    spread = np.sqrt(((frame["post"] - within.transform("mean")) ** 2).sum() / seen)
    assert 0 < gone.sum() < 5
    assert set(found["n_shifted"]) == {gone.sum()}
    assert found["delta"].to_numpy() == pytest.approx(DELTAS * spread)
    expected = found.loc[0.0, "estimate"] + moved * DELTAS * spread
    assert found["estimate"].to_numpy() == pytest.approx(expected)


def test_in_one_arm_everybody_missing_is_shifted():
    made = without(study(arms=False), images=(2, 5, 11))
    found = curve(made)
    assert set(found["n_shifted"]) == {3}
    step = np.diff(found["estimate"]) / np.diff(found["delta"])
    assert step == pytest.approx(3 / 26)


def test_missing_scores_are_shifted_in_points():
    made = without(study(), images=(1,), scores=(1, 4, 8))
    found = curve(made, "association")
    assert set(found["shifted"]) == {"score"}
    assert set(zip(found["n_imputed"], found["n_shifted"], strict=True)) == {(3, 3)}
    scores = made.scores[(made.scores["scale"] == "si") & (made.scores["role"] == "post")]
    arm = scores["participant_id"].map(made.content["participants"])
    groups = scores.groupby(arm)["score"]
    spread = np.sqrt(((scores["score"] - groups.transform("mean")) ** 2).sum() / (len(scores) - 2))
    assert found.loc[1.0, "delta"] == pytest.approx(spread)


def test_where_no_score_is_missing_connectivity_is_shifted():
    found = curve(without(study(), images=(1, 4)), "association")
    assert set(found["shifted"]) == {"connectivity"}
    assert set(found["n_shifted"]) == {2}


def test_a_score_tells_what_the_connectivity_was():
    """A strong association in those with both is kept by those with a score alone."""
    made = study(80)
    whole = made.test()
    rho = float(
        whole[(whole["hypothesis"] == CIRCUIT) & (whole["test"] == "association")]["estimate"].iloc[
            0
        ]
    )
    found = curve(without(made, images=tuple(range(1, 80, 4))), "association").loc[0.0]
    assert rho < -0.8
    assert found["estimate"] == pytest.approx(rho, abs=0.06)


def gaps_of_change(made: Any) -> imputation.Gaps | None:
    test, table = next(
        (test, table)
        for circuit, test, table in module._tests(
            made.connectivity, made.scores, made.design, made_hypotheses.CIRCUITS, "acompcor"
        )
        if circuit.id == CIRCUIT and test.name == "change"
    )
    return imputation.gaps_of(test, table, made.design)


def test_results_are_pooled_by_the_rules_of_rubin():
    gaps = gaps_of_change(without(study(arms=False), images=(2, 5, 11)))
    assert gaps is not None
    filled = list(imputation.imputations(gaps, np.random.default_rng(3)))
    found = module._pooled(gaps, filled, 0.0, 0.05)
    means, squares = zip(
        *(
            ((after - gaps.before).mean(), stats.sem(after - gaps.before) ** 2)
            for after, _ in filled
        ),
        strict=True,
    )
    m, n = len(filled), 26
    between, within = np.var(means, ddof=1), np.mean(squares)
    total = within + between * (m + 1) / m
    share = between * (m + 1) / m / total
    old, observed = (m - 1) / share**2, n / (n + 2) * (n - 1) * (1 - share)
    df = old * observed / (old + observed)
    assert found.estimate == pytest.approx(np.mean(means))
    assert found.df == pytest.approx(df)
    assert (found.ci_low, found.ci_high) == pytest.approx(
        stats.t.interval(0.95, df, np.mean(means), np.sqrt(total))
    )
    assert found.p == pytest.approx(2 * stats.t.sf(abs(np.mean(means)) / np.sqrt(total), df))
    assert m == 50


def test_an_arm_too_small_to_impute_by_itself_is_imputed_by_both():
    rng = np.random.default_rng(4)
    given = np.column_stack([np.ones(16), rng.normal(size=16)])
    arm = (np.arange(16) % 3 == 0).astype(float)  # six of sixteen
    known = gaps_of_change(without(study(16, arms=False), images=(2,)))
    gaps = replace(known, arm=arm, given=given)
    everybody = np.ones(16, dtype=bool)
    for lost, apart in ((2, True), (3, False), (4, False), (5, False)):
        outcome = rng.normal(size=16)
        outcome[np.flatnonzero(arm)[:lost]] = np.nan
        found = imputation._filled(gaps, outcome, given, everybody, np.random.default_rng(7))
        draws, expected = np.random.default_rng(7), outcome.copy()
        for side in (arm == 0, arm == 1) if apart else (everybody,):
            expected[side] = imputation._drawn(outcome[side], given[side], draws)
        assert found == pytest.approx(expected)


@pytest.mark.parametrize(("complete", "enough"), [(5, True), (4, False)])
def test_gaps_are_filled_with_two_degrees_of_freedom_to_spare(complete, enough):
    n = complete + 4
    made = without(study(n, arms=False), images=tuple(range(1, 5)))
    # an intercept and a baseline, and one column more for an association
    assert (gaps_of_change(made) is not None) == enough


def test_drawn_values_spread_as_the_regression_predicts():
    """Rubin's draws carry the uncertainty of the slopes too: the variance of a prediction."""
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(14), rng.normal(size=14)])
    y = x @ [1.0, 2.0] + rng.normal(size=14)
    y[-1], x[-1, 1] = np.nan, 3.0
    drawn = np.array([imputation._drawn(y, x, rng)[-1] for _ in range(6000)])
    fit = sm.OLS(y[:-1], x[:-1]).fit()
    about = fit.get_prediction(x[-1:])
    scale = float(about.se_obs[0])
    assert stats.kstest((drawn - about.predicted_mean[0]) / scale, stats.t(11).cdf).pvalue > 0.001


def test_intervals_of_imputed_studies_cover(monkeypatch):
    monkeypatch.setattr(module, "DELTAS", np.array([0.0]))
    monkeypatch.setattr(imputation, "IMPUTATIONS", 20)
    hits = 0
    for seed in range(150):
        made = study(24, arms=False, seed=seed + 100)
        rng = np.random.default_rng(seed)
        gone = tuple(1 + rng.choice(24, 7, replace=False))
        row = curve(without(made, images=gone)).iloc[0]
        hits += row["ci_low"] <= 0.5 <= row["ci_high"]  # what was planted
    assert 0.89 <= hits / 150 <= 0.99


def test_a_known_shift_of_the_unseen_is_found():
    made = study(400, seed=5)
    frame = sessions(made)
    gone = tuple(range(1, 400, 3))
    treated = {who for who in frame.index if frame.loc[who, "arm"] == 1}
    who = {f"sub-{i:02d}" for i in gone} & treated
    # those who are missing had changed by .4 less than the others of their arm
    table = made.connectivity
    rows = table["participant_id"].isin(who) & (table["role"] == "post")
    truth = sessions(replace(made, connectivity=table.assign(z=table["z"] - 0.4 * rows)))
    whole = sm.OLS(truth["post"], sm.add_constant(truth[["arm", "pre"]])).fit().params["arm"]
    found = curve(without(made, images=gone))
    assert np.interp(-0.4, found["delta"], found["estimate"]) == pytest.approx(whole, abs=0.03)
    assert abs(found.loc[0.0, "estimate"] - whole) > 0.08


def made_curve(p: list[float], estimate: list[float] | None = None) -> pd.DataFrame:
    # from the last shift to the first: rows are not taken to be in order
    table = pd.DataFrame({"delta_sd": [-2.0, -1.0, 0.0, 1.0, 2.0], "p": p})
    return table.assign(estimate=estimate or [0.3] * 5).iloc[::-1]


@pytest.mark.parametrize(
    ("p", "estimate", "expected"),
    [
        ([0.20, 0.10, 0.01, 0.01, 0.01], None, -4 / 9),
        ([0.20, 0.04, 0.01, 0.01, 0.09], None, -1.0625),
        ([0.04, 0.01, 0.01, 0.02, 0.10], None, 1.375),
        ([0.01, 0.02, 0.03, 0.04, 0.049], None, np.nan),
        ([0.60, 0.50, 0.30, 0.10, 0.02], None, 1.625),
        ([0.01, 0.02, 0.01, 0.01, 0.01], [-0.3, -0.2, 0.2, 0.3, 0.3], -1.0),
    ],
)
def test_the_conclusion_turns_at_the_nearest_crossing(p, estimate, expected):
    found = tipping_point(made_curve(p, estimate), alpha=0.05)
    assert found == pytest.approx(expected, nan_ok=True)


def test_each_test_has_its_own_stream_and_the_same_numbers_again():
    made = without(study(), images=(1, 4), scores=(4, 9))
    first = curves(made)
    pd.testing.assert_frame_equal(first, curves(made))
    alone = tipping_curves(
        made.connectivity,
        made.scores,
        made.design,
        [one for one in made_hypotheses.CIRCUITS if one.id == "dmn"],
        strategy="acompcor",
        **SETTINGS,
    )
    own = first[first["hypothesis"] == "dmn"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, own)
    assert not first.equals(curves(made, seed=8))


def test_only_primary_circuits_and_no_gap_at_baseline():
    made = study()
    table = made.connectivity
    table = table[~((table["participant_id"] == "sub-02") & (table["role"] == "pre"))]
    found = curves(without(replace(made, connectivity=table), images=(1,)))
    assert set(found["hypothesis"]) == {"sgacc-rlpfc", "dmn"}
    assert set(found["n"]) == {25}


def test_too_few_to_impute_by_are_left_alone():
    assert curves(without(study(8, unequal=False), images=(1, 2, 3, 4))).empty


def test_the_row_beside_the_other_methods():
    made = without(study(), images=(1, 3, 4), scores=(4, 9))
    table = curves(made)
    found = tipping_checks(table, alpha=0.05)
    assert set(found) == {
        (circuit, test) for circuit in ("sgacc-rlpfc", "dmn") for test in ("change", "association")
    }
    row = curve(made).loc[0.0]
    check = found[CIRCUIT, "change"]
    assert check.method == "tipping-point"
    assert (check.estimate, check.p, check.n) == (row["estimate"], row["p"], 26)
    assert check.effect_size_type == "delta, SD of connectivity at follow-up"
    own = table[(table["hypothesis"] == CIRCUIT) & (table["test"] == "change")]
    assert check.effect_size == pytest.approx(tipping_point(own, alpha=0.05), nan_ok=True)
    assert "3 of 26" in str(check.note)
    assert found[CIRCUIT, "association"].effect_size_type == "delta, SD of the score at follow-up"


def test_the_robustness_table_has_the_row_of_each_test():
    made = without(study(), images=(1, 3, 4))
    tables = made.connectivity, made.scores, made.design, made_hypotheses.CIRCUITS
    checks = Settings(seed=1, permutations=99, alpha=0.05, margin=0.1)
    table = robustness(*tables, strategy="acompcor", settings=checks, tipping=curves(made))
    own = table[table["method"] == "tipping-point"]
    assert list(zip(own["hypothesis"], own["test"], strict=True)) == [
        (circuit, test) for circuit in ("sgacc-rlpfc", "dmn") for test in ("change", "association")
    ]
    without_curves = robustness(*tables, strategy="acompcor", settings=checks)
    others = table[table["method"] != "tipping-point"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, without_curves)
