"""Exports of a lab: enough for a synthesis, and nothing on any participant."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from made_synthesis import CIRCUITS, circuit, export_of, made
from scipy.linalg import block_diag

from ketfc.inference.design.circuit_tests import planned_samples
from ketfc.inference.design.model import model_of
from ketfc.inference.synthesis.export import definition_digest
from ketfc.inference.synthesis.studies import study_effects
from ketfc.inference.synthesis.table import synthesis
from ketfc.reporting.text.synthesis.exports import export_in_words

KINDS = ("single-arm", "parallel", "crossover")


@pytest.mark.parametrize("kind", KINDS)
def test_two_halves_say_what_the_whole_says(kind: str) -> None:
    # To first order the inverse-variance mean of two halves is the estimate of the whole. What is
    # left are products of two errors, so that they part by a share of the standard error that
    # falls with √n: of Spearman's ρ without nuisance its SD is 1.6/√n (simulated), with two
    # columns of nuisance 3/√n; of means and slopes 1.1/√n.
    n = 1920
    whole = made(kind, n, 5)
    rng = np.random.default_rng(8)
    first = set(rng.choice(whole.people, 800, replace=False).tolist())
    halves = [
        whole.of([who for who in whole.people if (who in first) == side], f"half{side}")
        for side in (True, False)
    ]
    table = synthesis(study_effects([export_of(one) for one in halves], alpha=0.05), alpha=0.05)
    one = study_effects([export_of(whole)], alpha=0.05)
    assert len(table) == len(one) == 6
    for row, truth in zip(table.to_dict("records"), one.to_dict("records"), strict=True):
        assert (row["hypothesis"], row["test"]) == (truth["hypothesis"], truth["test"])
        assert row["n"] == truth["n"]
        share = (10 if row["test"] == "association" else 4) / np.sqrt(n)
        apart = abs(row["common_estimate"] - truth["estimate"])
        assert apart < share * truth["se"]
        assert row["common_se"] == pytest.approx(truth["se"], rel=0.01)
    planted = table[(table["hypothesis"] == "one") & (table["test"] == "change")].iloc[0]
    assert planted["common_ci_low"] > 0


def numbers_of(content: Any) -> set[str]:
    """Return all numbers in the content of a JSON file, as they are written."""
    if isinstance(content, dict):
        return set().union(*map(numbers_of, content.values()))
    if isinstance(content, list):
        return set().union(*map(numbers_of, content))
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return {str(content)} if is_number else set()


@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_is_of_a_participant(kind: str) -> None:
    study = made(kind, 44, 6, name="xq")
    export = export_of(study)
    text = json.dumps(export)
    for who in study.people:
        assert who not in text
        assert who.removeprefix("sub-") not in text
    assert "sub-" not in text
    assert "/secret/place" not in text
    # scores are whole numbers, as counts are: what would be theirs are fractions
    given = {float(number) for number in numbers_of(export)}
    fractions = {value for value in given if value != round(value)}
    values = study.connectivity["z"].dropna().to_numpy()
    table = study.connectivity.pivot_table(
        index=["participant_id", "circuit"], columns="role", values="z"
    )
    changes = (table.iloc[:, 1] - table.iloc[:, 0]).dropna().to_numpy()
    for value in (*values, *changes, *-changes, *np.tanh(values)):
        for digits in range(6, 10):
            assert float(f"{value:.{digits}g}") not in fractions
            assert f"{value:.{digits}g}" not in text
    # no list is as long as there are people
    assert not [part for part in re.findall(r"\[[^\[\]]*\]", text) if part.count(",") > 8]


def test_the_search_finds_a_number_that_does_leak() -> None:
    study = made("parallel", 44, 6, name="xq")
    export = export_of(study)
    value = float(study.connectivity["z"].iloc[7])
    export["tests"][0]["moments"]["control"]["mean"][0] = float(f"{value:.6g}")
    assert f"{value:.6g}" in json.dumps(export)


@pytest.mark.parametrize(
    ("kind", "cell"), [("parallel", "ketamine"), ("crossover", "ketamine-first")]
)
def test_small_cells_give_no_number_at_all(kind: str, cell: str) -> None:
    study = made(kind, 24, 9, treated_of_7=2)
    export = export_of(study, smallest_cell=8)
    assert len(export["tests"]) == 6
    for test in export["tests"]:
        assert test["suppressed"] == f"fewer than 8 participants: {cell}"
        assert not {"n", "cells", "estimate", "effect", "moments"} & set(test)
    # seven are as many as were asked for
    for test in export_of(study, smallest_cell=7)["tests"]:
        assert test["suppressed"] is None
        assert test["cells"][cell] == 7


def test_a_small_sample_gives_none_either() -> None:
    study = made("single-arm", 7, 9)
    export = export_of(study, smallest_cell=7)
    assert {test["suppressed"] for test in export["tests"]} == {
        "fewer than 7 participants: the sample"
    }


def test_numbers_have_six_digits_and_are_those_of_the_hypotheses() -> None:
    study = made("parallel", 44, 6)
    export = export_of(study)
    digits = {
        len(f"{abs(value):.15g}".replace(".", "").lstrip("0"))
        for value in map(float, numbers_of(export["tests"]))
        if value != round(value) and abs(value) > 1e-4
    }
    assert max(digits) == 6


def test_moments_are_of_the_primary_change_alone_and_give_its_estimate_back() -> None:
    study = made("parallel", 60, 3)
    for test in export_of(study)["tests"]:
        if test["test"] != "change":
            assert "moments" not in test
            continue
        # ANCOVA from means and covariances: slope pooled within arms
        parts = test["moments"]
        sums = [(one["n"] - 1) * np.array(one["covariance"]) for one in parts.values()]
        within = sum(sums)
        slope = within[0, 1] / within[0, 0]
        ket, control = (np.array(parts[arm]["mean"]) for arm in ("ketamine", "control"))
        difference = (ket - control)[1] - slope * (ket - control)[0]
        assert test["estimate"] == pytest.approx(difference, abs=1e-5)
        assert {name: one["n"] for name, one in parts.items()} == test["cells"]


@pytest.mark.parametrize("kind", KINDS)
def test_covariances_are_those_of_a_stacked_model_clustered_by_participant(kind: str) -> None:
    study = made(kind, 61, 12)
    export = export_of(study)
    by_test = {(one["hypothesis"], one["test"]): one for one in export["tests"]}
    found = export["covariances"]["change"]
    assert found["hypotheses"] == ["one", "two", "second"]
    matrix = np.array(found["matrix"])
    errors = [by_test[one, "change"]["standard_error"] for one in found["hypotheses"]]
    np.testing.assert_allclose(np.sqrt(np.diag(matrix)), errors, rtol=1e-5)
    # one regression of all hypotheses at once, its errors clustered by participant
    tests = {
        plan.circuit.id: plan
        for plan in planned_samples(
            study.connectivity, study.scores, study.design, CIRCUITS,
            strategy=study.design.strategy,
        )
        if plan.test.name == "change"
    }  # fmt: skip
    y, X, who = [], [], []
    for plan in (tests[one] for one in found["hypotheses"]):
        model = model_of(plan.test, plan.sample.complete, plan.design)
        columns = [model.adjustment] if model.term is None else [model.tested, model.adjustment]
        y.append(model.response[1])
        X.append(np.column_stack(columns))
        who += list(plan.sample.complete.index)
    codes = np.unique(who, return_inverse=True)[1]
    fit = sm.OLS(np.concatenate(y), block_diag(*X)).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}
    )
    places = np.cumsum([0, *(part.shape[1] for part in X[:-1])])
    expected = fit.cov_params()[np.ix_(places, places)]
    spread = np.sqrt(np.diag(expected))
    correlation = matrix / np.outer(errors, errors)
    np.testing.assert_allclose(correlation, expected / np.outer(spread, spread), atol=2e-5)
    assert np.abs(correlation[~np.eye(3, dtype=bool)]).min() > 1e-3


def test_covariances_of_associations_are_those_of_a_bootstrap() -> None:
    study = made("single-arm", 400, 12)
    found = export_of(study)["covariances"]["association"]
    matrix = np.array(found["matrix"])
    plans = [
        plan
        for plan in planned_samples(
            study.connectivity, study.scores, study.design, CIRCUITS,
            strategy=study.design.strategy,
        )
        if plan.test.name == "association"
    ]  # fmt: skip
    tables = [plan.sample.complete for plan in plans]
    people = sorted(set.intersection(*(set(table.index) for table in tables)))
    rng = np.random.default_rng(2)
    drawn = []
    for _ in range(600):
        again = rng.choice(people, len(people))
        models = [
            model_of(plan.test, table.loc[again], plan.design).ranked()
            for plan, table in zip(plans, tables, strict=True)
        ]
        drawn.append([model.partial_r for model in models])
    expected = np.corrcoef(np.array(drawn), rowvar=False)
    spread = np.sqrt(np.diag(matrix))
    # a correlation of 600 draws has a standard error of .04
    np.testing.assert_allclose(matrix / np.outer(spread, spread), expected, atol=0.14)


def test_hypotheses_that_hardly_share_people_have_no_covariance() -> None:
    study = made("single-arm", 40, 12)
    own = study.connectivity
    half = own["participant_id"].isin(study.people[:20])
    lost = (half & (own["circuit"] == "one")) | (~half & (own["circuit"] == "two"))
    export = export_of(replace(study, connectivity=own[~lost]))
    matrix = export["covariances"]["change"]["matrix"]
    assert matrix[0][1] is None
    assert matrix[1][0] is None
    assert matrix[0][2] is not None


def test_what_follows_from_the_rest_or_is_for_sensitivity_stays() -> None:
    variant = circuit("other", variant_of="one")
    export = export_of(made("parallel", 40, 3), circuits=[*CIRCUITS, variant])
    assert {test["test"] for test in export["tests"]} == {"change", "association"}
    assert {test["hypothesis"] for test in export["tests"]} == {"one", "two", "second"}


def test_a_definition_is_known_by_its_edges_whatever_their_order() -> None:
    one = circuit("x", edges=(("a", "b"), ("c", "d")))
    same = circuit("x", edges=(("d", "c"), ("a", "b")))
    other = circuit("x", edges=(("a", "b"), ("c", "e")))
    assert definition_digest(one) == definition_digest(same) != definition_digest(other)


def test_the_reader_shows_every_number_of_the_file() -> None:
    export = export_of(made("parallel", 40, 3))
    export["tests"][1] = {
        key: export["tests"][1][key] for key in ("hypothesis", "name", "test")
    } | {"suppressed": "fewer than 5 participants: control"}
    words = export_in_words(export)
    written = numbers_of({key: value for key, value in export.items() if key != "format_version"})
    assert len(written) > 50
    assert [number for number in written if number not in words] == []
    assert "circuit one, association: fewer than 5 participants: control" in words
