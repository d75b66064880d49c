"""One BOLD image of a dataset of OpenNeuro: fetched, and compared with its listed checksum."""

from pathlib import Path

from ketfc.base.logs import logged
from ketfc.study.runs.fetch.openneuro import fetch_image
from ketfc.study.runs.listing import read_listing

with logged(snakemake.log[0]):
    fetch_image(read_listing(Path(snakemake.params.listing)), Path(snakemake.output.bold))
