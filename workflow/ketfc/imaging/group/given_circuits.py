"""The registry's circuits from the parcels of matrices that were computed elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.errors import Problem, StudyError, did_you_mean
from ketfc.imaging.group.given_connectivity import given_runs
from ketfc.imaging.group.sessions import combine_runs
from ketfc.imaging.regions.registry import Registry
from ketfc.imaging.run.connectivity import circuit_rows
from ketfc.study.config.config import AS_GIVEN
from ketfc.study.config.sources import Connectivity
from ketfc.study.config.types import expand
from ketfc.study.connectivity.given import FIELD
from ketfc.study.connectivity.squares import Square
from ketfc.study.lab_tables import as_number, read_text

PLACED = ("region", "parcel", "x", "y", "z", "distance", "how", "reason")
"""Columns of what :func:`place_parcels` gives."""

_AXES = ("x", "y", "z")
_WHO = ("run", "participant_id", "session", "role")


def place_parcels(
    registry: Registry, about: Connectivity, space: str, labels: Iterable[str]
) -> tuple[pd.DataFrame, list[Problem]]:
    """Choose the parcel of each region: the one named for it, else the one nearest to it.

    A parcel that is called like the region is named for it too.

    Parameters
    ----------
    registry : Registry
        Its used regions; the centre of one is the mean of its spheres' centres in `space`.
    about : Connectivity
        That section of the config: `regions`, `parcels` and `max-distance`.
    space : str
        Template of the regions and of the parcels' centres.
    labels : iterable of str
        The parcels there are.

    Returns
    -------
    placed : pandas.DataFrame
        Columns of :data:`PLACED`; `distance` in mm between the centres of region and parcel, where
        both are known. A region without a parcel has a `reason`.
    problems : list of Problem
        Errors for names that nothing has, and if no region has a parcel; notes for regions that
        have none.
    """
    there = list(labels)
    problems = []
    try:
        centres = parcel_table(about)
    except (OSError, ValueError) as error:
        message = f"cannot be read as a table of centres: {error}"
        problems.append(Problem("error", message, field=f"{FIELD}.parcels", value=about.parcels))
        centres = {}
    field = f"{FIELD}.regions"
    used = {region.id: region for region in registry.used_regions}
    for region, parcel in about.regions.items():
        if region not in used:
            message = f"is no region of a circuit{did_you_mean(region, used)}"
            allowed = ", ".join(used)
            problems.append(Problem("error", message, field=field, value=region, allowed=allowed))
        if parcel not in there:
            message = f"no matrix has this parcel{did_you_mean(parcel, there)}"
            problems.append(Problem("error", message, field=f"{field}.{region}", value=parcel))
    rows = []
    for name, place in used.items():
        spheres = [sphere.centre for sphere in place.spheres_in(space)]
        middle = np.mean(spheres, axis=0) if spheres else None
        named = about.regions.get(name) or (name if name in there else None)
        rows.append({"region": name} | _chosen(named, middle, centres, there, about))
    placed = pd.DataFrame(rows, columns=list(PLACED))
    if placed["parcel"].isna().all() and not problems:
        message = (
            "no region of the registry has a parcel: name the parcels here, or give their centres "
            f"in {FIELD}.parcels"
        )
        problems.append(Problem("error", message, field=f"{FIELD}.regions"))
    problems += [
        Problem("note", f"has no parcel, and its circuits are not measured: {row['reason']}",
                field=f"{FIELD}.regions", value=row["region"])
        for row in placed[placed["parcel"].isna()].to_dict("records")
    ]  # fmt: skip
    return placed, problems


def parcel_table(about: Connectivity) -> dict[str, np.ndarray]:
    """Return the centres of parcels by name; none without ``study.connectivity.parcels``.

    Raises
    ------
    OSError, ValueError
        If the table cannot be read, lacks a column, or holds what is no number.
    """
    if about.parcels is None:
        return {}
    table = read_text(expand(about.parcels))
    name = next((column for column in ("label", "name") if column in table), None)
    lacking = [axis for axis in _AXES if axis not in table]
    if name is None or lacking:
        raise ValueError(
            f"it needs the columns label, x, y and z, and has {', '.join(map(str, table))}"
        )
    centres = {}
    for row in table.to_dict("records"):
        numbers = [None if row[axis] is None else as_number(row[axis]) for axis in _AXES]
        if None in numbers:
            raise ValueError(f"the centre of {row[name]} is no three numbers")
        centres[str(row[name])] = np.array(numbers, dtype=np.float64)
    return centres


def _chosen(
    named: str | None,
    middle: np.ndarray | None,
    centres: Mapping[str, np.ndarray],
    there: list[str],
    about: Connectivity,
) -> dict[str, object]:
    """Return the parcel of one region, or why it has none."""

    def of(parcel: str, how: str) -> dict[str, object]:
        centre = centres.get(parcel)
        distance = np.nan
        if middle is not None and centre is not None:
            distance = float(np.linalg.norm(centre - middle))
        place = middle if centre is None else centre
        where = dict(zip(_AXES, place, strict=True)) if place is not None else {}
        return {"parcel": parcel, "distance": distance, "how": how} | where

    if named is not None:
        return of(named, "named")
    known = [name for name in there if name in centres]
    if middle is None or not known:
        return {"reason": "no parcel is named for it, and no centres are known"}
    distances = [float(np.linalg.norm(centres[name] - middle)) for name in known]
    nearest = int(np.argmin(distances))
    if distances[nearest] > about.max_distance:
        return {
            "reason": f"the nearest parcel, {known[nearest]}, is {distances[nearest]:.1f} mm away "
            f"(max-distance {about.max_distance:g})"
        }
    return of(known[nearest], "nearest")


def region_correlations(square: Square, placed: pd.DataFrame) -> pd.DataFrame:
    """Return the matrix of r between the registry's regions, NaN where a parcel is missing."""
    regions = list(placed["region"])
    place = {name: i for i, name in enumerate(square.labels)}
    at = [place.get(parcel) if isinstance(parcel, str) else None for parcel in placed["parcel"]]
    r = np.full((len(regions), len(regions)), np.nan)
    known = [i for i, index in enumerate(at) if index is not None]
    indices = [index for index in at if index is not None]
    r[np.ix_(known, known)] = square.values[np.ix_(indices, indices)]
    return pd.DataFrame(r, index=regions, columns=regions)


def circuit_connectivity(
    squares: Mapping[str, Square], placed: pd.DataFrame, runs: pd.DataFrame, registry: Registry
) -> pd.DataFrame:
    """Return ``connectivity.tsv`` of matrices that were computed elsewhere.

    Runs of a session are averaged as Fisher z, by their volumes where all of the session's are
    known, else with one weight.

    Parameters
    ----------
    squares : mapping of str to Square
        By run, as Pearson's r.
    placed : pandas.DataFrame
        From :func:`place_parcels`.
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    registry : Registry
        The circuits.
    """
    nothing = pd.Series(np.nan, index=placed["region"])
    known = {run: square.known.get("n_volumes") for run, square in squares.items()}
    weighted = all(known.values())
    tables = []
    for record in runs.to_dict("records"):
        square = squares.get(record["run"])
        if square is None:
            continue
        rows = circuit_rows(
            region_correlations(square, placed), registry.circuits.values(), nothing
        )
        weight = known[record["run"]] if weighted else 1.0
        who = {key: record[key] for key in ("participant_id", "session", "role")}
        tables.append(rows.assign(strategy=AS_GIVEN, n_volumes=weight, tdof=weight, **who))
    table = combine_runs(tables, registry, runs, [AS_GIVEN])
    volumes = table["n_volumes"].astype("Int64") if weighted else np.nan
    return table.assign(n_volumes=volumes, tdof=np.nan, coverage_a=np.nan, coverage_b=np.nan)


def square_runs(runs: pd.DataFrame, squares: Mapping[str, Square]) -> pd.DataFrame:
    """Return ``quality/runs.tsv``, with what the programs tell of motion.

    Parameters are those of :func:`circuit_connectivity`.
    """
    table = given_runs(runs)
    for i, run in table["run"].items():
        for name, value in (squares[run].known if run in squares else {}).items():
            table.loc[i, name] = value
    return table


def given_regions(registry: Registry, placed: pd.DataFrame, space: str) -> pd.DataFrame:
    """Return ``regions.tsv``: each region's parcel, and how far it is from the region."""
    circuits = registry.circuits.values()
    regions = {region.id: region for region in registry.used_regions}
    rows = []
    for row in placed.to_dict("records"):
        region = regions[row["region"]]
        rows.append(
            {
                "region": region.id,
                "circuits": ";".join(c.id for c in circuits if region.id in c.regions),
                "name": region.name,
                "hemisphere": region.hemisphere,
                **{axis: row[axis] for axis in _AXES},
                "space": space,
                "definition": _definition(row),
                "distance": row["distance"],
                "source": region.source,
                "verified": "yes" if region.verified else "no",
            }
        )
    return pd.DataFrame(rows)


def _definition(row: Mapping[Any, Any]) -> str:
    if not isinstance(row["parcel"], str):
        return f"not measured: {row['reason']}"
    known = isinstance(row["distance"], float) and np.isfinite(row["distance"])
    far = f", {row['distance']:.1f} mm from the region's centre" if known else ""
    how = "the parcel named for it" if row["how"] == "named" else "the nearest parcel"
    return f"{row['parcel']}, {how}{far}"


def missing_regions(
    squares: Mapping[str, Square], placed: pd.DataFrame, runs: pd.DataFrame
) -> pd.DataFrame:
    """Return ``quality/regions.tsv``: which regions of which runs have no value, and why.

    Parameters are those of :func:`circuit_connectivity`.
    """
    rows = []
    for record in runs.to_dict("records"):
        square = squares.get(record["run"])
        if square is None:
            continue
        r = region_correlations(square, placed)
        empty = r.isna().all(axis=1)
        for row in placed.to_dict("records"):
            note = None
            if not isinstance(row["parcel"], str):
                note = row["reason"]
            elif empty[row["region"]]:
                note = f"{row['parcel']} has no correlation in this run"
            who = {key: record[key] for key in _WHO}
            rows.append(who | {"region": row["region"], "note": note})
    return pd.DataFrame(rows, columns=[*_WHO, "region", "note"])


def require_parcels(
    registry: Registry, about: Connectivity, space: str, squares: Mapping[str, Square]
) -> pd.DataFrame:
    """Return the parcels of the regions, over all matrices.

    Raises
    ------
    StudyError
        If names are wrong, which the plan tells too.
    """
    labels = dict.fromkeys(label for square in squares.values() for label in square.labels)
    placed, problems = place_parcels(registry, about, space, labels)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise StudyError(errors)
    return placed
