"""A catalogue of damaged input: named faults, each of which spoils one file of a small study."""

from __future__ import annotations

import bz2
import gzip
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from made_study import Study, save

BOLD, MASK = "_desc-preproc_bold.nii.gz", "_desc-brain_mask.nii.gz"
BOLD_JSON = "_desc-preproc_bold.json"
CONFOUNDS = "_desc-confounds_timeseries.tsv"
CONFOUNDS_JSON = "_desc-confounds_timeseries.json"
HIT = ("01", "pre")
"""The session that damaged runs are of."""

Damage = Callable[[Study, np.random.Generator], None]

REFUSED, EXCLUDED, PARTLY, SAME, NOTED = "refused", "excluded", "partly", "same", "noted"
"""What comes of a fault: the plan stops; the run, or strategies of it, are left out; every number
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


def _translate(x: float, y: float, z: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


_SHEAR = np.eye(4)
_SHEAR[0, 1] = 0.3
_SINGULAR = np.diag([1.0, 1.0, 0.0, 1.0])
_NAN = np.eye(4)
_NAN[1, 3] = np.nan

# --- headers of images ------------------------------------------------------------------------

for _name, _fields, _outcome, _says in (
    ("no dimension", {"dim0": 0}, EXCLUDED, ""),
    ("three dimensions", {"dim0": 3}, EXCLUDED, "not a series"),
    ("five dimensions", {"dim0": 5, "dim5": 2}, EXCLUDED, "not a series"),
    ("five dimensions of which one is 1", {"dim0": 5, "dim5": 1}, EXCLUDED, "not a series"),
    ("nine dimensions", {"dim0": 9}, EXCLUDED, ""),
    ("negative number of dimensions", {"dim0": -4}, EXCLUDED, ""),
    ("no columns", {"dim1": 0}, EXCLUDED, ""),
    ("negative rows", {"dim2": -21}, EXCLUDED, ""),
    ("a column more", {"dim1": 18}, EXCLUDED, ""),
    ("a slice less", {"dim3": 16}, EXCLUDED, ""),
    ("rows and columns changed over", {"dim1": 21, "dim2": 17}, EXCLUDED, ""),
    ("a volume more", {"dim4": 101}, EXCLUDED, "rows"),
    ("a volume less", {"dim4": 99}, EXCLUDED, "rows"),
    ("no volume", {"dim4": 0}, EXCLUDED, ""),
    ("as many volumes as there can be", {"dim4": 32767}, EXCLUDED, ""),
    ("as many voxels as there can be",
     {"dim1": 32767, "dim2": 32767, "dim3": 32767, "datatype": 64, "bitpix": 64}, EXCLUDED, ""),
    ("a type that does not exist", {"datatype": 3}, EXCLUDED, ""),
    ("no type", {"datatype": 0}, EXCLUDED, ""),
    ("bits", {"datatype": 1, "bitpix": 1}, EXCLUDED, ""),
    ("complex numbers", {"datatype": 32, "bitpix": 64}, EXCLUDED, ""),
    ("colours", {"datatype": 128, "bitpix": 24}, EXCLUDED, ""),
    ("a narrower type", {"datatype": 2, "bitpix": 8}, EXCLUDED, ""),
    ("a wider type", {"datatype": 16, "bitpix": 32}, EXCLUDED, ""),
    ("bits that contradict the type", {"bitpix": 32}, SAME, ""),
    ("data before the header ends", {"vox_offset": 100}, EXCLUDED, ""),
    ("data sixteen bytes later", {"vox_offset": 368}, EXCLUDED, ""),
    ("data behind the end", {"vox_offset": 1e9}, EXCLUDED, ""),
    ("data unthinkably far away", {"vox_offset": 3e38}, EXCLUDED, ""),
    ("data at a negative place", {"vox_offset": -352}, EXCLUDED, ""),
    ("data at no number", {"vox_offset": np.nan}, EXCLUDED, ""),
    ("data at infinity", {"vox_offset": np.inf}, EXCLUDED, ""),
    ("infinite slope", {"scl_slope": np.inf}, EXCLUDED, "slope"),
    ("intercept that is no number", {"scl_inter": np.nan}, EXCLUDED, ""),
    ("infinite intercept", {"scl_inter": -np.inf}, EXCLUDED, ""),
    ("magic of a header without data", {"magic": b"ni1"}, SAME, ""),
    ("no magic", {"magic": b""}, EXCLUDED, ""),
    ("magic of something else", {"magic": b"xyz"}, EXCLUDED, ""),
    ("size of another header", {"sizeof_hdr": 347}, SAME, ""),
    ("neither sform nor qform", {"sform_code": 0, "qform_code": 0}, EXCLUDED, "where its voxels"),
    ("sform that is no number", {"srow_x0": np.nan}, EXCLUDED, ""),
    ("infinite sform", {"srow_z3": np.inf}, EXCLUDED, ""),
    ("singular sform", {"srow_y0": 0, "srow_y1": 0, "srow_y2": 0}, EXCLUDED, ""),
    ("sform shifted, qform not", {"srow_x3": -70}, EXCLUDED, ""),
    ("qform shifted, sform not", {"qoffset_x": -60}, EXCLUDED, "qform"),
    ("qform turned, sform not", {"quatern_b": 0.7}, EXCLUDED, "qform"),
    ("impossible quaternion", {"quatern_b": 5.0, "sform_code": 0}, EXCLUDED, ""),
    ("qform of another code shifted", {"qform_code": 1, "qoffset_x": -60}, SAME, ""),
    ("no sform, qform right", {"sform_code": 0}, SAME, ""),
    ("no qform", {"qform_code": 0}, SAME, ""),
    ("voxel size that is no number", {"pixdim1": np.nan}, EXCLUDED, "qform"),
    ("repetition time of another run", {"pixdim4": 1.5}, EXCLUDED, "repetition time"),
    ("repetition time in ms", {"pixdim4": 2000.0}, EXCLUDED, "repetition time"),
    ("unit of ms for a time in s", {"xyzt_units": 2 + 16}, EXCLUDED, "repetition time"),
    ("infinite repetition time", {"pixdim4": np.inf}, SAME, ""),
    ("unit that does not exist", {"xyzt_units": 7}, EXCLUDED, ""),
    ("no repetition time", {"pixdim4": 0}, SAME, ""),
    ("negative repetition time", {"pixdim4": -2}, SAME, ""),
    ("repetition time that is no number", {"pixdim4": np.nan}, SAME, ""),
    ("no unit", {"xyzt_units": 0}, SAME, ""),
    ("rubbish in fields that nobody reads",
     {"descrip": b"\xff" * 79, "aux_file": b"../../etc/passwd", "intent_code": 9999,
      "cal_max": np.nan, "toffset": np.inf, "slice_code": 99, "slice_end": -5}, SAME, ""),
):  # fmt: skip
    add("BOLD header", _name, header(BOLD, **_fields), _outcome, _says)

for _name, _matrix, _outcome in (
    ("flipped", np.diag([-1.0, 1, 1, 1]), EXCLUDED),
    ("sheared", _SHEAR, EXCLUDED),
    ("scaled", np.diag([1.1, 1.1, 1.1, 1]), EXCLUDED),
    ("shifted by a tenth of a mm", _translate(0.1, 0, 0), EXCLUDED),
    ("shifted by a metre", _translate(0, 1000, 0), EXCLUDED),
    ("singular", _SINGULAR, EXCLUDED),
    ("not a number", _NAN, EXCLUDED),
):
    add("affine", f"BOLD {_name}", affine(BOLD, _matrix), _outcome)
    add("affine", f"mask {_name}", affine(MASK, _matrix), _outcome)

add("BOLD header", "the other byte order in the header alone",
    image(BOLD, lambda old, rng: bytes(nib.Nifti1Header(old[:348]).as_byteswapped().binaryblock)
          + old[348:]), EXCLUDED)  # fmt: skip
add("BOLD header", "the other byte order throughout",
    image(BOLD, lambda old, rng: bytes(nib.Nifti1Header(old[:348]).as_byteswapped().binaryblock)
          + old[348:352] + np.frombuffer(old[352:], "<i2").astype(">i2").tobytes()),
    SAME)  # fmt: skip
for _seed in range(8):
    add("BOLD header", f"random bytes {_seed}", image(
        BOLD, lambda old, rng: rng.bytes(348) + old[348:]), EXCLUDED)  # fmt: skip


def _nifti2_of_unthinkable_size(old: bytes, rng: np.random.Generator) -> bytes:
    head = nib.Nifti2Header()
    head.set_sform(nib.Nifti1Header(old[:348]).get_sform(), code=4)
    head["dim"][:5] = 4, 2**40, 2**40, 2**40, 100
    head["magic"], head["vox_offset"] = b"n+2\0\r\n\032\n", 544
    return bytes(head.binaryblock) + bytes(4) + old[352:]


add("BOLD header", "a size beyond 64 bits", image(BOLD, _nifti2_of_unthinkable_size), EXCLUDED)
add("mask", "a size beyond 64 bits", image(MASK, _nifti2_of_unthinkable_size), EXCLUDED)

for _name, _fields, _says in (
    ("as many voxels as there can be",
     {"dim1": 32767, "dim2": 32767, "dim3": 32767, "datatype": 64, "bitpix": 64}, ""),
    ("a hundred times too many slices", {"dim3": 1700}, ""),
    ("a slice more", {"dim3": 18}, ""),
    ("two dimensions", {"dim0": 2}, ""),
    ("complex numbers", {"datatype": 32, "bitpix": 64}, ""),
    ("colours", {"datatype": 128, "bitpix": 24}, ""),
    ("no type", {"datatype": 0}, ""),
    ("data behind the end", {"vox_offset": 1e9}, ""),
    ("data at no number", {"vox_offset": np.nan}, ""),
    ("infinite slope", {"scl_slope": np.inf}, ""),
    ("neither sform nor qform", {"sform_code": 0, "qform_code": 0}, ""),
    ("singular sform", {"srow_y1": 0}, ""),
    ("no magic", {"magic": b""}, ""),
):  # fmt: skip
    add("mask", f"header: {_name}", header(MASK, **_fields), EXCLUDED, _says)

# --- bytes of images --------------------------------------------------------------------------

for _seed in range(14):
    add("truncated", f"BOLD {_seed}", edited(BOLD, cut), EXCLUDED)
    add("bit flipped", f"BOLD {_seed}", edited(BOLD, flip), EXCLUDED)
for _seed in range(8):
    add("truncated", f"mask {_seed}", edited(MASK, cut), EXCLUDED)
    add("bit flipped", f"mask {_seed}", edited(MASK, flip), EXCLUDED)
for _seed in range(6):
    add("truncated", f"BOLD, not gzipped {_seed}", plain(cut), EXCLUDED)
    add("truncated", f"BOLD, inflated, cut and gzipped again {_seed}", image(BOLD, cut), EXCLUDED)

for _file, _ending in (("BOLD", BOLD), ("mask", MASK)):
    for _name, _edit, _outcome in (
        ("wrong checksum", lambda old, rng: old[:-8] + bytes(4) + old[-4:], EXCLUDED),
        ("wrong length at the end", lambda old, rng: old[:-4] + bytes(4), EXCLUDED),
        ("no checksum", lambda old, rng: old[:-8], EXCLUDED),
        ("rubbish behind the end", lambda old, rng: old + rng.bytes(50), EXCLUDED),
        ("twice in one file", lambda old, rng: old + old, EXCLUDED),
        ("in two gzip members", lambda old, rng: gzip.compress(gzip.decompress(old)[:5000])
         + gzip.compress(gzip.decompress(old)[5000:]), SAME),
        ("not gzipped whatever its name", lambda old, rng: gzip.decompress(old), EXCLUDED),
        ("gzipped twice", lambda old, rng: gzip.compress(old), EXCLUDED),
        ("bzipped", lambda old, rng: bz2.compress(gzip.decompress(old)), EXCLUDED),
        ("zlib without gzip's header", lambda old, rng: zlib.compress(gzip.decompress(old)),
         EXCLUDED),
        ("empty", lambda old, rng: b"", EXCLUDED),
        ("empty within gzip", lambda old, rng: gzip.compress(b""), EXCLUDED),
        ("only a header", lambda old, rng: gzip.compress(gzip.decompress(old)[:352]), EXCLUDED),
        ("half a header", lambda old, rng: gzip.compress(gzip.decompress(old)[:100]), EXCLUDED),
        ("a page of a web server", lambda old, rng: b"<html>404 Not Found</html>", EXCLUDED),
        ("random bytes", lambda old, rng: rng.bytes(len(old)), EXCLUDED),
        ("more data than promised",
         lambda old, rng: gzip.compress(gzip.decompress(old) + b"\1\0" * 400), EXCLUDED),
    ):  # fmt: skip
        add("gzip", f"{_file} {_name}", edited(_ending, _edit), _outcome)
add("gzip", "BOLD as good, not gzipped", plain(lambda old, rng: old), SAME)
add("gzip", "BOLD, not gzipped, and more than promised",
    plain(lambda old, rng: old + b"\0"), EXCLUDED)  # fmt: skip


def _folder(ending: str) -> Damage:
    def damage(study: Study, rng: np.random.Generator) -> None:
        path = hit(study, ending)
        path.unlink()
        path.mkdir()

    return damage


# --- numbers of images ------------------------------------------------------------------------


def _set(where: Any, value: float) -> Callable[[np.ndarray], None]:
    def edit(data: np.ndarray) -> None:
        data[where] = value

    return edit


_MIDDLE = (8, 10, 8)
_EVERYWHERE = (slice(None),) * 4
for _name, _where, _value, _outcome, _says in (
    ("NaN in one volume of a voxel", (slice(6, 11), slice(8, 13), slice(6, 11), 7), np.nan,
     EXCLUDED, "NaN"),
    ("a volume of NaN", (..., 50), np.nan, EXCLUDED, "NaN"),
    ("infinity in one volume", (..., 99), np.inf, EXCLUDED, "NaN or infinite"),
    ("minus infinity everywhere", _EVERYWHERE, -np.inf, EXCLUDED, "finite"),
    ("NaN everywhere", _EVERYWHERE, np.nan, EXCLUDED, "finite"),
    ("zeros", _EVERYWHERE, 0.0, EXCLUDED, "varies"),
    ("a constant", _EVERYWHERE, 5000.0, EXCLUDED, "varies"),
    ("numbers near the largest", _EVERYWHERE, 3e38, EXCLUDED, ""),
    ("one number near the largest", (slice(6, 11), slice(8, 13), slice(6, 11), 7), 3e38,
     EXCLUDED, ""),
    ("one volume of numbers beyond reason", (..., 3), 1e30, EXCLUDED, ""),
    ("NaN in all volumes of some voxels", (slice(0, 9),), np.nan, NOTED, ""),
):  # fmt: skip
    add("not finite", _name, voxels(_set(_where, _value)), _outcome, _says)
add("not finite", "doubles beyond floats", voxels(_set((..., 3), 1e300), kind="float64"), EXCLUDED)

for _name, _edit, _type, _outcome, _says in (
    ("empty", np.zeros_like, "uint8", EXCLUDED, "no brain voxel"),
    ("all ones", np.ones_like, "uint8", EXCLUDED, "whole image"),
    ("stored as float", lambda data: data, "float32", SAME, ""),
    ("stored as int16 with a scale", lambda data: data * 2, "int16", SAME, ""),
    ("255 for 1", lambda data: data * 255, "uint8", SAME, ""),
    (
        "probabilities",
        lambda data: data * np.linspace(0.01, 1, 17, dtype="float32")[:, None, None],
        "float32",
        EXCLUDED,
        "values",
    ),
    (
        "labels of tissues",
        lambda data: data * (np.arange(17) % 3 + 1)[:, None, None].astype("u1"),
        "uint8",
        EXCLUDED,
        "values",
    ),
    ("NaN for outside", lambda data: np.where(data > 0, data, np.nan), "float32", EXCLUDED, "NaN"),
    ("NaN inside", _set(_MIDDLE, np.nan), "float32", EXCLUDED, "NaN"),
    ("infinity inside", _set(_MIDDLE, np.inf), "float32", EXCLUDED, "NaN"),
    ("minus one inside", lambda data: -data, "float32", EXCLUDED, "values"),
    ("of two volumes", lambda data: np.stack([data, data], axis=-1), "uint8", EXCLUDED, ""),
    ("of one volume", lambda data: data[..., None], "uint8", SAME, ""),
    ("of another grid", lambda data: data[:-1], "uint8", EXCLUDED, "grid"),
):
    add("mask", _name, voxels(_edit, MASK, _type), _outcome, _says)

# --- confounds --------------------------------------------------------------------------------


def table(edit: Callable[[pd.DataFrame], pd.DataFrame | None]) -> Damage:
    """Return a fault of the confounds as a table of text."""

    def damage(study: Study, rng: np.random.Generator) -> None:
        path = hit(study, CONFOUNDS)
        rows = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        changed = edit(rows)
        rows = rows if changed is None else changed
        put(path, rows.to_csv(sep="\t", index=False, lineterminator="\n").encode())

    return damage


def cell(column: str, row: int, value: str) -> Damage:
    def edit(rows: pd.DataFrame) -> None:
        rows.loc[row, column] = value

    return table(edit)


def line(number: int, edit: Callable[[str], str]) -> Callable[[str], str]:
    def changed(whole: str) -> str:
        rows = whole.split("\n")
        rows[number] = edit(rows[number])
        return "\n".join(rows)

    return changed


FDS = "framewise_displacement"
for _name, _damage, _outcome, _says in (
    ("without displacement", table(lambda t: t.drop(columns=FDS)), EXCLUDED, FDS),
    ("without a motion parameter", table(lambda t: t.drop(columns="rot_z")), PARTLY, "rot_z"),
    ("without aCompCor", table(lambda t: t[[c for c in t if "comp_cor" not in c]]), PARTLY,
     "comp_cor"),
    ("a row less", table(lambda t: t[:-1]), EXCLUDED, "99 rows"),
    ("a row more", table(lambda t: pd.concat([t, t[-1:]])), EXCLUDED, "101 rows"),
    ("no row", table(lambda t: t[:0]), EXCLUDED, "0 rows"),
    ("a blank line in place of a row", text(CONFOUNDS, line(40, lambda row: "")), EXCLUDED, "99"),
    ("a blank line more", text(CONFOUNDS, line(40, lambda row: row + "\n")), SAME, ""),
    ("a word", cell("trans_x", 30, "none"), EXCLUDED, "none"),
    ("a decimal comma", cell("trans_x", 30, "0,5"), EXCLUDED, "0,5"),
    ("a number with a unit", cell("trans_x", 30, "0.5 mm"), EXCLUDED, "0.5 mm"),
    ("true in a whole column", table(lambda t: t.assign(trans_x="True")), NOTED, '"rank": 35'),
    ("a gap in the middle", cell("trans_x", 30, "n/a"), PARTLY, "trans_x"),
    ("an empty cell", cell("trans_x", 30, ""), PARTLY, "trans_x"),
    ("NaN spelt otherwise", cell("trans_x", 30, "#N/A"), PARTLY, "trans_x"),
    ("a gap in the first row", cell("trans_x", 0, "n/a"), PARTLY, "trans_x"),
    ("a gap in the first row of a component", cell("w_comp_cor_00", 0, "n/a"), PARTLY,
     "w_comp_cor_00"),
    ("a gap in the second row of a derivative", cell("trans_x_derivative1", 1, "n/a"), PARTLY,
     "trans_x_derivative1"),
    ("a gap in displacement", cell(FDS, 30, "n/a"), EXCLUDED, FDS),
    ("infinite displacement", cell(FDS, 30, "inf"), EXCLUDED, FDS),
    ("negative displacement", cell(FDS, 30, "-0.2"), EXCLUDED, FDS),
    ("infinity", cell("csf", 30, "Inf"), PARTLY, "csf"),
    ("minus infinity", cell("rot_x", 30, "-inf"), PARTLY, "rot_x"),
    ("a number beyond floats", cell("trans_x", 30, "1e400"), PARTLY, "trans_x"),
    ("a number whose square is beyond floats", cell("trans_x", 30, "1e300"), PARTLY, "trans_x"),
    ("a column that is constant", table(lambda t: t.assign(trans_x="0")), NOTED, '"rank": 35'),
    ("a column twice", table(lambda t: pd.concat([t, t[["trans_x"]]], axis=1)), EXCLUDED,
     "trans_x"),
    ("a column twice, with other numbers",
     table(lambda t: pd.concat([t, t[["rot_x"]].set_axis(["trans_x"], axis=1)], axis=1)), EXCLUDED,
     "trans_x"),
    ("the columns in another order", table(lambda t: t[sorted(t)]), SAME, ""),
    ("a column more", table(lambda t: t.assign(new="1")), SAME, ""),
    ("a column of text that no strategy uses", table(lambda t: t.assign(note="good")), EXCLUDED,
     "note"),
    ("spaces for tabs", text(CONFOUNDS, lambda t: t.replace("\t", " ")), EXCLUDED, ""),
    ("commas for tabs", text(CONFOUNDS, lambda t: t.replace("\t", ",")), EXCLUDED, ""),
    ("spaces around the names", text(CONFOUNDS, line(0, lambda r: r.replace("\t", " \t "))),
     EXCLUDED, ""),
    ("no header", text(CONFOUNDS, lambda t: t.split("\n", 1)[1]), EXCLUDED, ""),
    ("a name less in the header", text(CONFOUNDS, line(0, lambda r: r.rsplit("\t", 1)[0])),
     EXCLUDED, ""),
    ("a name without text in the header", text(CONFOUNDS, line(0, lambda r: r + "\t")), EXCLUDED, ""),
    ("a row that is too long", text(CONFOUNDS, line(30, lambda r: r + "\t1")), EXCLUDED, ""),
    ("a row that is too short", text(CONFOUNDS, line(30, lambda r: r.rsplit("\t", 3)[0])),
     EXCLUDED, ""),
    ("a cell lost in the middle of a row", text(CONFOUNDS, line(30, lambda r: r.split("\t", 1)[1])),
     EXCLUDED, ""),
    ("a quote that is not closed", cell("trans_x", 30, '"'), EXCLUDED, ""),
    ("names of old", text(CONFOUNDS, lambda t: t.replace(FDS, "FramewiseDisplacement")), EXCLUDED,
     "1.2"),
    ("a NUL in the header", text(CONFOUNDS, line(0, lambda r: "\0" + r)), EXCLUDED, ""),
    ("a NUL in a number", cell("trans_x", 30, "0.1\x002"), EXCLUDED, "NUL"),
    ("a row of NUL", text(CONFOUNDS, line(30, lambda r: "\0" * len(r))), EXCLUDED, "NUL"),
    ("NUL from the middle on", text(CONFOUNDS, lambda t: t[:3000] + "\0" * (len(t) - 3000)),
     EXCLUDED, "NUL"),
    ("a byte order mark", text(CONFOUNDS, str, "utf-8-sig"), SAME, ""),
    ("lines of Windows", text(CONFOUNDS, lambda t: t.replace("\n", "\r\n")), SAME, ""),
    ("lines of the old Mac", text(CONFOUNDS, lambda t: t.replace("\n", "\r")), SAME, ""),
    ("in UTF-16", text(CONFOUNDS, str, "utf-16"), EXCLUDED, ""),
    ("in UTF-16 without a mark", text(CONFOUNDS, str, "utf-16-le"), EXCLUDED, ""),
    ("in UTF-32", text(CONFOUNDS, str, "utf-32"), EXCLUDED, ""),
    ("in Latin-1", text(CONFOUNDS, lambda t: t.replace("rot_x", "r\xf6t_x"), "latin-1"), EXCLUDED,
     ""),
    ("empty", content(CONFOUNDS, b""), EXCLUDED, ""),
    ("a blank line alone", content(CONFOUNDS, b"\n"), EXCLUDED, ""),
    ("random bytes", edited(CONFOUNDS, lambda old, rng: rng.bytes(5000)), EXCLUDED, ""),
    ("gzipped", edited(CONFOUNDS, lambda old, rng: gzip.compress(old)), EXCLUDED, ""),
    ("a spreadsheet", edited(CONFOUNDS, lambda old, rng: b"PK\3\4" + rng.bytes(300)), EXCLUDED, ""),
    ("a folder", _folder(CONFOUNDS), EXCLUDED, ""),
):  # fmt: skip
    add("confounds", _name, _damage, _outcome, _says)
for _seed in range(8):
    add("confounds", f"truncated {_seed}", edited(CONFOUNDS, cut), EXCLUDED)

# --- JSON -------------------------------------------------------------------------------------

_DEEP = "[" * 200_000
_NESTED = '{"RepetitionTime": 2.0, "x": ' + "[" * 100_000 + "]" * 100_000 + "}"
for _name, _text, _outcome, _says in (
    ("empty", "", EXCLUDED, ""),
    ("truncated", '{"RepetitionTime": 2.', EXCLUDED, ""),
    ("a list", "[2.0]", EXCLUDED, "object"),
    ("a number", "2.0", EXCLUDED, "object"),
    ("null", "null", EXCLUDED, "object"),
    ("nested without end", _DEEP, EXCLUDED, ""),
    ("nested deeply beside the repetition time", _NESTED, EXCLUDED, ""),
    ("two repetition times", '{"RepetitionTime": 2.0, "RepetitionTime": 2.0}', EXCLUDED, "twice"),
    ("NaN", '{"RepetitionTime": NaN}', EXCLUDED, "RepetitionTime"),
    ("infinity", '{"RepetitionTime": Infinity}', EXCLUDED, "RepetitionTime"),
    ("beyond floats", '{"RepetitionTime": 1e999}', EXCLUDED, "RepetitionTime"),
    ("a huge whole number", '{"RepetitionTime": ' + "9" * 400 + "}", EXCLUDED, "RepetitionTime"),
    ("more digits than Python reads", '{"RepetitionTime": ' + "9" * 5000 + "}", EXCLUDED, ""),
    ("zero", '{"RepetitionTime": 0}', EXCLUDED, "RepetitionTime"),
    ("negative", '{"RepetitionTime": -2}', EXCLUDED, "RepetitionTime"),
    ("text", '{"RepetitionTime": "2.0"}', EXCLUDED, "RepetitionTime"),
    ("true", '{"RepetitionTime": true}', EXCLUDED, "RepetitionTime"),
    ("a list of times", '{"RepetitionTime": [2.0]}', EXCLUDED, "RepetitionTime"),
    ("ms", '{"RepetitionTime": 2000}', EXCLUDED, "RepetitionTime"),
    ("another time", '{"RepetitionTime": 2.2}', EXCLUDED, "repetition time"),
    ("no time", "{}", SAME, ""),
    ("a null for the time", '{"RepetitionTime": null}', SAME, ""),
    ("whole seconds", '{"RepetitionTime": 2}', SAME, ""),
    ("rubbish beside it", '{"RepetitionTime": 2.0, "Sources": {"a": [1]}, "\\u0000": "\\ud800"}',
     SAME, ""),
    ("a NUL", '{"RepetitionTime": 2.0}\0', EXCLUDED, ""),
    ("a NaN elsewhere", '{"RepetitionTime": 2.0, "EchoTime": NaN}', SAME, ""),
):  # fmt: skip
    add("BOLD's JSON", _name, content(BOLD_JSON, _text), _outcome, _says)
add("BOLD's JSON", "in UTF-16", text(BOLD_JSON, str, "utf-16"), EXCLUDED)
add("BOLD's JSON", "with a byte order mark", text(BOLD_JSON, str, "utf-8-sig"), SAME)
add("BOLD's JSON", "a folder", _folder(BOLD_JSON), EXCLUDED)


def _no_time_in_header_and_ms(study: Study, rng: np.random.Generator) -> None:
    header(BOLD, pixdim4=0)(study, rng)
    content(BOLD_JSON, '{"RepetitionTime": 2000}')(study, rng)


def _only_ms_in_header(study: Study, rng: np.random.Generator) -> None:
    header(BOLD, pixdim4=2000)(study, rng)
    content(BOLD_JSON, "{}")(study, rng)


add("BOLD's JSON", "ms, and no time in the header", _no_time_in_header_and_ms, EXCLUDED, "seconds")
add("BOLD's JSON", "no time, and ms in the header", _only_ms_in_header, EXCLUDED, "header")


def masks(edit: Callable[[dict[str, Any]], Any]) -> Damage:
    """Return a fault of the confounds' sidecar."""

    def edited_json(old: str) -> str:
        about = json.loads(old)
        changed = edit(about)
        return json.dumps(about if changed is None else changed)

    return text(CONFOUNDS_JSON, edited_json)


for _name, _damage, _outcome, _says in (
    ("truncated", text(CONFOUNDS_JSON, lambda t: t[:200]), EXCLUDED, ""),
    ("empty", content(CONFOUNDS_JSON, ""), EXCLUDED, ""),
    ("a list", content(CONFOUNDS_JSON, "[]"), EXCLUDED, ""),
    ("nested without end", content(CONFOUNDS_JSON, _DEEP), EXCLUDED, ""),
    ("in Latin-1", content(CONFOUNDS_JSON, '{"\xe9": 1}'.encode("latin-1")), EXCLUDED, ""),
    ("a component twice", text(CONFOUNDS_JSON, lambda t: t[:-1] + ', "w_comp_cor_00": {}}'),
     EXCLUDED, "twice"),
    ("a mask that is a number", masks(lambda a: a["w_comp_cor_00"].update(Mask=5)), PARTLY,
     "w_comp_cor_00"),
    ("a mask of an unknown name", masks(lambda a: a["w_comp_cor_00"].update(Mask="wm?")), PARTLY,
     "w_comp_cor_00"),
    ("a mask that contradicts the name", masks(lambda a: a["w_comp_cor_00"].update(Mask="CSF")),
     PARTLY, "w_comp_cor_00"),
    ("a component without a mask", masks(lambda a: a["w_comp_cor_00"].pop("Mask")), SAME, ""),
    ("a component that is text", masks(lambda a: a | {"w_comp_cor_00": "WM"}), SAME, ""),
    ("nothing about components", content(CONFOUNDS_JSON, "{}"), SAME, ""),
):  # fmt: skip
    add("confounds' JSON", _name, _damage, _outcome, _says)

TABLES = frozenset({"participants", "scores", "left out by hand", "parcellation", "registry",
                    "configuration"})  # fmt: skip
"""Kinds of faults that the plan, and not the extraction of a run, has to deal with."""
