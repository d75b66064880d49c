"""Manifest of the runs that the workflow is built from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ketfc.study.runs.index import Index, RunName

Manifest = dict[str, dict[str, str | list[str]]]
"""By run: ``participant_id``, ``session``, ``folder``, ``bold``, ``mask``, ``confounds`` and the
list of ``sidecars`` that exist."""


def demo_manifest(seed: int, folder: Path) -> Manifest:
    """Return the runs of the demo study, which is simulated under `folder`."""
    from ketfc.demo.study import SPACE, TASK, demo_runs

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


def indexed_manifest(index: Index) -> Manifest:
    """Return the complete runs of an index; the plan reports what the others lack."""
    return {
        run.name: _entry(
            run.participant_id,
            run.session,
            {"bold": run.bold, "mask": str(run.mask), "confounds": str(run.confounds)},
        )
        for run in index.runs
        if run.complete
    }


def named_runs(runs: Manifest) -> list[RunName]:
    """Return the runs as a table of exclusions may name them."""
    return [
        RunName(name, str(run["participant_id"]), str(run["session"])) for name, run in runs.items()
    ]


def without(runs: Manifest, names: Collection[str]) -> Manifest:
    """Return the manifest without some of its runs, which are then never read."""
    return {name: run for name, run in runs.items() if name not in names}


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


def siblings(runs: Manifest, *, compared: bool) -> dict[str, dict[str, list[str]]]:
    """Return the files of a participant's other runs that each run's job needs.

    Parameters
    ----------
    runs : dict
        The manifest.
    compared : bool
        Whether confounds and sidecars are needed too: where sessions are matched in volumes, and
        for aCompCor, whose masks must be the same.

    Returns
    -------
    dict
        By run: lists of images (``bold``), masks (``mask``), ``confounds``, ``session`` labels and
        ``sidecars``; the last three are empty unless `compared`.
    """
    by_participant: dict[str, list[str]] = {}
    for name, run in runs.items():
        by_participant.setdefault(str(run["participant_id"]), []).append(name)
    found = {}
    for name, run in runs.items():
        others = [other for other in by_participant[str(run["participant_id"])] if other != name]
        read = others if compared else []
        found[name] = {key: [str(runs[other][key]) for other in others] for key in ("bold", "mask")}
        found[name] |= {
            key: [str(runs[other][key]) for other in read] for key in ("confounds", "session")
        }
        found[name]["sidecars"] = [path for other in read for path in runs[other]["sidecars"]]
    return found


def files_by_participant(
    runs: Manifest, templates: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, list[str]]]:
    """Return the runs, sessions and files of each participant.

    Parameters
    ----------
    runs : mapping
        The manifest.
    templates : mapping of str to sequence of str
        Names of files with ``{folder}`` and ``{run}`` in them.

    Returns
    -------
    dict of str to dict of str to list of str
        By participant: ``runs`` and their ``sessions``, and each template's files, those of the
        first run first.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for name, run in sorted(runs.items()):
        own = found.setdefault(
            str(run["participant_id"]), {key: [] for key in ("runs", "sessions", *templates)}
        )
        own["runs"].append(name)
        own["sessions"].append(str(run["session"]))
        for key, files in templates.items():
            own[key] += [str(file).format(folder=run["folder"], run=name) for file in files]
    return found


def digest(content: Mapping[str, Any]) -> str:
    """Return a short text that changes with the content: runs that move, a key of the config."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
