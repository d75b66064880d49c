"""The viewer of each circuit: its regions in three planes of a template that all cards share."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from ketfc.reporting.words import as_number, as_text, compact, is_missing, region_label

_STEP = 2
"""mm between the slices of the template."""

_COLUMNS = 10
"""Slices beside each other in the picture of the template."""

_GREYS = 4
"""Values of a byte that share a grey: fewer greys make a smaller picture, and look the same."""


@dataclass(frozen=True)
class Place:
    """Position of a region.

    Attributes
    ----------
    region, label : str
        Its id, and what it is called.
    centre : tuple of three floats
        In mm.
    radius, inner : float
        Of its sphere in mm, and of what is left out of it; 0 where it is none, and its centre
        alone is known.
    says : str
        Its name, definition and size.
    """

    region: str
    label: str
    centre: tuple[float, float, float]
    radius: float
    inner: float
    says: str


def places(circuit: str, regions: pd.DataFrame) -> list[Place]:
    """Return where the regions of a circuit are, in the order of the table.

    Parameters
    ----------
    circuit : str
        Its id.
    regions : pandas.DataFrame
        ``regions.tsv``; a region without a centre is left out.
    """
    found = []
    for row in regions.to_dict("records"):
        x, y, z = (as_number(row.get(axis)) for axis in "xyz")
        if circuit not in str(row["circuits"]).split(";") or math.isnan(x + y + z):
            continue
        # several spheres are one row, with the mean of their centres
        sphere = as_number(row.get("n_spheres")) == 1
        said = [as_text(row.get(name)) for name in ("name", "definition")]
        if not is_missing(row.get("n_voxels_median")):
            said.append(f"{compact(row['n_voxels_median'])} voxels (median)")
        region = str(row["region"])
        found.append(
            Place(
                region=region,
                label=region_label(region),
                centre=(x, y, z),
                radius=as_number(row["radius"]) if sphere else 0.0,
                inner=as_number(row["inner"]) if sphere else 0.0,
                says="; ".join(said),
            )
        )
    return found


@cache
def template() -> dict[str, Any]:
    """Return nilearn's bundled T1 template as the page's script takes it.

    One picture of 0.2 MB, cut to the brain, serves all circuits, where nilearn's ``view_img`` has
    0.6 MB for each of them.

    Returns
    -------
    dict
        ``source``, a PNG as a data URI in which the axial slices stand in rows of `columns`, from
        below, each with its front above and its left on the left; ``shape``; ``origin``, the
        place of the first voxel in mm; and ``step`` in mm.
    """
    from nilearn.datasets import load_mni152_template
    from PIL import Image

    image = load_mni152_template(resolution=_STEP)
    voxels = np.clip(np.asanyarray(image.dataobj) * 255, 0, 255).astype(np.uint8)
    voxels = voxels // _GREYS * _GREYS
    box = [np.flatnonzero(voxels.any(axis=other))[[0, -1]] for other in ((1, 2), (0, 2), (0, 1))]
    first = np.array([low for low, _ in box])
    voxels = voxels[tuple(slice(low, high + 1) for low, high in box)]
    width, depth, height = voxels.shape
    rows = -(-height // _COLUMNS)
    sheet = np.zeros((rows * depth, _COLUMNS * width), dtype=np.uint8)
    for z in range(height):
        row, column = divmod(z, _COLUMNS)
        slice_of = voxels[:, ::-1, z].T
        sheet[row * depth : (row + 1) * depth, column * width : (column + 1) * width] = slice_of
    buffer = BytesIO()
    Image.fromarray(sheet).save(buffer, "PNG", optimize=True)
    return {
        "source": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"),
        "shape": list(voxels.shape),
        "origin": [float(place) for place in image.affine[:3, 3] + _STEP * first],
        "step": _STEP,
        "columns": _COLUMNS,
    }
