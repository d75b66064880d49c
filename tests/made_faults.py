"""A catalogue of damaged input: named faults, each of which spoils one file of a small study."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from made_study import Study, save

BOLD, MASK = "_desc-preproc_bold.nii.gz", "_desc-brain_mask.nii.gz"
BOLD_JSON = "_desc-preproc_bold.json"
CONFOUNDS = "_desc-confounds_timeseries.tsv"
CONFOUNDS_JSON = "_desc-confounds_timeseries.json"
HIT = ("01", "pre")
"""The session that damaged runs are of."""

Damage = Callable[[Study, np.random.Generator], None]

REFUSED, EXCLUDED, PARTLY, SAME, NOTED = "refused", "excluded", "partly", "same", "noted"
"""Consequences of a fault: the plan stops; the run, or strategies of it, are left out; every number
is as before; or something changes and a message, or a column made for it, says so."""


@dataclass(frozen=True)
class Fault:
    """A fault, what must come of it, and what the user must be told."""

    kind: str
    damage: Damage
    outcome: str
    says: str = ""


FAULTS: dict[str, Fault] = {}


def add(kind: str, name: str, damage: Damage, outcome: str, says: str = "") -> None:
    """Enter a fault into the catalogue."""
    full = f"{kind}: {name}"
    assert full not in FAULTS, full
    FAULTS[full] = Fault(kind, damage, outcome, says)


def put(path: Path, content: bytes) -> None:
    """Replace a file; the one that was there may be shared with the undamaged study."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def hit(study: Study, ending: str) -> Path:
    """Return a file of the damaged run, or of the study."""
    return study.file(*HIT, ending) if ending.startswith("_") else study.folder / ending


def edited(ending: str, edit: Callable[[bytes, np.random.Generator], bytes]) -> Damage:
    """Return a fault that changes the bytes of a file."""

    def damage(study: Study, rng: np.random.Generator) -> None:
        path = hit(study, ending)
        put(path, edit(path.read_bytes(), rng))

    return damage


def content(ending: str, new: bytes | str) -> Damage:
    """Return a fault that replaces a file."""
    new = new.encode() if isinstance(new, str) else new
    return edited(ending, lambda old, rng: new)


def text(ending: str, edit: Callable[[str], str], encoding: str = "utf-8") -> Damage:
    """Return a fault that changes a text."""
    return edited(ending, lambda old, rng: edit(old.decode()).encode(encoding))


def image(ending: str, edit: Callable[[bytes, np.random.Generator], bytes]) -> Damage:
    """Return a fault that changes the inflated bytes of an image."""
    return edited(ending, lambda old, rng: gzip.compress(edit(gzip.decompress(old), rng), 1))


def header(ending: str, **fields: Any) -> Damage:
    """Return a fault that sets fields of a NIfTI-1 header, as they are; ``dim1`` is ``dim[1]``."""

    def edit(old: bytes, rng: np.random.Generator) -> bytes:
        head = nib.Nifti1Header(old[:348], check=False)
        for name, value in fields.items():
            place = re.fullmatch(r"(dim|pixdim|srow_[xyz])(\d)", name)
            if place:
                head[place[1]][int(place[2])] = value
            else:
                head[name] = value
        return bytes(head.binaryblock) + old[348:]

    return image(ending, edit)


def affine(ending: str, matrix: np.ndarray) -> Damage:
    """Return a fault that changes the sform and qform of an image."""

    def edit(old: bytes, rng: np.random.Generator) -> bytes:
        head = nib.Nifti1Header(old[:348], check=False)
        new = matrix @ head.get_sform()
        head["srow_x"], head["srow_y"], head["srow_z"] = new[:3]
        head["qform_code"] = 0
        return bytes(head.binaryblock) + old[348:]

    return image(ending, edit)


def voxels(edit: Callable[[np.ndarray], Any], ending: str = BOLD, kind: str = "float32") -> Damage:
    """Return a fault that changes the numbers of an image, stored as another type."""

    def damage(study: Study, rng: np.random.Generator) -> None:
        path = hit(study, ending)
        loaded: Any = nib.load(path)
        data = np.asanyarray(loaded.dataobj).astype(kind)
        path.unlink()
        changed = edit(data)
        save(path, data if changed is None else changed, loaded.affine)

    return damage


def plain(edit: Callable[[bytes, np.random.Generator], bytes]) -> Damage:
    """Return a fault of a BOLD image that is not gzipped."""

    def damage(study: Study, rng: np.random.Generator) -> None:
        path = hit(study, BOLD)
        inflated = gzip.decompress(path.read_bytes())
        path.unlink()
        path.with_suffix("").write_bytes(edit(inflated, rng))

    return damage


def cut(old: bytes, rng: np.random.Generator) -> bytes:
    return old[: int(rng.integers(1, len(old)))]


def flip(old: bytes, rng: np.random.Generator) -> bytes:
    """Flip a bit behind the header of a gzip file and before its last eight bytes."""
    place = int(rng.integers(20, len(old) - 8))
    return old[:place] + bytes([old[place] ^ (1 << int(rng.integers(8)))]) + old[place + 1 :]


def line(number: int, edit: Callable[[str], str]) -> Callable[[str], str]:
    """Return a function that changes one line of a text."""

    def changed(whole: str) -> str:
        rows = whole.split("\n")
        rows[number] = edit(rows[number])
        return "\n".join(rows)

    return changed


def in_its_place_a_folder(ending: str) -> Damage:
    """Return a fault that puts a folder where a file was."""

    def damage(study: Study, rng: np.random.Generator) -> None:
        path = hit(study, ending)
        path.unlink()
        path.mkdir()

    return damage


TABLES = frozenset({"participants", "scores", "left out by hand", "parcellation", "registry",
                    "configuration"})  # fmt: skip
"""Kinds of faults that the plan, and not the extraction of a run, has to deal with."""
