"""Sentences and tables on covariates, blocks, moderation and baseline connectivity."""

from __future__ import annotations

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.design.baseline_connectivity import PRESCRIPTIVE, PROGNOSTIC
from ketfc.inference.design.moderation import (
    CHANGE_BY_DIAGNOSIS,
    DRUG_BY_BASELINE,
    DRUG_BY_CHANGE,
    MIN_CELL,
)
from ketfc.inference.design.planned_tests import PlannedTest, adjusted_for, score_columns
from ketfc.inference.families import BASELINE, MODERATION
from ketfc.reporting.tables import Table, flags_of, judged, text_table
from ketfc.reporting.words import compact, number, p_equals, sentence
from ketfc.study.design.design import Design

MODERATION_QUESTIONS = {
    "drug-by-change": "whether the association differs between the arms",
    "drug-by-baseline-score": "whether the difference between the arms is associated with the "
    "baseline score",
    "change-by-diagnosis": "whether unipolar and bipolar patients differ in it",
    "diagnosis-by-change": "whether the association differs between unipolar and bipolar patients",
}
BASELINE_QUESTIONS = {
    PROGNOSTIC: "whether the score after treatment is associated with connectivity before it, "
    "whatever the treatment",
    PRESCRIPTIVE: "whether that differs between the arms",
}


def moderation_table(
    hypotheses: pd.DataFrame, robustness: pd.DataFrame, *, family: str = MODERATION
) -> Table:
    """Return the tests of moderation, or of another family, rounded for reading.

    From ``tests/hypotheses.tsv``, with the interactions' correlation by ranks from
    ``tests/robustness.tsv``.
    """
    ranked = robustness[robustness["method"] == "ranks"]
    keys = zip(ranked["hypothesis"].astype(str), ranked["test"].astype(str), strict=True)
    by_ranks = dict(zip(keys, ranked["effect_size"], strict=True))
    rows = [
        {
            "hypothesis": sentence(str(row["name"])),
            "test": str(row["test"]),
            "estimate": compact(row["estimate"], signed=True),
            **judged(row),
            # its p would stand beside another: it is in robustness.tsv
            "partial r by ranks": number(
                by_ranks.get((str(row["hypothesis"]), str(row["test"]))), signed=True
            ),
            "n": number(row["n"], 0),
            "left out": number(row["n_excluded"], 0),
            "flags": flags_of(row),
        }
        for row in hypotheses[hypotheses["family"] == family].to_dict("records")
    ]
    return text_table(rows, {"hypothesis": "mid", "test": "short", "flags": "mid"})


def moderation_questions(hypotheses: pd.DataFrame) -> list[str]:
    """Return the questions of the tests of moderation in the table, a line each.

    From ``tests/hypotheses.tsv``.
    """
    return [f"{test}: {MODERATION_QUESTIONS[test]}" for test in _tests(hypotheses, MODERATION)]


def baseline_questions(hypotheses: pd.DataFrame) -> list[str]:
    """Return the questions on baseline connectivity in the table, a line each.

    From ``tests/hypotheses.tsv``.
    """
    return [f"{test}: {BASELINE_QUESTIONS[test]}" for test in _tests(hypotheses, BASELINE)]


def _tests(hypotheses: pd.DataFrame, family: str) -> list[str]:
    return list(map(str, hypotheses.loc[hypotheses["family"] == family, "test"].unique()))


def moderation_methods(hypotheses: pd.DataFrame) -> list[str]:
    """Return the paragraph of the methods on moderation; nothing where it was not tested.

    From ``tests/hypotheses.tsv``.
    """
    asked = listed([MODERATION_QUESTIONS[test] for test in _tests(hypotheses, MODERATION)])
    if not asked:
        return []
    return [
        f"In the primary circuits it was explored {asked}: the coefficient of the product of both "
        "columns beside the two (or, of changes within participants, of the diagnosis), with "
        "Freedman–Lane permutation as for associations. These tests are a family of their own, "
        "corrected by Holm's method and for false discoveries within it, and exploratory whatever "
        "the sample: interactions need about four times the participants of main effects "
        f"[@brookes2004]. Where an arm, diagnosis or both together had fewer than {MIN_CELL} "
        "participants, nothing was tested."
    ]


def baseline_methods(hypotheses: pd.DataFrame, design: Design) -> list[str]:
    """Return the paragraph of the methods on baseline connectivity; nothing where not tested.

    From ``tests/hypotheses.tsv``.
    """
    tests = _tests(hypotheses, BASELINE)
    if not tests:
        return []
    text = (
        "In the primary circuits it was also tested "
        f"{listed([BASELINE_QUESTIONS[test] for test in tests])}: a Spearman correlation as in the "
        "test of association, with connectivity at baseline in place of its change, for whoever "
        "has that scan and the scores"
    )
    if PRESCRIPTIVE in tests:
        text += (
            "; and the coefficient of the product of arm and connectivity at baseline beside the "
            "two, by Freedman–Lane permutation"
        )
    of_arm = " (for the product, of either arm)" if PRESCRIPTIVE in tests else ""
    text += (
        ". These tests are a family of their own, corrected by Holm's method and for false "
        f"discoveries within it{'' if design.preregistered else ', and exploratory'}. With fewer "
        f"than {MIN_CELL} complete participants{of_arm} nothing was tested. They are about groups: "
        "how well they would tell the course of a new patient was not looked at."
    )
    return [text]


def moderation_verdict(
    evidence: Evidence,
    test: PlannedTest,
    design: Design,
    *,
    circuit: str,
    n: int,
    p_holm: float,
    tests: int,
    alpha: float,
    interval: str,
) -> str:
    """Return the verdict of a test of moderation or of baseline connectivity in plain words.

    `interval` is as :func:`ketfc.reporting.text.verdicts.interval_words` gives it; parameters are
    as for :func:`ketfc.reporting.text.verdicts.verdict`, `test` and `design` as for
    :func:`ketfc.inference.design.model.model_of`.
    """
    if evidence.obstacle is not None:
        return f"{circuit}: no result, because {evidence.obstacle}."
    family = "with baseline connectivity" if test.name in BASELINE_QUESTIONS else "of moderation"
    numbers = (
        f"{interval}; {p_equals(p_holm)} after Holm over {plural(tests, 'test')} {family}; n = {n}"
    )
    if "exploratory" in evidence.flags:
        circuit = f"{circuit}: exploratory"
    if test.name == PROGNOSTIC:
        found = None if p_holm > alpha else "higher" if evidence.estimate > 0 else "lower"
        given = _given_baseline(test, design)
        rho = f"{'partial ' if given else ''}Spearman ρ {compact(evidence.estimate)}, {numbers}"
        return _prognostic_verdict(circuit, found, f"{given} ({rho})", design)
    what, differs, than, unit = _words(test.name, design)
    size = f"{compact(abs(evidence.estimate))} {unit}"
    if p_holm <= alpha:
        level = "higher" if evidence.estimate > 0 else "lower"
        return (
            f"{circuit}: {what} was {size} {level} {than} ({numbers}). Other "
            "participants have to show it again; it is no evidence for a cause."
        )
    return (
        f"{circuit}: no evidence that {what} differs {differs} (difference "
        f"{compact(evidence.estimate)} {unit}, {numbers}). That is not evidence for no difference."
    )


def _prognostic_verdict(circuit: str, found: str | None, numbers: str, design: Design) -> str:
    outcome, before = _outcome(design), f"connectivity at {design.baseline}"
    if found:
        return (
            f"{circuit}: where {before} was higher, {outcome} was {found}{numbers}. Other "
            "participants have to show it again; it is about groups, and no guide for a patient."
        )
    return (
        f"{circuit}: no evidence that {outcome} is associated with {before}{numbers}. That is not "
        "evidence for no association."
    )


def _given_baseline(test: PlannedTest, design: Design) -> str:
    """Return what the test of connectivity at baseline is adjusted for, in words."""
    given = [] if design.si_changes_only else [f"{design.instrument} at {design.baseline}"]
    given += ["arm"] if design.between_arms else []
    given += test.adjusted
    return f", given {listed(given)}" if given else ""


def moderation_estimand(test: PlannedTest, design: Design) -> str:
    """Return the estimand of a test of moderation or of baseline connectivity in a sentence."""
    name = test.name
    if name == PROGNOSTIC:
        known = _given_baseline(test, design)
        partial = "partial " if known else ""
        return sentence(
            f"{_exploratory(test, design)}{partial}Spearman correlation of {_outcome(design)} with "
            f"connectivity at {design.baseline}{known}; an association over groups, and no guide "
            "for a patient."
        )
    what, differs, _, unit = _words(name, design)
    given = {
        DRUG_BY_BASELINE: [f"connectivity at {design.baseline}"],
        CHANGE_BY_DIAGNOSIS: (
            [f"connectivity at {design.baseline}"] if design.between_arms else []
        ),
    }.get(name, ["baseline score"] if "si_baseline" in score_columns(design) else [])
    if design.within_drugs:
        given = ["the order of the drugs"]
    given = [*given, *test.adjusted]
    adjusted = f", adjusted for {', '.join(given)}" if given else ""
    return sentence(
        f"{_exploratory(test, design)}how {what} differs {differs}, in {unit}{adjusted}; a "
        "description of differences, not of what brought them about."
    )


def _exploratory(test: PlannedTest, design: Design) -> str:
    return "" if test.name in BASELINE_QUESTIONS and design.preregistered else "Exploratory: "


def _outcome(design: Design) -> str:
    """Return the score of an association in words."""
    if design.within_drugs:
        return f"the difference in {design.instrument} between the drugs"
    if design.si_changes_only:
        return f"the change in {design.instrument}"
    return f"{design.instrument} at {design.followup}"


def _words(name: str, design: Design) -> tuple[str, str, str, str]:
    """Return the quantity compared, the sides, the sides after `higher`, and the unit."""
    instrument, followup = design.instrument, design.followup
    drugs = design.arms or design.drugs
    ketamine, control = (drugs["ketamine"], drugs["control"]) if drugs else ("", "")
    diagnoses = (
        "between bipolar and unipolar depression",
        "in bipolar than in unipolar depression",
    )
    if name == DRUG_BY_BASELINE:
        return (
            f"the difference between {ketamine} and {control} in connectivity at {followup}",
            f"with {instrument} at {design.baseline}",
            f"per point of {instrument} at {design.baseline}",
            "Fisher z per point",
        )
    if name == CHANGE_BY_DIAGNOSIS:
        what = f"the difference between {ketamine} and {control}" if drugs else "the change"
        at = f" at {followup}" if design.between_arms else ""
        return f"{what} in connectivity{at}", *diagnoses, "Fisher z"
    on = "the difference" if design.within_drugs else "the change"
    where = f" at {design.baseline}" if name == PRESCRIPTIVE else ""
    on = "" if where else f"{on} in "
    arms = (f"between {ketamine} and {control}", f"under {ketamine} than under {control}")
    between = arms if name in (DRUG_BY_CHANGE, PRESCRIPTIVE) else diagnoses
    return (
        f"the slope of {_outcome(design)} on {on}connectivity{where}",
        *between,
        "points per unit of Fisher z",
    )


def adjustment_methods(design: Design) -> list[str]:
    """Return the paragraph of the methods on covariates and exchangeability blocks."""
    given = adjusted_for(design)
    if not given:
        return []
    labels = [name for name in given if design.covariates[name] == "categorical"]
    of_change = adjusted_for(design, change=True)
    blocks = design.terms.blocks
    text = (
        f"Tests between participants were adjusted for {listed(list(given))}, as they were "
        "recorded" + (f" ({listed(labels)} by indicator columns)" if labels else "") + "; who "
        "lacks one is in none of these tests, and nothing was filled in."
    )
    if not of_change:
        text += (
            " Changes within participants were not adjusted: covariates around their means would "
            "leave the mean change as it is."
        )
    elif of_change != given:
        text += (
            f" The difference between the drugs within participants was adjusted for "
            f"{listed(list(of_change))} alone."
        )
    if blocks:
        text += (
            f" Permutations exchanged participants within {blocks} only [@winkler2014]; sign flips "
            "are of whole participants and need no blocks."
        )
    return [text]
