"""Average the matrices of the primary strategy over participants."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.given_matrices import sessions_of
from ketfc.imaging.group.sessions import session_matrices
from ketfc.inference.edges.mean_matrices import mean_relmats
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    parcels = read_tsv(inputs.table)
    files = zip(params.names, zip(inputs.relmats, inputs.sidecars, strict=True), strict=True)
    sessions = sessions_of(read_tsv(inputs.runs), parcels, dict(files), params.given)
    table = mean_relmats(
        session_matrices(sessions, read_design(inputs.design)),
        atlas=params.atlas,
        strategy=params.strategy,
        networks=dict(zip(parcels["name"], parcels["network"], strict=True)),
    )
    write_tsv(snakemake.output[0], table, digits=6)
    write_sidecars(snakemake.output)
