"""Gather the runs: connectivity per session, quality per run, the regions' sizes."""

from ketfc.base.files import read_json, read_tsv, write_tsv
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.atlas.parcellations import load_parcellations
from ketfc.imaging.group.quality_tables import (
    quality_change,
    region_quality,
    run_quality,
    strategy_quality,
)
from ketfc.imaging.group.sessions import combine_runs, read_circuits, region_table
from ketfc.imaging.regions.placing import region_centres
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.extraction import COVERAGE_NUMBERS
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params
    registry = load_registry(inputs.registry).with_variants(params.variants)
    runs = read_tsv(inputs.runs)
    tables = read_circuits(dict(zip(params.names, inputs.circuits, strict=True)), runs)
    write_tsv(outputs.connectivity, combine_runs(tables, registry, runs, params.strategies))
    coverage = {
        name: read_tsv(path, numeric=COVERAGE_NUMBERS)
        for name, path in zip(params.names, inputs.coverage, strict=True)
    }
    atlases = load_parcellations(params.atlases, inputs.images, inputs.tables, space=params.space)
    centres = region_centres(registry.used_regions, params.space, atlases)
    sizes = region_table(registry, params.space, coverage.values(), centres)
    write_tsv(outputs.regions, sizes)
    found = {name: read_json(path) for name, path in zip(params.names, inputs.quality, strict=True)}
    strategies = strategy_quality(runs, found)
    regions = region_quality(runs, coverage)
    limits = {"primary": params.primary, "min_coverage": params.min_coverage}
    quality = run_quality(runs, found, regions, strategies, **limits)
    write_tsv(outputs.quality, quality)
    write_tsv(outputs.strategies, strategies)
    write_tsv(outputs.region_quality, regions)
    write_tsv(outputs.change, quality_change(quality, regions, read_design(inputs.design)))
    write_sidecars(snakemake.output)
