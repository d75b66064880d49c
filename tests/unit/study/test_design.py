"""The design that a config describes, and what its sentences may claim."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ketfc.study.config.config import parse_config
from ketfc.study.design.design import AFTER_FIRST, Design, Terms, read_design, write_design
from ketfc.study.design.detection import describe_design, design_problems

ARMS = {"column": "arm", "ketamine": "ket", "control": "midazolam"}
COLUMN, CHANGE = {"column": "SSI"}, {"change-column": "delta"}


SESSIONS = {"pre": "base", "post": "day1", "late": "day7"}


def design(
    arms: dict | None, si: dict, depression: dict | None = None, **keys: Any
) -> dict[str, Any]:
    """Return ``design.json`` of a study of three people, as it is read back."""
    study = {"name": "trial", "derivatives": "d", "sessions": SESSIONS, "arms": arms} | keys
    scores = {"table": "t.tsv", "si": {"instrument": "SSI"} | si, "depression": depression}
    config = parse_config(
        {
            "study": study,
            "scores": scores,
            "denoising": {"primary": "36P", "strategies": ["36P"]},
            "statistics": {"alpha": 0.01},
        }
    )
    people = {"sub-02": "control", "sub-01": "ketamine", "sub-03": None}
    return json.loads(json.dumps(describe_design(config, people)[0].to_json()))


def test_arms_make_a_parallel_design_with_their_labels() -> None:
    made = design(ARMS, COLUMN)
    assert made["kind"] == "parallel"
    assert made["arms"] == {"ketamine": "ket", "control": "midazolam"}
    assert made["control_tested"] is True
    assert "Difference between ket and midazolam" in made["estimand"]["change"]


def test_without_arms_the_design_is_single_arm_and_says_so() -> None:
    made = design(None, COLUMN, sessions={"pre": "base", "post": "day1"})
    assert (made["kind"], made["arms"], made["control_tested"]) == ("single-arm", None, False)
    assert "without a control arm" in made["estimand"]["change"]


def test_participants_are_sorted_and_keep_their_arms() -> None:
    people = design(ARMS, COLUMN)["participants"]
    assert list(people.items()) == [("sub-01", "ketamine"), ("sub-02", "control"), ("sub-03", None)]


def test_sessions_strategy_and_level_are_those_of_the_config() -> None:
    made = design(None, COLUMN)
    assert made["sessions"] == {"pre": "base", "post": "day1", "late": "day7"}
    assert (made["baseline"], made["followup"]) == ("pre", "post")
    assert (made["strategy"], made["alpha"], made["study"]) == ("36P", 0.01, "trial")


def test_scores_are_described_with_their_shape() -> None:
    madrs = {"instrument": "MADRS", "column": "M", "si-item": "M10"}
    made = design(None, CHANGE, madrs)
    assert made["si"] == {"instrument": "SSI", "shape": "change"}
    assert made["depression"] == {"instrument": "MADRS", "shape": "pre-post"}
    assert design(None, COLUMN)["depression"] is None


def test_change_scores_are_never_said_to_be_adjusted_for_a_baseline() -> None:
    for arms in (None, ARMS):
        assert "baseline SSI" not in design(arms, CHANGE)["estimand"]["association"]
        assert "baseline SSI" in design(arms, COLUMN)["estimand"]["association"]


@pytest.mark.parametrize(("arms", "si"), list(itertools.product((None, ARMS), (COLUMN, CHANGE))))
def test_no_sentence_claims_specificity_or_cause(arms: Any, si: Any) -> None:
    sentences = design(arms, si)["estimand"]
    assert set(sentences) == {"change", "association", "change-late"}
    for sentence in sentences.values():
        assert sentence.endswith(".")
        assert not any(word in sentence.lower() for word in ("specific", "cause", "predict"))
    assert "an association, not an effect" in sentences["association"]


ORDER = {"order": ["first", "second"], "ketamine": "d", "control": "p", "control-name": "saline"}
FOUR = {"pre": "b0", "post": "d2", "control": "p2", "late": "d10"}
TWO = {"pre": "b0", "post": "d2"}
GROUPS = {"column": "group", "patients": "MDD", "controls": "HC"}


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"sessions": TWO}, "single-arm"),
        ({"sessions": TWO, "arms": ARMS}, "parallel"),
        ({"sessions": FOUR}, "longitudinal"),
        ({"sessions": FOUR, "arms": ARMS}, "parallel"),
        ({"sessions": FOUR, "crossover": ORDER}, "crossover"),
        ({"sessions": TWO, "crossover": ORDER | {"control-session": "pre"}}, "crossover"),
        ({"sessions": FOUR, "design": "single-arm"}, "single-arm"),
    ],
)
def test_the_design_follows_from_sessions_arms_and_order(keys: Any, kind: str) -> None:
    others = {key: value for key, value in keys.items() if key != "arms"}
    made = design(keys.get("arms"), COLUMN, **others)
    assert made["kind"] == kind
    assert ("set by study.design" in made["detected"]) == ("design" in keys)
    assert made["control_tested"] == (kind in ("parallel", "crossover"))


TWO_DRUGS = pd.DataFrame({"visit_1": ["d", "p", None], "visit_2": ["p", "d", None]})


def found(keys: dict[str, Any], si: dict[str, str] = COLUMN) -> list[tuple[str | None, str]]:
    config = parse_config(
        {
            "study": {"name": "t", "derivatives": "d", "sessions": FOUR} | keys,
            "scores": {"table": "t.tsv", "si": {"instrument": "SSI"} | si},
        }
    )
    return [(p.field, p.message) for p in design_problems(config, TWO_DRUGS)]


@pytest.mark.parametrize(
    ("keys", "field", "message"),
    [
        ({"design": "parallel"}, "study.design", "needs study.arms"),
        ({"design": "crossover"}, "study.design", "needs study.crossover"),
        ({"design": "crossover", "arms": ARMS}, "study.design", "needs study.crossover"),
        ({"design": "single-arm", "arms": ARMS}, "study.design", "study.arms is given too"),
        ({"design": "longitudinal", "crossover": ORDER}, "study.design", "study.crossover is giv"),
        ({"design": "longitudinal", "sessions": TWO}, "study.design", "at least three roles"),
        ({"arms": ARMS, "crossover": ORDER}, "study.crossover", "study.arms is given too"),
        ({}, "study.design", "visit_1 and visit_2 hold d, p in both orders"),
        ({"arms": ARMS | {"control": "late"}}, "study.arms.control", "name of a follow-up"),
    ],
)
def test_a_design_that_contradicts_the_data_is_refused(keys: Any, field: str, message: str) -> None:
    ((where, what),) = found(keys)
    assert where == field
    assert message in what


@pytest.mark.parametrize(
    "keys",
    [{"arms": ARMS}, {"crossover": ORDER}, {"design": "longitudinal"}, {"design": "single-arm"}],
)
def test_a_design_that_is_said_and_fits_is_not_refused(keys: Any) -> None:
    assert found(keys) == []


@pytest.mark.parametrize(("question", "refused"), [("association", True), ("change", False)])
def test_an_association_needs_a_score(question: str, refused: bool) -> None:
    config = parse_config(
        {
            "study": {"name": "t", "derivatives": "d", "sessions": FOUR, "arms": ARMS},
            "scores": {
                "table": "t.tsv",
                "si": None,
                "depression": {"instrument": "MADRS"} | COLUMN,
            },
            "statistics": {"primary-question": question},
        }
    )
    found = design_problems(config, TWO_DRUGS)
    assert [each.field for each in found] == ["statistics.primary-question"] * refused


def test_changes_alone_cannot_be_those_of_a_crossover() -> None:
    ((field, message),) = found({"crossover": ORDER}, CHANGE)
    assert field == "scores.si.change-column"
    assert "which drug" in message


def test_a_crossover_compares_drugs_and_names_them() -> None:
    pairs = {"ketamine-session": ["post", "late"], "control-session": ["control", "control2"]}
    made = design(
        None, COLUMN, sessions=FOUR | {"control2": "p10"}, crossover=ORDER | pairs, groups=GROUPS
    )
    assert (made["baseline"], made["followup"], made["pre"]) == ("control", "post", "pre")
    assert made["contrasts"] == [["control", "post"], ["control2", "late"]]
    assert made["drugs"] == {"ketamine": "ketamine", "control": "saline"}
    assert made["sequences"] == dict.fromkeys(("sub-01", "sub-02", "sub-03"))
    assert list(made["estimand"]) == [
        "change", "association", "change-late", "change-first-period"
    ]  # fmt: skip
    assert made["estimand"]["change"] == (
        "Mean difference in Fisher z between ketamine (session d2) and saline (session p2) within "
        "participants, adjusted for period."
    )


def test_a_crossover_without_a_scan_before_the_drugs_has_no_first_period_test() -> None:
    made = design(None, COLUMN, sessions=TWO, crossover=ORDER | {"control-session": "pre"})
    assert made["pre"] is None
    assert list(made["estimand"]) == ["change", "association"]


def test_every_further_role_of_other_designs_is_a_follow_up() -> None:
    for arms in (None, ARMS):
        made = design(arms, COLUMN)
        assert made["contrasts"] == [["pre", "post"], ["pre", "late"]]
        assert "day7" in made["estimand"]["change-late"]


def test_words_that_a_design_cannot_carry_are_listed_and_not_used() -> None:
    alone = design(None, COLUMN)
    controlled = design(None, COLUMN, sessions=FOUR, crossover=ORDER, groups=GROUPS)
    assert "ketamine-specific" in alone["may_not_say"]
    assert "ketamine-specific" not in controlled["may_not_say"]
    assert "normalised" in controlled["may_not_say"]
    assert "normalised" not in alone["may_not_say"]
    for made in (alone, controlled, design(ARMS, COLUMN)):
        text = " ".join(made["estimand"].values())
        assert not [word for word in made["may_not_say"] if word in text]


def test_healthy_controls_are_in_the_study_but_in_no_contrast() -> None:
    made = design(None, COLUMN, sessions=TWO, groups=GROUPS)
    made["groups"]["participants"] = {"sub-01": "patients", "sub-02": "controls", "sub-03": None}
    assert len(made["participants"]) == 3
    grouped, everybody = Design.from_json(made), Design.from_json(made | {"groups": None})
    assert list(grouped.in_contrasts()) == ["sub-01"]
    assert grouped.healthy_controls() == ["sub-02"]
    assert len(everybody.in_contrasts()) == 3
    assert everybody.healthy_controls() == []


@pytest.mark.parametrize(
    ("arms", "keys"),
    [
        (ARMS, {}),
        (None, {"sessions": FOUR, "crossover": ORDER, "groups": GROUPS}),
        (None, {"sessions": TWO}),
    ],
)
def test_a_design_is_read_as_it_was_written(arms: Any, keys: Any, tmp_path: Path) -> None:
    first = Design.from_json(design(arms, CHANGE if arms else COLUMN, **keys))
    terms = Terms(("age", "site"), "site", {"age": {"sub-01": 40.5}, "site": {"sub-01": "B"}})
    made = replace(first, terms=terms, covariates={"age": "numeric"}, hours_since_dose={"pre": 1})
    write_design(tmp_path / "design.json", made)
    assert read_design(tmp_path / "design.json") == made


def test_a_kind_of_design_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="'cross-over' is not a valid Kind"):
        Design.from_json(design(None, COLUMN) | {"kind": "cross-over"})


def test_the_first_period_of_a_crossover_is_a_parallel_study() -> None:
    content = design(None, COLUMN, sessions=FOUR, crossover=ORDER)
    content["sequences"] = {"sub-01": "control-first", "sub-02": "ketamine-only", "sub-03": None}
    first = Design.from_json(content).first_period()
    assert first.between_arms
    assert (first.baseline, first.followup) == ("pre", AFTER_FIRST)
    assert first.arms == {"ketamine": "ketamine", "control": "saline"}
    assert first.participants == {"sub-01": "control", "sub-02": "ketamine", "sub-03": None}
    with pytest.raises(ValueError, match="crossover"):
        Design.from_json(design(ARMS, COLUMN)).first_period()
