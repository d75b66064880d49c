"""Compare everybody's sessions with each other."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.sessions import session_fisher_z
from ketfc.imaging.group.similarity import session_similarity
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs = snakemake.input
    design = read_design(inputs.design)
    files = zip(inputs.relmats, inputs.sidecars, strict=True)
    matrices = session_fisher_z(
        read_tsv(inputs.runs), dict(zip(snakemake.params.names, files, strict=True))
    )
    table = session_similarity(matrices, design.baseline, design.followup)
    write_tsv(snakemake.output[0], table, digits=6)
    write_sidecars(snakemake.output)
