"""Gather the activity of runs, session by session."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.activity import read_activity, session_activity

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    tables = dict(zip(params.names, map(read_activity, inputs.activity), strict=True))
    write_tsv(snakemake.output[0], session_activity(read_tsv(inputs.runs), tables))
    write_sidecars(snakemake.output)
