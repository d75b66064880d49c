# From BOLD images to connectivity: every image is read once, and denoised as often as it is asked for.

_derivatives = "results/derivatives"
_stem = f"{_derivatives}/{{folder}}/{{run}}_space-{WORK.space}"
_atlas = f"{_derivatives}/atlases/atlas-{{atlas}}/atlas-{{atlas}}"
_relmat = f"{_stem}_atlas-{{atlas}}_desc-{{strategy}}_stat-pearsoncorrelation_relmat"
_extraction = f"results/extracted/{{folder}}/{{run}}_space-{WORK.space}_extraction.npz"
_spheres = f"{_stem}_atlas-{SPHERES}"
# of the first parcellation after the primary strategy
_first_matrix = f"{_stem}_atlas-{WORK.matrix_atlas}_desc-{WORK.primary}_stat-pearsoncorrelation_relmat"
# the parcels of the matrices whose edges are tested
_parcels = (
    "results/parcels.tsv"
    if WORK.given
    else f"{_atlas}_dseg.tsv".format(atlas=WORK.matrix_atlas)
)
# where these were computed elsewhere, what their files are read with
_given = {key: config[key] for key in ("study", "scores")} if WORK.given else None


rule dataset_description:
    output:
        f"{_derivatives}/dataset_description.json",
    log:
        "logs/dataset_description.log",
    benchmark:
        "logs/benchmarks/dataset_description.tsv"
    localrule: True
    resources:
        mem_mb=500,
        runtime=5,
    params:
        code=WORK.code["dataset_description"],
    script:
        "../scripts/dataset_description.py"


rule parcellation:
    input:
        plan=GATE,
        named=WORK.named_parcellations,
        files=entry("{atlas}", within=WORK.parcellation_files),
    output:
        image=f"{_atlas}_space-{WORK.space}_dseg.nii.gz",
        table=f"{_atlas}_dseg.tsv",
        sidecar=f"{_atlas}_space-{WORK.space}_dseg.json",
    log:
        "logs/parcellation/{atlas}.log",
    benchmark:
        "logs/benchmarks/parcellation/{atlas}.tsv"
    # where the workflow was started, since the nodes of a cluster often have no network
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        parcellation=entry("{atlas}", within=WORK.parcellation_settings),
        space=WORK.space,
        folder=WORK.atlases_dir,
        other_templates=WORK.config.circuits.allow_template_mismatch,
        code=WORK.code["parcellation"],
    script:
        "../scripts/parcellation.py"


rule null_spheres:
    input:
        plan=GATE,
        registry=WORK.registry,
    output:
        f"{_derivatives}/atlases/atlas-{SPHERES}/atlas-{SPHERES}_dseg.tsv",
    log:
        "logs/null_spheres.log",
    benchmark:
        "logs/benchmarks/null_spheres.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        space=WORK.space,
        code=WORK.code["null_spheres"],
    script:
        "../scripts/null_spheres.py"


# No threshold, strategy or limit of quality may reach this rule: a change of one must read no image.
# Where voxels are wanted, map_run (maps.smk) reads in its place.
rule extract_run:
    input:
        plan=GATE,
        bold=entry("{run}/bold", within=WORK.runs),
        mask=entry("{run}/mask", within=WORK.runs),
        # what the participant's other sessions cover decides what is compared
        other_bolds=entry("{run}/bold", within=WORK.siblings),
        other_masks=entry("{run}/mask", within=WORK.siblings),
        registry=WORK.registry,
        spheres=rules.null_spheres.output[0],
        images=expand(rules.parcellation.output.image, atlas=WORK.made_atlases),
        tables=expand(rules.parcellation.output.table, atlas=WORK.made_atlases),
        maps=WORK.region_maps,
    output:
        _extraction,
    log:
        "logs/extract_run/{folder}/{run}.log",
    benchmark:
        "logs/benchmarks/extract_run/{folder}/{run}.tsv"
    # before a further image is fetched: those that are here may then be deleted
    priority: 2
    # on a cluster, one submission with the denoising of the run
    group:
        "run"
    resources:
        mem_mb=run_memory,
        runtime=run_minutes,
    params:
        space=WORK.space,
        atlases=WORK.made_atlases,
        parcellations=WORK.parcellations,
        variants=WORK.variants,
        carpet_atlas=WORK.matrix_atlas,
        code=WORK.code["extract_run"],
    script:
        "../scripts/extract_run.py"


rule denoise_run:
    input:
        plan=GATE,
        # from map_run where voxels are wanted too
        extraction=_extraction,
        confounds=entry("{run}/confounds", within=WORK.runs),
        sidecars=entry("{run}/sidecars", within=WORK.runs),
        # where sessions are matched in volumes, how many of the others' are kept
        other_confounds=entry("{run}/confounds", within=WORK.siblings),
        other_sidecars=entry("{run}/sidecars", within=WORK.siblings),
        registry=WORK.registry,
        atlas_sidecars=expand(
            rules.parcellation.output.sidecar, atlas=WORK.made_atlases
        ),
    output:
        series=expand(
            f"{_stem}_atlas-{{atlas}}_stat-mean_timeseries.{{ext}}",
            atlas=WORK.atlases,
            ext=["tsv", "json"],
            allow_missing=True,
        ),
        coverage=expand(
            f"{_stem}_atlas-{{atlas}}_stat-coverage_bold.tsv",
            atlas=WORK.atlases,
            allow_missing=True,
        ),
        relmats=expand(
            f"{_relmat}.{{ext}}",
            atlas=WORK.atlases,
            strategy=WORK.strategies,
            ext=["tsv", "json"],
            allow_missing=True,
        ),
        sphere_coverage=f"{_spheres}_stat-coverage_bold.tsv",
        sphere_relmat=f"{_spheres}_desc-{WORK.primary}_stat-pearsoncorrelation_relmat.tsv",
        sphere_sidecar=f"{_spheres}_desc-{WORK.primary}_stat-pearsoncorrelation_relmat.json",
        circuits=f"{_stem}_desc-circuits_connectivity.tsv",
        quality=f"{_stem}_desc-ketfc_qc.json",
        carpet=f"{_stem}_desc-carpet_qc.npz",
    log:
        "logs/denoise_run/{folder}/{run}.log",
    benchmark:
        "logs/benchmarks/denoise_run/{folder}/{run}.tsv"
    # a run is finished before the next one is read
    priority: 3
    group:
        "run"
    resources:
        mem_mb=denoise_memory,
        runtime=denoise_minutes,
    params:
        space=WORK.space,
        # named in the results alone: they need not be there any more
        files=entry("{run}", within=WORK.runs),
        others=entry("{run}", within=WORK.siblings),
        atlases=WORK.made_atlases,
        variants=WORK.variants,
        denoising=WORK.config.denoising.model_dump(mode="json", by_alias=True),
        # the other keys of the section are the plan's
        limits=WORK.config.quality.model_dump(
            by_alias=True, include={"max_mean_fd", "max_fd", "max_censored"}
        ),
        min_coverage=WORK.config.circuits.min_coverage,
        repetition_time=WORK.config.study.repetition_time,
        code=WORK.code["denoise_run"],
    script:
        "../scripts/denoise_run.py"


rule sessions:
    input:
        runs=rules.inventory.output.runs,
        design=rules.inventory.output.design,
        plan=rules.plan.output.summary,
        circuits=every_run(rules.denoise_run.output.circuits),
        quality=every_run(rules.denoise_run.output.quality),
        coverage=every_run(f"{_stem}_atlas-Circuits_stat-coverage_bold.tsv"),
        registry=WORK.registry,
        images=expand(rules.parcellation.output.image, atlas=WORK.region_atlases),
        tables=expand(rules.parcellation.output.table, atlas=WORK.region_atlases),
        maps=WORK.region_maps,
    output:
        connectivity="results/connectivity.tsv",
        quality="results/quality/runs.tsv",
        region_quality="results/quality/regions.tsv",
        strategies="results/quality/strategies.tsv",
        change="results/quality/change.tsv",
        regions="results/regions.tsv",
        sidecars=expand(
            "results/{table}.json",
            table=[
                "connectivity",
                "regions",
                *(
                    f"quality/{name}"
                    for name in ("runs", "regions", "strategies", "change")
                ),
            ],
        ),
    log:
        "logs/sessions.log",
    benchmark:
        "logs/benchmarks/sessions.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        names=WORK.names,
        space=WORK.space,
        strategies=WORK.strategies,
        atlases=WORK.region_atlases,
        variants=WORK.variants,
        primary=WORK.primary,
        min_coverage=WORK.config.circuits.min_coverage,
        code=WORK.code["sessions"],
    script:
        "../scripts/sessions.py"


# who gives connectivity.tsv and quality/runs.tsv; connectivity.smk may say otherwise
SESSIONS = rules.sessions


# whether people's sessions are more like their own than like those of others
rule similarity:
    input:
        runs=rules.inventory.output.runs,
        design=rules.inventory.output.design,
        relmats=every_run(f"{_first_matrix}.tsv"),
        sidecars=every_run(f"{_first_matrix}.json"),
    output:
        "results/quality/similarity.tsv",
        sidecar="results/quality/similarity.json",
    log:
        "logs/similarity.log",
    benchmark:
        "logs/benchmarks/similarity.tsv"
    resources:
        mem_mb=matrix_memory,
        runtime=group_minutes,
    params:
        names=WORK.names,
        code=WORK.code["similarity"],
    script:
        "../scripts/similarity.py"


# three networks of the first parcellation, after every strategy
rule networks:
    input:
        runs=rules.inventory.output.runs,
        relmats=every_run(
            *expand(
                f"{_relmat}.tsv",
                atlas=WORK.matrix_atlas,
                strategy=WORK.strategies,
                allow_missing=True,
            )
        ),
        sidecars=every_run(
            *expand(
                f"{_relmat}.json",
                atlas=WORK.matrix_atlas,
                strategy=WORK.strategies,
                allow_missing=True,
            )
        ),
        given=WORK.given_files,
        table=_parcels,
    output:
        "results/networks.tsv",
        sidecar="results/networks.json",
    log:
        "logs/networks.log",
    benchmark:
        "logs/benchmarks/networks.tsv"
    resources:
        mem_mb=group_memory,
        runtime=group_minutes,
    params:
        names=WORK.names,
        strategies=WORK.strategies,
        atlas=WORK.matrix_atlas,
        primary=WORK.primary,
        given=_given,
        min_coverage=WORK.config.circuits.min_coverage,
        code=WORK.code["networks"],
    script:
        "../scripts/networks.py"


# how much habenula the recorded voxels can hold; the label itself where the study has CIT168
rule habenula:
    input:
        native=rules.inventory.output.native,
        registry=WORK.registry,
        images=expand(
            rules.parcellation.output.image,
            atlas={"CIT168"}.intersection(WORK.made_atlases),
        ),
        tables=expand(
            rules.parcellation.output.table,
            atlas={"CIT168"}.intersection(WORK.made_atlases),
        ),
    output:
        "results/habenula.tsv",
        sidecar="results/habenula.json",
    log:
        "logs/habenula.log",
    benchmark:
        "logs/benchmarks/habenula.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        space=WORK.space,
        variants=WORK.variants,
        code=WORK.code["habenula"],
    script:
        "../scripts/habenula.py"
