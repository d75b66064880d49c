"""Draw the change in connectivity against the change in suicidal ideation."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.reporting.figures.association import draw_association
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_association(
        read_tsv(snakemake.input.connectivity),
        read_tsv(snakemake.input.scores),
        read_tsv(snakemake.input.hypotheses),
        read_design(snakemake.input.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
