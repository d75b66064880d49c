"""The files of a parcellation: in a local folder, in an installed package, or to be downloaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ketfc.base.errors import Problem, RunError, StudyError, closest
from ketfc.imaging.atlas.bids_atlases import (
    bids_atlas,
    bids_metadata,
    bids_names,
    described_atlas,
    inherited,
    template_entity,
)
from ketfc.imaging.atlas.catalogue import FIELD, Atlas, Catalogue, Download, atlas_error
from ketfc.imaging.atlas.label_tables import LabelTable
from ketfc.imaging.atlas.templates import TEMPLATES, named_template, standard_template
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.reader import read_geometry


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


@dataclass(frozen=True)
class Choice:
    """The place a parcellation is taken from.

    Attributes
    ----------
    space : str
        The template it is in.
    file : AtlasFile or None
        The file, if it is on this machine.
    downloads : tuple of Download
        Ways to download it otherwise, best first.
    tried : tuple of str
        Places searched before, in words.
    """

    space: str
    file: AtlasFile | None
    downloads: tuple[Download, ...]
    tried: tuple[str, ...]


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
    return list(dict.fromkeys([*found, *(more for path in found for more in _beside(path))]))


def _beside(image: Path) -> list[Path]:
    return [*inherited(image, ".tsv"), *inherited(image, ".json")]


def own_files(image: Path, labels: Path | None) -> list[Path]:
    """Return the files of a parcellation that the config gives as a path, if they exist."""
    if image.is_dir():
        return files_in(image)
    return [path for path in (image, labels, *_beside(image)) if path and path.is_file()]


def find_atlas(name: str, catalogue: Catalogue, folder: Path | None) -> Atlas | None:
    """Return the parcellation of a name: from the catalogue, else a BIDS atlas of the folder.

    Raises
    ------
    StudyError
        If several BIDS atlases have the name.
    """
    return catalogue.atlases.get(name) or bids_atlas(name, files_in(folder))


def unknown_atlas(name: str, catalogue: Catalogue, folder: Path | None) -> StudyError:
    """Return the error of an unknown name, with the closest known one."""
    offered = bids_names(files_in(folder))
    near = closest(name, [*catalogue.atlases, *offered])
    message = (
        "is neither in atlases/parcellations.yaml nor a BIDS atlas in circuits.atlases-dir"
        + (f"; did you mean '{near}'?" if near else "")
        + "; a parcellation of your own needs name, image and space"
    )
    return atlas_error(name, message, allowed=", ".join([*catalogue.families, *offered]))


def own_atlas(
    name: str,
    image: Path,
    *,
    labels: Path | None,
    space: str | None,
    images: str,
    catalogue: Catalogue,
    other_templates: bool,
) -> tuple[Atlas, AtlasFile]:
    """Return a parcellation that a config gives as an image, or as a folder with a BIDS atlas.

    Parameters
    ----------
    name : str
        How the study calls it. In a folder with several atlases, the name of one.
    image : pathlib.Path
        The image, or the folder.
    labels : pathlib.Path or None
        The table of names; by default that of the BIDS atlas, if it is one.
    space : str or None
        Its template; by default what the name of the image says, or of a folder the study's.
    images : str
        The study's template.
    catalogue : Catalogue
        For its checksums.
    other_templates : bool
        ``circuits.allow-template-mismatch``.

    Raises
    ------
    StudyError
        If the folder has no such atlas, or the checksum or the sidecar of the image contradicts
        the template that is said.
    """
    if not image.is_dir():
        said = space or template_entity(image)
        if said not in TEMPLATES:
            message = "needs a space, since the name of its image says none (space-… or tpl-…)"
            raise atlas_error(name, message, allowed=", ".join(TEMPLATES))
        if said != images and not other_templates:
            message = (
                f"is in {said}, and study.space is {images}; to use it all the same, on record, "
                "set circuits.allow-template-mismatch: true"
            )
            raise atlas_error(name, message, file=image.name, allowed=images)
        atlas = described_atlas(name, [image])
        table = labels or next(reversed(inherited(image, ".tsv")), None)
        file = AtlasFile.of(
            name, image, space=said, origin="the config", labels=table, catalogue=catalogue
        )
        _require_agreement(name, image, said, "the config or its name", file.sha256, catalogue)
        return atlas, file
    files = files_in(image)
    names = bids_names(files)
    found = bids_atlas(name, files) or (bids_atlas(names[0], files) if len(names) == 1 else None)
    if found is None:
        message = f"is not the name of a BIDS atlas (…atlas-{name}_…dseg.nii.gz) in {image}"
        raise atlas_error(name, message, allowed=", ".join(names) or None)
    there = local_files(replace(found, name=name), image, catalogue)
    wanted = [space] if space else [images, *(there if other_templates else ())]
    chosen = next((there[each] for each in wanted if each in there), None)
    if chosen is None:
        message = f"has no image in {wanted[0]} in {image}"
        raise atlas_error(name, message, allowed=", ".join(there))
    file = replace(chosen, origin="the config", labels=labels or chosen.labels)
    return replace(found, name=name), file


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
    _require_agreement(atlas.name, path, named, "its name or folder", checksum, catalogue)
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


def _require_agreement(
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
            origin = f"package {package.name} {installed.version}"
            file = AtlasFile.of(
                atlas.name, image, space=space, origin=origin, labels=labels, catalogue=catalogue
            )
            found.setdefault(space, file)
    return found


def choose(
    atlas: Atlas,
    space: str,
    *,
    folder: Path | None,
    catalogue: Catalogue,
    other_templates: bool,
) -> Choice:
    """Choose the files of a parcellation, without any network.

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
        If it is not available in an allowed template; the message says what was tried.
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
    message = (
        f"is not available in {space}. Tried in order: {tried}. {accepted_file_names(atlas, space)}"
    )
    if others:
        message += (
            f" It is available in {_listed(others)}: circuits.allow-template-mismatch: true would "
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


def accepted_file_names(atlas: Atlas, space: str) -> str:
    """Return a sentence that lists the file names accepted in ``circuits.atlases-dir``."""
    images = [pattern for pattern, usual in atlas.images if usual in (None, space)]
    tables = list(atlas.tables)
    text = (
        "To use files of your own, name their folder in circuits.atlases-dir; accepted there "
        f"(or in a folder called like the template): {_listed(images)}"
    )
    return f"{text}, with names from {_listed(tables)}."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def origin_notes(atlas: Atlas, choice: Choice, space: str) -> list[Problem]:
    """Return notes on the origin and licence of a parcellation, and on missing checks."""
    said = licence_note(atlas)
    if choice.file is None:
        who = ", else ".join(download.by for download in choice.downloads)
        notes = [f"is not on this machine; {who} will download it. {said[0].upper()}{said[1:]}"]
    else:
        image = choice.file.image.name
        notes = [f"is taken from {choice.file.origin}, {image} ({choice.space}); {said}"]
        if not choice.file.known:
            notes.append(
                f"{image} is not among the files whose checksums are known "
                "(atlases/known_files.tsv): only its template and labels can be checked"
            )
        if choice.file.labels is None and not atlas.names:
            tables = ", ".join(atlas.tables)
            notes.append(
                f"there is no table of names, so its parcels are called label1, label2, …; "
                f"one of these beside the image would name them: {tables}"
            )
    if choice.space != space:
        notes.append(mismatch_note(choice.space, space))
    return [Problem("note", note, file="config", field=FIELD, value=atlas.name) for note in notes]


def licence_note(atlas: Atlas) -> str:
    """Return the licence of a parcellation and what to cite."""
    cited = f"{atlas.source}{f' (doi:{atlas.doi})' if atlas.doi else ''}"
    said = f"licence: {atlas.licence or 'not stated'}"
    return f"{said}; please cite {cited}" if cited else said


def mismatch_note(space: str, images: str) -> str:
    """Return the note of a parcellation in another template than the images."""
    return (
        f"is in {space} and used on data in {images} as if it were there, since "
        "circuits.allow-template-mismatch is true"
    )
