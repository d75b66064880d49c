"""The whole table: rows, flags, sums that must agree, traps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_hypotheses import CIRCUITS, COLUMNS, SETTINGS, Circuit, Study, hypotheses_table, study

from ketfc.base.files import read_tsv, write_tsv
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.design.circuit_tests import incomplete_participants

NUMBERS = [
    "estimate",
    "ci_low",
    "ci_high",
    "effect_size",
    "statistic",
    "p_permutation",
    "p_parametric",
    "p_holm",
]


def is_mean(table: pd.DataFrame, who: str, role: str) -> pd.Series:
    return (table["participant_id"] == who) & (table["role"] == role) & (table["measure"] == "mean")


def is_si(table: pd.DataFrame, who: str, role: str) -> pd.Series:
    return (table["participant_id"] == who) & (table["role"] == role) & (table["scale"] == "si")


def incomplete_study(**kinds: Any) -> Study:
    """One of each: no post session, connectivity excluded, no score, no arm."""
    made = study(**kinds)
    made.connectivity = made.connectivity[
        ~(made.connectivity["participant_id"].eq("sub-01") & made.connectivity["role"].eq("post"))
    ]
    made.connectivity.loc[is_mean(made.connectivity, "sub-02", "pre"), "z"] = np.nan
    made.scores.loc[is_si(made.scores, "sub-03", "post"), "score"] = np.nan
    if made.content["arms"]:
        made.content["participants"]["sub-04"] = None
    return made


def test_two_arms_have_six_rows_per_circuit_and_two_of_moderation_in_the_columns_of_the_contract():
    table = study().test()
    assert tuple(table.columns) == COLUMNS
    tests = [
        *("change", "association", "change-ketamine", "change-midazolam"),
        *("association-ketamine", "association-midazolam"),
    ]
    moderation = table["family"] == "moderation"
    told = table.loc[moderation, ["hypothesis", "test"]].to_numpy().tolist()
    of_primary = ["drug-by-change", "drug-by-baseline-score"]
    assert told == [[c.id, test] for c in CIRCUITS if c.primary for test in of_primary]
    table = table[~moderation & (table["family"] != "baseline-connectivity")]
    assert table["test"].tolist() == tests * 3
    assert table["hypothesis"].tolist() == [c.id for c in CIRCUITS for _ in tests]
    first, last = table["family"].tolist()[:6], table["family"].tolist()[-6:]
    rest = ["descriptive", "descriptive", "secondary", "secondary"]
    assert first == ["primary-change", "primary-association", *rest]
    assert last == ["secondary", "secondary", *rest]
    assert table.loc[table["test"] == "change", "estimand"].unique() == ["The change."]


def test_one_arm_has_two_rows_per_circuit():
    table = study(arms=False).test()
    table = table[table["family"] != "baseline-connectivity"]
    assert table["test"].tolist() == ["change", "association"] * 3
    changes = table.loc[table["test"] == "change"]
    assert (changes["effect_size_type"] == "dz (Hedges g)").all()
    assert changes["verdict"].str.contains("no control arm").all()


@pytest.mark.parametrize("arms", [True, False])
def test_what_was_planted_is_found_and_the_rest_is_not(arms):
    made = study(arms=arms, planted=True)
    table = made.test().set_index(["hypothesis", "test"])
    for test, sign in (("change", 1), ("association", -1)):
        found = table.loc[("sgacc-rlpfc", test)]
        assert found["p_holm"] < 0.05
        assert np.sign(found[["estimate", "ci_low", "ci_high"]].astype(float)).eq(sign).all()
        assert table.loc[("dmn", test), "p_holm"] > 0.05
        assert "no evidence" in table.loc[("dmn", test), "verdict"]


def test_numbers_come_from_the_mean_rows_of_the_chosen_strategy():
    made = study(arms=False)
    mean = made.connectivity[
        made.connectivity["measure"].eq("mean")
        & made.connectivity["circuit"].eq("dmn")
        & made.connectivity["strategy"].eq("acompcor")
    ].pivot_table(index="participant_id", columns="role", values="z")
    expected = (mean["post"] - mean["pre"]).mean()
    assert made.row("dmn", "change")["estimate"] == pytest.approx(expected)
    other = made.test(strategy="36P").set_index(["hypothesis", "test"])
    assert other.loc[("dmn", "change"), "estimate"] == pytest.approx(expected + 1)


def test_holm_counts_the_tests_of_one_family():
    from statsmodels.stats.multitest import multipletests

    table = study(planted=True).test()
    for family in ("primary-change", "primary-association", "secondary"):
        rows = table[table["family"] == family]
        expected = multipletests(rows["p_permutation"], method="holm")[1]
        assert rows["p_holm"].tolist() == pytest.approx(expected.tolist())
    described = table[table["family"] == "descriptive"]
    assert described[["p_permutation", "p_parametric", "p_holm", "statistic"]].isna().all(axis=None)
    assert described[["estimate", "ci_low", "ci_high"]].notna().all(axis=None)


def test_nobody_vanishes():
    made = incomplete_study()
    table, left_out = made.test(), made.incomplete()
    planned = {"ketamine": 0, "midazolam": 0}
    for role in made.content["participants"].values():
        if role:
            planned[made.content["arms"][role]] += 1
    for row in table.itertuples():
        everybody = row.family in ("moderation", "baseline-connectivity")
        arm = "" if everybody else row.test.partition("-")[2]
        listed = left_out[
            (left_out["hypothesis"] == row.hypothesis) & (left_out["test"] == row.test)
        ]
        assert listed["participant_id"].is_unique
        assert len(listed) == row.n_excluded
        assert row.n + row.n_excluded == (planned[arm] if arm else 16)


def test_everybody_left_out_has_a_reason():
    reasons = incomplete_study().incomplete()
    dmn = reasons[reasons["hypothesis"] == "dmn"].set_index(["test", "participant_id"])["reason"]
    assert dmn["change"].to_dict() == {
        "sub-01": "no connectivity at post",
        "sub-02": "connectivity excluded at pre",
        "sub-04": "no arm",
    }
    assert dmn["association"].to_dict() == {
        **dmn["change"].to_dict(),
        "sub-03": "no SSI score at post",
    }
    assert dmn["association-ketamine"].to_dict() == {
        "sub-01": "no connectivity at post",
        "sub-03": "no SSI score at post",
    }


def test_several_reasons_of_one_participant_stand_together():
    made = incomplete_study(arms=False)
    made.scores = made.scores[~is_si(made.scores, "sub-01", "pre")]
    reasons = made.incomplete().set_index(["hypothesis", "test", "participant_id"])["reason"]
    assert reasons["dmn", "association", "sub-01"] == "no connectivity at post; no SSI score at pre"


def test_an_infinite_z_is_no_number():
    made = study(arms=False)
    made.connectivity.loc[is_mean(made.connectivity, "sub-05", "post"), "z"] = np.inf
    row = made.row("dmn", "change")
    assert (row["n"], row["n_excluded"]) == (15, 1)
    assert np.isfinite(row["estimate"])


@pytest.mark.parametrize("kinds", [{}, {"arms": False}, {"shape": "change"}])
def test_the_order_of_rows_does_not_matter(kinds, tmp_path):
    made = incomplete_study(**kinds)
    write_tsv(tmp_path / "one.tsv", made.test())
    turned = Study(
        made.connectivity.sample(frac=1, random_state=1),
        made.scores.sample(frac=1, random_state=2),
        {
            **made.content,
            "participants": dict(reversed(list(made.content["participants"].items()))),
        },
    )
    write_tsv(tmp_path / "two.tsv", turned.test())
    assert (tmp_path / "one.tsv").read_bytes() == (tmp_path / "two.tsv").read_bytes()
    pd.testing.assert_frame_equal(made.incomplete(), turned.incomplete())


def test_a_test_does_not_depend_on_which_others_are_made():
    made = study()
    alone = hypotheses_table(made.connectivity, made.scores, made.design, CIRCUITS[1:2], **SETTINGS)
    among = made.test()
    among = among[among["hypothesis"] == "dmn"]
    assert alone["p_permutation"].tolist() == pytest.approx(
        among["p_permutation"].tolist(), nan_ok=True
    )


def test_circuits_with_the_same_numbers_have_streams_of_their_own():
    made = study()
    means = made.connectivity["measure"] == "mean"
    first = made.connectivity.loc[means & (made.connectivity["circuit"] == "dmn"), "z"]
    second = means & (made.connectivity["circuit"] == "dmn-salience")
    made.connectivity.loc[second, "z"] = first.to_numpy()
    one, two = made.row("dmn", "change"), made.row("dmn-salience", "change")
    assert one["estimate"] == two["estimate"]
    assert one["p_permutation"] != two["p_permutation"]


def test_the_seed_changes_p_a_little_and_nothing_else():
    made = study(24)
    one, two = made.test(), made.test(seed=2)
    assert one["p_permutation"].dropna().tolist() != two["p_permutation"].dropna().tolist()
    assert (one["p_permutation"] - two["p_permutation"]).abs().max() < 0.15
    assert one["estimate"].tolist() == two["estimate"].tolist()


def test_tables_read_back_as_text_give_the_same(tmp_path):
    made = incomplete_study()
    write_tsv(tmp_path / "connectivity.tsv", made.connectivity, digits=17)
    write_tsv(tmp_path / "scores.tsv", made.scores, digits=17)
    again = Study(
        read_tsv(tmp_path / "connectivity.tsv"), read_tsv(tmp_path / "scores.tsv"), made.content
    )
    pd.testing.assert_frame_equal(made.test(), again.test())


def test_change_scores_are_used_without_a_baseline_and_flagged():
    made = study(shape="change", planted=True)
    row = made.row("sgacc-rlpfc", "association")
    assert "no-baseline-score" in row["flags"].split(";")
    assert "SSI fell more, given arm" in row["verdict"]
    assert "no-baseline-score" not in study().row("dmn", "association")["flags"]


def test_a_study_without_si_scores_says_so():
    made = study()
    made.content["si"] = None
    row = made.row("dmn", "association")
    assert row["flags"] == "no-scores"
    assert (row["n"], row["n_excluded"]) == (0, 16)
    reasons = made.incomplete()
    reasons = reasons[reasons["test"] == "association"]["reason"]
    assert reasons.unique().tolist() == ["the study has no SI score"]
    assert made.row("dmn", "change")["n"] == 16


@pytest.mark.parametrize("size", [12, 48])
def test_what_was_not_preregistered_is_exploratory_whatever_its_size(size):
    made = study(size)
    assert "exploratory" in made.row("dmn", "change")["flags"].split(";")
    made.content["preregistered"] = True
    assert pd.isna(made.row("dmn", "change")["flags"])


def keep(made: Study, people: list[str]) -> None:
    for attribute in ("connectivity", "scores"):
        table = getattr(made, attribute)
        setattr(made, attribute, table[table["participant_id"].isin(people)])


def no_control(made: Study) -> None:
    keep(made, [who for who, arm in made.content["participants"].items() if arm == "ketamine"])


def one_control(made: Study) -> None:
    ketamine = [who for who, arm in made.content["participants"].items() if arm == "ketamine"]
    keep(made, [*ketamine, "sub-02"])


def three_people(made: Study) -> None:
    keep(made, ["sub-01", "sub-02", "sub-03"])


def nobody(made: Study) -> None:
    keep(made, [])


def same_connectivity(made: Study) -> None:
    made.connectivity["z"] = 0.3


def constant_change(made: Study) -> None:
    made.connectivity["z"] = np.where(made.connectivity["role"] == "pre", 0.1, 0.4)


def nobody_ideates_after(made: Study) -> None:
    made.scores.loc[made.scores["role"] == "post", "score"] = 0


def nobody_moves(made: Study) -> None:
    before = made.scores[made.scores["role"] == "pre"].set_index(["participant_id", "scale"])
    keys = pd.MultiIndex.from_frame(made.scores[["participant_id", "scale"]])
    made.scores["score"] = before["score"].reindex(keys).to_numpy()


def score_is_arm(made: Study) -> None:
    arm = made.scores["participant_id"].map(made.content["participants"])
    made.scores.loc[made.scores["role"] == "pre", "score"] = np.where(
        arm[made.scores["role"] == "pre"] == "control", 5, 9
    )


@pytest.mark.parametrize(
    ("spoil", "test", "flag"),
    [
        (no_control, "change", "arm-empty"),
        (no_control, "association", "arm-empty"),
        (no_control, "association-midazolam", "too-few"),
        (no_control, "change-midazolam", "too-few"),
        (one_control, "change", "too-few"),
        (three_people, "association", "too-few"),
        (nobody, "change", "arm-empty"),
        (same_connectivity, "change", "constant"),
        (same_connectivity, "change-ketamine", "constant"),
        (constant_change, "association", "constant"),
        (nobody_ideates_after, "association", "constant"),
        (nobody_moves, "association", "constant"),
        (score_is_arm, "association", "collinear"),
    ],
)
def test_traps_end_in_a_row_with_a_flag_and_without_numbers(spoil, test, flag):
    made = study()
    spoil(made)
    row = made.row("dmn", test)
    assert row["flags"] == flag
    assert row[NUMBERS].isna().all()
    assert pd.isna(row["permutations"])
    assert "no result, because" in row["verdict"]
    assert row["n"] + row["n_excluded"] == (8 if "-" in test else 16)


def test_a_trap_in_one_circuit_leaves_the_others_alone():
    made = study()
    clean = made.test().set_index(["hypothesis", "test"])["p_permutation"]
    made.connectivity.loc[made.connectivity["circuit"] == "dmn", "z"] = 0.3
    spoilt = made.test().set_index(["hypothesis", "test"])
    assert np.isnan(spoilt.loc[("dmn", "change"), "p_permutation"])
    kept = ("sgacc-rlpfc", "change")
    assert spoilt.loc[kept, "p_permutation"] == clean[kept]
    assert spoilt.loc[kept, "p_holm"] == clean[kept], "one test left in the family"


def test_a_small_arm_is_flagged_and_tested_all_the_same():
    made = study()
    keep(made, [*(f"sub-{i:02d}" for i in range(1, 16, 2)), "sub-02", "sub-04"])
    row = made.row("dmn", "change")
    assert "small-arm" in row["flags"].split(";")
    assert 0 < row["p_permutation"] <= 1


def test_three_people_in_one_arm_get_their_exact_p_and_its_limits():
    made = study(3, arms=False)
    row = made.row("dmn", "change")
    assert row["flags"].split(";")[:2] == ["exhaustive", "p-floor"]
    assert row["permutations"] == 8
    assert row["p_permutation"] >= 0.25


@pytest.mark.parametrize("arms", [False, True])
def test_interval_and_permutation_p_agree(arms):
    for seed in range(4):
        table = study(14, arms=arms, planted=True, seed=seed).test()
        tested = table[table["p_permutation"].notna()]
        excludes_zero = (tested["ci_low"] > 0) | (tested["ci_high"] < 0)
        agrees = excludes_zero == (tested["p_permutation"] <= 0.05)
        # the interval of a rank correlation is by its standard error
        near = tested["test"].str.startswith("association") & tested["p_permutation"].between(
            0.03, 0.07
        )
        assert (agrees | near).all()
        disagrees = tested["flags"].str.contains("interval-disagrees")
        assert disagrees.tolist() == (~agrees).tolist()


def test_where_nothing_can_be_rejected_there_is_no_interval_and_this_is_said():
    made = study(4, arms=False)
    made.connectivity.loc[made.connectivity["role"] == "post", "z"] += 2
    row = made.row("dmn", "change")
    assert row["p_permutation"] == 2 / 2**4
    assert np.isnan([row["ci_low"], row["ci_high"]]).all()
    # two circuits are primary: the smallest p would have to be below .025
    assert np.isnan([row["ci_holm_low"], row["ci_holm_high"]]).all()
    assert "no 97.5 % CI" in row["verdict"]
    assert "p-floor" in row["flags"].split(";")


def test_an_interval_that_disagrees_with_the_permutation_p_is_flagged(monkeypatch):
    """p need not fall with the distance from an estimate, so that an interval may hold too much."""
    made = study(12, arms=False)
    found = Evidence(estimate=0.1, ci_low=-0.01, ci_high=0.2, p_permutation=0.04, permutations=199)
    monkeypatch.setattr("ketfc.inference.hypotheses.evidence_of", lambda *_, **__: found)
    assert "interval-disagrees" in made.row("dmn", "change")["flags"].split(";")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: made.content["participants"].pop("sub-03"), "outside the plan: sub-03"),
        (lambda made: made.content.update(kind="factorial"), "factorial"),
        (
            lambda made: setattr(made, "scores", pd.concat([made.scores, made.scores.head(1)])),
            "two values of the SI score at pre for sub-01",
        ),
        (
            lambda made: made.connectivity.update({"strategy": pd.Series("24P", range(1000))}),
            "no connectivity of strategy 'acompcor', only 24P",
        ),
    ],
)
def test_tables_that_contradict_the_design_are_an_error(change, message):
    made = study()
    change(made)
    with pytest.raises(ValueError, match=message):
        made.test()


# -- preregistered directions and other definitions ------------------------------------------------

URL = "https://osf.io/abcde"


def hypotheses_of(study: Study, *circuits: Circuit) -> pd.DataFrame:
    table = hypotheses_table(study.connectivity, study.scores, study.design, circuits, **SETTINGS)
    return table.set_index(["hypothesis", "test"])


def test_a_preregistered_change_alone_is_one_sided_and_says_so():
    parallel = study()
    plain = hypotheses_of(parallel, *CIRCUITS)
    first = replace(CIRCUITS[0], direction="+", registration=URL)
    table = hypotheses_of(parallel, first, *CIRCUITS[1:])
    row, two = table.loc[(first.id, "change")], plain.loc[(first.id, "change")]
    assert "one-sided" in row["flags"].split(";")
    assert URL in row["estimand"]
    assert f"as preregistered ({URL})" in row["verdict"]
    assert row["p_parametric"] == pytest.approx(
        two["p_parametric"] / 2 if two["statistic"] > 0 else 1 - two["p_parametric"] / 2
    )
    assert (row["ci_low"], row["ci_high"]) == (two["ci_low"], two["ci_high"])
    # nothing else knows of it, but for the correction in its own family
    others = [key for key in table.index if key != (first.id, "change")]
    columns = [name for name in table.columns if name not in ("p_holm", "verdict")]
    pd.testing.assert_frame_equal(table.loc[others, columns], plain.loc[others, columns])
    assert not table.loc[others, "flags"].fillna("").str.contains("one-sided").any()


def test_other_definitions_are_in_no_correction_and_change_none():
    parallel = study()
    more = parallel.connectivity[parallel.connectivity["circuit"] == CIRCUITS[0].id]
    variant = Circuit(f"{CIRCUITS[0].id}.a-X", "variant", False, variant_of=CIRCUITS[0].id)
    both = replace(
        parallel,
        connectivity=pd.concat([parallel.connectivity, more.assign(circuit=variant.id)]),
    )
    plain, table = hypotheses_of(parallel, *CIRCUITS), hypotheses_of(both, *CIRCUITS, variant)
    own = table[table["family"] == "sensitivity"]
    assert own.index.tolist() == [(variant.id, "change"), (variant.id, "association")]
    assert own["p_holm"].isna().all()
    assert own["p_permutation"].notna().all()
    assert own["verdict"].str.contains("uncorrected").all()
    assert own["verdict"].str.contains("for sensitivity alone").all()
    pd.testing.assert_frame_equal(table.drop(index=variant.id, level=0), plain)
    # the same numbers as the circuit's own test, for they are the same series
    main = table.loc[[(CIRCUITS[0].id, test) for test in ("change", "association")]]
    assert own["estimate"].tolist() == main["estimate"].tolist()
    left_out = incomplete_participants(
        both.connectivity,
        both.scores,
        both.design,
        [*CIRCUITS, variant],
        strategy=SETTINGS["strategy"],
    )
    per_test = left_out[left_out["hypothesis"] == variant.id].groupby("test").size()
    assert {test: per_test.get(test, 0) for test in ("change", "association")} == own.droplevel(0)[
        "n_excluded"
    ].to_dict()
