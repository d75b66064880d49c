"""The plan: who, which sessions, which runs and scores, what is missing, which design."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketfc.study.config import Config
from ketfc.study.design import contrasts, describe_design, design_problems
from ketfc.study.groups import CONTROLS, PATIENTS, SEQUENCES, groups_of, sequences_of
from ketfc.study.index import Index
from ketfc.study.problems import Problem
from ketfc.study.scores import arms, long_scores
from ketfc.study.tables import Table, duplicate_rows, find_table, read_table

if TYPE_CHECKING:
    import pandas as pd

RUN_COLUMNS = (
    "run",
    "participant_id",
    "session",
    "role",
    "arm",
    "status",
    "reason",
    "bold",
    "mask",
    "confounds",
)


@dataclass(frozen=True)
class Plan:
    """Everything that is known about a study before an image is opened.

    Attributes
    ----------
    runs : pandas.DataFrame
        Columns of :data:`RUN_COLUMNS`; `status` is ``ok`` or ``excluded``.
    scores : pandas.DataFrame
        As :func:`ketfc.study.scores.long_scores` gives them.
    design : dict
        As :func:`ketfc.study.design.describe_design` gives it.
    problems : tuple of Problem
        Every problem found.
    """

    runs: pd.DataFrame
    scores: pd.DataFrame
    design: dict[str, Any]
    problems: tuple[Problem, ...]

    @property
    def usable(self) -> bool:
        """Whether the study can go on: no problem is an error."""
        return all(problem.severity != "error" for problem in self.problems)


def make_plan(
    config: Config, index: Index, folders: Iterable[Path], *, extra: Iterable[Problem] = ()
) -> Plan:
    """Return the plan of a study; takes seconds, opens tables but no image.

    Parameters
    ----------
    config : Config
        The study's configuration.
    index : Index
        Its runs.
    folders : iterable of pathlib.Path
        The derivatives, where tables are looked for too.
    extra : iterable of Problem
        Found by the rooms that come later, such as circuits that the space does not have; those
        of severity ``excluded`` that name a run exclude it.
    """
    places = list(folders)
    problems = [*index.problems, *extra]

    table_path = find_table(config.scores.table, places)
    table = read_table(table_path, field="scores.table", known=index.participants)
    problems += table.problems
    scores, wrong = long_scores(table, config.scores, config.study)
    problems += wrong
    people, wrong = _people(config, table, table_path, places, index)
    problems += wrong
    group, unclear = groups_of(people, config.study.groups)
    problems += unclear
    arm, wrong = arms(people, config.study)
    sequence, unclear = sequences_of(people, config.study.crossover)
    # healthy controls need neither an arm nor a drug
    healthy = {who for who, of in group.items() if of == CONTROLS}
    problems += [
        problem
        for problem in (*wrong, *unclear)
        if problem.severity == "error" or problem.participant_id not in healthy
    ]
    problems += design_problems(config, people.rows)

    # everybody with images, and everybody with an arm, group or score: nobody vanishes
    listed = {*table.rows["participant_id"], *arm, *group, *sequence}
    everybody = sorted(index.participants | listed)
    participants = {participant: arm.get(participant) for participant in everybody}
    runs = _run_table(index, participants, problems)
    problems += _missing_sessions(runs, participants, config, healthy)
    if len(runs) and not (runs["status"] == "ok").any():
        message = "no run can be used; each has its reason in results/plan/runs.tsv"
        problems.append(Problem("error", message, field="study.derivatives"))
    return Plan(
        runs=runs,
        scores=scores,
        design=describe_design(config, participants, sequences=sequence, groups=group),
        problems=tuple(problems),
    )


def _people(
    config: Config, scores: Table, scores_path: Path, places: list[Path], index: Index
) -> tuple[Table, list[Problem]]:
    """Return the participants table, which may be that of the scores, and what is wrong with it.

    Where the config asks nothing of it, it may be anything or missing.
    """
    study = config.study
    path = find_table(study.participants, places)
    if path == scores_path:
        return scores, []
    table = read_table(path, field="study.participants", known=index.participants)
    if study.arms is None and study.crossover is None and study.groups is None:
        return table, []
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
    problems = [
        Problem(
            "excluded",
            f"has no usable run of session {config.study.sessions[role]}",
            participant_id=participant,
            session=config.study.sessions[role],
            field=f"study.sessions.{role}",
        )
        for participant in participants
        for role in contrasts(config.study)[0]
        if (participant, role) not in there and participant not in healthy
    ]
    return problems + [
        Problem("excluded", "has no usable run", participant_id=participant, field="study.sessions")
        for participant in participants
        if participant in healthy - measured
    ]


def _run_table(
    index: Index, participants: dict[str, str | None], problems: list[Problem]
) -> pd.DataFrame:
    import pandas as pd

    reasons: dict[str, str] = {}
    for problem in problems:
        if problem.severity == "excluded" and problem.run is not None:
            reasons.setdefault(problem.run, problem.message)
    rows = [
        {
            "run": run.name,
            "participant_id": run.participant_id,
            "session": run.session,
            "role": run.role,
            "arm": participants.get(run.participant_id),
            "status": "excluded" if run.name in reasons else "ok",
            "reason": reasons.get(run.name),
            "bold": run.bold,
            "mask": run.mask,
            "confounds": run.confounds,
        }
        for run in index.runs
    ]
    return pd.DataFrame(rows, columns=list(RUN_COLUMNS))


def unusable(problems: pd.DataFrame) -> str | None:
    """Return why the study cannot go on, a line per error; None if it can.

    Parameters
    ----------
    problems : pandas.DataFrame
        ``plan/problems.tsv``.
    """
    errors = [
        Problem(**{str(key): value for key, value in row.items()})
        for row in problems.to_dict("records")
        if row["severity"] == "error"
    ]
    if not errors:
        return None
    return "\n".join(
        [
            f"The input cannot be used; {len(errors)} problem(s) to mend "
            "(all of them, with notes, are in results/plan/problems.tsv):",
            *(f"  - {problem}" for problem in errors),
        ]
    )


def summary(
    runs: pd.DataFrame, scores: pd.DataFrame, design: dict[str, Any], problems: pd.DataFrame
) -> str:
    """Return the plan in words: design, who has what, what is missing.

    Parameters
    ----------
    runs, scores, problems : pandas.DataFrame
        The tables of ``results/plan``.
    design : dict
        ``design.json``.
    """
    arms = design["arms"]
    people = design["participants"]
    usable = runs[runs["status"] == "ok"]
    lines = [f"Study {design['study']}: {design['kind']} design, {len(people)} participants"]
    lines.append(f"  design: {design['kind']} ({design['detected']}); to override: study.design")
    lines += _who(design)
    if arms:
        counts = {role: sum(arm == role for arm in people.values()) for role in arms}
        lines.append(
            "  arms: " + ", ".join(f"{label} n = {counts[role]}" for role, label in arms.items())
        )
    for role, label in design["sessions"].items():
        there = usable[usable["role"] == role]
        lines.append(
            f"  session {label} ({role}): {there['participant_id'].nunique()} participants, "
            f"{len(there)} runs"
        )
    before, after = design["baseline"], design["followup"]
    both = set(usable[usable["role"] == before]["participant_id"]) & set(
        usable[usable["role"] == after]["participant_id"]
    )
    lines.append(f"  both {before} and {after}: {len(both)} participants")
    for (scale, instrument, item, role), rows in scores.groupby(
        ["scale", "instrument", "item", "role"], sort=True
    ):
        lines.append(
            f"  score {instrument} ({scale}, {item}), {role}: {rows['score'].notna().sum()} of "
            f"{len(people)} participants"
        )
    lines += [f"  {test}: {sentence}" for test, sentence in design["estimand"].items()]
    others = problems[problems["severity"] != "error"]
    if len(others):
        lines.append(f"{len(others)} thing(s) left out or worth knowing:")
        lines += [
            f"  - {Problem(**{str(key): value for key, value in row.items()})}"
            for row in others.to_dict("records")
        ]
    return "\n".join(lines) + "\n"


def _who(design: dict[str, Any]) -> list[str]:
    """Return how many participants are in which group and had which drug first."""
    lines = []
    people = list(design["participants"])
    if design["groups"]:
        group = design["groups"]["participants"]
        counts = [
            f"{name} ({', '.join(design['groups'][name])}) n = {list(group.values()).count(name)}"
            for name in (PATIENTS, CONTROLS)
        ]
        lines.append(f"  groups: {', '.join(counts)}; controls are in no contrast of drugs")
        selected = {PATIENTS: [who for who in people if group[who] == PATIENTS]}
    else:
        selected = {}
    if design["sequences"]:
        for name, chosen in {"everybody": people, **selected}.items():
            had = [design["sequences"][who] for who in chosen]
            counts = [f"{sequence} {had.count(sequence)}" for sequence in SEQUENCES]
            lines.append(f"  order, {name}: {', '.join(counts)}, not known {had.count(None)}")
    return lines
