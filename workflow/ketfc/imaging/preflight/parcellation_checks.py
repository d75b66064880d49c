"""Checks of parcellations before an image is read: files, labels, templates and licences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ketfc.base.english import listed
from ketfc.base.errors import Problem, StudyError
from ketfc.imaging.atlas.atlas_choice import (
    Choice,
    choose,
    find_atlas,
    own_atlas,
    unknown_atlas,
)
from ketfc.imaging.atlas.atlas_files import read_grid
from ketfc.imaging.atlas.catalogue import FIELD, FILES_KIND, Atlas, Catalogue
from ketfc.imaging.atlas.making import named_parcellation
from ketfc.imaging.atlas.templates import standard_template
from ketfc.imaging.group.networks import TRIPLE, triple_network_of
from ketfc.imaging.regions.region_atlases import atlases_folder
from ketfc.study.config.circuits import Parcellation
from ketfc.study.config.config import Config
from ketfc.study.config.types import expand


def parcellation_problems(config: Config, catalogue: Catalogue) -> list[Problem]:
    """Return the problems of parcellations, and notes on their origins and licences.

    Nothing is downloaded. A parcellation of the study's own, or in BIDS form, is read, so that
    its labels are checked; of the others only the header is.
    """
    folder, space = atlases_folder(config), config.study.space
    allowed = config.circuits.allow_template_mismatch
    problems = []
    if folder is not None and not folder.is_dir():
        problems.append(
            Problem(
                "error",
                "there is no such folder",
                file="config",
                field="circuits.atlases-dir",
                value=str(folder),
            )
        )
    for i, each in enumerate(config.circuits.parcellation):
        # edges and networks are those of the first
        first = i == 0
        try:
            if each.image is not None:
                problems += _own_problems(
                    each, space, catalogue, other_templates=allowed, networks=first
                )
                continue
            atlas = find_atlas(each.name, catalogue, folder)
            if atlas is None:
                raise unknown_atlas(each.name, catalogue, folder)
            if atlas.kind == FILES_KIND:
                choice = choose(
                    atlas, space, folder=folder, catalogue=catalogue, other_templates=allowed
                )
                problems += origin_notes(atlas, choice, space)
                if choice.file is not None and (first or each.name not in catalogue.atlases):
                    found = named_parcellation(atlas, choice.file)
                    problems += network_notes(each.name, found.networks) if first else []
        except StudyError as error:
            problems += error.problems
    return problems


def network_notes(name: str, labels: Iterable[str]) -> list[Problem]:
    """Return a note on the three networks that a parcellation does not label, if there are any.

    Parameters
    ----------
    name : str
        The parcellation.
    labels : iterable of str
        The networks of its parcels, those that have one.
    """
    labelled = {triple_network_of(label) for label in labels}
    missing = [words for key, words in TRIPLE.items() if key not in labelled]
    if not missing:
        return []
    note = (
        f"its labels do not name the {listed(missing)}, so their rows of results/networks.tsv are "
        "n/a and are not tested; nothing else needs them. A column network in its table of labels, "
        "with names such as Default, Salience and Control, would give them"
    )
    return [Problem("note", note, file="config", field=FIELD, value=name)]


def _own_problems(
    own: Parcellation,
    images: str,
    catalogue: Catalogue,
    *,
    other_templates: bool,
    networks: bool,
) -> list[Problem]:
    """Return the problems of a parcellation that the config gives as an image or folder."""
    image, table = expand(str(own.image)), expand(own.labels) if own.labels else None
    missing = [
        Problem(
            "error",
            "there is no such file",
            file="config",
            field=f"circuits.parcellation.{key}",
            value=str(value),
        )
        for key, path, value in (("image", image, own.image), ("labels", table, own.labels))
        if path is not None and not (path.is_file() or (key == "image" and path.is_dir()))
    ]
    if missing:
        return missing
    if image.resolve().is_relative_to(Path("results").resolve()):
        message = "lies among the results of this very study; copy it to a place outside of them"
        return [
            Problem(
                "error",
                message,
                file="config",
                field="circuits.parcellation.image",
                value=str(own.image),
            )
        ]
    atlas, file = own_atlas(
        own.name,
        image,
        labels=table,
        space=own.space,
        images=images,
        catalogue=catalogue,
        other_templates=other_templates,
    )
    found = named_parcellation(atlas, file)
    gridded = standard_template(read_grid(own.name, file.image))
    notes = []
    if gridded not in (None, file.space):
        notes.append(
            f"is said to be in {file.space}, but its grid is that of {gridded}; make sure of it"
        )
    if file.space != images:
        notes.append(mismatch_note(file.space, images))
    if atlas.licence or atlas.source:
        notes.append(f"is taken from the config, {file.image.name}; {licence_note(atlas)}")
    about = network_notes(own.name, found.networks) if networks else []
    return about + [
        Problem("note", note, file=file.image.name, field=FIELD, value=own.name) for note in notes
    ]


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
