"""Spread spheres of the circuits' radii over the cortex."""

from ketfc.files import write_tsv
from ketfc.imaging.null_spheres import null_spheres
from ketfc.imaging.parcellations import voronoi_parcellation
from ketfc.imaging.registry import load_registry
from ketfc.logs import logged

with logged(snakemake.log[0]):
    registry = load_registry(snakemake.input.registry)
    write_tsv(
        snakemake.output[0], null_spheres(registry, snakemake.params.space, voronoi_parcellation())
    )
