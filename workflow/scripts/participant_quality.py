"""The quality page of one participant."""

from ketfc.base.files import write_text
from ketfc.base.job import running
from ketfc.reporting.pages.participant import (
    read_matrices,
    read_networks,
    read_runs,
    read_seed_maps,
    render_participant,
)

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    runs = read_runs(
        dict(zip(params.runs, params.run_sessions, strict=True)), params.sessions, params.atlases,
        **{name: inputs[name] for name in ("quality", "carpets", "coverage", "circuits")},
    )  # fmt: skip
    page = render_participant(
        snakemake.wildcards.participant,
        runs,
        study=params.study,
        sessions=params.sessions,
        matrices=read_matrices(runs, inputs.relmats, inputs.sidecars),
        networks=read_networks(inputs.table[0]),
        settings=params.settings,
        seed_maps=read_seed_maps(runs, params.seeds, inputs.seed_maps),
    )
    write_text(snakemake.output[0], page)
