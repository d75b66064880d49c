"""Draw the scores over the sessions, and the effects on them."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.inference.clinical.effects import NUMBERS
from ketfc.inference.clinical.time_course import TIME_COURSE_NUMBERS
from ketfc.reporting.figures.clinical.scores import draw_clinical
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_clinical(
        read_tsv(snakemake.input.time_course, numeric=TIME_COURSE_NUMBERS),
        read_tsv(snakemake.input.effects, numeric=NUMBERS),
        read_design(snakemake.input.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
