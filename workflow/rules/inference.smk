# From connectivity to evidence.


rule hypotheses:
    input:
        connectivity=rules.sessions.output.connectivity,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        registry=REGISTRY,
    output:
        hypotheses="results/tests/hypotheses.tsv",
        left_out="results/tests/left_out.tsv",
    log:
        "logs/hypotheses.log",
    benchmark:
        "logs/benchmarks/hypotheses.tsv"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        strategy=STUDY.denoising.primary,
        seed=STUDY.statistics.seed,
        permutations=STUDY.statistics.permutations,
        alpha=STUDY.statistics.alpha,
        code=CODE["inference"],
    script:
        "../scripts/hypotheses.py"


rule mean_relmat:
    input:
        runs=rules.inventory.output.runs,
        design=rules.inventory.output.design,
        relmats=expand(
            f"{_relmat}.tsv",
            zip,
            run=NAMES,
            folder=RUN_FOLDERS,
            atlas=[MATRIX_ATLAS] * len(RUNS),
            strategy=[STUDY.denoising.primary] * len(RUNS),
        ),
        sidecars=expand(
            f"{_relmat}.json",
            zip,
            run=NAMES,
            folder=RUN_FOLDERS,
            atlas=[MATRIX_ATLAS] * len(RUNS),
            strategy=[STUDY.denoising.primary] * len(RUNS),
        ),
        table=expand(rules.parcellation.output.table, atlas=MATRIX_ATLAS),
    output:
        "results/tests/mean_relmat.tsv",
    log:
        "logs/mean_relmat.log",
    benchmark:
        "logs/benchmarks/mean_relmat.tsv"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        names=NAMES,
        atlas=MATRIX_ATLAS,
        strategy=STUDY.denoising.primary,
        code=CODE["inference"],
    script:
        "../scripts/mean_relmat.py"


rule exclusions:
    input:
        runs=rules.inventory.output.runs,
        problems=rules.inventory.output.problems,
        left_out=rules.hypotheses.output.left_out,
        quality=expand(
            rules.bold_run.output.quality, zip, run=NAMES, folder=RUN_FOLDERS
        ),
        coverage=collect(
            f"{_stem}_atlas-{{atlas}}_stat-coverage_bold.tsv",
            zip,
            run=[run for run in NAMES for _ in ATLASES],
            folder=[folder for folder in RUN_FOLDERS for _ in ATLASES],
            atlas=ATLASES * len(RUNS),
        ),
    output:
        "results/quality/exclusions.tsv",
    log:
        "logs/exclusions.log",
    benchmark:
        "logs/benchmarks/exclusions.tsv"
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        names=NAMES,
        atlases=ATLASES,
        min_coverage=STUDY.circuits.min_coverage,
        code=CODE["inference"],
    script:
        "../scripts/exclusions.py"
