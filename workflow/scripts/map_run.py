"""Read one BOLD image, keep what denoising needs of it, and map what every voxel shows."""

from pathlib import Path

from ketfc.base.files import unchanged
from ketfc.base.job import running
from ketfc.imaging.maps.measured_voxels import VoxelSettings, read_voxels, write_voxels
from ketfc.imaging.run.measured_regions import regions_of_job
from ketfc.imaging.run.operators import RunFiles
from ketfc.imaging.run.reading import write_extraction

with running(snakemake):
    inputs, params, names = snakemake.input, snakemake.params, snakemake.wildcards
    regions, settings = regions_of_job(inputs, params), VoxelSettings.of_job(params)
    files = RunFiles.of(params.files, params.others)
    others = list(zip(map(Path, inputs.other_bolds), map(Path, inputs.other_masks), strict=True))
    with unchanged(inputs):
        extraction, run = read_voxels(files, others, regions, settings)
    # maps of seeds, or values of activity, or both
    folder = Path([*snakemake.output.maps, *snakemake.output.activity][0]).parent
    stem = f"{names.run}_space-{params.space}"
    write_voxels(folder, stem, run, extraction, regions, settings)
    write_extraction(Path(snakemake.output.extraction), extraction)
