"""Catalogue of parcellations that a config can name: ``atlases/parcellations.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ketfc.base.errors import Problem, StudyError
from ketfc.base.files import read_tsv
from ketfc.base.yaml import read_yaml

VORONOI_KIND = "voronoi"
"""Kind of the parcellation that ketfc makes from files bundled with nilearn."""

FILES_KIND = "files"
"""Kind of a parcellation whose image is searched for."""

FIELD = "circuits.parcellation"
"""The key of the config that names parcellations."""

KNOWN_FILES = "known_files.tsv"
"""Name of the table of checksums, beside ``parcellations.yaml``."""


@dataclass(frozen=True)
class Download:
    """Instructions for downloading a parcellation.

    Attributes
    ----------
    by : str
        ``nilearn`` or ``templateflow``.
    spaces : tuple of str
        Templates in which it has the image.
    function : str
        nilearn's fetcher.
    image : dict
        Its arguments, or the entities of TemplateFlow's image.
    table : dict
        The entities of TemplateFlow's table.
    """

    by: str
    spaces: tuple[str, ...]
    function: str
    image: dict[str, Any]
    table: dict[str, Any]


@dataclass(frozen=True)
class Atlas:
    """A parcellation that a config can name.

    Attributes
    ----------
    name : str
        Letters and digits.
    kind : str
        :data:`VORONOI_KIND` or :data:`FILES_KIND`.
    description, source, doi, licence : str
        For sidecars and people; `doi` may be empty.
    verified : bool
        Whether its images were opened when the entry was written.
    counts : tuple of int
        Number of labels, if known; several where distributions differ.
    images : tuple of (str, str or None)
        Patterns of file names, best first, each with the usual template of such files.
    tables : tuple of str
        Patterns of the names of tables.
    names : tuple of str
        Names of labels 1, 2, … where there is no table.
    split : bool
        Whether a label may stand for both hemispheres, to be split at x = 0.
    package : str
        The Python package that has the files, as pip knows it; may be empty.
    downloads : tuple of Download
    """

    name: str
    kind: str
    description: str
    source: str
    doi: str
    licence: str
    verified: bool
    counts: tuple[int, ...] = ()
    images: tuple[tuple[str, str | None], ...] = ()
    tables: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    split: bool = False
    package: str = ""
    downloads: tuple[Download, ...] = ()


@dataclass(frozen=True)
class KnownFile:
    """A file with a known checksum, its parcellation and its template."""

    parcellation: str
    space: str
    file: str
    source: str


@dataclass(frozen=True)
class Catalogue:
    """Parcellations by name, known files by sha256, and family names."""

    atlases: dict[str, Atlas]
    known: dict[str, KnownFile]
    families: tuple[str, ...]


def atlas_error(
    atlas: str, message: str, *, file: str = "config", allowed: str | None = None
) -> StudyError:
    """Return the error of a parcellation that cannot be used."""
    problem = Problem("error", message, file=file, field=FIELD, value=atlas, allowed=allowed)
    return StudyError([problem])


def load_catalogue(path: str | Path) -> Catalogue:
    """Read ``parcellations.yaml`` and the ``known_files.tsv`` beside it.

    Parameters
    ----------
    path : str or pathlib.Path
        The YAML file, as its own first lines describe it. Without a table of checksums beside
        it, none is known.

    Raises
    ------
    StudyError
        If a file cannot be read or an entry lacks something.
    """
    path = Path(path)
    try:
        entries = dict(read_yaml(path))
        atlases = [_atlas(name, entry) for name, entry in _families(entries)]
        known = _known_files(path.with_name(KNOWN_FILES))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        message = f"is not a list of parcellations: {reason}"
        raise StudyError([Problem("error", message, file=path.name)]) from error
    return Catalogue(
        atlases={atlas.name: atlas for atlas in atlases}, known=known, families=tuple(entries)
    )


def _known_files(path: Path) -> dict[str, KnownFile]:
    if not path.exists():
        return {}
    rows = read_tsv(path).to_dict("records")
    return {
        str(row["sha256"]): KnownFile(
            parcellation=str(row["parcellation"]),
            space=str(row["space"]),
            file=str(row["file"]),
            source=str(row["source"]),
        )
        for row in rows
    }


def _families(entries: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every parcellation of every family, with the values filled in."""
    for name, entry in entries.items():
        each = entry.get("each", {})
        for values in product(*each.values()):
            chosen = dict(zip(each, values, strict=True))
            yield _filled(name, chosen), _filled(entry, chosen)


def _filled(value: Any, chosen: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, chosen) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, chosen) for inner in value]
    if isinstance(value, str):
        for key, filling in chosen.items():
            # alone, a placeholder stands for the number itself
            if value == f"{{{key}}}":
                return filling
            value = value.replace(f"{{{key}}}", str(filling))
    return value


def _atlas(name: str, entry: Mapping[str, Any]) -> Atlas:
    if not name.isalnum():
        raise ValueError(f"the name {name} is not made of letters and digits")
    if entry["kind"] not in (VORONOI_KIND, FILES_KIND):
        raise ValueError(f"{name} has the unknown kind {entry['kind']!r}")
    source = entry["source"]
    sides = entry.get("sides", [""])
    images: list[tuple[str, str | None]] = []
    if entry["kind"] == FILES_KIND:
        # a lab's own file of that name goes first
        images = [(f"{name}.nii*", None), (f"atlas-{name}_space-*_dseg.nii*", None)]
        for space, patterns in entry["images"].items():
            images += [(pattern, None if space == "any" else space) for pattern in patterns]
    return Atlas(
        name=name,
        kind=entry["kind"],
        description=entry["description"],
        source=source["text"],
        doi=source.get("doi", ""),
        licence=entry["licence"],
        verified=source["verified"],
        counts=tuple(entry.get("labels", ())),
        images=tuple(images),
        tables=(
            *(f"{name}.{ending}" for ending in ("tsv", "csv", "txt")),
            f"atlas-{name}_dseg.tsv",
            *entry.get("tables", ()),
        ),
        names=tuple(label + side for side in sides for label in entry.get("names", ())),
        split=entry.get("split", False),
        package=entry.get("package", ""),
        downloads=tuple(
            Download(
                by=download["by"],
                spaces=tuple(download["spaces"]),
                function=download.get("function", ""),
                image=download.get("arguments") or download["image"],
                table=download.get("table", {}),
            )
            for download in entry.get("download", ())
        ),
    )
