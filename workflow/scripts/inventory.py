"""Write the plan: runs, scores, design and every problem; does not stop at any of them."""

from pathlib import Path

from ketfc.base.errors import Problem, problems_table
from ketfc.base.files import read_json, write_tsv
from ketfc.base.job import running
from ketfc.imaging.io.native_size import native_table
from ketfc.imaging.preflight.precheck import early_problems
from ketfc.imaging.regions.habenula import resolution_problems
from ketfc.study.config.config import parse_config
from ketfc.study.design.design import write_design
from ketfc.study.plan import make_plan
from ketfc.study.runs.fetch.annex import absent_files
from ketfc.study.runs.index import index_runs

with running(snakemake):
    config = parse_config(snakemake.params.config)
    folders = [Path(folder) for folder in snakemake.params.folders]
    index = index_runs(config.study, folders)
    by_hand = snakemake.params.by_hand
    extra = early_problems(
        config,
        index,
        folders,
        absent=absent_files(index, folders),
        by_hand=by_hand and Path(by_hand),
        registry=snakemake.input.registry,
        parcellations=snakemake.input.parcellations,
    )
    headers = read_json(snakemake.input.headers)
    extra += [Problem(**problem) for problem in headers["problems"]]
    native = native_table(headers["native"])
    extra += resolution_problems(snakemake.input.registry, native)
    plan = make_plan(config, index, folders, extra=extra)
    write_tsv(snakemake.output.runs, plan.runs)
    write_tsv(snakemake.output.scores, plan.scores)
    write_tsv(snakemake.output.participants, plan.participants)
    write_design(snakemake.output.design, plan.design)
    write_tsv(snakemake.output.native, native)
    write_tsv(snakemake.output.problems, problems_table(plan.problems))
