# What was measured: the demo study if one is asked for, and the plan.

_run = f"{DEMO}/fmriprep/{{participant}}/ses-{{session}}/func/{{participant}}_ses-{{session}}_task-rest"


rule demo_tables:
    output:
        description=f"{DEMO}/fmriprep/dataset_description.json",
        participants=f"{DEMO}/fmriprep/participants.tsv",
        dictionary=f"{DEMO}/fmriprep/participants.json",
        truth=f"{DEMO}/truth.json",
        template=f"{DEMO}/template.npz",
    log:
        "logs/demo_tables.log",
    benchmark:
        "logs/benchmarks/demo_tables.tsv"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        seed=STUDY.statistics.seed,
        code=CODE["demo_tables"],
    script:
        "../scripts/demo_tables.py"


rule demo_run:
    input:
        template=rules.demo_tables.output.template,
        registry=REGISTRY,
    output:
        bold=f"{_run}_space-{SPACE}_desc-preproc_bold.nii.gz",
        bold_json=f"{_run}_space-{SPACE}_desc-preproc_bold.json",
        mask=f"{_run}_space-{SPACE}_desc-brain_mask.nii.gz",
        mask_json=f"{_run}_space-{SPACE}_desc-brain_mask.json",
        confounds=f"{_run}_desc-confounds_timeseries.tsv",
        confounds_json=f"{_run}_desc-confounds_timeseries.json",
    log:
        "logs/demo_run/{participant}_ses-{session}.log",
    benchmark:
        "logs/benchmarks/demo_run/{participant}_ses-{session}.tsv"
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        seed=STUDY.statistics.seed,
        space=SPACE,
        code=CODE["demo_run"],
    script:
        "../scripts/demo_run.py"


# what stands in the heads of many small files; of its own, since Snakemake notes the checksum of every
# input with every output, and the plan has several
rule headers:
    input:
        # what was found in the confounds and their sidecars must not outlive an edit of them;
        # images are not looked into, and that they come and go shows in the listing
        files=tables_found,
        by_hand=[str(BY_HAND)] if BY_HAND and BY_HAND.is_file() else [],
    output:
        "results/plan/headers.json",
    log:
        "logs/headers.log",
    benchmark:
        "logs/benchmarks/headers.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=config,
        folders=FOLDERS,
        by_hand=BY_HAND and str(BY_HAND),
        listing=digest(FOUND),
        code=CODE["headers"],
    script:
        "../scripts/headers.py"


rule inventory:
    input:
        headers=rules.headers.output[0],
        tables=(
            rules.demo_tables.output.participants if STUDY.study.simulated else TABLES
        ),
        by_hand=[str(BY_HAND)] if BY_HAND and BY_HAND.is_file() else [],
        instruments=INSTRUMENTS,
        preregistration=LOCK if LOCK and LOCK.is_file() else [],
        registry=REGISTRY,
        parcellations=NAMED_PARCELLATIONS,
    output:
        runs="results/plan/runs.tsv",
        scores="results/plan/scores.tsv",
        participants="results/plan/participants.tsv",
        design="results/plan/design.json",
        native="results/plan/native.tsv",
        problems="results/plan/problems.tsv",
    log:
        "logs/inventory.log",
    benchmark:
        "logs/benchmarks/inventory.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=config,
        folders=FOLDERS,
        by_hand=BY_HAND and str(BY_HAND),
        listing=digest(FOUND),
        code=CODE["inventory"],
    script:
        "../scripts/inventory.py"


rule plan:
    input:
        runs=rules.inventory.output.runs,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        problems=rules.inventory.output.problems,
    output:
        summary="results/plan/summary.txt",
    log:
        "logs/plan.log",
    benchmark:
        "logs/benchmarks/plan.tsv"
    localrule: True
    resources:
        mem_mb=500,
        runtime=5,
    params:
        listing=LISTING,
        images=[run["bold"] for run in RUNS.values()] if OPENNEURO else [],
        keep_images=KEEP_IMAGES,
        code=CODE["plan"],
    script:
        "../scripts/plan.py"


# written once, before the data; update() leaves a lock that is there where it is, and the script
# then refuses to replace it
rule preregistration:
    input:
        registry=REGISTRY,
    output:
        update("results/plan/preregistration.json"),
    log:
        "logs/preregistration.log",
    benchmark:
        "logs/benchmarks/preregistration.tsv"
    localrule: True
    resources:
        mem_mb=500,
        runtime=5,
    params:
        config=config,
        code=CODE["preregistration"],
    script:
        "../scripts/preregistration.py"


rule clinical:
    input:
        scores=rules.inventory.output.scores,
        participants=rules.inventory.output.participants,
        design=rules.inventory.output.design,
        instruments=INSTRUMENTS,
    output:
        scores="results/clinical/scores.tsv",
        summary="results/clinical/summary.tsv",
        sidecars=expand("results/clinical/{table}.json", table=["scores", "summary"]),
    log:
        "logs/clinical.log",
    benchmark:
        "logs/benchmarks/clinical.tsv"
    localrule: True
    resources:
        mem_mb=500,
        runtime=5,
    params:
        config=config,
        code=CODE["clinical"],
    script:
        "../scripts/clinical.py"


# Images wait for the plan only where it is going to fail. Where it is not, they must not depend on
# it: it runs again with every change of the config, and all images would be read again with it.
# Behind ancient(), on the other hand, Snakemake 9 overlooks every other reason to run a job as long
# as the plan runs too (snakemake#4166).
GATE = [] if USABLE else rules.plan.output.summary

_fetched = f"{FETCHED}/{{folder}}/{{run}}_{{version}}_desc-preproc_bold.nii.gz"


# One image of a dataset of OpenNeuro. Somebody's further images come before those of anybody else,
# and runs that are ready before any image, so that few participants are on disk at a time.
rule fetch_bold:
    input:
        plan=GATE,
        earlier=entry("{run}", EARLIER),
    output:
        bold=_fetched if KEEP_IMAGES else temp(_fetched),
    log:
        "logs/fetch_bold/{folder}/{run}_{version}.log",
    benchmark:
        "logs/benchmarks/fetch_bold/{folder}/{run}_{version}.tsv"
    wildcard_constraints:
        run="|".join(run for run in TO_FETCH if not EARLIER[run]) or "none",
    # where the workflow was started, since the nodes of a cluster often have no network
    localrule: True
    resources:
        mem_mb=500,
        runtime=240,
    params:
        listing=LISTING,
        code=CODE["fetch_bold"],
    script:
        "../scripts/fetch_bold.py"


use rule fetch_bold as fetch_further_bold with:
    wildcard_constraints:
        run="|".join(run for run in TO_FETCH if EARLIER[run]) or "none",
    priority: 1
