"""All that a study asks of every voxel of a run: one read, then activity and seed maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ketfc.imaging.activity.run import write_activity
from ketfc.imaging.maps.run_maps import run_seeds, write_maps
from ketfc.imaging.regions.placing import CIRCUITS
from ketfc.imaging.run.measured_regions import MeasuredRegions
from ketfc.imaging.run.operators import RunFiles, RunSettings, VoxelRun, run_operators
from ketfc.imaging.run.reading import Extraction, extract_run_and_voxels
from ketfc.study.config.maps import Activity


@dataclass(frozen=True)
class VoxelSettings:
    """Settings of what is measured in every voxel.

    Attributes
    ----------
    run : RunSettings
        Those by which runs are denoised.
    activity : Activity
        That section of the configuration.
    carpet_atlas : str or None
        The atlas whose parcels put the voxels of the carpet in order.
    activity_strategies, strategies : tuple of str
        Those that activity is measured with, and those of the seed maps.
    seeds : tuple of str
        Regions whose correlation with every voxel is mapped.
    fwhm : float
        Smoothing of the seed maps in mm.
    """

    run: RunSettings
    activity: Activity
    carpet_atlas: str | None
    activity_strategies: tuple[str, ...]
    strategies: tuple[str, ...]
    seeds: tuple[str, ...]
    fwhm: float

    @classmethod
    def of_job(cls, params: Any) -> VoxelSettings:
        """Return the settings of a job.

        Parameters
        ----------
        params : snakemake.io.Params
            As for :meth:`RunSettings.of_job`, and the other attributes by their names.
        """
        return cls(
            run=RunSettings.of_job(params),
            activity=Activity(**params.activity),
            carpet_atlas=params.carpet_atlas,
            activity_strategies=tuple(params.activity_strategies),
            strategies=tuple(params.strategies),
            seeds=tuple(params.seeds),
            fwhm=params.fwhm,
        )


def read_voxels(
    files: RunFiles,
    others: Sequence[tuple[Path, Path]],
    regions: MeasuredRegions,
    settings: VoxelSettings,
) -> tuple[Extraction, VoxelRun]:
    """Read a run's image once, and make the operators that clean it.

    Parameters
    ----------
    files : RunFiles
        The run.
    others : sequence of (pathlib.Path, pathlib.Path)
        Image and mask of the participant's other runs.
    regions : MeasuredRegions
        Measured in the same read.
    settings : VoxelSettings
        The study's.

    Returns
    -------
    Extraction
        As :func:`ketfc.imaging.run.reading.extract_run` gives it.
    VoxelRun
        The voxels, in memory alone.
    """
    extraction, brain = extract_run_and_voxels(
        files.bold,
        files.mask,
        regions.place,
        regions.names,
        others=others,
        carpet_atlas=settings.carpet_atlas,
    )
    return extraction, VoxelRun(files, brain, run_operators(extraction, files, settings.run))


def write_voxels(
    folder: Path,
    stem: str,
    run: VoxelRun,
    extraction: Extraction,
    regions: MeasuredRegions,
    settings: VoxelSettings,
) -> None:
    """Measure what is asked of every voxel, and write it.

    The voxels of `run` are smoothed in place, for the maps of seeds, once activity is measured.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/derivatives/sub-…/ses-…/func``.
    stem : str
        ``sub-…_ses-…_task-…_space-…``.
    run, extraction
        As :func:`read_voxels` returned them.
    regions, settings
        As for :func:`read_voxels`.
    """
    write_activity(
        folder,
        stem,
        run,
        settings=settings.activity,
        strategies=settings.activity_strategies,
        names=regions.names[CIRCUITS],
        min_coverage=settings.run.min_coverage,
    )
    seeds = [regions.registry.regions[name] for name in settings.seeds]
    write_maps(
        folder,
        stem,
        run,
        seeds=run_seeds(extraction, seeds, settings.run.min_coverage),
        denoising=settings.run.denoising,
        strategies=settings.strategies,
        space=regions.space,
        fwhm=settings.fwhm,
    )
