"""Write the demo study's tables, its truth and the masks that its runs share."""

from pathlib import Path

import numpy as np

from ketfc.files import replacing
from ketfc.imaging.grid import Grid, resample_labels
from ketfc.imaging.parcellations import voronoi_parcellation
from ketfc.logs import logged
from ketfc.study.demo import write_tables
from ketfc.study.demo_run import DEMO_AFFINE, DEMO_SHAPE, template_masks

with logged(snakemake.log[0]):
    folder = Path(snakemake.output.description).parent
    write_tables(folder, seed=snakemake.params.seed, truth=snakemake.output.truth)
    masks = template_masks()
    cells = voronoi_parcellation()
    labels = resample_labels(cells.labels, cells.grid, Grid(DEMO_SHAPE, DEMO_AFFINE))
    with replacing(snakemake.output.template) as temporary:
        np.savez_compressed(
            temporary,
            brain=masks.brain,
            gm=masks.gm,
            wm=masks.wm,
            labels=labels.reshape(DEMO_SHAPE, order="F"),
            networks=np.array(cells.networks),
        )
