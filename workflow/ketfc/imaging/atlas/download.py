"""Download of named parcellations, by TemplateFlow or nilearn."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from ketfc.imaging.atlas.atlas_choice import Choice, accepted_file_names
from ketfc.imaging.atlas.atlas_files import AtlasFile
from ketfc.imaging.atlas.catalogue import Atlas, Catalogue, Download, atlas_error
from ketfc.imaging.atlas.label_tables import LabelTable


def obtain(atlas: Atlas, choice: Choice, *, catalogue: Catalogue, cache: Path) -> AtlasFile:
    """Return the files of a parcellation, downloading them if they are not here.

    Parameters
    ----------
    atlas : Atlas
        The parcellation.
    choice : Choice
        Where to take it from.
    catalogue : Catalogue
        For its checksums.
    cache : pathlib.Path
        Where nilearn keeps what it downloads; TemplateFlow has its own ``TEMPLATEFLOW_HOME``.

    Raises
    ------
    StudyError
        If every download failed: what was tried in order, and what files would do instead.
    """
    if choice.file is not None:
        return choice.file
    tried = list(choice.tried)
    for download in choice.downloads:
        try:
            image, labels = _DOWNLOADERS[download.by](download, choice.space, cache)
        # a downloader may fail in any way: no network, a server's error page, a changed interface
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            tried.append(f"{download.by} failed ({type(error).__name__}: {reason})")
            continue
        origin = f"{download.by} {metadata.version(download.by)}"
        return AtlasFile.of(
            atlas.name,
            image,
            space=choice.space,
            origin=origin,
            labels=labels,
            catalogue=catalogue,
        )
    message = (
        f"is not available in {choice.space}; without a network nothing can be downloaded. "
        f"Tried in order: {'; '.join(tried)}. {accepted_file_names(atlas, choice.space)}"
    )
    raise atlas_error(atlas.name, message)


_Found = tuple[Path, Path | LabelTable | None]


def _from_nilearn(download: Download, _: str, cache: Path) -> _Found:
    from nilearn import datasets

    fetched: Any = getattr(datasets, download.function)(
        **download.image, data_dir=cache / "nilearn", verbose=0
    )
    # some fetchers return an image instead of its name
    image = fetched.get("filename") or fetched.maps
    path = image if isinstance(image, str | Path) else image.get_filename()
    rows = fetched.lut[["index", "name"]].itertuples(index=False)
    return Path(path), LabelTable.of((int(index), str(name), None) for index, name in rows)


def _from_templateflow(download: Download, space: str, _: Path) -> _Found:
    from templateflow import api

    def get(extension: str, template: str = space, **entities: Any) -> Path:
        found = api.get(template, suffix="dseg", extension=extension, **entities)
        if not isinstance(found, Path):
            raise FileNotFoundError(f"{len(found)} files of {template} match {entities}")
        return found

    return get(".nii.gz", **download.image), get(".tsv", **download.table)


_DOWNLOADERS: dict[str, Callable[[Download, str, Path], _Found]] = {
    "nilearn": _from_nilearn,
    "templateflow": _from_templateflow,
}
