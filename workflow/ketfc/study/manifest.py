"""The list of runs that the workflow is built from, cheap enough to read at every start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from ketfc.study.config import Config, expand
from ketfc.study.problems import StudyError

Manifest = dict[str, dict[str, str | list[str]]]
"""By run: ``participant_id``, ``session``, ``folder``, ``bold``, ``mask``, ``confounds`` and the
list of ``sidecars`` that exist."""

_FILES = ("bold", "mask", "confounds")


def demo_manifest(seed: int, folder: Path) -> Manifest:
    """Return the runs of the demo study, which is simulated under `folder`."""
    from ketfc.study.demo import SPACE, TASK, demo_runs

    runs: Manifest = {}
    for participant, session in demo_runs(seed):
        name = f"{participant}_ses-{session}_task-{TASK}"
        place = f"{participant}/ses-{session}/func"
        stem = f"{folder}/{place}/{name}"
        runs[name] = {
            "participant_id": participant,
            "session": session,
            "folder": place,
            "bold": f"{stem}_space-{SPACE}_desc-preproc_bold.nii.gz",
            "mask": f"{stem}_space-{SPACE}_desc-brain_mask.nii.gz",
            "confounds": f"{stem}_desc-confounds_timeseries.tsv",
            "sidecars": [
                f"{stem}_space-{SPACE}_desc-preproc_bold.json",
                f"{stem}_desc-confounds_timeseries.json",
            ],
        }
    return runs


def indexed_manifest(config: Config) -> Manifest:
    """Return the complete runs that the derivatives hold; what is wrong with them is the plan's."""
    from ketfc.study.index import index_runs

    try:
        index = index_runs(config.study, [expand(path) for path in config.study.derivatives])
    except StudyError:
        return {}
    return {
        run.name: _entry(
            run.participant_id,
            run.session,
            {"bold": run.bold, "mask": str(run.mask), "confounds": str(run.confounds)},
        )
        for run in index.runs
        if run.complete
    }


def planned_manifest(runs_tsv: Path) -> Manifest:
    """Return the complete runs of ``plan/runs.tsv``, without looking at the derivatives."""
    header, *lines = runs_tsv.read_text(encoding="utf-8").rstrip("\n").split("\n")
    names = header.split("\t")
    runs: Manifest = {}
    for line in lines:
        row = dict(zip(names, line.split("\t"), strict=True))
        if all(row[key] != "n/a" for key in _FILES):
            files = {key: row[key] for key in _FILES}
            runs[row["run"]] = _entry(row["participant_id"], row["session"], files)
    return runs


def _entry(participant: str, session: str, files: Mapping[str, str]) -> dict[str, str | list[str]]:
    beside = [
        files["bold"].removesuffix(".gz").removesuffix(".nii") + ".json",
        files["confounds"].removesuffix(".tsv") + ".json",
    ]
    return {
        "participant_id": participant,
        "session": session,
        "folder": f"{participant}/ses-{session}/func",
        **files,
        "sidecars": [path for path in beside if Path(path).is_file()],
    }


def digest(runs: Manifest) -> str:
    """Return a short text that changes when runs come, go or move."""
    text = json.dumps(runs, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
