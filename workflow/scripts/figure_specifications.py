"""Draw the specification curves with their dashboards."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.inference.specifications.table import CURVE_NUMBERS, SPECIFICATION_NUMBERS
from ketfc.reporting.figures.specifications.curves import draw_specifications
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    inputs = snakemake.input
    figure, numbers = draw_specifications(
        read_tsv(inputs.specifications, numeric=SPECIFICATION_NUMBERS),
        read_tsv(inputs.curves, numeric=CURVE_NUMBERS),
        read_design(inputs.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
