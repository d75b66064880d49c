"""Test motion, and whether the circuits' changes follow it."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.motion.gate import motion_tests
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    table = motion_tests(
        read_tsv(inputs.connectivity, numeric=NUMERIC),
        read_tsv(inputs.quality),
        read_design(inputs.design),
        load_registry(inputs.registry).circuits.values(),
        strategies=params.strategies,
        seed=params.seed,
        permutations=params.permutations,
        alpha=params.alpha,
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
