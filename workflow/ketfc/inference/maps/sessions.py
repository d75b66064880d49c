"""Seed maps of participants at the two sessions that are compared, in the voxels all of them have.

A session's map is that of its runs, weighted voxel by voxel with their degrees of freedom, as the
connectivity of circuits is (:func:`ketfc.imaging.group.sessions.combine_runs`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.base.files import read_json
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.reader import read_geometry, read_volume

Files = Mapping[str, tuple[str, str]]
"""Seed map and its sidecar, by run."""

_Key = tuple[str, str]


@dataclass(frozen=True, eq=False)
class MapSessions:
    """The runs whose maps can be compared, by participant and role of the session.

    Attributes
    ----------
    runs : mapping of (str, str) to sequence of (str, float)
        Image and degrees of freedom of each usable run.
    grid : Grid or None
        The grid they share; None where there are none.
    why_not : mapping of (str, str) to str
        Reason of each session that has runs, but none of them usable.
    about : mapping
        What the first sidecar says of the seed and of how maps are made.
    """

    runs: Mapping[_Key, Sequence[tuple[str, float]]]
    grid: Grid | None
    why_not: Mapping[_Key, str]
    about: Mapping[str, object]


@dataclass(frozen=True, eq=False)
class SharedMaps:
    """Fisher z of some participants in the voxels that all of them have at both sessions.

    Attributes
    ----------
    mask : numpy.ndarray of bool, shape of the grid
        These voxels.
    baseline, followup : numpy.ndarray of shape (participants, voxels)
        In Fortran order.
    voxels : pandas.DataFrame
        `participant_id`, `n_voxels` that a participant has at both sessions, and of these
        `n_lost`: voxels that everybody else has too, so that the map lacks them because of this
        participant alone.
    """

    mask: npt.NDArray[np.bool_]
    baseline: npt.NDArray[np.float64]
    followup: npt.NDArray[np.float64]
    voxels: pd.DataFrame


def map_sessions(files: Files, runs: pd.DataFrame) -> MapSessions:
    """Find the sessions that have a usable seed map; headers and sidecars alone are read.

    Parameters
    ----------
    files : mapping of str to (str, str)
        By run.
    runs : pandas.DataFrame
        ``plan/runs.tsv``.

    Returns
    -------
    MapSessions
        Maps on another grid than most are not usable: voxels are compared, not places.
    """
    usable: list[tuple[_Key, str, float, Grid]] = []
    why_not: dict[_Key, str] = {}
    about: dict[str, object] = {}
    for record in runs.to_dict("records"):
        key = str(record["participant_id"]), str(record["role"])
        if record["run"] not in files:
            continue
        image, sidecar = files[str(record["run"])]
        said = read_json(sidecar)
        if said["Excluded"] is not None:
            why_not[key] = str(said["Excluded"])
            continue
        about = about or said
        usable.append((key, image, float(said["DegreesOfFreedom"]), read_geometry(image)[0]))
    if not usable:
        return MapSessions({}, None, why_not, about)
    grid = _most_common([grid for *_, grid in usable])
    found: dict[_Key, list[tuple[str, float]]] = {}
    for key, image, weight, own in usable:
        if own.matches(grid):
            found.setdefault(key, []).append((image, weight))
        else:
            why_not[key] = f"its images are {own.describe()}, those of most {grid.describe()}"
    why_not = {key: why for key, why in why_not.items() if key not in found}
    return MapSessions(found, grid, why_not, about)


def shared_maps(
    sessions: MapSessions, participants: Sequence[str], roles: tuple[str, str]
) -> SharedMaps:
    """Read the maps of some participants in the voxels that all have at both sessions.

    Every image is read twice, so that no more than one is in memory beside these voxels.

    Parameters
    ----------
    sessions : MapSessions
        With a grid.
    participants : sequence of str
        They have a usable map at both roles.
    roles : tuple of (str, str)
        Baseline and follow-up.

    Raises
    ------
    ValueError
        If there is no map.
    """
    grid = sessions.grid
    if grid is None:
        raise ValueError("no seed map is usable")
    lacks = np.zeros(grid.n_voxels, dtype=np.int32)
    present = []
    for who in participants:
        both = np.ones(grid.n_voxels, dtype=bool)
        for role in roles:
            both &= np.isfinite(_session(sessions.runs[who, role], grid))
        lacks += ~both
        present.append(np.packbits(both))
    mask = lacks == 0
    places = np.flatnonzero(mask)
    sides = np.empty((2, len(participants), len(places)))
    for side, role in zip(sides, roles, strict=True):
        for i, who in enumerate(participants):
            side[i] = _session(sessions.runs[who, role], grid)[places]
    alone = lacks == 1
    rows = []
    for who, packed in zip(participants, present, strict=True):
        own = np.unpackbits(packed, count=grid.n_voxels).astype(bool)
        rows.append((who, int(own.sum()), int((alone & ~own).sum())))
    return SharedMaps(
        mask=mask.reshape(grid.shape, order="F"),
        baseline=sides[0],
        followup=sides[1],
        voxels=pd.DataFrame(rows, columns=["participant_id", "n_voxels", "n_lost"]),
    )


def _session(runs: Sequence[tuple[str, float]], grid: Grid) -> npt.NDArray[np.float64]:
    """Return the map of a session, NaN where none of its runs has a value; in Fortran order."""
    total, weights = np.zeros((2, grid.n_voxels), dtype=np.float64)
    for image, weight in runs:
        z = read_volume(image)[0].ravel(order="F").astype(np.float64)
        known = np.isfinite(z)
        total[known] += weight * z[known]
        weights[known] += weight
    mean: npt.NDArray[np.float64] = np.full(grid.n_voxels, np.nan)
    np.divide(total, weights, out=mean, where=weights > 0)
    return mean


def _most_common(grids: Sequence[Grid]) -> Grid:
    """Return the grid that most share, the first of several."""
    kinds: list[Grid] = []
    counts: Counter[int] = Counter()
    for grid in grids:
        place = next((i for i, kind in enumerate(kinds) if kind.matches(grid)), len(kinds))
        if place == len(kinds):
            kinds.append(grid)
        counts[place] += 1
    return kinds[counts.most_common(1)[0][0]]
