"""Gather the runs: connectivity per session, quality per run, the regions' sizes."""

from ketfc.files import read_json, read_tsv, write_tsv
from ketfc.imaging.parcellations import load_parcellation
from ketfc.imaging.regions import region_centres
from ketfc.imaging.registry import load_registry
from ketfc.imaging.sessions import combine_runs, read_circuits, region_table, run_quality
from ketfc.logs import logged

with logged(snakemake.log[0]):
    inputs, names = snakemake.input, snakemake.params.names
    params = snakemake.params
    registry = load_registry(inputs.registry).with_variants(params.variants)
    runs = read_tsv(inputs.runs)
    tables = read_circuits(dict(zip(names, inputs.circuits, strict=True)), runs)
    write_tsv(
        snakemake.output.connectivity,
        combine_runs(tables, registry, runs, params.strategies),
    )
    quality = {name: read_json(path) for name, path in zip(names, inputs.quality, strict=True)}
    write_tsv(snakemake.output.quality, run_quality(runs, quality))
    coverage = [
        read_tsv(path, numeric=("n_voxels", "coverage", "tsnr")) for path in inputs.coverage
    ]
    atlases = {
        name: load_parcellation(name, image, labels=table, space=params.space)
        for name, image, table in zip(params.atlases, inputs.images, inputs.tables, strict=True)
    }
    centres = region_centres(registry.used_regions, params.space, atlases)
    write_tsv(snakemake.output.regions, region_table(registry, params.space, coverage, centres))
