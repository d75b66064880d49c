# What other choices of analysis would have found, all from what was read once.


# circuits at further thresholds of motion, from what was extracted of a run
rule specify_run:
    input:
        plan=GATE,
        extraction=rules.extract_run.output[0],
        confounds=entry("{run}/confounds", within=WORK.runs),
        sidecars=entry("{run}/sidecars", within=WORK.runs),
        other_confounds=entry("{run}/confounds", within=WORK.siblings),
        other_sidecars=entry("{run}/sidecars", within=WORK.siblings),
        registry=WORK.registry,
    output:
        f"results/specified/{{folder}}/{{run}}_space-{WORK.space}_desc-circuits_connectivity.tsv",
    log:
        "logs/specify_run/{folder}/{run}.log",
    benchmark:
        "logs/benchmarks/specify_run/{folder}/{run}.tsv"
    group:
        "run"
    resources:
        mem_mb=denoise_memory,
        runtime=denoise_minutes,
    params:
        thresholds=WORK.further_thresholds,
        strategies=WORK.specified_strategies,
        files=entry("{run}", within=WORK.runs),
        others=entry("{run}", within=WORK.siblings),
        variants=WORK.variants,
        denoising=WORK.config.denoising.model_dump(mode="json", by_alias=True),
        limits=WORK.config.quality.model_dump(
            by_alias=True, include={"max_mean_fd", "max_fd", "max_censored"}
        ),
        min_coverage=WORK.config.circuits.min_coverage,
        repetition_time=WORK.config.study.repetition_time,
        code=WORK.code["specify_run"],
    script:
        "../scripts/specify_run.py"


rule specifications:
    input:
        connectivity=SESSIONS.output.connectivity,
        further=(
            every_run(rules.specify_run.output[0]) if WORK.further_thresholds else []
        ),
        runs=rules.inventory.output.runs,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        registry=WORK.registry,
    output:
        all="results/tests/specifications.tsv",
        curve="results/tests/specification_curve.tsv",
        sidecars=expand(
            "results/tests/{table}.json",
            table=["specifications", "specification_curve"],
        ),
    log:
        "logs/specifications.log",
    benchmark:
        "logs/benchmarks/specifications.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        names=WORK.names,
        choices=WORK.choices,
        strategies=WORK.specified_strategies,
        variants=WORK.variants,
        seed=WORK.config.statistics.seed,
        permutations=WORK.config.statistics.permutations,
        alpha=WORK.config.statistics.alpha,
        code=WORK.code["specifications"],
    script:
        "../scripts/specifications.py"
