"""Draw every participant's connectivity over all sessions, and the means of the arms."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.reporting.figures.sessions.trajectory import draw_trajectory
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_trajectory(
        read_tsv(snakemake.input.connectivity),
        read_tsv(snakemake.input.hypotheses),
        read_design(snakemake.input.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
