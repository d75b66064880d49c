"""Write what the study came to, in a few lines; stop where nothing could be tested."""

from ketfc.base.files import read_tsv, write_text
from ketfc.base.job import running
from ketfc.reporting.pages.closing import closing
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs = snakemake.input
    tables = ("hypotheses", "left_out", "runs", "exclusions")
    text = closing(
        **{name: read_tsv(inputs[name]) for name in tables},
        design=read_design(inputs.design),
        simulated=snakemake.params.simulated,
        report=inputs.report,
    )
    print(text)
    write_text(snakemake.output[0], text)
