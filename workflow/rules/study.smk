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
        seed=WORK.config.statistics.seed,
        code=WORK.code["demo_tables"],
    script:
        "../scripts/demo_tables.py"


rule demo_run:
    input:
        template=rules.demo_tables.output.template,
        registry=WORK.registry,
    output:
        bold=f"{_run}_space-{WORK.space}_desc-preproc_bold.nii.gz",
        bold_json=f"{_run}_space-{WORK.space}_desc-preproc_bold.json",
        mask=f"{_run}_space-{WORK.space}_desc-brain_mask.nii.gz",
        mask_json=f"{_run}_space-{WORK.space}_desc-brain_mask.json",
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
        seed=WORK.config.statistics.seed,
        space=WORK.space,
        code=WORK.code["demo_run"],
    script:
        "../scripts/demo_run.py"


_demo = [
    *rules.demo_tables.output,
    *(
        run[file]
        for run in WORK.found.values()
        for file in ("bold", "mask", "confounds")
    ),
    *(file for run in WORK.found.values() for file in run["sidecars"]),
]


# what stands in the heads of many small files; of its own, since Snakemake notes the checksum of every
# input with every output, and the plan has several
rule headers:
    input:
        demo=of_demo(_demo),
        # what was found in the confounds and their sidecars must not outlive an edit of them;
        # images are not looked into, and that they come and go shows in the listing
        files=tables_found,
        connectivity=WORK.given_files,
        by_hand=WORK.by_hand_file,
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
        config=DECIDING,
        folders=WORK.folders,
        by_hand=WORK.by_hand,
        listing=digest(WORK.found),
        code=WORK.code["headers"],
    script:
        "../scripts/headers.py"


rule inventory:
    input:
        demo=of_demo(_demo),
        headers=rules.headers.output[0],
        tables=(
            rules.demo_tables.output.participants
            if WORK.config.study.simulated
            else WORK.tables
        ),
        connectivity=WORK.given_files,
        by_hand=WORK.by_hand_file,
        instruments=WORK.instruments,
        preregistration=WORK.lock,
        registry=WORK.registry,
        parcellations=WORK.named_parcellations,
    output:
        runs="results/plan/runs.tsv",
        scores="results/plan/scores.tsv",
        participants="results/plan/participants.tsv",
        design="results/plan/design.json",
        native="results/plan/native.tsv",
        problems="results/plan/problems.tsv",
        sidecars=expand(
            "results/plan/{table}.json",
            table=["runs", "scores", "participants", "native", "problems"],
        ),
    log:
        "logs/inventory.log",
    benchmark:
        "logs/benchmarks/inventory.tsv"
    localrule: True
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=DECIDING,
        folders=WORK.folders,
        by_hand=WORK.by_hand,
        missing_packages=WORK.missing_packages,
        listing=digest(WORK.found),
        code=WORK.code["inventory"],
    script:
        "../scripts/inventory.py"


rule plan:
    """Say who and what there is, and every problem, in seconds."""
    input:
        runs=rules.inventory.output.runs,
        scores=rules.inventory.output.scores,
        design=rules.inventory.output.design,
        problems=rules.inventory.output.problems,
        preregistration=WORK.lock,
        registry=WORK.registry,
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
        choices=WORK.choices,
        variants=WORK.variants,
        listing=WORK.listing,
        images=[run["bold"] for run in WORK.runs.values()] if WORK.listing else [],
        keep_images=WORK.keep_images,
        code=WORK.code["plan"],
    script:
        "../scripts/plan.py"


# written once, before the data; update() leaves a lock that is there where it is, and the script
# then refuses to replace it
rule preregistration:
    """Lock the hypotheses before the data."""
    input:
        registry=WORK.registry,
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
        config=DECIDING,
        code=WORK.code["preregistration"],
    script:
        "../scripts/preregistration.py"


# Images wait for the plan only where it is going to fail. Where it is not, they must not depend on
# it: it runs again with every change of the config, and all images would be read again with it.
# Behind ancient(), on the other hand, Snakemake 9 overlooks every other reason to run a job as long
# as the plan runs too (snakemake#4166).
GATE = [] if WORK.usable else rules.plan.output.summary

_fetched = f"{WORK.fetched}/{{folder}}/{{run}}_{{version}}_desc-preproc_bold.nii.gz"


# One image of a dataset of OpenNeuro. Somebody's further images come before those of anybody else,
# and runs that are ready before any image, so that few participants are on disk at a time.
rule fetch_bold:
    input:
        plan=GATE,
        earlier=entry("{run}", WORK.earlier),
    output:
        bold=_fetched if WORK.keep_images else temp(_fetched),
    log:
        "logs/fetch_bold/{folder}/{run}_{version}.log",
    benchmark:
        "logs/benchmarks/fetch_bold/{folder}/{run}_{version}.tsv"
    wildcard_constraints:
        run="|".join(run for run in WORK.to_fetch if not WORK.earlier[run]) or "none",
    # where the workflow was started, since the nodes of a cluster often have no network
    localrule: True
    resources:
        mem_mb=500,
        runtime=240,
    params:
        listing=WORK.listing,
        code=WORK.code["fetch_bold"],
    script:
        "../scripts/fetch_bold.py"


use rule fetch_bold as fetch_further_bold with:
    wildcard_constraints:
        run="|".join(run for run in WORK.to_fetch if WORK.earlier[run]) or "none",
    priority: 1
