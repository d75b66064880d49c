"""Covariates, blocks and diagnoses in the plan, and participants who lack one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from made_scores import SCORES, STUDY, lines_of

from ketfc.base.errors import problems_table
from ketfc.inference.account.exclusions import all_exclusions
from ketfc.inference.account.reconcile import with_gaps
from ketfc.study.config.config import parse_config
from ketfc.study.design.design import Diagnoses, Terms
from ketfc.study.plan import Plan, make_plan
from ketfc.study.runs.index import Index

KNOWN = ("sub-01", "sub-02", "sub-03", "sub-04")
TABLE = "participant_id SSI_ses-pre SSI_ses-post\n01 12 3\n02 9 4\n03 4 1\n04 6 2\n"
PEOPLE = (
    "participant_id age sex site group dx\n01 30 F 1 P MDD\n02 n/a M 2 P BD2\n"
    "03 61.5 F n/a P ADHD\n04 n/a n/a n/a HC n/a\n"
)
COVARIATES = {"age": "age", "sex": "sex", "site": "site"}


def planned(
    folder: Path, people: str = PEOPLE, *, study: dict[str, Any] | None = None, **statistics: Any
) -> Plan:
    """Return the plan of four people, one of them a healthy control."""
    for name, text in {"scores.tsv": TABLE, "participants.tsv": people}.items():
        (folder / name).write_text(text.replace(" ", "\t"), encoding="utf-8")
    about = {"covariates": COVARIATES, "categorical": ["site"]} | (study or {})
    about |= {"groups": {"column": "group", "patients": "P", "controls": "HC"}}
    config = parse_config({"study": STUDY | about, "scores": SCORES, "statistics": statistics})
    return make_plan(config, Index(runs=(), participants=frozenset(KNOWN), problems=()), [folder])


def test_the_design_holds_the_covariates_that_tests_are_adjusted_for(tmp_path: Path) -> None:
    terms = planned(tmp_path, covariates=["age", "sex"], blocks="site").design.to_json()["terms"]
    assert terms == {
        "covariates": ("age", "sex"),
        "blocks": "site",
        "values": {
            "age": {"sub-01": 30.0, "sub-02": None, "sub-03": 61.5, "sub-04": None},
            "sex": {"sub-01": "F", "sub-02": "M", "sub-03": "F", "sub-04": None},
            "site": {"sub-01": "1", "sub-02": "2", "sub-03": None, "sub-04": None},
        },
        "diagnosis": None,
    }


def test_without_the_keys_nothing_is_adjusted_for(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert plan.design.terms == Terms()
    assert "given baseline SSI; an" in plan.design.estimand["association"]


def test_every_patient_who_lacks_one_has_a_line_and_no_healthy_control(tmp_path: Path) -> None:
    plan = planned(tmp_path, covariates=["age", "sex"], blocks="site")
    lost = [line for line in lines_of(plan, "excluded") if "statistics" in line]
    assert lost == [
        "excluded: config: sub-02: statistics.covariates = age: has no age, so is in no test that "
        "needs it",
        "excluded: config: sub-03: statistics.blocks = site: has no site, so is in no test that "
        "needs it",
    ]


def test_those_lines_explain_who_is_left_out_of_a_test(tmp_path: Path) -> None:
    plan = planned(tmp_path, covariates=["age"])
    left_out = pd.DataFrame(
        [("sub-02", "dmn", "association", "no age")],
        columns=["participant_id", "hypothesis", "test", "reason"],
    )
    known = all_exclusions(problems_table(plan.problems), pd.DataFrame(), left_out)
    nothing = {
        "runs": ["run", "participant_id", "session", "status"],
        "connectivity": ["participant_id", "session", "role", "strategy", "circuit", "measure",
                         "region_a", "region_b", "z"],
        "hypotheses": ["hypothesis", "test", "n", "n_excluded"],
    }  # fmt: skip
    tables = {name: pd.DataFrame(columns=columns) for name, columns in nothing.items()}
    told = with_gaps(known, design=plan.design, left_out=left_out, **tables)
    assert "check" not in set(told["stage"])
    unexplained = known[known["rule"] != "statistics.covariates"]
    told = with_gaps(unexplained, design=plan.design, left_out=left_out, **tables)
    assert told.iloc[-1]["reason"].startswith("left out of the tests of dmn (no age)")


def test_blocks_that_are_numbers_are_an_error_with_the_way_out(tmp_path: Path) -> None:
    plan = planned(tmp_path, study={"categorical": []}, blocks="site")
    assert lines_of(plan) == [
        "config: statistics.blocks = site: holds numbers; if these are labels, name the covariate "
        "in study.categorical"
    ]


def test_diagnoses_are_read_and_a_patient_with_neither_is_told(tmp_path: Path) -> None:
    diagnosis = {"column": "dx", "unipolar": "MDD", "bipolar": ["BD1", "BD2"]}
    people = PEOPLE.replace("01 30 F 1 P MDD", "01 30 F 1 P BD1") + "05 20 F 1 P MDD\n"
    plan = planned(tmp_path, people, study={"diagnosis": diagnosis})
    assert plan.design.terms.diagnosis == Diagnoses(
        unipolar=("MDD",),
        bipolar=("BD1", "BD2"),
        participants={
            "sub-01": "bipolar",
            "sub-02": "bipolar",
            "sub-03": None,
            "sub-04": None,
            "sub-05": "unipolar",
        },
    )
    assert [line for line in lines_of(plan, "excluded") if "diagnosis" in line] == [
        "excluded: config: sub-03: study.diagnosis: has neither diagnosis of the config, so is in "
        "no test that compares them"
    ]
    assert lines_of(plan) == []


def test_a_diagnosis_of_nobody_is_an_error(tmp_path: Path) -> None:
    diagnosis = {"column": "dx", "unipolar": "MDD", "bipolar": "BP"}
    plan = planned(tmp_path, study={"diagnosis": diagnosis})
    assert lines_of(plan) == [
        "participants.tsv: study.diagnosis.bipolar = BP: no participant has this label (allowed: "
        "ADHD, BD2, MDD)"
    ]


def test_the_estimands_name_what_is_adjusted_for(tmp_path: Path) -> None:
    arms = {"arms": {"column": "sex", "ketamine": "F", "control": "M"}}
    told = planned(tmp_path, study=arms, covariates=["site", "age"], blocks="site")
    estimand = told.design.estimand
    assert "adjusted for Fisher z at pre, age and site (ANCOVA)" in estimand["change"]
    assert "given baseline SSI, arm, age and site" in estimand["association"]
    one = planned(tmp_path, covariates=["age"]).design.estimand
    assert "age" not in one["change"]
    assert "given baseline SSI and age;" in one["association"]
