"""Draw the t of every edge, and which of them survive correction."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.inference.edges.edgewise import EDGE_NUMBERS
from ketfc.reporting.figures.edges import draw_edges
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_edges(
        read_tsv(snakemake.input.edges, numeric=EDGE_NUMBERS),
        read_design(snakemake.input.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
