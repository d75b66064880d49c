# From evidence to paper: everything here is drawn from tables, never from images.

# what is drawn of motion in images, and of matrices between regions
_OF_IMAGES = (
    "qcfc",
    *([] if WORK.has_circuits else ["circuits", "matrices", "networks", "edges"]),
)

_connectivity = SESSIONS.output.connectivity
_hypotheses = rules.hypotheses.output.hypotheses
_figures = {
    "clinical": {
        "effects": rules.clinical_effects.output.effects,
        "time_course": rules.clinical_effects.output.time_course,
    },
    "forest": {
        "hypotheses": _hypotheses,
        "motion": rules.motion.output[0],
        "curves": rules.specifications.output.curve,
    },
    "circuits": {
        "connectivity": _connectivity,
        "regions": SESSIONS.output.regions,
        "hypotheses": _hypotheses,
    },
    "paired": {"connectivity": _connectivity, "hypotheses": _hypotheses},
    "trajectory": {"connectivity": _connectivity, "hypotheses": _hypotheses},
    "association": {
        "connectivity": _connectivity,
        "scores": rules.inventory.output.scores,
        "hypotheses": _hypotheses,
    },
    "matrices": {"relmat": rules.mean_relmat.output[0]},
    "flow": {
        "runs": SESSIONS.output.quality,
        "exclusions": rules.exclusions.output[0],
        "hypotheses": _hypotheses,
    },
    "qcfc": {
        "summary": rules.qcfc.output.summary,
        "curves": rules.qcfc.output.curves,
        "motion": rules.motion.output[0],
        "connectivity": _connectivity,
        "quality": SESSIONS.output.quality,
        "hypotheses": _hypotheses,
    },
    "networks": {"tests": rules.network_tests.output[0]},
    "edges": {"edges": rules.edges.output[0]},
    "specifications": {
        "specifications": rules.specifications.output.all,
        "curves": rules.specifications.output.curve,
    },
    "tipping_point": {"curves": rules.tipping_point.output[0]},
    "influence": {"influence": rules.influence.output.influence},
}
if _measured:
    _figures["activity"] = {"activity": rules.activity_tests.output[0]}
# sessions after the drugs of a crossover stand in no order that all share
if len(WORK.config.study.sessions) < 3 or WORK.config.study.crossover:
    del _figures["trajectory"]
if WORK.prediction_jobs:
    _figures["prediction"] = {
        "accuracy": rules.prediction.output.accuracy,
        "curves": rules.prediction.output.curves,
        "out_of_fold": rules.prediction.output.out_of_fold,
    }
_figures = {
    name: files
    for name, files in _figures.items()
    if not (WORK.given and name in _OF_IMAGES)
}
# nothing, where activity is not measured
_tested_activity = rules.activity_tests.output[0] if _measured else []
_predictions = rules.prediction.output.accuracy if WORK.prediction_jobs else []


_of_map = {
    "t": rules.group_map.output.t,
    "thresholded": rules.group_map.output.thresholded,
    "mask": rules.group_map.output.mask,
    "clusters": rules.clusters.output[0],
    "design": rules.inventory.output.design,
}

FIGURES = {
    name: files | {"design": rules.inventory.output.design}
    for name, files in _figures.items()
}
MAPS = {"of": _of_map, "seeds": WORK.seeds, "questions": WORK.map_questions}
FIGURE_CODE = WORK.code
FIGURE_PRINTED = {name: WORK.config.figures.printed(name) for name in [*FIGURES, "map"]}


include: "figures.smk"


rule map_viewer:
    input:
        **_of_map,
    output:
        "results/maps/seed-{region}_{question}.html",
    log:
        "logs/map_viewer/seed-{region}_{question}.log",
    benchmark:
        "logs/benchmarks/map_viewer/seed-{region}_{question}.tsv"
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        code=WORK.code["map_viewer"],
    script:
        "../scripts/map_viewer.py"


rule methods:
    input:
        design=rules.inventory.output.design,
        participants=rules.inventory.output.participants,
        native=rules.inventory.output.native,
        hypotheses=rules.hypotheses.output.hypotheses,
        regions=SESSIONS.output.regions,
        runs=SESSIONS.output.quality,
        exclusions=rules.exclusions.output,
        sidecars=every_run(
            *expand(
                f"{_relmat}.json",
                atlas="Circuits",
                strategy=WORK.strategies,
                allow_missing=True,
            )
        ),
        atlases=of_images(
            expand(rules.parcellation.output.sidecar, atlas=WORK.made_atlases)
        ),
        null=of_images(rules.matched_null.output[0]),
        habenula=of_images(rules.habenula.output[0]),
        robustness=rules.robustness.output[0],
        reliability=rules.reliability.output[0],
        shrinkage=rules.hypotheses.output.shrinkage,
        curves=rules.specifications.output.curve,
        attrition=rules.attrition.output[0],
        stability=rules.influence.output.stability,
        networks=of_matrices(rules.network_tests.output[0]),
        edges=of_matrices(rules.edges.output[0]),
        effects=rules.clinical_effects.output.effects,
        clusters=[rules.clusters.output[0]] if WORK.seeds else [],
        activity=_tested_activity,
        prediction=_predictions,
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
        strategies=WORK.strategies,
        atlases=of_images(WORK.made_atlases),
        folders=WORK.folders,
        code=WORK.code["methods"],
    script:
        "../scripts/methods.py"


rule report:
    input:
        facts=rules.methods.output.facts,
        methods=rules.methods.output.methods,
        design=rules.inventory.output.design,
        hypotheses=rules.hypotheses.output.hypotheses,
        left_out=rules.hypotheses.output.left_out,
        regions=SESSIONS.output.regions,
        runs=SESSIONS.output.quality,
        exclusions=rules.exclusions.output,
        null=of_images(rules.matched_null.output[0]),
        habenula=of_images(rules.habenula.output[0]),
        robustness=rules.robustness.output[0],
        reliability=rules.reliability.output[0],
        shrinkage=rules.hypotheses.output.shrinkage,
        curves=rules.specifications.output.curve,
        attrition=rules.attrition.output[0],
        influence=rules.influence.output.influence,
        stability=rules.influence.output.stability,
        clinical=rules.clinical_course.output.summary,
        effects=rules.clinical_effects.output.effects,
        figures=expand("results/figures/{figure}.png", figure=_figures),
        # the plots of the page are drawn from the numbers of these
        numbers=expand(
            "results/figures/{figure}.tsv",
            figure=[
                name
                for name in ("paired", "association", "trajectory")
                if name in _figures
            ],
        ),
        participants=rules.inventory.output.participants,
        networks=of_matrices(rules.network_tests.output[0]),
        edges=of_matrices(rules.edges.output[0]),
        activity=_tested_activity,
        prediction=_predictions,
        motion=rules.motion.output[0],
        qcfc=of_images(rules.qcfc.output.summary),
        clusters=[rules.clusters.output[0]] if WORK.seeds else [],
        maps=expand(
            "results/figures/seed-{region}_{question}.png",
            region=WORK.seeds,
            question=WORK.map_questions,
        ),
        # the report links to them
        viewers=expand(
            rules.map_viewer.output, region=WORK.seeds, question=WORK.map_questions
        ),
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
        code=WORK.code["report"],
    script:
        "../scripts/report.py"


# the last word of a run; it fails where there is nothing to say, with the report as it is
rule summary:
    input:
        report=rules.report.output[0],
        hypotheses=rules.hypotheses.output.hypotheses,
        left_out=rules.hypotheses.output.left_out,
        runs=SESSIONS.output.quality,
        exclusions=rules.exclusions.output[0],
        design=rules.inventory.output.design,
    output:
        "results/summary.txt",
    log:
        "logs/summary.log",
    benchmark:
        "logs/benchmarks/summary.tsv"
    localrule: True
    resources:
        mem_mb=500,
        runtime=5,
    params:
        simulated=WORK.config.study.simulated,
        code=WORK.code["summary"],
    script:
        "../scripts/summary.py"


_page_files = {
    "quality": [rules.denoise_run.output.quality],
    "carpets": [rules.denoise_run.output.carpet],
    "coverage": [
        f"{_stem}_atlas-{atlas}_stat-coverage_bold.tsv" for atlas in WORK.atlases
    ],
}
for _key, _name, _ext in (
    ("circuits", "Circuits", "tsv"),
    ("relmats", WORK.matrix_atlas, "tsv"),
    ("sidecars", WORK.matrix_atlas, "json"),
):
    _page_files[_key] = [
        f"{_stem}_atlas-{_name}_desc-{WORK.primary}_stat-pearsoncorrelation_relmat.{_ext}"
    ]
for _key, _ext in (("seed_maps", "nii.gz"), ("seed_sidecars", "json")):
    _page_files[_key] = [
        f"{_stem}_seed-{seed}_desc-{WORK.map_strategies[0]}_stat-fisherz_boldmap.{_ext}"
        for seed in WORK.seeds
    ]
PAGES = files_by_participant(WORK.runs, _page_files)


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
        table=expand(rules.parcellation.output.table, atlas=WORK.matrix_atlas),
        seed_maps=entry("{participant}/seed_maps", within=PAGES),
        # beside them
        seed_sidecars=entry("{participant}/seed_sidecars", within=PAGES),
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
        study=WORK.config.study.name,
        sessions=WORK.config.study.sessions,
        runs=entry("{participant}/runs", within=PAGES),
        run_sessions=entry("{participant}/sessions", within=PAGES),
        atlases=WORK.atlases,
        seeds=WORK.seeds,
        settings={
            "fd_thresh": WORK.config.denoising.fd_thresh,
            "dvars_thresh": WORK.config.denoising.dvars_thresh,
            "min_coverage": WORK.config.circuits.min_coverage,
            "primary": WORK.primary,
            "carpet_atlas": WORK.matrix_atlas,
            "map_strategy": WORK.map_strategies[0],
            "fwhm": f"{WORK.config.maps.fwhm:g}" if WORK.config.maps.fwhm else "",
        },
        code=WORK.code["participant_quality"],
    script:
        "../scripts/participant_quality.py"


rule group_quality:
    input:
        design=rules.inventory.output.design,
        runs=SESSIONS.output.quality,
        strategies=rules.sessions.output.strategies,
        exclusions=rules.exclusions.output,
        similarity=rules.similarity.output,
        qcfc="results/figures/qcfc.png",
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
        names=WORK.names,
        participants=list(PAGES),
        settings={
            "min_coverage": WORK.config.circuits.min_coverage,
            "carpet_atlas": WORK.matrix_atlas,
        },
        code=WORK.code["group_quality"],
    script:
        "../scripts/group_quality.py"


# Blind to arms, for raters: what leads to it from the participants' pages tells no arm either.
rule quality_strip:
    input:
        runs=SESSIONS.output.quality,
        carpets=every_run(rules.denoise_run.output.carpet),
        coverage=every_run(f"{_stem}_atlas-Circuits_stat-coverage_bold.tsv"),
    output:
        "results/quality/strip.html",
    log:
        "logs/quality_strip.log",
    benchmark:
        "logs/benchmarks/quality_strip.tsv"
    localrule: True
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        names=WORK.names,
        study=WORK.config.study.name,
        settings={
            "fd_thresh": WORK.config.denoising.fd_thresh,
            "min_coverage": WORK.config.circuits.min_coverage,
        },
        code=WORK.code["quality_strip"],
    script:
        "../scripts/quality_strip.py"


rule quality:
    """Make a page per participant, of all runs, of the study."""
    input:
        rules.group_quality.output,
        rules.quality_strip.output,
        expand(rules.participant_quality.output, participant=PAGES),


rule explain:
    """Show every circuit: where it is, and who says so."""
    input:
        plan=GATE,
        bold=next(iter(WORK.runs.values()))["bold"] if WORK.runs else [],
        registry=WORK.registry,
        images=expand(rules.parcellation.output.image, atlas=WORK.made_atlases),
        tables=expand(rules.parcellation.output.table, atlas=WORK.made_atlases),
        sidecars=expand(rules.parcellation.output.sidecar, atlas=WORK.made_atlases),
        maps=WORK.region_maps,
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
        study=WORK.config.study.name,
        space=WORK.space,
        atlases=WORK.made_atlases,
        variants=WORK.variants,
        code=WORK.code["explain"],
    script:
        "../scripts/explain.py"
