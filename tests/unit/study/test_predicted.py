"""Outcomes to be predicted, and the refusals of `plan`, all at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_design import design_of

from ketfc.study.config.config import Config, parse_config
from ketfc.study.design.design import Design
from ketfc.study.predicted import outcomes, prediction_problems, target_of, too_few
from ketfc.study.scores.response import clinical_rules, clinical_scores, compared_roles

# 11 on ketamine, of whom 4 respond; 5 on the control drug; two sites that are not sorted
BEFORE = [20, 18, 22, 16, 19, 21, 17, 20, 18, 22, 16, 20, 18, 22, 16, 19]
AFTER = [8, 17, 9, 15, 8, 20, 16, 9, 17, 21, 15, 20, 17, 21, 15, 18]
PEOPLE = [f"sub-{i:02d}" for i in range(16)]
ARM = {who: "ketamine" if i < 11 else "control" for i, who in enumerate(PEOPLE)}
SITE = {who: "b" if i in (0, 2, 4, 7, 12) else "a" for i, who in enumerate(PEOPLE)}
SI = {"instrument": "SSI", "column": "SSI"}


def config(si: Any = SI, depression: Any = None, **prediction: Any) -> Config:
    return parse_config(
        {
            "study": {
                "name": "t",
                "derivatives": "d",
                "sessions": {"pre": "a", "post": "b", "week": "c"},
                "covariates": {"age": "age", "site": "site"},
            },
            "scores": {"table": "t.tsv", "si": si, "depression": depression},
            "statistics": {"prediction": prediction},
        }
    )


def design(**content: Any) -> Design:
    fields = {
        "arms": {"ketamine": "ket", "control": "saline"},
        "participants": ARM,
        "si": {"instrument": "SSI"},
        "sessions": {"pre": "a", "post": "b", "week": "c"},
        "terms": {"blocks": "site", "values": {"site": SITE}},
        "covariates": {"site": "categorical"},
    }
    return design_of(fields | content)


def scores(after: list[float] = AFTER) -> pd.DataFrame:
    rows = [
        {"participant_id": who, "scale": "si", "instrument": "SSI", "item": "total", "role": role,
         "score": float(value), "hours": np.nan}
        for role, values in (("pre", BEFORE), ("post", after))
        for who, value in zip(PEOPLE, values, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def runs(role: str = "pre", people: list[str] = PEOPLE) -> pd.DataFrame:
    return pd.DataFrame({"participant_id": people, "role": role, "status": "ok"})


def told(asked: Config, of: Design | None = None, **tables: Any) -> dict[str, str]:
    tables = {"scores": scores(), "runs": runs()} | tables
    found = prediction_problems(asked, of or design(), tables["scores"], tables["runs"])
    assert all(one.severity == "error" for one in found)
    return {(one.field or "").removeprefix("statistics.prediction."): one.message for one in found}


def test_a_good_prediction_is_planned_without_a_problem() -> None:
    assert told(config()) == {}
    assert told(config(outcome="response", folds=4)) == {}
    assert told(config(arm="both", features=["circuits", "matrix"], models=["cpm"])) == {}


def test_the_ketamine_arm_alone_is_predicted_unless_both_are_asked_for() -> None:
    course = clinical_scores(scores(), clinical_rules(config().scores), compared_roles(design()))
    target = target_of(config(outcome="response").statistics.prediction, design())
    outcome, left_out = outcomes(course, design(), target)
    assert outcome.to_dict() == {who: float(i in (0, 2, 4, 7)) for i, who in enumerate(PEOPLE[:11])}
    assert left_out == {}
    target = target_of(config(arm="both").statistics.prediction, design())
    outcome, _ = outcomes(course, design(), target)
    assert outcome.tolist() == [b - a for a, b in zip(BEFORE, AFTER, strict=True)]


def test_who_has_no_outcome_is_left_out_with_the_reason() -> None:
    after = [np.nan, *AFTER[1:]]
    course = clinical_scores(scores(after), clinical_rules(config().scores),
                             compared_roles(design()))  # fmt: skip
    target = target_of(config().statistics.prediction, design())
    outcome, left_out = outcomes(course, design(), target)
    assert len(outcome) == 10
    assert left_out == {"sub-00": "no change in SSI at post"}


def test_everything_that_is_wrong_is_said_together() -> None:
    asked = config(**{"outcome": "response", "at": "never", "arm": "both", "site-folds": True})
    of = design(arms=None, pre=None, terms={}, si={"instrument": "SSI", "shape": "change"})
    found = told(asked, of)
    assert set(found) == {"outcome", "at", "arm", "site-folds"}
    assert found["outcome"] == "cannot be told from changes alone"
    assert found["arm"] == "the study does not have two arms"
    assert found["site-folds"] == "needs the covariate that names the sites"


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("wek", "is not a role of study.sessions"),
        ("pre", "is the session before treatment"),
        ("week", "nobody with images at pre has a change at week"),
    ],
)
def test_the_session_of_the_outcome_is_one_after_treatment_with_scores(
    at: str, message: str
) -> None:
    assert message in told(config(at=at))["at"]


def test_a_study_without_images_before_treatment_cannot_predict() -> None:
    found = told(config(), runs=runs("post"))
    assert "no usable run of session pre" in found["features"]


def test_a_rule_that_the_instrument_lacks_is_said() -> None:
    asked = config({"instrument": "OWN", "column": "x", "range": [0, 10]}, outcome="remission")
    of = design(si={"instrument": "OWN"})
    assert "has no rule of remission" in told(asked, of)["outcome"]


def test_small_classes_are_counted() -> None:
    found = told(config(outcome="response", folds=5))
    assert found["folds"] == "4 with response, 7 without; at least 5 of each are needed"
    assert told(config(folds=6))["folds"] == (
        "11 participants to be predicted, at least 12 are needed"
    )


def test_sites_are_folds_where_there_are_two_and_classes_remain() -> None:
    sites = {"site-folds": True}
    assert told(config(**sites)) == {}
    found = told(config(outcome="response", **sites))
    # all of site b respond, and nobody of site a; of both problems the last is kept here
    assert found["site-folds"] == "without b everybody has the same response"
    one = design(terms={"blocks": "site", "values": {"site": dict.fromkeys(PEOPLE, "a")}})
    assert "site has 1 label" in told(config(**sites), one)["site-folds"]


def test_without_a_score_there_is_no_outcome() -> None:
    asked = config(None, {"instrument": "MADRS", "column": "m"})
    found = told(asked, design(si=None))
    assert "no scale of suicidal ideation" in found["outcome"]


def test_a_constant_outcome_is_too_little() -> None:
    target = target_of(config().statistics.prediction, design())
    same = pd.Series(3.0, index=PEOPLE)
    assert too_few(same, target, folds=5) == "everybody has the same change"


def test_config_problems_name_the_key() -> None:
    from ketfc.base.errors import StudyError

    for asked, message in (
        ({"models": ["cpm"]}, "add matrix to features"),
        ({"clinical": ["weight"]}, "'weight' is not one of study.covariates"),
        ({"features": ["circuits", "circuits"]}, "names something twice"),
        ({"min-n": 20}, "at least 100"),
    ):
        with pytest.raises(StudyError) as caught:
            config(**asked)
        assert message in str(caught.value)
    about = config().statistics.prediction
    assert about is not None
    assert about.clinical_covariates({"Age": "x", "site": "s", "sex": "g"}) == ("Age", "sex")
    assert about.jobs == [("circuits", "ridge")]
