"""Index of the runs: BOLD images of the derivatives with their masks and confounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ketfc.base.errors import Problem, did_you_mean
from ketfc.base.files import MISSING
from ketfc.study.config.study import NO_IMAGES, Study
from ketfc.study.config.types import expand
from ketfc.study.runs.bids_files import functional_files, has_bids_files
from ketfc.study.runs.datasets import is_preprocessed, mistaken_folder
from ketfc.study.runs.listing import listing_of

_RUN_ENTITIES = ("sub", "ses", "task", "acq", "ce", "rec", "dir", "run", "echo", "part")
"""Entities that tell runs apart; space, resolution and description are versions of one run."""

_CONFOUND_SUFFIXES = ("timeseries", "regressors")


@dataclass(frozen=True)
class RunName:
    """Name, participant and session of a run.

    Attributes
    ----------
    name : str
        File name up to the space entity: ``sub-01_ses-pre_task-rest_run-1``.
    participant_id, session : str
        ``sub-01``, and the session's label without its prefix.
    """

    name: str
    participant_id: str
    session: str


@dataclass(frozen=True)
class Run(RunName):
    """One BOLD run and its files.

    Attributes
    ----------
    role : str
        The role of its session in the config.
    bold, sidecar : str
        Paths of the image and of its JSON beside it (which may not exist); empty where connectivity
        was computed elsewhere.
    mask, confounds : str or None
        None if there is no such file.
    """

    role: str
    bold: str
    sidecar: str
    mask: str | None
    confounds: str | None

    @property
    def complete(self) -> bool:
        """True if every file that a run needs is there."""
        return self.mask is not None and self.confounds is not None

    @property
    def folder(self) -> str:
        """Folder of its results: ``sub-01/ses-pre/func``."""
        return f"{self.participant_id}/ses-{self.session}/func"


@dataclass(frozen=True)
class Index:
    """Runs and participants of a study's derivatives.

    Attributes
    ----------
    runs : tuple of Run
        Of the sessions that the config names, sorted by name.
    participants : frozenset of str
        Everybody who has a folder, such as ``sub-01``.
    problems : tuple of Problem
        What is missing or ambiguous.
    """

    runs: tuple[Run, ...]
    participants: frozenset[str]
    problems: tuple[Problem, ...]


def index_runs(study: Study, folders: Iterable[Path] | None = None) -> Index:
    """Find the runs of a study without opening an image.

    Parameters
    ----------
    study : Study
        That section of the configuration.
    folders : iterable of pathlib.Path or None
        Where to look; by default `study.derivatives`. Of a dataset of OpenNeuro, what counts is
        what it was listed to hold, whether it is here yet or not.

    Returns
    -------
    Index
        Runs without a mask or confounds are listed, with a problem each.
    """
    if study.scores_only:
        message = "the study has no images: only `snakemake clinical` can be run"
        field = "study.derivatives"
        alone = Problem("error", message, file="config", field=field, value=NO_IMAGES)
        return Index(runs=(), participants=frozenset(), problems=(alone,))
    problems: list[Problem] = []
    rows: list[Mapping[str, Any]] = []
    participants: set[str] = set()
    listing = listing_of(study)
    if listing is not None:
        rows += listing.rows()
        participants, folders = set(listing.participants), ()
    places = list(folders if folders is not None else map(expand, study.derivatives))
    for folder in places:
        found, problem = _rows(folder)
        rows += found
        # who has an empty folder, or only figures in it, must not vanish either
        participants |= {place.name for place in folder.glob("sub-*") if place.is_dir()}
        if problem:
            problems.append(problem)
    bolds = [row for row in rows if _is_bold(row, study)]
    problems += _unmatched(rows, bolds, study, places) if not problems else []
    roles = {label: role for role, label in study.sessions.items()}
    masks = _by_run(row for row in rows if row["desc"] == "brain" and row["suffix"] == "mask")
    confounds = _by_run(
        row
        for row in rows
        if row["desc"] == "confounds"
        and row["suffix"] in _CONFOUND_SUFFIXES
        and row["ext"] == ".tsv"
    )
    versions: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in bolds:
        if row["ses"] in roles:
            versions.setdefault(_run_key(row), []).append(row)
    runs = []
    for key, same in sorted(versions.items(), key=lambda item: str(item[1][0]["path"])):
        row = same[0]
        if len(same) > 1:
            problems.append(_ambiguous(same, study))
        mask = [
            each
            for each in masks.get(key, [])
            if (each["space"], each["res"]) == (row["space"], row["res"])
        ]
        table = confounds.get(key, [])
        run = Run(
            name=Path(row["path"]).name.split("_space-")[0],
            participant_id=f"sub-{row['sub']}",
            session=row["ses"],
            role=roles[row["ses"]],
            bold=_path(row),
            sidecar=_path(row).removesuffix(row["ext"]) + ".json",
            mask=_path(mask[0]) if mask else None,
            confounds=_path(table[0]) if table else None,
        )
        problems += _missing_files(run, row)
        runs.append(run)
    return Index(runs=tuple(runs), participants=frozenset(participants), problems=tuple(problems))


def _rows(folder: Path) -> tuple[Sequence[Mapping[str, Any]], Problem | None]:
    field = "study.derivatives"
    if not folder.is_dir():
        message = "is not a folder"
        return [], Problem("error", message, file="config", field=field, value=str(folder))
    rows = list(functional_files(folder))
    if not rows and not has_bids_files(folder):
        people = sum(place.is_dir() for place in folder.glob("sub-*"))
        message = mistaken_folder(folder) or (
            f"has folders of {people} participants, but holds no preprocessed BOLD image "
            "(*_desc-preproc_bold.nii.gz)"
            if people
            else "holds no BIDS file (sub-*/…); name the folder that holds the sub- folders"
        )
        return [], Problem("error", message, file="config", field=field, value=str(folder))
    return rows, None


def _path(row: Mapping[str, Any]) -> str:
    return str(Path(row["root"]) / row["path"])


def _run_key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[entity] for entity in _RUN_ENTITIES)


def _by_run(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(_run_key(row), []).append(row)
    return found


def _is_bold(row: Mapping[str, Any], study: Study) -> bool:
    return (
        is_preprocessed(row)
        and row["task"] == study.task
        and row["space"] == study.space
        and (study.resolution is None or row["res"] == study.resolution)
    )


def _unmatched(
    rows: list[Mapping[str, Any]],
    bolds: list[Mapping[str, Any]],
    study: Study,
    places: Sequence[Path],
) -> list[Problem]:
    """Return a problem per key of the config that no image, or no image of a session, matches."""
    preprocessed = [row for row in rows if is_preprocessed(row)]
    if not preprocessed:
        message = "holds no preprocessed BOLD image (*_desc-preproc_bold.nii.gz)"
        wrong = {str(place): mistaken_folder(place) or message for place in places}
        return [
            Problem("error", message, file="config", field="study.derivatives", value=place)
            for place, message in (wrong or {", ".join(study.derivatives): message}).items()
        ]
    problems = []
    for field, entity, wanted in (
        ("study.task", "task", study.task),
        ("study.space", "space", study.space),
        ("study.resolution", "res", study.resolution),
    ):
        there = sorted({str(row[entity]) for row in preprocessed if row[entity]})
        if wanted is not None and wanted not in there:
            message = "no preprocessed BOLD image has this label" + did_you_mean(wanted, there)
            allowed = ", ".join(there) or "none has one"
            problems.append(
                Problem("error", message, file="config", field=field, value=wanted, allowed=allowed)
            )
    if not bolds and not problems:
        wanted = " ".join(
            f"{entity}-{label}"
            for entity, label in (
                ("task", study.task),
                ("space", study.space),
                ("res", study.resolution),
            )
            if label is not None
        )
        message = "each of these labels is there, but no preprocessed BOLD image has all of them"
        problems.append(Problem("error", message, file="config", field="study", value=wanted))
    sessions = sorted({str(row["ses"]) for row in (bolds or preprocessed) if row["ses"]})
    for role, label in study.sessions.items():
        if label not in sessions:
            message = "no BOLD image has this session label" + did_you_mean(label, sessions)
            problems.append(
                Problem(
                    "error",
                    message,
                    file="config",
                    field=f"study.sessions.{role}",
                    value=label,
                    allowed=", ".join(sessions) or "none has one",
                )
            )
    return problems


def _ambiguous(same: list[Mapping[str, Any]], study: Study) -> Problem:
    row = same[0]
    resolutions = sorted({str(each["res"] or MISSING) for each in same})
    folders = sorted({str(each["root"]) for each in same})
    field = "study.derivatives"
    if len(resolutions) > 1:
        field, value = "study.resolution", ", ".join(resolutions)
        hint = "set study.resolution to one of them"
    elif len(folders) > 1:
        value = ", ".join(folders)
        hint = "name a single derivatives folder that holds it"
    else:
        value = ", ".join(sorted(Path(each["path"]).name for each in same))
        hint = "keep one of them"
    return Problem(
        "error",
        f"{len(same)} BOLD images of one run; {hint}",
        file=Path(row["path"]).name,
        participant_id=f"sub-{row['sub']}",
        session=row["ses"],
        field=field,
        value=value,
    )


def _missing_files(run: Run, row: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for found, what, name in (
        (run.mask, "brain mask", Path(run.bold).name.replace("preproc_bold", "brain_mask")),
        (run.confounds, "confounds", f"{run.name}_desc-confounds_timeseries.tsv"),
    ):
        if found is None:
            problems.append(
                Problem(
                    "excluded",
                    f"the run has no {what}: {name} is missing",
                    file=Path(row["path"]).name,
                    participant_id=run.participant_id,
                    session=run.session,
                    run=run.name,
                    field=what,
                    allowed=name,
                )
            )
    return problems
