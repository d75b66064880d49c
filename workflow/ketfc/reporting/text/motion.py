"""Sentences and tables of the report on head motion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.base.english import listed
from ketfc.base.files import MISSING
from ketfc.inference.motion.gate import CHANGED, FOLLOWS
from ketfc.inference.motion.qcfc import CHANGE
from ketfc.inference.motion.sessions import MEASURES
from ketfc.reporting.design_words import arms_of, motion_given
from ketfc.reporting.rows import motion_row, primary_circuits
from ketfc.reporting.tables import Table, text_table
from ketfc.reporting.words import (
    as_number,
    as_text,
    compact,
    coverage,
    interval,
    is_missing,
    number,
    p_equals,
    p_value,
    sentence,
)
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class MotionSection:
    """The report's section on head motion."""

    sentences: list[str]
    circuits: Table
    changes: Table
    strategies: Table


def motion_section(
    motion: pd.DataFrame, qcfc: pd.DataFrame, hypotheses: pd.DataFrame, design: Design
) -> MotionSection:
    """Return the report's section on head motion.

    Parameters
    ----------
    motion, qcfc : pandas.DataFrame
        ``quality/motion.tsv`` and ``quality/qcfc.tsv``.
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``.

    Returns
    -------
    MotionSection
        Sentences on motion itself, on the circuits' changes, on what the gate cannot see and on
        the edges; tables of the primary circuits, of the measures of motion, of the strategies.
    """
    circuits = primary_circuits(hypotheses)
    return MotionSection(
        sentences=[
            *_of_motion_itself(motion, design),
            *_of_circuits(motion, circuits, design),
            *_of_edges(qcfc, design),
        ],
        circuits=_circuit_table(motion, circuits, design),
        changes=_change_table(motion),
        strategies=_strategy_table(qcfc),
    )


def _of_motion_itself(motion: pd.DataFrame, design: Design) -> list[str]:
    row = motion_row(motion, None, None, "change")
    if row is None:
        return ["Framewise displacement was not measured: nothing can be said of motion."]
    if not is_missing(row["reason"]):
        return [f"Whether mean FD changed could not be tested: {row['reason']}."]
    numbers = (
        f"{number(row['estimate'], 3, signed=True)} mm, {coverage(design.alpha)} interval "
        f"{interval(row['ci_low'], row['ci_high'], 3)}, {p_equals(row['p_permutation'])}, "
        f"n = {number(row['n'], 0)}"
    )
    arms = arms_of(design)
    what = (
        f"a difference in motion between {arms[0].label} and {arms[1].label} at "
        f"{design.followup}, given {design.baseline}"
        if len(arms) == 2
        else f"a change in motion from {design.baseline} to {design.followup}"
    )
    if row["gate"] == CHANGED:
        return [
            f"There is evidence for {what} (mean FD {numbers}): every test of change has the flag "
            f"{CHANGED}."
        ]
    return [
        f"There is no evidence for {what} (mean FD {numbers}). That is not evidence for equal "
        "motion."
    ]


def _of_circuits(motion: pd.DataFrame, circuits: Mapping[str, str], design: Design) -> list[str]:
    rows = {
        name: motion_row(motion, circuit, design.strategy, "follows")
        for circuit, name in circuits.items()
    }
    tested = {name: row for name, row in rows.items() if row and is_missing(row["reason"])}
    if not tested:
        reasons = {str(row["reason"]) for row in rows.values() if row}
        why = f": {listed(sorted(reasons))}" if reasons else ""
        return [f"Whether a circuit's change follows motion could not be tested{why}."]
    found = [
        f"{name} (r = {number(row['estimate'])}, {p_equals(row['p_permutation'])})"
        for name, row in tested.items()
        if row["gate"] == FOLLOWS
    ]
    alpha, m = design.alpha, len(tested)
    by_chance = 100 * (1 - (1 - alpha) ** m)
    known = motion_given(design)
    given = f", given {known}," if known else ""
    said = (
        f"the change of {listed(found)} is associated with the change in mean FD over "
        f"participants{given} "
        f"and has the flag {FOLLOWS}"
        if found
        else "no change of a primary circuit is detectably associated with the change in mean "
        f"FD{given}"
    )
    return [
        f"At the primary strategy, {said} ({len(found)} of {m} tested). The gate fires by chance "
        f"at {compact(alpha)} per circuit, uncorrected: were no change related to motion, and the "
        f"circuits independent, {compact(round(by_chance))} % of studies with {m} circuits would "
        "have a flag.",
        "The gate cannot see motion that rose by the same amount in everybody, since then nothing "
        "varies that a change could follow; and small samples seldom fire. Silence is not evidence "
        "that motion explains nothing. Nor does a flag mean that motion explains all: the estimate "
        "at equal motion is in the table.",
    ]


def _of_edges(qcfc: pd.DataFrame, design: Design) -> list[str]:
    rows = qcfc[(qcfc["strategy"] == design.strategy) & (qcfc["role"] == CHANGE)]
    if rows.empty:
        return []
    row = {str(key): value for key, value in rows.iloc[0].items()}
    if not is_missing(row["reason"]):
        return [f"Changes of edges and of motion were not compared: {row['reason']}."]
    return [
        f"Over all {number(row['n_edges'], 0)} edges of {row['atlas']} and n = "
        f"{number(row['n'], 0)} participants{_given(row)}, the change in Fisher z and that in mean "
        f"FD have a median |r| of {number(row['median_abs_r'])} "
        f"({number(row['median_abs_r_expected'])} is expected where no edge is associated with "
        f"motion); {_percent(row['share_significant'])} of the edges have p < "
        f"{compact(row['share_expected'])} ({_percent(row['share_expected'])} expected); "
        f"Spearman's ρ with the distance of the regions is {number(row['distance_rho'])}. "
        "Edges are not independent, so these numbers have no p of their own."
    ]


def _given(row: Mapping[str, Any]) -> str:
    """Return in words what the correlations of a row of ``quality/qcfc.tsv`` are given."""
    given = row["adjusted_for"]
    return "" if is_missing(given) else f", given {listed(str(given).split(';'))}"


def _percent(value: Any) -> str:
    return f"{number(100 * as_number(value), 1)} %"


def _circuit_table(motion: pd.DataFrame, circuits: Mapping[str, str], design: Design) -> Table:
    primary = design.strategy
    gates = motion[motion["test"] == "follows"]
    rows = []
    for circuit, name in circuits.items():
        row = motion_row(motion, circuit, primary, "follows")
        equal = motion_row(motion, circuit, primary, "change-at-equal-motion")
        if row is None or equal is None:
            continue
        others = gates[(gates["circuit"] == circuit) & (gates["strategy"] != primary)]
        fired = list(others.loc[others["gate"] == FOLLOWS, "strategy"].astype(str))
        rows.append(
            {
                "circuit": sentence(name),
                "r, Δ mean FD × ΔFC": number(row["estimate"], signed=True),
                "interval of r": interval(row["ci_low"], row["ci_high"]),
                "p": p_value(row["p_permutation"]),
                "n": number(row["n"], 0),
                "gate": str(row["reason" if is_missing(row["gate"]) else "gate"]),
                "Δz at equal motion": number(equal["estimate"], signed=True),
                "interval of Δz": interval(equal["ci_low"], equal["ci_high"]),
                "follows at other strategies": (", ".join(fired) or "none")
                if len(others)
                else MISSING,
            }
        )
    return _as_it_is(rows)


def _change_table(motion: pd.DataFrame) -> Table:
    rows = [
        {
            "measure": MEASURES[str(row["measure"])],
            "test": str(row["test"]),
            "estimate": number(row["estimate"], 3, signed=True),
            "interval": interval(row["ci_low"], row["ci_high"], 3),
            "p": p_value(row["p_permutation"]),
            "n": number(row["n"], 0),
            "reason": as_text(row["reason"]),
        }
        for row in motion[motion["circuit"].isna()].to_dict("records")
    ]
    return _as_it_is(rows)


def _strategy_table(qcfc: pd.DataFrame) -> Table:
    rows = [
        {
            "strategy": str(row["strategy"]),
            "session": str(row["role"]),
            "n": number(row["n"], 0),
            "df of r": number(row["df"], 0),
            "edges": number(row["n_edges"], 0),
            "median |r|": number(row["median_abs_r"]),
            "expected": number(row["median_abs_r_expected"]),
            f"p < {compact(row['share_expected'])}": _percent(row["share_significant"]),
            "ρ with distance": number(row["distance_rho"], signed=True),
            "df left": number(row["tdof_mean"], 1),
            "df lost": number(row["tdof_lost_mean"], 1),
            "reason": as_text(row["reason"]),
        }
        for row in qcfc.to_dict("records")
    ]
    return _as_it_is(rows)


_TEXT = ("circuit", "measure", "test", "strategy", "session", "gate", "reason")


def _as_it_is(rows: list[dict[str, str]]) -> Table:
    """Return rows of finished text, without a column of reasons where there are none."""
    if all(row.get("reason") == MISSING for row in rows):
        rows = [{name: cell for name, cell in row.items() if name != "reason"} for row in rows]
    return text_table(rows, dict.fromkeys((*_TEXT, "follows at other strategies"), "mid"))
