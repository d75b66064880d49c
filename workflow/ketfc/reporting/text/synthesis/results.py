"""A synthesis of several studies in words: results, tables and methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.inference.synthesis.metrics import CORRELATION, DIFFERENCE, DRUGS, PAIRED
from ketfc.inference.synthesis.pooling import TO_POOL
from ketfc.inference.synthesis.table import (
    AGREEING,
    DEFINITIONS,
    FEW,
    INSTRUMENTS,
    ONE_STUDY,
    OTHER_DESIGNS,
    SESSIONS,
    STRATEGIES,
    SUPPRESSED,
)
from ketfc.reporting.tables import Table, flags_of, text_table
from ketfc.reporting.words import coverage, interval, is_missing, number, p_equals, p_value

Row = Mapping[Any, Any]

_FLAGS = {
    OTHER_DESIGNS: "studies of other designs are pooled apart from these",
    DEFINITIONS: "the studies define the circuit in different ways",
    STRATEGIES: "the studies were denoised by different strategies",
    SESSIONS: "the studies compare sessions of different names",
    INSTRUMENTS: "ideation was scored by different instruments",
    SUPPRESSED: "a study gave no number, since a cell was small",
    AGREEING: "the studies agree better than by chance on average, and the error with a known "
    "variance between them stands in for Knapp and Hartung's smaller one",
}

_METRICS = {
    DIFFERENCE: "differences between arms at equal baseline, in units of the measure, with the "
    "variance that each study's own test rests on",
    PAIRED: "mean changes by the standard deviation of the change, corrected for small samples "
    "(SMCC [@gibbons1993])",
    DRUGS: "differences between drugs within participants by the standard deviation of the "
    "difference within orders",
    CORRELATION: "partial Spearman correlations as Fisher's z, with Bonett and Wright's variance "
    "[@bonett2000]",
}


@dataclass(frozen=True)
class SynthesisPage:
    """Sentences and tables of the page of a synthesis.

    Attributes
    ----------
    sentences : list of str
        A result per primary hypothesis, test and design.
    cautions : list of str
        What to keep in mind of which results.
    results, common, studies, without : Table
        Random effects; the same with a common effect; the studies; without each study in turn.
    """

    sentences: list[str]
    cautions: list[str]
    results: Table
    common: Table
    studies: Table
    without: Table


def synthesis_page(
    table: pd.DataFrame, effects: pd.DataFrame, without: pd.DataFrame, *, alpha: float
) -> SynthesisPage:
    """Return what the page of a synthesis says.

    Parameters
    ----------
    table, effects, without : pandas.DataFrame
        ``synthesis.tsv``, ``effects.tsv`` and ``leave_one_out.tsv``, numbers as numbers.
    alpha : float
        Intervals cover 1 − `alpha`.
    """
    text = {"circuit": "mid", "test": "short", "design": "short", "flags": "mid"}
    records = table.to_dict("records")
    pooled = [row for row in records if not is_missing(row["estimate"])]
    return SynthesisPage(
        sentences=[_sentence(row, alpha) for row in records if _is_primary(row)],
        cautions=_cautions(records),
        results=text_table([_result(row) for row in records], text),
        common=text_table([_common(row) for row in pooled], text),
        studies=text_table(
            [_study(row) for row in effects.to_dict("records")],
            text | {"study": "short", "metric": "mid", "no number, since": "mid"},
        ),
        without=text_table(
            [_without(row) for row in without.to_dict("records")], text | {"without": "short"}
        ),
    )


def synthesis_in_words(table: pd.DataFrame, *, alpha: float) -> str:
    """Return the results of a synthesis as lines for the terminal, from ``synthesis.tsv``."""
    records = table.to_dict("records")
    lines = [f"- {_sentence(row, alpha)}" for row in records if _is_primary(row)]
    lines += ["", *_cautions(records)]
    return "\n".join([*lines, "Page: results/synthesis/report.html", ""])


def _is_primary(row: Row) -> bool:
    return str(row["primary"]).lower() in ("true", "1")


def _sentence(row: Row, alpha: float) -> str:
    k = int(row["k"])
    what = f"{row['name']}, {row['test']} ({row['design']})"
    if k < TO_POOL:
        return (
            f"{what}: one study (n = {number(row['n'], 0)}), so that there is nothing to pool; "
            f"{TO_POOL} are the least."
        )
    rho = ""
    if row["metric"] == CORRELATION:
        from math import tanh

        rho = f" (ρ = {number(tanh(float(row['estimate'])))})"
    caution = ""
    if k == TO_POOL:
        caution = (
            " Two studies do not tell how studies vary, and there is no prediction interval: read "
            "the interval, not the p."
        )
    elif k < FEW:
        caution = f" With fewer than {FEW} studies the variance between them is hardly known."
    predicted = ""
    if not is_missing(row["prediction_low"]):
        ends = interval(row["prediction_low"], row["prediction_high"])
        predicted = f", prediction interval {ends}"
    return (
        f"{what}: {number(row['estimate'], signed=True)}{rho}, {coverage(alpha)} interval "
        f"{interval(row['ci_low'], row['ci_high'])}, {p_equals(row['p'])}{predicted}, "
        f"{k} studies, n = {number(row['n'], 0)}; I² = {number(row['i2'], 0)} %.{caution}"
    )


def _cautions(records: list[dict[Any, Any]]) -> list[str]:
    said = [
        f"{len({row['name'] for row in records if flag in str(row['flags']).split(';')})} of "
        f"{plural(len({row['name'] for row in records}), 'circuit')}: {why}."
        for flag, why in _FLAGS.items()
        if any(flag in str(row["flags"]).split(";") for row in records)
    ]
    if any(ONE_STUDY not in str(row["flags"]) for row in records):
        said.append(
            "p values are of each test by itself, two-sided, and not corrected over circuits. An "
            "effect over studies of one arm is no effect of a treatment."
        )
    return said


def _named(row: Row) -> dict[str, str]:
    return {
        "circuit": str(row["name"]),
        "test": str(row["test"]),
        "design": str(row["design"]),
    }


def _result(row: Row) -> dict[str, str]:
    return {
        **_named(row),
        "studies": number(row["k"], 0),
        "n": number(row["n"], 0),
        "effect": number(row["estimate"], signed=True),
        "interval": interval(row["ci_low"], row["ci_high"]),
        "p": p_value(row["p"]),
        "prediction interval": interval(row["prediction_low"], row["prediction_high"]),
        "τ²": number(row["tau2"], 4),
        "Q": "n/a" if is_missing(row["q"]) else f"{number(row['q'])}, {p_equals(row['q_p'])}",
        "I², %": number(row["i2"], 0),
        "flags": flags_of(row),
    }


def _common(row: Row) -> dict[str, str]:
    return {
        **_named(row),
        "studies": number(row["k"], 0),
        "effect": number(row["common_estimate"], signed=True),
        "SE": number(row["common_se"], 3),
        "interval": interval(row["common_ci_low"], row["common_ci_high"]),
    }


def _study(row: Row) -> dict[str, str]:
    return {
        "study": str(row["study"]),
        **_named(row),
        "n": number(row["n"], 0),
        "effect": number(row["estimate"], signed=True),
        "interval": interval(row["ci_low"], row["ci_high"]),
        "metric": "n/a" if is_missing(row["metric"]) else str(row["metric"]),
        "no number, since": "" if is_missing(row["suppressed"]) else str(row["suppressed"]),
    }


def _without(row: Row) -> dict[str, str]:
    return {
        **_named(row),
        "without": str(row["left_out"]),
        "studies": number(row["k"], 0),
        "effect": number(row["estimate"], signed=True),
        "interval": interval(row["ci_low"], row["ci_high"]),
        "p": p_value(row["p"]),
        "I², %": number(row["i2"], 0),
    }


def synthesis_methods(
    table: pd.DataFrame, effects: pd.DataFrame, versions: Mapping[str, str], *, alpha: float
) -> str:
    """Return the methods of a synthesis, with citations as pandoc reads them.

    Parameters are those of :func:`synthesis_page`, and software with its versions.
    """
    studies = list(dict.fromkeys(effects["study"]))
    designs = list(dict.fromkeys(effects["design"]))
    metrics = set(effects["metric"].dropna())
    kinds = [said for metric, said in _METRICS.items() if metric in metrics]
    text = (
        f"# Methods\n\n{'One study' if len(studies) == 1 else f'{len(studies)} studies'} "
        f"({listed(studies)}) of "
        f"{plural(len(designs), 'design')} ({listed(designs)}) gave the sufficient statistics of "
        "their hypotheses, without data of participants. "
        f"Effects are {listed(kinds)}. Each hypothesis was pooled over studies of the same design "
        "alone"
    )
    if len(designs) > 1:
        text += "; designs were never mixed, since their effects are not the same quantity"
    text += (
        f". From {TO_POOL} studies on, random effects were estimated by restricted maximum "
        "likelihood (PyMARE), with the interval and test of Knapp and Hartung [@knapp2003], never "
        "on a smaller error than with the variance between studies known [@rover2015], "
        "Cochran's Q, I² and, from three studies on, a prediction interval by t with k − 2 "
        "degrees of freedom [@higgins2009]; the inverse-variance mean under a common effect and "
        "the results without each study stand beside them. "
        f"Intervals cover {coverage(alpha)}. p values are not corrected over circuits.\n\n"
        f"Software: {listed([f'{name} {version}' for name, version in versions.items()])}.\n\n"
        "Research use only: these are results about groups, not predictions for a patient.\n"
    )
    return text
