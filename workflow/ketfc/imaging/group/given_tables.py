"""The tables of results of connectivity that was computed elsewhere, from tables or matrices."""

from __future__ import annotations

import pandas as pd

from ketfc.imaging.group.given_circuits import (
    circuit_connectivity,
    given_regions,
    missing_regions,
    require_parcels,
    square_runs,
)
from ketfc.imaging.group.given_connectivity import given_connectivity, given_runs
from ketfc.imaging.group.given_matrices import PARCEL_COLUMNS, given_parcels
from ketfc.imaging.regions.registry import Registry
from ketfc.study.config.study import Study
from ketfc.study.connectivity.sessions import runs_known
from ketfc.study.connectivity.tidy import read_tidy

_REGIONS = ("region", "definition", "verified")
_MISSING = ("run", "participant_id", "session", "role", "region", "note")


def given_tables(study: Study, runs: pd.DataFrame, registry: Registry) -> dict[str, pd.DataFrame]:
    """Return ``connectivity.tsv``, ``quality/runs.tsv``, ``regions.tsv``, ``quality/regions.tsv``.

    Parameters
    ----------
    study : Study
        That section of the config, with `connectivity`.
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    registry : Registry
        The circuits, or the values.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``connectivity``, ``quality``, ``regions``, ``region_quality`` and ``parcels``.
    """
    about = study.connectivity
    assert about is not None
    if not about.of_regions:
        return {
            "connectivity": given_connectivity(read_tidy(study), runs, registry),
            "quality": given_runs(runs),
            "regions": pd.DataFrame(columns=list(_REGIONS)),
            "region_quality": pd.DataFrame(columns=list(_MISSING)),
            "parcels": pd.DataFrame(columns=list(PARCEL_COLUMNS)),
        }
    squares = runs_known(study, runs)
    labels = dict.fromkeys(label for square in squares.values() for label in square.labels)
    placed = require_parcels(registry, about, study.space, squares)
    return {
        "connectivity": circuit_connectivity(squares, placed, runs, registry),
        "quality": square_runs(runs, squares),
        "regions": given_regions(registry, placed, study.space),
        "region_quality": missing_regions(squares, placed, runs),
        "parcels": given_parcels(about, labels),
    }
