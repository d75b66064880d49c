"""MNI templates: recognition by file name and by grid."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ketfc.imaging.io.grid import Grid

_SPELT = {
    "MNI152NLin2009cAsym": re.compile(r"2009c(?!sym)", re.IGNORECASE),
    "MNI152NLin6Asym": re.compile(r"nlin6asym|fslmni152|mni152-fsl", re.IGNORECASE),
}

TEMPLATES = tuple(_SPELT)
"""The supported templates of images."""

ANY_MNI = "MNI152"
"""Space of coordinates that their source calls "MNI" without naming a template."""

_CORNERS = {
    "MNI152NLin2009cAsym": ((-96, -132, -78), (96, 96, 114)),
    "MNI152NLin6Asym": ((-90, -126, -72), (90, 90, 108)),
}
"""Lowest and highest voxel centres of the templates' own grids, mm."""

_CORNER_TOLERANCE = 2.0
"""mm; fMRIPrep's 2 mm grid starts half a millimetre beside the template's."""


def standard_template(grid: Grid) -> str | None:
    """Return the template whose field of view a grid has, or None."""
    corners = np.array([[0, 0, 0], np.subtract(grid.shape, 1)])
    world = corners @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    ends = np.sort(world, axis=0)
    for space, (low, high) in _CORNERS.items():
        if np.abs(ends - [low, high]).max() <= _CORNER_TOLERANCE:
            return space
    return None


def named_template(path: Path, folder: Path) -> str | None:
    """Return the template in a file's name, else in that of the nearest folder up to `folder`.

    A name with both templates counts as having none.
    """
    names = [path.name, *(above.name for above in path.parents if above.is_relative_to(folder))]
    for name in names:
        said = [space for space, spelt in _SPELT.items() if spelt.search(name)]
        if len(said) == 1:
            return said[0]
    return None


def template_mismatch(space: str, images: str) -> str | None:
    """Return a note on regions in the template `space` used on `images` of another, or None.

    Coordinates in unspecified "MNI" belong to either template.
    """
    return None if space in (images, ANY_MNI) else f"{space} regions on {images} images"
