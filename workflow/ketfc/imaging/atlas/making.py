"""Preparation of the parcellations that a config asks for, with a record of their origin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ketfc.imaging.atlas.atlas_choice import choose, find_atlas, own_atlas, unknown_atlas
from ketfc.imaging.atlas.atlas_files import AtlasFile
from ketfc.imaging.atlas.catalogue import VORONOI_KIND, Atlas, Catalogue, atlas_error
from ketfc.imaging.atlas.download import obtain
from ketfc.imaging.atlas.label_tables import LabelTable
from ketfc.imaging.atlas.parcellations import (
    Parcellation,
    load_parcellation,
    split_at_midline,
    voronoi_parcellation,
)
from ketfc.imaging.atlas.templates import template_mismatch
from ketfc.study.config.types import expand

_FEWEST = 0.9
"""Smallest share of an atlas' labels in its image: resampling loses a few, a wrong image many."""


def named_parcellation(atlas: Atlas, file: AtlasFile) -> Parcellation:
    """Return a parcellation from its image and table.

    Raises
    ------
    StudyError
        As :func:`load_parcellation`, and if the image has not the labels it should have.
    """
    labels = file.labels
    if not isinstance(labels, Path) and atlas.names:
        # the catalogue's names go before those a downloader makes up
        labels = LabelTable(dict(enumerate(atlas.names, start=1)))
    found = load_parcellation(atlas.name, file.image, labels=labels, space=file.space)
    present = int((np.bincount(found.labels.ravel(), minlength=1)[1:] > 0).sum())
    if atlas.counts and not any(_FEWEST * n <= present <= n for n in atlas.counts):
        expected = " or ".join(map(str, atlas.counts))
        message = f"has {present} labels, where {atlas.name} has {expected}"
        raise atlas_error(atlas.name, message, file=file.image.name)
    if atlas.split and present <= len(atlas.names):
        return split_at_midline(found)
    return found


def make_parcellation(
    wanted: Mapping[str, str | None],
    space: str,
    *,
    catalogue: Catalogue,
    folder: Path | None,
    other_templates: bool,
    cache: Path,
) -> tuple[Parcellation, dict[str, Any]]:
    """Return a parcellation that the config asks for, and its JSON sidecar.

    Parameters
    ----------
    wanted : mapping of str to (str or None)
        ``name``, and for a lab's own ``image``, ``labels`` and ``space``.
    space : str
        The study's template.
    catalogue : Catalogue
        The parcellations that have a name.
    folder : pathlib.Path or None
        ``circuits.atlases-dir``.
    other_templates : bool
        ``circuits.allow-template-mismatch``.
    cache : pathlib.Path
        Where downloads are kept.

    Returns
    -------
    Parcellation
    dict
        The JSON sidecar of its image.

    Raises
    ------
    StudyError
        If it is not available, or its files cannot be used.
    """
    name = str(wanted["name"])
    if wanted["image"] is not None:
        atlas, file = own_atlas(
            name,
            expand(wanted["image"]),
            labels=expand(wanted["labels"]) if wanted["labels"] else None,
            space=wanted["space"],
            images=space,
            catalogue=catalogue,
            other_templates=other_templates,
        )
    else:
        entry = find_atlas(name, catalogue, folder)
        if entry is None:
            raise unknown_atlas(name, catalogue, folder)
        if entry.kind == VORONOI_KIND:
            made = voronoi_parcellation()
            return made, _of_atlas(entry) | {"Origin": "made by ketfc"} | _of_labels(made, space)
        atlas = entry
        choice = choose(
            atlas, space, folder=folder, catalogue=catalogue, other_templates=other_templates
        )
        file = obtain(atlas, choice, catalogue=catalogue, cache=cache)
    found = named_parcellation(atlas, file)
    return found, _of_atlas(atlas) | _of_file(file) | _of_labels(found, space)


def _of_atlas(atlas: Atlas) -> dict[str, Any]:
    links = [atlas.source] * bool(atlas.source) + [f"https://doi.org/{atlas.doi}"] * bool(atlas.doi)
    return {
        "Description": atlas.description or "a parcellation of the study's own",
        "License": atlas.licence or None,
        **({"ReferencesAndLinks": links} if links else {}),
    }


def _of_file(file: AtlasFile) -> dict[str, Any]:
    tables = [file.labels.name] if isinstance(file.labels, Path) else []
    return {
        "Origin": file.origin,
        "Sources": [file.image.name, *tables],
        "SHA256": file.sha256,
        "KnownFile": file.known,
    }


def _of_labels(parcellation: Parcellation, images: str) -> dict[str, Any]:
    sizes = np.bincount(parcellation.labels.ravel(), minlength=int(parcellation.indices.max()) + 1)
    return {
        "Template": parcellation.space,
        "TemplateMismatch": template_mismatch(parcellation.space, images),
        "NumberOfLabels": len(parcellation.indices),
        "LabelsWithoutVoxels": [
            name
            for index, name in zip(parcellation.indices, parcellation.names, strict=True)
            if sizes[index] == 0
        ],
    }
