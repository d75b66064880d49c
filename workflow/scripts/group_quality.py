"""The quality page of the whole study."""

from pathlib import Path

from ketfc.base.files import read_tsv, write_text
from ketfc.base.job import running
from ketfc.imaging.group.similarity import SIMILARITY_NUMBERS
from ketfc.imaging.run.extraction import COVERAGE_NUMBERS
from ketfc.reporting.pages.group import render_group
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    page = render_group(
        design=read_design(inputs.design),
        runs=read_tsv(inputs.runs),
        strategies=read_tsv(inputs.strategies),
        coverage={
            name: read_tsv(path, numeric=COVERAGE_NUMBERS)
            for name, path in zip(params.names, inputs.coverage, strict=True)
        },
        similarity=read_tsv(inputs.similarity[0], numeric=SIMILARITY_NUMBERS),
        exclusions=read_tsv(inputs.exclusions[0]),
        pages=params.participants,
        settings=params.settings,
        qcfc=Path(inputs.qcfc),
    )
    write_text(snakemake.output[0], page)
