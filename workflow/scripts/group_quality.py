"""The quality page of the whole study."""

from pathlib import Path

from ketfc.files import read_json, read_tsv, write_text
from ketfc.imaging.extraction import COVERAGE_NUMBERS
from ketfc.imaging.similarity import SIMILARITY_NUMBERS
from ketfc.logs import logged
from ketfc.reporting.group_page import render_group

with logged(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    page = render_group(
        design=read_json(inputs.design),
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
