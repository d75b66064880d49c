"""Arms, groups, orders of drugs and covariates among the columns about participants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ketfc.base.english import listed
from ketfc.command.init.entries import Answer, Entry, Question
from ketfc.command.init.tables import COVARIATES, LabTable, first_word, folded
from ketfc.study.design.detection import alternating_columns

_ARM_COLUMNS = ("arm", "treatment", "treatmentarm", "drug", "allocation", "condition",
                "randomization", "randomisation", "infusion", "group")  # fmt: skip
_CONTROL_DRUGS = frozenset({"midazolam", "mdz", "placebo", "pbo", "saline", "nacl", "sham",
                            "vehicle", "control", "ctrl"})  # fmt: skip
_HEALTHY = frozenset({"hc", "hcs", "healthy", "healthycontrol", "healthycontrols", "hv", "nc",
                      "healthyvolunteer", "control", "controls"})  # fmt: skip
_PATIENTS = frozenset({"patient", "patients", "mdd", "bp", "bd", "trd", "depressed", "case"})
_TWO = 2


def _is_ketamine(label: str) -> bool:
    return "ket" in label.casefold() or folded(label) == "active"


def crossover_columns(table: LabTable) -> tuple[str, str] | None:
    """Return the columns of the first and second drug, if there are such."""
    return alternating_columns(table.of_study)


def crossover_labels(
    table: LabTable, order: tuple[str, str], answer: Answer
) -> tuple[str | Question, str | Question]:
    """Return the labels of ketamine and of the control drug in the columns of a crossover."""
    labels = sorted(set(table.rows[order[0]].dropna()))
    text = (
        f"{order[0]} and {order[1]} hold {listed(labels)}, each in both orders: which is ketamine?"
    )
    return _which(labels, text, "And which is the control drug?", answer)


def _which(
    labels: list[str], text: str, other: str, answer: Answer
) -> tuple[str | Question, str | Question]:
    """Return which of two labels is ketamine and which the control, by name or by asking."""
    ketamine = [label for label in labels if _is_ketamine(label)]
    controls = [label for label in labels if folded(label) in _CONTROL_DRUGS]
    if len(ketamine) != 1 and len(controls) == 1:
        ketamine = [label for label in labels if label not in controls]
    if len(ketamine) == 1 and len(labels) == _TWO:
        return ketamine[0], next(label for label in labels if label != ketamine[0])
    question = Question(text, tuple(labels))
    chosen = answer(question)
    if chosen is None:
        return question, Question(f"{other} One of {listed(labels)}")
    rest = [label for label in labels if label != chosen]
    if len(rest) == 1:
        return chosen, rest[0]
    control = Question(other, tuple(rest))
    return chosen, answer(control) or control


def arm_entries(table: LabTable, answer: Answer) -> list[Entry]:
    """Return the keys ``arms`` and ``groups`` of a table about participants.

    Parameters
    ----------
    table : LabTable
        With a label per participant in some columns.
    answer : Answer
        Who is asked which arm had ketamine, where no label says it.
    """
    entries: list[Entry] = []
    for name in _ARM_COLUMNS:
        column = next((each for each in table.columns if folded(each) == name), None)
        labels = table.labels(column) if column else {}
        if column is None or len(labels) < _TWO or len(labels) > _TWO * _TWO:
            continue
        groups = _groups(column, labels)
        others = {label: n for label, n in labels.items() if label not in _controls(groups)}
        if groups is not None:
            entries.append(groups)
        # a column of diagnoses divides patients, and says nothing about what they were given
        drugs = groups is None and name != "group"
        if len(others) >= _TWO and (drugs or any(map(_says_drug, others)) or groups is None):
            entries.append(_arms(column, others, answer))
        if any(entry.key == "arms" for entry in entries):
            break
    return entries


def _says_drug(label: str) -> bool:
    return _is_ketamine(label) or folded(label) in _CONTROL_DRUGS - _HEALTHY


def _controls(groups: Entry | None) -> tuple[str, ...]:
    return tuple(groups.value["controls"]) if groups else ()


def _groups(column: str, labels: Mapping[str, int]) -> Entry | None:
    """Return the groups of a column that tells healthy people from patients."""
    healthy = [label for label in labels if folded(label) in _HEALTHY]
    patients = [label for label in labels if label not in healthy]
    sure = [label for label in healthy if folded(label) not in _CONTROL_DRUGS]
    told = all(folded(label) in _PATIENTS for label in patients)
    if not healthy or not patients or not (sure or told):
        return None
    value = {"column": column, "patients": patients, "controls": healthy}
    return Entry("groups", value, f"{_counted(column, labels)}: healthy people by their name.")


def _arms(column: str, labels: Mapping[str, int], answer: Answer) -> Entry:
    said = _counted(column, labels)
    ketamine, control = _which(
        list(labels),
        f"{said}: which is the arm with ketamine (or the treatment)?",
        "And which is the control arm?",
        answer,
    )
    why = ""
    if isinstance(ketamine, str) and isinstance(control, str):
        known = _is_ketamine(ketamine)
        by = "by its name" if known else "as the other one"
        why = (
            f"{said}. {ketamine} was taken for the arm with ketamine, {by}; {control} is the "
            "control."
        )
    return Entry("arms", {"column": column, "ketamine": ketamine, "control": control}, why)


def _counted(column: str, labels: Mapping[str, int]) -> str:
    return f"{column} has {listed([f'{label} ({n})' for label, n in labels.items()])}"


def covariate_entries(table: LabTable) -> list[Entry]:
    """Return the keys ``covariates`` and ``categorical`` of what a table says of participants."""
    found: dict[str, str] = {}
    labels: list[str] = []
    said = []
    for name, starts in COVARIATES.items():
        for column in table.columns:
            values = table.labels(column)
            if name in found or not values or first_word(column) not in starts:
                continue
            found[name] = column
            if name in ("sex", "site"):
                said.append(_counted(column, values))
                if table.numbers(column) is not None:
                    labels.append(name)
    if not found:
        return []
    why = (
        "Recorded with the participants; a test is adjusted for those alone that "
        "statistics.covariates names."
    )
    if said:
        why += f" {'. '.join(said)}."
    entries = [Entry("covariates", found, why)]
    if labels:
        entries.append(Entry("categorical", labels, "Numbers that are labels."))
    return entries


def block_entries(covariates: Mapping[str, Any], table: LabTable) -> list[Entry]:
    """Return a suggestion of ``statistics.blocks`` for a study of several sites."""
    column = covariates.get("site")
    if column is None or len(table.labels(column)) < _TWO:
        return []
    why = (
        f"{_counted(column, table.labels(column))}. Where sites differ in scanner or in who was "
        "recruited, permute within sites and adjust for them; decide before the results."
    )
    return [Entry("blocks", "site", why, active=False)]
