"""Test the change of the three networks, and its association with suicidal ideation."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.networks import NETWORK_NUMBERS
from ketfc.inference.networks.triple_network import network_tests
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    table = network_tests(
        read_tsv(inputs.networks, numeric=NETWORK_NUMBERS),
        read_tsv(inputs.quality),
        read_tsv(inputs.scores, numeric=("score",)),
        read_design(inputs.design),
        **{key: params[key] for key in ("strategy", "seed", "permutations", "alpha")},
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
