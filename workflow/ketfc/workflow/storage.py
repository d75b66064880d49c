"""A study on machines that share no disk: what is stored, what is sent to jobs, what must be seen.

What the workflow makes lies in the storage that Snakemake was given, and the small files that a
config names are sent to every job with the config. Images stay where they are: on a volume that
every machine has under the same path.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ketfc.base.bundled import FOLDER
from ketfc.base.errors import RefusalError
from ketfc.workflow.study import DEMO, StudyWorkflow

MADE = ("results/", "logs/", f"{DEMO}/")
"""Beginnings of the paths of all that the workflow makes."""


def is_made(path: object) -> bool:
    """Return True if the workflow makes the file of this path."""
    return str(path).startswith(MADE)


def sent_files(work: StudyWorkflow, configfiles: Sequence[str | Path]) -> list[str]:
    """Return the small files that every job is sent: the config, what it names, and the plan.

    Parameters
    ----------
    work : StudyWorkflow
        The study, in the process that was started by hand.
    configfiles : sequence of path
        The files that its configuration comes from.

    Returns
    -------
    list of str
        Relative paths, below the working directory.

    Raises
    ------
    RefusalError
        If a job would not see an image, mask or table of confounds, since its path is not absolute,
        or if a file cannot be sent, since it lies elsewhere.
    """
    _require_volume(work)
    named = [
        *map(str, configfiles),
        *work.left,
        work.registry,
        *work.tables,
        *work.instruments,
        *work.given_files,
        *work.by_hand_file,
        *work.lock,
        *work.region_maps,
        *(path for files in work.parcellation_files.values() for path in files),
    ]
    sent = []
    for path in dict.fromkeys(named):
        place = Path(path)
        if place.is_absolute() and place.is_relative_to(Path.cwd()):
            place = place.relative_to(Path.cwd())
        if place.is_relative_to(FOLDER) or is_made(place):
            continue
        if ".." in place.parts or (place.is_absolute() and path in map(str, configfiles)):
            raise RefusalError(
                f"{path}: jobs on other machines do not see this file. Copy it into the folder you "
                "start in, from which it is sent to them, or name it by its absolute path on a "
                "volume that all of them have; the config itself must be in the folder."
            )
        if not place.is_absolute():
            sent.append(str(place))
    return sent


def _require_volume(work: StudyWorkflow) -> None:
    """Refuse images that jobs on other machines would look for in a folder of their own."""
    if hidden := _hidden(run["bold"] for run in work.found.values()):
        raise RefusalError(
            f"study.derivatives: {hidden}: jobs on other machines do not see this folder. Name the "
            "derivatives by their absolute path, on a volume that every machine has under the same "
            "path (docs/cloud.md)."
        )


def _hidden(images: Iterable[object]) -> str | None:
    """Return the first image that is neither made by the workflow nor named absolutely."""
    paths = (str(path) for path in images)
    return next((path for path in paths if not (is_made(path) or Path(path).is_absolute())), None)
