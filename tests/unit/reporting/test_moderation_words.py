"""Sentences of report, methods and figures on covariates, blocks and moderation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import made_tables
import numpy as np
import pytest
from made_design import design_of

from ketfc.reporting.figures.association import draw_association
from ketfc.reporting.tables import results
from ketfc.reporting.text.beside.robustness import robustness_methods
from ketfc.reporting.text.captions import figure_caption
from ketfc.reporting.text.moderation import (
    adjustment_methods,
    baseline_methods,
    baseline_questions,
    moderation_methods,
    moderation_questions,
    moderation_table,
)
from ketfc.reporting.text.references import cited
from ketfc.reporting.words import number


def with_terms(made: made_tables.Made, *, blocks: str | None = None) -> made_tables.Made:
    """Give a study ages, sites and diagnoses, and test it again."""
    people = list(made.content["participants"])
    ages = np.random.default_rng(7).normal(40, 9, len(people)).round(1)
    values = {
        "age": dict(zip(people, ages.tolist(), strict=True)),
        "site": {who: "AB"[i // 2 % 2] for i, who in enumerate(people)},
    }
    diagnosed = {who: ("unipolar", "bipolar")[i // 4 % 2] for i, who in enumerate(people)}
    terms: dict[str, Any] = {
        "covariates": ["age"] if blocks else ["age", "site"],
        "blocks": blocks,
        "values": values,
        "diagnosis": {"unipolar": ["MDD"], "bipolar": ["BD"], "participants": diagnosed},
    }
    kinds = {"age": "numeric", "site": "categorical"}
    content = {**made.content, "covariates": kinds, "terms": terms}
    design = design_of(content)
    hypotheses, incomplete = made_tables._hypotheses(made.connectivity, made.scores, design)
    checks = made_tables._robustness(made.connectivity, made.scores, design)
    return replace(
        made, content=content, hypotheses=hypotheses, incomplete=incomplete, robustness=checks
    )


@pytest.fixture(scope="module")
def adjusted() -> made_tables.Made:
    return with_terms(made_tables.two_arms(size=24), blocks="site")


@pytest.fixture(scope="module")
def single() -> made_tables.Made:
    return made_tables.one_arm()


def test_moderation_has_a_table_of_its_own_and_is_in_no_other(adjusted):
    own = moderation_table(adjusted.hypotheses, adjusted.robustness)
    tests = ["drug-by-change", "drug-by-baseline-score", "change-by-diagnosis"]
    assert [row[1] for row in own.rows] == [*tests, "diagnosis-by-change"] * 5
    for primary in (True, False):
        shown = {row[1] for row in results(adjusted.hypotheses, primary=primary).rows}
        assert not shown & {row[1] for row in own.rows}
    small = [row for row in own.rows if row[1] == "change-by-diagnosis"]
    assert {row[2] for row in small} == {"n/a"}
    correlations = own.columns.index("partial r by ranks")
    assert {row[correlations] for row in small} == {"n/a"}
    ranked = adjusted.robustness.set_index(["hypothesis", "test", "method"])["effect_size"]
    first = own.rows[0]
    shown = ranked["sgacc-rlpfc", first[1], "ranks"]
    assert first[correlations] == number(shown, signed=True) != "n/a"
    assert all(row[-1].startswith("small-cell: ketamine unipolar") for row in small)
    assert len(moderation_questions(adjusted.hypotheses)) == 4


def test_the_methods_say_which_models_were_ranked(adjusted, single):
    (text,) = robustness_methods(adjusted.robustness, 0.1)
    assert "the models of change, moderation and arm by baseline connectivity on ranks" in text
    (text,) = robustness_methods(made_tables.two_arms().robustness, 0.1)
    assert "the models of change on ranks" in text
    (text,) = robustness_methods(single.robustness, 0.1)
    assert "on ranks" not in text
    assert "adjustment of the association for connectivity at baseline" in text


def test_baseline_connectivity_has_a_table_of_its_own_and_is_in_no_other(adjusted, single):
    own = moderation_table(adjusted.hypotheses, adjusted.robustness, family="baseline-connectivity")
    tests = ["baseline-prognostic", "baseline-prescriptive"]
    assert [row[1] for row in own.rows] == tests * 5
    others = [results(adjusted.hypotheses, primary=primary) for primary in (True, False)]
    others.append(moderation_table(adjusted.hypotheses, adjusted.robustness))
    assert not {row[1] for table in others for row in table.rows} & set(tests)
    # of interactions alone there is a correlation by ranks beside the values
    by_ranks = own.columns.index("partial r by ranks")
    assert [row[by_ranks] == "n/a" for row in own.rows[:2]] == [True, False]
    assert baseline_questions(adjusted.hypotheses)[1].startswith("baseline-prescriptive: whether")
    assert [text.partition(":")[0] for text in baseline_questions(single.hypotheses)] == tests[:1]


def test_the_methods_say_what_was_asked_of_baseline_connectivity(adjusted, single):
    (text,) = baseline_methods(adjusted.hypotheses, adjusted.design)
    assert "whether the score after treatment is associated with connectivity before it" in text
    assert "and whether that differs between the arms" in text
    assert "the product of arm and connectivity at baseline" in text
    assert "within it, and exploratory. With fewer than 10 complete participants" in text
    assert "predict" not in text
    (text,) = baseline_methods(single.hypotheses, replace(single.design, preregistered=True))
    assert "between the arms" not in text
    assert "product" not in text
    assert "exploratory" not in text
    without = made_tables.without_scores()
    assert baseline_methods(without.hypotheses, without.design) == []


def test_a_study_without_moderation_has_neither_table_nor_methods(single):
    assert moderation_table(single.hypotheses, single.robustness).rows == []
    assert moderation_methods(single.hypotheses) == []
    assert adjustment_methods(single.design) == []


def test_the_methods_say_what_was_adjusted_for_and_exchanged_within_what(adjusted, single):
    (text,) = adjustment_methods(adjusted.design)
    assert "adjusted for age and site, as they were recorded (site by indicator columns)" in text
    assert "nothing was filled in" in text
    assert "exchanged participants within site only [@winkler2014]" in text
    assert "Changes within participants were not adjusted" not in text
    (alone,) = adjustment_methods(with_terms(single).design)
    assert "Changes within participants were not adjusted" in alone
    assert "exchanged participants within" not in alone


def test_the_methods_call_moderation_exploratory_and_cite_why(adjusted):
    (text,) = moderation_methods(adjusted.hypotheses)
    assert "exploratory whatever the sample" in text
    assert "fewer than 10 participants" in text
    assert [reference.key for reference in cited(text)] == ["brookes2004"]


def test_the_points_of_the_figure_have_the_correlation_of_the_adjusted_test(adjusted):
    _, numbers = draw_association(
        adjusted.connectivity, adjusted.scores, adjusted.hypotheses, adjusted.design
    )
    own = adjusted.hypotheses["test"] == "association"
    rho = adjusted.hypotheses[own].set_index("hypothesis")["estimate"]
    for circuit, rows in numbers[numbers["kind"] == "participant"].groupby("circuit"):
        x, y = rows["x"].astype(float), rows["y"].astype(float)
        assert np.corrcoef(x, y)[0, 1] == pytest.approx(rho[circuit])
    assert "SSI at pre, arm, age and site explain" in figure_caption("association", adjusted.design)
    assert "adjusted for pre, age and site," in figure_caption("paired", adjusted.design)
