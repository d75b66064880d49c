"""Files of DataLad and git-annex datasets whose content has not been fetched yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ketfc.base.errors import Problem
from ketfc.study.config.config import Config
from ketfc.study.lab_tables import find_link
from ketfc.study.runs.index import Index

_OBJECTS = "annex/objects/"
"""Part of the target of git-annex's links and of the content of its pointer files."""

_LONGEST_POINTER = 32_768
"""Bytes; longer files are no pointers to git-annex either."""

_SHOWN = 3


def absent_files(index: Index, folders: Iterable[Path]) -> dict[str, list[Path]]:
    """Return the files that runs need and git-annex knows, but whose content is not here.

    Parameters
    ----------
    index : Index
        The runs, of which images, masks, confounds and sidecars are looked at.
    folders : iterable of pathlib.Path
        The derivatives.

    Returns
    -------
    dict of str to list of pathlib.Path
        By run; only those that lack something.
    """
    annexed = [folder for folder in folders if _is_annexed(folder)]
    absent = {}
    for run in index.runs:
        files = [Path(name) for name in (run.bold, run.mask, run.sidecar) if name is not None]
        if run.confounds is not None:
            files += [Path(run.confounds), Path(run.confounds).with_suffix(".json")]
        pointers = any(files[0].is_relative_to(folder) for folder in annexed)
        lacking = [path for path in files if is_absent(path, pointers=pointers)]
        if lacking:
            absent[run.name] = lacking
    return absent


def annex_problems(
    config: Config, absent: Mapping[str, Sequence[Path]], folders: Sequence[Path]
) -> list[Problem]:
    """Return an error for each dataset that lacks content, with the command that gets it.

    Parameters
    ----------
    config : Config
        The study's configuration, whose tables are looked at too.
    absent : mapping
        What runs lack, from :func:`absent_files`.
    folders : sequence of pathlib.Path
        The derivatives, where tables are looked for too.
    """
    by_folder: dict[Path, list[str]] = {}
    for path in (path for files in absent.values() for path in files):
        root = next((each for each in folders if path.is_relative_to(each)), path.parent)
        by_folder.setdefault(root, []).append(path.relative_to(root).as_posix())
    problems = [_problem(root, names) for root, names in by_folder.items()]
    tables = [("scores.table", name) for name in config.scores.table]
    for field, name in [*tables, ("study.participants", config.study.participants)]:
        path = find_link(name, folders)
        if is_absent(path, pointers=_is_annexed(path.parent)):
            problems.append(_problem(path.parent, [path.name], field=field))
    return problems


def is_absent(path: Path, *, pointers: bool = True) -> bool:
    """Return True if git-annex has a file of this name, but not its content.

    Parameters
    ----------
    path : pathlib.Path
        A link into the annex that leads nowhere, or a pointer file: ``/annex/objects/KEY``.
    pointers : bool
        False to pass over pointer files, which must be opened to be known.
    """
    if path.is_symlink():
        return _OBJECTS in path.readlink().as_posix() and not path.exists()
    if not pointers or not path.is_file() or path.stat().st_size > _LONGEST_POINTER:
        return False
    with path.open("rb") as file:
        start = file.readline(_LONGEST_POINTER)
    # where links are not to be had, git writes their target into a plain file
    return re.match(rb"(/|(\.\./)*\.git/)" + _OBJECTS.encode(), start) is not None


def _is_annexed(folder: Path) -> bool:
    whole = folder.absolute()
    return any((each / ".git").exists() for each in (whole, *whole.parents))


def _problem(root: Path, names: list[str], *, field: str = "study.derivatives") -> Problem:
    wanted = names
    if len(names) > _SHOWN:
        wanted = sorted({re.sub(r"(sub|ses)-[A-Za-z0-9]+", r"\1-*", name) for name in names})
    files = f"{len(names)} files are" if len(names) > 1 else "is"
    message = (
        f"{files} not here yet, only git-annex's links to them. To get them: "
        f"cd '{root}' && datalad get {' '.join(wanted)} (or git annex get, with the same names)"
    )
    return Problem("error", message, file=names[0], field=field)
