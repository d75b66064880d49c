"""Test the change of every edge and its association with SI, in families of their own."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.given_matrices import sessions_of
from ketfc.imaging.group.sessions import NUMERIC
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.edges.edgewise import circuit_edges, edge_tests, parcel_edges
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    design = read_design(inputs.design)
    runs, parcels = read_tsv(inputs.runs), read_tsv(inputs.table)
    files = zip(params.names, zip(inputs.relmats, inputs.sidecars, strict=True), strict=True)
    sessions = sessions_of(runs, parcels, dict(files), params.given)
    connectivity = read_tsv(inputs.connectivity, numeric=NUMERIC)
    circuits = load_registry(inputs.registry).circuits.values()
    table = edge_tests(
        [
            parcel_edges(sessions, design, parcels, atlas=params.atlas),
            circuit_edges(connectivity, design, circuits, strategy=params.strategy),
        ],
        read_tsv(inputs.scores, numeric=("score",)),
        design,
        **{key: params[key] for key in ("strategy", "seed", "permutations", "alpha")},
    )
    write_tsv(snakemake.output[0], table, digits=6)
    write_sidecars(snakemake.output)
