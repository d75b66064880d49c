# What happened to the scores. Nothing here waits for images: scores suffice.


rule clinical_course:
    input:
        scores=rules.inventory.output.scores,
        participants=rules.inventory.output.participants,
        design=rules.inventory.output.design,
        problems=rules.inventory.output.problems,
        instruments=WORK.instruments,
    output:
        scores="results/clinical/scores.tsv",
        summary="results/clinical/summary.tsv",
        sidecars=expand("results/clinical/{table}.json", table=["scores", "summary"]),
    log:
        "logs/clinical_course.log",
    benchmark:
        "logs/benchmarks/clinical_course.tsv"
    localrule: True
    resources:
        mem_mb=500,
        runtime=5,
    params:
        config=DECIDING,
        code=WORK.code["clinical_course"],
    script:
        "../scripts/clinical_course.py"


rule clinical_effects:
    input:
        scores=rules.inventory.output.scores,
        participants=rules.inventory.output.participants,
        design=rules.inventory.output.design,
        course=rules.clinical_course.output.scores,
    output:
        effects="results/clinical/effects.tsv",
        time_course="results/clinical/time_course.tsv",
        sidecars=expand(
            "results/clinical/{table}.json", table=["effects", "time_course"]
        ),
    log:
        "logs/clinical_effects.log",
    benchmark:
        "logs/benchmarks/clinical_effects.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        seed=WORK.config.statistics.seed,
        permutations=WORK.config.statistics.permutations,
        alpha=WORK.config.statistics.alpha,
        code=WORK.code["clinical_effects"],
    script:
        "../scripts/clinical_effects.py"


rule clinical_words:
    input:
        effects=rules.clinical_effects.output.effects,
        design=rules.inventory.output.design,
    output:
        "results/clinical/effects.txt",
    log:
        "logs/clinical_words.log",
    benchmark:
        "logs/benchmarks/clinical_words.tsv"
    localrule: True
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=WORK.code["clinical_words"],
    script:
        "../scripts/clinical_words.py"


rule clinical:
    """Test the scores between the arms; needs no images."""
    input:
        rules.clinical_course.output,
        rules.clinical_effects.output,
        rules.clinical_words.output,
        "results/figures/clinical.png",
