# What every stage needs to know: the checked configuration and the list of runs.

from pathlib import Path

from snakemake.exceptions import WorkflowError

from ketfc.imaging.settings import run_settings
from ketfc.source import source_digest
from ketfc.study.config import expand as expand_path
from ketfc.study.config import find_bundled, parse_config
from ketfc.study.manifest import (
    demo_manifest,
    digest,
    indexed_manifest,
    planned_manifest,
)
from ketfc.study.problems import StudyError
from ketfc.study.tables import find_table

ROOT = Path(workflow.basedir)
DEMO = Path("resources/demo")
PLANNED_RUNS = Path("results/plan/runs.tsv")

try:
    STUDY = parse_config(config, source="config")
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
PARCELLATION_FILES = {
    name: [
        str(expand_path(path)) for path in (each.image, each.labels) if path is not None
    ]
    for name, each in PARCELLATIONS.items()
}
RUN_SETTINGS = run_settings(STUDY)
REGISTRY = str(find_bundled(STUDY.circuits.registry, ROOT))
NAMED_PARCELLATIONS = str(ROOT / "atlases/parcellations.yaml")
FOLDERS = (
    [str(DEMO / "fmriprep")]
    if STUDY.study.simulated
    else [str(expand_path(path)) for path in STUDY.study.derivatives]
)
TABLES = [
    str(path)
    for path in {
        find_table(name, [Path(folder) for folder in FOLDERS])
        for name in (STUDY.scores.table, STUDY.study.participants)
    }
    if path.is_file()
]

# jobs parse this file again: only the first process looks at the derivatives, jobs read the plan
if STUDY.study.simulated:
    RUNS = demo_manifest(STUDY.statistics.seed, DEMO / "fmriprep")
elif workflow.is_main_process or not PLANNED_RUNS.exists():
    RUNS = indexed_manifest(STUDY)
else:
    RUNS = planned_manifest(PLANNED_RUNS)

NAMES = list(RUNS)
RUN_FOLDERS = [run["folder"] for run in RUNS.values()]


wildcard_constraints:
    atlas="[A-Za-z0-9]+",
    strategy="[A-Za-z0-9_]+",
    folder="sub-[A-Za-z0-9]+/ses-[A-Za-z0-9]+/func",
    run="sub-[^/]+",
    participant="sub-[A-Za-z0-9]+",
    session="[A-Za-z0-9]+",
    figure="[a-z]+",
