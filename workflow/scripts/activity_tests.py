"""Test the activity of regions, and whether it follows censoring."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.activity.run import NUMBERS
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.activity.table import activity_tests
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    table = activity_tests(
        read_tsv(inputs.activity, numeric=NUMBERS),
        read_tsv(inputs.scores, numeric=("score",)),
        read_tsv(inputs.quality),
        read_design(inputs.design),
        load_registry(inputs.registry).with_variants(params.variants).used_regions,
        strategy=params.strategy,
        seed=params.seed,
        permutations=params.permutations,
        alpha=params.alpha,
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
