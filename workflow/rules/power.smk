# A study that is planned: simulated from the section `power` of the config. Needs no images, and
# where the config has no study, nothing else either:
#
#   snakemake --cores 2 power --configfile power.yaml

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from ketfc.base.errors import RefusalError
from ketfc.workflow import answers, power_alone, power_beside

try:
    PLANNED = power_beside(WORK) if "study" in config else power_alone(config)
except RefusalError as error:
    raise WorkflowError(str(error)) from None


rule power_question:
    input:
        design=PLANNED.design,
    output:
        "results/power/simulated/{question}.tsv",
        sidecar="results/power/simulated/{question}.json",
    log:
        "logs/power_question/{question}.log",
    benchmark:
        "logs/benchmarks/power_question/{question}.tsv"
    wildcard_constraints:
        question="change|association",
    resources:
        mem_mb=1500,
        runtime=PLANNED.minutes,
    params:
        power=PLANNED.section,
        code=PLANNED.code["power_question"],
    script:
        "../scripts/power_question.py"


rule power:
    """Simulate the power of a planned study; needs no images."""
    default_target: FIRST and "study" not in config
    input:
        simulated=expand(rules.power_question.output[0], question=PLANNED.questions),
        design=PLANNED.design,
    output:
        power="results/power/power.tsv",
        needed="results/power/needed.tsv",
        sidecars=expand("results/power/{table}.json", table=["power", "needed"]),
        paragraph="results/power/paragraph.md",
        references="results/power/references.bib",
        figure="results/figures/power.png",
        figures=multiext("results/figures/power", ".pdf", ".svg", ".tsv", ".json"),
        page="results/power.html",
    log:
        "logs/power.log",
    benchmark:
        "logs/benchmarks/power.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        power=PLANNED.section,
        code=PLANNED.code["power"],
    script:
        "../scripts/power.py"


if not MODULE and "study" not in config:

    onsuccess:
        logger.info(answers(["power"]), extra={"ketfc": True})
