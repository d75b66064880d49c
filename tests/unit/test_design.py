"""The design that a config describes, and what its sentences may claim."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ketfc.study.config import parse_config
from ketfc.study.design import describe_design

ARMS = {"column": "arm", "ketamine": "ket", "control": "midazolam"}
COLUMN, CHANGE = {"column": "SSI"}, {"change-column": "delta"}


SESSIONS = {"pre": "base", "post": "day1", "late": "day7"}


def design(
    arms: dict | None, si: dict, depression: dict | None = None, **keys: Any
) -> dict[str, Any]:
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
    return describe_design(config, {"sub-02": "control", "sub-01": "ketamine", "sub-03": None})


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
