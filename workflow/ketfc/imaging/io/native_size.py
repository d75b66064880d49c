"""Native voxel size: the size the scanner recorded, before resampling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nibabel as nib
import numpy as np
import pandas as pd

from ketfc.base.errors import Problem, RunError
from ketfc.base.files import read_json_of_others
from ketfc.imaging.io.reader import read_geometry
from ketfc.study.runs.index import Run

COLUMNS = ("run", "native_x", "native_y", "native_z", "native_source")
"""Columns of ``plan/native.tsv``."""

FROM_CONFIG = "config"
FROM_SOURCE = "source image"
FROM_REFERENCE = "reference image"

_FIELD = "study.native-voxel-size"
_IMAGES = ("_bold.nii.gz", "_bold.nii")
_REFERENCES = ("_desc-hmc_boldref.nii.gz", "_desc-coreg_boldref.nii.gz")
"""fMRIPrep's (≥ 23.1) references for head motion and registration, on the grid of the scan."""


def native_sizes(
    runs: Iterable[Run], folders: Sequence[Path], configured: Sequence[float] | None
) -> pd.DataFrame:
    """Return the recorded voxel size of every run, from the config or from a header.

    Without a size in the config, the run's source image is looked for (in the raw dataset that
    the derivatives name, or in which they lie), then fMRIPrep's reference image on the grid of
    the scan. Only headers are read. The analysed image is not used: its grid is that of the
    template.

    Parameters
    ----------
    runs : iterable of Run
        The study's runs.
    folders : sequence of pathlib.Path
        The derivatives.
    configured : sequence of float or None
        ``study.native-voxel-size``: mm along x, y and z.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`COLUMNS`; sizes are missing where they cannot be known.
    """
    raw = {folder: raw_folders(folder) for folder in folders}
    rows: list[tuple[Any, ...]] = []
    for run in runs:
        if configured is not None:
            rows.append((run.name, *map(float, configured), FROM_CONFIG))
            continue
        roots = [root for folder in folders if _within(run.bold, folder) for root in raw[folder]]
        rows.append((run.name, *_from_headers(run, roots)))
    return native_table(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)) if rows else {})


def native_table(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return the table of :func:`native_sizes` from its columns, None where a size is missing."""
    table = pd.DataFrame(dict(columns), columns=list(COLUMNS))
    return table.astype(dict.fromkeys(COLUMNS[1:4], np.float64))


def native_problems(table: pd.DataFrame) -> list[Problem]:
    """Return a note that asks for the recorded voxel size where it is not known.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`native_sizes`.
    """
    unknown = int(table["native_source"].isna().sum())
    if not unknown:
        return []
    message = (
        f"the recorded voxel size of {unknown} of {len(table)} runs is not known: neither their "
        "source images nor fMRIPrep's references were found, and the resampled images do not show "
        "it. Set it; until then habenula results are treated as peri-habenular only"
    )
    allowed = "[x, y, z] in mm, such as [3.75, 3.75, 3.5]"
    return [Problem("note", message, file="config", field=_FIELD, allowed=allowed)]


def raw_folders(derivatives: Path) -> list[Path]:
    """Return the folders on this machine that may hold the raw data of a derivatives dataset.

    Named by its ``dataset_description.json`` (``DatasetLinks: {raw: …}``, or ``SourceDatasets``
    with a path or ``file://`` address), or the dataset in whose ``derivatives`` folder it lies.

    Parameters
    ----------
    derivatives : pathlib.Path
        The dataset.

    Returns
    -------
    list of pathlib.Path
        Those that exist, each once.
    """
    about = _json(derivatives / "dataset_description.json")
    links = about.get("DatasetLinks")
    sources = about.get("SourceDatasets")
    named = [
        links.get("raw") if isinstance(links, Mapping) else None,
        *(
            source.get("URL")
            for source in (sources if isinstance(sources, list) else [])
            if isinstance(source, Mapping)
        ),
    ]
    folders = [derivatives / path for path in map(_local, named) if path is not None]
    whole = derivatives.absolute()
    if whole.parent.name == "derivatives":
        folders.append(whole.parent.parent)
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def header_size(path: Path) -> tuple[float, float, float] | None:
    """Return the voxel size of an image along the axes of the world, from its header alone.

    Parameters
    ----------
    path : pathlib.Path
        A NIfTI image whose voxel axes may be in any order: a sagittal scan counts its slices
        along the first axis of the world, whatever axis of the array they are.

    Returns
    -------
    tuple of float or None
        mm along left–right, back–front and down–up; None if it cannot be read.
    """
    try:
        grid, zooms = read_geometry(path)
    except (OSError, RunError):
        return None
    axes = nib.io_orientation(grid.affine)[:, 0]
    if not (np.isfinite(axes).all() and np.isfinite(zooms).all() and min(zooms) > 0):
        return None
    size = dict(zip(axes.astype(int), zooms, strict=True))
    return (float(size[0]), float(size[1]), float(size[2]))


def _from_headers(
    run: Run, roots: Sequence[Path]
) -> tuple[float | None, float | None, float | None, str | None]:
    bold = Path(run.bold)
    references = (bold.with_name(run.name + ending) for ending in _REFERENCES)
    for kind, paths in ((FROM_SOURCE, _sources(run, roots)), (FROM_REFERENCE, references)):
        for path in paths:
            size = header_size(path) if path.is_file() else None
            if size is not None:
                return (*size, kind)
    return None, None, None, None


def _sources(run: Run, roots: Sequence[Path]) -> Iterator[Path]:
    """Yield paths of the source image of a run: from its sidecar, then from its name."""
    sidecar = _json(Path(run.sidecar))
    for key in ("Sources", "RawSources"):
        listed = sidecar.get(key)
        for entry in listed if isinstance(listed, list) else []:
            text = str(entry).removeprefix("bids:raw:")
            path = _local(text)
            # what is processed has a space or a description, and may be on another grid
            if path is None or not text.endswith(_IMAGES) or "_space-" in text or "_desc-" in text:
                continue
            yield from (root / path for root in roots) if not path.is_absolute() else (path,)
    for root in roots:
        for ending in _IMAGES:
            folder = root / run.folder
            yield folder / (run.name + ending)
            yield from sorted(folder.glob(f"{run.name}_echo-*{ending}"))


def _local(address: object) -> Path | None:
    """Return the path on this machine that an address names, or None."""
    if not isinstance(address, str) or not address:
        return None
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(address)


def _within(path: str, folder: Path) -> bool:
    return Path(path).is_relative_to(folder)


def _json(path: Path) -> Mapping[str, Any]:
    """Return a JSON object; empty if the file is missing or cannot be read."""
    try:
        content = read_json_of_others(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, Mapping) else {}
