"""Paragraphs of the methods on the tests of the hypotheses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ketfc.base.english import listed
from ketfc.inference.core.evidence import ONE_SIDED
from ketfc.reporting.design_words import arms_of, association_given
from ketfc.reporting.rows import numeric, primary_circuits, setting
from ketfc.reporting.text.crossover import test_in_words
from ketfc.reporting.words import as_number, compact
from ketfc.study.design.design import Design

Config = Mapping[str, Any]
"""The study's configuration with all defaults, keys spelt as in the YAML file."""


def tests_in_words(config: Config, design: Design, hypotheses: pd.DataFrame) -> list[str]:
    """Return the paragraphs on the tests of change and association.

    Parameters
    ----------
    config : mapping
        The study's whole configuration.
    design : mapping
        ``plan/design.json``.
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``.
    """
    arms = arms_of(design)
    alpha = as_number(setting(config, "statistics", "alpha"))
    if len(arms) == 2:
        change = (
            f"Change was tested by analysis of covariance: connectivity at {design.followup} in "
            f"the {arms[0].label} arm against the {arms[1].label} arm, adjusted for connectivity "
            f"at {design.baseline} [@vickers2001], by Freedman–Lane permutation of residuals "
            "[@freedman1983; @winkler2014]. The effect size "
            "is the adjusted difference in pooled baseline standard deviations "
            "[@morris2008; @hedges1981]. Arms are compared with one another; changes within an arm "
            "are described, not tested."
        )
    elif design.drugs:
        change = test_in_words(design)
    else:
        change = (
            "Change was tested within participants: the mean difference "
            f"{design.followup} − {design.baseline}, by random sign flips "
            "[@winkler2014]; the effect size is dz with Hedges' correction [@hedges1981]. There is "
            "no control arm, so nothing here is specific to the treatment."
        )
    return [
        f"{change} {_association(design)}",
        "Intervals of change hold the values that its permutation test does not reject "
        "[@garthwaite1996]; t and HC3 intervals stand beside them (`tests/robustness.tsv`).",
        f"{_sides(hypotheses)} at α = {compact(alpha)}, with "
        f"{_permutations(config, hypotheses)} (seed "
        f"{setting(config, 'statistics', 'seed')}). p values of the "
        f"{len(primary_circuits(hypotheses))} primary hypotheses were corrected by Holm's method "
        "[@holm1979], tests of change and of association each as one family; all others form a "
        "secondary family. Beside it stand p values by the largest |t| of a family under joint "
        "permutations of whole participants (`p_fwer`) [@westfall1993; @winkler2014], false "
        "discovery rates in the secondary family [@benjamini1995], and Bayes factors with default "
        f"priors [@rouder2009; @ly2016]. {_sizes(hypotheses)}",
        *_preregistered(design),
    ]


def _preregistered(design: Design) -> list[str]:
    if not design.preregistered:
        return []
    return [
        "The hypotheses, regions, scores, denoising and settings of the tests agree with a locked "
        "preregistration, of which the workflow checked the fingerprint."
    ]


def _sides(hypotheses: pd.DataFrame) -> str:
    flags = hypotheses["flags"].fillna("").astype(str).str.split(";")
    one_sided = hypotheses[[ONE_SIDED in found for found in flags]]
    if one_sided.empty:
        return "All tests are two-sided"
    told = [
        str(estimand).partition("Tested ")[2].partition("): ")[0]
        for estimand in one_sided["estimand"]
    ]
    named = [f"“{name}” is {text})" for name, text in zip(one_sided["name"], told, strict=True)]
    return f"The test of change of {listed(named)}; all other tests are two-sided"


def _association(design: Design) -> str:
    about = design.si
    if not about:
        return "No association with suicidal ideation could be tested, for want of a score."
    given = association_given(design)
    what = "that" if design.drugs else "the change"
    outcome = (
        f"the change in {about.instrument}, as supplied,"
        if about.shape == "change"
        else f"the difference in {about.instrument} between the drugs"
        if design.drugs
        else f"{about.instrument} at {design.followup}"
    )
    adjusted = f", adjusted for {listed(given)}" if given else ""
    return (
        f"Association was tested by ranks, since scores are ordinal and may pile up at zero: "
        f"{'partial ' if given else ''}Spearman correlation of {outcome} with {what} in "
        f"connectivity{adjusted} [@conover1982], by Freedman–Lane permutation of ranks "
        "[@freedman1983; @winkler2014], with an interval by the standard error of Bonett and "
        "Wright [@bonett2000]."
    )


def _permutations(config: Config, hypotheses: pd.DataFrame) -> str:
    wanted = setting(config, "statistics", "permutations")
    used = numeric(hypotheses, "permutations")["permutations"].dropna()
    text = f"{int(wanted):,} permutations".replace(",", " ") if wanted else "permutations"
    if wanted and (used < int(wanted)).any():
        text += ", or all there are where there are fewer"
    return text


def _sizes(hypotheses: pd.DataFrame) -> str:
    rows = numeric(hypotheses[hypotheses["family"].astype(str).str.startswith("primary")], "n")
    parts = []
    for test in ("change", "association"):
        n = rows.loc[rows["test"] == test, "n"].dropna()
        if len(n):
            low, high = int(n.min()), int(n.max())
            parts.append(f"n = {low if low == high else f'{low}–{high}'} for {test}")
    return f"Participants in the primary tests: {listed(parts)}." if parts else ""
