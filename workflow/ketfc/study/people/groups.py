"""Arms, groups, diagnoses and orders of the drugs, by participant."""

from __future__ import annotations

from ketfc.base.errors import Problem, Severity, did_you_mean
from ketfc.base.files import MISSING
from ketfc.study.config.arms import Arms, Crossover, Diagnosis, Groups
from ketfc.study.design.design import (
    BIPOLAR,
    CONTROL_FIRST,
    CONTROL_ONLY,
    CONTROLS,
    KETAMINE_FIRST,
    KETAMINE_ONLY,
    PATIENTS,
    UNIPOLAR,
)
from ketfc.study.lab_tables import Table


def arms_of(table: Table, arms: Arms | None) -> tuple[dict[str, str | None], tuple[Problem, ...]]:
    """Return each participant's arm: ``ketamine`` or ``control``; None if it is neither.

    Parameters
    ----------
    table : Table
        The participants table; of several rows per participant, it is enough that one says it.
    arms : Arms or None
        That section of the configuration; None where the study has a single arm.

    Returns
    -------
    arms : dict of str to (str or None)
        By participant; empty where there are no arms.
    problems : tuple of Problem
        A missing column, labels that the config does not name, contradictions, arms of nobody.
    """
    if arms is None or table.rows.empty:
        return {}, ()
    meaning = {arms.ketamine: "ketamine", arms.control: "control"}
    return _divided(table, arms.column, meaning, field="study.arms")


def groups_of(
    table: Table, groups: Groups | None
) -> tuple[dict[str, str | None], tuple[Problem, ...]]:
    """Return each participant's group: ``patients`` or ``controls``; None if it is neither.

    Parameters
    ----------
    table : Table
        The participants table; of several rows per participant, it is enough that one says it.
    groups : Groups or None
        That section of the configuration; None where there are no groups.

    Returns
    -------
    groups : dict of str to (str or None)
        By participant; empty where there are no groups.
    problems : tuple of Problem
        A missing column, labels that the config does not name, contradictions, groups of nobody.
    """
    if groups is None or table.rows.empty:
        return {}, ()
    meaning = dict.fromkeys(groups.patients, PATIENTS) | dict.fromkeys(groups.controls, CONTROLS)
    return _divided(table, groups.column, meaning, field="study.groups")


def diagnoses_of(
    table: Table, diagnosis: Diagnosis | None
) -> tuple[dict[str, str | None], tuple[Problem, ...]]:
    """Return each participant's diagnosis: ``unipolar`` or ``bipolar``; None if it is neither.

    Parameters
    ----------
    table : Table
        The participants table.
    diagnosis : Diagnosis or None
        That section of the configuration; None where diagnoses are not compared.

    Returns
    -------
    diagnoses : dict of str to (str or None)
        By participant; empty where diagnoses are not compared.
    problems : tuple of Problem
        A missing column, contradictions, diagnoses of nobody: errors all. That somebody has
        neither is no problem here: healthy controls have none.
    """
    if diagnosis is None or table.rows.empty:
        return {}, ()
    meaning = dict.fromkeys(diagnosis.unipolar, UNIPOLAR)
    meaning |= dict.fromkeys(diagnosis.bipolar, BIPOLAR)
    found, problems = _divided(table, diagnosis.column, meaning, field="study.diagnosis")
    return found, tuple(problem for problem in problems if problem.severity == "error")


def _divided(
    table: Table, column: str, meaning: dict[str, str], *, field: str
) -> tuple[dict[str, str | None], tuple[Problem, ...]]:
    """Return the arm, group or diagnosis of the config that each participant's label stands for."""
    one, neither = ("arm", "neither arm") if field == "study.arms" else ("group", "no group")
    lacking = _lacking_column(table, column, f"{field}.column")
    if lacking is not None:
        return {}, (lacking,)
    found: dict[str, str | None] = {}
    problems = []
    for participant, labels in _labels(table, column).items():
        found[participant] = meaning.get(labels[0]) if len(labels) == 1 else None
        if found[participant] is not None:
            continue
        several = len(labels) > 1
        problems.append(
            Problem(
                "error" if several else "excluded",
                f"is in more than one {one}" if several else f"is in {neither} of the config",
                file=table.path.name,
                participant_id=participant,
                field=column,
                value=", ".join(labels) or MISSING,
                allowed=None if several else ", ".join(meaning),
            )
        )
    there = {label for cells in _labels(table, column).values() for label in cells}
    problems += [
        Problem(
            "error",
            "no participant has this label",
            file=table.path.name,
            field=f"{field}.{group}",
            value=label,
            allowed=", ".join(sorted(there)),
        )
        for label, group in meaning.items()
        if label not in there
    ]
    return found, tuple(problems)


def sequences_of(
    table: Table, crossover: Crossover | None
) -> tuple[dict[str, str | None], tuple[Problem, ...]]:
    """Return the order in which each participant had the drugs.

    Parameters
    ----------
    table : Table
        The participants table.
    crossover : Crossover or None
        That section of the configuration; None where the study is no crossover.

    Returns
    -------
    sequences : dict of str to (str or None)
        One of :data:`SEQUENCES` by participant; None where it is not known.
    problems : tuple of Problem
        Missing columns, labels that are no drug of the config, contradictions and a drug given
        twice are errors; who lacks a drug is ``excluded``.
    """
    if crossover is None or table.rows.empty:
        return {}, ()
    looked = [_lacking_column(table, column, "study.crossover.order") for column in crossover.order]
    lacking = tuple(problem for problem in looked if problem is not None)
    if lacking:
        return {}, lacking
    given = [_labels(table, column) for column in crossover.order]
    found: dict[str, str | None] = {}
    problems: list[Problem] = []
    for participant in given[0]:
        first, second = (labels[participant] for labels in given)
        wrong = _wrong_labels(table, participant, (first, second), crossover)
        problems += wrong
        if wrong and (not first or any(problem.severity == "error" for problem in wrong)):
            found[participant] = None
        else:
            ketamine = first[0] == crossover.ketamine
            both = (KETAMINE_FIRST, CONTROL_FIRST) if second else (KETAMINE_ONLY, CONTROL_ONLY)
            found[participant] = both[0] if ketamine else both[1]
    for column, labels in zip(crossover.order, given, strict=True):
        there = sorted({label for cells in labels.values() for label in cells})
        problems += [
            Problem(
                "error",
                "no participant has this label in the column",
                file=table.path.name,
                field=f"study.crossover.{drug}",
                value=label,
                allowed=f"{column}: {', '.join(there) or MISSING}",
            )
            for drug, label in (("ketamine", crossover.ketamine), ("control", crossover.control))
            if label not in there
        ]
    return found, tuple(problems)


def _wrong_labels(
    table: Table, participant: str, given: tuple[list[str], list[str]], crossover: Crossover
) -> list[Problem]:
    """Return the problems of one participant's first and second drug."""
    known = (crossover.ketamine, crossover.control)
    problems = []

    def add(severity: Severity, message: str, column: str, value: str, allowed: str | None) -> None:
        problems.append(
            Problem(
                severity,
                message,
                file=table.path.name,
                participant_id=participant,
                field=column,
                value=value,
                allowed=allowed,
            )
        )

    for column, labels in zip(crossover.order, given, strict=True):
        if len(labels) > 1:
            add("error", "rows of one participant differ", column, ", ".join(labels), None)
        elif labels and labels[0] not in known:
            add("error", "is not a drug of the config", column, labels[0], ", ".join(known))
    if problems:
        return problems
    first, second = given
    if not first:
        lost = "no first drug is given, so in no contrast of drugs"
        add("excluded", lost, crossover.order[0], MISSING, ", ".join(known))
    elif not second:
        lost = "no second drug is given, so in no contrast within participants"
        add("excluded", lost, crossover.order[1], MISSING, ", ".join(known))
    elif first == second:
        other = known[1 - known.index(first[0])]
        add("error", "had the same drug twice", crossover.order[1], second[0], other)
    return problems


def _labels(table: Table, column: str) -> dict[str, list[str]]:
    """Return the different labels of each participant, over all rows."""
    grouped = table.rows.groupby("participant_id", sort=False)[column]
    return {str(participant): list(dict.fromkeys(cells.dropna())) for participant, cells in grouped}


def _lacking_column(table: Table, column: str, field: str) -> Problem | None:
    if column in table.rows:
        return None
    return Problem(
        "error",
        f"has no such column{did_you_mean(column, map(str, table.rows.columns))}",
        file=table.path.name,
        field=field,
        value=column,
        allowed=", ".join(map(str, table.rows.columns)),
    )
