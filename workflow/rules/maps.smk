# What is measured in every voxel of the brain, for studies that ask for it.

# region values and maps of activity, where they are asked for
_activity = f"{_stem}_desc-activity_bold"
_measured = WORK.config.activity.measures
_maps = f"{_stem}_seed-{{seed}}_desc-{{strategy}}_stat-fisherz_boldmap"

if WORK.reads_voxels:

    ruleorder: map_run > extract_run

else:

    ruleorder: extract_run > map_run


# The one read of an image, where voxels are wanted too: it depends on strategies and thresholds,
# so that a change of one reads every image again.
rule map_run:
    input:
        plan=GATE,
        bold=entry("{run}/bold", within=WORK.runs),
        mask=entry("{run}/mask", within=WORK.runs),
        confounds=entry("{run}/confounds", within=WORK.runs),
        sidecars=entry("{run}/sidecars", within=WORK.runs),
        # what the participant's other sessions cover decides what is compared
        other_bolds=entry("{run}/bold", within=WORK.siblings),
        other_masks=entry("{run}/mask", within=WORK.siblings),
        other_confounds=entry("{run}/confounds", within=WORK.siblings),
        other_sidecars=entry("{run}/sidecars", within=WORK.siblings),
        registry=WORK.registry,
        spheres=rules.null_spheres.output[0],
        images=expand(rules.parcellation.output.image, atlas=WORK.made_atlases),
        tables=expand(rules.parcellation.output.table, atlas=WORK.made_atlases),
        maps=WORK.region_maps,
    output:
        extraction=_extraction,
        maps=expand(
            f"{_maps}.{{ext}}",
            seed=WORK.seeds,
            strategy=WORK.map_strategies,
            ext=["nii.gz", "json"],
            allow_missing=True,
        ),
        activity=[f"{_activity}.{ext}" for ext in ("tsv", "json") if _measured],
        activity_maps=expand(
            f"{_stem}_desc-{{strategy}}_stat-{{measure}}_boldmap.{{ext}}",
            strategy=WORK.activity_strategies,
            measure=_measured if WORK.config.activity.maps else [],
            ext=["nii.gz", "json"],
            allow_missing=True,
        ),
    log:
        "logs/map_run/{folder}/{run}.log",
    benchmark:
        "logs/benchmarks/map_run/{folder}/{run}.tsv"
    priority: 2
    group:
        "run"
    resources:
        mem_mb=voxels_memory,
        runtime=run_minutes,
    params:
        space=WORK.space,
        atlases=WORK.made_atlases,
        parcellations=WORK.parcellations,
        variants=WORK.variants,
        carpet_atlas=WORK.matrix_atlas,
        files=entry("{run}", within=WORK.runs),
        others=entry("{run}", within=WORK.siblings),
        denoising=WORK.config.denoising.model_dump(mode="json", by_alias=True),
        limits=WORK.config.quality.model_dump(
            by_alias=True, include={"max_mean_fd", "max_fd", "max_censored"}
        ),
        min_coverage=WORK.config.circuits.min_coverage,
        repetition_time=WORK.config.study.repetition_time,
        seeds=WORK.seeds,
        strategies=WORK.map_strategies,
        fwhm=WORK.config.maps.fwhm,
        activity=WORK.config.activity.model_dump(mode="json", by_alias=True),
        activity_strategies=WORK.activity_strategies,
        code=WORK.code["map_run"],
    script:
        "../scripts/map_run.py"


# the activity of sessions, beside connectivity.tsv
rule activity:
    input:
        runs=rules.inventory.output.runs,
        activity=every_run(f"{_activity}.tsv"),
        sidecars=every_run(f"{_activity}.json"),
    output:
        "results/activity.tsv",
        sidecar="results/activity.json",
    log:
        "logs/activity.log",
    benchmark:
        "logs/benchmarks/activity.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        names=WORK.names,
        code=WORK.code["activity"],
    script:
        "../scripts/activity.py"


# whether regions became more or less active, and whether that goes with the score or with censoring
rule activity_tests:
    input:
        activity=rules.activity.output[0],
        scores=rules.inventory.output.scores,
        quality=rules.sessions.output.quality,
        design=rules.inventory.output.design,
        registry=WORK.registry,
    output:
        "results/tests/activity.tsv",
        sidecar="results/tests/activity.json",
    log:
        "logs/activity_tests.log",
    benchmark:
        "logs/benchmarks/activity_tests.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        strategy=WORK.primary,
        seed=WORK.config.statistics.seed,
        permutations=WORK.config.statistics.permutations,
        alpha=WORK.config.statistics.alpha,
        variants=WORK.variants,
        code=WORK.code["activity_tests"],
    script:
        "../scripts/activity_tests.py"


_group_map = "results/maps/seed-{region}_{question}"
_map_images = {
    name: f"{_group_map}_{suffix}.nii.gz"
    for name, suffix in {
        "t": "stat-t",
        "p": "stat-tfcep",
        "effect": "stat-effect",
        "thresholded": "desc-thresholded_stat-t",
        "mask": "mask",
    }.items()
}


_map_of_seed = _maps.replace("{strategy}", WORK.group_map_strategy)


# one seed and one question, so that a cluster takes them side by side
rule group_map:
    input:
        runs=rules.inventory.output.runs,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        maps=of_seed(f"{_map_of_seed}.nii.gz"),
        sidecars=of_seed(f"{_map_of_seed}.json"),
        image=expand(rules.parcellation.output.image, atlas=WORK.matrix_atlas),
        table=expand(rules.parcellation.output.table, atlas=WORK.matrix_atlas),
    output:
        **_map_images,
        sidecar=f"{_group_map}.json",
        clusters=f"{_group_map}_clusters.tsv",
        voxels=f"{_group_map}_voxels.tsv",
        columns=expand(
            f"{_group_map}_{{table}}.json",
            table=["clusters", "voxels"],
            allow_missing=True,
        ),
    log:
        "logs/group_map/seed-{region}_{question}.log",
    benchmark:
        "logs/benchmarks/group_map/seed-{region}_{question}.tsv"
    resources:
        mem_mb=group_map_memory,
        runtime=map_minutes,
    params:
        names=WORK.names,
        strategy=WORK.group_map_strategy,
        seed=WORK.config.statistics.seed,
        permutations=WORK.config.maps.permutations,
        fitted_tail=WORK.config.maps.tail == "pareto",
        alpha=WORK.config.statistics.alpha,
        code=WORK.code["group_map"],
    script:
        "../scripts/group_map.py"


rule clusters:
    input:
        clusters=expand(
            rules.group_map.output.clusters,
            region=WORK.seeds,
            question=WORK.map_questions,
        ),
    output:
        "results/maps/clusters.tsv",
        sidecar="results/maps/clusters.json",
    log:
        "logs/clusters.log",
    benchmark:
        "logs/benchmarks/clusters.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=WORK.code["clusters"],
    script:
        "../scripts/clusters.py"
