"""Cards of the primary hypotheses: one test each, with its interval as a bar."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ketfc.reporting.rows import hypothesis_row, primary_circuits
from ketfc.reporting.words import (
    as_number,
    interval,
    is_missing,
    number,
    p_value,
    whole,
)
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class Outcome:
    """One test of a card.

    Attributes
    ----------
    state : str
        ``found`` (p after Holm below alpha), ``open`` (not below) or ``none`` (no result).
    bar : tuple of four floats, or None
        Left end, estimate and right end of the interval and the place of zero, in per cent of
        the width that all cards share.
    """

    state: str
    label: str
    estimate: str
    interval: str
    p: str
    n: str
    verdict: str
    flags: list[str]
    bar: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class Card:
    """One primary hypothesis with its tests, by ``change`` and ``association``."""

    circuit: str
    name: str
    tests: dict[str, Outcome] = field(default_factory=dict)


_LABELS = {"found": "evidence", "open": "no evidence", "none": "no result"}


def cards(hypotheses: pd.DataFrame, design: Design) -> list[Card]:
    """Return one card per primary hypothesis, in the order of the table."""
    circuits = primary_circuits(hypotheses)
    alpha = design.alpha
    reach = {test: _reach(hypotheses, list(circuits), test) for test in ("change", "association")}
    shown = []
    for circuit, name in circuits.items():
        tests = {}
        for test in ("change", "association"):
            row = hypothesis_row(hypotheses, circuit, test)
            if row is not None:
                tests[test] = _outcome(row, name, test, reach[test], alpha)
        shown.append(Card(circuit=circuit, name=name, tests=tests))
    return shown


def _reach(hypotheses: pd.DataFrame, circuits: list[str], test: str) -> float:
    """Return the largest distance from zero of any interval, at which the bars end."""
    rows = hypotheses[(hypotheses["test"] == test) & hypotheses["hypothesis"].isin(circuits)]
    ends = pd.concat(
        [pd.to_numeric(rows[c], errors="coerce") for c in ("estimate", "ci_low", "ci_high")]
    )
    largest = ends.abs().max()
    return float(largest) if largest > 0 else 1.0


def _outcome(row: Mapping[str, Any], name: str, test: str, reach: float, alpha: float) -> Outcome:
    estimate, p = as_number(row["estimate"]), as_number(row["p_holm"])
    state = "found" if p < alpha else "open"
    if math.isnan(estimate) or math.isnan(p):
        state = "none"
    ends = [as_number(row[key]) for key in ("ci_low", "estimate", "ci_high")]
    bar = None
    if state != "none" and not any(map(math.isnan, ends)):
        low, middle, high = (round(50 + 48 * end / reach, 2) for end in ends)
        bar = (low, middle, high, 50.0)
    return Outcome(
        state=state,
        label=_LABELS[state],
        estimate=number(estimate, signed=True),
        interval=interval(row["ci_low"], row["ci_high"]),
        p=p_value(p),
        n=whole(row["n"]),
        verdict=_without_name(row["verdict"], name),
        flags=[] if is_missing(row["flags"]) else str(row["flags"]).split(";"),
        bar=bar,
    )


def _without_name(verdict: Any, name: str) -> str:
    """Return a verdict without the circuit's name, which the card has as its heading."""
    if is_missing(verdict):
        return ""
    text = str(verdict).removeprefix(f"{name}: ")
    return text[:1].upper() + text[1:]
