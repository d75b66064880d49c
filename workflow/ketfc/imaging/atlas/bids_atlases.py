"""Atlases in BIDS form: names, tables and metadata of BIDS-atlas and TemplateFlow files.

An atlas is an image ``…_dseg.nii.gz`` with the entity ``atlas-`` (or ``seg-``), as in
``atlas-Mine/atlas-Mine_space-MNI152NLin2009cAsym_dseg.nii.gz``, ``tpl-MNI152NLin6Asym_atlas-…``, or
what ketfc writes to ``results/derivatives/atlases``. The table ``…_dseg.tsv`` and the sidecars
``…_dseg.json`` that apply to it are found by the inheritance principle of BIDS.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ketfc.base.files import read_json_of_others
from ketfc.imaging.atlas.catalogue import FILES_KIND, Atlas, atlas_error

_IMAGES = ("_dseg.nii.gz", "_dseg.nii")

_VARIANT = ("seg", "scale", "hemi", "desc")
"""Entities that tell apart the atlases of one family, such as 100 and 400 parcels."""


def entities(path: Path) -> dict[str, str]:
    """Return the BIDS entities in the name of a file."""
    parts = path.name.split(".", 1)[0].split("_")
    return dict(part.split("-", 1) for part in parts if "-" in part)


def is_bids_atlas(path: Path) -> bool:
    """Return whether a file is named like the image of a BIDS atlas."""
    return path.name.endswith(_IMAGES) and not entities(path).keys().isdisjoint(("atlas", "seg"))


def template_entity(path: Path) -> str | None:
    """Return the template in the name of an image: ``space-``, else ``tpl-``."""
    found = entities(path)
    return found.get("space") or found.get("tpl")


def atlas_names(path: Path) -> tuple[str, str]:
    """Return the name of a BIDS atlas, and its full name with the entities of its variant.

    ``tpl-T_res-02_atlas-Schaefer2018_desc-100Parcels7Networks_dseg.nii.gz`` gives ``Schaefer2018``
    and ``Schaefer2018100Parcels7Networks``. Only letters and digits are kept.
    """
    found = entities(path)
    family = found.get("atlas") or found.get("seg", "")
    further = [found[key] for key in _VARIANT if key in found and found[key] != family]
    family, whole = (
        "".join(filter(str.isalnum, name)) for name in (family, "".join([family, *further]))
    )
    return family, whole


def inherited(image: Path, ending: str) -> list[Path]:
    """Return the ``…_dseg`` files of an ending that apply to a BIDS image, the nearest last.

    They lie beside the image or above it, up to the folder of ``dataset_description.json``, and
    their names have no entity that the image's has not.
    """
    if not image.name.endswith(_IMAGES):
        return []
    own = entities(image).items()
    found: list[Path] = []
    for folder in _folders(image):
        here = [
            path
            for path in folder.glob(f"*dseg{ending}")
            if entities(path).items() <= own and path.stat().st_size > 0
        ]
        found += sorted(here, key=lambda path: (len(entities(path)), path.name))
    return found


def _folders(image: Path) -> list[Path]:
    """Return the folders from that of the dataset down to that of an image."""
    above = list(image.absolute().parents)
    root = [(folder / "dataset_description.json").is_file() for folder in above]
    return above[: root.index(True) + 1 if True in root else 1][::-1]


def bids_metadata(atlas: str, image: Path) -> dict[str, Any]:
    """Return the metadata of a BIDS atlas; empty for an image not in BIDS form.

    The sidecars go before ``atlas-…_description.json``, and that before the licence and references
    of ``dataset_description.json``.

    Raises
    ------
    StudyError
        If a file is not a JSON object.
    """
    if not is_bids_atlas(image):
        return {}
    folders, family = _folders(image), entities(image).get("atlas")
    described = [folder / f"atlas-{family}_description.json" for folder in folders]
    dataset = _json(atlas, folders[0] / "dataset_description.json")
    about: dict[str, Any] = {
        key: dataset[key] for key in ("License", "ReferencesAndLinks") if key in dataset
    }
    for path in (*described, *inherited(image, ".json")):
        about |= _json(atlas, path)
    return about


def _json(atlas: str, path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = read_json_of_others(path)
    except (OSError, ValueError) as error:
        raise atlas_error(atlas, f"cannot be read: {error}", file=path.name) from error
    if not isinstance(content, dict):
        message = "is not a JSON object, as the metadata of an atlas must be"
        raise atlas_error(atlas, message, file=path.name, allowed="{…}")
    return content


def described_atlas(name: str, images: Sequence[Path]) -> Atlas:
    """Return the entry of an atlas that is not in the catalogue, from its own files.

    Parameters
    ----------
    name : str
        Its name in the study.
    images : sequence of pathlib.Path
        Its images, the best first; the metadata of the first describe it.
    """
    about = bids_metadata(name, images[0])
    links = about.get("ReferencesAndLinks", [])
    tables = [path.name for image in images for path in inherited(image, ".tsv")]
    return Atlas(
        name=name,
        kind=FILES_KIND,
        description=_text(about, "Description") or _text(about, "Name"),
        source="; ".join(map(str, links)) if isinstance(links, list) else str(links),
        doi="",
        licence=_text(about, "License"),
        verified=False,
        images=tuple((_exactly(image.name), template_entity(image)) for image in images),
        tables=tuple(dict.fromkeys(map(_exactly, tables))),
    )


def _text(about: dict[str, Any], key: str) -> str:
    value = about.get(key)
    return value if isinstance(value, str) else ""


def _exactly(name: str) -> str:
    return "".join(f"[{mark}]" if mark in "[*?" else mark for mark in name)


def bids_atlas(name: str, files: Iterable[Path]) -> Atlas | None:
    """Return the BIDS atlas with a name among files, or None.

    Parameters
    ----------
    name : str
        One of its :func:`atlas_names`; upper and lower case count as the same.
    files : iterable of pathlib.Path
        Any files.

    Raises
    ------
    StudyError
        If several atlases of a family have the name; the message lists them.
    """
    images = {path: atlas_names(path) for path in files if is_bids_atlas(path)}
    wanted = name.casefold()
    chosen = [path for path, (_, whole) in images.items() if whole.casefold() == wanted]
    chosen = chosen or [path for path, (family, _) in images.items() if family.casefold() == wanted]
    variants = sorted({images[path][1] for path in chosen})
    if len(variants) > 1:
        message = f"is the name of {len(variants)} atlases; say which"
        raise atlas_error(name, message, allowed=", ".join(variants))
    return described_atlas(name, chosen) if chosen else None


def bids_names(files: Iterable[Path]) -> list[str]:
    """Return the full names of all BIDS atlases among files, sorted."""
    return sorted({atlas_names(path)[1] for path in files if is_bids_atlas(path)})
