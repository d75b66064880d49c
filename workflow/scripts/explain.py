"""Explain every circuit on the grid of the study's first run."""

from pathlib import Path

from ketfc.files import read_json, write_text
from ketfc.imaging.parcellations import load_parcellation
from ketfc.imaging.reader import read_header
from ketfc.imaging.regions import label_regions, sphere_regions
from ketfc.imaging.registry import load_registry
from ketfc.logs import logged
from ketfc.reporting.explain import render_explanation

with logged(snakemake.log[0]):
    inputs, params = snakemake.input, snakemake.params
    registry = load_registry(inputs.registry)
    grid = read_header(inputs.bold).grid
    parcellations = [
        (
            label_regions(load_parcellation(name, image, labels=table, space=params.space), grid),
            read_json(sidecar)["License"],
        )
        for name, image, table, sidecar in zip(
            params.atlases, inputs.images, inputs.tables, inputs.sidecars, strict=True
        )
    ]
    page = render_explanation(
        registry,
        sphere_regions(registry.used_regions, params.space, grid),
        parcellations,
        study=params.study,
        space=params.space,
        run=Path(inputs.bold).name,
        grid=grid,
    )
    write_text(snakemake.output.page, page)
