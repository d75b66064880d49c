"""Denoise one run by every strategy from what was extracted of it, correlate, write."""

from pathlib import Path

from ketfc.base.files import unchanged
from ketfc.base.job import running
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.denoising import denoise_run
from ketfc.imaging.run.derivatives import template_mismatches, write_run
from ketfc.imaging.run.operators import RunFiles, RunSettings
from ketfc.imaging.run.reading import read_extraction

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    files, settings = RunFiles.of(params.files, params.others), RunSettings.of_job(params)
    with unchanged(inputs):
        extraction = read_extraction(Path(inputs.extraction))
        result = denoise_run(extraction, files, settings)
    registry = load_registry(inputs.registry).with_variants(params.variants)
    sidecars = dict(zip(params.atlases, inputs.atlas_sidecars, strict=True))
    write_run(
        Path(snakemake.output.circuits).parent, snakemake.wildcards.run, params.space,
        files=files, result=result, registry=registry, regions=extraction.regions,
        settings=settings, mismatches=template_mismatches(registry, params.space, sidecars),
    )  # fmt: skip
