"""Read a run's image once, and keep all that denoising needs of it.

What is kept depends on the image, the brain masks and the regions alone: no threshold, no strategy
and no limit of quality is applied here, so that a change of any of them needs no image.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ketfc.base.errors import RunError
from ketfc.base.files import replacing
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.masks import read_mask, require_outside
from ketfc.imaging.io.reader import read_header
from ketfc.imaging.regions.placing import RegionSet
from ketfc.imaging.run.carpet_voxels import CarpetSeries, CarpetVoxels, sample_voxels
from ketfc.imaging.run.extraction import StackedSeries, extract, extract_voxels
from ketfc.imaging.run.shared_voxels import shared_voxels
from ketfc.imaging.run.voxels import VoxelSeries

Stage = Literal["header", "mask", "image"]
"""Steps of reading at which a run can fail, in their order."""


@dataclass(frozen=True)
class RunLength:
    """The length of a run, by the header of its image.

    Attributes
    ----------
    n_volumes : int
        Length of the fourth dimension.
    repetition_time : float or None
        Seconds; None where the header has none.
    """

    n_volumes: int
    repetition_time: float | None


@dataclass(frozen=True, eq=False)
class Extraction:
    """All that one read of a run gives.

    Attributes
    ----------
    regions : dict of str to tuple of str
        Names of the regions by atlas, also of a run that could not be read.
    length : RunLength or None
        None if the image's header cannot be read.
    others : tuple of (RunLength or None)
        Likewise of the other runs of its participant.
    series : StackedSeries or None
        None if the image could not be used.
    carpet : CarpetSeries or None
        None if the image could not be used, or no carpet is wanted.
    error : RunError or None
        Why it could not be used.
    failed : {"header", "mask", "image"} or None
        Where that was found.
    """

    regions: dict[str, tuple[str, ...]]
    length: RunLength | None
    others: tuple[RunLength | None, ...] = ()
    series: StackedSeries | None = None
    carpet: CarpetSeries | None = None
    error: RunError | None = None
    failed: Stage | None = None


@dataclass(frozen=True, eq=False)
class BrainSeries:
    """Series that are kept of a read in memory alone, for maps.

    Attributes
    ----------
    voxels : VoxelSeries
        Of the brain.
    regions : tuple of RegionSet
        The regions that were measured, on the same grid.
    """

    voxels: VoxelSeries
    regions: tuple[RegionSet, ...]


def extract_run(
    bold: Path,
    mask: Path,
    place_regions: Callable[[Grid], Sequence[RegionSet]],
    regions: Mapping[str, Sequence[str]],
    *,
    others: Sequence[tuple[Path, Path]] = (),
    carpet_atlas: str | None = None,
) -> Extraction:
    """Read a run's image once.

    What is wrong with the image or its mask is part of the result, not an exception: one bad run
    must not stop a study.

    Parameters
    ----------
    bold, mask : pathlib.Path
        Image and brain mask.
    place_regions : callable
        Gives the region sets on a grid.
    regions : mapping of str to sequence of str
        The names of their regions by atlas.
    others : sequence of (pathlib.Path, pathlib.Path)
        Image and mask of the participant's other runs, with which it is compared.
    carpet_atlas : str or None
        The atlas whose parcels put the voxels of the carpet in order; None: no carpet.
    """
    return _extract(bold, mask, place_regions, regions, others, carpet_atlas, every_voxel=False)[0]


def extract_run_and_voxels(
    bold: Path,
    mask: Path,
    place_regions: Callable[[Grid], Sequence[RegionSet]],
    regions: Mapping[str, Sequence[str]],
    *,
    others: Sequence[tuple[Path, Path]] = (),
    carpet_atlas: str | None = None,
) -> tuple[Extraction, BrainSeries | None]:
    """Read a run's image once, and keep the series of every voxel of the brain in memory.

    Parameters
    ----------
    bold, mask, place_regions, regions, others, carpet_atlas
        As for :func:`extract_run`.

    Returns
    -------
    Extraction
        As :func:`extract_run` gives it.
    BrainSeries or None
        None if the image could not be used.
    """
    return _extract(bold, mask, place_regions, regions, others, carpet_atlas, every_voxel=True)


def _extract(
    bold: Path,
    mask: Path,
    place_regions: Callable[[Grid], Sequence[RegionSet]],
    regions: Mapping[str, Sequence[str]],
    others: Sequence[tuple[Path, Path]],
    carpet_atlas: str | None,
    *,
    every_voxel: bool,
) -> tuple[Extraction, BrainSeries | None]:
    names = {atlas: tuple(each) for atlas, each in regions.items()}
    length, lengths = _length(bold), tuple(_length(other) for other, _ in others)
    stage: Stage = "header"
    try:
        header = read_header(bold)
        stage = "mask"
        inside = read_mask(mask, header.grid)
        require_outside(inside, mask)
        stage = "image"
        shared = shared_voxels([(bold, mask), *others], header.grid)
        placed = list(place_regions(header.grid))
        chosen = None
        parcels = next((each for each in placed if each.atlas == carpet_atlas), None)
        if parcels is not None:
            chosen = sample_voxels(inside, header.grid, parcels, n_volumes=header.n_volumes)
        pictured = [] if chosen is None else [chosen.regions(inside.size)]
        brain = None
        if every_voxel:
            found, voxels = extract_voxels(bold, inside, [*placed, *pictured], shared=shared)
            brain = BrainSeries(voxels, tuple(placed))
        else:
            found = extract(bold, inside, [*placed, *pictured], shared=shared)
    except RunError as error:
        return Extraction(names, length, lengths, error=error, failed=stage), None
    return Extraction(names, length, lengths, *_parted(found, chosen)), brain


def _length(bold: Path) -> RunLength | None:
    try:
        header = read_header(bold)
    except RunError:
        return None
    return RunLength(header.n_volumes, header.repetition_time)


def _parted(
    found: StackedSeries, chosen: CarpetVoxels | None
) -> tuple[StackedSeries, CarpetSeries | None]:
    """Return the series of regions and those of the carpet's voxels, which come last."""
    if chosen is None:
        return found, None
    *atlases, _ = found.regions
    end = len(found.coverage) - len(chosen.voxels)
    regions = {atlas: found.regions[atlas] for atlas in atlases}
    of_regions = StackedSeries(regions, found.series[:, :end], found.coverage[:end])
    return of_regions, CarpetSeries(chosen.parcel, chosen.depth, found.series[:, end:])


def write_extraction(path: Path, extraction: Extraction) -> None:
    """Write what was extracted as ``.npz``, whole or not at all; the same gives the same bytes.

    Numbers keep their full precision, and are not compressed: that would take longer than to read
    them and save little of what the image takes. The member ``about`` is JSON: what is no array.
    """
    error, series, carpet = extraction.error, extraction.series, extraction.carpet
    about: dict[str, Any] = {
        "regions": extraction.regions,
        "length": extraction.length and asdict(extraction.length),
        "others": [other and asdict(other) for other in extraction.others],
        "failed": extraction.failed,
        "error": error and vars(error),
    }
    arrays: dict[str, Any] = {}
    if series is not None:
        about["measured"] = series.regions
        about["note"] = [note or None for note in series.coverage["note"]]
        arrays["series"] = series.series
        for column in series.coverage.columns.drop(["region", "note"]):
            arrays[f"coverage_{column}"] = series.coverage[column].to_numpy()
    if carpet is not None:
        arrays |= {f"carpet_{name}": array for name, array in vars(carpet).items()}
    with replacing(path) as temporary:
        text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        np.savez(temporary, about=text, **arrays)


def read_extraction(path: Path) -> Extraction:
    """Read what :func:`write_extraction` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    about = json.loads(arrays.pop("about").tobytes())
    series = carpet = None
    if "series" in arrays:
        regions = _names(about["measured"])
        table: dict[str, Any] = {"region": [name for names in regions.values() for name in names]}
        table |= _beginning("coverage_", arrays)
        table["note"] = pd.Series(about["note"], dtype=object)
        series = StackedSeries(regions, arrays["series"], pd.DataFrame(table))
    if "carpet_series" in arrays:
        carpet = CarpetSeries(**_beginning("carpet_", arrays))
    return Extraction(
        regions=_names(about["regions"]),
        length=about["length"] and RunLength(**about["length"]),
        others=tuple(other and RunLength(**other) for other in about["others"]),
        series=series,
        carpet=carpet,
        error=about["error"] and RunError(**about["error"]),
        failed=about["failed"],
    )


def _names(regions: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {atlas: tuple(names) for atlas, names in regions.items()}


def _beginning(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays whose name begins so, by what follows."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
