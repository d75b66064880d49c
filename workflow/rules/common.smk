# What every stage needs to know: the checked configuration and the list of runs.

from pathlib import Path

from snakemake.exceptions import WorkflowError

from ketfc.files import read_json, write_json
from ketfc.imaging.null_spheres import SPHERES
from ketfc.imaging.precheck import fixed_problems
from ketfc.imaging.resources import memory_mb, minutes
from ketfc.imaging.settings import parcellation_files, run_settings
from ketfc.source import source_digest
from ketfc.study.config import expand as expand_path
from ketfc.study.config import find_bundled, parse_config
from ketfc.study.index import index_runs
from ketfc.study.manifest import demo_manifest, digest, indexed_manifest, siblings
from ketfc.study.plan import make_plan
from ketfc.study.problems import StudyError
from ketfc.study.tables import find_table

ROOT = Path(workflow.basedir)
DEMO = Path("resources/demo")
MANIFEST = Path(".snakemake/ketfc_runs.json")

try:
    STUDY = parse_config(config, source="config")
    REGISTRY = str(find_bundled(STUDY.circuits.registry, ROOT))
except StudyError as error:
    raise WorkflowError(f"The configuration cannot be used:\n{error}") from None

CODE = {
    room: source_digest(room) for room in ("study", "imaging", "inference", "reporting")
}
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
RUN_SETTINGS = run_settings(STUDY)
NAMED_PARCELLATIONS = str(ROOT / "atlases/parcellations.yaml")
PARCELLATION_FILES = parcellation_files(STUDY, NAMED_PARCELLATIONS)
ATLASES_DIR = STUDY.circuits.atlases_dir and str(
    expand_path(STUDY.circuits.atlases_dir)
)
FOLDERS = (
    [str(DEMO / "fmriprep")]
    if STUDY.study.simulated
    else [str(expand_path(path)) for path in STUDY.study.derivatives]
)
TABLES = [
    str(path)
    for path in dict.fromkeys(
        find_table(name, [Path(folder) for folder in FOLDERS])
        for name in (STUDY.scores.table, STUDY.study.participants)
    )
    if path.is_file()
]

# jobs on other machines parse this file again: only the first process looks at the derivatives
USABLE = True
if STUDY.study.simulated:
    RUNS = demo_manifest(STUDY.statistics.seed, DEMO / "fmriprep")
elif workflow.is_main_process:
    _places = [Path(folder) for folder in FOLDERS]
    _index = index_runs(STUDY.study, _places)
    _fixed = fixed_problems(STUDY, REGISTRY, NAMED_PARCELLATIONS)
    USABLE = make_plan(STUDY, _index, _places, extra=_fixed).usable
    RUNS = indexed_manifest(_index)
    write_json(MANIFEST, RUNS)
else:
    RUNS = read_json(MANIFEST)

SIBLINGS = siblings(RUNS)
NAMES = list(RUNS)
RUN_FOLDERS = [run["folder"] for run in RUNS.values()]


def run_memory(wildcards, input, attempt):
    """Return the MB that one BOLD run is given, more at every attempt."""
    return memory_mb(Path(input.bold), attempt)


def run_minutes(wildcards, input, attempt):
    """Return the minutes that one BOLD run is given, more at every attempt."""
    return minutes(Path(input.bold), attempt)


wildcard_constraints:
    atlas="[A-Za-z0-9]+",
    strategy="[A-Za-z0-9_]+",
    folder="sub-[A-Za-z0-9]+/ses-[A-Za-z0-9]+/func",
    run="sub-[^/]+",
    participant="sub-[A-Za-z0-9]+",
    session="[A-Za-z0-9]+",
    figure="[a-z]+",
