"""Fill the COBIDAS checklist as far as the run knows."""

from ketfc.base.files import read_json, read_tsv, write_text, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.reporting.bundle.cobidas import Run, checklist, checklist_text
from ketfc.study.design.design import read_design

TABLES = ("hypotheses", "robustness", "runs", "exclusions", "regions", "native")

with running(snakemake):
    inputs, outputs = snakemake.input, snakemake.output
    table = checklist(
        Run(
            design=read_design(inputs.design),
            facts=read_json(inputs.facts),
            **{name: read_tsv(inputs[name]) for name in TABLES},
            maps=snakemake.params.maps,
        )
    )
    write_tsv(outputs.table, table)
    write_text(outputs.text, checklist_text(table, read_design(inputs.design).study))
    write_sidecars(outputs)
