"""Write the report: one page that needs nothing else."""

from pathlib import Path

from ketfc.base.files import read_json, read_tsv, write_text
from ketfc.base.job import running
from ketfc.reporting.pages.report.page import render_report
from ketfc.reporting.pages.report.summary import day_of
from ketfc.reporting.results import result_tables
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs = snakemake.input
    facts = read_json(inputs.facts)
    page = render_report(
        design=read_design(inputs.design),
        **result_tables(inputs),
        motion=read_tsv(inputs.motion),
        incomplete=read_tsv(inputs.left_out),
        clinical=read_tsv(inputs.clinical),
        figures={Path(path).stem: Path(path) for path in inputs.figures},
        numbers={Path(path).stem: read_tsv(path) for path in inputs.numbers},
        participants=read_tsv(inputs.participants),
        made=day_of(inputs.hypotheses),
        map_pictures={path.stem: path for path in map(Path, inputs.maps)},
        methods=Path(inputs.methods).read_text(encoding="utf-8"),
        **{fact: facts[fact] for fact in ("config", "versions", "sidecars")},
    )
    write_text(snakemake.output[0], page)
