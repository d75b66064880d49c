"""Say what the plan is; stop the workflow where the input cannot be used."""

from pathlib import Path

from ketfc.base.errors import RefusalError
from ketfc.base.files import read_tsv, write_text
from ketfc.base.job import running
from ketfc.imaging.preflight.preregistration import lock_in_words
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.specifications.choices import Choices, specification_summary
from ketfc.study.design.design import read_design
from ketfc.study.runs.fetch.openneuro import images_summary
from ketfc.study.runs.listing import read_listing
from ketfc.study.summary import summary, unusable

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    problems, design = read_tsv(inputs.problems), read_design(inputs.design)
    tables = read_tsv(inputs.runs), read_tsv(inputs.scores, numeric=("score",))
    locked = lock_in_words(inputs.preregistration)
    text = summary(*tables, design, problems, locked=locked)
    circuits = load_registry(inputs.registry).with_variants(params.variants).circuits
    text += specification_summary(Choices(**params.choices), design, circuits)
    if params.listing is not None:
        about = read_listing(Path(params.listing)), params.images
        text += images_summary(*about, kept=params.keep_images)
    print(text)
    if (reason := unusable(problems)) is not None:
        raise RefusalError(reason)
    write_text(snakemake.output.summary, text)
