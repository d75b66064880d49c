"""Bring a parcellation into the one form that every run reads."""

from pathlib import Path

from ketfc.imaging.atlas_making import make_parcellation
from ketfc.imaging.catalogue import load_catalogue
from ketfc.imaging.parcellations import save_parcellation
from ketfc.logs import logged

with logged(snakemake.log[0]):
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
