# Several studies in one: all that is needed is what each of them exported.
#
#   snakemake --cores 1 synthesis --config studies=list.yaml

from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from ketfc.base.errors import RefusalError
from ketfc.workflow import synthesis_workflow

try:
    WORK = synthesis_workflow(config["studies"])
except RefusalError as error:
    raise WorkflowError(str(error)) from None


rule synthesis:
    default_target: FIRST
    input:
        WORK.exports,
    output:
        forest="results/synthesis/forest.png",
        figures=multiext("results/synthesis/forest", ".pdf", ".svg", ".tsv", ".json"),
        effects="results/synthesis/effects.tsv",
        synthesis="results/synthesis/synthesis.tsv",
        without="results/synthesis/leave_one_out.tsv",
        methods="results/synthesis/methods.md",
        references="results/synthesis/references.bib",
        report="results/synthesis/report.html",
        words="results/synthesis/summary.txt",
        sidecars=expand(
            "results/synthesis/{table}.json",
            table=["effects", "synthesis", "leave_one_out"],
        ),
    log:
        "logs/synthesis.log",
    benchmark:
        "logs/benchmarks/synthesis.tsv"
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        alpha=0.05,
        code=WORK.code["synthesis"],
    script:
        "../scripts/synthesis.py"


if not MODULE:

    onsuccess:
        logger.info(
            Path("results/synthesis/summary.txt").read_text(encoding="utf-8"),
            extra={"ketfc": True},
        )
