"""Plan of a study: participants, sessions, runs, scores, design, and all its problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ketfc.base.errors import Problem
from ketfc.study.config.config import Config
from ketfc.study.config.types import expand
from ketfc.study.design.design import CONTROLS, Design
from ketfc.study.design.detection import contrasts, describe_design, design_problems
from ketfc.study.design.later_outcomes import without_scores
from ketfc.study.design.possible import complete_by_group, why_no_test
from ketfc.study.lab_tables import Table, duplicate_rows
from ketfc.study.people.age_and_sex import age_and_sex
from ketfc.study.people.covariates import covariates, model_terms, si_strata
from ketfc.study.people.enrolment import enrolment_order
from ketfc.study.people.groups import (
    arms_of,
    diagnoses_of,
    groups_of,
    sequences_of,
)
from ketfc.study.predicted import prediction_problems
from ketfc.study.runs.index import Index, Run
from ketfc.study.runs.manual import FIELD as BY_HAND
from ketfc.study.scores.checks import NEEDED, timing_problems
from ketfc.study.scores.instruments import load_instruments
from ketfc.study.scores.long_scores import long_scores
from ketfc.study.scores.tables import participants_table, read_score_tables

if TYPE_CHECKING:
    import pandas as pd

MIN_TIME = "denoising.min-time"
"""The field of the problems of runs that are too short."""

RUN_COLUMNS = (
    "run",
    "participant_id",
    "session",
    "role",
    "arm",
    "status",
    "rule",
    "reason",
    "bold",
    "mask",
    "confounds",
    "compcor",
)


@dataclass(frozen=True)
class Plan:
    """Everything that is known about a study before an image is opened.

    Attributes
    ----------
    runs : pandas.DataFrame
        Columns of :data:`RUN_COLUMNS`; `status` is ``ok`` or ``excluded``, and then `rule` is
        ``manual`` (left out by hand), ``missing-file``, ``confounds`` or ``min-time``. `compcor`
        tells which aCompCor components the strategies with aCompCor regress out, such as
        ``5 WM + 5 CSF``, ``6 combined`` or ``none``.
    scores : pandas.DataFrame
        As :func:`ketfc.study.scores.long_scores.long_scores` gives them.
    design : Design
        As :func:`ketfc.study.design.detection.describe_design` gives it, the kinds of the
        `covariates`, the `hours_since_dose` of the scans by role, and the `terms` of the models
        (:func:`ketfc.study.people.covariates.model_terms`).
    participants : pandas.DataFrame
        Everybody: `participant_id`, `arm` (role), `group`, `enrolment_order`, the covariates,
        `age` and `sex` where the study's tables have them, and `si_stratum` where the config
        divides the participants by baseline SI.
    problems : tuple of Problem
        Every problem found.
    """

    runs: pd.DataFrame
    scores: pd.DataFrame
    design: Design
    participants: pd.DataFrame
    problems: tuple[Problem, ...]

    @property
    def usable(self) -> bool:
        """True if the study can go on: no problem is an error."""
        return all(problem.severity != "error" for problem in self.problems)


def make_plan(
    config: Config,
    index: Index,
    folders: Iterable[Path],
    *,
    extra: Iterable[Problem] = (),
    components: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """Return the plan of a study; takes seconds, opens tables but no image.

    Parameters
    ----------
    config : Config
        The study's configuration.
    index : Index
        Its runs.
    folders : iterable of pathlib.Path
        The derivatives, where tables are looked for too, as in a fetched dataset.
    extra : iterable of Problem
        Found by the rooms that come later, such as circuits that the space does not have; those
        of severity ``excluded`` that name a run exclude it.
    components : mapping of str to str
        aCompCor components in words, by run; of runs whose confounds were not read there are none.
    """
    places = list(folders)

    measured = "connectivity" if config.study.connectivity else "images"
    tables, wrong = read_score_tables(config.scores, places, index.participants, measured=measured)
    own = config.scores.instruments
    catalogue, unknown = load_instruments(expand(own) if own else None)
    scores, unclear = long_scores(tables, config.scores, config.study, catalogue)
    problems = [*_score_only_roles(index.problems, scores), *extra, *wrong, *unknown, *unclear]
    problems += timing_problems(scores, config.scores, config.study)
    people, wrong = _people(config, tables, places, index)
    problems += wrong
    group, ungrouped = groups_of(people, config.study.groups)
    problems += ungrouped
    arm, armless = arms_of(people, config.study.arms)
    sequence, unordered = sequences_of(people, config.study.crossover)
    # healthy controls need neither an arm nor a drug
    healthy = {who for who, of in group.items() if of == CONTROLS}
    problems += [
        problem
        for problem in (*armless, *unordered)
        if problem.severity == "error" or problem.participant_id not in healthy
    ]
    problems += design_problems(config, people.rows)

    # everybody with images, and everybody with an arm, group or score: nobody vanishes
    listed = {*scores["participant_id"], *arm, *group, *sequence}
    if len(tables) == 1 or config.study.covariates:
        listed |= {*people.rows["participant_id"], *tables[0].rows["participant_id"]}
    everybody = sorted(index.participants | listed)
    participants = {participant: arm.get(participant) for participant in everybody}
    runs = _run_table(index, participants, problems, components)
    problems += _missing_sessions(runs, participants, config, healthy)
    known, kinds, wrong = covariates([people, *tables], config.study, everybody)
    problems += wrong
    described = age_and_sex([people, *tables], everybody)
    described = described.drop(columns=[name for name in described if name in known])
    hours = dict(config.study.hours_since_dose)
    scanned = frozenset(run.role for run in index.runs)
    design, wrong = describe_design(
        config, participants, sequences=sequence, groups=group, scanned=scanned or None
    )
    problems += [*wrong, *without_scores(design.later_outcomes, scores)]
    diagnosis, wrong_diagnoses = diagnoses_of(people, config.study.diagnosis)
    terms, lacking = model_terms(config, known, kinds, diagnosis, design.in_contrasts())
    enrolment, unclear = enrolment_order(people, known, config.statistics.enrolment)
    problems += [*wrong_diagnoses, *lacking, *unclear]
    design = replace(design, covariates=kinds, hours_since_dose=hours, terms=terms)
    # where something else is wrong, these may follow from it
    if all(problem.severity != "error" for problem in problems):
        problems += prediction_problems(config, design, scores, runs)
    sound = all(problem.severity != "error" for problem in problems)
    if sound and len(runs) and (nothing := why_no_test(design, runs)):
        # a study that has begun can be measured, though nothing can be tested yet
        begun = any(complete_by_group(design, runs).values())
        problems.append(Problem("note" if begun else "error", nothing, field="study"))
    return Plan(
        runs=runs,
        scores=scores,
        design=design,
        participants=_participants(config, design, scores, known.join(described), enrolment),
        problems=tuple(problems),
    )


def _score_only_roles(problems: Iterable[Problem], scores: pd.DataFrame) -> list[Problem]:
    """Return the problems of the images, those of sessions with scores alone as notes."""
    scored = set(scores.loc[scores["score"].notna(), "role"]) - set(NEEDED)
    found = []
    for problem in problems:
        section, _, role = (problem.field or "").rpartition(".")
        if problem.severity == "error" and section == "study.sessions" and role in scored:
            message = (
                "no BOLD image has this session label; only scores are read for it, and no change "
                "in connectivity is tested"
            )
            problem = replace(problem, severity="note", message=message, allowed=None)
        found.append(problem)
    return found


def _participants(
    config: Config,
    design: Design,
    scores: pd.DataFrame,
    known: pd.DataFrame,
    enrolment: pd.Series[int],
) -> pd.DataFrame:
    """Return ``plan/participants.tsv``."""
    import pandas as pd

    everybody = list(known.index)
    groups = design.groups.participants if design.groups else {}
    arm = [design.participants[who] for who in everybody]
    frame = pd.DataFrame({"participant_id": everybody, "arm": arm}, dtype=object)
    frame["group"] = pd.Series([groups.get(who) for who in everybody], dtype=object)
    frame["enrolment_order"] = enrolment.to_numpy()
    frame = frame.join(known, on="participant_id")
    if config.scores.si_strata:
        frame["si_stratum"] = si_strata(scores, config.scores.si_strata, everybody).to_numpy()
    return frame


def _people(
    config: Config, tables: list[Table], places: list[Path], index: Index
) -> tuple[Table, list[Problem]]:
    """Return the participants table, which may be one of those with scores, and its problems.

    Where the config asks nothing of it, it may be anything, and missing unless the config names it.
    """
    study = config.study
    measured = "connectivity" if study.connectivity else "images"
    table = participants_table(config, tables, places, index.participants, measured=measured)
    asked = (
        *(study.arms, study.crossover, study.groups, study.diagnosis),
        study.covariates or None,
    )
    if any(table is one for one in tables):
        return table, []
    if all(key is None for key in asked):
        # a path that was written down and leads nowhere is a mistake, whoever needs it
        written = "participants" in study.model_fields_set and not table.path.is_file()
        return table, list(table.problems) if written else []
    return table, [*table.problems, *duplicate_rows(table, ["participant_id"])]


def _missing_sessions(
    runs: pd.DataFrame, participants: dict[str, str | None], config: Config, healthy: set[str]
) -> list[Problem]:
    """Return who lacks a session of the primary contrast; of healthy controls, any session."""
    usable = runs[runs["status"] == "ok"]
    there = set(zip(usable["participant_id"], usable["role"], strict=True))
    if not there:
        return []
    measured = {participant for participant, _ in there}
    run = "connectivity" if config.study.connectivity else "usable run"
    problems = [
        Problem(
            "excluded",
            f"has no {run} of session {config.study.sessions[role]}",
            participant_id=participant,
            session=config.study.sessions[role],
            field=f"study.sessions.{role}",
        )
        for participant in participants
        for role in contrasts(config.study)[0]
        if (participant, role) not in there and participant not in healthy
    ]
    return problems + [
        Problem("excluded", f"has no {run}", participant_id=participant, field="study.sessions")
        for participant in participants
        if participant in healthy - measured
    ]


def _run_table(
    index: Index,
    participants: dict[str, str | None],
    problems: list[Problem],
    components: Mapping[str, str],
) -> pd.DataFrame:
    import pandas as pd

    reasons: dict[str, str] = {}
    rules: dict[str, str] = {}
    for problem in problems:
        if problem.severity == "excluded" and problem.run is not None:
            # what a lab decided is its first reason, whatever else is wrong
            if problem.field == BY_HAND:
                reasons[problem.run] = problem.message
                rules[problem.run] = "manual"
            elif problem.run not in reasons and problem.field == MIN_TIME:
                rules[problem.run] = "min-time"
            reasons.setdefault(problem.run, problem.message)
    rows = [
        {
            "run": run.name,
            "participant_id": run.participant_id,
            "session": run.session,
            "role": run.role,
            "arm": participants.get(run.participant_id),
            "status": "excluded" if run.name in reasons else "ok",
            "rule": _rule(run, rules) if run.name in reasons else None,
            "reason": reasons.get(run.name),
            "bold": run.bold or None,
            "mask": run.mask,
            "confounds": run.confounds,
            "compcor": components.get(run.name),
        }
        for run in index.runs
    ]
    return pd.DataFrame(rows, columns=list(RUN_COLUMNS))


def _rule(run: Run, rules: Mapping[str, str]) -> str:
    return rules.get(run.name, "confounds" if run.complete else "missing-file")
