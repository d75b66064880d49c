"""Write the demo study's tables, its truth and the masks that its runs share."""

from pathlib import Path

import numpy as np

from ketfc.base.files import replacing
from ketfc.base.job import running
from ketfc.demo.run import DEMO_AFFINE, DEMO_SHAPE, template_masks
from ketfc.demo.study import write_tables
from ketfc.imaging.atlas.parcellations import voronoi_parcellation
from ketfc.imaging.io.grid import Grid, resample_labels

with running(snakemake):
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
