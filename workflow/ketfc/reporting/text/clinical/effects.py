"""Effects on the scores: sentences for the terminal, tables for the report, and the methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.base.english import listed
from ketfc.inference.clinical.changes import (
    BETWEEN_ARMS,
    BETWEEN_DRUGS,
    CHANGE_SD,
    WITHIN_ARM,
)
from ketfc.inference.clinical.effects import BETWEEN_SCALES, UNADJUSTED
from ketfc.inference.clinical.parts import SMALL_CELL
from ketfc.inference.clinical.responses import (
    EMPTY_CELL,
    NEEDED_TO_HARM,
    NEEDED_TO_TREAT,
    NOT_ESTIMABLE,
    ODDS_RATIO,
    RISK_DIFFERENCE,
    RISK_RATIO,
)
from ketfc.inference.core.effect_sizes import DZ_WITHIN_ORDER, FOLLOWUP_SD
from ketfc.reporting.tables import Table, flags_of, kind_of_effect, text_table
from ketfc.reporting.words import (
    as_number,
    coverage,
    interval,
    is_missing,
    number,
    p_equals,
    p_value,
)
from ketfc.study.design.design import Design

Row = Mapping[Any, Any]
"""A row of ``clinical/effects.tsv``."""

_KEYS = ["by", "level", "scale", "instrument", "item", "reference", "role"]


@dataclass(frozen=True)
class EffectsSection:
    """The report's section on effects on the scores.

    Attributes
    ----------
    sentences : list of str
        What can be compared in this design.
    between, shares, within, correlations : Table
        Differences between treatments, response and remission, changes within arms, and changes in
        ideation with those in depression.
    """

    sentences: list[str]
    between: Table
    shares: Table
    within: Table
    correlations: Table


def effects_section(effects: pd.DataFrame, design: Design) -> EffectsSection:
    """Return the report's section on effects on the scores.

    Parameters
    ----------
    effects : pandas.DataFrame
        ``clinical/effects.tsv``, numbers as numbers.
    design : Design
        The study's design.
    """
    text = {"score": "mid", "in": "short", "sessions": "short", "flags": "short"}
    of_score = effects[effects["outcome"] == "score"]
    between = of_score[of_score["contrast"].isin([BETWEEN_ARMS, BETWEEN_DRUGS])]
    within = of_score[of_score["contrast"] == WITHIN_ARM]
    related = effects[effects["contrast"] == BETWEEN_SCALES]
    return EffectsSection(
        sentences=_about(effects, design),
        between=text_table(
            [_score_row(row, design) for row in between.to_dict("records")],
            text | {"kind of g": "mid"},
        ),
        shares=text_table(
            [_share_row(rows, design) for rows in _by_outcome(effects)],
            text | {"outcome": "short"},
        ),
        within=text_table(
            [_score_row(row, design) for row in within.to_dict("records")],
            text | {"arm": "short", "kind of g": "mid"},
        ),
        correlations=text_table(
            [_correlation_row(row, design) for row in related.to_dict("records")],
            text | {"with the change in": "mid"},
        ),
    )


def effects_in_words(effects: pd.DataFrame, design: Design) -> str:
    """Return the effects over everybody as lines for the terminal.

    Parameters are those of :func:`effects_section`.
    """
    lines = [f"Scores of {design.study}, {design.kind_in_words}; whoever has a score counts"]
    everybody = effects[effects["by"] == "all"]
    for _, rows in everybody.groupby(_KEYS, sort=False, dropna=False):
        first = rows.iloc[0].to_dict()
        lines += ["", f"{_score(first)}, {_sessions(first, design)}"]
        lines += [f"  {line}" for line in _lines(rows, design)]
    if everybody.empty:
        lines += ["", "No change in a score can be described."]
    lines += ["", *_about(effects, design)]
    return "\n".join([*lines, "Tables: results/clinical; figure: results/figures/clinical.png", ""])


def _lines(rows: pd.DataFrame, design: Design) -> Iterator[str]:
    for row in rows[rows["outcome"] == "score"].to_dict("records"):
        what = str(row["effect"])
        if row["contrast"] == WITHIN_ARM:
            what = f"within {row['arm']}, {what}" if row["arm"] != "all" else what
        elif row["contrast"] == BETWEEN_ARMS:
            what = f"{design.arms['ketamine']} − {design.arms['control']}, {what}"
        p = "" if is_missing(row["p"]) else f", {p_equals(row['p'])}"
        yield (
            f"{what}: {number(row['estimate'], signed=True)} "
            f"{interval(row['ci_low'], row['ci_high'])}{p}, n = {number(row['n'], 0)}"
        )
        if not is_missing(row["effect_size"]):
            size = number(row["effect_size"], signed=True)
            ends = interval(row["effect_size_ci_low"], row["effect_size_ci_high"])
            yield f"  g = {size} {ends} ({kind_of_effect(row)})"
    for outcome in _by_outcome(rows):
        yield _outcome_in_words(outcome, design)
    for row in rows[rows["contrast"] == BETWEEN_SCALES].to_dict("records"):
        yield (
            f"{row['outcome']}: ρ = {number(row['estimate'])} "
            f"{interval(row['ci_low'], row['ci_high'])}, {p_equals(row['p'])}, "
            f"n = {number(row['n'], 0)}"
        )


def _outcome_in_words(rows: Mapping[str, Row], design: Design) -> str:
    row = rows[RISK_DIFFERENCE]
    shares = " against ".join(
        f"{_share(row, role)} ({_treatment(design, role)})" for role in ("ketamine", "control")
    )
    once = _once(row, design)
    if is_missing(row["estimate"]):
        return f"{row['outcome']}: {shares}{once}; not compared"
    ratios = ", ".join(
        f"{name} {_estimate(rows[name])}"
        for name in (RISK_DIFFERENCE, RISK_RATIO, ODDS_RATIO)
        if name in rows and not is_missing(rows[name]["estimate"])
    )
    return (
        f"{row['outcome']}: {shares}{once}; {ratios}; {row['p_method']} {p_equals(row['p'])}; "
        f"{_needed(rows)}"
    )


def _treatment(design: Design, role: str) -> str:
    return (design.arms or design.drugs)[role]


def _once(row: Row, design: Design) -> str:
    """Return how many had the outcome after one drug alone; empty between arms."""
    if is_missing(row["only_ketamine"]):
        return ""
    counts = (
        f"{number(row[f'only_{role}'], 0)} after {_treatment(design, role)}"
        for role in ("ketamine", "control")
    )
    return f" (after one alone: {listed(list(counts))})"


def _needed(rows: Mapping[str, Row]) -> str:
    name = NEEDED_TO_TREAT if NEEDED_TO_TREAT in rows else NEEDED_TO_HARM
    if NOT_ESTIMABLE in str(rows[name]["flags"]):
        return f"{name} not estimable (the interval of the difference holds 0)"
    return f"{name} {_estimate(rows[name], 1)}"


def _estimate(row: Row, digits: int = 2) -> str:
    return f"{number(row['estimate'], digits)} {interval(row['ci_low'], row['ci_high'], digits)}"


def _share(row: Row, role: str) -> str:
    events, of = as_number(row[f"events_{role}"]), as_number(row[f"n_{role}"])
    per_cent = f", {100 * events / of:.0f} %" if of else ""
    return f"{number(events, 0)} of {number(of, 0)}{per_cent}"


def _by_outcome(effects: pd.DataFrame) -> Iterator[dict[str, Row]]:
    """Yield the comparisons of every response and remission, by kind of effect."""
    shares = effects[effects["outcome"].isin(["response", "remission"])]
    for _, rows in shares.groupby([*_KEYS, "outcome"], sort=False, dropna=False):
        yield {str(row["effect"]): row for row in rows.to_dict("records")}


def _score(row: Row) -> str:
    without = " without its suicide item" if row["item"] == "total-less-si-item" else ""
    return f"{row['instrument']}{without}"


def _sessions(row: Row, design: Design) -> str:
    if is_missing(row["reference"]):
        return "change"
    hours = "" if is_missing(row["hours"]) else f" ({number(row['hours'], 0)} h)"
    return f"{design.sessions[row['reference']]} → {design.sessions[row['role']]}{hours}"


def _named(row: Row, design: Design) -> dict[str, str]:
    return {"score": _score(row), "in": str(row["level"]), "sessions": _sessions(row, design)}


def _score_row(row: Row, design: Design) -> dict[str, str]:
    within = row["contrast"] == WITHIN_ARM
    arm = {"arm": "everybody" if row["arm"] == "all" else str(row["arm"])} if within else {}
    sizes = {} if within else {"of each arm": _sizes(row)}
    return {
        **_named(row, design),
        **arm,
        "change" if within else "difference": number(row["estimate"], signed=True),
        "interval": interval(row["ci_low"], row["ci_high"]),
        "g": number(row["effect_size"], signed=True),
        "its interval": interval(row["effect_size_ci_low"], row["effect_size_ci_high"]),
        "kind of g": "n/a" if is_missing(row["effect_size_type"]) else kind_of_effect(row),
        "p": p_value(row["p"]),
        "n": number(row["n"], 0),
        **sizes,
        "flags": flags_of(row),
    }


def _sizes(row: Row) -> str:
    if is_missing(row["n_ketamine"]):
        return "n/a"
    return f"{number(row['n_ketamine'], 0)} + {number(row['n_control'], 0)}"


def _share_row(rows: Mapping[str, Row], design: Design) -> dict[str, str]:
    row = rows[RISK_DIFFERENCE]
    compared = not is_missing(row["estimate"])
    flags = [name for name in (EMPTY_CELL, SMALL_CELL) if any(name in str(r) for r in _flags(rows))]
    return {
        **_named(row, design),
        "outcome": str(row["outcome"]),
        **{_treatment(design, role): _share(row, role) for role in ("ketamine", "control")},
        **_alone(row),
        **{
            name: _estimate(rows[name]) if name in rows else "n/a"
            for name in (RISK_DIFFERENCE, RISK_RATIO, ODDS_RATIO)
        },
        "exact p": p_value(row["p"]),
        "number needed": _needed(rows) if compared else "n/a",
        "flags": ", ".join(flags),
    }


def _alone(row: Row) -> dict[str, str]:
    if is_missing(row["only_ketamine"]):
        return {}
    counts = (number(row[f"only_{role}"], 0) for role in ("ketamine", "control"))
    return {"after one alone": " and ".join(counts)}


def _flags(rows: Mapping[str, Row]) -> list[Any]:
    return [row["flags"] for row in rows.values()]


def _correlation_row(row: Row, design: Design) -> dict[str, str]:
    return {
        **_named(row, design),
        "with the change in": str(row["outcome"]).removeprefix("change with that in "),
        "ρ": number(row["estimate"]),
        "interval": interval(row["ci_low"], row["ci_high"]),
        "p": p_value(row["p"]),
        "n": number(row["n"], 0),
        "flags": flags_of(row),
    }


def _about(effects: pd.DataFrame, design: Design) -> list[str]:
    """Return what these numbers are and are not, in sentences."""
    said = []
    if design.between_arms:
        arms = f"{design.arms['ketamine']} − {design.arms['control']}"
        said.append(
            f"Differences between arms are {arms}; below zero, the score fell further in the "
            f"{design.arms['ketamine']} arm. Changes within an arm hold whatever else happens with "
            "time, and are no effect of a treatment."
        )
    elif design.within_drugs:
        said.append(
            "Differences between drugs are within participants, at equal period. Changes since the "
            "first session hold whatever else happens with time, and are no effect of a treatment. "
            "Response and remission after the two drugs, from the session before both, are those "
            "of the same people, compared in who had the outcome after one of them alone; that is "
            "not adjusted for period."
        )
    else:
        said.append(
            "There is no control arm: changes hold whatever else happens with time, and are no "
            "effect of a treatment; responses are counted in clinical/summary.tsv."
        )
    said.append("p values are two-sided and not corrected over scores, sessions and strata.")
    if effects["flags"].astype(str).str.contains(SMALL_CELL).any():
        said.append("Strata with fewer than five participants in an arm are not compared.")
    return said


def effects_methods(effects: pd.DataFrame, design: Design) -> list[str]:
    """Return the paragraph of the methods on effects on the scores; none where there are none.

    Parameters are those of :func:`effects_section`.
    """
    if effects.empty:
        return []
    kinds = set(effects["effect_size_type"].dropna())
    between = effects["contrast"].isin([BETWEEN_ARMS, BETWEEN_DRUGS])
    text = "Scores were analysed in everybody who had them, with or without images"
    if design.between_arms:
        changes = bool((effects["effect"] == UNADJUSTED).any())
        text += (
            ": arms were compared in "
            + ("mean change, baselines being unknown" if changes else "ANCOVA at equal baseline")
            + ", with the model, permutations and variance per arm of the tests of connectivity"
        )
    elif design.within_drugs:
        text += (
            ": drugs were compared within participants, adjusted for period, with the model and "
            "permutations of the tests of connectivity"
        )
    said = [
        unit
        for kind, unit in (
            (FOLLOWUP_SD, "at follow-up, pooled within arms"),
            (CHANGE_SD, "of change, pooled within arms"),
            (DZ_WITHIN_ORDER, "of the difference, pooled within orders"),
        )
        if kind in kinds
    ]
    if said:
        text += f"; Hedges' g is in standard deviations {listed(said)} [@hedges1981]"
    text += f". Intervals cover {coverage(design.alpha)}."
    compared = between & (effects["effect"] == RISK_DIFFERENCE)
    if compared.any() and design.within_drugs:
        text += (
            " Response and remission of the same participants after each drug, since the session "
            "before both, were compared by the risk difference with Newcombe's interval for "
            "matched pairs [@newcombe1998pairs], the conditional odds ratio with an exact interval "
            "and McNemar's exact test [@mcnemar1947], which are not adjusted for period; the "
            "number needed to treat is given where the interval of the risk difference leaves out "
            "0 [@altman1998]."
        )
    elif compared.any():
        text += (
            " Response and remission were compared by the risk difference with Newcombe's interval "
            "[@newcombe1998], risk and odds ratio (logarithmic intervals) and Fisher's exact test; "
            "the number needed to treat is given where the interval of the risk difference leaves "
            "out 0 [@altman1998]. Participants without a score were not counted as failures."
        )
    text += (
        " Changes within arms, in standard deviations of the change, are descriptions of a course, "
        "not effects of a treatment."
    )
    if (effects["contrast"] == BETWEEN_SCALES).any():
        given = " within arms" if design.between_arms else ""
        text += (
            " The change in ideation was correlated with that in depression by ranks"
            f"{given} (Spearman), without the suicide item where it is known."
        )
    text += " These p values are not corrected (`clinical/effects.tsv`)."
    return [text]
