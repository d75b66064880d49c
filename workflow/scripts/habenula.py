"""Judge what the recorded voxel size can tell of the habenula."""

from ketfc.base.files import read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.atlas.parcellations import load_parcellation
from ketfc.imaging.regions.habenula import habenula_table
from ketfc.imaging.regions.habenula_geometry import label_bodies
from ketfc.imaging.regions.registry import load_registry

with running(snakemake):
    inputs, space = snakemake.input, snakemake.params.space
    labels = {}
    for image, table in zip(inputs.images, inputs.tables, strict=True):
        labels = label_bodies(load_parcellation("CIT168", image, labels=table, space=space))
    verdicts = habenula_table(
        load_registry(inputs.registry).with_variants(snakemake.params.variants),
        space,
        read_tsv(inputs.native, numeric=("native_x", "native_y", "native_z")),
        labels=labels,
    )
    write_tsv(snakemake.output[0], verdicts)
    write_sidecars(snakemake.output)
