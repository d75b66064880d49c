"""Where the files of a named parcellation are: a local folder, an installed package, a download."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ketfc.base.errors import Problem, RunError, StudyError
from ketfc.imaging.atlas.catalogue import Atlas, Catalogue, Download
from ketfc.imaging.atlas.label_tables import LabelTable
from ketfc.imaging.atlas.templates import TEMPLATES, named_template, standard_template
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.reader import read_geometry

FIELD = "circuits.parcellation"
"""The key of the config that names parcellations."""


@dataclass(frozen=True)
class AtlasFile:
    """The image of a parcellation, on this machine.

    Attributes
    ----------
    image : pathlib.Path
        The label image.
    space : str
        Its template.
    origin : str
        Where it comes from, for people.
    sha256 : str
        Checksum of the image.
    known : bool
        Whether the checksum is that of a known file of this parcellation in this template.
    labels : pathlib.Path, LabelTable or None
        What names the labels.
    """

    image: Path
    space: str
    origin: str
    sha256: str
    known: bool
    labels: Path | LabelTable | None


@dataclass(frozen=True)
class Choice:
    """Where a parcellation is to be taken from.

    Attributes
    ----------
    space : str
        The template it is in.
    file : AtlasFile or None
        If it is on this machine.
    downloads : tuple of Download
        How to get it otherwise, best first.
    tried : tuple of str
        Where it was looked for before, in words.
    """

    space: str
    file: AtlasFile | None
    downloads: tuple[Download, ...]
    tried: tuple[str, ...]


def atlas_error(atlas: str, message: str, *, file: str | None = None) -> StudyError:
    """Return the error of a parcellation that cannot be used."""
    return StudyError([Problem("error", message, file=file or "config", field=FIELD, value=atlas)])


def files_in(folder: Path | None) -> list[Path]:
    """Return the files of a folder and the folders in it, sorted; none without a folder.

    Empty files are passed over: TemplateFlow's folder holds one for everything it could download.
    """
    if folder is None:
        return []
    found = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
    return sorted(path for path in found if path.is_file() and path.stat().st_size > 0)


def matching_files(atlas: Atlas, files: Iterable[Path]) -> list[Path]:
    """Return the files, images and tables, whose names are those of a parcellation."""
    patterns = [pattern for pattern, _ in atlas.images] + list(atlas.tables)
    return [path for path in files if any(_matches(path, pattern) for pattern in patterns)]


def _matches(path: Path, pattern: str) -> bool:
    return fnmatchcase(path.name.casefold(), pattern.casefold())


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def local_files(atlas: Atlas, folder: Path | None, catalogue: Catalogue) -> dict[str, AtlasFile]:
    """Return the best image of a parcellation in a folder for every template there is one for.

    What tells the template of an image, from the strongest: its checksum, if it is known; the
    template's name in the file's name, then in the names of the folders from `folder` down; the
    grid, if it is a template's own; the template of all files that are called like it.

    Raises
    ------
    StudyError
        If a checksum is that of another parcellation or template than the name says, if a grid is
        that of another template than the name says, or if nothing tells the template.
    """
    files = files_in(folder)
    tables = [path for pattern in atlas.tables for path in files if _matches(path, pattern)]
    best: dict[str, AtlasFile] = {}
    for pattern, _ in atlas.images:
        for path in files:
            if _matches(path, pattern) and folder is not None:
                checksum = sha256_of(path)
                space = _space_of(atlas, path, folder, checksum, catalogue)
                labels = _table_for(path, space, tables)
                known = checksum in catalogue.known
                best.setdefault(
                    space, AtlasFile(path, space, "circuits.atlases-dir", checksum, known, labels)
                )
    return best


def _table_for(image: Path, space: str, tables: list[Path]) -> Path | None:
    """Return the table that belongs to an image: beside it, called like it, of its template."""

    def distance(table: Path) -> tuple[bool, bool, bool]:
        stems = [path.name.casefold().split(".", 1)[0] for path in (image, table)]
        named = named_template(table, table)
        return table.parent != image.parent, stems[0] != stems[1], named not in (None, space)

    # among equals, min() takes the first, that is the best pattern
    return min(tables, key=distance, default=None)


def _space_of(atlas: Atlas, path: Path, folder: Path, checksum: str, catalogue: Catalogue) -> str:
    known = catalogue.known.get(checksum)
    named = named_template(path, folder)
    if known is not None:
        if known.parcellation != atlas.name:
            message = f"is called like {atlas.name}, but by its checksum it is {known.parcellation}"
            raise atlas_error(atlas.name, message, file=path.name)
        if named is not None and named != known.space:
            message = (
                f"is said to be in {named} by its name or folder, but by its checksum it is in "
                f"{known.space}"
            )
            raise atlas_error(atlas.name, message, file=path.name)
        return known.space
    usual = next((s for pattern, s in atlas.images if s and _matches(path, pattern)), None)
    if named is None and usual is not None and usual not in TEMPLATES:
        return usual
    gridded = standard_template(read_grid(atlas.name, path))
    if named is not None and gridded is not None and named != gridded:
        message = (
            f"is said to be in {named} by its name or folder, but its grid is that of {gridded}"
        )
        raise atlas_error(atlas.name, message, file=path.name)
    space = named or gridded or usual
    if space is None:
        message = (
            "does not tell its template; put it into a folder that is called like its template "
            f"({' or '.join(TEMPLATES)})"
        )
        raise atlas_error(atlas.name, message, file=path.name)
    return space


def read_grid(atlas: str, path: Path) -> Grid:
    """Return the grid of an image, from its header.

    Raises
    ------
    StudyError
        If it cannot be read.
    """
    try:
        return read_geometry(path)[0]
    except (OSError, RunError) as error:
        raise atlas_error(atlas, f"cannot be read: {error}", file=path.name) from error


def package_files(atlas: Atlas, catalogue: Catalogue) -> dict[str, AtlasFile]:
    """Return the image of a parcellation in an installed package, for every template it has."""
    found: dict[str, AtlasFile] = {}
    for package in atlas.packages:
        try:
            installed = metadata.distribution(package.name)
        except metadata.PackageNotFoundError:
            continue
        for space in package.spaces:
            # the package is not imported: its files are all that is wanted
            image = Path(str(installed.locate_file(package.image.replace("{space}", space))))
            if not image.is_file():
                continue
            table = package.table
            labels = (
                Path(str(installed.locate_file(table.replace("{space}", space)))) if table else None
            )
            checksum = sha256_of(image)
            known = catalogue.known.get(checksum)
            found.setdefault(
                space,
                AtlasFile(
                    image=image,
                    space=space,
                    origin=f"package {package.name} {installed.version}",
                    sha256=checksum,
                    known=known is not None
                    and (known.parcellation, known.space) == (atlas.name, space),
                    labels=labels,
                ),
            )
    return found


def choose(
    atlas: Atlas,
    space: str,
    *,
    folder: Path | None,
    catalogue: Catalogue,
    other_templates: bool,
) -> Choice:
    """Decide where a parcellation is taken from, without any network.

    The study's template goes before any other; in a template, the local folder goes before
    installed packages, and those before downloads. Which it is depends on what is there and what
    is installed, never on whether the network answers.

    Parameters
    ----------
    atlas : Atlas
        The parcellation, of kind ``files``.
    space : str
        The study's template.
    folder : pathlib.Path or None
        ``circuits.atlases-dir``.
    catalogue : Catalogue
        For its checksums.
    other_templates : bool
        ``circuits.allow-template-mismatch``.

    Raises
    ------
    StudyError
        If there is no way to it in a template that is allowed; the message says what was tried.
    """
    local = local_files(atlas, folder, catalogue)
    packaged = package_files(atlas, catalogue)
    installed = [download for download in atlas.downloads if find_spec(download.by)]
    offered = [*local, *packaged, *(other for each in installed for other in each.spaces)]
    others = [other for other in dict.fromkeys(offered) if other != space]
    for wanted in [space, *others] if other_templates else [space]:
        file = local.get(wanted) or packaged.get(wanted)
        downloads = tuple(download for download in installed if wanted in download.spaces)
        if file is not None or downloads:
            return Choice(wanted, file, downloads, tuple(_tried(atlas, wanted, folder)))
    tried = "; ".join([*_tried(atlas, space, folder), *_no_download(atlas, space)])
    message = f"cannot be had in {space}. Tried in order: {tried}. {accepted(atlas, space)}"
    if others:
        message += (
            f" It can be had in {_listed(others)}: circuits.allow-template-mismatch: true would "
            "use that as if it were the same, on record."
        )
    raise atlas_error(atlas.name, message)


def _tried(atlas: Atlas, space: str, folder: Path | None) -> Iterator[str]:
    if folder is None:
        yield "circuits.atlases-dir is not set"
    else:
        yield f"no image of it in {space} in circuits.atlases-dir ({folder})"
    for package in atlas.packages:
        if space in package.spaces:
            yield f"the package {package.name} is not installed (pip install {package.name})"
    if not any(space in package.spaces for package in atlas.packages):
        yield "no package is known to hold it"


def _no_download(atlas: Atlas, space: str) -> Iterator[str]:
    for download in atlas.downloads:
        yield (
            f"{download.by} is not installed (pip install {download.by})"
            if space in download.spaces
            else f"{download.by} has it only in {_listed(download.spaces)}"
        )
    if not atlas.downloads:
        yield "nothing known downloads it"


def accepted(atlas: Atlas, space: str) -> str:
    """Return a sentence about the file names that ``circuits.atlases-dir`` may hold."""
    images = [pattern for pattern, usual in atlas.images if usual in (None, space)]
    tables = list(atlas.tables)
    text = (
        "To use files of your own, name their folder in circuits.atlases-dir; accepted there "
        f"(or in a folder called like the template): {_listed(images)}"
    )
    return f"{text}, with names from {_listed(tables)}."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
