"""Parcellations: label images with named labels, and the built-in cortical one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.errors import Problem, RunError, StudyError
from ketfc.base.files import replacing, write_json, write_tsv
from ketfc.base.software import generated_by
from ketfc.imaging.atlas.label_tables import MAX_LABEL, LabelTable, read_labels
from ketfc.imaging.atlas.templates import ANY_MNI
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.reader import read_volume

VORONOI = "KetfcVoronoi239"
"""Name of the built-in cortical parcellation."""

_MAX_CELL_MM = 25.0
"""Grey matter farther than this from every centre belongs to no cell."""


@dataclass(frozen=True, eq=False)
class Parcellation:
    """A label image and the names of its labels.

    Attributes
    ----------
    name : str
        Letters and digits, as it appears in ``atlas-`` entities.
    space : str
        Template space, or ``MNI152`` where it is derived from coordinates alone.
    labels : numpy.ndarray of int32
        3-D; 0 is background.
    grid : Grid
        Its grid.
    indices : numpy.ndarray of int32, shape (n_parcels,)
        The labels, increasing.
    names, networks : tuple of str
        One per parcel; a network is empty where it is unknown.
    """

    name: str
    space: str
    labels: NDArray[np.int32]
    grid: Grid
    indices: NDArray[np.int32]
    names: tuple[str, ...]
    networks: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """Return one row per parcel: ``index``, ``name``, ``network`` (as BIDS dseg.tsv)."""
        return pd.DataFrame(
            {
                "index": self.indices,
                "name": self.names,
                "network": [network or None for network in self.networks],
            }
        )


def load_parcellation(
    name: str,
    image: str | Path,
    *,
    labels: str | Path | LabelTable | None = None,
    space: str,
) -> Parcellation:
    """Read a label image and, if there is one, its table of names.

    Parameters
    ----------
    name : str
        How files call it.
    image : str or pathlib.Path
        A 3-D NIfTI image of whole numbers (stored as any type), or 4-D with one volume.
    labels : str, pathlib.Path, LabelTable or None
        A table of names in any form of :func:`ketfc.imaging.atlas.label_tables.read_labels`, or
        what that gives. Without one, parcels are called ``label1``, ``label2``, …
    space : str
        Template space of the image.

    Raises
    ------
    StudyError
        If a file cannot be read, holds fractions or labels that were stored in too few bits, or
        names and labels disagree.
    """
    image = Path(image)
    try:
        data, grid = read_volume(image)
    except RunError as error:
        raise _unusable(image, name, error.reason) from error
    try:
        values = _whole_labels(data)
    except ValueError as error:
        raise _unusable(image, name, str(error)) from error
    indices = np.unique(values)
    indices = indices[indices > 0]
    table, said = _table(labels, indices, name, image)
    missing = [int(index) for index in indices if int(index) not in table.names]
    if missing:
        labelled = "1 label" if len(missing) == 1 else f"{len(missing)} labels"
        message = f"has no name for {labelled} of the image: {_few(missing)}"
        raise _unusable(said, name, message)
    largest = max(table.names)
    if data.dtype.kind in "iu" and largest > np.iinfo(data.dtype).max:
        message = (
            f"is stored as {data.dtype}, which cannot hold label {largest} of {said.name}: larger "
            "labels were turned into other ones; store it as int16 or int32"
        )
        raise _unusable(image, name, message)
    # a name without a voxel stays, so that a parcel lost to resampling is seen to be lost
    kept = np.array(sorted(table.names), dtype=np.int32)
    return Parcellation(
        name=name,
        space=space,
        labels=values,
        grid=grid,
        indices=kept,
        names=tuple(table.names[int(index)] for index in kept),
        networks=tuple(table.networks.get(int(index), "") for index in kept),
    )


def load_parcellations(
    names: Sequence[str],
    images: Sequence[str | Path],
    tables: Sequence[str | Path],
    *,
    space: str,
) -> dict[str, Parcellation]:
    """Read several parcellations; as :func:`load_parcellation`, by name."""
    return {
        name: load_parcellation(name, image, labels=table, space=space)
        for name, image, table in zip(names, images, tables, strict=True)
    }


def _whole_labels(data: NDArray[Any]) -> NDArray[np.int32]:
    if data.dtype.kind not in "iufb":
        raise ValueError(f"stores {data.dtype}, which is not a numeric type for labels")
    data = np.nan_to_num(data)
    whole = np.rint(data)
    lowest, largest = float(whole.min()), float(whole.max())  # of small types, rint() makes float16
    if lowest < 0 and np.abs(data - whole).max() <= 1e-3:
        raise ValueError(
            f"holds negative labels, down to {lowest:.0f}: labels above 127 in an image stored as "
            "int8 (or above 32767, as int16) turn negative; store it in a wider type"
        )
    if lowest < 0 or largest > MAX_LABEL or np.abs(data - whole).max() > 1e-3:
        raise ValueError(
            "holds fractions, negative or huge numbers; labels are whole numbers from 0 to "
            f"{MAX_LABEL}"
        )
    if largest == 0:
        raise ValueError("holds no label")
    labels: NDArray[np.int32] = whole.astype(np.int32)
    return labels


def _table(
    labels: str | Path | LabelTable | None, indices: NDArray[np.int32], name: str, image: Path
) -> tuple[LabelTable, Path]:
    """Return the names of labels, and the file that errors in them refer to."""
    if labels is None:
        return LabelTable({int(index): f"label{index}" for index in indices}), image
    if isinstance(labels, LabelTable):
        return labels, image
    try:
        table = read_labels(labels)
    except (OSError, ValueError) as error:
        message = f"is not a table of labels (index, name): {error}"
        raise _unusable(Path(labels), name, message) from error
    return table, Path(labels)


def _few(values: Sequence[int]) -> str:
    return ", ".join(map(str, values[:5])) + (" …" if len(values) > 5 else "")


def _unusable(path: Path, name: str, message: str) -> StudyError:
    return StudyError(
        [
            Problem(
                severity="error",
                file=path.name,
                field="circuits.parcellation",
                value=name,
                message=message,
            )
        ]
    )


def split_at_midline(parcellation: Parcellation) -> Parcellation:
    """Split every label into its part left of x = 0 and the rest.

    The left part keeps the label and the right part has it raised by a power of ten (13 and 113);
    their names end in ``_LH`` and ``_RH``. Voxel centres at x = 0 go to the right. To be done in
    the image's own template: a structure at the midline lies elsewhere in another one.
    """
    grid = parcellation.grid
    step = 10 ** len(str(parcellation.indices.max()))
    i, j, k = (np.arange(n).reshape(np.roll((n, 1, 1), a)) for a, n in enumerate(grid.shape))
    row = grid.affine[0]
    right = row[0] * i + row[1] * j + row[2] * k + row[3] >= 0
    labels = parcellation.labels + step * (right & (parcellation.labels > 0))
    return replace(
        parcellation,
        labels=labels.astype(np.int32),
        indices=np.concatenate([parcellation.indices, parcellation.indices + step]),
        names=tuple(f"{name}_{side}" for side in ("LH", "RH") for name in parcellation.names),
        networks=parcellation.networks * 2,
    )


def voronoi_parcellation() -> Parcellation:
    """Return the built-in cortical parcellation, made from files bundled with nilearn.

    Every voxel of nilearn's grey-matter mask goes to the nearest of the 300 centres of Seitzman
    et al. 2020 (10.1016/j.neuroimage.2019.116290) if that lies within 25 mm; the cells of the
    239 cortical centres are kept, the others only keep the cortex out of the deep nuclei and the
    cerebellum. The mask is MNI152 (ICBM 2009a, symmetric), the centres are "MNI": an
    approximation, named so that nobody takes it for the published regions.
    """
    from nilearn.datasets import fetch_coords_seitzman_2018, load_mni152_gm_mask
    from scipy.spatial import cKDTree

    published = fetch_coords_seitzman_2018()
    # a data frame or, from older nilearn, a record array
    rois = pd.DataFrame(published.rois)
    centres = rois[["x", "y", "z"]].to_numpy(dtype=np.float64)
    image = load_mni152_gm_mask(resolution=2)
    mask = np.asanyarray(image.dataobj) > 0
    voxels = np.argwhere(mask)
    world = voxels @ image.affine[:3, :3].T + image.affine[:3, 3]
    distance, nearest = cKDTree(centres).query(world)
    is_cortex = np.array([str(region).startswith("cortex") for region in published.regions])
    number = np.cumsum(is_cortex) * is_cortex
    cell = np.where(distance <= _MAX_CELL_MM, number[nearest], 0)
    labels = np.zeros(mask.shape, dtype=np.int32)
    labels[tuple(voxels.T)] = cell
    networks = [str(network) for network in np.asarray(published.networks)[is_cortex]]
    counter: dict[tuple[str, str], int] = {}
    names = []
    for network, x in zip(networks, centres[is_cortex, 0], strict=True):
        side = "LH" if x < 0 else "RH"
        counter[side, network] = counter.get((side, network), 0) + 1
        names.append(f"{side}_{network}_{counter[side, network]}")
    return Parcellation(
        name=VORONOI,
        space=ANY_MNI,
        labels=labels,
        grid=Grid(shape=labels.shape, affine=np.asarray(image.affine, dtype=np.float64)),
        indices=np.arange(1, is_cortex.sum() + 1, dtype=np.int32),
        names=tuple(names),
        networks=tuple(networks),
    )


def save_parcellation(
    parcellation: Parcellation,
    about: Mapping[str, Any],
    *,
    image: Path,
    table: Path,
    sidecar: Path,
) -> None:
    """Write a parcellation as a label image, a BIDS ``dseg.tsv`` and a JSON sidecar."""
    import nibabel as nib

    labels: Any = nib.Nifti1Image(parcellation.labels.astype(np.int32), parcellation.grid.affine)
    labels.header.set_xyzt_units("mm")
    with replacing(image) as temporary:
        nib.save(labels, temporary)
    write_tsv(table, parcellation.table())
    write_json(sidecar, {**about, "GeneratedBy": generated_by()})


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
