# From evidence to paper: everything here is drawn from tables, never from images.

_figure_files = ["pdf", "svg", "png", "tsv", "json"]


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
        code=CODE["figure_circuits"],
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
        code=CODE["figure_paired"],
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
        code=CODE["figure_association"],
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
        code=CODE["figure_matrices"],
    script:
        "../scripts/figure_matrices.py"


rule figure_flow:
    input:
        design=rules.inventory.output.design,
        runs=rules.sessions.output.quality,
        exclusions=rules.exclusions.output,
        hypotheses=rules.hypotheses.output.hypotheses,
    output:
        multiext("results/figures/flow", *[f".{ext}" for ext in _figure_files]),
    log:
        "logs/figure_flow.log",
    benchmark:
        "logs/benchmarks/figure_flow.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=CODE["figure_flow"],
    script:
        "../scripts/figure_flow.py"


rule figure_qcfc:
    input:
        summary=rules.qcfc.output.summary,
        curves=rules.qcfc.output.curves,
        motion=rules.motion.output[0],
        connectivity=rules.sessions.output.connectivity,
        quality=rules.sessions.output.quality,
        hypotheses=rules.hypotheses.output.hypotheses,
        design=rules.inventory.output.design,
    output:
        multiext("results/figures/qcfc", *[f".{ext}" for ext in _figure_files]),
    log:
        "logs/figure_qcfc.log",
    benchmark:
        "logs/benchmarks/figure_qcfc.tsv"
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        code=CODE["figure_qcfc"],
    script:
        "../scripts/figure_qcfc.py"


rule figure_edges:
    input:
        edges=rules.edges.output,
        design=rules.inventory.output.design,
    output:
        multiext("results/figures/edges", *[f".{ext}" for ext in _figure_files]),
    log:
        "logs/figure_edges.log",
    benchmark:
        "logs/benchmarks/figure_edges.tsv"
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        code=CODE["figure_edges"],
    script:
        "../scripts/figure_edges.py"


rule figures:
    input:
        rules.figure_circuits.output,
        rules.figure_paired.output,
        rules.figure_association.output,
        rules.figure_matrices.output,
        rules.figure_flow.output,
        rules.figure_qcfc.output,
        rules.figure_edges.output,


rule methods:
    input:
        design=rules.inventory.output.design,
        hypotheses=rules.hypotheses.output.hypotheses,
        regions=rules.sessions.output.regions,
        runs=rules.sessions.output.quality,
        exclusions=rules.exclusions.output,
        sidecars=every_run(
            *expand(
                f"{_relmat}.json",
                atlas="Circuits",
                strategy=STRATEGIES,
                allow_missing=True,
            )
        ),
        atlases=expand(rules.parcellation.output.sidecar, atlas=MADE_ATLASES),
        null=rules.matched_null.output[0],
        habenula=rules.habenula.output[0],
        robustness=rules.robustness.output[0],
        edges=rules.edges.output[0],
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
        atlases=MADE_ATLASES,
        folders=FOLDERS,
        code=CODE["methods"],
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
        null=rules.matched_null.output[0],
        habenula=rules.habenula.output[0],
        robustness=rules.robustness.output[0],
        clinical=rules.clinical.output.summary,
        circuits=rules.figure_circuits.output[2],
        paired=rules.figure_paired.output[2],
        association=rules.figure_association.output[2],
        matrices=rules.figure_matrices.output[2],
        flow=rules.figure_flow.output[2],
        qcfc=rules.figure_qcfc.output[2],
        edges=rules.figure_edges.output[2],
        edge_table=rules.edges.output[0],
        motion=rules.motion.output[0],
        qcfc_table=rules.qcfc.output.summary,
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
        code=CODE["report"],
    script:
        "../scripts/report.py"


_page_files = {
    "quality": [rules.denoise_run.output.quality],
    "carpets": [rules.denoise_run.output.carpet],
    "coverage": [f"{_stem}_atlas-{atlas}_stat-coverage_bold.tsv" for atlas in ATLASES],
}
for _key, _name, _ext in (
    ("circuits", "Circuits", "tsv"),
    ("relmats", MATRIX_ATLAS, "tsv"),
    ("sidecars", MATRIX_ATLAS, "json"),
):
    _page_files[_key] = [
        f"{_stem}_atlas-{_name}_desc-{STUDY.denoising.primary}_stat-pearsoncorrelation_relmat.{_ext}"
    ]
PAGES = files_by_participant(RUNS, _page_files)


# A page is made from the files of its participant's runs alone, not from the tables of the study:
# otherwise one new score would draw the pages of everybody again. It takes seconds, so a cluster
# should be sent many at a time, a few of them side by side (`pages`): see docs/scale.md.
rule participant_quality:
    input:
        quality=entry("{participant}/quality", within=PAGES),
        carpets=entry("{participant}/carpets", within=PAGES),
        coverage=entry("{participant}/coverage", within=PAGES),
        circuits=entry("{participant}/circuits", within=PAGES),
        relmats=entry("{participant}/relmats", within=PAGES),
        sidecars=entry("{participant}/sidecars", within=PAGES),
        table=expand(rules.parcellation.output.table, atlas=MATRIX_ATLAS),
    output:
        "results/quality/{participant}.html",
    log:
        "logs/participant_quality/{participant}.log",
    benchmark:
        "logs/benchmarks/participant_quality/{participant}.tsv"
    resources:
        mem_mb=1000,
        runtime=10,
        pages=1,
    params:
        study=STUDY.study.name,
        sessions=STUDY.study.sessions,
        runs=entry("{participant}/runs", within=PAGES),
        run_sessions=entry("{participant}/sessions", within=PAGES),
        atlases=ATLASES,
        settings={
            "fd_thresh": STUDY.denoising.fd_thresh,
            "dvars_thresh": STUDY.denoising.dvars_thresh,
            "min_coverage": STUDY.circuits.min_coverage,
            "primary": STUDY.denoising.primary,
            "carpet_atlas": MATRIX_ATLAS,
        },
        code=CODE["participant_quality"],
    script:
        "../scripts/participant_quality.py"


rule group_quality:
    input:
        design=rules.inventory.output.design,
        runs=rules.sessions.output.quality,
        strategies=rules.sessions.output.strategies,
        exclusions=rules.exclusions.output,
        similarity=rules.similarity.output,
        qcfc=rules.figure_qcfc.output[2],
        coverage=every_run(f"{_stem}_atlas-Circuits_stat-coverage_bold.tsv"),
    output:
        "results/quality/group.html",
    log:
        "logs/group_quality.log",
    benchmark:
        "logs/benchmarks/group_quality.tsv"
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        names=NAMES,
        participants=list(PAGES),
        settings={
            "min_coverage": STUDY.circuits.min_coverage,
            "carpet_atlas": MATRIX_ATLAS,
        },
        code=CODE["group_quality"],
    script:
        "../scripts/group_quality.py"


rule quality:
    input:
        rules.group_quality.output,
        expand(rules.participant_quality.output, participant=PAGES),


rule explain:
    input:
        plan=GATE,
        bold=next(iter(RUNS.values()))["bold"] if RUNS else [],
        registry=REGISTRY,
        images=expand(rules.parcellation.output.image, atlas=MADE_ATLASES),
        tables=expand(rules.parcellation.output.table, atlas=MADE_ATLASES),
        sidecars=expand(rules.parcellation.output.sidecar, atlas=MADE_ATLASES),
        maps=REGION_MAPS,
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
        atlases=MADE_ATLASES,
        variants=VARIANTS,
        code=CODE["explain"],
    script:
        "../scripts/explain.py"
