"""Denoise one run by every strategy from what was extracted of it, correlate, write."""

from pathlib import Path

from ketfc.base.files import unchanged
from ketfc.base.job import running
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.denoising import denoise_run
from ketfc.imaging.run.derivatives import template_mismatches, write_run
from ketfc.imaging.run.operators import RunFiles
from ketfc.imaging.run.reading import read_extraction
from ketfc.study.config.denoising import Denoising
from ketfc.study.config.quality import Quality

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    files = RunFiles.of(params.files, params.others)
    denoising, coverage = Denoising(**params.denoising), {"min_coverage": params.min_coverage}
    with unchanged(inputs):
        extraction = read_extraction(Path(inputs.extraction))
        result = denoise_run(
            extraction, files, denoising, Quality(**params.limits),
            repetition_time=params.repetition_time, **coverage,
        )  # fmt: skip
    registry = load_registry(inputs.registry).with_variants(params.variants)
    sidecars = dict(zip(params.atlases, inputs.atlas_sidecars, strict=True))
    write_run(
        Path(snakemake.output.circuits).parent, snakemake.wildcards.run, params.space,
        files=files, result=result, registry=registry, regions=extraction.regions, **coverage,
        denoising=denoising, mismatches=template_mismatches(registry, params.space, sidecars),
    )  # fmt: skip
