"""Damaged images: headers, affines, bytes and numbers of BOLD images and masks."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable
from typing import Any

import nibabel as nib
import numpy as np
from made_faults import (
    BOLD,
    EXCLUDED,
    MASK,
    NOTED,
    SAME,
    add,
    affine,
    cut,
    edited,
    flip,
    header,
    image,
    plain,
    voxels,
)


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
