"""Write the report: one page that needs nothing else."""

from pathlib import Path

from ketfc.base.files import read_json, read_tsv, write_text
from ketfc.base.job import running
from ketfc.inference.activity.table import ACTIVITY_NUMBERS
from ketfc.inference.clinical.effects import NUMBERS
from ketfc.inference.maps.clusters import read_clusters
from ketfc.reporting.of_images import tables_of_images
from ketfc.reporting.pages.report import render_report
from ketfc.study.design.design import read_design

with running(snakemake):
    inputs = snakemake.input
    facts = read_json(inputs.facts)
    tables = ("hypotheses", "regions", "runs", "robustness", "reliability", "shrinkage")
    tables += ("attrition", "curves", "motion")
    page = render_report(
        design=read_design(inputs.design),
        **{name: read_tsv(inputs[name]) for name in tables},
        incomplete=read_tsv(inputs.left_out),
        exclusions=read_tsv(inputs.exclusions[0]),
        **tables_of_images(inputs),
        clinical=read_tsv(inputs.clinical),
        effects=read_tsv(inputs.effects, numeric=NUMBERS),
        figures={Path(path).stem: Path(path) for path in inputs.figures},
        clusters=read_clusters(inputs.clusters),
        map_pictures={path.stem: path for path in map(Path, inputs.maps)},
        activity=read_tsv(inputs.activity, numeric=ACTIVITY_NUMBERS) if inputs.activity else None,
        methods=Path(inputs.methods).read_text(encoding="utf-8"),
        **{fact: facts[fact] for fact in ("config", "versions", "sidecars")},
    )
    write_text(snakemake.output[0], page)
