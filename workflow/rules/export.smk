# What leaves the lab for a synthesis: sufficient statistics of the hypotheses, nobody's numbers.


rule export_preview:
    """Show what would leave the lab for a synthesis."""
    input:
        connectivity=SESSIONS.output.connectivity,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        hypotheses=rules.hypotheses.output.hypotheses,
        registry=WORK.registry,
    output:
        "results/export/preview.txt",
    log:
        "logs/export_preview.log",
    benchmark:
        "logs/benchmarks/export_preview.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        config=DECIDING,
        variants=WORK.variants,
        preview=True,
        code=WORK.code["export"],
    script:
        "../scripts/export.py"


# shows its preview at the end of the run
rule export:
    """Write what a study gives to a synthesis: nobody's numbers."""
    input:
        preview=rules.export_preview.output[0],
        connectivity=SESSIONS.output.connectivity,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        hypotheses=rules.hypotheses.output.hypotheses,
        registry=WORK.registry,
    output:
        f"results/export/{WORK.config.study.name}.json",
    log:
        "logs/export.log",
    benchmark:
        "logs/benchmarks/export.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        config=DECIDING,
        variants=WORK.variants,
        preview=False,
        code=WORK.code["export"],
    script:
        "../scripts/export.py"


rule synthesis:
    """Combine several studies, from what each exported."""
    input:
        list_of_studies,
