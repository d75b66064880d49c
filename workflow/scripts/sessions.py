"""Gather the runs: connectivity per session, quality per run, the regions' sizes."""

from ketfc.base.files import read_json, read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.atlas.parcellations import load_parcellations
from ketfc.imaging.group.quality_tables import write_quality
from ketfc.imaging.group.sessions import combine_runs, read_circuits, region_table
from ketfc.imaging.regions.placing import region_centres
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.extraction import read_coverage
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params
    registry = load_registry(inputs.registry).with_variants(params.variants)
    runs = read_tsv(inputs.runs)
    tables = read_circuits(dict(zip(params.names, inputs.circuits, strict=True)), runs)
    write_tsv(outputs.connectivity, combine_runs(tables, registry, runs, params.strategies))
    coverage = dict(zip(params.names, map(read_coverage, inputs.coverage), strict=True))
    atlases = load_parcellations(params.atlases, inputs.images, inputs.tables, space=params.space)
    centres = region_centres(registry.used_regions, params.space, atlases)
    sizes = region_table(registry, params.space, coverage.values(), centres)
    write_tsv(outputs.regions, sizes)
    quality = dict(zip(params.names, map(read_json, inputs.quality), strict=True))
    write_quality(
        runs, quality, coverage, read_design(inputs.design), outputs,
        primary=params.primary, min_coverage=params.min_coverage,
    )  # fmt: skip
    write_sidecars(outputs)
