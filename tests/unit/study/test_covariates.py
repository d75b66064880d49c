"""Covariates and strata: read as they are, missing ones said and never filled in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from made_scores import lines_of, plan_of

from ketfc.study.people.covariates import si_strata

SCORES = "participant_id SSI_ses-pre SSI_ses-post\n01 12 3\n02 9 4\n03 4 1\n"
PEOPLE = "participant_id age sex site CRP\n01 30 F 1 0.5\n02 n/a M 2 n/a\n03 61.5 n/a 1 n/a\n"
KNOWN = ("sub-01", "sub-02", "sub-03")


def planned(folder: Path, covariates: dict[str, str], people: str = PEOPLE, **more: Any):
    files = {"scores.tsv": more.pop("scores", SCORES), "participants.tsv": people}
    study = {"covariates": covariates, **more}
    return plan_of(folder, files, study=study, known=KNOWN)


def test_covariates_are_written_with_everybody(tmp_path: Path) -> None:
    covariates = {"age": "age", "sex": "sex", "site": "site", "crp": "CRP"}
    plan = planned(tmp_path, covariates, categorical=["site"])
    assert plan.usable
    assert list(plan.participants.columns) == [
        *("participant_id", "arm", "group", "enrolment_order"),
        *covariates,
    ]
    shown = plan.participants.astype(object).where(plan.participants.notna(), None)
    assert shown[["participant_id", *covariates]].to_numpy().tolist() == [
        ["sub-01", 30.0, "F", "1", 0.5],
        ["sub-02", None, "M", "2", None],
        ["sub-03", 61.5, None, "1", None],
    ]
    assert plan.design.covariates == {
        "age": "numeric",
        "sex": "categorical",
        "site": "categorical",
        "crp": "numeric",
    }


def test_who_lacks_a_covariate_is_said_with_counts(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"age": "age", "crp": "CRP"})
    assert lines_of(plan, "note") == [
        "note: participants.tsv: study.covariates.age = age: is missing in 1 of 3 participants "
        "(sub-02); it is not filled in",
        "note: participants.tsv: study.covariates.crp = CRP: is missing in 2 of 3 participants "
        "(sub-02, sub-03); it is not filled in",
    ]


def test_text_among_numbers_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"age": "age"}, PEOPLE.replace("61.5", "sixty"))
    assert lines_of(plan) == [
        "participants.tsv: sub-03: age = sixty: is not a number; if these are labels, name the "
        "covariate in study.categorical (allowed: a number or n/a)"
    ]


def test_a_missing_column_is_an_error_with_the_closest(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"age": "Ages"})
    (line,) = lines_of(plan)
    assert line.startswith("study.covariates.age = Ages: no table has such a column; did you mean")


def test_a_covariate_may_stand_in_the_rows_of_one_session(tmp_path: Path) -> None:
    scores = "participant_id session_id SSI CADSS\n01 pre 9 0\n01 post 1 33\n02 pre 9 1\n"
    scores += "02 post 2 n/a\n03 pre 5 0\n03 post 5 8\n"
    plan = planned(tmp_path, {"cadss": "CADSS_ses-post"}, scores=scores)
    assert plan.usable
    assert plan.participants["cadss"].fillna(-1).tolist() == [33, -1, 8]
    plan = planned(tmp_path, {"cadss": "CADSS"}, scores=scores)
    assert lines_of(plan)[0] == (
        "scores.tsv: sub-01: CADSS = 0, 33: differs between rows (lines 2, 3); for the rows of one "
        "session, name the column CADSS_ses-<label>"
    )


def test_nobody_is_left_out_of_the_participants(tmp_path: Path) -> None:
    people = PEOPLE.replace("03 61.5", "09 61.5")
    plan = planned(tmp_path, {"age": "age"}, people)
    assert plan.participants["participant_id"].tolist() == ["sub-01", "sub-02", "sub-03", "sub-09"]


def test_baseline_scores_make_strata(tmp_path: Path) -> None:
    values = [0, 3.5, 4, 9, 10, 38, None]
    people = [f"sub-{i}" for i in range(len(values))]
    rows = [(who, "pre", "si", "total", value) for who, value in zip(people, values, strict=True)]
    rows.append(("sub-0", "post", "si", "total", 38))
    columns = ["participant_id", "role", "scale", "item", "score"]
    scores = pd.DataFrame(rows, columns=columns)
    low, middle, high = "below 4", "4 to below 10", "10 or more"
    found = si_strata(scores, (4, 10), people)
    assert found.tolist() == [low, low, middle, middle, high, high, None]
    assert list(found.index) == people
    plan = plan_of(tmp_path, {"scores.tsv": SCORES}, scores={"si-strata": [10]}, known=KNOWN)
    assert plan.participants["si_stratum"].tolist() == ["10 or more", "below 10", "below 10"]


@pytest.mark.parametrize("name", ["arm", "group", "si_stratum", "participant_id"])
def test_the_plans_own_columns_are_no_covariates(tmp_path: Path, name: str) -> None:
    with pytest.raises(Exception, match=f"'{name}' is a column that the plan writes itself"):
        planned(tmp_path, {name: "age"})
