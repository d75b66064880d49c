# What every stage needs to know: the checked configuration and the list of runs.

from pathlib import Path

from snakemake.exceptions import WorkflowError

from ketfc.base.files import read_json, write_json
from ketfc.imaging.preflight.precheck import early_problems
from ketfc.imaging.regions.null_spheres import SPHERES
from ketfc.imaging.run.resources import (
    denoising_mb,
    denoising_minutes,
    edgewise_minutes,
    matrices_mb,
    memory_mb,
    minutes,
    reading_minutes,
)
from ketfc.imaging.regions.region_atlases import parcellation_files, region_inputs
from ketfc.base.source import code_digests
from ketfc.study.runs.fetch.annex import absent_files
from ketfc.study.config.types import expand as expand_path
from ketfc.study.config.config import parse_config
from ketfc.study.config.types import find_bundled
from ketfc.study.runs.index import index_runs
from ketfc.study.runs.manifest import (
    demo_manifest,
    digest,
    files_by_participant,
    indexed_manifest,
    named_runs,
    siblings,
    without,
)
from ketfc.study.runs.manual import manual_exclusions
from ketfc.study.runs.fetch.openneuro import earlier_images, prepare
from ketfc.study.plan import make_plan
from ketfc.base.errors import StudyError
from ketfc.study.scores.tables import input_tables, instrument_files
from ketfc.study.lab_tables import find_table
from ketfc.base.yaml import require_sound_configs

ROOT = Path(workflow.basedir)
DEMO = Path("resources/demo")

if "apptainer" in map(str, workflow.deployment_settings.deployment_method):
    if not Path("ketfc.sif").exists():
        raise WorkflowError(
            "--software-deployment-method apptainer needs the image ketfc.sif in this folder, or a "
            "link to it: apptainer build ketfc.sif apptainer.def, in a clone of ketfc."
        )

try:
    # on the nodes of a cluster the files need not be there
    if workflow.is_main_process:
        require_sound_configs(workflow.config_settings.configfiles)
    STUDY = parse_config(config, source="config")
    REGISTRY = str(find_bundled(STUDY.circuits.registry, ROOT))
except StudyError as error:
    raise WorkflowError(f"The configuration cannot be used:\n{error}") from None

# What the first process found goes to jobs on other machines under the name of its configuration: a
# second call with another one, or an edit while jobs wait, must not change it under them.
_given = digest(STUDY.model_dump(mode="json"))
MANIFEST = Path(f".snakemake/ketfc/{_given}_runs.json")
PLANNED = Path(f".snakemake/ketfc/{_given}_planned.json")
if not workflow.is_main_process and not PLANNED.is_file():
    raise WorkflowError(
        "The configuration was changed while jobs were waiting. Start again with the same command."
    )


def leave(path, content):
    """Write what jobs on other machines read; where nothing can be written, end in words."""
    try:
        write_json(path, content)
    except StudyError as error:
        raise WorkflowError(str(error)) from None


SPACE = STUDY.study.space
STRATEGIES = list(STUDY.denoising.strategies)
PARCELLATIONS = {each.name: each for each in STUDY.circuits.parcellation}
ATLASES = ["Circuits", *PARCELLATIONS]
MATRIX_ATLAS = next(iter(PARCELLATIONS))
PARCELLATION_SETTINGS = {
    name: {
        "name": name,
        "image": each.image,
        "labels": each.labels,
        "space": each.space,
    }
    for name, each in PARCELLATIONS.items()
}
DENOISING = STUDY.denoising.model_dump(mode="json", by_alias=True)
# the other keys of the section are the plan's
LIMITS = STUDY.quality.model_dump(
    by_alias=True, include={"max_mean_fd", "max_fd", "max_censored"}
)
NAMED_PARCELLATIONS = str(ROOT / "atlases/parcellations.yaml")

# what is on this machine decides which alternative definitions are measured: jobs on other machines
# must not look again
if workflow.is_main_process:
    _regions = region_inputs(STUDY, REGISTRY, NAMED_PARCELLATIONS)
    CODE = code_digests()
    leave(PLANNED, {"regions": _regions, "code": CODE})
else:
    _regions, CODE = map(read_json(PLANNED).get, ("regions", "code"))
    # A job on another machine is that job alone: whatever was edited meanwhile, it must not make what
    # comes before it again, as every other job there would too (snakemake#3234). What it was told of
    # that is known only after this file.
    type(workflow).rerun_triggers = frozenset()
# what was fetched has the listed checksum, whatever code fetched it: no update may fetch it again
CODE["fetch_bold"] = "1"
VARIANTS = _regions["variants"]
REGION_MAPS = _regions["maps"]
REGION_ATLASES = _regions["atlases"]
MADE_ATLASES = list(dict.fromkeys([*PARCELLATIONS, *REGION_ATLASES]))
PARCELLATION_SETTINGS |= {
    name: {"name": name, "image": None, "labels": None, "space": None}
    for name in MADE_ATLASES
    if name not in PARCELLATIONS
}
PARCELLATION_FILES = parcellation_files(STUDY, NAMED_PARCELLATIONS, REGION_ATLASES)
ATLASES_DIR = STUDY.circuits.atlases_dir and str(
    expand_path(STUDY.circuits.atlases_dir)
)
FOLDERS = (
    [str(DEMO / "fmriprep")]
    if STUDY.study.simulated
    else [str(expand_path(path)) for path in STUDY.study.folders]
)

# only the first process asks the network, and only for what is not here yet
if workflow.is_main_process:
    try:
        prepare(STUDY.study)
    except StudyError as error:
        raise WorkflowError(f"The study cannot be fetched:\n{error}") from None
TABLES = [str(path) for path in input_tables(STUDY, [Path(each) for each in FOLDERS])]
INSTRUMENTS = [str(path) for path in instrument_files(STUDY.scores)]

LOCK = STUDY.statistics.preregistration and expand_path(
    STUDY.statistics.preregistration
)
BY_HAND = STUDY.quality.exclusions and find_table(
    STUDY.quality.exclusions, [Path(folder) for folder in FOLDERS]
)

# jobs on other machines parse this file again: only the first process looks at the derivatives
USABLE = True
if STUDY.study.simulated:
    FOUND = demo_manifest(STUDY.statistics.seed, DEMO / "fmriprep")
elif workflow.is_main_process:
    _places = [Path(folder) for folder in FOLDERS]
    _index = index_runs(STUDY.study, _places)
    _absent = absent_files(_index, _places)
    _early = early_problems(
        STUDY,
        _index,
        _places,
        absent=_absent,
        by_hand=BY_HAND,
        registry=REGISTRY,
        parcellations=NAMED_PARCELLATIONS,
    )
    USABLE = make_plan(STUDY, _index, _places, extra=_early).usable
    FOUND = without(indexed_manifest(_index), _absent)
    leave(MANIFEST, FOUND)
else:
    FOUND = read_json(MANIFEST)

# what a lab leaves out by hand is planned, but never read
RUNS = without(FOUND, manual_exclusions(BY_HAND, named_runs(FOUND)).runs)

# images that are fetched come with their own job, others must be there
OPENNEURO = STUDY.study.openneuro
KEEP_IMAGES = OPENNEURO is None or OPENNEURO.keep_images
FETCHED = str(expand_path(OPENNEURO.derivatives)) if OPENNEURO else "sourcedata/none"
LISTING = OPENNEURO and str(OPENNEURO.listing)
EARLIER = earlier_images(RUNS) if OPENNEURO else {}
# kept images that are here are files like any other: an edited script must not fetch them again
TO_FETCH = [
    run for run in EARLIER if not KEEP_IMAGES or not Path(RUNS[run]["bold"]).is_file()
]

SIBLINGS = siblings(RUNS, matched=STUDY.denoising.match_volumes)
NAMES = list(RUNS)


def entry(path, within):
    """Return a function that finds what a mapping has for a job, such as "{run}/bold".

    Snakemake's own lookup() goes through the whole mapping for every job.
    """

    def found(wildcards):
        content = within
        for key in path.format(**wildcards).split("/"):
            content = content[key]
        return content

    return found


def every_run(*patterns):
    """Return a function that lists files of all runs, each run's in the order of the patterns.

    A job on another machine parses this file again: it must not list what only other jobs need.
    """

    def listed(wildcards):
        return [
            pattern.format(run=name, folder=run["folder"])
            for name, run in RUNS.items()
            for pattern in patterns
        ]

    return listed


def tables_found(wildcards):
    """Return the confounds of all runs, also of those left out by hand, and their sidecars."""
    return [
        file for run in FOUND.values() for file in (run["confounds"], *run["sidecars"])
    ]


def run_memory(wildcards, input, attempt):
    """Return the MB that one BOLD run is given, more at every attempt."""
    return memory_mb(Path(input.bold), attempt)


def group_memory(wildcards, attempt):
    """Return the MB of a job that reads the tables of all runs, more at every attempt."""
    return attempt * (2000 + len(RUNS))


def edge_memory(wildcards, input, attempt):
    """Return the MB of the job that tests every edge of all sessions, more at every attempt."""
    return matrices_mb([Path(path) for path in input.relmats], attempt, copies=8)


def matrix_memory(wildcards, input, attempt):
    """Return the MB of a job that holds a matrix of every session, more at every attempt."""
    # those of several strategies are gone through one strategy after the other
    one_strategy = input.relmats[:: len(input.relmats) // max(len(RUNS), 1) or 1]
    return matrices_mb([Path(path) for path in one_strategy], attempt)


def group_minutes(wildcards, input, attempt):
    """Return the minutes of a job that reads files of all runs, more at every attempt."""
    return reading_minutes(len(input), attempt)


def edge_minutes(wildcards, input, attempt):
    """Return the minutes of the job that tests every edge of all sessions, more at every attempt."""
    files = [Path(path) for path in input.relmats]
    return edgewise_minutes(files, attempt, permutations=STUDY.statistics.permutations)


def run_minutes(wildcards, input, attempt):
    """Return the minutes that one BOLD run is given, more at every attempt."""
    return minutes(Path(input.bold), attempt)


def denoise_memory(wildcards, input, attempt):
    """Return the MB that the denoising of one run is given, more at every attempt."""
    return denoising_mb(Path(input.confounds), attempt)


def denoise_minutes(wildcards, input, attempt):
    """Return the minutes that the denoising of one run is given, more at every attempt."""
    return denoising_minutes(Path(input.confounds), attempt)


wildcard_constraints:
    atlas="[A-Za-z0-9]+",
    strategy="[A-Za-z0-9_]+",
    folder="sub-[A-Za-z0-9]+/ses-[A-Za-z0-9]+/func",
    run="sub-[^/]+",
    version="space-[^/]+",
    participant="sub-[A-Za-z0-9]+",
    session="[A-Za-z0-9]+",
    figure="[a-z]+",
