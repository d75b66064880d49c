"""Draw the circuits on a glass brain."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.reporting.figures.circuits import draw_circuits
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_circuits(
        read_tsv(snakemake.input.connectivity),
        read_tsv(snakemake.input.regions),
        read_tsv(snakemake.input.hypotheses),
        read_design(snakemake.input.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
