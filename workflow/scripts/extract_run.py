"""Read one BOLD image and keep what denoising needs of it."""

from pathlib import Path

from ketfc.base.files import unchanged
from ketfc.base.job import running
from ketfc.imaging.atlas.parcellations import load_parcellations
from ketfc.imaging.run.measured_regions import load_regions
from ketfc.imaging.run.reading import extract_run, write_extraction

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    regions = load_regions(
        inputs.registry,
        inputs.spheres,
        load_parcellations(params.atlases, inputs.images, inputs.tables, space=params.space),
        variants=params.variants,
        parcellations=params.parcellations,
        space=params.space,
    )
    others = zip(map(Path, inputs.other_bolds), map(Path, inputs.other_masks), strict=True)
    with unchanged(inputs):
        extraction = extract_run(
            Path(inputs.bold), Path(inputs.mask), regions.place, regions.names,
            others=list(others), carpet_atlas=params.carpet_atlas,
        )  # fmt: skip
    write_extraction(Path(snakemake.output[0]), extraction)
