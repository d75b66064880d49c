"""Questions on later scores: the roles they compare, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ketfc.base.errors import Problem, did_you_mean
from ketfc.study.config.config import Config
from ketfc.study.config.statistics import LaterOutcome as Asked
from ketfc.study.design.design import BASELINE, LaterOutcome

if TYPE_CHECKING:
    import pandas as pd

Pairs = Sequence[tuple[str, str]]
"""Roles that are compared, reference first."""


def later_outcomes(
    config: Config, contrasts: Pairs, crossover: Pairs
) -> tuple[tuple[LaterOutcome, ...], list[Problem]]:
    """Return the questions on later scores that the config asks, and their problems.

    Parameters
    ----------
    config : Config
        The study's configuration.
    contrasts : sequence of (str, str)
        Roles between which connectivity is compared, the primary pair first.
    crossover : sequence of (str, str)
        Roles after the control drug and after ketamine, with images or without; empty where the
        study is no crossover.

    Returns
    -------
    questions : tuple of LaterOutcome
        Those without a problem, in the order of the config.
    problems : list of Problem
        Errors, the fields named after the questions.
    """
    questions, problems = [], []
    scored = {after: (before, after) for before, after in crossover} or {
        role: (BASELINE, role) for role in config.study.sessions if role != BASELINE
    }
    measured = {after: (before, after) for before, after in contrasts}
    for asked in config.statistics.later_outcomes:
        own = list(_problems(asked, config, list(measured), list(scored)))
        problems += own
        if not own:
            pairs = measured[asked.connectivity], scored[asked.score]
            questions.append(LaterOutcome(asked.name, *pairs))
    return tuple(questions), problems


def without_scores(questions: Sequence[LaterOutcome], scores: pd.DataFrame) -> list[Problem]:
    """Return an error for every question whose session has no score of suicidal ideation.

    Parameters
    ----------
    questions : sequence of LaterOutcome
        From :func:`later_outcomes`.
    scores : pandas.DataFrame
        ``plan/scores.tsv``.
    """
    own = scores[(scores["scale"] == "si") & scores["score"].notna()]
    there = list(dict.fromkeys(own["role"].astype(str)))
    return [
        Problem(
            "error",
            "nobody has a score of suicidal ideation at this session",
            field=f"{_field(one.name)}.score",
            value=role,
            allowed=", ".join(there) or None,
        )
        for one in questions
        for role in one.score
        if role not in there
    ]


def _problems(
    asked: Asked, config: Config, measured: list[str], scored: list[str]
) -> Iterator[Problem]:
    """Yield what is wrong with one question."""
    sessions, si = config.study.sessions, config.scores.si

    def problem(key: str, message: str, allowed: str | None = None) -> Problem:
        value = getattr(asked, key)
        return Problem(
            "error", message, field=f"{_field(asked.name)}.{key}", value=value, allowed=allowed
        )

    if si is None:
        yield problem("score", "the study has no scale of suicidal ideation (scores.si is null)")
        return
    if si.change_column is not None:
        message = "needs the scores themselves, since a change does not say at which session"
        yield problem("score", message, "scores.si.column in place of change-column")
        return
    known = True
    for key, usable, lacks in (
        ("connectivity", measured, "is no follow-up with images whose connectivity is compared"),
        ("score", scored, "is no session after treatment whose score is compared"),
    ):
        role = getattr(asked, key)
        if role not in usable:
            known = False
            unknown = f"is not a role of study.sessions{did_you_mean(role, usable)}"
            yield problem(key, lacks if role in sessions else unknown, ", ".join(usable))
    if not known:
        return
    if asked.connectivity == asked.score == measured[0]:
        yield problem("score", "this is the primary association, which is tested anyway")
    elif _before(asked, config):
        yield problem("score", f"is before {asked.connectivity}, whose scan cannot come after it")


def _before(asked: Asked, config: Config) -> bool:
    """Tell whether a score was taken before the scan, by hours or else by the order of roles."""
    scan = config.study.hours_since_dose.get(asked.connectivity)
    score = config.scores.hours_since_dose.get(asked.score)
    if scan is not None and score is not None and asked.connectivity != asked.score:
        return score < scan
    order = list(config.study.sessions)
    return order.index(asked.score) < order.index(asked.connectivity)


def _field(name: str) -> str:
    return f"statistics.later-outcomes.{name}"
