"""Read one BOLD image, keep what denoising needs of it, and map what every voxel shows."""

from pathlib import Path

from ketfc.base.files import unchanged
from ketfc.base.job import running
from ketfc.imaging.activity.run import write_activity
from ketfc.imaging.maps.run_maps import run_seeds, write_maps
from ketfc.imaging.regions.placing import CIRCUITS
from ketfc.imaging.run.measured_regions import regions_of_job
from ketfc.imaging.run.operators import RunFiles, run_operators
from ketfc.imaging.run.reading import extract_run_and_voxels, write_extraction
from ketfc.study.config.denoising import Denoising
from ketfc.study.config.maps import Activity
from ketfc.study.config.quality import Quality

with running(snakemake):
    inputs, params, names = snakemake.input, snakemake.params, snakemake.wildcards
    regions, denoising = regions_of_job(inputs, params), Denoising(**params.denoising)
    files = RunFiles.of(params.files, params.others)
    others = list(zip(map(Path, inputs.other_bolds), map(Path, inputs.other_masks), strict=True))
    with unchanged(inputs):
        extraction, brain = extract_run_and_voxels(
            files.bold, files.mask, regions.place, regions.names,
            others=others, carpet_atlas=params.carpet_atlas,
        )  # fmt: skip
        found = run_operators(
            extraction, files, denoising, Quality(**params.limits),
            repetition_time=params.repetition_time,
        )  # fmt: skip
    place = Path("results/derivatives", names.folder), f"{names.run}_space-{params.space}"
    # before the voxels are smoothed, in place, for the maps of seeds
    write_activity(
        *place, brain=brain, found=found, files=files, settings=Activity(**params.activity),
        strategies=params.activity_strategies, names=regions.names[CIRCUITS],
        min_coverage=params.min_coverage,
    )  # fmt: skip
    seeds = [regions.registry.regions[name] for name in params.seeds]
    write_maps(
        *place, brain=brain, seeds=run_seeds(extraction, seeds, params.min_coverage), found=found,
        files=files, denoising=denoising, strategies=params.strategies, space=params.space,
        fwhm=params.fwhm,
    )  # fmt: skip
    write_extraction(Path(snakemake.output.extraction), extraction)
