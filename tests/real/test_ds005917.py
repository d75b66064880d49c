"""A real crossover as its tables come: the counts, means and effects that are known of it."""

from __future__ import annotations

from collections import Counter

import pytest

from ketfc.inference.clinical.effects import clinical_effects
from ketfc.study.config.config import parse_config
from ketfc.study.plan import make_plan
from ketfc.study.runs.index import index_runs
from ketfc.study.scores.response import (
    clinical_rules,
    clinical_scores,
    clinical_summary,
    compared_roles,
)

SESSIONS = {"pre": "b0", "post": "d2", "d10": "d10", "p2": "p2", "p10": "p10"}


@pytest.fixture(scope="module")
def study(kit):
    folder = kit / "tables/ds005917"
    return folder, parse_config(
        {
            "study": {
                "name": "ds005917",
                "derivatives": str(folder),
                "sessions": SESSIONS,
                "crossover": {
                    "order": ["infusion_1", "infusion_2"],
                    "ketamine": "d",
                    "control": "p",
                    "control-session": "p2",
                },
                "groups": {"column": "group", "patients": ["MDD", "BP"], "controls": "HC"},
                "covariates": {"age": "age", "sex": "sex", "diagnosis": "group"},
            },
            "scores": {
                "table": "phenotype/*.tsv",
                "si": None,
                "depression": {"instrument": "MADRS", "column": "MADRS_Total"},
            },
        }
    )


@pytest.fixture(scope="module")
def plan(study):
    folder, config = study
    return make_plan(config, index_runs(config.study, [folder]), [folder])


@pytest.fixture(scope="module")
def summary(study, plan):
    rules = clinical_rules(study[1].scores)
    course = clinical_scores(plan.scores, rules, compared_roles(plan.design))
    people = plan.participants.assign(group=plan.participants["diagnosis"])
    return clinical_summary(plan.scores, course, people, rules, plan.design)


def test_everything_but_the_images_is_there_and_the_plan_says_so(plan) -> None:
    errors = [problem for problem in plan.problems if problem.severity == "error"]
    assert [(p.field, "is a raw BIDS dataset" in p.message) for p in errors] == [
        ("study.derivatives", True)
    ]
    assert plan.design.kind == "crossover"
    assert Counter(plan.design.sequences.values()) == {
        "ketamine-first": 23,
        "control-first": 22,
        "ketamine-only": 5,
        "control-only": 2,
        None: 6,
    }
    assert plan.participants["group"].value_counts().to_dict() == {"patients": 36, "controls": 22}
    assert len(plan.participants) == 58
    assert plan.participants["diagnosis"].value_counts().to_dict() == {"MDD": 33, "HC": 22, "BP": 3}
    assert len(plan.scores) == 58 * 5


def test_only_totals_are_given_and_the_plan_warns_of_it(plan) -> None:
    (warning,) = [p for p in plan.problems if p.field == "scores.depression.si-item"]
    assert warning.message.startswith("totals only: MADRS contains a suicide item (item 10)")
    assert set(plan.scores["item"]) == {"total"}


def test_who_lacks_what_is_listed_and_nobody_else(plan) -> None:
    known = plan.scores[plan.scores["score"].notna()]
    there = set(zip(known["participant_id"], known["role"], strict=True))
    absent = {(p, r) for p in plan.participants["participant_id"] for r in SESSIONS} - there
    roles = {label: role for role, label in SESSIONS.items()}
    said = [
        (p.participant_id, roles[str(p.session)])
        for p in plan.problems
        if p.message == "the score is missing"
    ]
    assert set(said) == absent
    assert len(said) == len(absent) == 64
    # a row of the published table has neither session nor score
    (row,) = [p for p in plan.problems if p.field == "session_id"]
    assert (row.severity, row.participant_id) == ("note", "sub-MOA323")
    covariates = {p.field: p.message for p in plan.problems if "covariates" in str(p.field)}
    lacking = "is missing in 2 of 58 participants (sub-MOA117, sub-MOA323); it is not filled in"
    assert covariates == {f"study.covariates.{name}": lacking for name in ("age", "sex")}


def change(summary, reference: str, role: str):
    rows = summary[
        (summary["level"] == "MDD")
        & (summary["reference"] == reference)
        & (summary["role"] == role)
    ]
    (row,) = rows.to_dict("records")
    return row


def test_two_days_after_ketamine_scores_are_lower_than_before(summary) -> None:
    row = change(summary, "pre", "post")
    assert (row["n"], row["df"]) == (27, 26)
    assert (round(row["mean"], 2), round(row["t"], 2)) == (-9.22, -4.61)
    assert (row["n_response"], row["of_response"]) == (6, 27)


def test_two_days_after_ketamine_scores_are_lower_than_after_placebo(summary) -> None:
    row = change(summary, "p2", "post")
    assert row["n"] == 24
    assert [round(row[name], 2) for name in ("mean", "sd", "dz")] == [-6.75, 9.54, -0.71]


def test_drugs_are_compared_at_equal_period_in_patients_alone(study, plan) -> None:
    rules = clinical_rules(study[1].scores)
    course = clinical_scores(plan.scores, rules, compared_roles(plan.design))
    about = {"seed": 1, "permutations": 199, "alpha": 0.05}
    table = clinical_effects(plan.scores, course, plan.participants, plan.design, **about)
    drugs = table[table["contrast"] == "between drugs"]
    (row,) = drugs[drugs["outcome"] == "score"].to_dict("records")
    # by hand: the mean of the two orders' mean differences, each of half the weight
    patients = plan.participants.set_index("participant_id")["group"] == "patients"
    scores = plan.scores.pivot_table(index="participant_id", columns="role", values="score")
    difference = (scores["post"] - scores["p2"])[lambda d: patients[d.index]].dropna()
    order = difference.index.map(plan.design.sequences)
    means = difference.groupby(order).mean()
    assert list(means.index) == ["control-first", "ketamine-first"]
    assert row["n"] == len(difference) == 26
    # the others of 36 patients: who had one drug alone, in no known order, or lacks a score
    assert set(drugs["n"] + drugs["n_missing"]) == {36}
    assert set(drugs["n_missing"]) == {10}
    assert row["estimate"] == pytest.approx(means.mean())
    (risk,) = drugs[
        drugs["effect"].eq("risk difference") & drugs["outcome"].eq("response")
    ].to_dict("records")
    # four responded to ketamine alone and nobody to placebo alone: 2 / 2^4
    assert (risk["only_ketamine"], risk["only_control"], risk["p"]) == (4, 0, 0.125)
    within = table[table["contrast"] == "within arm"].set_index("role")
    assert within.loc["post", "n"] == 29


def test_healthy_controls_sit_at_the_floor(summary) -> None:
    rows = summary[(summary["level"] == "HC") & summary["reference"].isna()]
    assert (rows["flags"] == "floor").all()
