"""Reliability of the circuits: pingouin's numbers, sources in their order, known shares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import made_tables
import numpy as np
import pandas as pd
import pingouin as pg
import pytest
from made_design import design_of
from scipy import stats

from ketfc.inference.reliability.icc import Agreement, agreement, true_share
from ketfc.inference.reliability.repeats import by_run
from ketfc.inference.reliability.table import RELIABILITY_COLUMNS, reliability

CIRCUITS = [
    made_tables.Circuit("dmn", "default mode network", True, "?"),
    made_tables.Circuit("amygdala-dacc", "amygdala – dorsal ACC", False, "?"),
]
PEOPLE = [f"sub-{i:02d}" for i in range(1, 24)]
ARMS = {who: "ketamine" if i % 3 == 0 else "control" for i, who in enumerate(PEOPLE)}
TWO_ARMS = {"ketamine": "ketamine", "control": "midazolam"}


def measured(n: int, k: int, *, seed: int = 0, shift: float = 0.2) -> np.ndarray:
    """Return people who differ, at occasions of which every later one is higher."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (n, 1)) + rng.normal(0, 0.8, (n, k)) + shift * np.arange(k)


def pingouin_row(values: np.ndarray, kind: str) -> pd.Series:
    n, k = values.shape
    long = pd.DataFrame(
        {"who": np.repeat(np.arange(n), k), "at": np.tile(np.arange(k), n), "z": values.ravel()}
    )
    table = pg.intraclass_corr(long, targets="who", raters="at", ratings="z")
    return table.set_index("Type").loc[kind]


@pytest.mark.parametrize(("n", "k", "shift"), [(9, 2, 0.0), (14, 2, 0.9), (23, 4, 0.3)])
def test_the_correlation_is_that_of_pingouin(n, k, shift):
    values = measured(n, k, seed=n, shift=shift)
    found = agreement(values, alpha=0.05)
    single, mean = (pingouin_row(values, kind) for kind in ("ICC(A,1)", "ICC(A,k)"))
    assert found.icc == pytest.approx(single["ICC"])
    assert [found.ci_low, found.ci_high] == pytest.approx(list(single["CI95"]), abs=0.0051)
    assert found.averaged(k)[0] == pytest.approx(mean["ICC"])
    assert found.averaged(k)[1:] == pytest.approx(tuple(mean["CI95"]), abs=0.0051)
    assert found.averaged(1) == pytest.approx((found.icc, found.ci_low, found.ci_high))


def test_shrout_and_fleiss_have_their_published_number():
    # Shrout and Fleiss (1979), table 2; their ICC(2,1) is .29, McGraw and Wong's interval .02–.76
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = agreement(np.array(ratings, dtype=float), alpha=0.05)
    assert found.icc == pytest.approx(0.29, abs=0.005)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.02, 0.76), abs=0.005)


def test_the_interval_covers_the_correlation_it_is_of():
    rng = np.random.default_rng(4)
    truth = 0.5
    inside = 0
    for _ in range(400):
        people = rng.normal(0, truth**0.5, (15, 1))
        values = people + rng.normal(0, (1 - truth) ** 0.5, (15, 2))
        found = agreement(values, alpha=0.1)
        inside += found.ci_low < truth < found.ci_high
    assert 0.85 < inside / 400 < 0.95


def test_too_few_people_and_people_alike_have_no_reliability():
    assert agreement(measured(4, 3), alpha=0.05) == Agreement(4, 3, obstacle="too-few")
    assert agreement(measured(9, 1), alpha=0.05).obstacle == "too-few"
    assert agreement(np.ones((9, 2)), alpha=0.05).obstacle == "constant"
    same = np.repeat(np.arange(9.0), 2).reshape(9, 2)
    assert agreement(same, alpha=0.05).obstacle == "constant"


def test_a_mean_of_many_has_no_reliability_where_one_is_far_below_zero():
    low = Agreement(9, 2, icc=-0.6, ci_low=-0.9, ci_high=0.2).averaged(3)
    assert np.isnan(low[:2]).all()
    assert low[2] == pytest.approx(0.6 / 1.4)


def test_the_true_share_of_a_change_has_the_interval_of_a_ratio_of_variances():
    rng = np.random.default_rng(8)
    error, real = 0.1, 0.2
    truth = real**2 / (real**2 + 2 * error**2)
    inside, shares = 0, []
    for _ in range(500):
        change = rng.normal(0, (real**2 + 2 * error**2) ** 0.5, 12)
        pairs = rng.normal(0, 0.3, (20, 1)) + rng.normal(0, error, (20, 2))
        left = agreement(pairs, alpha=0.1)
        share = true_share(
            float(change.std(ddof=1)), 11,
            error_sd=left.error_sd, error_df=left.error_df, alpha=0.1,
        )  # fmt: skip
        inside += share.ci_low < truth < share.ci_high
        shares.append(share.share)
    assert 0.86 < inside / 500 < 0.94
    assert np.median(shares) == pytest.approx(truth, abs=0.06)
    fixed = true_share(0.3, 11, error_sd=0.1, error_df=None, alpha=0.1)
    assert fixed.share == pytest.approx(1 - 2 * 0.01 / 0.09)
    assert np.isnan([fixed.ci_low, fixed.ci_high]).all()


def connectivity_of(people: list[str], roles: tuple[str, ...], *, seed: int = 1) -> pd.DataFrame:
    """Return z of both circuits; a third of people lack the last role now and then."""
    rng = np.random.default_rng(seed)
    rows = []
    for circuit in ("dmn", "amygdala-dacc"):
        for i, who in enumerate(people):
            level = rng.normal(0.3, 0.2)
            for role in roles:
                z = level + rng.normal(0, 0.1)
                lost = role == roles[-1] and i == 4
                for strategy, shift in (("acompcor", 0.0), ("24P", rng.normal())):
                    value = np.nan if lost else z + shift
                    rows.append((who, role, strategy, circuit, "mean", value))
                    rows.append((who, role, strategy, circuit, "edge", 9.0))
    columns = ["participant_id", "role", "strategy", "circuit", "measure", "z"]
    return pd.DataFrame(rows, columns=columns)


def run_tables(people: list[str], *, runs: dict[str, int]) -> list[pd.DataFrame]:
    """Return the tables of the runs of both sessions, in the order of the runs."""
    rng = np.random.default_rng(6)
    level = {who: rng.normal(0.3, 0.2) for who in people}
    tables = []
    for role in ("pre", "post"):
        for who in people:
            for _ in range(runs.get(who, 1)):
                rows = [
                    (circuit, strategy, measure, level[who] + rng.normal(0, 0.1))
                    for circuit in ("dmn", "amygdala-dacc")
                    for strategy in ("24P", "acompcor")
                    for measure in ("edge", "mean")
                ]
                table = pd.DataFrame(rows, columns=["circuit", "strategy", "measure", "z"])
                tables.append(table.assign(participant_id=who, role=role))
    return tables


def found_of(
    content: dict[str, Any],
    *,
    connectivity: pd.DataFrame,
    runs: list[pd.DataFrame] | None = None,
    supplied: float | None = None,
) -> pd.DataFrame:
    about = {"strategy": "acompcor", "alpha": 0.05}
    table = reliability(
        connectivity, runs or [], design_of(content), CIRCUITS, supplied=supplied, **about
    )
    assert tuple(table.columns) == RELIABILITY_COLUMNS
    return table[table["hypothesis"] == "dmn"].set_index("source")


def wide_of(connectivity: pd.DataFrame, people: list[str]) -> pd.DataFrame:
    own = connectivity.query("strategy == 'acompcor' and circuit == 'dmn' and measure == 'mean'")
    return own.pivot_table(index="participant_id", columns="role", values="z").reindex(people)


def test_the_control_arm_is_measured_twice():
    connectivity = connectivity_of(PEOPLE, ("pre", "post"))
    table = found_of({"arms": TWO_ARMS, "participants": ARMS}, connectivity=connectivity)
    assert list(table.index) == ["control-arm"]
    row = table.loc["control-arm"]
    control = [who for who, arm in ARMS.items() if arm == "control"]
    pairs = wide_of(connectivity, control)[["pre", "post"]].dropna()
    assert (row["n"], row["k"], row["of"], row["used"]) == (14, 2, "session", "yes")
    assert len(pairs) == 14
    assert (
        row["icc"]
        == row["session_icc"]
        == pytest.approx(pingouin_row(pairs.to_numpy(), "ICC(A,1)")["ICC"])
    )
    ketamine = wide_of(connectivity, [who for who in PEOPLE if ARMS[who] == "ketamine"])
    change = (ketamine["post"] - ketamine["pre"]).dropna()
    assert (row["n_change"], row["change_sd"]) == (8, pytest.approx(change.std()))
    noise = (pairs["post"] - pairs["pre"]).var()
    assert row["true_share"] == pytest.approx(1 - noise / change.var())
    worst = noise / change.var() * stats.f.ppf(0.975, 7, 13)
    assert row["true_ci_low"] == pytest.approx(1 - worst)
    assert "midazolam" in row["note"]


def test_runs_are_those_of_the_baseline_and_speak_of_the_mean_of_a_session():
    runs = dict.fromkeys(PEOPLE[:14], 3) | dict.fromkeys(PEOPLE[14:19], 2)
    tables = run_tables(PEOPLE, runs=runs)
    content = {"participants": dict.fromkeys(PEOPLE)}
    connectivity = connectivity_of(PEOPLE, ("pre", "post"))
    row = found_of(content, connectivity=connectivity, runs=tables).loc["runs"]
    design = design_of(content)
    wide = by_run(tables, design, circuit="dmn", strategy="acompcor")
    assert list(wide.notna().sum(axis=1)) == [3] * 14 + [2] * 5 + [1] * 4
    # most of those with several have three; two of a person with two are not enough
    assert (row["n"], row["k"], row["of"]) == (14, 3, "run")
    three = wide.iloc[:14].to_numpy()
    assert row["icc"] == pytest.approx(pingouin_row(three, "ICC(A,1)")["ICC"])
    assert row["session_icc"] == pytest.approx(pingouin_row(three, "ICC(A,k)")["ICC"])
    assert row["error_sd"] == pytest.approx(agreement(three, alpha=0.05).error_sd / 3**0.5)
    change = wide_of(connectivity, PEOPLE)
    change = (change["post"] - change["pre"]).dropna()
    assert row["true_share"] == pytest.approx(1 - 2 * row["error_sd"] ** 2 / change.var())
    assert "within a session alone" in row["note"]


def test_sources_stand_in_their_order_and_the_first_that_has_numbers_is_used():
    controls = [f"sub-c{i}" for i in range(7)]
    groups = dict.fromkeys(PEOPLE, "patients") | dict.fromkeys(controls, "controls")
    content = {
        "arms": TWO_ARMS,
        "participants": {**ARMS, **dict.fromkeys(controls)},
        "groups": {"patients": ["P"], "controls": ["C"], "participants": groups},
    }
    connectivity = connectivity_of([*PEOPLE, *controls], ("pre", "post"))
    tables = run_tables([*PEOPLE, *controls], runs=dict.fromkeys([*PEOPLE, *controls], 2))
    table = found_of(content, connectivity=connectivity, runs=tables, supplied=0.4)
    assert list(table.index) == ["control-arm", "healthy-controls", "runs"]
    assert list(table["used"]) == ["yes", "no", "no"]
    assert list(table["n"]) == [14, 7, 23]
    # with four in the control arm, nothing is said of it, and the next source is used
    few = {who: "control" if i < 4 else "ketamine" for i, who in enumerate(PEOPLE)}
    content["participants"] = {**few, **dict.fromkeys(controls)}
    table = found_of(content, connectivity=connectivity, runs=tables, supplied=0.4)
    assert list(table["used"]) == ["no", "yes", "no"]
    assert table.loc["control-arm", "flags"] == "too-few"
    assert np.isnan(table.loc["control-arm", "icc"])
    # and where there is none, the number from elsewhere
    content = {"arms": TWO_ARMS, "participants": few}
    table = found_of(content, connectivity=connectivity, supplied=0.4)
    assert table["used"].to_dict() == {"control-arm": "no", "supplied": "yes"}


def test_a_number_from_elsewhere_is_used_only_where_there_is_none_and_says_so():
    connectivity = connectivity_of(PEOPLE, ("pre", "post"))
    content = {"participants": dict.fromkeys(PEOPLE)}
    none = found_of(content, connectivity=connectivity).loc["none"]
    assert (none["flags"], none["used"]) == ("not-measured", "no")
    assert np.isnan([none["icc"], none["true_share"]]).all()
    row = found_of(content, connectivity=connectivity, supplied=0.4).loc["supplied"]
    assert (row["icc"], row["flags"], row["used"]) == (0.4, "supplied", "yes")
    wide = wide_of(connectivity, PEOPLE)
    change = (wide["post"] - wide["pre"]).dropna()
    noise = 2 * 0.6 * wide["pre"].var()
    assert row["true_share"] == pytest.approx(1 - noise / change.var())
    assert np.isnan([row["ci_low"], row["true_ci_low"]]).all()
    assert "statistics.reliability" in row["note"]


def test_in_a_crossover_only_who_had_the_control_drug_first_is_measured_twice():
    orders = {who: "control-first" if i % 3 else "ketamine-first" for i, who in enumerate(PEOPLE)}
    content = {
        "kind": "crossover",
        "participants": dict.fromkeys(PEOPLE),
        "drugs": {"ketamine": "ketamine", "control": "saline"},
        "sequences": orders,
        "pre": "before",
        "baseline": "saline",
        "followup": "ketamine",
        "contrasts": [["saline", "ketamine"]],
        "sessions": {"before": "1", "saline": "2", "ketamine": "3"},
    }
    connectivity = connectivity_of(PEOPLE, ("before", "saline", "ketamine"))
    row = found_of(content, connectivity=connectivity).loc["control-drug"]
    first = [who for who in PEOPLE if orders[who] == "control-first"]
    pairs = wide_of(connectivity, first)[["before", "saline"]].dropna()
    assert row["n"] == len(pairs) == 15
    assert row["icc"] == pytest.approx(pingouin_row(pairs.to_numpy(), "ICC(A,1)")["ICC"])
    wide = wide_of(connectivity, PEOPLE)
    change = (wide["ketamine"] - wide["saline"]).dropna()
    spread = [change[[w for w in change.index if orders[w] == o]] for o in set(orders.values())]
    squares = sum(((part - part.mean()) ** 2).sum() for part in spread)
    assert row["change_sd"] == pytest.approx((squares / (len(change) - 2)) ** 0.5)
    without = found_of({**content, "pre": None}, connectivity=connectivity)
    assert list(without.index) == ["none"]


def test_other_definitions_of_a_circuit_have_no_row_and_lost_circuits_have_one():
    connectivity = connectivity_of(PEOPLE, ("pre", "post"))
    lost = connectivity["circuit"] == "dmn"
    connectivity.loc[lost, "z"] = np.nan
    other = replace(CIRCUITS[0], id="dmn.PCC-other", variant_of="dmn")
    table = reliability(
        connectivity, [], design_of({"arms": TWO_ARMS, "participants": ARMS}),
        [*CIRCUITS, other], strategy="acompcor", alpha=0.05,
    )  # fmt: skip
    assert list(table["hypothesis"]) == ["dmn", "amygdala-dacc"]
    assert list(table["source"]) == ["none", "control-arm"]
