"""Explain every circuit on the grid of the study's first run."""

from pathlib import Path

from ketfc.base.files import read_json, write_text
from ketfc.base.job import running
from ketfc.imaging.atlas.parcellations import load_parcellations
from ketfc.imaging.io.reader import read_header
from ketfc.imaging.regions.placing import label_regions, place_regions, region_centres
from ketfc.imaging.regions.registry import load_registry
from ketfc.reporting.pages.explain import render_explanation

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    registry, grid = load_registry(inputs.registry), read_header(inputs.bold).grid
    atlases = load_parcellations(params.atlases, inputs.images, inputs.tables, space=params.space)
    parcellations = [
        (label_regions(each, grid), read_json(sidecar)["License"])
        for each, sidecar in zip(atlases.values(), inputs.sidecars, strict=True)
    ]
    variants = registry.with_variants(params.variants)
    page = render_explanation(
        variants,
        place_regions(variants.used_regions, params.space, grid, atlases),
        parcellations,
        region_centres(registry.used_regions, params.space, atlases),
        study=params.study, space=params.space, run=Path(inputs.bold).name, grid=grid,
    )  # fmt: skip
    write_text(snakemake.output.page, page)
