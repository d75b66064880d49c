"""Choice of a parcellation's files: by name, or an image or folder that the config gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from ketfc.base.errors import StudyError, did_you_mean
from ketfc.imaging.atlas.atlas_files import (
    AtlasFile,
    applicable_files,
    files_in,
    local_files,
    package_files,
    require_agreement,
)
from ketfc.imaging.atlas.bids_atlases import (
    bids_atlas,
    bids_names,
    described_atlas,
    inherited,
    template_entity,
)
from ketfc.imaging.atlas.catalogue import Atlas, Catalogue, Download, atlas_error
from ketfc.imaging.atlas.templates import TEMPLATES


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


def own_files(image: Path, labels: Path | None) -> list[Path]:
    """Return the files of a parcellation that the config gives as a path, if they exist."""
    if image.is_dir():
        return files_in(image)
    return [path for path in (image, labels, *applicable_files(image)) if path and path.is_file()]


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
    message = (
        "is neither in atlases/parcellations.yaml nor a BIDS atlas in circuits.atlases-dir"
        f"{did_you_mean(name, [*catalogue.atlases, *offered])}"
        "; a parcellation of your own needs name, image and space"
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
        require_agreement(name, image, said, "the config or its name", file.sha256, catalogue)
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
            f" It is available in {', '.join(others)}: circuits.allow-template-mismatch: true "
            "would use that as if it were the same, on record."
        )
    raise atlas_error(atlas.name, message)


def _tried(atlas: Atlas, space: str, folder: Path | None) -> Iterator[str]:
    if folder is None:
        yield "circuits.atlases-dir is not set"
    else:
        yield f"no image of it in {space} in circuits.atlases-dir ({folder})"
    if atlas.package:
        yield f"the package {atlas.package} is not installed (pip install {atlas.package})"
    else:
        yield "no package is known to hold it"


def _no_download(atlas: Atlas, space: str) -> Iterator[str]:
    for download in atlas.downloads:
        yield (
            f"{download.by} is not installed (pip install {download.by})"
            if space in download.spaces
            else f"{download.by} has it only in {', '.join(download.spaces)}"
        )
    if not atlas.downloads:
        yield "nothing known downloads it"


def accepted_file_names(atlas: Atlas, space: str) -> str:
    """Return a sentence that lists the file names accepted in ``circuits.atlases-dir``."""
    images = [pattern for pattern, usual in atlas.images if usual in (None, space)]
    text = (
        "To use files of your own, name their folder in circuits.atlases-dir; accepted there "
        f"(or in a folder called like the template): {', '.join(images)}"
    )
    return f"{text}, with names from {', '.join(atlas.tables)}."
