"""Roles of sessions, told from their labels."""

from __future__ import annotations

from collections.abc import Mapping

from ketfc.base.english import listed
from ketfc.command.init.entries import Answer, Entry, Question
from ketfc.command.init.images import natural

BEFORE = frozenset({"pre", "baseline", "base", "bl", "before", "predose", "pretreatment", "b0"})
"""Labels, in small letters, of sessions before the dose."""

AFTER = frozenset({"post", "after", "postdose", "posttreatment", "day1", "d1", "24h"})
"""Labels of the first session after it."""


def session_entry(sessions: Mapping[str, int], answer: Answer) -> Entry:
    """Return the key ``sessions``: before, after, and further roles by their labels.

    Parameters
    ----------
    sessions : mapping of str to int
        Participants by session label, in the order of the labels' numbers.
    answer : Answer
        Who is asked which session is the first after the dose.
    """
    labels = list(sessions)
    said = listed([f"{label} ({n} participants)" for label, n in sessions.items()])
    if len(labels) < 2:
        found = f"Only one session was found: {said}." if labels else "No session was found."
        text = f"{found} Which is its label?"
        return Entry("sessions", {role: Question(text) for role in ("pre", "post")})
    before, why = _before(labels)
    if before is None:
        first = Question(f"Sessions are {said}. Which is before the dose?", tuple(labels))
        before = answer(first)
        if before is None:
            second = Question("Which is the first session after the dose?", tuple(labels))
            return Entry("sessions", {"pre": first, "post": second})
    others = [label for label in labels if label != before]
    named = [label for label in others if label.casefold() in AFTER]
    after = others[0] if len(others) == 1 else named[0] if len(named) == 1 else None
    if after is None:
        question = Question(
            f"Sessions are {said}. Which is the first after the dose, that is compared with "
            f"{before}? Add the others as roles of their own, such as week4: week4",
            tuple(others),
        )
        after = answer(question)
        if after is None:
            return Entry("sessions", {"pre": before, "post": question}, f"Sessions: {said}. {why}")
    further = [label for label in others if label != after and label.isalnum()]
    roles = {"pre": before, "post": after} | {label: label for label in further}
    if further:
        why += (
            f" {listed(further)} {'is a further follow-up' if len(further) == 1 else 'are further'}"
            f"{'' if len(further) == 1 else ' follow-ups'}, tested apart; take out what is none."
        )
    return Entry("sessions", roles, f"Sessions: {said}. {why}")


def _before(labels: list[str]) -> tuple[str | None, str]:
    """Return the session before the dose, and why it is taken for that."""
    named = [label for label in labels if label.casefold() in BEFORE]
    if len(named) == 1:
        return named[0], f"{named[0]} is before the dose, by its name."
    numbered = {natural(label)[:-1] for label in labels if label[-1].isdigit()}
    if all(label[-1].isdigit() for label in labels) and len(numbered) == 1:
        return labels[
            0
        ], f"{labels[0]} was taken for the one before the dose, by its number: check."
    return None, ""


def crossover_sessions(
    sessions: Mapping[str, int], ketamine: str | None, control: str | None
) -> Entry | None:
    """Return the key ``sessions`` of a crossover whose labels begin with those of the drugs.

    Parameters
    ----------
    sessions : mapping of str to int
        Participants by session label, such as ``b0``, ``d2``, ``d10``, ``p2``, ``p10``.
    ketamine, control : str or None
        Labels of the drugs, such as ``d`` and ``p``; None where it is not known which is which.

    Returns
    -------
    Entry or None
        None if the labels are not made so.
    """
    if ketamine is None or control is None:
        return None
    after = {drug: _days(list(sessions), drug) for drug in (ketamine, control)}
    days = [day for day in after[ketamine] if day in after[control]]
    rest = [label for label in sessions if label not in {*after[ketamine].values(),
                                                         *after[control].values()}]  # fmt: skip
    before = [label for label in rest if label.casefold() in BEFORE] or rest
    if not days or len(before) != 1:
        return None
    roles = {"pre": before[0]}
    for i, day in enumerate(days):
        suffix = "" if i == 0 else day
        roles[f"post{suffix}"] = after[ketamine][day]
        roles[f"control{suffix}"] = after[control][day]
    why = (
        f"Sessions begin with the label of the drug ({ketamine}, {control}); those of equal number "
        f"are compared, {after[ketamine][days[0]]} with {after[control][days[0]]} first."
    )
    return Entry("sessions", roles, why)


def _days(labels: list[str], drug: str) -> dict[str, str]:
    """Return the sessions whose label is a drug's and a number, by that number."""
    found = {
        label[len(drug) :]: label
        for label in labels
        if label.startswith(drug) and label[len(drug) :].isdigit()
    }
    return dict(sorted(found.items(), key=lambda item: int(item[0])))
