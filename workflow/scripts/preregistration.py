"""Lock the hypotheses: write what a preregistration fixes, with its fingerprint."""

from ketfc.base.job import running
from ketfc.imaging.preflight.preregistration import hypotheses_content, write_lock
from ketfc.imaging.regions.registry import load_registry
from ketfc.study.config.config import parse_config

with running(snakemake):
    config = parse_config(snakemake.params.config)
    registry = load_registry(snakemake.input.registry)
    write_lock(snakemake.output[0], hypotheses_content(registry, config))
