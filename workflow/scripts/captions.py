"""Write titles and captions of all figures."""

from pathlib import Path

from ketfc.base.files import write_text
from ketfc.base.job import running
from ketfc.inference.maps.clusters import read_clusters
from ketfc.reporting.bundle.captions import (
    captions_page,
    figure_captions,
    map_captions,
    restructured,
)
from ketfc.study.design.design import read_design

with running(snakemake):
    outputs = {
        Path(path).stem: path for path in [*snakemake.output.figures, *snakemake.output.maps]
    }
    design = read_design(snakemake.input.design)
    maps = [Path(path).stem for path in snakemake.output.maps]
    captions = figure_captions(outputs, design)
    captions |= map_captions(maps, read_clusters(snakemake.input.clusters), design)
    write_text(snakemake.output.page, captions_page(captions))
    for name, (_, caption) in captions.items():
        write_text(outputs[name], restructured(caption))
