"""Draw a group map in a glass brain and in slices."""

from pathlib import Path

from ketfc.base.files import read_tsv
from ketfc.base.job import running
from ketfc.inference.maps.clusters import CLUSTER_NUMBERS, rows_of
from ketfc.reporting.figures.maps.group_map import MapImages, draw_group_map
from ketfc.reporting.figures.style import printed, save_figure
from ketfc.study.design.design import read_design

with running(snakemake), printed(snakemake.params.printed):
    inputs, wildcards = snakemake.input, snakemake.wildcards
    clusters = read_tsv(inputs.clusters, numeric=CLUSTER_NUMBERS)
    figure, numbers = draw_group_map(
        MapImages.read(inputs.t, inputs.thresholded, inputs.mask),
        rows_of(clusters, wildcards.region, wildcards.question),
        read_design(inputs.design),
    )
    save_figure(figure, Path(snakemake.output[0]).with_suffix(""), numbers)
