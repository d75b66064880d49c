"""Spread spheres of the circuits' radii over the cortex."""

from ketfc.base.files import write_tsv
from ketfc.base.job import running
from ketfc.imaging.atlas.parcellations import voronoi_parcellation
from ketfc.imaging.regions.null_spheres import null_spheres
from ketfc.imaging.regions.registry import load_registry

with running(snakemake):
    registry = load_registry(snakemake.input.registry)
    write_tsv(
        snakemake.output[0], null_spheres(registry, snakemake.params.space, voronoi_parcellation())
    )
