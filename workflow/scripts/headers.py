"""Read the heads of the confounds, their sidecars, and the images on the scanner's grid."""

from pathlib import Path

from ketfc.base.files import write_json
from ketfc.base.job import running
from ketfc.imaging.preflight.study_plan import read_headers
from ketfc.study.config.config import parse_config

with running(snakemake):
    params = snakemake.params
    by_hand = params.by_hand and Path(params.by_hand)
    folders = [Path(folder) for folder in params.folders]
    write_json(snakemake.output[0], read_headers(parse_config(params.config), folders, by_hand))
