"""Where the parcels of a parcellation lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def parcel_centres(image: str | Path, table: pd.DataFrame) -> pd.DataFrame:
    """Return the centre of mass of every parcel.

    Parameters
    ----------
    image : str or pathlib.Path
        Labels, as ``…_dseg.nii.gz``.
    table : pandas.DataFrame
        The label table beside it: columns `index` and `name`.

    Returns
    -------
    pandas.DataFrame
        Columns `x`, `y`, `z` in mm, indexed by name in the table's order; missing for a parcel
        without a voxel. A parcel of several pieces can have its centre outside of all of them.
    """
    import nibabel as nib

    loaded: Any = nib.load(image)
    labels = np.asanyarray(loaded.dataobj).astype(np.int64)
    places = np.nonzero(labels)
    found = labels[places]
    # the mean of voxel indices, carried to mm, is the mean of the places in mm
    count = np.bincount(found)
    wanted = table["index"].astype(np.int64).to_numpy()
    size = np.zeros(len(wanted))
    inside = wanted < len(count)
    size[inside] = count[wanted[inside]]
    middle = np.full((len(wanted), 3), np.nan)
    for axis, voxel in enumerate(places):
        total = np.bincount(found, weights=voxel, minlength=len(count))
        some = size > 0
        middle[some, axis] = total[wanted[some]] / size[some]
    mm = middle @ loaded.affine[:3, :3].T + loaded.affine[:3, 3]
    index = pd.Index(table["name"].astype(str), name="name")
    return pd.DataFrame(mm, index=index, columns=["x", "y", "z"])
