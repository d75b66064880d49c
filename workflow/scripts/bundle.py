"""Pack everything behind a paper into one archive."""

from ketfc.base.files import read_json
from ketfc.base.job import running
from ketfc.reporting.bundle.archive import write_archive
from ketfc.reporting.bundle.contents import bundle_members

with running(snakemake):
    inputs = snakemake.input
    members = bundle_members(
        [*inputs.results, *inputs.figures, *inputs.drawn_from],
        drawn=snakemake.params.drawn,
        facts=read_json(inputs.facts),
        workflow=inputs.workflow,
        root=snakemake.params.root,
    )
    write_archive(snakemake.output[0], members)
