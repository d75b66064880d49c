"""Reading BOLD images: one pass, volume by volume, never the whole series in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ketfc.imaging.errors import RunError, raise_if_of_the_machine
from ketfc.imaging.grid import Grid

_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}
_HEADER_BYTES = 544
"""Enough for the header of NIfTI-1 (348) and of NIfTI-2 (540)."""

_BATCH_BYTES = 16 * 2**20
"""Raw bytes per batch: large enough to hide Python's overhead, small beside any node's memory."""


@dataclass(frozen=True)
class BoldHeader:
    """What the header of a BOLD image says.

    Attributes
    ----------
    grid : ketfc.imaging.grid.Grid
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
    """Return what the header of a 4-D NIfTI file says, without reading its data.

    Parameters
    ----------
    path : str or pathlib.Path
        A ``.nii`` or ``.nii.gz`` file, NIfTI-1 or NIfTI-2.

    Raises
    ------
    RunError
        If it is no NIfTI file, not 4-D, or of a type that holds no real numbers.
    """
    path = Path(path)
    with _stream(path) as handle:
        return _parse_header(handle.read(_HEADER_BYTES), path)


def read_volume(path: str | Path) -> tuple[NDArray[Any], Grid]:
    """Return the data and grid of a 3-D image (or a 4-D one with a single volume).

    Raises
    ------
    RunError
        ``damaged-image`` if it cannot be read, ``not-3d`` if it has another shape.
    """
    path = Path(path)
    try:
        # nibabel would take a disk that fails for a file of an unknown kind
        with path.open("rb") as handle:
            handle.read(1)
        image: Any = nib.load(path)
        data = np.asanyarray(image.dataobj)
    except (
        nib.filebasedimages.ImageFileError,
        HeaderDataError,
        OSError,
        EOFError,
        ValueError,
        OverflowError,
        zlib.error,
    ) as error:
        raise_if_of_the_machine(error)
        raise RunError("damaged-image", f"{path.name} cannot be read: {error}") from error
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise RunError("not-3d", f"{path.name} has {data.ndim} dimensions, not 3", value=data.ndim)
    return data, Grid(shape=data.shape, affine=np.asarray(image.affine, dtype=np.float64))


def _parse_header(start: bytes, path: Path) -> BoldHeader:
    second = start[:4] in ((540).to_bytes(4, "little"), (540).to_bytes(4, "big"))
    kind: Any = nib.Nifti2Header if second else nib.Nifti1Header
    try:
        # not from_fileobj(), which goes on to header extensions of any length
        header = kind(start[: kind.template_dtype.itemsize])
        dtype = header.get_data_dtype()
        slope, inter = header.get_slope_inter()
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
        shape = tuple(int(n) for n in header.get_data_shape())
        zooms = header.get_zooms()
        unit = header.get_xyzt_units()[1]
    except (HeaderDataError, nib.wrapstruct.WrapStructError, ValueError, KeyError) as error:
        raise RunError("damaged-image", f"{path.name} is not a NIfTI image: {error}") from error
    if len(shape) != 4 or min(shape) < 1:
        raise RunError(
            "not-4d",
            f"{path.name} is not a series of volumes: its dimensions are {shape}",
            value="×".join(map(str, shape)),
            threshold="4 dimensions",
        )
    if dtype.kind not in "iuf":
        raise RunError(
            "data-type", f"{path.name} stores {dtype}, which is not a real number", value=str(dtype)
        )
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        raise RunError("affine", f"{path.name} has an affine that cannot be inverted")
    repetition_time = float(zooms[3]) * _SECONDS.get(unit, 1.0)
    return BoldHeader(
        grid=Grid(shape=(shape[0], shape[1], shape[2]), affine=affine),
        n_volumes=shape[3],
        repetition_time=repetition_time if repetition_time > 0 else None,
        dtype=dtype,
        slope=1.0 if slope is None else float(slope),
        inter=0.0 if inter is None else float(inter),
        offset=max(int(header["vox_offset"]), header.single_vox_offset),
    )


def stored_volumes(
    path: str | Path, voxels: NDArray[np.integer]
) -> Iterator[NDArray[np.floating[Any]]]:
    """Yield batches of volumes at the voxels wanted, reading the file once from start to end.

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
        ``damaged-image`` with what is missing.
    """
    path = Path(path)
    with _stream(path) as handle:
        start = handle.read(_HEADER_BYTES)
        header = _parse_header(start, path)
        ahead = start[header.offset :]
        if header.offset > len(start):
            handle.read(header.offset - len(start))
        narrow = header.dtype.itemsize <= 2 or header.dtype.newbyteorder("=") == np.float32
        kind = np.float32 if narrow else np.float64
        n_voxels = header.grid.n_voxels
        volume_bytes = n_voxels * header.dtype.itemsize
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
