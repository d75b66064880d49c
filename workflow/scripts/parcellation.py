"""Bring a parcellation into the one form that every run reads."""

from pathlib import Path

from ketfc.imaging.parcellations import make_parcellation, named_parcellations, save_parcellation
from ketfc.logs import logged
from ketfc.study.config import expand

with logged(snakemake.log[0]):
    wanted = snakemake.params.parcellation
    files = {key: expand(wanted[key]) if wanted[key] else None for key in ("image", "labels")}
    parcellation = make_parcellation(
        wanted["name"],
        named_parcellations(snakemake.input.named),
        **files,
        space=wanted["space"],
    )
    save_parcellation(parcellation, Path(snakemake.output.image), Path(snakemake.output.table))
