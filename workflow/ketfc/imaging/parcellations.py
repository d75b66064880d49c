"""Parcellations: a lab's own images and the built-in one, checked and in one form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from ketfc.files import read_tsv, replacing, write_tsv
from ketfc.imaging.errors import RunError
from ketfc.imaging.grid import Grid
from ketfc.imaging.reader import read_volume
from ketfc.imaging.registry import ANY_MNI
from ketfc.study.problems import Problem, StudyError

VORONOI = "KetfcVoronoi239"
"""Name of the built-in cortical parcellation."""

_MAX_LABEL = 2**31 - 1

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
    name: str, image: str | Path, *, labels: str | Path | None = None, space: str
) -> Parcellation:
    """Read a label image and, if there is one, its table of names.

    Parameters
    ----------
    name : str
        How files call it.
    image : str or pathlib.Path
        A 3-D NIfTI image of whole numbers (stored as any type), or 4-D with one volume.
    labels : str, pathlib.Path or None
        A table of names: a BIDS ``dseg.tsv`` with columns ``index`` and ``name``, or a look-up
        table without header (``1 7Networks_LH_Vis_1 120 18 131 0``). Without one, parcels are
        called ``label1``, ``label2``, …
    space : str
        Template space of the image.

    Raises
    ------
    StudyError
        If a file cannot be read, holds fractions, or names and labels disagree.
    """
    image = Path(image)
    try:
        data, grid = read_volume(image)
    except RunError as error:
        raise _unusable(image, name, error.reason) from error
    data = np.nan_to_num(data)
    whole = np.rint(data)
    largest = float(whole.max())  # of small whole types, rint() makes float16
    if whole.min() < 0 or largest > _MAX_LABEL or np.abs(data - whole).max() > 1e-3:
        raise _unusable(
            image,
            name,
            "holds fractions, negative or huge numbers; labels are whole numbers from 0 to "
            f"{_MAX_LABEL}",
        )
    values = whole.astype(np.int32)
    indices = np.unique(values)
    indices = indices[indices > 0].astype(np.int32)
    if not indices.size:
        raise _unusable(image, name, "holds no label")
    if labels is None:
        names = {int(index): f"label{index}" for index in indices}
        networks: dict[int, str] = {}
    else:
        names, networks = _read_names(Path(labels), name)
        missing = [int(index) for index in indices if int(index) not in names]
        if missing:
            shown = ", ".join(map(str, missing[:5])) + (" …" if len(missing) > 5 else "")
            raise _unusable(
                Path(labels), name, f"has no name for {len(missing)} labels of the image: {shown}"
            )
    # a name without a voxel stays, so that a parcel lost to resampling is seen to be lost
    kept = np.array(sorted(names), dtype=np.int32)
    return Parcellation(
        name=name,
        space=space,
        labels=values,
        grid=grid,
        indices=kept,
        names=tuple(names[int(index)] for index in kept),
        networks=tuple(networks.get(int(index), "") for index in kept),
    )


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


def _read_names(path: Path, name: str) -> tuple[dict[int, str], dict[int, str]]:
    """Return names and networks by label, from a BIDS table or a look-up table."""
    try:
        first = path.read_text(encoding="utf-8-sig").partition("\n")[0].rstrip("\r")
        if path.suffix == ".tsv" and "name" in first.split("\t"):
            table = read_tsv(path)
            networks = table["network"] if "network" in table else [None] * len(table)
        else:
            table = pd.read_csv(
                path,
                sep=r"\s+",
                header=None,
                dtype=str,
                usecols=[0, 1],
                names=["index", "name"],
                comment="#",
            )
            networks = [None] * len(table)
        keys = [int(value) for value in table["index"]]
        values = [value.strip() if isinstance(value, str) else "" for value in table["name"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unusable(path, name, f"is no table of labels (index, name): {error}") from error
    pairs = [(k, v, n) for k, v, n in zip(keys, values, networks, strict=True) if k != 0 and v]
    keys_given, names_given = [str(k) for k, _, _ in pairs], [v for _, v, _ in pairs]
    for what, given in (("index", keys_given), ("name", names_given)):
        twice = sorted(value for value, count in Counter(given).items() if count > 1)
        if twice:
            raise _unusable(path, name, f"gives the {what} {', '.join(twice[:5])} twice")
    found = {k: str(n) if n is not None else _network_of(v) for k, v, n in pairs}
    return {k: v for k, v, _ in pairs}, found


def _network_of(parcel: str) -> str:
    """Return the network that a Schaefer parcel's name spells (7Networks_LH_Vis_1), else ''."""
    parts = parcel.split("_")
    return parts[2] if len(parts) > 3 and parts[0].endswith("Networks") else ""


def voronoi_parcellation() -> Parcellation:
    """Return the built-in cortical parcellation, made from what nilearn bundles.

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


_KINDS = {"voronoi": voronoi_parcellation}


def named_parcellations(path: str | Path) -> dict[str, str]:
    """Return the kind of every parcellation that ``atlases/parcellations.yaml`` names.

    Raises
    ------
    StudyError
        If the file cannot be read or names a kind that there is not.
    """
    path = Path(path)
    try:
        entries = dict(yaml.safe_load(path.read_text(encoding="utf-8")))
        kinds = {str(name): str(entry["kind"]) for name, entry in entries.items()}
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise _unusable(path, "", f"is no list of parcellations: {error}") from error
    for name, kind in kinds.items():
        if kind not in _KINDS:
            raise _unusable(path, name, f"has the unknown kind {kind!r}")
    return kinds


def make_parcellation(
    name: str, named: Mapping[str, str], *, image: Path | None, labels: Path | None, space: str
) -> Parcellation:
    """Return a parcellation by name, or from a lab's own files where there is an `image`.

    Parameters
    ----------
    name : str
        As the config gives it.
    named : mapping of str to str
        What :func:`named_parcellations` gives.
    image, labels : pathlib.Path or None
        The lab's files.
    space : str
        Template space of the image.
    """
    if image is not None:
        return load_parcellation(name, image, labels=labels, space=space)
    return _KINDS[named[name]]()


def save_parcellation(parcellation: Parcellation, image: Path, table: Path) -> None:
    """Write a parcellation as a label image and a BIDS ``dseg.tsv``."""
    import nibabel as nib

    labels: Any = nib.Nifti1Image(parcellation.labels.astype(np.int32), parcellation.grid.affine)
    labels.header.set_xyzt_units("mm")
    with replacing(image) as temporary:
        nib.save(labels, temporary)
    write_tsv(table, parcellation.table())
