"""Listing of a dataset of OpenNeuro: sizes and checksums that pin it once it was listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ketfc.base.files import read_json, write_json
from ketfc.study.config.sources import OpenNeuro
from ketfc.study.config.study import Study
from ketfc.study.runs.bids_files import NameParts, name_parts

RAW_BUCKET = "openneuro.org"
DERIVATIVES_BUCKET = "openneuro-derivatives"
"""The stores of OpenNeuro and of OpenNeuroDerivatives, as the git-annex repositories of both name
them (``remote.log``: bucket and fileprefix); not tried from here."""

DERIVATIVES = "derivatives/fmriprep/"
"""Folder of the derivatives within that of their dataset."""

_ENDING = "_objects.json"


@dataclass(frozen=True)
class StoredObject:
    """An object as a bucket lists it.

    Attributes
    ----------
    key : str
        Its name within the bucket.
    size : int
        Bytes.
    etag : str
        Without quotes: the MD5 of the content in hexadecimal, or, where it was uploaded in n
        parts, that of the parts' MD5s and ``-n``.
    """

    key: str
    size: int
    etag: str


@dataclass(frozen=True)
class Listing:
    """Objects of a dataset when it was listed.

    Attributes
    ----------
    folder : pathlib.Path
        Of the dataset on this machine.
    participants : tuple of str
        Who has a folder in the derivatives.
    objects : mapping of str to StoredObject
        By path below `folder`: tables, and what the derivatives hold in the way of preprocessed
        BOLD images, masks, confounds and reference images of any task and space.
    """

    folder: Path
    participants: tuple[str, ...]
    objects: Mapping[str, StoredObject]

    def stored(self, path: str | Path) -> StoredObject:
        """Return the object that belongs at a path on this machine."""
        return self.objects[Path(path).relative_to(self.folder).as_posix()]

    def rows(self) -> list[NameParts]:
        """Return the files of the derivatives, as an index of a folder would."""
        root = str(self.folder / DERIVATIVES)
        rows = []
        for path in self.objects:
            name = path.removeprefix(DERIVATIVES)
            parts = name_parts(name.rpartition("/")[2]) if name != path else None
            if parts is not None and parts["ext"] != ".json":
                rows.append(parts | {"root": root, "path": name})
        return rows


def bucket_of(path: str) -> str:
    """Return the bucket that holds the object for a path below the dataset's folder."""
    return DERIVATIVES_BUCKET if path.startswith(DERIVATIVES) else RAW_BUCKET


def prefixes(accession: str) -> dict[str, str]:
    """Return the prefixes of a dataset's keys, by bucket."""
    return {
        RAW_BUCKET: f"{accession}/",
        DERIVATIVES_BUCKET: f"fmriprep/{accession}-fmriprep/",
    }


def path_of(bucket: str, key: str, accession: str) -> str:
    """Return the path of a key's object below the dataset's folder."""
    name = key.removeprefix(prefixes(accession)[bucket])
    return name if bucket == RAW_BUCKET else DERIVATIVES + name


def write_listing(openneuro: OpenNeuro, listing: Listing) -> None:
    """Write a listing beside the dataset's folder."""
    objects = {path: [stored.size, stored.etag] for path, stored in sorted(listing.objects.items())}
    write_json(openneuro.listing, {"participants": list(listing.participants), "objects": objects})


def read_listing(path: Path) -> Listing:
    """Return a listing from its file, whose name tells dataset and folder."""
    content = read_json(path)
    accession = path.name.removesuffix(_ENDING)
    begin = prefixes(accession)
    return Listing(
        folder=path.with_name(accession),
        participants=tuple(content["participants"]),
        objects={
            name: StoredObject(begin[bucket_of(name)] + name.removeprefix(DERIVATIVES), size, etag)
            for name, (size, etag) in content["objects"].items()
        },
    )


def listing_of(study: Study) -> Listing | None:
    """Return the listing of a study of OpenNeuro; None for any other study."""
    return read_listing(study.openneuro.listing) if study.openneuro is not None else None
