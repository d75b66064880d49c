"""Simulate one run of the demo study."""

from pathlib import Path

import numpy as np

from ketfc.base.job import running
from ketfc.demo.run import write_run
from ketfc.demo.study import REGIONS
from ketfc.imaging.regions.registry import load_registry

with running(snakemake):
    template = np.load(snakemake.input.template)
    registry = load_registry(snakemake.input.registry)
    regions = [region for region in registry.used_regions if region.id in REGIONS]
    write_run(
        Path(snakemake.output.bold).parents[3],
        snakemake.wildcards.participant,
        snakemake.wildcards.session,
        seed=snakemake.params.seed,
        regions=[
            (region.id, [(s.centre, s.radius) for s in region.spheres_in(snakemake.params.space)])
            for region in regions
        ],
        labels=template["labels"],
        networks=[str(network) for network in template["networks"]],
        brain_mask=template["brain"],
        gm=template["gm"],
        wm=template["wm"],
    )
