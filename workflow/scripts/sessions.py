"""Gather the runs: connectivity per session, quality per run, the regions' sizes."""

from ketfc.files import read_json, read_tsv, write_tsv
from ketfc.imaging.registry import load_registry
from ketfc.imaging.sessions import combine_runs, read_circuits, region_table, run_quality
from ketfc.logs import logged

with logged(snakemake.log[0]):
    inputs, names = snakemake.input, snakemake.params.names
    registry = load_registry(inputs.registry)
    runs = read_tsv(inputs.runs)
    tables = read_circuits(dict(zip(names, inputs.circuits, strict=True)), runs)
    write_tsv(
        snakemake.output.connectivity,
        combine_runs(tables, registry, runs, snakemake.params.strategies),
    )
    quality = {name: read_json(path) for name, path in zip(names, inputs.quality, strict=True)}
    write_tsv(snakemake.output.quality, run_quality(runs, quality))
    coverage = [
        read_tsv(path, numeric=("n_voxels", "coverage", "tsnr")) for path in inputs.coverage
    ]
    write_tsv(snakemake.output.regions, region_table(registry, snakemake.params.space, coverage))
