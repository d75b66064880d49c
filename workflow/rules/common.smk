# What every stage needs to know: the study as the library sees it, and what jobs ask a cluster for.

from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from ketfc.base.bundled import FOLDER
from ketfc.base.errors import RefusalError
from ketfc.imaging.regions.null_spheres import SPHERES
from ketfc.imaging.run.resources import (
    denoising_mb,
    denoising_minutes,
    edgewise_minutes,
    file_mb,
    group_map_mb,
    group_map_minutes,
    matrices_mb,
    memory_mb,
    minutes,
    prediction_minutes,
    reading_minutes,
    voxels_mb,
)
from ketfc.study.runs.manifest import digest, files_by_participant
from ketfc.workflow import (
    DEMO,
    answers,
    entry,
    greeting,
    of_runs,
    sent_files,
    study_workflow,
)

if not MODULE and "apptainer" in map(
    str, workflow.deployment_settings.deployment_method
):
    if not Path("ketfc.sif").exists():
        raise WorkflowError(
            "--software-deployment-method apptainer needs the image ketfc.sif in this folder, or a "
            "link to it: apptainer build ketfc.sif apptainer.def, in a clone of ketfc."
        )

# those of the call; a module is given its configuration by the workflow around it
CONFIGFILES = workflow.configfiles if MODULE else workflow.config_settings.configfiles

try:
    if STORAGE is not None and workflow.is_main_process:
        # which study's results are in the storage
        fetch_from_storage("results/plan/design.json", "results/plan/runs.tsv")
    WORK = study_workflow(
        config,
        FOLDER,
        first=workflow.is_main_process,
        configfiles=CONFIGFILES,
        results=Path(f"{PREFIX}results"),
    )
    if STORAGE is not None and workflow.is_main_process:
        SENT = sent_files(WORK, CONFIGFILES)
except RefusalError as error:
    raise WorkflowError(str(error)) from None

# what a result can depend on: how figures are printed is not among it
DECIDING = {name: section for name, section in config.items() if name != "figures"}


def answer():
    """Return what the targets of this call came to."""
    return answers(workflow.dag_settings.targets)


def say(text, **extra):
    """Say something on the terminal, between the lines of the stages."""
    logger.info(text, extra={"ketfc": True} | extra)


if workflow.is_main_process:
    say(greeting(WORK, CONFIGFILES), ketfc_answer=answer, ketfc_log=log_here)
else:
    # A job on another machine is that job alone: whatever was edited meanwhile, it must not make what
    # comes before it again, as every other job there would too (snakemake#3234). What it was told of
    # that is known only after this file.
    type(workflow).rerun_triggers = frozenset()


def every_run(*patterns):
    """Return a function that lists files of all runs, each run's in the order of the patterns."""
    return of_runs(WORK.runs, *patterns)


def of_demo(files):
    """Return files of the demo that are made and stored, which whoever walks its folder needs here."""
    stored = STORAGE is not None and WORK.config.study.simulated
    return files if stored else []


def of_images(files):
    """Return files that only images give: none where connectivity was computed elsewhere."""
    return [] if WORK.given else files


def of_matrices(files):
    """Return files that matrices between regions give: none where there are values alone."""
    return files if WORK.has_circuits else []


def of_seed(pattern):
    """Return a function that lists a file of every run for the seed of a group map."""
    return lambda wildcards: every_run(pattern.replace("{seed}", wildcards.region))(
        wildcards
    )


def tables_found(wildcards):
    """Return the confounds of all runs, also of those left out by hand, and their sidecars."""
    return [
        file
        for run in WORK.found.values()
        for file in (run["confounds"], *run["sidecars"])
    ]


def megabytes(*files):
    """Return the size of every input in MB, in this folder or in the storage."""
    return [
        stored_mb(file) if STORAGE is not None else file_mb(Path(file))
        for file in files
    ]


def run_memory(wildcards, input, attempt):
    """Return the MB that one BOLD run is given, more at every attempt."""
    return memory_mb(megabytes(input.bold)[0], attempt)


def voxels_memory(wildcards, input, attempt):
    """Return the MB of a job that keeps every voxel of one BOLD run, more at every attempt."""
    return voxels_mb(megabytes(input.bold)[0], attempt)


def group_memory(wildcards, attempt):
    """Return the MB of a job that reads the tables of all runs, more at every attempt."""
    return attempt * (2000 + len(WORK.runs))


def edge_memory(wildcards, input, attempt):
    """Return the MB of the job that tests every edge of all sessions, more at every attempt."""
    return matrices_mb(megabytes(*input.relmats, *input.given), attempt, copies=8)


def matrix_memory(wildcards, input, attempt):
    """Return the MB of a job that holds a matrix of every session, more at every attempt."""
    # those of several strategies are gone through one strategy after the other
    one_strategy = input.relmats[:: len(input.relmats) // max(len(WORK.runs), 1) or 1]
    return matrices_mb(megabytes(*one_strategy), attempt)


def group_minutes(wildcards, input, attempt):
    """Return the minutes of a job that reads files of all runs, more at every attempt."""
    return reading_minutes(len(input), attempt)


def edge_minutes(wildcards, input, attempt):
    """Return the minutes of the job that tests every edge of all sessions, more at every attempt."""
    files = megabytes(*input.relmats, *input.given)
    return edgewise_minutes(
        files, attempt, permutations=WORK.config.statistics.permutations
    )


def predict_memory(wildcards, input, attempt):
    """Return the MB of a job that predicts from the circuits or from all matrices."""
    if not input.relmats:
        return group_memory(wildcards, attempt)
    return matrices_mb(megabytes(*input.relmats), attempt, copies=8)


def predict_minutes(wildcards, input, attempt):
    """Return the minutes of a job that predicts, more at every attempt."""
    about = WORK.config.statistics.prediction
    fits = about.folds * about.repeats * (about.permutations + 10)
    return prediction_minutes(
        len(input),
        attempt,
        fits=fits,
        features=wildcards.features,
        model=wildcards.model,
    )


def group_map_memory(wildcards, input, attempt):
    """Return the MB of the job that tests every voxel of all sessions, more at every attempt."""
    return group_map_mb(megabytes(*input.maps), attempt)


def map_minutes(wildcards, input, attempt):
    """Return the minutes of the job that tests every voxel of all sessions, more at every attempt."""
    files = megabytes(*input.maps)
    return group_map_minutes(files, attempt, permutations=WORK.config.maps.permutations)


def run_minutes(wildcards, input, attempt):
    """Return the minutes that one BOLD run is given, more at every attempt."""
    return minutes(megabytes(input.bold)[0], attempt)


def denoise_memory(wildcards, input, attempt):
    """Return the MB that the denoising of one run is given, more at every attempt."""
    return denoising_mb(megabytes(input.confounds)[0], attempt)


def denoise_minutes(wildcards, input, attempt):
    """Return the minutes that the denoising of one run is given, more at every attempt."""
    return denoising_minutes(megabytes(input.confounds)[0], attempt)


def of_whole_matrices(files):
    """Return a function that lists files of all runs where whole matrices are predicted from."""
    return lambda wildcards: files(wildcards) if wildcards.features == "matrix" else []


def list_of_studies(wildcards):
    """Say that a synthesis reads a list of studies, and not the one of this configuration."""
    raise WorkflowError(
        "synthesis needs a list of studies: --config studies=list.yaml, a file with the key "
        "studies and a list of study folders or exports."
    )


wildcard_constraints:
    atlas="[A-Za-z0-9]+",
    strategy="[A-Za-z0-9_]+",
    folder="sub-[A-Za-z0-9]+/ses-[A-Za-z0-9]+/func",
    run="sub-[^/]+",
    version="space-[^/]+",
    participant="sub-[A-Za-z0-9]+",
    session="[A-Za-z0-9]+",
    region="[A-Za-z0-9]+",
    question="change|association",
