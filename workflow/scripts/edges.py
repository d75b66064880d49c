"""Test the change of every edge and its association with SI, in families of their own."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import NUMERIC, session_fisher_z
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.edges.edgewise import circuit_edges, edge_tests, parcel_edges
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    design = read_design(inputs.design)
    files = zip(inputs.relmats, inputs.sidecars, strict=True)
    sessions = session_fisher_z(read_tsv(inputs.runs), dict(zip(params.names, files, strict=True)))
    connectivity = read_tsv(inputs.connectivity, numeric=NUMERIC)
    circuits = load_registry(inputs.registry).circuits.values()
    table = edge_tests(
        [
            parcel_edges(sessions, design, read_tsv(inputs.table[0]), atlas=params.atlas),
            circuit_edges(connectivity, design, circuits, strategy=params.strategy),
        ],
        read_tsv(inputs.scores, numeric=("score",)),
        design,
        **{key: params[key] for key in ("strategy", "seed", "permutations", "alpha")},
    )
    write_tsv(snakemake.output[0], table, digits=6)
    write_sidecars(snakemake.output)
