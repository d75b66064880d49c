"""Impute missing follow-ups of the primary hypotheses and shift them."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.robustness.tipping_point import tipping_curves
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    table = tipping_curves(
        read_tsv(inputs.connectivity, numeric=NUMERIC),
        read_tsv(inputs.scores, numeric=("score",)),
        read_design(inputs.design),
        load_registry(inputs.registry).circuits.values(),
        strategy=params.strategy,
        seed=params.seed,
        alpha=params.alpha,
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
