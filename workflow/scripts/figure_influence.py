"""Draw the primary results without each participant and site."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.inference.influence.left_out import INFLUENCE_NUMBERS
from ketfc.reporting.figures.influence.left_out import draw_influence
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_influence(
        read_tsv(snakemake.input.influence, numeric=INFLUENCE_NUMBERS),
        read_design(snakemake.input.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
