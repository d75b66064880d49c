"""Bring a parcellation into the one form that every run reads."""

from pathlib import Path

from ketfc.base.job import running
from ketfc.imaging.atlas.catalogue import load_catalogue
from ketfc.imaging.atlas.making import make_parcellation
from ketfc.imaging.atlas.parcellations import save_parcellation

with running(snakemake):
    params, output = snakemake.params, snakemake.output
    parcellation, about = make_parcellation(
        params.parcellation,
        params.space,
        catalogue=load_catalogue(snakemake.input.named),
        folder=Path(params.folder) if params.folder else None,
        other_templates=params.other_templates,
        cache=Path("resources/atlases"),
    )
    save_parcellation(
        parcellation,
        about,
        image=Path(output.image),
        table=Path(output.table),
        sidecar=Path(output.sidecar),
    )
