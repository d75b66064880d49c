"""Draw the change of the default-mode, salience and frontoparietal networks."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.inference.networks.triple_network import NETWORK_TEST_NUMBERS
from ketfc.reporting.figures.networks.triple_network import draw_networks
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    figure, numbers = draw_networks(
        read_tsv(snakemake.input.tests, numeric=NETWORK_TEST_NUMBERS),
        read_design(snakemake.input.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
