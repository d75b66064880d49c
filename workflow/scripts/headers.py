"""Read the heads of the confounds, their sidecars, and the images on the scanner's grid."""

from dataclasses import asdict
from pathlib import Path

from ketfc.base.files import write_json
from ketfc.base.job import running
from ketfc.imaging.io.native_size import native_sizes
from ketfc.imaging.preflight.precheck import confound_problems
from ketfc.study.config.config import parse_config
from ketfc.study.runs.fetch.annex import absent_files
from ketfc.study.runs.index import index_runs
from ketfc.study.runs.manual import manual_exclusions

with running(snakemake):
    params = snakemake.params
    config = parse_config(params.config)
    folders = [Path(folder) for folder in params.folders]
    index = index_runs(config.study, folders)
    left_out = manual_exclusions(params.by_hand and Path(params.by_hand), index.runs).runs
    absent = absent_files(index, folders)
    used = [run for run in index.runs if run.name not in {*left_out, *absent}]
    native = native_sizes(
        [run for run in used if run.complete], folders, config.study.native_voxel_size
    ).astype(object)
    found = {
        "problems": [asdict(problem) for problem in confound_problems(used, config)],
        "native": native.where(native.notna(), None).to_dict("list"),
    }
    write_json(snakemake.output[0], found)
