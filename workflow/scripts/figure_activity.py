"""Draw the changes in the activity of regions."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.inference.activity.table import ACTIVITY_NUMBERS
from ketfc.reporting.figures.maps.activity import draw_activity
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_activity(
        read_tsv(snakemake.input.activity, numeric=ACTIVITY_NUMBERS),
        read_design(snakemake.input.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
