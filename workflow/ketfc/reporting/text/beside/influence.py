"""Influence and stability: sentences, a table, the caption of the figure and the methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.inference.influence.left_out import (
    INFLUENTIAL,
    LARGE,
    NOBODY,
    PARTICIPANT,
    SIGN,
    SIGNIFICANCE,
    SITE,
)
from ketfc.inference.influence.stability import ROWS
from ketfc.reporting.tables import Table, flags_of, text_table
from ketfc.reporting.words import (
    as_number,
    as_text,
    compact,
    is_missing,
    number,
    p_equals,
    sentence,
    span,
)
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class InfluenceSection:
    """The report's section on influence and stability.

    Attributes
    ----------
    sentences : list of str
        A sentence per test on who or what decides it.
    table : Table
        Resamples, halves and reliability of every primary test.
    order : str
        Where the order of enrolment is from.
    """

    sentences: list[str]
    table: Table
    order: str


def influence_section(
    influence: pd.DataFrame | None, stability: pd.DataFrame | None
) -> InfluenceSection | None:
    """Return the report's section on influence and stability.

    Parameters
    ----------
    influence, stability : pandas.DataFrame or None
        ``tests/influence.tsv`` and ``tests/stability.tsv``; without them there is no section.
    """
    if influence is None or stability is None:
        return None
    said = []
    for keys, own in influence.groupby(["hypothesis", "test"], sort=False):
        name = sentence(str(own["name"].iloc[0]))
        said.append(f"{name}, {keys[1]}: {left_out(own)}.")
    return InfluenceSection(said, _table(stability), _order(stability))


def left_out(own: pd.DataFrame) -> str:
    """Return in words what leaving out participants and sites does to one test.

    `own` are its rows of ``tests/influence.tsv``.
    """
    whole = own[own["left_out"] == NOBODY].iloc[0]
    if is_missing(whole["estimate"]):
        return "not tested"
    parts = []
    for kind in (PARTICIPANT, SITE):
        rows = own[own["left_out"] == kind]
        estimates = pd.to_numeric(rows["estimate"], errors="coerce").dropna()
        if not len(estimates):
            continue
        low, high = (number(end, signed=True) for end in (estimates.min(), estimates.max()))
        text = f"{low} to {high} without each {kind} in turn"
        told = []
        for flag, words in (
            (INFLUENTIAL, "moved by a standard error or more by {}"),
            (SIGN, "its sign turns without {}"),
            (SIGNIFICANCE, "its p crosses the level without {}"),
        ):
            labels = [
                str(row["label"])
                for row in rows.to_dict("records")
                if flag in as_text(row["flags"]).split(";")
            ]
            if labels:
                told.append(words.format(_named(labels, kind)))
        parts.append("; ".join([text, *told]))
    return f"{number(whole['estimate'], signed=True)}; {'. '.join(map(sentence, parts))}"


def _named(labels: list[str], kind: str) -> str:
    """Name up to five, and count more."""
    return listed(labels) if len(labels) <= 5 else f"any of {plural(len(labels), kind)}"


def _table(stability: pd.DataFrame) -> Table:
    rows = [_row(row) for row in stability.to_dict("records")]
    return text_table(rows, {"circuit": "mid", "test": "short", "flags": "short", "note": "wide"})


def _row(row: dict[Any, Any]) -> dict[str, str]:
    def half(which: str) -> str:
        n = f"n = {number(row[f'n_{which}'], 0)}"
        if is_missing(row[f"estimate_{which}"]):
            return f"not tested ({n})"
        estimate = compact(row[f"estimate_{which}"], signed=True)
        return f"{estimate} ({p_equals(row[f'p_{which}'])}, {n})"

    ranks = f"{number(row['rank_low'], 0)} to {number(row['rank_high'], 0)}"
    return {
        "circuit": sentence(str(row["name"])),
        "test": str(row["test"]),
        "estimate": compact(row["estimate"], signed=True),
        "same sign in resamples": _per_cent(row["share_same_sign"]),
        "rank": f"{number(row['rank'], 0)} of {number(row['ranked'], 0)}",
        "rank in resamples": ranks if "n/a" not in ranks else "n/a",
        "first half": half("first"),
        "second half": half("second"),
        "difference": compact(row["difference"], signed=True),
        "its interval": span(row["difference_low"], row["difference_high"]),
        "ICC of a session": number(row["session_icc"]),
        "flags": flags_of(row),
        "note": as_text(row["note"]),
    }


def _per_cent(share: object) -> str:
    text = number(100 * as_number(share), 0)
    return text if text == "n/a" else f"{text} %"


def _order(stability: pd.DataFrame) -> str:
    """Say where the order of enrolment is from."""
    if stability.empty:
        return ""
    order = str(stability["order"].iloc[0])
    if order != ROWS:
        return f"The order of enrolment is that of “{order}”."
    return (
        "The order of enrolment is taken to be that of the rows of the participants table "
        "(statistics.enrolment names no covariate); if these are sorted otherwise, the halves say "
        "nothing of time."
    )


def influence_methods(stability: pd.DataFrame | None) -> list[str]:
    """Return the paragraph of the methods on influence and stability; nothing without tests.

    From ``tests/stability.tsv``.
    """
    if stability is None:
        return []
    drawn = stability["resamples"].map(as_number).dropna()
    if drawn.empty or not drawn.max() > 0:
        return []
    order = str(stability["order"].iloc[0])
    by = "the rows of the participants table" if order == ROWS else order
    return [
        "Every primary test was repeated, model, interval and p alike, without each participant "
        "and without each block (site, where the config names one); who moved an estimate by "
        f"{LARGE:g} or more of its standard errors is called influential "
        "(`tests/influence.tsv`). "
        f"Whole participants were drawn with replacement {drawn.max():.0f} times, within the "
        "blocks, arms or orders of the test, to see how often an estimate keeps its sign and the "
        "circuits the order of their |t| [@efron1993]. Each test was repeated in the earlier and "
        f"the later half of its participants, in the order of enrolment ({by}), and the halves "
        "compared by an interval made of theirs [@zou2007] (`tests/stability.tsv`). No p of "
        "these is corrected, and they decide nothing."
    ]


def influence_caption(design: Design) -> str:
    """Return the caption of the figure of who and what is left out."""
    sites = " Squares: without each site." if design.terms.blocks else ""
    return (
        "Each point is the estimate of the primary test without one participant, in ascending "
        f"order, with its interval.{sites} Black: p ≤ {design.alpha:g}, not corrected; "
        "dashed: the estimate with everybody, whose p and n stand above. Named are those "
        f"without whom the estimate moves by {LARGE:g} or more of its standard errors."
    )
