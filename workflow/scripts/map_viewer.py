"""Make the page on which a group map can be turned through."""

from ketfc.base.files import read_tsv, write_text
from ketfc.base.job import running
from ketfc.inference.maps.clusters import CLUSTER_NUMBERS, rows_of
from ketfc.reporting.figures.maps.group_map import MapImages
from ketfc.reporting.pages.group_maps import render_viewer
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, wildcards = snakemake.input, snakemake.wildcards
    clusters = read_tsv(inputs.clusters, numeric=CLUSTER_NUMBERS)
    page = render_viewer(
        MapImages.read(inputs.t, inputs.thresholded, inputs.mask),
        rows_of(clusters, wildcards.region, wildcards.question),
        read_design(inputs.design),
    )
    write_text(snakemake.output[0], page)
