"""What can be said of parcellations before an image is opened: where from, licence, template."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ketfc.base.errors import Problem, StudyError, closest
from ketfc.imaging.atlas.catalogue import FILES_KIND, Atlas, Catalogue
from ketfc.imaging.atlas.files import FIELD, Choice, choose, read_grid
from ketfc.imaging.atlas.templates import standard_template


def named_problems(
    names: Iterable[str],
    space: str,
    *,
    folder: Path | None,
    catalogue: Catalogue,
    other_templates: bool,
) -> list[Problem]:
    """Return what is wrong with, or worth knowing of, the parcellations that a config names.

    Each that is looked for has one note with its origin and licence. Nothing is downloaded.

    Parameters
    ----------
    names : iterable of str
        From ``circuits.parcellation``.
    space : str
        The study's template.
    folder : pathlib.Path or None
        ``circuits.atlases-dir``.
    catalogue : Catalogue
        What can be named.
    other_templates : bool
        ``circuits.allow-template-mismatch``.
    """
    problems = []
    if folder is not None and not folder.is_dir():
        message = "there is no such folder"
        problems.append(
            Problem(
                "error", message, file="config", field="circuits.atlases-dir", value=str(folder)
            )
        )
    for name in names:
        atlas = catalogue.atlases.get(name)
        if atlas is None:
            problems.append(_unknown(name, catalogue))
        elif atlas.kind == FILES_KIND:
            try:
                choice = choose(
                    atlas,
                    space,
                    folder=folder,
                    catalogue=catalogue,
                    other_templates=other_templates,
                )
            except StudyError as error:
                problems += error.problems
            else:
                problems += origin_notes(atlas, choice, space)
    return problems


def _unknown(name: str, catalogue: Catalogue) -> Problem:
    near = closest(name, catalogue.atlases)
    return Problem(
        "error",
        "is not in atlases/parcellations.yaml"
        + (f"; did you mean '{near}'?" if near else "")
        + "; a parcellation of your own needs name, image and space",
        file="config",
        field=FIELD,
        value=name,
        allowed=", ".join(catalogue.families),
    )


def origin_notes(atlas: Atlas, choice: Choice, space: str) -> list[Problem]:
    """Return where a parcellation comes from, its licence, and what cannot be checked of it."""
    cited = f"{atlas.source}{f' (doi:{atlas.doi})' if atlas.doi else ''}"
    said = f"licence: {atlas.licence}; please cite {cited}"
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
        notes.append(_mismatched(choice.space, space))
    return [Problem("note", note, file="config", field=FIELD, value=atlas.name) for note in notes]


def own_image_problems(name: str, image: Path, space: str, images: str) -> list[Problem]:
    """Return what the header of a lab's own parcellation says of its template: only notes.

    Parameters
    ----------
    name : str
        The parcellation.
    image : pathlib.Path
        Its image; only the header is read.
    space : str
        Its template, as the config says.
    images : str
        The study's template.
    """
    try:
        gridded = standard_template(read_grid(name, image))
    except StudyError as error:
        return list(error.problems)
    notes = []
    if gridded not in (None, space):
        notes.append(
            f"is said to be in {space}, but its grid is that of {gridded}; make sure of it"
        )
    if space != images:
        notes.append(_mismatched(space, images))
    return [Problem("note", note, file=image.name, field=FIELD, value=name) for note in notes]


def _mismatched(space: str, images: str) -> str:
    return (
        f"is in {space} and used on data in {images} as if it were there, since "
        "circuits.allow-template-mismatch is true"
    )
