"""Read one BOLD image and keep what denoising needs of it."""

from pathlib import Path

from ketfc.base.files import unchanged
from ketfc.base.job import running
from ketfc.imaging.run.measured_regions import regions_of_job
from ketfc.imaging.run.reading import extract_run, write_extraction

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    regions = regions_of_job(inputs, params)
    others = zip(map(Path, inputs.other_bolds), map(Path, inputs.other_masks), strict=True)
    with unchanged(inputs):
        extraction = extract_run(
            Path(inputs.bold), Path(inputs.mask), regions.place, regions.names,
            others=list(others), carpet_atlas=params.carpet_atlas,
        )  # fmt: skip
    write_extraction(Path(snakemake.output[0]), extraction)
