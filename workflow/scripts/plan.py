"""Say what the plan is; stop the workflow where the input cannot be used."""

import sys
from pathlib import Path

from ketfc.base.files import read_tsv, write_text
from ketfc.base.job import running
from ketfc.study.design.design import read_design
from ketfc.study.plan import summary, unusable
from ketfc.study.runs.fetch.openneuro import images_summary
from ketfc.study.runs.listing import read_listing

with running(snakemake):
    problems = read_tsv(snakemake.input.problems)
    text = summary(
        read_tsv(snakemake.input.runs),
        read_tsv(snakemake.input.scores, numeric=("score",)),
        read_design(snakemake.input.design),
        problems,
    )
    if snakemake.params.listing is not None:
        listing, images = read_listing(Path(snakemake.params.listing)), snakemake.params.images
        text += images_summary(listing, images, kept=snakemake.params.keep_images)
    print(text, file=sys.__stderr__)
    reason = unusable(problems)
    if reason is None:
        write_text(snakemake.output.summary, text)
if reason is not None:
    sys.exit(reason)
