"""Functional files of a BIDS dataset, and the entities of their names.

The walk is ketfc's own because indexing libraries read more than a plan needs: bids2table took
thirty times as long and passed over folders named after a version (``fmriprep-24.1.1``), and
pybids indexes large datasets for half an hour (clpipe#395). One listing of each ``func`` folder
suffices, so that a plan stays linear in the number of runs (``docs/scale.md``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_PARTICIPANT = re.compile("sub-[0-9A-Za-z]+")
_FUNCTIONAL = "func"
_SESSION_OR_FUNCTIONAL = re.compile(f"ses-[0-9A-Za-z]+|{_FUNCTIONAL}")
_INDEX = ("run", "echo")
"""Entities that are numbers: ``run-1`` and ``run-01`` are one run."""

ENTITIES = (
    "sub",
    "ses",
    "task",
    "acq",
    "ce",
    "rec",
    "dir",
    "run",
    "echo",
    "part",
    "space",
    "res",
    "desc",
)

NameParts = dict[str, str | int | None]
"""Of one file: :data:`ENTITIES`, ``suffix`` and ``ext``; its dataset (``root``) and the ``path`` in
it. None where the name does not say."""


def functional_files(folder: Path) -> Iterator[NameParts]:
    """Yield the files of every participant's ``func`` folders, sorted by path.

    Only these folders are looked into, and no file is opened or asked for its state: on a network
    file system, a thousand participants cost as many requests as they have folders.

    Parameters
    ----------
    folder : pathlib.Path
        The dataset, with ``sub-X/func`` or ``sub-X/ses-Y/func`` in it.

    Yields
    ------
    dict
        :data:`NameParts`; sidecars (``.json``) are passed over.
    """
    for participant in _folders(folder, _PARTICIPANT):
        inside = _folders(folder / participant, _SESSION_OR_FUNCTIONAL)
        for place in (
            f"{participant}/{each}" + (f"/{_FUNCTIONAL}" if each != _FUNCTIONAL else "")
            for each in inside
        ):
            for name in _files(folder / place):
                parts = name_parts(name)
                if parts is not None and parts["ext"] != ".json":
                    yield parts | {"root": str(folder), "path": f"{place}/{name}"}


def has_bids_files(folder: Path) -> bool:
    """Return True if any participant's folder holds a file with a BIDS name."""
    return any(
        name_parts(path.name) is not None
        for participant in _folders(folder, _PARTICIPANT)
        for path in (folder / participant).rglob("sub-*_*.*")
    )


def name_parts(name: str) -> NameParts | None:
    """Return the entities, suffix and extension of a file name; None if it is not a BIDS name.

    Parameters
    ----------
    name : str
        Such as ``sub-01_ses-pre_task-rest_desc-confounds_timeseries.tsv``.
    """
    *pairs, last = name.split("_")
    suffix, dot, ext = last.partition(".")
    if not dot or not suffix or "-" in suffix or not name.startswith("sub-"):
        return None
    parts: NameParts = dict.fromkeys(ENTITIES)
    for pair in pairs:
        entity, dash, label = pair.partition("-")
        if dash and entity in parts:
            number = entity in _INDEX and label.isdecimal()
            parts[entity] = int(label) if number else label
    return parts | {"suffix": suffix, "ext": dot + ext}


def _folders(folder: Path, name: re.Pattern[str]) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(each.name for each in entries if name.fullmatch(each.name) and each.is_dir())


def _files(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
