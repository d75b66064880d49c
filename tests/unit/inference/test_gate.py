"""Motion against connectivity, participant by participant: golden numbers, tables, and the gate."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from made_design import design_of
from made_models import (
    adjusted_difference,
    change_at_equal_motion,
    follows_motion,
    mean_change,
    welch,
)

from ketfc.inference.design.samples import MIN_MOTION
from ketfc.inference.flags import add_motion_flags
from ketfc.inference.motion.gate import (
    CHANGED,
    FOLLOWS,
    MOTION_COLUMNS,
    NOT_ASSESSED,
    SILENT,
    motion_tests,
)
from ketfc.inference.motion.sessions import before_and_after, session_motion
from ketfc.reporting.text.verdicts import with_motion

SETTING: dict[str, Any] = {"alpha": 0.05, "permutations": 499}


@dataclass(frozen=True)
class Circuit:
    id: str


def sample(n: int, seed: int, *, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return change in motion, baseline and follow-up."""
    rng = np.random.default_rng(seed)
    motion = rng.normal(0.05, 0.1, n)
    baseline = rng.normal(0.3, 0.2, n)
    return motion, baseline, baseline + slope * motion + rng.normal(0, 0.1, n)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_with_one_arm_r_and_its_interval_are_pearsons():
    from scipy import stats

    motion, before, after = sample(18, 1)
    found = follows_motion(after - before, motion, None, rng=rng(), **SETTING)
    expected = stats.pearsonr(motion, after - before)
    interval = expected.confidence_interval(0.95)
    assert found.estimate == pytest.approx(expected.statistic)
    assert found.p_parametric == pytest.approx(expected.pvalue)
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high))


def test_with_few_participants_all_pairings_are_counted():
    motion, before, after = sample(6, 2)
    change = after - before
    observed = abs(np.corrcoef(motion, change)[0, 1])
    sizes = [
        abs(np.corrcoef(motion, change[list(order)])[0, 1]) for order in permutations(range(6))
    ]
    found = follows_motion(change, motion, None, rng=rng(), alpha=0.05, permutations=1000)
    assert found.permutations == 720
    assert found.p_permutation == np.mean(np.array(sizes) >= observed - 1e-12)


def test_with_two_arms_r_is_partial():
    pingouin = pytest.importorskip("pingouin")
    motion, before, after = sample(20, 3)
    treated = np.repeat([1.0, 0.0], 10)
    # an arm that moves more and changes more, as a drug would
    motion, after = motion + 0.2 * treated, after + 0.5 * treated
    found = follows_motion(after - before, motion, treated, rng=rng(), **SETTING)
    table = pd.DataFrame({"x": motion, "y": after - before, "arm": treated})
    expected = pingouin.partial_corr(table, "x", "y", "arm").iloc[0]
    assert found.estimate == pytest.approx(expected["r"], abs=1e-6)
    fit = sm.OLS(table["y"], sm.add_constant(table[["x", "arm"]])).fit()
    numbers = (found.statistic, found.df, found.p_parametric)
    assert numbers == pytest.approx(welch(fit, "x", treated))
    ends = expected.filter(like="CI95").iloc[0]
    assert [found.ci_low, found.ci_high] == pytest.approx(list(ends), abs=0.006)


@pytest.mark.parametrize("arms", [1, 2])
def test_the_change_at_equal_motion_is_a_coefficient_of_the_model_of_change(arms):
    import statsmodels.formula.api as smf

    motion, before, after = sample(20, 4)
    treated = np.tile([1.0, 0.0], 10) if arms == 2 else None
    found = change_at_equal_motion(before, after, motion, treated, rng=rng(), **SETTING)
    table = pd.DataFrame({"motion": motion, "before": before, "after": after, "arm": treated})
    table["change"] = table["after"] - table["before"]
    formula, name = (
        ("after ~ arm + before + motion", "arm") if arms == 2 else ("change ~ motion", "Intercept")
    )
    fit = smf.ols(formula, table).fit()
    assert found.estimate == pytest.approx(fit.params[name])
    if arms == 1:
        fit = smf.ols(formula, table).fit(cov_type="HC3", use_t=True)
        assert found.p_parametric == pytest.approx(fit.pvalues[name])
        assert (found.ci_low, found.ci_high) == pytest.approx(tuple(fit.conf_int().loc[name]))
    else:
        assert (found.ci_low <= 0 <= found.ci_high) == (found.p_permutation > SETTING["alpha"])
        assert found.p_parametric == pytest.approx(welch(fit, name, treated)[2])
    assert np.isfinite(found.p_permutation) == (arms == 2)


@pytest.mark.parametrize(
    ("n", "constant", "words"),
    [(MIN_MOTION - 1, False, "5 are needed"), (8, True, "mean FD is the same in all 8")],
)
def test_nothing_is_decided_where_nothing_can_be(n, constant, words):
    motion, before, after = sample(n, 5)
    motion = np.full(n, 0.1) if constant else motion
    for found in (
        follows_motion(after - before, motion, None, rng=rng(), **SETTING),
        change_at_equal_motion(before, after, motion, None, rng=rng(), **SETTING),
    ):
        assert words in found.obstacle
        assert np.isnan(found.estimate)


def quality(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    columns = ["participant_id", "role", "status", "n_volumes", "mean_fd", "n_censored"]
    return pd.DataFrame(rows, columns=columns)


def test_a_sessions_motion_is_that_of_its_usable_runs_by_their_volumes():
    table = session_motion(
        quality(
            [
                ("sub-1", "pre", "ok", "100", "0.1", "10"),
                ("sub-1", "pre", "ok", "300", "0.3", "0"),
                ("sub-1", "pre", "excluded", "300", "2.0", "250"),
                ("sub-1", "post", "ok", "200", None, "20"),
                ("sub-2", "pre", "excluded", "200", "0.5", "20"),
            ]
        )
    )
    assert list(table.index) == [("sub-1", "post"), ("sub-1", "pre")]
    assert table.loc[("sub-1", "pre"), "mean_fd"] == pytest.approx((10 + 90) / 400)
    assert table.loc[("sub-1", "pre"), "share_censored"] == pytest.approx(10 / 400)
    assert np.isnan(table.loc[("sub-1", "post"), "mean_fd"])
    assert "sd_global_signal_percent" not in table
    both = before_and_after(table, "share_censored", baseline="pre", followup="post")
    assert both.loc["sub-1"].tolist() == pytest.approx([0.025, 0.1])


def study(arms: int, seed: int, *, slope: float, rise: float) -> dict[str, Any]:
    """A study of 24 in which connectivity has `slope` on FD, which rises in the ketamine arm."""
    draw = np.random.default_rng(seed)
    roles = {
        f"sub-{i:02d}": ("ketamine", "control")[i % 2] if arms == 2 else None for i in range(24)
    }
    connectivity, runs = [], []
    for who, role in roles.items():
        trait = draw.normal(0.3, 0.1)
        extra = rise * draw.gamma(4, 0.25) * (role != "control")
        start = draw.gamma(4, 0.03)
        for session, fd in (("pre", start), ("post", start + extra + draw.normal(0, 0.02))):
            runs.append((who, session, "ok", 200, max(fd, 0.02), 5))
            for strategy in ("acompcor", "24P"):
                for circuit in ("a", "b"):
                    on = slope if circuit == "a" else 0.0
                    z = trait + on * runs[-1][4] + draw.normal(0, 0.05)
                    connectivity.append((who, session, strategy, circuit, "mean", z))
    columns = ["participant_id", "role", "strategy", "circuit", "measure", "z"]
    design = {
        "kind": "parallel" if arms == 2 else "single-arm",
        "baseline": "pre",
        "followup": "post",
        "arms": {"ketamine": "drug", "control": "placebo"} if arms == 2 else None,
        "participants": roles,
        "si": None,
        "estimand": {"change": "", "association": ""},
        "strategy": "acompcor",
        "alpha": 0.05,
    }
    return {
        "connectivity": pd.DataFrame(connectivity, columns=columns),
        "quality": quality(runs),
        "design": design,
    }


def table_of(made: dict[str, Any]) -> pd.DataFrame:
    return motion_tests(
        **made | {"design": design_of(made["design"])},
        circuits=[Circuit("a"), Circuit("b")],
        strategies=["acompcor", "24P"],
        seed=1,
        **SETTING,
    )


@pytest.mark.parametrize("arms", [1, 2])
def test_the_table_has_every_test_and_the_gate_of_the_circuit_that_follows(arms):
    table = table_of(study(arms, 6, slope=2.0, rise=0.2))
    assert tuple(table.columns) == MOTION_COLUMNS
    itself = table[table["circuit"].isna()]
    names = ["change", "change-drug", "change-placebo"][: 1 if arms == 1 else 3]
    assert itself["test"].tolist() == names * 2
    assert itself["gate"].fillna("none").tolist() == [CHANGED] + ["none"] * (2 * len(names) - 1)
    follows = table[table["test"] == "follows"].set_index(["strategy", "circuit"])
    assert set(follows.xs("a", level="circuit")["gate"]) == {FOLLOWS}
    assert set(follows["gate"]) <= {FOLLOWS, SILENT}
    assert (table["test"] == "change-at-equal-motion").sum() == 4
    assert table.loc[table["measure"] == "mean_fd", "reason"].isna().all()
    # everybody lost as many volumes
    assert "is the same in all 24" in itself["reason"].dropna().iloc[0]


def test_the_change_of_motion_is_that_of_the_test_of_change():
    made = study(1, 7, slope=0.0, rise=0.1)
    table = table_of(made)
    both = before_and_after(
        session_motion(made["quality"]), "mean_fd", baseline="pre", followup="post"
    )
    row = table[(table["measure"] == "mean_fd") & (table["test"] == "change")].iloc[0]
    assert row["estimate"] == pytest.approx((both["followup"] - both["baseline"]).mean())
    assert row["n"] == 24


def with_terms(made: dict[str, Any], seed: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """Give a study ages and three sites, the last participant without an age; return both."""
    rng = np.random.default_rng(seed)
    people = list(made["design"]["participants"])
    ages = [float(age) for age in rng.integers(20, 60, len(people))]
    sites = rng.choice(["A", "B", "C"], len(people)).tolist()
    values = {"age": dict(zip(people, [*ages[:-1], None], strict=True))}
    values["site"] = dict(zip(people, sites, strict=True))
    terms = {"covariates": ["age"], "blocks": "site", "values": values, "diagnosis": None}
    kinds = {"age": "numeric", "site": "categorical"}
    design = made["design"] | {"terms": terms, "covariates": kinds}
    fd = made["quality"].pivot_table(index="participant_id", columns="role", values="mean_fd")
    z = made["connectivity"].query("strategy == 'acompcor' and circuit == 'a'")
    z = z.pivot_table(index="participant_id", columns="role", values="z")
    data = pd.DataFrame({name: pd.Series(own) for name, own in values.items()}).assign(
        fd=fd["post"], fd_before=fd["pre"], moved=fd["post"] - fd["pre"],
        z=z["post"], z_before=z["pre"], change=z["post"] - z["pre"],
        arm=pd.Series(design["participants"]).eq("ketamine").astype(float),
    )  # fmt: skip
    return made | {"design": design}, data


def test_with_two_arms_all_are_adjusted_for_covariates_and_sites_as_the_test_of_change():
    import statsmodels.formula.api as smf
    from scipy import stats

    made, data = with_terms(study(2, 12, slope=1.0, rise=0.1), seed=1)
    table = table_of(made).query("strategy != '24P' and measure == 'mean_fd'")
    rows = table[table["circuit"] != "b"].set_index("test")
    known = data.dropna()
    assert len(known) == 23
    fit = smf.ols("fd ~ arm + fd_before + age + C(site)", known).fit()
    assert rows.loc["change", "estimate"] == pytest.approx(fit.params["arm"])
    assert rows.loc["change", "n"] == 23
    nuisance = "arm + age + C(site)"
    left = [smf.ols(f"{name} ~ {nuisance}", known).fit().resid for name in ("change", "moved")]
    assert rows.loc["follows", "estimate"] == pytest.approx(stats.pearsonr(*left).statistic)
    assert rows.loc["follows", "n"] == 23
    fit = smf.ols("change ~ moved + arm + age + C(site)", known).fit()
    assert rows.loc["follows", "df"] == pytest.approx(welch(fit, "moved", known["arm"])[1])
    fit = smf.ols("z ~ arm + z_before + moved + age + C(site)", known).fit()
    assert rows.loc["change-at-equal-motion", "estimate"] == pytest.approx(fit.params["arm"])
    # what is described within an arm needs no age
    assert rows.loc["change-drug", "n"] + rows.loc["change-placebo", "n"] == 24


def test_with_one_arm_the_correlation_alone_is_adjusted():
    made, data = with_terms(study(1, 13, slope=1.0, rise=0.1), seed=2)
    table = table_of(made).query("strategy != '24P' and measure == 'mean_fd'")
    rows = table[table["circuit"] != "b"].set_index("test")
    assert rows["n"].to_dict() == {"change": 24, "follows": 23, "change-at-equal-motion": 24}
    assert rows.loc["change", "estimate"] == pytest.approx(data["moved"].mean())
    assert rows.loc["follows", "df"] == 23 - 5
    intercept = np.polyfit(data["moved"], data["change"], 1)[1]
    assert rows.loc["change-at-equal-motion", "estimate"] == pytest.approx(intercept)


def test_exchange_within_sites_is_that_of_a_double_loop():
    motion, before, after = sample(6, 3)
    change, sites = after - before, np.array([0, 0, 0, 1, 1, 1])
    second = {"site: B": sites.astype(float)}
    found = follows_motion(
        *(change, motion), covariates=second, blocks=sites, rng=rng(), alpha=0.05, permutations=36
    )
    centred = [v - np.where(sites, v[3:].mean(), v[:3].mean()) for v in (change, motion)]
    r = float(np.corrcoef(*centred)[0, 1])
    orders = [(*a, *b) for a in permutations(range(3)) for b in permutations((3, 4, 5))]
    null = [np.corrcoef(centred[0][list(one)], centred[1])[0, 1] for one in orders]
    assert found.estimate == pytest.approx(r)
    assert found.p_permutation == np.mean(np.abs(null) >= abs(r) - 1e-12)


def test_too_few_with_motion_have_no_gate_and_a_reason():
    made = study(1, 8, slope=2.0, rise=0.2)
    runs = made["quality"]
    runs.loc[runs["participant_id"] > "sub-03", "mean_fd"] = np.nan
    table = table_of(made)
    fd = table[table["measure"] == "mean_fd"]
    assert fd["gate"].isna().all()
    assert fd["estimate"].isna().all()
    assert fd["reason"].str.contains("5 are needed").all()
    assert (fd["n"] == 4).all()


def test_where_no_run_has_a_mean_fd_everything_is_named_and_not_assessed():
    made = study(2, 8, slope=0.0, rise=0.0)
    expected = [("change", None, None, NOT_ASSESSED)]
    for strategy in ("acompcor", "24P"):
        for circuit in ("a", "b"):
            expected.append(("follows", circuit, strategy, NOT_ASSESSED))
            expected.append(("change-at-equal-motion", circuit, strategy, None))
    for quality in (
        made["quality"].assign(mean_fd=np.nan),
        made["quality"].drop(columns="mean_fd"),
    ):
        table = table_of(made | {"quality": quality})
        assert tuple(table.columns) == MOTION_COLUMNS
        found = table[["test", "circuit", "strategy", "gate"]].astype(object)
        assert list(found.where(found.notna(), None).itertuples(index=False)) == expected
        assert set(table["measure"]) == {"mean_fd"}
        assert set(table["n"]) == {0}
        assert table["reason"].notna().all()
        assert table["p_permutation"].isna().all()


def told(hypotheses: pd.DataFrame, motion: pd.DataFrame, design: Any) -> pd.DataFrame:
    """Flags and words, as the rule `hypotheses` joins them."""
    made = design_of(design)
    hypotheses = hypotheses.assign(family="primary-" + hypotheses["test"])
    return add_motion_flags(with_motion(hypotheses, motion, made), motion, made)


def test_flags_and_words_stand_beside_the_circuit_and_no_number_changes():
    made = study(1, 6, slope=2.0, rise=0.2)
    motion = table_of(made)
    rows = [
        ("a", "change", "exploratory", 0.4, "A: rose."),
        ("a", "association", None, 2.0, "A: no evidence."),
        ("b", "change", None, 0.1, "B: rose."),
        ("b", "association", None, np.nan, "B: no result."),
    ]
    columns = ["hypothesis", "test", "flags", "estimate", "verdict"]
    before = pd.DataFrame(rows, columns=columns)
    after = told(before, motion, made["design"])
    assert after["flags"].tolist() == [
        f"exploratory;{FOLLOWS};{CHANGED}",
        FOLLOWS,
        CHANGED,
        None,
    ]
    first, second, *rest = after["verdict"]
    assert first.startswith("A: rose. Its change follows change in head motion (r = 0.")
    assert "At no change in motion the change is" in first
    assert second.startswith("A: no evidence. Its change follows")
    assert "At no change" not in second
    assert rest == ["B: rose.", "B: no result."]
    same = ["hypothesis", "test", "estimate"]
    pd.testing.assert_frame_equal(after[same], before[same])
    silent = motion.assign(gate=motion["gate"].map({FOLLOWS: SILENT, CHANGED: SILENT}))
    unchanged = told(before, silent, made["design"])
    assert unchanged["flags"].tolist() == ["exploratory", None, None, None]
    assert unchanged["verdict"].tolist() == before["verdict"].tolist()
    # another strategy than the primary one decides nothing
    other = told(before, motion, made["design"] | {"strategy": "36P"})
    assert not other["flags"].fillna("").str.contains(FOLLOWS).any()
    assert other["verdict"].tolist() == before["verdict"].tolist()


def test_with_two_arms_the_words_are_those_of_a_difference():
    made = study(2, 6, slope=2.0, rise=0.2)
    rows = [("a", "change", None, 0.4, "A: higher.")]
    table = pd.DataFrame(rows, columns=["hypothesis", "test", "flags", "estimate", "verdict"])
    said = told(table, table_of(made), made["design"])["verdict"].iloc[0]
    assert "At equal change in motion the difference is" in said


STUDIES, PEOPLE = 400, 24


def rates(*, rise: float, spread: float, slope: float, arms: int, seed: int) -> dict[str, float]:
    """Simulate studies without any true change; return how often each test rejects at .05.

    FD rises at follow-up by `rise` on average (gamma distributed over participants with standard
    deviation `spread`; in the first arm only where there are two); measured connectivity has
    `slope` on FD at either session.
    """
    draw = np.random.default_rng(seed)
    treated = np.tile([1.0, 0.0], PEOPLE // 2) if arms == 2 else None
    who = np.ones(PEOPLE) if treated is None else treated
    found = {"naive": 0, "gate": 0, "equal": 0}
    for _ in range(STUDIES):
        first = draw.gamma(4, 0.03, PEOPLE)
        shape = (rise / spread) ** 2 if spread else 1.0
        extra = who * (draw.gamma(shape, rise / shape, PEOPLE) if rise and spread else rise)
        second = first + extra + draw.normal(0, 0.02 if spread else 1e-4, PEOPLE)
        trait = draw.normal(0.3, 0.15, PEOPLE)
        before, after = (
            trait + slope * fd + draw.normal(0, 0.08, PEOPLE) for fd in (first, second)
        )
        about: dict[str, Any] = {**SETTING, "rng": draw}
        naive = (
            mean_change(before, after, **about)
            if treated is None
            else adjusted_difference(before, after, treated, **about)
        )
        gate = follows_motion(after - before, second - first, treated, **about)
        equal = change_at_equal_motion(before, after, second - first, treated, **about)
        found["naive"] += naive.p_permutation < 0.05
        found["gate"] += gate.p_permutation < 0.05
        found["equal"] += equal.p_parametric < 0.05
    return {name: count / STUDIES for name, count in found.items()}


def band() -> tuple[float, float]:
    """Return where 99 of 100 simulations of a test at .05 lie."""
    from scipy import stats

    low, high = stats.binom.ppf([0.005, 0.995], STUDIES, 0.05) / STUDIES
    return float(low), float(high)


@pytest.mark.parametrize("arms", [1, 2])
def test_where_motion_alone_changes_connectivity_the_gate_fires_and_the_naive_test_errs(arms):
    found = rates(rise=0.15, spread=0.1, slope=1.2, arms=arms, seed=10 + arms)
    # nothing changed but motion: the naive test should reject in one of twenty studies
    assert found["naive"] > 0.8
    assert found["gate"] > 0.8
    assert found["equal"] < band()[1]


@pytest.mark.parametrize("arms", [1, 2])
@pytest.mark.parametrize(
    ("rise", "slope"), [(0.0, 0.0), (0.15, 0.0)], ids=["nothing differs", "harmless motion"]
)
def test_where_motion_does_not_touch_connectivity_the_gate_fires_at_its_rate(arms, rise, slope):
    found = rates(rise=rise, spread=0.1, slope=slope, arms=arms, seed=20 + arms)
    low, high = band()
    assert low <= found["gate"] <= high
    assert low <= found["naive"] <= high


def test_motion_that_rises_equally_in_everybody_is_not_seen_by_the_gate():
    # a limit, not a virtue: nothing varies that the change could follow
    found = rates(rise=0.15, spread=0.0, slope=1.2, arms=1, seed=30)
    assert found["naive"] > 0.8
    assert found["gate"] <= band()[1]


def test_what_the_correlation_is_adjusted_for_is_said():
    from ketfc.reporting.design_words import motion_given
    from ketfc.reporting.text.captions import figure_caption

    made, _ = with_terms(study(2, 12, slope=1.0, rise=0.1), seed=1)
    assert motion_given(design_of(made["design"])) == "arm, age and site"
    assert motion_given(design_of(study(2, 12, slope=1.0, rise=0.1)["design"])) == "arm"
    assert motion_given(design_of(study(1, 12, slope=1.0, rise=0.1)["design"])) == ""
    assert "mean FD given arm, age and site, with its" in figure_caption(
        "qcfc", design_of(made["design"])
    )
