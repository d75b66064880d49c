"""Write the plan: runs, scores, design and every problem; does not stop at any of them."""

from pathlib import Path

from ketfc.base.files import read_json
from ketfc.base.job import running
from ketfc.base.software import write_sidecars
from ketfc.imaging.preflight.study_plan import StudyFiles, study_plan, write_plan
from ketfc.study.config.config import parse_config

with running(snakemake):
    inputs, params = snakemake.input, snakemake.params
    files = StudyFiles(
        folders=[Path(folder) for folder in params.folders],
        registry=inputs.registry,
        parcellations=inputs.parcellations,
        by_hand=params.by_hand and Path(params.by_hand),
    )
    plan = study_plan(parse_config(params.config), files, headers=read_json(inputs.headers))
    write_plan(plan, snakemake.output)
    write_sidecars(snakemake.output)
