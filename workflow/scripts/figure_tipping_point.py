"""Draw the primary estimates with missing follow-ups imputed and shifted."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.inference.robustness.tipping_point import TIPPING_NUMBERS
from ketfc.reporting.figures.robustness.tipping_point import draw_tipping_points
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_tipping_points(
        read_tsv(snakemake.input.curves, numeric=TIPPING_NUMBERS),
        read_design(snakemake.input.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
