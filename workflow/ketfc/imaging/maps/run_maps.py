"""The seed maps of one run by every strategy that is asked for, and their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ketfc.base.errors import RunError
from ketfc.base.files import write_json
from ketfc.base.software import generated_by
from ketfc.imaging.io.images import write_image
from ketfc.imaging.maps.seed_maps import seed_maps
from ketfc.imaging.maps.smoothing import smooth
from ketfc.imaging.regions.definitions import Region
from ketfc.imaging.regions.placing import CIRCUITS
from ketfc.imaging.run.denoising import strategy_result
from ketfc.imaging.run.derivatives import about_cleaning
from ketfc.imaging.run.operators import Cleaning, VoxelRun
from ketfc.imaging.run.reading import BrainSeries, Extraction
from ketfc.study.config.denoising import Denoising


@dataclass(frozen=True, eq=False)
class Seeds:
    """The seeds of one run.

    Attributes
    ----------
    regions : tuple of Region
        In the order of the maps.
    series : numpy.ndarray of float64, shape (n_volumes, n_seeds)
        As they were read, not smoothed; NaN in the whole column of one that is not covered. No
        volume where the run could not be read.
    n_voxels : tuple of int
        Voxels of each that have signal in all the participant's runs.
    reasons : tuple of (str or None)
        Why a seed has no map; None if it has.
    """

    regions: tuple[Region, ...]
    series: NDArray[np.float64]
    n_voxels: tuple[int, ...]
    reasons: tuple[str | None, ...]


def run_seeds(extraction: Extraction, regions: Sequence[Region], min_coverage: float) -> Seeds:
    """Return the seeds of a run, of which too little may be covered.

    Parameters
    ----------
    extraction : Extraction
        What was read of the run.
    regions : sequence of Region
        The seeds; each is a region of the circuits.
    min_coverage : float
        Smallest share of a seed's voxels that must have signal in all the participant's runs.
    """
    if extraction.series is None:
        nothing = (None,) * len(regions)
        return Seeds(tuple(regions), np.empty((0, len(regions))), (0,) * len(regions), nothing)
    found = extraction.series.by_atlas(min_coverage)[CIRCUITS]
    names = [region.id for region in regions]
    covered = found.coverage.set_index("region").loc[names]
    reasons = tuple(
        None
        if share >= min_coverage
        else f"{share:.0%} of the seed has signal in all runs of the participant, "
        f"{min_coverage:.0%} is needed"
        for share in covered["coverage_shared"]
    )
    counts = tuple(int(n) for n in covered["n_shared"])
    return Seeds(tuple(regions), found.series[names].to_numpy(), counts, reasons)


def run_maps(
    run: VoxelRun,
    seeds: Seeds,
    strategies: Sequence[str],
    *,
    fwhm: float,
) -> Iterator[tuple[str, NDArray[np.float32] | None]]:
    """Yield every strategy with its maps of Fisher z.

    Parameters
    ----------
    run : VoxelRun
        The run, whose voxels are smoothed in place.
    seeds : Seeds
        Its seeds.
    strategies : sequence of str
        Those wanted.
    fwhm : float
        Full width at half maximum in mm; 0 does not smooth.

    Yields
    ------
    str
        The strategy.
    numpy.ndarray of float32, shape (n_seeds, grid.n_voxels), or None
        Flat in Fortran order, NaN where there is no value; None if the strategy, or the run, is
        excluded.
    """
    brain = run.brain
    usable = {name: run.operators.strategies[name] for name in strategies}
    if fwhm and brain is not None and any(isinstance(c, Cleaning) for c in usable.values()):
        smooth(brain.voxels, fwhm)
    for name, cleaning in usable.items():
        if brain is None or isinstance(cleaning, RunError):
            yield name, None
        else:
            z = seed_maps(cleaning.matrix, seeds.series, brain.voxels)
            yield name, np.stack([brain.voxels.image(each) for each in z])


def write_maps(
    folder: Path,
    stem: str,
    run: VoxelRun,
    *,
    seeds: Seeds,
    denoising: Denoising,
    strategies: Sequence[str],
    space: str,
    fwhm: float,
) -> None:
    """Make the seed maps of a run and write them, each with its JSON.

    An excluded run has the same files, without a value in any voxel and with the reason.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/derivatives/sub-…/ses-…/func``.
    stem : str
        ``sub-…_ses-…_task-…_space-…``.
    run, seeds, strategies, fwhm
        As for :func:`run_maps`.
    denoising : Denoising
        That section of the configuration.
    space : str
        Template space of the run.
    """
    if not seeds.regions:
        return
    grid = run.grid
    nothing = np.full(grid.n_voxels, np.nan, dtype=np.float32)
    for strategy, maps in run_maps(run, seeds, strategies, fwhm=fwhm):
        result = strategy_result(run.operators.strategies[strategy], {})
        for place, region in enumerate(seeds.regions):
            path = folder / f"{stem}_seed-{region.id}_desc-{strategy}_stat-fisherz_boldmap.nii.gz"
            image = nothing if maps is None else maps[place]
            write_image(path, image, grid)
            about = _seed(seeds, place, space) | {
                "SeedCentre": None if run.brain is None else _centre(run.brain, region.id),
                "SmoothingFWHM": fwhm,
                "NumberOfVoxels": int(np.isfinite(image).sum()),
                "Sources": run.files.sources,
            }
            if result.error is None and seeds.reasons[place] is not None:
                about["Excluded"] = seeds.reasons[place]
            write_json(
                path.with_name(path.name.replace(".nii.gz", ".json")),
                _ABOUT
                | about_cleaning(strategy, result, denoising)
                | about
                | {"GeneratedBy": generated_by()},
            )


_ABOUT = {
    "Description": "Fisher z (artanh) of Pearson's correlation of the seed's mean series with the "
    "series of every voxel, both denoised alike",
    "Units": "arbitrary",
    "VoxelsWithoutValue": "NaN: outside the brain mask, or without signal in some run of the "
    "participant (nilearn and XCP-D write 0 there, which reads as no correlation)",
}


def _seed(seeds: Seeds, place: int, space: str) -> dict[str, Any]:
    region = seeds.regions[place]
    return {
        "Seed": region.id,
        "SeedName": region.name,
        "SeedDefinition": region.describe(space),
        "NumberOfSeedVoxels": seeds.n_voxels[place],
        "SeedSmoothed": False,
    }


def _centre(brain: BrainSeries, seed: str) -> list[float] | None:
    """Return the mean position, in mm, of a seed's voxels on the run's grid."""
    placed = next(regions for regions in brain.regions if regions.atlas == CIRCUITS)
    row = placed.weights[placed.names.index(seed)]
    if not row.nnz:
        return None
    grid = brain.voxels.grid
    places = np.array(np.unravel_index(row.indices, grid.shape, order="F"))
    middle = np.average(places, axis=1, weights=row.data)
    return [round(float(x), 3) for x in grid.affine[:3, :3] @ middle + grid.affine[:3, 3]]
