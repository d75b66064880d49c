"""Power of a planned study in words: names, tables and a paragraph for a grant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.inference.power.curves import DETECTABLE, NEEDED
from ketfc.inference.power.planned import PlannedStudy
from ketfc.inference.power.points import summary_of
from ketfc.reporting.tables import Table, text_table
from ketfc.reporting.words import is_missing, number
from ketfc.study.config.planning.power import Points, Power

Row = Mapping[Any, Any]

SYMBOLS = {"change": "d", "association": "r"}
"""Symbol of the effect of each question."""

_UNITS = {
    "change": "d is in standard deviations of connectivity between participants",
    "association": "r is the correlation with the change itself",
}

_NAMES = {
    ("change", "single-arm"): "Change in connectivity",
    ("change", "parallel"): "Arm × time",
    ("change", "crossover"): "Difference between the drugs",
    ("association", ""): "Association with the score",
}

_TESTS = {
    "single-arm": "mean changes by sign flips of the one-sample t",
    "parallel": "arm × time as the difference between the arms at equal baseline (ANCOVA), with a "
    "variance for each arm, by permutations [@freedman1983]",
    "crossover": "differences between the drugs by comparing the orders, adjusted for period, with "
    "a variance for each order, by permutations",
}


def question_name(question: str, design: str) -> str:
    """Return what a question asks of a design, as a heading."""
    return _NAMES.get((question, design)) or _NAMES[question, ""]


def power_paragraph(
    power: Power,
    planned: PlannedStudy,
    table: pd.DataFrame,
    needed: pd.DataFrame,
    versions: Mapping[str, str],
) -> str:
    """Return a paragraph on the size of a study, for a grant or a registration.

    Parameters
    ----------
    power : Power
        Section `power` of the config.
    planned : PlannedStudy
        The study.
    table, needed : pandas.DataFrame
        ``power/power.tsv`` and ``power/needed.tsv``, numbers as numbers.
    versions : mapping of str to str
        Software.

    Returns
    -------
    str
        Markdown with citations as pandoc reads them.
    """
    questions = list(dict.fromkeys(table["question"]))
    assumed = [*_assumed(power, planned)]
    if "association" in questions:
        assumed += [_scores(planned)]
    assumed.append(f"Of the effects, {listed([_UNITS[question] for question in questions])}.")
    results = [_found(question, table, needed, planned) for question in questions]
    parts = [
        "# Power",
        " ".join([_plan(planned), *assumed, _simulated(planned, questions)]),
        " ".join([*results, _honesty(table, planned)]),
        "Research use only: this plans a study of groups, and says nothing about a patient. "
        f"Software: ketfc {versions['ketfc']}, numpy {versions['numpy']}, scipy "
        f"{versions['scipy']}; seed {planned.seed}.",
    ]
    return "\n\n".join(parts) + "\n"


def needed_tables(needed: pd.DataFrame) -> tuple[Table, Table]:
    """Return participants needed, and the smallest detectable effects, rounded for reading."""
    records = needed.to_dict("records")
    people = [
        {
            "question": question_name(row["question"], row["design"]),
            "effect": f"{SYMBOLS[row['question']]} = {number(row['effect'])}",
            "participants": number(row["value"], 0),
            "simulation's error": _between(row, 0),
            "by the formula": number(row["analytic"], 0),
            "note": _note(row),
        }
        for row in records
        if row["quantity"] == NEEDED
    ]
    effects = [
        {
            "question": question_name(row["question"], row["design"]),
            "participants": number(row["n"], 0),
            "effect": f"{SYMBOLS[row['question']]} = {number(row['value'])}",
            "simulation's error": _between(row, 2),
            "by the formula": number(row["analytic"]),
            "note": _note(row),
        }
        for row in records
        if row["quantity"] == DETECTABLE
    ]
    kinds = {"question": "short", "effect": "short", "note": "mid"}
    return text_table(people, kinds), text_table(effects, kinds)


def _plan(planned: PlannedStudy) -> str:
    n, complete = planned.participants, sum(planned.complete(planned.participants))
    first, second = planned.enrolled(n)
    how = planned.design.kind_in_words
    if planned.two_groups:
        how += (
            f", {first} to ketamine and {second} to control"
            if planned.design.between_arms
            else f", {first} with ketamine first and {second} with the control drug first"
        )
    left = (
        f"With a drop-out of {number(100 * planned.drop_out, 0)} %, of whoever it may be, "
        f"{complete} are expected to be complete."
        if planned.drop_out
        else "All are taken to be complete."
    )
    return f"The study is planned with {plural(n, 'participant')} ({how}). {left}"


def _assumed(power: Power, planned: PlannedStudy) -> Iterator[str]:
    about = planned.measurement
    if about.reliability == 1:
        yield (
            "Effects are as measured: the reliability of connectivity is taken to be 1, and "
            "measured effects have the error of their study in them already."
        )
    else:
        known, planned_for = power.reliability_minutes, power.minutes
        said = "The reliability of the connectivity of one session is taken to be "
        said += number(about.reliability)
        if known and planned_for and known != planned_for:
            said += (
                f" at {planned_for:g} minutes ({number(power.reliability)} at {known:g}, by the "
                "formula of Spearman and Brown [@spearman1910; @brown1910], an approximation since "
                "minutes of a scan are not independent)"
            )
        yield (
            f"{said}; effects are stated without error of measurement, which attenuates them "
            f"[@spearman1904]: the change has a reliability of {number(about.change_reliability)} "
            "[@rogosa1983]."
        )
    yield (
        "Connectivity before and after treatment, without error, correlates "
        f"{number(about.stability)}."
    )


def _scores(planned: PlannedStudy) -> str:
    scores, name = planned.scores, planned.design.instrument
    return (
        f"{name[0].upper()}{name[1:]} has {_shape(scores.baseline)} at baseline and "
        f"{_shape(scores.followup)} at follow-up; the two correlate {number(scores.correlation)} "
        "before they are cut off and rounded."
    )


def _shape(points: Points) -> str:
    made = summary_of(points)
    return (
        f"a mean of {number(made['mean'], 1)} (SD {number(made['sd'], 1)}, "
        f"{number(100 * made['at_floor'], 0)} % at the floor of {points.floor})"
    )


def _simulated(planned: PlannedStudy, questions: list[str]) -> str:
    tests = [_TESTS[str(planned.design.kind)]] if "change" in questions else []
    if "association" in questions:
        tests.append(
            "associations as partial Spearman correlations of the differences between the drugs"
            if planned.design.within_drugs
            else "associations as partial Spearman correlations of the change with the score at "
            "follow-up, at equal baseline score"
        )
    return (
        f"Power was found by simulation, {planned.studies:,} studies for every number of "
        "participants and effect, each analysed by the tests of the study itself: "
        f"{' and '.join(tests)}, two-sided at α = {planned.level:.4g}."
    )


def _found(question: str, table: pd.DataFrame, needed: pd.DataFrame, planned: PlannedStudy) -> str:
    design, symbol = str(planned.design.kind), SYMBOLS[question]
    own = needed[needed["question"] == question].to_dict("records")
    name = question_name(question, design)
    target = f"{number(100 * planned.target, 0)} %"
    (least,) = (row for row in own if row["quantity"] == DETECTABLE)
    n = planned.participants
    if is_missing(least["value"]):
        said = (
            f"**{name}.** No effect that was simulated has a power of {target} with {n} enrolled."
        )
    else:
        said = (
            f"**{name}.** With {n} enrolled, {symbol} = {number(least['value'])} is found with a "
            f"power of {target} (simulation's error {_between(least, 2)}; by the formula "
            f"{number(least['analytic'])})."
        )
    at_n = table[(table["question"] == question) & (table["n"] == n)]
    powers = dict(zip(at_n["effect"], at_n["power"], strict=True))
    effects = planned.effects[question]
    each = [f"{number(powers[effect])} for {symbol} = {number(effect)}" for effect in effects]
    said += f" The power is {listed(each)}."
    people = [row for row in own if row["quantity"] == NEEDED]
    reached = [
        f"{number(row['value'], 0)} for {symbol} = {number(row['effect'])} ({_between(row, 0)}; "
        f"formula {number(row['analytic'], 0)})"
        for row in people
        if not is_missing(row["value"])
    ]
    if reached:
        said += f" For {target}, the participants to be enrolled are {listed(reached)}."
    for row in people:
        if is_missing(row["value"]):
            formula = ""
            if not is_missing(row["analytic"]):
                formula = f" (by the formula {number(row['analytic'], 0)})"
            said += f" For {symbol} = {number(row['effect'])} it is {row['note']}{formula}."
    return said


def _honesty(table: pd.DataFrame, planned: PlannedStudy) -> str:
    none = table[table["effect"] == 0]
    rates = listed([f"{number(100 * rate, 1)} %" for rate in none["power"]])
    return (
        f"Where there was no effect, {rates} of the studies found one, as α has it "
        f"({number(100 * planned.level, 1)} %). Formulas know neither floors nor ties, nor how "
        "much drop-out varies; where they and the simulation differ, the simulation is of what "
        "will be done."
    )


def _between(row: Row, digits: int) -> str:
    low, high = number(row["ci_low"], digits), number(row["ci_high"], digits)
    return f"{low} to {high}"


def _note(row: Row) -> str:
    return "" if is_missing(row["note"]) else str(row["note"])
