# From evidence to paper: everything here is drawn from tables, never from images.

_figure_files = ["pdf", "svg", "png", "tsv"]


rule figure_circuits:
    input:
        connectivity=rules.sessions.output.connectivity,
        regions=rules.sessions.output.regions,
        hypotheses=rules.hypotheses.output.hypotheses,
        design=rules.inventory.output.design,
    output:
        multiext("results/figures/circuits", *[f".{ext}" for ext in _figure_files]),
    log:
        "logs/figure_circuits.log",
    benchmark:
        "logs/benchmarks/figure_circuits.tsv"
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        code=CODE["reporting"],
    script:
        "../scripts/figure_circuits.py"


rule figure_paired:
    input:
        connectivity=rules.sessions.output.connectivity,
        hypotheses=rules.hypotheses.output.hypotheses,
        design=rules.inventory.output.design,
    output:
        multiext("results/figures/paired", *[f".{ext}" for ext in _figure_files]),
    log:
        "logs/figure_paired.log",
    benchmark:
        "logs/benchmarks/figure_paired.tsv"
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        code=CODE["reporting"],
    script:
        "../scripts/figure_paired.py"


rule figure_association:
    input:
        connectivity=rules.sessions.output.connectivity,
        scores=rules.inventory.output.scores,
        hypotheses=rules.hypotheses.output.hypotheses,
        design=rules.inventory.output.design,
    output:
        multiext("results/figures/association", *[f".{ext}" for ext in _figure_files]),
    log:
        "logs/figure_association.log",
    benchmark:
        "logs/benchmarks/figure_association.tsv"
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        code=CODE["reporting"],
    script:
        "../scripts/figure_association.py"


rule figure_matrices:
    input:
        relmat=rules.mean_relmat.output,
        design=rules.inventory.output.design,
    output:
        multiext("results/figures/matrices", *[f".{ext}" for ext in _figure_files]),
    log:
        "logs/figure_matrices.log",
    benchmark:
        "logs/benchmarks/figure_matrices.tsv"
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        code=CODE["reporting"],
    script:
        "../scripts/figure_matrices.py"


rule figures:
    input:
        rules.figure_circuits.output,
        rules.figure_paired.output,
        rules.figure_association.output,
        rules.figure_matrices.output,


rule methods:
    input:
        design=rules.inventory.output.design,
        hypotheses=rules.hypotheses.output.hypotheses,
        regions=rules.sessions.output.regions,
        runs=rules.sessions.output.quality,
        exclusions=rules.exclusions.output,
        sidecars=expand(
            f"{_relmat}.json",
            zip,
            run=[run for run in NAMES for _ in STRATEGIES],
            folder=[folder for folder in RUN_FOLDERS for _ in STRATEGIES],
            strategy=STRATEGIES * len(RUNS),
            atlas=["Circuits"] * len(RUNS) * len(STRATEGIES),
        ),
        atlases=expand(rules.parcellation.output.sidecar, atlas=PARCELLATIONS),
    output:
        methods="results/methods.md",
        references="results/references.bib",
        facts="results/provenance.json",
    log:
        "logs/methods.log",
    benchmark:
        "logs/benchmarks/methods.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=config,
        strategies=STRATEGIES,
        atlases=list(PARCELLATIONS),
        folders=FOLDERS,
        code=CODE["reporting"],
    script:
        "../scripts/methods.py"


rule report:
    input:
        facts=rules.methods.output.facts,
        methods=rules.methods.output.methods,
        design=rules.inventory.output.design,
        hypotheses=rules.hypotheses.output.hypotheses,
        left_out=rules.hypotheses.output.left_out,
        regions=rules.sessions.output.regions,
        runs=rules.sessions.output.quality,
        exclusions=rules.exclusions.output,
        clinical=rules.clinical.output.summary,
        circuits=rules.figure_circuits.output[2],
        paired=rules.figure_paired.output[2],
        association=rules.figure_association.output[2],
        matrices=rules.figure_matrices.output[2],
    output:
        "results/report.html",
    log:
        "logs/report.log",
    benchmark:
        "logs/benchmarks/report.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=CODE["reporting"],
    script:
        "../scripts/report.py"


rule explain:
    input:
        plan=GATE,
        bold=next(iter(RUNS.values()))["bold"] if RUNS else [],
        registry=REGISTRY,
        images=expand(rules.parcellation.output.image, atlas=PARCELLATIONS),
        tables=expand(rules.parcellation.output.table, atlas=PARCELLATIONS),
        sidecars=expand(rules.parcellation.output.sidecar, atlas=PARCELLATIONS),
    output:
        page="results/explain.html",
    log:
        "logs/explain.log",
    benchmark:
        "logs/benchmarks/explain.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        study=STUDY.study.name,
        space=SPACE,
        atlases=list(PARCELLATIONS),
        code=CODE["reporting"],
    script:
        "../scripts/explain.py"
