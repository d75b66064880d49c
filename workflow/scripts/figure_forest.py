"""Draw the effects of all hypotheses, with what each has to stand up to."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.reporting.figures.forest import draw_hypotheses
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_hypotheses(
        read_tsv(snakemake.input.hypotheses),
        read_tsv(snakemake.input.motion),
        read_tsv(snakemake.input.curves),
        read_design(snakemake.input.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
