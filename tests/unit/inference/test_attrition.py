"""Completers beside drop-outs: who is which, numbers of scipy, no test."""

from __future__ import annotations

from typing import Any

import made_tables
import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from ketfc.inference.account.attrition import ATTRITION_COLUMNS, attrition

CIRCUITS = [
    made_tables.Circuit("dmn", "default mode network", True, "?"),
    made_tables.Circuit("salience", "salience network", True, "?"),
    made_tables.Circuit("other", "not primary", False, "?"),
    made_tables.Circuit("dmn.PCC-other", "another DMN", True, "?", variant_of="dmn"),
]
PEOPLE = [f"sub-{i:02d}" for i in range(1, 22)]
ARMS = {who: "ketamine" if i % 3 == 0 else "control" for i, who in enumerate(PEOPLE)}
GONE = ["sub-02", "sub-04", "sub-05", "sub-11", "sub-16"]
"""Without an image of the follow-up: sub-04 and sub-16 had ketamine."""
MOVED = "sub-07"
"""Came back, and no connectivity of the follow-up was usable."""
CONTENT: dict[str, Any] = {
    "arms": {"ketamine": "ketamine", "control": "midazolam"},
    "participants": {**ARMS, "sub-99": None},
    "si": {"instrument": "SSI", "shape": "pre-post"},
    "depression": {"instrument": "MADRS", "shape": "pre-post"},
    "covariates": {"age": "numeric", "site": "categorical"},
    "terms": {
        "covariates": ["age", "site"],
        "blocks": None,
        "values": {
            "age": {who: 30.0 + i for i, who in enumerate(PEOPLE)},
            "site": dict.fromkeys(PEOPLE, "A"),
        },
        "diagnosis": None,
    },
}


def tables_of(roles: tuple[str, ...] = ("pre", "post")) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(3)
    z, scores, runs = [], [], []
    for who in PEOPLE:
        low = who in GONE
        for role in roles:
            last = role == roles[-1]
            if not (last and low):
                status = "excluded" if who == MOVED and last else "ok"
                runs.append((who, role, status, rng.gamma(4, 0.05) + 0.2 * low, 150))
                for circuit in CIRCUITS:
                    value = rng.normal(0.3 - 0.2 * low, 0.1)
                    value = np.nan if status == "excluded" else value
                    z.append((who, role, "acompcor", circuit.id, "mean", value))
                    z.append((who, role, "acompcor", circuit.id, "edge", 9.0))
                    z.append((who, role, "24P", circuit.id, "mean", 9.0))
            for scale, instrument in (("si", "SSI"), ("depression", "MADRS")):
                score = float(round(rng.normal(20 + 5 * low, 4)))
                scores.append((who, role, scale, instrument, "total", score))
                scores.append((who, role, scale, instrument, "si-item", 99.0))
    z_columns = ["participant_id", "role", "strategy", "circuit", "measure", "z"]
    score_columns = ["participant_id", "role", "scale", "instrument", "item", "score"]
    run_columns = ["participant_id", "role", "status", "mean_fd", "n_volumes"]
    return {
        "connectivity": pd.DataFrame(z, columns=z_columns),
        "scores": pd.DataFrame(scores, columns=score_columns),
        "quality": pd.DataFrame(runs, columns=run_columns),
    }


def found_of(tables: dict[str, pd.DataFrame], content: dict[str, Any] = CONTENT) -> pd.DataFrame:
    table = attrition(
        tables["connectivity"], tables["scores"], tables["quality"], design_of(content), CIRCUITS,
        strategy="acompcor", alpha=0.05,
    )  # fmt: skip
    assert tuple(table.columns) == ATTRITION_COLUMNS
    return table


def rows_of(table: pd.DataFrame, comparison: str, arm: str) -> pd.DataFrame:
    own = table[(table["comparison"] == comparison) & (table["arm"] == arm)]
    return own.set_index("variable")


def test_the_numbers_are_those_of_statsmodels():
    tables = tables_of()
    rows = rows_of(found_of(tables), "scanned", "all")
    own = tables["scores"].query("scale == 'si' and role == 'pre' and item == 'total'")
    score = own.set_index("participant_id")["score"]
    back, away = score.drop(GONE), score[GONE]
    row = rows.loc["SSI (SI)"]
    assert (row["n_completers"], row["n_dropouts"]) == (16, 5)
    assert row["difference"] == pytest.approx(back.mean() - away.mean())
    assert row["difference"] < 0
    welch = CompareMeans(DescrStatsW(back), DescrStatsW(away)).tconfint_diff(usevar="unequal")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(welch)
    pooled = (((len(back) - 1) * back.var() + (len(away) - 1) * away.var()) / 19) ** 0.5
    assert row["standardised_difference"] == pytest.approx(row["difference"] / pooled)
    assert (row["sd_completers"], row["mean_dropouts"]) == (
        pytest.approx(back.std()),
        pytest.approx(away.mean()),
    )
    assert rows.loc["default mode network", "difference"] > 0


def test_every_variable_is_there_once_and_only_at_baseline():
    tables = tables_of()
    table = found_of(tables)
    rows = rows_of(table, "scanned", "all")
    names = ["SSI (SI)", "MADRS (depression)", "mean FD (mm)", "age"]
    assert list(rows.index) == [*names, "default mode network", "salience network"]
    kinds = ["score", "score", "motion", "covariate", "circuit", "circuit"]
    assert list(rows["kind"]) == kinds
    later = {name: table.loc[table["role"] == "post"].index for name, table in tables.items()}
    for name, where in later.items():
        column = {"connectivity": "z", "scores": "score", "quality": "mean_fd"}[name]
        known = tables[name].loc[where, column].notna()
        tables[name].loc[where[known], column] = 1e6
    pd.testing.assert_frame_equal(found_of(tables), table)
    assert not {"p", "statistic"} & set(table.columns)


def test_people_are_counted_by_arm_and_those_of_neither_are_left_out():
    table = found_of(tables_of())
    for arm, back, away in (("all", 16, 5), ("ketamine", 5, 2), ("midazolam", 11, 3)):
        rows = rows_of(table, "scanned", arm)
        assert set(rows["completers"]) == {back}
        assert set(rows["dropouts"]) == {away}
    assert set(table["arm"]) == {"all", "ketamine", "midazolam"}


def test_who_came_back_and_could_not_be_used_is_a_drop_out_of_the_analysis_alone():
    tables = tables_of()
    table = found_of(tables)
    assert set(rows_of(table, "analysed", "ketamine")["dropouts"]) == {3}
    assert set(rows_of(table, "analysed", "midazolam")["dropouts"]) == {3}
    own = tables["connectivity"]
    own.loc[own["participant_id"] == MOVED, "z"] = 0.3
    assert set(found_of(tables)["comparison"]) == {"scanned"}


def test_motion_of_runs_that_were_excluded_for_it_counts():
    tables = tables_of()
    runs = tables["quality"]
    lost = (runs["participant_id"] == "sub-04") & (runs["role"] == "pre")
    runs.loc[lost, ["status", "mean_fd"]] = ["excluded", 2.0]
    row = rows_of(found_of(tables), "scanned", "ketamine").loc["mean FD (mm)"]
    other = runs.loc[(runs["participant_id"] == "sub-16") & (runs["role"] == "pre"), "mean_fd"]
    assert row["mean_dropouts"] == pytest.approx((2.0 + other.item()) / 2)


def test_without_drop_outs_or_values_there_is_no_difference_and_a_reason():
    tables = tables_of()
    runs = tables["quality"]
    back = pd.DataFrame({"participant_id": GONE, "role": "post", "status": "ok", "mean_fd": 0.1})
    everybody = {**tables, "quality": pd.concat([runs, back.assign(n_volumes=150)])}
    rows = rows_of(found_of(everybody), "scanned", "all")
    assert set(rows["flags"]) == {"nobody-dropped-out"}
    assert rows["difference"].isna().all()
    assert (rows["n_completers"] == 21).all()
    nobody = {**tables, "quality": runs[runs["role"] == "pre"]}
    assert set(rows_of(found_of(nobody), "scanned", "all")["flags"]) == {"nobody-came-back"}
    few = {**tables, "scores": tables["scores"][~tables["scores"]["participant_id"].isin(GONE)]}
    rows = rows_of(found_of(few), "scanned", "all")
    assert rows.loc["SSI (SI)", "flags"] == "not-measured"
    assert pd.isna(rows.loc["age", "flags"])


def test_a_single_drop_out_has_a_difference_without_an_interval():
    tables = tables_of()
    runs = tables["quality"]
    rest = pd.DataFrame({"participant_id": GONE[1:], "role": "post", "status": "ok"})
    one = {**tables, "quality": pd.concat([runs, rest.assign(mean_fd=0.1, n_volumes=150)])}
    row = rows_of(found_of(one), "scanned", "all").loc["SSI (SI)"]
    assert row["flags"] == "too-few"
    assert row["n_dropouts"] == 1
    assert np.isfinite([row["difference"], row["standardised_difference"]]).all()
    assert np.isnan([row["ci_low"], row["ci_high"], row["sd_dropouts"]]).all()
    one["scores"].loc[:, "score"] = 7.0
    flags = rows_of(found_of({**tables, "scores": one["scores"]}), "scanned", "all")["flags"]
    assert flags["SSI (SI)"] == "constant"


@pytest.mark.filterwarnings("error")
def test_drop_outs_who_are_all_alike_have_an_interval():
    tables = tables_of()
    alike = tables["scores"]["participant_id"].isin(GONE)
    tables["scores"].loc[alike, "score"] = 25.0
    row = rows_of(found_of(tables), "scanned", "all").loc["SSI (SI)"]
    half = 2.1314 * row["sd_completers"] / 16**0.5
    assert row["ci_high"] == pytest.approx(row["difference"] + half, abs=1e-3)


def test_each_follow_up_has_its_own_drop_outs():
    content = {
        "kind": "longitudinal",
        "participants": dict.fromkeys(PEOPLE),
        "contrasts": [["pre", "day1"], ["pre", "post"]],
        "followup": "day1",
        "sessions": {"pre": "1", "day1": "2", "post": "3"},
        "si": {"instrument": "SSI", "shape": "pre-post"},
    }
    table = found_of(tables_of(("pre", "day1", "post")), content)
    assert set(table["arm"]) == {"all"}
    scanned = table[table["comparison"] == "scanned"]
    assert dict(scanned.groupby("followup")["dropouts"].first()) == {"day1": 0, "post": 5}


def test_a_crossover_is_compared_at_the_session_before_both_drugs():
    content = {
        "kind": "crossover",
        "participants": dict.fromkeys(PEOPLE),
        "drugs": {"ketamine": "ketamine", "control": "saline"},
        "sequences": dict.fromkeys(PEOPLE, "ketamine-first"),
        "pre": "before",
        "baseline": "saline",
        "followup": "ketamine",
        "contrasts": [["saline", "ketamine"], ["before", "ketamine"]],
        "sessions": {"before": "1", "saline": "2", "ketamine": "3"},
        "si": {"instrument": "SSI", "shape": "pre-post"},
    }
    tables = tables_of(("before", "saline", "ketamine"))
    rows = rows_of(found_of(tables, content), "scanned", "all")
    own = tables["scores"].query("scale == 'si' and role == 'before' and item == 'total'")
    score = own.set_index("participant_id")["score"]
    assert rows.loc["SSI (SI)", "mean_dropouts"] == pytest.approx(score[GONE].mean())
    assert found_of(tables, {**content, "pre": None}).empty
    # who lacks the first drug's session did not come back either
    lost = (tables["quality"]["participant_id"] == "sub-01") & (
        tables["quality"]["role"] == "saline"
    )
    fewer = {**tables, "quality": tables["quality"][~lost]}
    assert set(rows_of(found_of(fewer, content), "scanned", "all")["dropouts"]) == {6}
