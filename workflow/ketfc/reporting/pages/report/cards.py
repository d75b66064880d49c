"""Cards of the primary hypotheses: one test each, with its interval as a bar."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.inference.families import SECONDARY
from ketfc.reporting.rows import STATES, hypothesis_row, primary_circuits, state_of
from ketfc.reporting.tables import effect_of
from ketfc.reporting.words import (
    as_number,
    compact,
    is_missing,
    number,
    p_value,
)
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class Outcome:
    """One test of a card.

    Attributes
    ----------
    state : str
        ``found`` (p after Holm not above alpha), ``open`` (above) or ``none`` (no result).
    estimate, interval : str
        With three significant digits; the interval is that which belongs to the p after Holm, and
        leaves out zero exactly where it is found.
    secondary : bool
        Whether the study's primary question is another.
    size : str
        Effect size with its standardiser, where it is another number than the estimate.
    bar : tuple of four floats, or None
        Left end, estimate and right end of that interval and the place of zero, in per cent of
        the width that all cards share.
    """

    state: str
    label: str
    secondary: bool
    estimate: str
    size: str
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
    tests: dict[str, Outcome]


_TESTS = ("change", "association")


def cards(hypotheses: pd.DataFrame, design: Design) -> list[Card]:
    """Return one card per primary hypothesis, in the order of the table."""
    circuits = primary_circuits(hypotheses)
    alpha = design.alpha
    reach = {test: _reach(hypotheses, list(circuits), test) for test in _TESTS}
    return [
        Card(
            circuit,
            name,
            {
                test: _outcome(row, name, reach[test], alpha)
                for test in _TESTS
                if (row := hypothesis_row(hypotheses, circuit, test)) is not None
            },
        )
        for circuit, name in circuits.items()
    ]


def _reach(hypotheses: pd.DataFrame, circuits: list[str], test: str) -> float:
    """Return the largest distance from zero of any interval, at which the bars end."""
    rows = hypotheses[(hypotheses["test"] == test) & hypotheses["hypothesis"].isin(circuits)]
    ends = rows[["estimate", "ci_holm_low", "ci_holm_high"]].apply(pd.to_numeric, errors="coerce")
    largest = ends.abs().max(axis=None)
    return float(largest) if largest > 0 else 1.0


def _outcome(row: Mapping[str, Any], name: str, reach: float, alpha: float) -> Outcome:
    estimate, p = as_number(row["estimate"]), as_number(row["p_holm"])
    state = state_of(row, alpha)
    ends = [as_number(row[key]) for key in ("ci_holm_low", "estimate", "ci_holm_high")]
    bar = None
    if state != "none" and not any(map(math.isnan, ends)):
        low, middle, high = (round(50 + 48 * end / reach, 2) for end in ends)
        bar = (low, middle, high, 50.0)
    return Outcome(
        state=state,
        label=STATES[state],
        secondary=row["family"] == SECONDARY,
        estimate=f"{'+' if estimate > 0 else ''}{compact(estimate)}",
        size="" if row["effect_size"] == row["estimate"] else effect_of(row),
        interval=f"[{compact(ends[0])}, {compact(ends[2])}]",
        p=p_value(p),
        n=number(row["n"], 0),
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
