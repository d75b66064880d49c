"""Writing of single volumes as NIfTI files, quickly and always with the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ketfc.base.files import replacing
from ketfc.imaging.io.grid import Grid

_TEMPLATE = 4
"""NIfTI's code of coordinates in MNI space (``NIFTI_XFORM_MNI_152``)."""

_LEVEL = 1
"""Of igzip, whose levels are 0 to 3: numbers of single precision hardly shrink at any level."""


def write_image(path: str | Path, values: NDArray[np.floating], grid: Grid) -> None:
    """Write a volume in template space as gzipped NIfTI-1 of single precision.

    The header gives the type of the data and no scaling, the affine as sform and qform in the
    template's space, and millimetres; the same values give the same bytes.

    Parameters
    ----------
    path : str or pathlib.Path
        A name that ends in ``.nii.gz``; the file appears whole or not at all.
    values : numpy.ndarray of float, shape (grid.n_voxels,)
        In Fortran order; NaN where there is no value.
    grid : Grid
        Its grid.
    """
    import nibabel as nib
    from isal import igzip

    header = nib.Nifti1Header()
    header.set_data_shape(grid.shape)
    header.set_data_dtype(np.float32)
    header.set_slope_inter(1, 0)
    header.set_sform(grid.affine, code=_TEMPLATE)
    header.set_qform(grid.affine, code=_TEMPLATE)
    header.set_xyzt_units("mm")
    header["vox_offset"], header["magic"] = 352, b"n+1"
    data = header.binaryblock + b"\0\0\0\0" + np.asarray(values, dtype="<f4").tobytes()
    with replacing(path) as temporary:
        # no time and no name in it
        temporary.write_bytes(igzip.compress(data, compresslevel=_LEVEL, mtime=0))
