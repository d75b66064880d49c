"""The parts of a study, and the changes in scores that are compared in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.inference.clinical.changes import Score, hours_of, with_scores
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.model import Model
from ketfc.study.design.design import Design
from ketfc.study.scores.long_scores import CHANGE, SI_ITEM
from ketfc.study.scores.response import compared_roles

SMALL_CELL = "small-cell"
"""Flag: an arm of the stratum has too few participants for a comparison."""


@dataclass(frozen=True)
class Part:
    """A part of the study: its scores, people and how they are tested.

    Attributes
    ----------
    by, level : str
        ``all``, or what the participants are split by and the stratum.
    people : pandas.DataFrame
        From :func:`ketfc.inference.clinical.changes.people_of`, of the part alone.
    scores, course : pandas.DataFrame
        ``plan/scores.tsv``, and of the people ``clinical/scores.tsv``.
    design : Design
        The study's design.
    seed, permutations, alpha
        As for :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.
    """

    by: str
    level: str
    people: pd.DataFrame
    scores: pd.DataFrame
    course: pd.DataFrame
    design: Design
    seed: int
    permutations: int
    alpha: float

    @property
    def in_strata(self) -> bool:
        """True for a stratum of the participants."""
        return self.by != "all"

    def tested(self, model: Model, *names: str) -> Evidence:
        """Test a model with the random stream of its name."""
        rng = stream(self.seed, "/".join(["clinical", self.by, self.level, *names]))
        return evidence_of(model, alpha=self.alpha, permutations=self.permutations, rng=rng)


@dataclass(frozen=True)
class Change:
    """The change in a score from one role to another, in a part of the study.

    Attributes
    ----------
    score : Score
        Which score.
    reference : str or None
        The role before; None where only changes are known.
    role : str
        The role after.
    hours : float
        Since the dose, of that role.
    table : pandas.DataFrame
        From :func:`ketfc.inference.clinical.changes.with_scores`: everybody of the part.
    """

    score: Score
    reference: str | None
    role: str
    hours: float
    table: pd.DataFrame

    @property
    def name(self) -> tuple[str, ...]:
        """Names that tell it from other changes."""
        return self.score.scale, self.score.item, str(self.reference), self.role

    def between_drugs(self, design: Design) -> bool:
        """Return whether it is the difference between the two drugs of a crossover."""
        return design.within_drugs and (self.reference, self.role) in design.contrasts


def parts_of(
    participants: pd.DataFrame, people: pd.DataFrame
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield everybody, then every stratum of baseline ideation: by, level and people."""
    yield "all", "all", people
    if "si_stratum" in participants:
        strata = participants.set_index("participant_id")["si_stratum"].reindex(people.index)
        for level in sorted(set(strata.dropna())):
            yield "si_stratum", str(level), people[strata == level]


def changes_of(part: Part) -> Iterator[Change]:
    """Yield the changes of every score, in the order of the scores and roles."""
    keys = ["scale", "instrument", "item"]
    for key, own in part.scores.groupby(keys, sort=True):
        score = Score(*map(str, key))
        if score.item == SI_ITEM:
            continue
        there = set(own.loc[own["score"].notna(), "role"])
        pairs: list[tuple[str | None, str]] = [
            pair for pair in compared_roles(part.design) if {*pair} <= there
        ]
        pairs += [(None, CHANGE)] if CHANGE in there else []
        for reference, role in pairs:
            table = with_scores(part.people, part.scores, score, reference, role)
            hours = hours_of(role, own[own["role"] == role], part.design)
            yield Change(score, reference, role, hours, table)


def named(part: Part, change: Change) -> dict[str, Any]:
    """Return the cells of a row that say which part and change it is about."""
    score = change.score
    return {
        "by": part.by,
        "level": part.level,
        "scale": score.scale,
        "instrument": score.instrument,
        "item": score.item,
        "reference": change.reference,
        "role": change.role,
        "hours": change.hours,
    }
