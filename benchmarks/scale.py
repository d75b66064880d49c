"""Planning, dry runs and the parse of a worker's job as a study grows, on skeleton datasets.

Every call is a Snakemake of its own, as users and executors start it; see README.md beside this
file. The images hold a few voxels, since none of these calls opens one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

REPO = Path(__file__).resolve().parents[1]
SPACE = "MNI152NLin2009cAsym"
SESSIONS = ("pre", "post")
COLUMNS = ("people", "runs", "call", "seconds", "cpu_seconds", "peak_mb")
NOTHING = "nothing"
"""The one file that all files that are never read are links to."""
LINKED = 1000
"""Participants whose files are links to the same ones: ext4 allows 65,000 links to a file."""

CONFIG = {
    "study": {
        "name": "scale",
        "derivatives": "fmriprep",
        "sessions": {session: session for session in SESSIONS},
        "arms": {"column": "arm", "ketamine": "ketamine", "control": "midazolam"},
    },
    "scores": {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}},
    "denoising": {"primary": "acompcor", "strategies": ["acompcor", "24P", "36P"]},
    "circuits": {"parcellation": "KetfcVoronoi239"},
}

FLOOR = """
RUNS = range({runs})
def of_person(wildcards):
    first = 2 * int(wildcards.person)
    return expand("{{run}}_{{i}}", run=[first, first + 1], i=range({paged}))
rule all:
    input: "group", expand("{{person}}.html", person=range({people}))
rule run:
    input: expand("given/{{i}}", i=range({inputs}))
    output: expand("{{run}}_{{i}}", i=range({outputs}), allow_missing=True)
    log: "logs/{{run}}.log"
    benchmark: "logs/{{run}}.tsv"
    shell: ""
rule group:
    input: expand("{{run}}_{{i}}", run=RUNS, i=[*range({outputs}), *range({outputs})][:{grouped}])
    output: "group"
    shell: ""
rule page:
    input: of_person
    output: "{{person}}.html"
    shell: ""
"""
"""As many jobs and files as the workflow has, in few rules that need nothing."""


def image(n_volumes: int) -> bytes:
    """Return a gzipped NIfTI image of 3 × 3 × 3 voxels."""
    import nibabel as nib
    import numpy as np

    shape = (3, 3, 3, n_volumes) if n_volumes > 1 else (3, 3, 3)
    made = nib.Nifti1Image(np.ones(shape, dtype=np.int16), np.diag([2.0, 2, 2, 1]))
    if n_volumes > 1:
        made.header.set_zooms((2, 2, 2, 2))
    return gzip.compress(made.to_bytes(), mtime=0)


def prototypes(folder: Path) -> dict[str, Path]:
    """Write one file of each kind, about as large as fMRIPrep's where they are read."""
    names = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    names += ["global_signal", "csf", "white_matter"]
    names = [
        f"{n}{e}" for n in names for e in ("", "_derivative1", "_power2", "_derivative1_power2")
    ]
    components = [f"{mask}_comp_cor_{i:02d}" for mask in "cw" for i in range(60)]
    names += [
        "framewise_displacement",
        "std_dvars",
        *components,
        *(f"cosine{i:02d}" for i in range(8)),
    ]
    about = {
        name: {
            "CumulativeVarianceExplained": 0.123456789012, "Mask": {"c": "CSF", "w": "WM"}[name[0]],
            "Method": "aCompCor", "Retained": int(name[-2:]) < 40, "SingularValue": 12.3456789,
            "VarianceExplained": 0.0123456789,
        }
        for name in components
    }  # fmt: skip
    row = "\t".join(["0.123456789"] * len(names))
    content = {
        "bold": image(3),
        "mask": image(1),
        "bold.json": json.dumps({"RepetitionTime": 2.0, "SkullStripped": False}).encode(),
        "confounds.tsv": "\n".join(["\t".join(names), *[row] * 200, ""]).encode(),
        "confounds.json": json.dumps(about, indent=4).encode(),
        NOTHING: b"",
    }
    folder.mkdir(parents=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in content}


def files_of(person: str) -> Iterator[tuple[str, str]]:
    """Yield the files that fMRIPrep writes for one participant, and the kind of each."""
    for session in SESSIONS:
        run = f"{person}/ses-{session}/func/{person}_ses-{session}_task-rest"
        yield f"{run}_space-{SPACE}_desc-preproc_bold.nii.gz", "bold"
        yield f"{run}_space-{SPACE}_desc-preproc_bold.json", "bold.json"
        yield f"{run}_space-{SPACE}_desc-brain_mask.nii.gz", "mask"
        yield f"{run}_desc-confounds_timeseries.tsv", "confounds.tsv"
        yield f"{run}_desc-confounds_timeseries.json", "confounds.json"
        for ending in (
            f"space-{SPACE}_boldref.nii.gz",
            f"space-{SPACE}_desc-brain_mask.json",
            "space-T1w_desc-preproc_bold.nii.gz",
            "space-T1w_desc-preproc_bold.json",
            "space-T1w_desc-brain_mask.nii.gz",
            "desc-hmc_boldref.nii.gz",
            "desc-coreg_boldref.nii.gz",
            "from-boldref_to-T1w_mode-image_desc-coreg_xfm.txt",
        ):
            # the recorded voxel size is read from the reference's header
            yield f"{run}_{ending}", "mask" if "hmc" in ending else NOTHING
        for picture in ("bbregister", "carpetplot", "confoundcorr", "rois"):
            yield f"{person}/figures/{Path(run).name}_desc-{picture}_bold.svg", NOTHING
    for ending in (
        "desc-preproc_T1w.nii.gz",
        "desc-preproc_T1w.json",
        "desc-brain_mask.nii.gz",
        "dseg.nii.gz",
        f"space-{SPACE}_desc-preproc_T1w.nii.gz",
        f"space-{SPACE}_desc-brain_mask.nii.gz",
        f"space-{SPACE}_dseg.nii.gz",
        f"from-T1w_to-{SPACE}_mode-image_xfm.h5",
        f"from-{SPACE}_to-T1w_mode-image_xfm.h5",
        "hemi-L_white.surf.gii",
        "hemi-R_white.surf.gii",
    ):
        yield f"{person}/anat/{person}_{ending}", NOTHING


def skeleton(folder: Path, n_people: int) -> None:
    """Write the derivatives of a study of two sessions: few files, and hard links to them."""
    derivatives = folder / "fmriprep"
    rows = ["participant_id\tarm\tSSI_ses-pre\tSSI_ses-post"]
    for i in range(n_people):
        if i % LINKED == 0:
            kinds = prototypes(folder / f"prototypes/{i}")
        person = f"sub-{i + 1:05d}"
        rows.append(f"{person}\t{('ketamine', 'midazolam')[i % 2]}\t{12 + i % 9}\t{2 + i % 11}")
        for place in ("anat", "figures", *(f"ses-{session}/func" for session in SESSIONS)):
            (derivatives / person / place).mkdir(parents=True)
        for name, kind in files_of(person):
            os.link(kinds[kind], derivatives / name)
    about = {"Name": "fMRIPrep", "BIDSVersion": "1.9.0", "DatasetType": "derivative"}
    (derivatives / "dataset_description.json").write_text(json.dumps(about))
    (folder / "participants.tsv").write_text("\n".join([*rows, ""]))
    (folder / "config.yaml").write_text(json.dumps(CONFIG))


def timed(arguments: list[str], folder: Path, log: IO[bytes]) -> dict[str, float]:
    """Run Snakemake and return wall and CPU seconds and the largest process' peak memory.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(arguments)} failed; see {log.name}")
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
    }


def calls(n_people: int) -> dict[str, list[str]]:
    """Return the arguments of every call of the workflow that is timed, in order."""
    study = ["-s", str(REPO / "Snakefile"), "--configfile", "config.yaml"]
    person = f"sub-{n_people:05d}"
    job = f"extract_run:folder={person}/ses-pre/func,run={person}_ses-pre_task-rest"
    return {
        "plan": ["plan", *study],
        "dry run": ["-n", *study],
        # what an executor starts on a node, up to where the job's script would start
        "worker": ["-n", "--mode", "remote", "--force", "--nolock",
                   "--allowed-rules", "extract_run", "--target-jobs", job, *study],
    }  # fmt: skip


def measure(folder: Path, n_people: int) -> Iterator[dict[str, object]]:
    """Yield a row of :data:`COLUMNS` for each call on a skeleton of so many participants."""
    study = folder / f"{n_people}"
    skeleton(study, n_people)
    size = {"people": n_people, "runs": len(SESSIONS) * n_people}
    logs = {}
    for name, arguments in calls(n_people).items():
        logs[name] = folder / f"{n_people}_{name.replace(' ', '_')}.log"
        if name == "worker":
            # when a run's job starts, what all runs need has been made
            for made in outputs(logs["dry run"], "null_spheres", "parcellation"):
                (study / made).parent.mkdir(parents=True, exist_ok=True)
                (study / made).touch()
        with logs[name].open("wb") as log:
            yield {**size, "call": name, **timed(arguments, study, log)}
    floor = folder / f"{n_people}_floor"
    floor.mkdir()
    write_floor(floor, logs["dry run"], n_people)
    with (folder / f"{n_people}_floor.log").open("wb") as log:
        yield {**size, "call": "floor", **timed(["-n"], floor, log)}
    shutil.rmtree(study)


def write_floor(folder: Path, dry_run: Path, n_people: int) -> None:
    """Write the Snakefile of the same shape as what a dry run of the workflow has listed."""
    n_files = Counter[str]()
    for rule, files in listed(dry_run, "input"):
        n_files[rule] += len(files)
    n_runs = len(SESSIONS) * n_people
    jobs = ("extract_run", "denoise_run")
    n_inputs = sum(n_files[rule] for rule in jobs) // n_runs
    shape = {
        "runs": n_runs,
        "people": n_people,
        "inputs": n_inputs,
        "outputs": len(outputs(dry_run, *jobs)) // n_runs,
        "grouped": sum(
            n for rule, n in n_files.items() if rule not in (*jobs, "participant_quality")
        )
        // n_runs,
        "paged": n_files["participant_quality"] // n_runs,
    }
    (folder / "given").mkdir()
    for i in range(n_inputs):
        (folder / f"given/{i}").touch()
    (folder / "Snakefile").write_text(FLOOR.format(**shape))


def outputs(dry_run: Path, *rules: str) -> list[str]:
    """Return the outputs of the jobs of some rules in the text of a dry run."""
    return [file for rule, files in listed(dry_run, "output") if rule in rules for file in files]


def listed(dry_run: Path, what: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each job's rule and its files, "input" or "output", from the text of a dry run.

    The text is not held at once: the kernel counts the memory of who starts a process as its own.
    """
    rule = ""
    with dry_run.open() as lines:
        for line in lines:
            if found := re.match(r" *(?:local)?rule (\w+):$", line):
                rule = found[1]
            # the jobs of a group are indented further
            elif line.lstrip().startswith(f"{what}: "):
                yield rule, line.split(": ", 1)[1].rstrip("\n").split(", ")


def draw(table: Path, picture: Path) -> None:
    """Draw CPU seconds and peak memory of every call against the number of runs."""
    import matplotlib as mpl
    import pandas as pd

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "ketfc"
    import matplotlib.pyplot as plt

    rows = pd.read_csv(table, sep="\t")
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    labels = {
        "floor": "dry run of a Snakefile\nof the same shape",
        "worker": "parse in a worker's job",
    }
    for call, marker in (("plan", "o"), ("dry run", "s"), ("worker", "^"), ("floor", "x")):
        of_call = rows[rows["call"] == call].sort_values("runs")
        for axes, column in zip(panels, ("cpu_seconds", "peak_mb"), strict=True):
            style = {"marker": marker, "label": labels.get(call, call)}
            if call == "floor":
                style |= {"color": "0.55", "linestyle": "--"}
            axes.plot(of_call["runs"], of_call[column], **style)
    for axes, title in zip(panels, ("CPU seconds", "Peak memory, MB"), strict=True):
        axes.set(xscale="log", yscale="log", xlabel="BOLD runs", title=title)
        axes.grid(which="major", alpha=0.3)
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(picture, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", nargs="*", type=int, default=[10, 100, 300, 1000])
    parser.add_argument("--draw", nargs=2, type=Path, metavar=("TSV", "SVG"), help="and do no more")
    parser.add_argument("--folder", type=Path, help="a new folder for everything that is written")
    arguments = parser.parse_args()
    if arguments.draw:
        draw(*arguments.draw)
        return
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="ketfc_scale_"))
    folder.mkdir(parents=True, exist_ok=True)
    print(*COLUMNS, sep="\t")
    for n_people in arguments.people:
        for row in measure(folder, n_people):
            cells = [
                f"{row[name]:.1f}" if isinstance(row[name], float) else row[name]
                for name in COLUMNS
            ]
            print(*cells, sep="\t", flush=True)


if __name__ == "__main__":
    main()
