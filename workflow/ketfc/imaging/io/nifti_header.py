"""NIfTI headers: parsing, and checks that their content is plausible."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from ketfc.base.errors import RunError

HEADER_BYTES = 544
"""Enough for the header of NIfTI-1 (348) and of NIfTI-2 (540)."""

_QFORM_TOLERANCE = 0.5
"""Voxels by which an sform and a qform of the same code may differ, which rounding never does."""


@dataclass(frozen=True)
class Header:
    """Header of an image of any shape.

    Attributes
    ----------
    shape : tuple of int
        As it is written, of any length.
    affine : numpy.ndarray, shape (4, 4)
        From voxel indices to mm: sform first, then qform, as nibabel decides.
    zooms : tuple of float
        Size of a step along each dimension, in mm and `unit`.
    unit : str
        Of the fourth zoom, as nibabel calls it.
    dtype : numpy.dtype
        Stored type with its byte order.
    slope, inter : float
        Scaling: value = stored × slope + inter.
    offset : int
        Bytes before the data.
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64]
    zooms: tuple[float, ...]
    unit: str
    dtype: np.dtype[Any]
    slope: float
    inter: float
    offset: int


def parse_header(start: bytes, path: Path) -> Header:
    """Parse the first bytes of a NIfTI-1 or NIfTI-2 file.

    Parameters
    ----------
    start : bytes
        At least :data:`HEADER_BYTES`, or as many as there are.
    path : pathlib.Path
        The file, named in messages.

    Raises
    ------
    RunError
        ``damaged-image`` if they are not a valid header, ``data-type`` if the file does not hold
        real numbers, ``affine`` if the positions of its voxels are not clear.
    """
    second = start[:4] in ((540).to_bytes(4, "little"), (540).to_bytes(4, "big"))
    kind: Any = nib.Nifti2Header if second else nib.Nifti1Header
    try:
        # not from_fileobj(), which goes on to header extensions of any length
        header = kind(start[: kind.template_dtype.itemsize])
        dtype = header.get_data_dtype()
        slope, inter = header.get_slope_inter()
        sform, qform = header.get_sform(coded=True), header.get_qform(coded=True)
        affine = np.asarray(header.get_best_affine(), dtype=np.float64)
        shape = tuple(int(n) for n in header.get_data_shape())
        zooms = tuple(map(float, header.get_zooms()))
        unit = header.get_xyzt_units()[1]
        offset = max(int(header["vox_offset"]), header.single_vox_offset)
    except (
        HeaderDataError,
        nib.wrapstruct.WrapStructError,
        np.linalg.LinAlgError,
        OverflowError,
        ValueError,
        KeyError,
    ) as error:
        raise RunError("damaged-image", f"{path.name} is not a NIfTI image: {error}") from error
    # NaN, as 0, says that there is no scaling
    if np.isinf(header["scl_slope"]):
        raise RunError("damaged-image", f"{path.name} has an infinite scl_slope in its header")
    if dtype.kind not in "iuf":
        raise RunError(
            "data-type", f"{path.name} stores {dtype}, which is not a real number", value=str(dtype)
        )
    _require_place(path, affine, sform, qform, shape)
    return Header(
        shape=shape,
        affine=affine,
        zooms=zooms,
        unit=unit,
        dtype=dtype,
        slope=1.0 if slope is None else float(slope),
        inter=0.0 if inter is None else float(inter),
        offset=offset,
    )


_Coded = tuple[NDArray[np.float64] | None, int]


def _require_place(
    path: Path, affine: NDArray[np.float64], sform: _Coded, qform: _Coded, shape: tuple[int, ...]
) -> None:
    """Raise an error if the affine is missing, singular, or differs between sform and qform."""
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-6:
        raise RunError("affine", f"{path.name} has an affine that cannot be inverted")
    if sform[0] is None and qform[0] is None:
        raise RunError(
            "affine",
            f"{path.name} does not say where its voxels lie: sform_code and qform_code are 0",
            value=0,
            threshold="> 0",
        )
    # with different codes they may mean different spaces, such as the scanner's and the template's
    if sform[0] is None or qform[0] is None or sform[1] != qform[1]:
        return
    ends = np.array([(*place, 1) for place in np.ndindex(2, 2, 2)]) * [*(*shape, 1, 1)[:3], 1]
    apart = np.abs(np.linalg.inv(sform[0]) @ (sform[0] - qform[0]) @ ends.T).max()
    if not apart <= _QFORM_TOLERANCE:
        raise RunError(
            "affine",
            f"the sform and qform of {path.name} have the same code, but place its voxels up to "
            f"{apart:.3g} voxels apart",
            value=round(float(apart), 3),
            threshold=_QFORM_TOLERANCE,
        )
