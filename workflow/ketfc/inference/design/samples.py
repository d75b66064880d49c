"""Samples of the tests: participants with complete data, and reasons of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.core.evidence import Evidence, too_few, untestable
from ketfc.inference.design.moderation import small_cells
from ketfc.inference.design.planned_tests import PlannedTest
from ketfc.study.design.design import (
    AFTER_FIRST,
    CONTROL_FIRST,
    FIRST_PERIOD,
    KETAMINE_FIRST,
    Design,
)

MIN_ARM = 2
"""A smaller arm is fitted exactly by its own coefficient and says nothing of its spread."""

SMALL_ARM = 5
"""A smaller arm is flagged, and no association is tested within it."""

MIN_MOTION = 5
"""With fewer participants nothing is said of head motion."""


@dataclass(frozen=True)
class Sample:
    """Participants of a test: those who enter, with their numbers, and the reasons of the rest.

    Attributes
    ----------
    complete : pandas.DataFrame
        Rows of :func:`participant_table` that have all the test needs.
    left_out : dict of str to str
        Reason by participant, for all others whom the test was planned for.
    """

    complete: pd.DataFrame
    left_out: dict[str, str]


def seen_by(
    test: PlannedTest, connectivity: pd.DataFrame, design: Design
) -> tuple[pd.DataFrame, Design]:
    """Return connectivity and design as a test sees them.

    `baseline` and `followup` of that design are the roles the test compares, `scored` those of its
    scores where they are others. The first period of a
    crossover is a parallel study of the session before both drugs and of the one after each
    participant's own first drug, whose role is :data:`ketfc.study.design.design.AFTER_FIRST`.
    """
    if test.name != FIRST_PERIOD:
        if test.roles is None:
            return connectivity, design
        return connectivity, design.comparing(*test.roles, scored=test.scored)
    first = design.first_period()
    roles = {"control": design.baseline, "ketamine": design.followup}
    own = connectivity["participant_id"].map(
        {who: roles[drug] for who, drug in first.participants.items() if drug is not None}
    )
    after = connectivity[connectivity["role"] == own].assign(role=AFTER_FIRST)
    before = connectivity[connectivity["role"] == design.pre]
    return pd.concat([before, after]), first


def participant_table(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    *,
    circuit: str,
    strategy: str,
) -> pd.DataFrame:
    """Return the numbers of every planned participant for one circuit.

    Parameters
    ----------
    connectivity, scores : pandas.DataFrame
        ``connectivity.tsv`` and ``plan/scores.tsv``.
    design : Design
        The study's design.
    circuit, strategy : str
        Which of the circuits and denoising strategies.

    Returns
    -------
    pandas.DataFrame
        Indexed by participant, sorted, without healthy controls. Columns `arm` (role or None),
        `sequence` (order of the drugs of who had both in a crossover, or None), `z_baseline`,
        `z_followup` (mean Fisher z of the circuit), `si_baseline`, `si_followup`, `si_change` (NaN
        where missing), `listed_baseline`, `listed_followup`: whether connectivity has a row at
        all, `covariate_NAME` of the terms of the models (float, or object for labels), and
        `diagnosis` (``unipolar``, ``bipolar`` or None).

    Raises
    ------
    ValueError
        If connectivity lacks the strategy, or names a participant that the design does not, or if
        a participant has two values for one cell.
    """
    strategies = sorted(set(connectivity["strategy"]))
    if strategies and strategy not in strategies:
        raise ValueError(f"no connectivity of strategy {strategy!r}, only {', '.join(strategies)}")
    unplanned = sorted(set(connectivity["participant_id"]) - set(design.participants))
    if unplanned:
        raise ValueError(f"connectivity of participants outside the plan: {', '.join(unplanned)}")
    roles = design.roles
    means = connectivity[
        (connectivity["strategy"] == strategy)
        & (connectivity["circuit"] == circuit)
        & (connectivity["measure"] == "mean")
    ]
    si = scores[(scores["scale"] == "si") & (scores["instrument"] == design.instrument)]
    arms = design.in_contrasts()
    planned = sorted(arms)
    sequences = design.sequences
    had_both = {who: of for who, of in sequences.items() if of in (KETAMINE_FIRST, CONTROL_FIRST)}
    table = pd.DataFrame(
        {
            "arm": pd.Series([arms[key] for key in planned], dtype=object),
            "sequence": pd.Series([had_both.get(key) for key in planned], dtype=object),
        }
    )
    table.index = pd.Index(planned, dtype=object, name="participant_id")
    for time, role in roles.items():
        z = _by_participant(means[means["role"] == role], "z", f"{circuit} at {role}")
        table[f"z_{time}"] = z.reindex(table.index)
        table[f"listed_{time}"] = table.index.isin(z.index)
    for time, role in {**design.score_roles, "change": "change"}.items():
        score = _by_participant(si[si["role"] == role], "score", f"the SI score at {role}")
        table[f"si_{time}"] = score.reindex(table.index)
    terms = design.terms
    for name in terms.values:
        table[f"covariate_{name}"] = covariate_values(design, name, table.index)
    diagnoses = terms.diagnosis.participants if terms.diagnosis else {}
    column = [diagnoses.get(key) for key in planned]
    table["diagnosis"] = pd.Series(column, index=table.index, dtype=object)
    return table


def covariate_values(
    design: Design, name: str, people: pd.Index[str] | pd.Series[str]
) -> pd.Series[Any]:
    """Return a covariate of some participants: numbers, or labels as objects.

    Parameters
    ----------
    design : Design
        The study's design.
    name : str
        One of the covariates of its `terms`.
    people : pandas.Index or pandas.Series of str
        The participants; with the index of a series, the values have the same.
    """
    terms = design.terms
    numeric = design.covariates[name] == "numeric" and name != terms.blocks
    return pd.Series(
        [terms.values[name].get(who) for who in people],
        index=people.index if isinstance(people, pd.Series) else people,
        dtype=np.float64 if numeric else object,
    )


def sample_of(table: pd.DataFrame, test: PlannedTest, design: Design) -> Sample:
    """Split the planned participants of a test into those who enter it and those who cannot.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`participant_table`.
    test : PlannedTest
        The test. One within an arm is planned for that arm's participants.
    design : Design
        The study's design.

    Returns
    -------
    Sample
        Together the planned participants, each once.
    """
    planned = table if test.arm is None else table[table["arm"] == test.arm]
    missing = {need: planned[need].isna().to_numpy() for need in test.required}
    incomplete = np.zeros(len(planned), dtype=bool)
    for column in missing.values():
        incomplete |= column
    left_out = {}
    for i in np.flatnonzero(incomplete).tolist():
        row = planned.iloc[i]
        reasons = [_reason(need, row, design) for need in test.required if missing[need][i]]
        left_out[str(planned.index[i])] = "; ".join(dict.fromkeys(reasons))
    return Sample(complete=planned[~incomplete], left_out=left_out)


def sample_obstacle(test: PlannedTest, complete: pd.DataFrame, design: Design) -> Evidence | None:
    """Return the reason that a sample is too small for a test, None where it is not.

    Parameters are those of :func:`ketfc.inference.design.model.model_of`; the flag is
    ``no-scores``, ``too-few``, ``arm-empty``, ``order-empty`` or ``small-cell``.
    """
    n = len(complete)
    if test.kind == "association" and design.si is None:
        return untestable("no-scores", "the study has no SI score")
    if test.kind in ("moderation", "baseline"):
        return small_cells(test, complete, design)
    if test.kind in ("follows-motion", "change-at-equal-motion"):
        few = f"{n} participants with both changes, {MIN_MOTION} are needed"
        return untestable("too-few", few) if n < MIN_MOTION else None
    if test.arm is not None:
        small = n < SMALL_ARM and not test.described_only
        return too_few(n, SMALL_ARM) if small else None
    if design.within_drugs:
        for role, drug in design.drugs.items():
            size = int((complete["sequence"] == f"{role}-first").sum())
            if size < MIN_ARM:
                had = "no complete participant" if size == 0 else "one complete participant only"
                why = f"{had} had {drug} first, so that drug and period cannot be told apart"
                return untestable("order-empty" if size == 0 else "too-few", why)
    if design.between_arms:
        for role in ("ketamine", "control"):
            label, size = design.arms[role], int((complete["arm"] == role).sum())
            if size == 0:
                return untestable("arm-empty", f"the {label} arm has no complete participant")
            if size < MIN_ARM:
                return untestable("too-few", f"the {label} arm has one complete participant only")
    return None


def _by_participant(rows: pd.DataFrame, column: str, what: str) -> pd.Series[float]:
    twice = rows.loc[rows["participant_id"].duplicated(), "participant_id"]
    if len(twice):
        raise ValueError(f"two values of {what} for {', '.join(sorted(set(twice)))}")
    values = pd.to_numeric(rows[column]).to_numpy(dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    return pd.Series(values, index=pd.Index(rows["participant_id"], dtype=object))


def _reason(need: str, row: pd.Series[Any], design: Design) -> str:
    if need in ("arm", "sequence") and design.sequences:
        known = design.sequences[str(row.name)] is not None
        return "had no second drug" if known else "order of the drugs not known"
    if need in ("arm", "diagnosis"):
        return f"no {need}"
    if need.startswith("covariate_"):
        return f"no {need.removeprefix('covariate_')}"
    kind, _, time = need.partition("_")
    role = design.roles.get(time, time)
    if kind == "z":
        if row[f"listed_{time}"]:
            return f"connectivity excluded at {role}"
        return f"no connectivity at {role}"
    if not design.si:
        return "the study has no SI score"
    what = "change score" if time == "change" else f"score at {design.score_roles[time]}"
    return f"no {design.instrument} {what}"
