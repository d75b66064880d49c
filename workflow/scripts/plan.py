"""Say what the plan is; stop the workflow where the input cannot be used."""

from pathlib import Path

from ketfc.base.errors import RefusalError
from ketfc.base.files import read_tsv, write_text
from ketfc.base.job import running
from ketfc.imaging.preflight.preregistration import lock_in_words
from ketfc.study.design.design import read_design
from ketfc.study.runs.fetch.openneuro import images_summary
from ketfc.study.runs.listing import read_listing
from ketfc.study.summary import summary, unusable

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    problems = read_tsv(inputs.problems)
    text = summary(
        read_tsv(inputs.runs), read_tsv(inputs.scores, numeric=("score",)),
        read_design(inputs.design), problems, locked=lock_in_words(inputs.preregistration),
    )  # fmt: skip
    if params.listing is not None:
        listing = read_listing(Path(params.listing))
        text += images_summary(listing, params.images, kept=params.keep_images)
    print(text)
    if (reason := unusable(problems)) is not None:
        raise RefusalError(reason)
    write_text(snakemake.output.summary, text)
