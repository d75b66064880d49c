"""Agreement of other methods with the primary tests: sentences and a table of the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.base.english import listed
from ketfc.base.files import MISSING
from ketfc.inference.design.baseline_connectivity import PRESCRIPTIVE
from ketfc.inference.families import SENSITIVITY
from ketfc.inference.robustness.harmonized_checks import COMBAT, WITHOUT
from ketfc.reporting.rows import hypothesis_row, primary_circuits
from ketfc.reporting.tables import Table, effect_of, flags_of, text_table
from ketfc.reporting.text.moderation import MODERATION_QUESTIONS
from ketfc.reporting.words import (
    as_number,
    as_text,
    compact,
    interval,
    number,
    p_value,
    sentence,
    span,
)
from ketfc.study.design.design import Design

METHODS = {
    "t": "mean, t interval",
    "bca": "mean, bootstrap interval",
    "d-av": "mean in average SD",
    "wilcoxon": "Wilcoxon, Hodges–Lehmann",
    "mann-whitney": "Mann–Whitney, Hodges–Lehmann",
    "tost": "equivalence test",
    "detectable": "smallest detectable",
    "hc3": "HC3 interval",
    "hc2": "HC2 interval",
    "ranks": "the test of ranks",
    "values": "slope of values",
    "theil-sen": "Theil–Sen slope",
    "ordinal": "proportional odds",
    "depression-adjusted": "given change in depression",
    "baseline-adjusted": "given baseline connectivity",
    "mixed-model": "mixed model",
    "mmrm": "MMRM, all follow-ups",
    "tipping-point": "missing follow-ups imputed",
    "distance-from-controls": "distance from healthy controls",
    COMBAT: "ComBat between sites",
    WITHOUT: "the same without ComBat",
}
"""Methods of ``tests/robustness.tsv`` in words."""

_SAME_QUESTION = (
    *("t", "bca", "wilcoxon", "mann-whitney", "ranks", "values", "hc3", "hc2", "theil-sen"),
    *("ordinal", "mixed-model", "mmrm", "depression-adjusted", "baseline-adjusted"),
    COMBAT,
    "tipping-point",
)
"""Methods that ask what the primary test asks."""

_POINTS = ("values", "hc3", "hc2", "theil-sen")
"""Methods that estimate an association in points of the score per unit of Fisher z."""


@dataclass(frozen=True)
class RobustnessSection:
    """The report's section on other methods: a sentence per circuit, on power, and the table.

    `harmonized` compares the primary tests with and without ComBat, a sentence per circuit and
    test.
    """

    sentences: list[str]
    power: str
    table: Table
    harmonized: list[str]


def robustness_section(
    robustness: pd.DataFrame, hypotheses: pd.DataFrame, design: Design
) -> RobustnessSection:
    """Return the report's section on methods other than the primary tests.

    Parameters
    ----------
    robustness, hypotheses : pandas.DataFrame
        ``tests/robustness.tsv`` and ``tests/hypotheses.tsv``.
    """
    said = [
        f"{sentence(name)}. "
        + "; ".join(
            f"{test}: {agreement(row, robustness, design.alpha)}"
            for test in ("change", "association")
            if (row := hypothesis_row(hypotheses, circuit, test)) is not None
        )
        + "."
        for circuit, name in primary_circuits(hypotheses).items()
    ]
    return RobustnessSection(
        said, _power(robustness), _table(robustness), _harmonized(robustness, design)
    )


def _harmonized(robustness: pd.DataFrame, design: Design) -> list[str]:
    """Compare the tests with and without ComBat in sentences; none where it was not asked for."""
    rows = {
        (str(row["hypothesis"]), str(row["test"]), str(row["method"])): row
        for row in robustness.to_dict("records")
    }
    said = []
    for (circuit, test, method), row in rows.items():
        if method != COMBAT:
            continue
        of = f"{sentence(str(row['name']))}, {test}"
        other = rows.get((circuit, test, WITHOUT))
        if other is None or math.isnan(as_number(row["estimate"])):
            said.append(f"{of}: not harmonised or not tested, {as_text(row['note'])}.")
            continue
        found, before = (as_number(one["p"]) < design.alpha for one in (row, other))
        turns = "" if found == before else " The decision hangs on harmonisation."
        said.append(f"{of}: with ComBat {_result(row)}; without it {_result(other)}.{turns}")
    return said


def _result(row: Mapping[Any, Any]) -> str:
    estimate = number(row["estimate"], signed=True)
    return f"{estimate} {interval(row['ci_low'], row['ci_high'])}, p {_equals(row['p'])}"


def _equals(p: Any) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def agreement(row: Mapping[str, Any], robustness: pd.DataFrame, alpha: float) -> str:
    """Count in words the methods that decide as the primary test does, before correction.

    Parameters
    ----------
    row : mapping
        The primary test, of ``tests/hypotheses.tsv``.
    robustness : pandas.DataFrame
        ``tests/robustness.tsv``.
    """
    own = robustness[
        (robustness["hypothesis"] == row["hypothesis"]) & (robustness["test"] == row["test"])
    ]
    rows = {str(one["method"]): one for one in own.to_dict("records")}
    p, estimate = as_number(row["p_permutation"]), as_number(row["estimate"])
    if math.isnan(p):
        return "not tested"
    found = p < alpha
    compared = {
        method: decided
        for method in _SAME_QUESTION
        if method in rows and (decided := _decision(rows[method], alpha)) is not None
    }
    # without evidence the sign is chance
    same = [
        method
        for method, (evidence, sign) in compared.items()
        if evidence == found and (not found or sign * estimate > 0)
    ]
    others = [METHODS[method] for method in compared if method not in same]
    text = (
        f"{len(same)} of {len(compared)} other methods agree with the primary test "
        f"({'p below' if found else 'p not below'} {alpha:g} before correction)"
    )
    if others:
        text += f"; {listed(others)} {'does' if len(others) == 1 else 'do'} not"
    if "equivalent" in str(rows.get("tost", {}).get("flags")).split(";"):
        text += "; the effect is smaller than the margin of equivalence"
    return text


def _decision(row: Mapping[str, Any], alpha: float) -> tuple[bool, float] | None:
    """Return whether a method finds evidence and the sign of its estimate, if it can decide."""
    low, high, p = (as_number(row[key]) for key in ("ci_low", "ci_high", "p"))
    estimate = as_number(row["estimate"])
    if not math.isnan(p):
        return p < alpha, estimate
    if not math.isnan(low) and not math.isnan(high):
        return low > 0 or high < 0, estimate
    return None


def _power(robustness: pd.DataFrame) -> str:
    """Return in one sentence the smallest effects that the primary tests could have detected."""
    rows = robustness[robustness["method"] == "detectable"]
    parts = []
    for test, what in (("change", "changes"), ("association", "partial correlations")):
        own = rows[rows["test"] == test]
        sizes = pd.to_numeric(own["effect_size"], errors="coerce").dropna()
        if not len(sizes):
            continue
        kinds = sorted(set(own.loc[sizes.index, "effect_size_type"].astype(str)))
        unit = "" if test == "association" else f" ({listed(kinds)})"
        parts.append(f"{what} of {_range(sizes)}{unit}")
    if not parts:
        return ""
    return (
        f"With a power of 80 % the primary tests, each by itself, could have found {listed(parts)} "
        "or more, by circuit, and after correction larger ones only; smaller effects may exist and "
        "be missed."
    )


def _range(values: pd.Series[float]) -> str:
    low, high = number(values.min()), number(values.max())
    return low if low == high else f"{low} to {high}"


def _table(robustness: pd.DataFrame) -> Table:
    rows = []
    for row in robustness.to_dict("records"):
        digits = 1 if row["test"] == "association" and row["method"] in _POINTS else 2
        rows.append(
            {
                "hypothesis": sentence(str(row["name"])),
                "test": str(row["test"]),
                "method": METHODS.get(str(row["method"]), str(row["method"])),
                "estimate": number(row["estimate"], digits, signed=True),
                "interval": interval(row["ci_low"], row["ci_high"], digits),
                "effect size": effect_of(row),
                "p": p_value(row["p"]),
                "n": number(row["n"], 0),
                "flags": flags_of(row),
                "note": as_text(row["note"]),
            }
        )
    mid = dict.fromkeys(("hypothesis", "method", "effect size", "flags"), "mid")
    return text_table(rows, {"test": "short", "note": "wide", **mid})


def alternatives_table(hypotheses: pd.DataFrame) -> Table:
    """Return the tests of other definitions beside what the circuit's own test found.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``; the hypothesis of another definition is called
        ``circuit.region-definition``.
    """
    own = {(str(row["hypothesis"]), str(row["test"])): row for row in hypotheses.to_dict("records")}
    rows = []
    for row in hypotheses[hypotheses["family"] == SENSITIVITY].to_dict("records"):
        circuit, _, definition = str(row["hypothesis"]).rpartition(".")
        region, _, alternative = definition.partition("-")
        test = str(row["test"])
        main = own.get((circuit, test), {})
        ends = as_number(row["estimate"]), as_number(main.get("estimate"))
        same = MISSING if any(map(math.isnan, ends)) else "yes" if ends[0] * ends[1] > 0 else "no"
        rows.append(
            {
                "circuit": sentence(str(main.get("name", circuit))),
                "region": region,
                "defined as": alternative,
                "test": test,
                "estimate": compact(row["estimate"], signed=True),
                "interval": span(row["ci_low"], row["ci_high"]),
                "p (uncorrected)": p_value(row["p_permutation"]),
                "same sign": same,
                "n": number(row["n"], 0),
            }
        )
    short = dict.fromkeys(("region", "defined as", "test", "same sign"), "short")
    return text_table(rows, {"circuit": "mid", **short})


def robustness_methods(robustness: pd.DataFrame, margin: float) -> list[str]:
    """Return the paragraph of the methods on methods other than the primary tests.

    Parameters
    ----------
    robustness : pandas.DataFrame
        ``tests/robustness.tsv``.
    margin : float
        Of the equivalence tests, in Fisher z.
    """
    made = set(robustness["method"])
    notes = robustness["note"].astype(str)
    within = notes.str.contains("van Elteren").any()
    of_ranks = set(robustness.loc[robustness["method"] == "ranks", "test"])
    moderated, baseline = of_ranks & set(MODERATION_QUESTIONS), of_ranks & {PRESCRIPTIVE}
    ranked = ["change"] * bool(of_ranks - moderated - baseline)
    ranked += ["moderation"] * bool(moderated)
    ranked += ["arm by baseline connectivity"] * bool(baseline)
    sentences = {
        "bca": "bias-corrected and accelerated bootstrap intervals [@efron1987]",
        "t": "t intervals",
        "hc3": "HC3 intervals [@mackinnon1985]",
        "hc2": "HC2 errors with Bell and McCaffrey's degrees of freedom [@imbens2016]",
        "wilcoxon": "Wilcoxon's test with the Hodges–Lehmann shift",
        "mann-whitney": f"{'van Elteren' if within else 'Mann and Whitney'}'s test with the "
        f"Hodges–Lehmann shift{' within blocks' if within else ''}",
        "ranks": f"the models of {listed(ranked)} on ranks [@conover1982]",
        "values": "the models of association on values, by Freedman–Lane permutation "
        "[@freedman1983]",
        "theil-sen": "Theil–Sen slopes [@sen1968]",
        "ordinal": "proportional odds for scores of few values",
        "mixed-model": "a mixed model of all sessions [@laird1982]",
        "mmrm": "a mixed model for repeated measures that compares the arms at every follow-up at "
        "equal baseline, with whatever follow-ups a participant has (MMRM; restricted maximum "
        "likelihood, an unstructured covariance in each arm unless a row is flagged with a "
        "fallback, Kenward and Roger's errors and degrees of freedom) "
        "[@mallinckrodt2008; @kenward1997]",
        "tost": f"equivalence tests with a margin of {margin:g} Fisher z [@lakens2017], a "
        "convention unless it was preregistered",
        "depression-adjusted": "adjustment for the change in depression",
        "baseline-adjusted": "adjustment of the association for connectivity at baseline",
        "distance-from-controls": "the distance from healthy controls, with percentile bootstrap "
        "intervals over patients and controls",
        COMBAT: "the same tests of connectivity harmonised between sites by longitudinal ComBat "
        "[@beer2020] (package longcombat-py), a mixed model with an intercept for each participant "
        "that keeps the effects of arm, session and the covariates named in its rows and holds no "
        "score, each with the same sessions unharmonised beside it",
        "detectable": "the smallest effect that would be detected with a power of 80 %",
    }
    used = [words for method, words in sentences.items() if method in made]
    if not used:
        return []
    text = (
        f"Beside the primary tests, without correction and deciding nothing, stand {listed(used)} "
        "(`tests/robustness.tsv`)."
    )
    if notes.str.contains("not adjusted for").any():
        text += " Those whose note says so are not adjusted for covariates."
    return [text]
