"""Clinical course: changes of scores, response, remission, floor and ceiling effects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ketfc.study.config.scores import Depression, Scores
from ketfc.study.config.types import expand
from ketfc.study.design.design import BASELINE, Design
from ketfc.study.scores.instruments import Rule, load_instruments
from ketfc.study.scores.long_scores import CHANGE, LESS_SI_ITEM, SI_ITEM, TOTAL

if TYPE_CHECKING:
    import pandas as pd

LOW_BASELINE = 4.0
"""Baseline score below which a change in per cent is flagged: a point more or less decides it."""

AT_THE_END = 0.15
"""Share of participants at the lowest or highest possible score above which a floor or ceiling
effect is flagged (Terwee et al. 2007, 10.1016/j.jclinepi.2006.03.012; read in an adaptation of
their table, PMC3502470)."""

COURSE_COLUMNS = (
    "participant_id",
    "scale",
    "instrument",
    "item",
    "reference",
    "role",
    "hours",
    "baseline",
    "followup",
    "change",
    "percent_change",
    "response",
    "remission",
    "first_response",
    "first_response_hours",
    "flags",
)

SUMMARY_COLUMNS = (
    "by",
    "level",
    "scale",
    "instrument",
    "item",
    "reference",
    "role",
    "n",
    "n_missing",
    "mean",
    "sd",
    "median",
    "min",
    "max",
    "floor",
    "ceiling",
    "t",
    "df",
    "dz",
    "n_response",
    "of_response",
    "n_remission",
    "of_remission",
    "flags",
)

Rules = Mapping[tuple[str, str], Rule]
"""By scale and item of ``scores.tsv``."""


def clinical_rules(scores: Scores) -> dict[tuple[str, str], Rule]:
    """Return the rules of a study's scores: possible values, response and remission."""
    catalogue, _ = load_instruments(expand(scores.instruments) if scores.instruments else None)
    rules = {}
    for scale, score in (("si", scores.si), ("depression", scores.depression)):
        if score is None:
            continue
        rules[scale, TOTAL] = catalogue.rule(score)
        if isinstance(score, Depression) and score.si_item:
            rules[scale, SI_ITEM] = catalogue.item_rule(score)
            rules[scale, LESS_SI_ITEM] = rules[scale, TOTAL].less(rules[scale, SI_ITEM])
    return rules


def compared_roles(design: Design) -> list[tuple[str, str]]:
    """Return the pairs of roles whose scores are compared, reference first.

    Every further role is compared with the session before treatment, where there is one; the
    design's own contrasts follow.

    Parameters
    ----------
    design : mapping
        ``plan/design.json``.
    """
    before = design.pre
    pairs = [(before, role) for role in design.sessions if before and role != before]
    own = [(str(first), str(second)) for first, second in design.contrasts]
    return list(dict.fromkeys([*pairs, *own]))


def clinical_scores(
    scores: pd.DataFrame, rules: Rules, pairs: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """Return the change of every participant's scores between two roles.

    Parameters
    ----------
    scores : pandas.DataFrame
        ``plan/scores.tsv``.
    rules : mapping of (str, str) to Rule
        From :func:`clinical_rules`.
    pairs : sequence of (str, str)
        From :func:`compared_roles`, in the order of time.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`COURSE_COLUMNS`, a row per participant, item and pair, sorted.
        `percent_change` is missing at a baseline of 0; `response` and `remission` are ``yes``,
        ``no`` or missing, and only said of changes since the session before treatment;
        `first_response` is the earliest role with a response. Where only changes are known
        (role ``change``), the rest is missing. `flags`: ``missing-baseline``,
        ``missing-followup``, ``baseline-zero``, ``low-baseline`` (below
        :data:`LOW_BASELINE`).
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    keys = ["participant_id", "scale", "instrument", "item"]
    for key, own in scores.groupby(keys, sort=True):
        name = dict(zip(keys, key, strict=True))
        rule = rules[str(name["scale"]), str(name["item"])]
        values = dict(zip(own["role"], own["score"].astype(float), strict=True))
        hours = dict(zip(own["role"], own["hours"].astype(float), strict=True))
        if CHANGE in values:
            flags = "missing-followup" if math.isnan(values[CHANGE]) else None
            rows.append({**name, "role": CHANGE, "change": values[CHANGE], "flags": flags})
            continue
        found = [
            {**name, "reference": first, "role": second, "hours": hours.get(second)}
            | _change(values.get(first, math.nan), values.get(second, math.nan), rule)
            for first, second in pairs
            if first in values and second in values
        ]
        responses = [row for row in found if row["reference"] == BASELINE]
        first_one = next((row for row in responses if row["response"] == "yes"), None)
        for row in found:
            if row["reference"] != BASELINE:
                row |= {"response": None, "remission": None}
            elif first_one is not None:
                row["first_response"] = first_one["role"]
                row["first_response_hours"] = first_one["hours"]
        rows += found
    table = pd.DataFrame(rows, columns=list(COURSE_COLUMNS))
    numbers = ["hours", "baseline", "followup", "change", "percent_change", "first_response_hours"]
    return table.astype(dict.fromkeys(numbers, float))


def _change(before: float, after: float, rule: Rule) -> dict[str, Any]:
    """Return one change, in points and per cent, with response, remission and flags."""
    change = after - before
    percent = 100 * change / before if before else math.nan
    improved = -percent if rule.direction == "higher-worse" else percent
    response = None
    if rule.response is not None and not math.isnan(percent):
        response = "yes" if improved >= 100 * rule.response else "no"
    remission = None
    if rule.remission is not None and not math.isnan(after):
        worse = rule.direction == "higher-worse"
        there = after <= rule.remission if worse else after >= rule.remission
        remission = "yes" if there else "no"
    flags = {
        "missing-baseline": math.isnan(before),
        "missing-followup": math.isnan(after),
        "baseline-zero": before == 0,
        "low-baseline": 0 < before < LOW_BASELINE,
    }
    return {
        "baseline": before,
        "followup": after,
        "change": change,
        "percent_change": percent,
        "response": response,
        "remission": remission,
        "flags": ", ".join(flag for flag, holds in flags.items() if holds) or None,
    }


def clinical_summary(
    scores: pd.DataFrame,
    course: pd.DataFrame,
    participants: pd.DataFrame,
    rules: Rules,
    design: Design,
) -> pd.DataFrame:
    """Return the scores at each role and their changes, by arm, group and stratum.

    Parameters
    ----------
    scores, participants : pandas.DataFrame
        ``plan/scores.tsv`` and ``plan/participants.tsv``.
    course : pandas.DataFrame
        From :func:`clinical_scores`.
    rules : mapping of (str, str) to Rule
        From :func:`clinical_rules`.
    design : mapping
        ``plan/design.json``.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`SUMMARY_COLUMNS`. Rows without `reference` describe the scores of a
        role, with the shares of participants at the lowest (`floor`) and highest (`ceiling`)
        possible score; those with one, and those of role ``change``, the changes: `t` with `df`
        of the mean against 0, `dz` (mean by SD of the changes), and how many responded and
        remitted, of how many. Where the study has groups, they are never pooled; arms and
        strata are those of the patients.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    keys = ["scale", "instrument", "item"]
    for (by, level), people in _strata(participants, design):
        stratum = {"by": by, "level": level}
        own = scores[scores["participant_id"].isin(people) & (scores["role"] != CHANGE)]
        for key, cells in own.groupby([*keys, "role"], sort=False):
            name = stratum | dict(zip([*keys, "role"], key, strict=True))
            rule = rules[str(name["scale"]), str(name["item"])]
            rows.append(name | _described(cells["score"]) | _ends(cells["score"], rule))
        changes = course[course["participant_id"].isin(people)]
        for key, cells in changes.groupby([*keys, "reference", "role"], sort=False, dropna=False):
            name = stratum | dict(zip([*keys, "reference", "role"], key, strict=True))
            rows.append(name | _described(cells["change"]) | _tested(cells))
    table = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    counts = [name for name in SUMMARY_COLUMNS if name.startswith(("n_", "of_")) or name == "n"]
    table = table.astype(dict.fromkeys(counts, "Int64"))
    table["reference"] = table["reference"].astype(object).where(table["reference"].notna(), None)
    order = ["by", "level", *keys]
    # roles stay in the order of the study
    place = {role: number for number, role in enumerate([*design.sessions, CHANGE])}
    table["place"] = table["role"].map(place)
    table["kind"] = table["reference"].notna() | (table["role"] == CHANGE)
    table = table.sort_values([*order, "kind", "place"], kind="stable", ignore_index=True)
    return table[list(SUMMARY_COLUMNS)]


def _strata(
    participants: pd.DataFrame, design: Design
) -> Iterator[tuple[tuple[str, str], set[str]]]:
    """Yield the name and the participants of every part of the study that is described."""
    people = participants
    groups = people["group"].dropna()
    if len(groups):
        for level in sorted(set(groups)):
            yield ("group", level), set(people.loc[people["group"] == level, "participant_id"])
        people = people[people["group"] == "patients"]
    else:
        yield ("all", "all"), set(people["participant_id"])
    for column in ("arm", "si_stratum"):
        if column in people:
            for level in sorted(set(people[column].dropna())):
                shown = design.arms.get(level, level) if column == "arm" else level
                yield (column, shown), set(people.loc[people[column] == level, "participant_id"])


def _described(values: pd.Series[Any]) -> dict[str, Any]:
    known = values.dropna().astype(float)
    found: dict[str, Any] = {"n": len(known), "n_missing": len(values) - len(known)}
    if len(known):
        found |= {name: float(getattr(known, name)()) for name in ("mean", "median", "min", "max")}
    if len(known) > 1:
        found["sd"] = float(known.std(ddof=1))
    return found


def _ends(values: pd.Series[Any], rule: Rule) -> dict[str, Any]:
    """Return the shares at the ends of the range, and which of them are large."""
    known = values.dropna()
    if not len(known) or rule.low is None or rule.high is None:
        return {}
    shares = {"floor": rule.low, "ceiling": rule.high}
    found = {name: float((known == end).mean()) for name, end in shares.items()}
    flags = [name for name, share in found.items() if share > AT_THE_END]
    return {**found, "flags": ", ".join(flags) or None}


def _tested(cells: pd.DataFrame) -> dict[str, Any]:
    """Return t and dz of changes, and how many responded and remitted."""
    known = cells["change"].dropna().astype(float)
    found: dict[str, Any] = {}
    sd = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    if sd > 0:
        dz = float(known.mean()) / sd
        found |= {"dz": dz, "t": dz * math.sqrt(len(known)), "df": len(known) - 1}
    for name in ("response", "remission"):
        said = cells.loc[cells["change"].notna(), name].dropna()
        if len(said):
            found |= {f"n_{name}": int((said == "yes").sum()), f"of_{name}": len(said)}
    low = cells["flags"].astype(str).str.contains("baseline-zero|low-baseline").sum()
    if low:
        found["flags"] = f"{low} with a baseline below {LOW_BASELINE:g}"
    return found
