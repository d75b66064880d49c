"""Detection of a study's design from its configuration and participants table."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ketfc.base.errors import Problem
from ketfc.study.config.config import Config
from ketfc.study.config.scores import Depression, Score
from ketfc.study.config.study import Study
from ketfc.study.design.design import BASELINE, FOLLOWUP, Design, Groups, Instrument, Kind
from ketfc.study.design.estimands import drugs, estimands, forbidden_words
from ketfc.study.design.later_outcomes import later_outcomes

if TYPE_CHECKING:
    import pandas as pd

_FIELD = "study.design"


@dataclass(frozen=True)
class Detection:
    """The design of a study and what it was read from.

    Attributes
    ----------
    kind : Kind
        The kind of design.
    source : str
        What decided it, in words.
    """

    kind: Kind
    source: str


def detect_design(study: Study, scanned: Set[str] | None = None) -> Detection:
    """Return the design that the config describes, or the one it sets.

    Parameters
    ----------
    study : Study
        That section of the configuration.
    scanned : set of str, optional
        The roles that have images, where that is known; at others there are scores alone.

    Returns
    -------
    Detection
        A design that is set is returned although it contradicts the rest; see
        :func:`design_problems`.
    """
    if study.design != "auto":
        return Detection(Kind(study.design), "set by study.design")
    if study.arms is not None:
        return Detection(Kind.PARALLEL, f"detected from study.arms, column {study.arms.column}")
    if study.crossover is not None:
        order = " and ".join(study.crossover.order)
        return Detection(Kind.CROSSOVER, f"detected from study.crossover, columns {order}")
    followups = [role for role in study.sessions if role not in (BASELINE, FOLLOWUP)]
    further = [role for role in followups if scanned is None or role in scanned]
    images = " with images" if len(further) < len(followups) else ""
    roles = (
        f"the {2 + len(further)} roles of study.sessions{images}, without arms or order of drugs"
    )
    kind = Kind.LONGITUDINAL if further else Kind.SINGLE_ARM
    return Detection(kind, f"detected from {roles}")


def design_problems(config: Config, rows: pd.DataFrame) -> list[Problem]:
    """Return what contradicts the design of a study, or leaves it open.

    Parameters
    ----------
    config : Config
        The study's configuration.
    rows : pandas.DataFrame
        Cells of the participants table (empty if there is none).

    Returns
    -------
    list of Problem
        Errors; none if config and table agree.
    """
    study, kind = config.study, detect_design(config.study).kind
    found: list[tuple[str, str | None, str, str | None]] = []
    if study.arms is not None and study.crossover is not None:
        found.append(("study.crossover", None, "study.arms is given too; keep one of them", None))
    if study.design != "auto":
        sections = {Kind.PARALLEL: study.arms, Kind.CROSSOVER: study.crossover}
        given = [other for other, section in sections.items() if section is not None]
        names = {Kind.PARALLEL: "study.arms", Kind.CROSSOVER: "study.crossover"}
        if kind in sections and kind not in given:
            found.append((_FIELD, kind, f"needs {names[kind]}", None))
        elif kind not in sections and given:
            message = f"{names[given[0]]} is given too; leave one of the two out"
            found.append((_FIELD, kind, message, f"auto, {given[0]}"))
        elif kind == Kind.LONGITUDINAL and len(study.sessions) < 3:
            found.append((_FIELD, kind, "needs at least three roles in study.sessions", None))
    elif kind in (Kind.SINGLE_ARM, Kind.LONGITUDINAL):
        pair = alternating_columns(rows)
        if pair is not None:
            labels = ", ".join(sorted(set(rows[pair[0]].dropna())))
            message = (
                f"the columns {pair[0]} and {pair[1]} hold {labels} in both orders, as in a "
                "crossover: name them in study.crossover, or set the design if it is none"
            )
            found.append((_FIELD, "auto", message, f"crossover, {kind}"))
    si = config.scores.si
    question = config.statistics.primary_question
    if question == "association" and si is None:
        message = "cannot be asked without a score of suicidal ideation (scores.si)"
        found.append(("statistics.primary-question", question, message, "both, change"))
    if kind == Kind.CROSSOVER and si is not None and si.change_column is not None:
        message = "does not say after which drug; a crossover needs the scores themselves"
        column = si.change_column
        found.append(("scores.si.change-column", column, message, "column"))
    if study.arms is not None:
        found += [
            (f"study.arms.{arm}", label, "is the name of a follow-up in study.sessions too", None)
            for arm, label in (("ketamine", study.arms.ketamine), ("control", study.arms.control))
            if label in [role for _, role in contrasts(study)[1:]]
        ]
    return [
        Problem("error", message, file="config", field=field, value=value, allowed=allowed)
        for field, value, message, allowed in found
    ]


def contrasts(study: Study, scanned: Set[str] | None = None) -> tuple[tuple[str, str], ...]:
    """Return the pairs of roles that a design compares, reference first, the primary pair first.

    A pair of a crossover is the session after the control drug and the one after ketamine; other
    designs compare every follow-up with `pre`, save a single arm, which has one follow-up. Of the
    further pairs those alone whose roles have images (`scanned`), where that is known.
    """
    kind = detect_design(study, scanned).kind
    if kind == Kind.CROSSOVER and study.crossover is not None:
        primary, *others = study.crossover.pairs
    else:
        further = [role for role in study.sessions if role not in (BASELINE, FOLLOWUP)]
        primary = (BASELINE, FOLLOWUP)
        others = [(BASELINE, role) for role in further if kind != Kind.SINGLE_ARM]
    return (primary, *(pair for pair in others if scanned is None or scanned >= set(pair)))


def alternating_columns(rows: pd.DataFrame) -> tuple[str, str] | None:
    """Return two columns that look like the first and second drug of a crossover.

    Parameters
    ----------
    rows : pandas.DataFrame
        Cells of the participants table, text or None.

    Returns
    -------
    tuple of two str, or None
        Columns whose names differ in a last ``1`` and ``2`` alone, and which hold the same two
        labels in both orders, never twice the same; None if there are none.
    """
    for column in map(str, rows.columns):
        second = column[:-1] + "2"
        if not column.endswith("1") or second not in rows:
            continue
        both = rows[[column, second]].dropna()
        orders = set(zip(both[column], both[second], strict=True))
        if len(orders) == 2 and all((b, a) in orders and a != b for a, b in orders):
            return column, second
    return None


def describe_design(
    config: Config,
    participants: Mapping[str, str | None],
    *,
    sequences: Mapping[str, str | None] | None = None,
    groups: Mapping[str, str | None] | None = None,
    scanned: Set[str] | None = None,
) -> tuple[Design, list[Problem]]:
    """Return the design: kind, roles, arms, participants, instruments and estimands.

    Parameters
    ----------
    config : Config
        The study's configuration.
    participants : mapping of str to (str or None)
        Everybody in the study, with the arm (``ketamine``, ``control``, or None).
    sequences : mapping of str to (str or None), optional
        The order of a crossover's drugs (:data:`ketfc.study.people.groups.SEQUENCES`).
    groups : mapping of str to (str or None), optional
        ``patients``, ``controls`` or None, where the config names groups.
    scanned : set of str, optional
        The roles that have images, where that is known.

    Returns
    -------
    design : Design
        Kind, roles, arms, participants, instruments, questions and estimands.
    problems : list of Problem
        Of the questions on later scores, which are then not in the design.
    """
    study = config.study
    detection = detect_design(study, scanned)
    kind = detection.kind
    crossover = kind == Kind.CROSSOVER and study.crossover is not None
    arms = study.arms if kind == Kind.PARALLEL else None
    controlled = crossover or arms is not None
    pairs = contrasts(study, scanned)
    drug_pairs = study.crossover.pairs if crossover and study.crossover is not None else ()
    questions, problems = later_outcomes(config, pairs, drug_pairs)
    before = None if any(BASELINE in pair for pair in pairs if crossover) else BASELINE
    people = dict(sorted(participants.items()))
    design = Design(
        study=study.name,
        kind=kind,
        detected=detection.source,
        baseline=pairs[0][0],
        followup=pairs[0][1],
        pre=before,
        contrasts=pairs,
        sessions=dict(study.sessions),
        arms={"ketamine": arms.ketamine, "control": arms.control} if arms else {},
        drugs=drugs(config) if crossover else {},
        participants=people,
        sequences={who: (sequences or {}).get(who) for who in people} if crossover else {},
        groups=(
            Groups(
                patients=tuple(study.groups.patients),
                controls=tuple(study.groups.controls),
                participants={who: (groups or {}).get(who) for who in people},
            )
            if study.groups is not None
            else None
        ),
        si=_instrument(config.scores.si),
        depression=_instrument(config.scores.depression),
        estimand=estimands(
            config,
            kind,
            followups=pairs,
            first_period=crossover and before is not None,
            later=questions,
        ),
        may_not_say=tuple(
            forbidden_words(control_tested=controlled, healthy=study.groups is not None)
        ),
        control_tested=controlled,
        strategy=config.primary_strategy,
        alpha=config.statistics.alpha,
        preregistered=config.statistics.preregistration is not None,
        later_outcomes=questions,
        primary_question=config.statistics.primary_question,
    )
    return design, problems


def _instrument(score: Score | Depression | None) -> Instrument | None:
    if score is None:
        return None
    return Instrument(score.instrument, "pre-post" if score.change_column is None else "change")
