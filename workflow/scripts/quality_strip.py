"""The quality page of all runs, side by side and blind to arms."""

from pathlib import Path

from ketfc.base.files import read_tsv, write_text
from ketfc.base.job import running
from ketfc.imaging.run.carpet import read_carpet
from ketfc.imaging.run.extraction import COVERAGE_NUMBERS
from ketfc.reporting.pages.strip import render_strip, thumbnail

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    runs = read_tsv(inputs.runs).set_index("run", drop=False)
    thumbnails = (
        thumbnail(
            runs.loc[name].to_dict(),
            read_carpet(Path(carpet)),
            read_tsv(coverage, numeric=COVERAGE_NUMBERS),
            min_coverage=params.settings["min_coverage"],
        )
        for name, carpet, coverage in zip(
            params.names, inputs.carpets, inputs.coverage, strict=True
        )
    )
    page = render_strip(thumbnails, study=params.study, settings=params.settings)
    write_text(snakemake.output[0], page)
