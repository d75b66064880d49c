"""Draw the association of connectivity, and of its change, with head motion."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.reporting.figures.qcfc import draw_qcfc
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    names = ("summary", "curves", "motion", "connectivity", "quality", "hypotheses")
    figure, numbers = draw_qcfc(
        *[read_tsv(snakemake.input[name]) for name in names], read_design(snakemake.input.design)
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
