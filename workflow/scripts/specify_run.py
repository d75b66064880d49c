"""Denoise one run at further thresholds of framewise displacement, for the specification curve."""

from pathlib import Path

from ketfc.base.files import unchanged, write_tsv
from ketfc.base.job import running
from ketfc.imaging.group.fd_thresholds import circuits_at
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.operators import RunFiles, RunSettings
from ketfc.imaging.run.reading import read_extraction

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    registry = load_registry(inputs.registry).with_variants(params.variants)
    with unchanged(inputs):
        table = circuits_at(
            params.thresholds, params.strategies, read_extraction(Path(inputs.extraction)),
            RunFiles.of(params.files, params.others), RunSettings.of_job(params), registry,
        )  # fmt: skip
    write_tsv(snakemake.output[0], table)
