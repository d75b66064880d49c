"""Which design a study has, what it estimates, and what its words may claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ketfc.base.errors import Problem
from ketfc.study.config.config import Config
from ketfc.study.config.study import Study
from ketfc.study.design.estimands import drugs, estimands, forbidden_words
from ketfc.study.people.groups import CONTROLS, PATIENTS, alternating_columns
from ketfc.study.scores.reading import CHANGE

if TYPE_CHECKING:
    import pandas as pd

BASELINE, FOLLOWUP = "pre", "post"

_FIELD = "study.design"


@dataclass(frozen=True)
class Detection:
    """The design of a study and what it was read from.

    Attributes
    ----------
    kind : str
        ``single-arm``, ``parallel``, ``crossover`` or ``longitudinal``.
    source : str
        What decided it, in words.
    """

    kind: str
    source: str


def detect_design(study: Study) -> Detection:
    """Return the design that the config describes, or the one it sets.

    Parameters
    ----------
    study : Study
        That section of the configuration.

    Returns
    -------
    Detection
        A design that is set is returned although it contradicts the rest; see
        :func:`design_problems`.
    """
    if study.design != "auto":
        return Detection(study.design, "set by study.design")
    if study.arms is not None:
        return Detection("parallel", f"detected from study.arms, column {study.arms.column}")
    if study.crossover is not None:
        order = " and ".join(study.crossover.order)
        return Detection("crossover", f"detected from study.crossover, columns {order}")
    roles = f"the {len(study.sessions)} roles of study.sessions, without arms or order of drugs"
    kind = "longitudinal" if len(study.sessions) > 2 else "single-arm"
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
        sections = {"parallel": study.arms, "crossover": study.crossover}
        given = [other for other, section in sections.items() if section is not None]
        names = {"parallel": "study.arms", "crossover": "study.crossover"}
        if kind in sections and kind not in given:
            found.append((_FIELD, kind, f"needs {names[kind]}", None))
        elif kind not in sections and given:
            message = f"{names[given[0]]} is given too; leave one of the two out"
            found.append((_FIELD, kind, message, f"auto, {given[0]}"))
        elif kind == "longitudinal" and len(study.sessions) < 3:
            found.append((_FIELD, kind, "needs at least three roles in study.sessions", None))
    elif kind in ("single-arm", "longitudinal"):
        pair = alternating_columns(rows)
        if pair is not None:
            labels = ", ".join(sorted(set(rows[pair[0]].dropna())))
            message = (
                f"the columns {pair[0]} and {pair[1]} hold {labels} in both orders, as in a "
                "crossover: name them in study.crossover, or set the design if it is none"
            )
            found.append((_FIELD, "auto", message, f"crossover, {kind}"))
    si = config.scores.si
    if kind == "crossover" and si is not None and si.change_column is not None:
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


def contrasts(study: Study) -> tuple[tuple[str, str], ...]:
    """Return the pairs of roles that a design compares, reference first, the primary pair first.

    A pair of a crossover is the session after the control drug and the one after ketamine; other
    designs compare every follow-up with `pre`, save a single arm, which has one follow-up.
    """
    kind = detect_design(study).kind
    if kind == "crossover" and study.crossover is not None:
        return study.crossover.pairs
    further = [role for role in study.sessions if role not in (BASELINE, FOLLOWUP)]
    followups = [FOLLOWUP] if kind == "single-arm" else [FOLLOWUP, *further]
    return tuple((BASELINE, role) for role in followups)


def describe_design(
    config: Config,
    participants: Mapping[str, str | None],
    *,
    sequences: Mapping[str, str | None] | None = None,
    groups: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """Return ``design.json``: kind, roles, arms, participants, instruments and estimands.

    `baseline` and `followup` are the roles that the primary tests compare: `pre` and `post`, or
    in a crossover the sessions after the control drug and after ketamine. `contrasts` holds them
    and the further pairs; `pre` is the session before any drug, None where there is none.

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
    """
    study = config.study
    detection = detect_design(study)
    kind = detection.kind
    crossover = kind == "crossover" and study.crossover is not None
    arms = study.arms if kind == "parallel" else None
    controlled = crossover or arms is not None
    pairs = contrasts(study)
    before = None if any(BASELINE in pair for pair in pairs if crossover) else BASELINE
    si, depression = config.scores.si, config.scores.depression
    people = dict(sorted(participants.items()))
    return {
        "study": study.name,
        "kind": kind,
        "detected": detection.source,
        "baseline": pairs[0][0],
        "followup": pairs[0][1],
        "pre": before,
        "contrasts": [list(pair) for pair in pairs],
        "sessions": dict(study.sessions),
        "arms": {"ketamine": arms.ketamine, "control": arms.control} if arms else None,
        "drugs": drugs(config) if crossover else None,
        "participants": people,
        "sequences": ({who: (sequences or {}).get(who) for who in people} if crossover else None),
        "groups": (
            {
                "patients": list(study.groups.patients),
                "controls": list(study.groups.controls),
                "participants": {who: (groups or {}).get(who) for who in people},
            }
            if study.groups is not None
            else None
        ),
        "si": ({"instrument": si.instrument, "shape": _shape(si.change_column)} if si else None),
        "depression": (
            {"instrument": depression.instrument, "shape": _shape(depression.change_column)}
            if depression
            else None
        ),
        "estimand": estimands(
            config, kind, followups=pairs, first_period=crossover and before is not None
        ),
        "may_not_say": forbidden_words(control_tested=controlled, healthy=study.groups is not None),
        "control_tested": controlled,
        "strategy": config.denoising.primary,
        "alpha": config.statistics.alpha,
        "preregistered": config.statistics.preregistration is not None,
    }


def in_contrasts(design: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the participants of the contrasts of drugs and sessions, with their arms.

    Everybody, or where there are groups the patients alone.

    Parameters
    ----------
    design : mapping
        Content of ``plan/design.json``.
    """
    groups = design.get("groups")
    people: dict[str, str | None] = dict(design["participants"])
    if not groups:
        return people
    return {who: arm for who, arm in people.items() if groups["participants"][who] == PATIENTS}


def healthy_controls(design: Mapping[str, Any]) -> list[str]:
    """Return the healthy controls of a study, none where it has no groups."""
    groups = design.get("groups")
    return (
        [who for who, group in groups["participants"].items() if group == CONTROLS]
        if groups
        else []
    )


def _shape(change_column: str | None) -> str:
    return CHANGE if change_column is not None else "pre-post"
