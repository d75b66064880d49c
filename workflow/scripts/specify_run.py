"""Denoise one run at further thresholds of framewise displacement, for the specification curve."""

from pathlib import Path

from ketfc.base.files import unchanged, write_tsv
from ketfc.base.job import running
from ketfc.imaging.group.fd_thresholds import circuits_at
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.operators import RunFiles
from ketfc.imaging.run.reading import read_extraction
from ketfc.study.config.denoising import Denoising
from ketfc.study.config.quality import Quality

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    registry = load_registry(inputs.registry).with_variants(params.variants)
    with unchanged(inputs):
        table = circuits_at(
            params.thresholds, params.strategies, read_extraction(Path(inputs.extraction)),
            RunFiles.of(params.files, params.others), Denoising(**params.denoising),
            Quality(**params.limits), registry,
            min_coverage=params.min_coverage, repetition_time=params.repetition_time,
        )  # fmt: skip
    write_tsv(snakemake.output[0], table)
