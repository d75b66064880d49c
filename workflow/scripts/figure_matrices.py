"""Draw the mean matrices of every arm and session, and their difference."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.reporting.figures.matrices import draw_matrices
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_matrices(
        read_tsv(snakemake.input.relmat), read_design(snakemake.input.design)
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
