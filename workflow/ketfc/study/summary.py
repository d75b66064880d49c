"""The plan of a study in words: a summary of a page, and the errors that stop it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ketfc.base.english import listed, plural
from ketfc.base.errors import Problem
from ketfc.base.screen import fitting, wrapped
from ketfc.study.design.design import CONTROLS, PATIENTS, SEQUENCES, Design
from ketfc.study.design.possible import complete_by_group

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 40
"""Lines of a summary."""

ERROR_LINES = 18
"""Lines of 80 columns that errors may take, so that all is said on a screen of 24."""

PROBLEMS = "results/plan/problems.tsv"

_NAMED = 3
_VARYING = re.compile(r"sub-[A-Za-z0-9]+[^\s,;:]*|\d+(\.\d+)?")


_OF_IMAGES = (
    r"study(\.(derivatives|openneuro|sessions|task|space|resolution|repetition-time|native)\b.*)?|"
    r"(denoising|circuits|quality)\b.*"
)
"""Fields of problems that do not keep the scores from being described."""


def unusable(problems: pd.DataFrame) -> str | None:
    """Return why the study cannot go on, a line per error; None if it can.

    Parameters
    ----------
    problems : pandas.DataFrame
        ``plan/problems.tsv``.
    """
    errors = [problem for problem in _problems(problems) if problem.severity == "error"]
    if not errors:
        return None
    first = (
        f"The input cannot be used; {plural(len(errors), 'problem')} to fix "
        f"(all of them, with notes, are in {PROBLEMS}):"
    )
    told = [f"  - {_of_a_kind(kind)}" for kind in kinds(errors)]
    return "\n".join([first, *fitting(told, ERROR_LINES, rest="  - and {n} more of other kinds")])


def unusable_scores(problems: pd.DataFrame) -> str | None:
    """Return why the scores cannot be used, as :func:`unusable`, whatever is wrong with images.

    Parameters
    ----------
    problems : pandas.DataFrame
        ``plan/problems.tsv``.
    """
    of_images = problems["field"].astype(str).str.fullmatch(_OF_IMAGES)
    return unusable(problems[~of_images])


def summary(
    runs: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    problems: pd.DataFrame,
    *,
    locked: str | None = None,
) -> str:
    """Return the plan in words: design, who has what, what is missing; at most a page.

    Problems are listed by kind, not by participant: errors, exclusions, notes.

    Parameters
    ----------
    runs, scores, problems : pandas.DataFrame
        The tables of ``results/plan``.
    design : Design
        ``design.json``.
    locked : str, optional
        The preregistration that the study was compared with, in words.

    Returns
    -------
    str
        At most :data:`LONGEST` lines of 80 columns, unless the design itself takes more.
    """
    arms = design.arms
    people = design.participants
    usable = runs[runs["status"] == "ok"]
    lines = [f"Study {design.study}: {design.kind} design, {len(people)} participants"]
    lines.append(f"  design: {design.kind} ({design.detected}); to override: study.design")
    lines += _who(design)
    if arms:
        counts = {role: sum(arm == role for arm in people.values()) for role in arms}
        lines.append(
            "  arms: " + ", ".join(f"{label} n = {counts[role]}" for role, label in arms.items())
        )
    for session, label in design.sessions.items():
        there = usable[usable["role"] == session]
        lines.append(
            f"  session {label} ({session}): {there['participant_id'].nunique()} participants, "
            f"{len(there)} runs"
        )
    complete = complete_by_group(design, runs)
    each = [f"{name} n = {n}" for name, n in complete.items()] if len(complete) > 1 else []
    lines.append(
        f"  both {design.baseline} and {design.followup}: {sum(complete.values())} participants"
        + (f" ({', '.join(each)})" if each else "")
        + ("" if design.as_given else " at most; images can still be damaged, or censored too much")
    )
    components = usable["compcor"].dropna().value_counts()
    if len(components):
        told = listed([f"{each} in {plural(n, 'run')}" for each, n in sorted(components.items())])
        lines.append(f"  aCompCor components: {told}")
    for (scale, instrument, item, role), rows in scores.groupby(
        ["scale", "instrument", "item", "role"], sort=True
    ):
        lines.append(
            f"  score {instrument} ({scale}, {item}), {role}: {rows['score'].notna().sum()} of "
            f"{len(people)} participants"
        )
    lines += [f"  {test}: {sentence}" for test, sentence in design.estimand.items()]
    if locked is not None:
        lines.append(f"  preregistration: {locked}")
    noted = [f"  - {_of_a_kind(kind)}" for kind in kinds(_problems(problems))]
    if noted:
        things = plural(len(problems), "thing")
        lines.append(f"{things} to mend, left out or worth knowing ({PROBLEMS}):")
        left = max(LONGEST - len(wrapped(lines)), 5)
        lines += fitting(noted, left, rest="  - and {n} more kinds")
    return "\n".join(lines) + "\n"


def kinds(problems: Iterable[Problem]) -> list[list[Problem]]:
    """Return problems that differ in participants, sessions, values and numbers alone, together.

    Parameters
    ----------
    problems : iterable of Problem
        In their order, which that of the first of each kind keeps.
    """
    found: dict[tuple[str | None, ...], list[Problem]] = {}
    for problem in problems:
        message = _VARYING.sub("#", problem.message)
        found.setdefault((problem.severity, problem.field, message), []).append(problem)
    return list(found.values())


def _of_a_kind(same: Sequence[Problem]) -> str:
    """Return a line for problems of one kind."""
    first, people = same[0], list(dict.fromkeys(each.participant_id for each in same))
    if len(same) == 1:
        return str(first)
    who = [name for name in people if name is not None]
    if first.severity == "error" or not who:
        rest = f"{plural(len(same) - 1, 'other')} like it"
        named = [name for name in who if name != first.participant_id]
        return f"{first}; {rest}" + (f" ({_some(named)})" if named else "")
    messages = {each.message for each in same}
    said = first.message if len(messages) == 1 else f"such as: {first.message}"
    field = f"{first.field}: " if first.field else ""
    times = f" ({len(same)} times)" if len(same) > len(who) else ""
    count = f"{plural(len(who), 'participant')} ({_some(who)}){times}"
    return f"{first.severity}: {count}: {field}{said}"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return listed([*names[:_NAMED], f"{more} more"]) if more > 0 else listed(names)


def _problems(table: pd.DataFrame) -> list[Problem]:
    return [
        Problem(**{str(key): value for key, value in row.items()})
        for row in table.to_dict("records")
    ]


def _who(design: Design) -> list[str]:
    """Return how many participants are in which group and had which drug first."""
    lines = []
    people = list(design.participants)
    if design.groups:
        group = design.groups.participants
        labels = {PATIENTS: design.groups.patients, CONTROLS: design.groups.controls}
        counts = [
            f"{name} ({', '.join(own)}) n = {list(group.values()).count(name)}"
            for name, own in labels.items()
        ]
        lines.append(f"  groups: {', '.join(counts)}; controls are in no contrast of drugs")
        selected = {PATIENTS: [who for who in people if group[who] == PATIENTS]}
    else:
        selected = {}
    if design.sequences:
        for name, chosen in {"everybody": people, **selected}.items():
            had = [design.sequences[who] for who in chosen]
            counts = [f"{sequence} {had.count(sequence)}" for sequence in SEQUENCES]
            lines.append(f"  order, {name}: {', '.join(counts)}, not known {had.count(None)}")
    return lines
