"""One BOLD run: read once, clean by every strategy, correlate, write."""

from pathlib import Path

from ketfc.base.files import read_json, read_tsv, unchanged
from ketfc.base.job import running
from ketfc.imaging.atlas.parcellations import load_parcellation
from ketfc.imaging.regions.null_spheres import place_spheres
from ketfc.imaging.regions.placing import CIRCUITS, label_regions, place_regions
from ketfc.imaging.regions.registry import load_registry, region_mismatch
from ketfc.imaging.run.derivatives import write_run, write_spheres
from ketfc.imaging.run.process import RunFiles, RunSettings, process_run

with running(snakemake):
    space, inputs = snakemake.params.space, snakemake.input
    settings = RunSettings(**snakemake.params.settings)
    registry = load_registry(inputs.registry).with_variants(snakemake.params.variants)
    atlases = {
        name: load_parcellation(name, image, labels=table, space=space)
        for name, image, table in zip(
            snakemake.params.atlases, inputs.images, inputs.tables, strict=True
        )
    }
    # the others are there for the labels that regions take of them
    parcellations = [atlases[name] for name in snakemake.params.parcellations]

    null = read_tsv(inputs.spheres, numeric=("x", "y", "z", "radius"))

    def place(grid):
        """Return every region set on the grid of this run."""
        return [
            place_regions(registry.used_regions, space, grid, atlases),
            place_spheres(null, grid),
            *(label_regions(each, grid) for each in parcellations),
        ]

    others = list(zip(map(Path, inputs.other_bolds), map(Path, inputs.other_masks), strict=True))
    # only where sessions are matched in volumes are there any confounds of the others
    matched = zip(snakemake.params.other_sessions, others, inputs.other_confounds, strict=False)
    files = RunFiles(
        *map(Path, (inputs.bold, inputs.mask, inputs.confounds)),
        siblings=tuple(others),
        session=snakemake.params.session,
        matched=tuple(
            (session, RunFiles(bold, mask, Path(table))) for session, (bold, mask), table in matched
        ),
    )
    with unchanged(inputs):
        result = process_run(files, place, settings)
    regions = {CIRCUITS: [region.id for region in registry.used_regions]}
    mismatches = {
        name: read_json(sidecar)["TemplateMismatch"]
        for name, sidecar in zip(snakemake.params.atlases, inputs.atlas_sidecars, strict=True)
    }
    mismatches[CIRCUITS] = region_mismatch(registry, space, mismatches)
    write_run(
        Path(snakemake.output.circuits).parent,
        snakemake.wildcards.run,
        space,
        files=files,
        result=result,
        registry=registry,
        regions=regions | {each.name: each.names for each in parcellations},
        settings=settings,
        mismatches=mismatches,
    )
    write_spheres(
        Path(snakemake.output.sphere_coverage),
        Path(snakemake.output.sphere_relmat),
        sources=[f"bids:preprocessed:{Path(path).name}" for path in (files.bold, files.mask)],
        names=list(null["name"]),
        result=result,
        strategy=snakemake.params.primary,
    )
