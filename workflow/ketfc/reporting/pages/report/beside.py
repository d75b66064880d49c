"""Remarks on one circuit beside its primary tests, for its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.inference.families import BASELINE, MODERATION, SECONDARY, SENSITIVITY
from ketfc.reporting.gates import flags_of_circuit
from ketfc.reporting.rows import hypothesis_row
from ketfc.reporting.text.beside.influence import left_out
from ketfc.reporting.text.beside.robustness import agreement
from ketfc.reporting.words import compact, interval, is_missing, number, p_equals
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class Remark:
    """A line of a card: what it is about, what is said, and the id of where the rest is."""

    about: str
    said: str
    link: str


@dataclass(frozen=True)
class Tables:
    """The tables beside the tests that hold rows of circuits."""

    hypotheses: pd.DataFrame
    motion: pd.DataFrame
    null: pd.DataFrame
    robustness: pd.DataFrame
    reliability: pd.DataFrame
    shrinkage: pd.DataFrame
    curves: pd.DataFrame
    influence: pd.DataFrame | None = None


def remarks(circuit: str, tables: Tables, design: Design, habenula: Sequence[str]) -> list[Remark]:
    """Return what the other analyses found in a circuit, one line each.

    Parameters
    ----------
    circuit : str
        Its id.
    tables : Tables
        Results of all circuits.
    design : Design
        The study's design.
    habenula : sequence of str
        Sentences on how much habenula a voxel holds.
    """
    hypotheses = tables.hypotheses
    found = [
        Remark(
            f"other methods, {test}",
            agreement(row, tables.robustness, design.alpha),
            "methods-beside",
        )
        for test in ("change", "association")
        if (row := hypothesis_row(hypotheses, circuit, test)) is not None
    ]
    found += _influence(circuit, tables.influence)
    found += _percentile(circuit, tables.null)
    found += _shrunken(circuit, tables.shrinkage)
    found += _reliable(circuit, tables.reliability)
    found += _definitions(circuit, hypotheses)
    found += _family(circuit, hypotheses, SECONDARY, "secondary tests", "other-tests")
    found += _family(circuit, hypotheses, MODERATION, "moderation, exploratory", "moderation")
    found += _family(circuit, hypotheses, BASELINE, "before treatment", "baseline")
    if any(flag.startswith("habenula: ") for flag in flags_of_circuit(circuit, hypotheses)):
        found += [Remark("habenula", said, "habenula") for said in habenula]
    return found


def _influence(circuit: str, influence: pd.DataFrame | None) -> list[Remark]:
    if influence is None:
        return []
    return [
        Remark(f"without each, {test}", left_out(own), "influence")
        for test, own in influence[influence["hypothesis"] == circuit].groupby("test", sort=False)
    ]


def _percentile(circuit: str, null: pd.DataFrame) -> list[Remark]:
    found = []
    for row in null[null["circuit"] == circuit].to_dict("records"):
        said = f"percentile {number(row['percentile'], 1)} among {number(row['n_null'], 0)} pairs"
        if is_missing(row["percentile"]):
            said = f"no percentile: {row['reason']}"
        elif not is_missing(row["unmatched"]):
            said += f", none of them alike in {row['unmatched']}"
        found.append(Remark("among matched pairs", said, "matched"))
    return found


def _shrunken(circuit: str, shrinkage: pd.DataFrame) -> list[Remark]:
    rows = shrinkage[(shrinkage["hypothesis"] == circuit)].to_dict("records")
    said = [
        f"{row['test']} {number(row['shrunken'], signed=True)} "
        f"{interval(row['shrunken_low'], row['shrunken_high'])}"
        for row in rows
        if not is_missing(row["shrunken"])
    ]
    return [Remark("shrunken", "; ".join(said), "shrinkage")] if said else []


def _reliable(circuit: str, reliability: pd.DataFrame) -> list[Remark]:
    rows = reliability[(reliability["hypothesis"] == circuit) & (reliability["used"] == "yes")]
    return [
        Remark(
            "reliability",
            f"ICC {number(row['icc'])} {interval(row['ci_low'], row['ci_high'])} from "
            f"{str(row['source']).replace('-', ' ')}; true share of the change "
            f"{number(row['true_share'])} {interval(row['true_ci_low'], row['true_ci_high'])}",
            "reliability",
        )
        for row in rows.to_dict("records")
        if not is_missing(row["icc"])
    ]


def _definitions(circuit: str, hypotheses: pd.DataFrame) -> list[Remark]:
    rows = hypotheses[
        (hypotheses["family"] == SENSITIVITY)
        & hypotheses["hypothesis"].str.startswith(f"{circuit}.")
    ]
    said = [
        f"{str(row['hypothesis']).removeprefix(f'{circuit}.').replace('-', ' as ', 1)}: "
        f"{row['test']} {_numbers(row, 'p_permutation')}"
        for row in rows.to_dict("records")
    ]
    return [Remark("other definitions", "; ".join(said), "definitions")] if said else []


def _family(
    circuit: str, hypotheses: pd.DataFrame, family: str, about: str, link: str
) -> list[Remark]:
    rows = hypotheses[(hypotheses["family"] == family) & (hypotheses["hypothesis"] == circuit)]
    said = [
        f"{str(row['test']).replace('-', ' ')} {_numbers(row, 'p_holm')}"
        for row in rows.to_dict("records")
        if row["test"] not in ("change", "association") and not is_missing(row["estimate"])
    ]
    return [Remark(about, "; ".join(said), link)] if said else []


def _numbers(row: Mapping[Any, Any], p: str) -> str:
    """Return estimate, p and n of a row of hypotheses.tsv."""
    name = "p" if p == "p_permutation" else "p(Holm)"
    return (
        f"{compact(row['estimate'], signed=True)}, {p_equals(row[p], name)}, "
        f"n = {number(row['n'], 0)}"
    )
