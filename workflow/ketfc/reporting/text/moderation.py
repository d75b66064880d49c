"""Sentences and tables on covariates, blocks and moderation."""

from __future__ import annotations

import pandas as pd

from ketfc.base.english import listed
from ketfc.base.files import MISSING
from ketfc.inference.design.moderation import MIN_CELL
from ketfc.inference.design.samples import adjusted_for
from ketfc.inference.families import MODERATION
from ketfc.reporting.results import Table
from ketfc.reporting.words import interval, is_missing, number, p_value, sentence, whole
from ketfc.study.design.design import Design

_QUESTIONS = {
    "drug-by-change": "whether the association differs between the arms",
    "drug-by-baseline-score": "whether the difference between the arms is associated with the "
    "baseline score",
    "change-by-diagnosis": "whether unipolar and bipolar patients differ in it",
    "diagnosis-by-change": "whether the association differs between unipolar and bipolar patients",
}


def moderation_table(hypotheses: pd.DataFrame) -> Table:
    """Return the tests of moderation, rounded for reading.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``.
    """
    rows = [
        [
            sentence(str(row["name"])),
            str(row["test"]),
            number(row["estimate"], 2, signed=True),
            interval(row["ci_low"], row["ci_high"], 2),
            p_value(row["p_permutation"]),
            p_value(row["p_holm"]),
            p_value(row["p_fdr"]),
            whole(row["n"]),
            whole(row["n_excluded"]),
            MISSING if is_missing(row["flags"]) else str(row["flags"]).replace(";", ", "),
        ]
        for row in hypotheses[hypotheses["family"] == MODERATION].to_dict("records")
    ]
    kinds = {
        "hypothesis": "mid",
        "test": "short",
        "estimate": "num",
        "interval": "num",
        "p": "num",
        "p (Holm)": "num",
        "p (FDR)": "num",
        "n": "num",
        "left out": "num",
        "flags": "mid",
    }
    return Table(columns=list(kinds), rows=rows, kinds=list(kinds.values()), total=len(rows))


def moderation_questions(hypotheses: pd.DataFrame) -> list[str]:
    """Return the questions of the tests of moderation in the table, a line each.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``.
    """
    tests = hypotheses.loc[hypotheses["family"] == MODERATION, "test"].unique()
    return [f"{test}: {_QUESTIONS[test]}" for test in map(str, tests)]


def moderation_methods(hypotheses: pd.DataFrame) -> list[str]:
    """Return the paragraph of the methods on moderation; nothing where it was not tested.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``.
    """
    tests = hypotheses.loc[hypotheses["family"] == MODERATION, "test"].unique()
    if not len(tests):
        return []
    asked = listed([_QUESTIONS[test] for test in map(str, tests)])
    return [
        f"In the primary circuits it was explored {asked}: the coefficient of the product of both "
        "columns beside the two (or, of changes within participants, of the diagnosis), with "
        "Freedman–Lane permutation as for associations. These tests are a family of their own, "
        "corrected by Holm's method and for false discoveries within it, and exploratory whatever "
        "the sample: interactions need about four times the participants of main effects "
        f"[@brookes2004]. Where an arm, diagnosis or both together had fewer than {MIN_CELL} "
        "participants, nothing was tested."
    ]


def adjustment_methods(design: Design) -> list[str]:
    """Return the paragraph of the methods on covariates and exchangeability blocks.

    Parameters
    ----------
    design : mapping
        ``plan/design.json``.
    """
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
