"""Measure the default-mode, salience and frontoparietal networks in every session."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.given_matrices import sessions_of
from ketfc.imaging.group.networks import network_table

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    pairs, n = list(zip(inputs.relmats, inputs.sidecars, strict=True)), len(params.strategies)
    runs, parcels = read_tsv(inputs.runs), read_tsv(inputs.table)
    table = network_table(
        # the files are listed run by run, and read one session at a time
        {
            strategy: sessions_of(
                runs, parcels, dict(zip(params.names, pairs[i::n], strict=True)), params.given
            )
            for i, strategy in enumerate(params.strategies)
        },
        runs,
        parcels,
        atlas=params.atlas,
        primary=params.primary,
        min_coverage=params.min_coverage,
    )
    write_tsv(snakemake.output[0], table)
    write_sidecars(snakemake.output)
