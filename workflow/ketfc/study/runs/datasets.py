"""Recognise folders that are named for fMRIPrep derivatives and are something else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ketfc.base.english import listed
from ketfc.base.files import read_json_of_others
from ketfc.study.runs.bids_files import NameParts, functional_files

DESCRIPTION = "dataset_description.json"

_DEPTH = 2
"""Levels below a folder at which derivatives are looked for, to name them."""

_SHOWN = 3

_DENOISED = {
    "xcp": "the results of XCP-D",
    "giga": "the results of giga_connectome",
    "ketfc": "results of ketfc itself",
    "halfpipe": "the results of HALFpipe",
}
"""By a part of the name of the software, what its datasets hold: no image that is denoised here."""


def is_preprocessed(row: Mapping[str, Any]) -> bool:
    """Return True for a BOLD image as fMRIPrep writes it."""
    return (
        row["suffix"] == "bold" and row["desc"] == "preproc" and row["ext"] in (".nii.gz", ".nii")
    )


def mistaken_folder(folder: Path) -> str | None:
    """Return what a folder without preprocessed images is, and what to name in its place.

    Parameters
    ----------
    folder : pathlib.Path
        A folder that exists. Its ``dataset_description.json`` and the names of its files are
        looked at, and the folders below it.

    Returns
    -------
    str or None
        The rest of a sentence about the folder; None if nothing is known of it.
    """
    made_by, kind = _description(folder)
    rows = list(functional_files(folder))
    below = list(derivatives_below(folder))
    write = f"; write {_choice(below)}"
    software = next((what for name, what in _DENOISED.items() if name in made_by), None)
    if software or any(row["desc"] == "denoised" for row in rows):
        what = software or _DENOISED["xcp"]
        source = write if below else "; name the fMRIPrep derivatives that they were made from"
        return f"holds {what}, and ketfc denoises by itself{source}"
    raw = [row for row in rows if row["suffix"] == "bold" and not row["desc"]]
    if kind == "raw" or (raw and all(row["space"] is None for row in raw)):
        source = write if below else "; name its fMRIPrep derivatives"
        return f"is a raw BIDS dataset, not preprocessed{source}"
    if folder.name.startswith("sub-"):
        return f"is the folder of one participant; write the folder above it: {folder.parent}"
    if below:
        return f"lies above the derivatives{write}"
    if "fmriprep" in made_by:
        return (
            "is of fMRIPrep, but holds no preprocessed BOLD image (*_desc-preproc_bold.nii.gz); "
            "run it with --output-spaces MNI152NLin2009cAsym, or fetch the images"
        )
    return None


def _description(folder: Path) -> tuple[str, str]:
    """Return the software that made a dataset and its type, in small letters; what is known."""
    try:
        about = read_json_of_others(folder / DESCRIPTION)
    except (OSError, ValueError):
        return "", ""
    if not isinstance(about, dict):
        return "", ""
    made = about.get("GeneratedBy")
    names = (
        [each.get("Name") for each in made if isinstance(each, dict)]
        if isinstance(made, list)
        else []
    )
    pipeline = about.get("PipelineDescription")
    names += [pipeline.get("Name")] if isinstance(pipeline, dict) else []
    return " ".join(map(str, names)).casefold(), str(about.get("DatasetType", "")).casefold()


def derivatives_below(folder: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """Yield the folders with preprocessed images below a folder, the nearest first."""
    try:
        inside = sorted(Path(each.path) for each in os.scandir(folder) if each.is_dir())
    except OSError:
        return
    others = [each for each in inside if not each.name.startswith(("sub-", "."))]
    for each in others:
        if any(map(is_preprocessed, _files(each))):
            yield each
        elif depth > 1:
            yield from derivatives_below(each, depth - 1)


def _files(folder: Path) -> Iterator[NameParts]:
    try:
        yield from functional_files(folder)
    except OSError:
        return


def _choice(folders: list[Path]) -> str:
    shown = [str(folder) for folder in folders[:_SHOWN]]
    more = len(folders) - len(shown)
    return " or ".join(shown) if not more else listed([*shown, f"one of {more} others"])
