"""Reader of BOLD images: one pass, volume by volume, never the whole series in memory.

nibabel parses headers here, but does not read data, for two measured reasons
(``benchmarks/README.md``; a run of 97 × 115 × 97 × 300 float32 at 2 mm, gzipped):

- Reading volume by volume with igzip takes the series of 400 parcels and all seeds in 4.0 s and
  181 MB; inflating the file alone takes 3.7 s. nilearn's maskers, which hold the whole series, take
  47 s and 2.8 GB for the same numbers.
- Truncated, overlong and damaged files are noticed in the same pass: gzip's checksum is compared at
  its end, and a header that promises more than its file can hold is refused before memory is used.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ketfc.base.errors import RunError, raise_if_of_the_machine
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.nifti_header import HEADER_BYTES, Header, parse_header

_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_BATCH_BYTES = 16 * 2**20
"""Raw bytes per batch: large enough to hide Python's overhead, small beside any node's memory."""

_MOST_INFLATED = 1100
"""Bytes that a byte of gzip can hold: deflate's limit is 1032 (zlib's technical details)."""


@dataclass(frozen=True)
class BoldHeader:
    """Header of a BOLD image.

    Attributes
    ----------
    grid : ketfc.imaging.io.grid.Grid
        Spatial grid, affine in mm (sform first, then qform, as nibabel decides).
    n_volumes : int
        Length of the fourth dimension.
    repetition_time : float or None
        Fourth zoom in seconds, also where the header names no unit; None where it is 0.
    dtype : numpy.dtype
        Stored type with its byte order.
    slope, inter : float
        Scaling: value = stored × slope + inter.
    offset : int
        Bytes before the data.
    """

    grid: Grid
    n_volumes: int
    repetition_time: float | None
    dtype: np.dtype[Any]
    slope: float
    inter: float
    offset: int


@contextmanager
def _stream(path: Path) -> Iterator[IO[bytes]]:
    """Open a plain or gzipped file; inflate in a second thread with igzip."""
    from isal import igzip_lib, igzip_threaded

    try:
        if path.suffix == ".gz":
            with igzip_threaded.open(path, "rb", threads=1) as handle:
                yield handle
        else:
            with path.open("rb") as handle:
                yield handle
    except (FileNotFoundError, PermissionError):
        raise
    except (EOFError, OSError, zlib.error, igzip_lib.error) as error:  # type: ignore[misc]
        raise_if_of_the_machine(error)
        raise RunError("damaged-image", f"{path.name} is truncated or damaged: {error}") from error


def read_header(path: str | Path) -> BoldHeader:
    """Read the header of a 4-D NIfTI file, without its data.

    Parameters
    ----------
    path : str or pathlib.Path
        A ``.nii`` or ``.nii.gz`` file, NIfTI-1 or NIfTI-2.

    Raises
    ------
    RunError
        If it is not a NIfTI file, not 4-D, or of a type that does not hold real numbers.
    """
    path = Path(path)
    with _stream(path) as handle:
        return _bold_header(handle.read(HEADER_BYTES), path)


def read_volume(path: str | Path) -> tuple[NDArray[Any], Grid]:
    """Return the data and grid of a 3-D image (or a 4-D one with a single volume).

    Raises
    ------
    RunError
        ``damaged-image`` if it cannot be read, ``not-3d`` if it has another shape.
    """
    path = Path(path)
    try:
        return _read_volume(path)
    except OSError as error:
        raise_if_of_the_machine(error)
        raise RunError("damaged-image", f"{path.name} cannot be read: {error}") from error


def _read_volume(path: Path) -> tuple[NDArray[Any], Grid]:
    with _stream(path) as handle:
        start = handle.read(HEADER_BYTES)
        header = parse_header(start, path)
        grid, dtype = _volume_grid(header, path), header.dtype
        wanted = grid.n_voxels * dtype.itemsize
        _require_possible(path, wanted)
        ahead = _skipped(handle, start, header.offset)
        buffer = bytearray()
        # grown by what is there, whatever the header promises
        while len(buffer) < wanted:
            step = ahead or handle.read(min(_BATCH_BYTES, wanted - len(buffer)))
            ahead = b""
            if not step:
                break
            buffer += step
        if len(buffer) != wanted or handle.read(1):
            less = "less" if len(buffer) < wanted else "more"
            raise RunError(
                "damaged-image",
                f"{path.name} cannot be read: it holds {less} data than its header promises",
            )
    stored = np.frombuffer(buffer, dtype=dtype).reshape(grid.shape, order="F")
    if (header.slope, header.inter) == (1, 0):
        return stored, grid
    return stored * np.float64(header.slope) + header.inter, grid


def read_geometry(path: str | Path) -> tuple[Grid, tuple[float, float, float]]:
    """Read the grid of an image of any number of volumes, and the voxel size in its header.

    Parameters
    ----------
    path : str or pathlib.Path
        A ``.nii`` or ``.nii.gz`` file, of which only the header is read.

    Raises
    ------
    RunError
        As :func:`read_volume`.
    """
    path = Path(path)
    with _stream(path) as handle:
        header = parse_header(handle.read(HEADER_BYTES), path)
    x, y, z = (*header.shape, 1, 1)[:3]
    dx, dy, dz = (*header.zooms, 0.0, 0.0, 0.0)[:3]
    return Grid(shape=(x, y, z), affine=header.affine), (dx, dy, dz)


def _volume_grid(header: Header, path: Path) -> Grid:
    shape = header.shape[:3] if header.shape[3:] == (1,) else header.shape
    if len(shape) != 3:
        raise RunError(
            "not-3d", f"{path.name} has {len(shape)} dimensions, not 3", value=len(shape)
        )
    if min(shape) < 1:
        raise RunError("damaged-image", f"{path.name} has no voxel: its dimensions are {shape}")
    return Grid(shape=(shape[0], shape[1], shape[2]), affine=header.affine)


def _bold_header(start: bytes, path: Path) -> BoldHeader:
    header = parse_header(start, path)
    shape = header.shape
    if len(shape) != 4 or min(shape) < 1:
        raise RunError(
            "not-4d",
            f"{path.name} is not a series of volumes: its dimensions are {shape}",
            value="×".join(map(str, shape)),
            threshold="4 dimensions",
        )
    repetition_time = header.zooms[3] * _SECONDS.get(header.unit, 1.0)
    return BoldHeader(
        grid=Grid(shape=(shape[0], shape[1], shape[2]), affine=header.affine),
        n_volumes=shape[3],
        repetition_time=repetition_time if 0 < repetition_time < math.inf else None,
        dtype=header.dtype,
        slope=header.slope,
        inter=header.inter,
        offset=header.offset,
    )


def _require_possible(path: Path, n_bytes: int) -> None:
    """Raise an error if a header promises more data than its file can hold."""
    most = path.stat().st_size * (_MOST_INFLATED if path.suffix == ".gz" else 1)
    if n_bytes > most:
        raise RunError(
            "damaged-image",
            f"{path.name} is truncated or its header is wrong: a volume has {n_bytes} bytes by its "
            f"header, and the file can hold {most} at most",
            value=n_bytes,
            threshold=most,
        )


def _skipped(handle: IO[bytes], start: bytes, offset: int) -> bytes:
    """Skip to the start of the data; return those that were read already."""
    left = offset - len(start)
    while left > 0:
        step = handle.read(min(left, _BATCH_BYTES))
        if not step:
            break
        left -= len(step)
    return start[offset:]


def require_whole(path: str | Path) -> None:
    """Raise an error for a 4-D image that is shorter or longer than its header says.

    The length at the end of a gzip file is trusted where it agrees with the header; otherwise, as
    for a file in several parts, the whole file is read.

    Parameters
    ----------
    path : str or pathlib.Path
        A 4-D NIfTI file.

    Raises
    ------
    RunError
        As :func:`read_header` and :func:`stored_volumes`.
    """
    path = Path(path)
    header = read_header(path)
    length = header.offset + header.grid.n_voxels * header.dtype.itemsize * header.n_volumes
    told = path.stat().st_size
    if path.suffix == ".gz":
        with path.open("rb") as handle:
            handle.seek(-4, 2)
            told, length = int.from_bytes(handle.read(), "little"), length % 2**32
    if told != length:
        for _ in stored_volumes(path, np.empty(0, dtype=np.intp)):
            pass


def stored_volumes(
    path: str | Path, voxels: NDArray[np.integer]
) -> Iterator[NDArray[np.floating[Any]]]:
    """Yield batches of volumes at some voxels, reading the file once from start to end.

    The file is read to its end so that gzip's checksum is compared; a file that ends early, or
    holds more than its header says, is refused.

    Parameters
    ----------
    path : str or pathlib.Path
        A 4-D NIfTI file.
    voxels : numpy.ndarray of int, shape (n_voxels,)
        Flat indices in Fortran order.

    Yields
    ------
    numpy.ndarray, shape (n_batch, n_voxels)
        Values as stored: slope and intercept are left to the caller, who can apply them to
        sums. float32 for types it holds exactly (up to 16 bits, and float32), else float64.

    Raises
    ------
    RunError
        ``damaged-image``; the message says what is missing.
    """
    path = Path(path)
    with _stream(path) as handle:
        start = handle.read(HEADER_BYTES)
        header = _bold_header(start, path)
        ahead = _skipped(handle, start, header.offset)
        narrow = header.dtype.itemsize <= 2 or header.dtype.newbyteorder("=") == np.float32
        kind = np.float32 if narrow else np.float64
        n_voxels = header.grid.n_voxels
        volume_bytes = n_voxels * header.dtype.itemsize
        _require_possible(path, volume_bytes)
        per_batch = int(np.clip(_BATCH_BYTES // volume_bytes, 1, header.n_volumes))
        buffer = bytearray(per_batch * volume_bytes)
        for first in range(0, header.n_volumes, per_batch):
            count = min(per_batch, header.n_volumes - first)
            wanted = memoryview(buffer)[: count * volume_bytes]
            got = _fill(handle, wanted, ahead)
            ahead = ahead[len(wanted) :]
            if got < len(wanted):
                whole = first + got // volume_bytes
                raise RunError(
                    "damaged-image",
                    f"{path.name} is truncated: its header promises {header.n_volumes} volumes, "
                    f"{whole} are whole",
                    value=whole,
                    threshold=header.n_volumes,
                )
            stored = np.frombuffer(wanted, dtype=header.dtype).reshape(count, n_voxels)
            values = np.empty((count, len(voxels)), dtype=kind)
            for row, volume in zip(values, stored, strict=True):
                row[:] = volume.take(voxels)
            yield values
        if ahead or handle.read(1):
            raise RunError(
                "damaged-image",
                f"{path.name} holds more data than the {header.n_volumes} volumes of its header",
            )


def _fill(handle: IO[bytes], wanted: memoryview, ahead: bytes) -> int:
    """Fill `wanted` from the bytes already read and then the file; return how many there were."""
    filled = min(len(ahead), len(wanted))
    wanted[:filled] = ahead[:filled]
    while filled < len(wanted):
        got = handle.readinto(wanted[filled:])  # type: ignore[attr-defined]
        if not got:
            break
        filled += got
    return filled
