"""The quality page of one participant."""

from ketfc.base.files import read_tsv, write_text
from ketfc.base.job import running
from ketfc.reporting.pages.participant import (
    read_matrices,
    read_runs,
    read_seed_maps,
    render_participant,
)  # fmt: skip

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    runs = read_runs(
        dict(zip(params.runs, params.run_sessions, strict=True)),
        params.sessions,
        params.atlases,
        quality=inputs.quality,
        carpets=inputs.carpets,
        coverage=inputs.coverage,
        circuits=inputs.circuits,
    )
    page = render_participant(
        snakemake.wildcards.participant,
        runs,
        study=params.study,
        sessions=params.sessions,
        matrices=read_matrices(runs, inputs.relmats, inputs.sidecars),
        networks=[name or "parcels" for name in read_tsv(inputs.table[0])["network"]],
        settings=params.settings,
        seed_maps=read_seed_maps(runs, params.seeds, inputs.seed_maps),
    )
    write_text(snakemake.output[0], page)
