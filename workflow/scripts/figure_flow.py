"""Count who and what was left at each step, and draw it."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.inference.account.flow import flow_counts
from ketfc.reporting.figures.flow import draw_flow
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    inputs = snakemake.input
    design, hypotheses = read_design(inputs.design), read_tsv(inputs.hypotheses)
    counts = flow_counts(design, read_tsv(inputs.runs), read_tsv(inputs.exclusions), hypotheses)
    figure, numbers = draw_flow(counts, hypotheses, design)
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
