"""Test every primary circuit under every specification, and its whole curve."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.fd_thresholds import combined_at
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.specifications.choices import Choices
from ketfc.inference.specifications.table import specification_tables
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    registry = load_registry(inputs.registry).with_variants(params.variants)
    runs, further = read_tsv(inputs.runs), dict(zip(params.names, inputs.further, strict=False))
    choices = Choices(**params.choices)
    found = combined_at(choices.thresholds[1:], params.strategies, further, registry, runs)
    found[choices.thresholds[0]] = read_tsv(inputs.connectivity, numeric=NUMERIC)
    tables = specification_tables(
        found, read_tsv(inputs.scores, numeric=("score",)), read_design(inputs.design),
        list(registry.circuits.values()), choices,
        seed=params.seed, permutations=params.permutations, alpha=params.alpha,
    )  # fmt: skip
    for path, table in zip((snakemake.output.all, snakemake.output.curve), tables, strict=True):
        write_tsv(path, table)
    write_sidecars(snakemake.output)
