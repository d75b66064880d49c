"""The quality page of one participant."""

from pathlib import Path

import pandas as pd

from ketfc.base.files import read_json, read_tsv, write_text
from ketfc.base.job import running
from ketfc.imaging.group.sessions import read_relmat, session_fisher_z
from ketfc.imaging.run.carpet import read_carpet
from ketfc.imaging.run.extraction import COVERAGE_NUMBERS
from ketfc.reporting.pages.participant import RunOnPage, render_participant

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    roles = {label: role for role, label in params.sessions.items()}
    coverage = iter(inputs.coverage)
    runs = [
        RunOnPage(
            run,
            roles[session],
            session,
            read_json(qc),
            read_carpet(Path(carpet)),
            {name: read_tsv(next(coverage), numeric=COVERAGE_NUMBERS) for name in params.atlases},
            read_relmat(circuits),
        )
        for run, session, qc, carpet, circuits in zip(
            params.runs,
            params.run_sessions,
            inputs.quality,
            inputs.carpets,
            inputs.circuits,
            strict=True,
        )
    ]
    participant = snakemake.wildcards.participant
    table = pd.DataFrame(
        [{"run": run.run, "session": run.session, "role": run.role} for run in runs]
    )
    files = dict(zip(params.runs, zip(inputs.relmats, inputs.sidecars, strict=True), strict=True))
    found = session_fisher_z(table.assign(participant_id=participant), files)
    page = render_participant(
        participant,
        runs,
        study=params.study,
        sessions=params.sessions,
        matrices={role: z for _, role, z in found},
        networks=[name or "parcels" for name in read_tsv(inputs.table[0])["network"]],
        settings=params.settings,
    )
    write_text(snakemake.output[0], page)
