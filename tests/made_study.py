"""A small study, written as fMRIPrep writes one, and ways to run the workflow on it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from made_runs import confounds_table, nifti_bytes, write_gzip

REPO = Path(__file__).parents[1]
SPACE = "MNI152NLin2009cAsym"
VOXEL = 10.0
SHAPE = (17, 21, 17)
AFFINE = np.diag([VOXEL, VOXEL, VOXEL, 1.0])
AFFINE[:3, 3] = (-80, -112, -50)
N_VOLUMES, REPETITION_TIME = 100, 2.0
ARMS = {"column": "arm", "ketamine": "ketamine", "control": "midazolam"}
STRATEGIES = ["none", "24P", "36P", "acompcor", "acompcor_gsr"]

CONFIG: dict[str, Any] = {
    "study": {
        "native-voxel-size": [3, 3, 3],
        "name": "tiny",
        "derivatives": "fmriprep",
        "sessions": {"pre": "pre", "post": "post"},
        "arms": ARMS,
    },
    "scores": {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}},
    "denoising": {"primary": "acompcor", "strategies": STRATEGIES, "min-time": 60},
    "circuits": {
        "parcellation": {
            "name": "Blocks",
            "image": "blocks.nii.gz",
            "labels": "blocks.tsv",
            "space": SPACE,
        }
    },
    "statistics": {"permutations": 200},
}


@dataclass(frozen=True)
class Finished:
    """Outcome of a call of snakemake: `text` on either stream, `log` in its own log."""

    code: int
    text: str
    log: str = ""

    @property
    def jobs(self) -> dict[str, int]:
        """Jobs by rule, as the table of a dry run or the start of a run lists them."""
        said = self.text + self.log
        table = re.search(r"^job +count\n[- ]+\n((?:\S+ +\d+\n)+)", said, re.MULTILINE)
        lines = table.group(1).splitlines() if table else []
        return {name: int(n) for name, n in map(str.split, lines) if name != "total"}

    @property
    def runs(self) -> list[str]:
        """Runs that a dry run would denoise, sorted."""
        return self._runs_of("denoise_run")

    @property
    def reads(self) -> list[str]:
        """Runs whose images a dry run would read, sorted."""
        return self._runs_of("extract_run")

    def _runs_of(self, rule: str) -> list[str]:
        said = self.text + self.log
        return sorted(re.findall(rf"^ *rule {rule}:(?:\n .*)*?wildcards: .*run=(\S+)", said, re.M))


@dataclass(frozen=True)
class Study:
    """A working directory with a study in it."""

    folder: Path

    @property
    def derivatives(self) -> Path:
        return self.folder / "fmriprep"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def func(self, participant: str, session: str) -> Path:
        return self.derivatives / f"sub-{participant}/ses-{session}/func"

    def file(self, participant: str, session: str, ending: str) -> Path:
        """Return the one file of a run whose name ends so."""
        (found,) = self.func(participant, session).glob(f"*{ending}")
        return found

    def configure(self, **sections: dict[str, Any]) -> None:
        """Write config.yaml: the usual one with keys of some sections changed."""
        names = dict.fromkeys([*CONFIG, *sections])
        content = {name: CONFIG.get(name, {}) | sections.get(name, {}) for name in names}
        text = yaml.safe_dump(content, sort_keys=False)
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")

    def run(
        self, *arguments: str, cores: int = 2, cwd: Path | None = None, **code: Path
    ) -> Finished:
        """Run snakemake here with config.yaml, and with the code of :func:`snakemake`."""
        file = str(self.folder / "config.yaml") if cwd else "config.yaml"
        # last, since --configfile takes whatever follows it for another file
        arguments = (*arguments, "--configfile", file)
        return snakemake(*arguments, folder=cwd or self.folder, cores=cores, **code)

    def copy(self, folder: Path) -> Study:
        """Copy everything, with the times of the files, on which snakemake decides."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True, symlinks=True)
        return Study(folder)

    def newest_log(self) -> str:
        """Return Snakemake's own log of the last run here, which has more than the terminal."""
        return max(_logs(self.folder)).read_text(encoding="utf-8")

    def listing(self) -> dict[str, bytes]:
        """Return every file of the derivatives with its content."""
        return contents(self.derivatives)


def command(*arguments: str, cores: int, repo: Path = REPO) -> list[str]:
    call = [sys.executable, "-m", "snakemake", "-s", str(repo / "Snakefile")]
    return [*call, "--cores", str(cores), "--nocolor", *arguments]


def snakemake(
    *arguments: str,
    folder: Path,
    cores: int = 2,
    repo: Path = REPO,
    library: Path = REPO / "workflow",
) -> Finished:
    """Run snakemake in a folder and return what came of it.

    `repo` is a clone whose rules and scripts are used, `library` the folder that ketfc is in.
    """
    before = _logs(folder)
    done = subprocess.run(
        command(*arguments, cores=cores, repo=repo),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(library)},
        check=False,
    )
    # a dry run has none
    new = sorted(_logs(folder) - before)
    return Finished(
        done.returncode, done.stdout, "".join(log.read_text(encoding="utf-8") for log in new)
    )


def _logs(folder: Path) -> set[Path]:
    """Return Snakemake's own logs of all calls in a folder."""
    return set((folder / ".snakemake/log").glob("*.log"))


def contents(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    """Return the content of every file under a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob(pattern))
        if path.is_file()
    }


def tables(study: Study) -> dict[str, bytes]:
    """Return every finished table of the results with its content."""
    # a process that is killed while it writes leaves the temporary file, under a hidden name
    found = contents(study.results, "*.tsv")
    return {name: content for name, content in found.items() if "/.tmp-" not in f"/{name}"}


def assert_nothing_half_written(study: Study, whole: Study) -> None:
    """Assert that every table and sidecar there is has the bytes of an undisturbed run."""
    for pattern in ("*.tsv", "*.json"):
        theirs = contents(whole.results, pattern)
        mine = contents(study.results, pattern)
        finished = [name for name in mine if "/.tmp-" not in f"/{name}"]
        assert [name for name in finished if mine[name] != theirs.get(name)] == []


def assert_same_tables(study: Study, other: Study) -> None:
    mine, theirs = tables(study), tables(other)
    assert sorted(mine) == sorted(theirs)
    assert [name for name in mine if mine[name] != theirs[name]] == []


def brain() -> np.ndarray:
    """Return an ellipsoid about as large as a brain."""
    index = np.stack(np.indices(SHAPE), axis=-1)
    world = index * VOXEL + AFFINE[:3, 3] - (0, -18, 8)
    return ((world / (82, 100, 74)) ** 2).sum(axis=-1) <= 1


def save(
    path: Path,
    data: np.ndarray,
    affine: np.ndarray = AFFINE,
    *,
    repetition_time: float = REPETITION_TIME,
) -> None:
    """Write a NIfTI image; int16 has a scale factor, as BOLD often has."""
    scaled = {"slope": 0.5, "inter": 0.0} if data.dtype == np.int16 else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_gzip(path, nifti_bytes(data, affine, repetition_time=repetition_time, **scaled))


def bold_image(rng: np.random.Generator) -> np.ndarray:
    """Return int16 noise that is correlated between voxels, around a mean of a brain."""
    shared = rng.standard_normal((6, N_VOLUMES))
    loading = rng.standard_normal((*SHAPE, 6))
    noise = loading @ shared + 3 * rng.standard_normal((*SHAPE, N_VOLUMES))
    return np.rint(5000 + 20 * noise).astype(np.int16) * brain()[..., None].astype(np.int16)


def write_confounds(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, sep="\t", na_rep="n/a", index=False, float_format="%.8g")


def write_run(study: Study, participant: str, session: str, *, run: str = "") -> None:
    """Write one run with its mask, confounds and sidecars."""
    seed = [int(participant), len(session), *map(ord, run)]
    stem = study.func(participant, session) / f"sub-{participant}_ses-{session}_task-rest{run}"
    space = f"{stem}_space-{SPACE}"
    save(Path(f"{space}_desc-preproc_bold.nii.gz"), bold_image(np.random.default_rng(seed)))
    save(Path(f"{space}_desc-brain_mask.nii.gz"), brain().astype(np.uint8))
    about = {"RepetitionTime": REPETITION_TIME, "SkullStripped": False}
    Path(f"{space}_desc-preproc_bold.json").write_text(json.dumps(about), encoding="utf-8")
    table = confounds_table(N_VOLUMES, seed=sum(seed))
    # three volumes to censor
    table.loc[[20, 21, 50], "framewise_displacement"] = 0.8
    write_confounds(Path(f"{stem}_desc-confounds_timeseries.tsv"), table)
    components = {
        column: {"Mask": {"c": "CSF", "w": "WM"}[column[0]], "Retained": True}
        for column in table
        if "_comp_cor_" in column
    }
    sidecar = Path(f"{stem}_desc-confounds_timeseries.json")
    sidecar.write_text(json.dumps(components), encoding="utf-8")


def touch_run(study: Study, participant: str, session: str, *, run: str = "") -> None:
    """Make the files of a run without anything in the images; confounds have their header."""
    stem = study.func(participant, session) / f"sub-{participant}_ses-{session}_task-rest{run}"
    stem.parent.mkdir(parents=True, exist_ok=True)
    for ending in ("desc-preproc_bold.nii.gz", "desc-brain_mask.nii.gz"):
        Path(f"{stem}_space-{SPACE}_{ending}").touch()
    header = "\t".join(confounds_table(2).columns)
    Path(f"{stem}_desc-confounds_timeseries.tsv").write_text(header + "\n", encoding="utf-8")


def write_participants(study: Study, rows: list[dict[str, Any]]) -> None:
    table = pd.DataFrame(rows)
    table.to_csv(study.folder / "participants.tsv", sep="\t", na_rep="n/a", index=False)


def people(n_per_arm: int = 6) -> list[dict[str, Any]]:
    """Return rows of the participants table: both arms, scores of both sessions."""
    rng = np.random.default_rng(7)
    return [
        {
            "participant_id": f"sub-{i + 1:02d}",
            "arm": "ketamine" if i < n_per_arm else "midazolam",
            "SSI_ses-pre": int(rng.integers(12, 25)),
            "SSI_ses-post": int(rng.integers(2, 12 if i < n_per_arm else 20)),
        }
        for i in range(2 * n_per_arm)
    ]


def labels(rows: list[dict[str, Any]]) -> list[str]:
    return [row["participant_id"].removeprefix("sub-") for row in rows]


def write_blocks(study: Study) -> None:
    """Write a parcellation of ten blocks of the brain."""
    part = np.zeros(SHAPE, dtype=np.uint8)
    for label, (i, j) in enumerate([(i, j) for i in range(2) for j in range(5)], start=1):
        part[8 * i + 1 : 8 * i + 8, 4 * j + 1 : 4 * j + 4, 5:12] = label
    save(study.folder / "blocks.nii.gz", part * brain())
    table = pd.DataFrame(
        {
            "index": range(1, 11),
            "name": [f"{side}_Block_{n}" for side in ("LH", "RH") for n in range(1, 6)],
            "network": ["Default", "Default", "SalVentAttn", "Cont", "Cont"] * 2,
        }
    )
    table.to_csv(study.folder / "blocks.tsv", sep="\t", index=False)


def mount(*arguments: str) -> None:
    """Mount something, or skip the test where that is not allowed."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
