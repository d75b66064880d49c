"""Estimate how reliably each circuit was measured, from what was measured twice."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC, read_circuits
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.reliability.table import reliability
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    paths = dict(zip(params.names, inputs.circuits, strict=True))
    table = reliability(
        read_tsv(inputs.connectivity, numeric=NUMERIC),
        read_circuits(paths, read_tsv(inputs.runs)),
        read_design(inputs.design),
        load_registry(inputs.registry).circuits.values(),
        strategy=params.strategy,
        alpha=params.alpha,
        supplied=params.supplied,
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
