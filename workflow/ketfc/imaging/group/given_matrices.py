"""Matrices of sessions: those made of images, or all parcels of those computed elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ketfc.imaging.group.given_circuits import parcel_table
from ketfc.imaging.group.sessions import session_fisher_z
from ketfc.imaging.run.connectivity import fisher_z
from ketfc.study.config.config import parse_config
from ketfc.study.config.sources import Connectivity
from ketfc.study.config.types import expand
from ketfc.study.connectivity.sessions import runs_known
from ketfc.study.connectivity.squares import Square
from ketfc.study.lab_tables import read_text

PARCEL_COLUMNS = ("name", "network", "x", "y", "z")
"""Columns of ``parcels.tsv``."""

_AXES = ("x", "y", "z")
_SCHAEFER = re.compile(r"(?:\d+Networks_)?[LR]H_([A-Za-z]+)(?:_.*)?")
_SESSION = ["participant_id", "session", "role"]


def given_parcels(about: Connectivity, labels: Iterable[str]) -> pd.DataFrame:
    """Return ``parcels.tsv``: the parcels of matrices, their networks and centres.

    Parameters
    ----------
    about : Connectivity
        That section of the config.
    labels : iterable of str
        The parcels, in the order of the table.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`PARCEL_COLUMNS`. The network is that of the column ``network`` of the
        lab's tables of parcels or of labels, else the one in a name of Schaefer's
        (``LH_Default_PFC_1``); missing where there is none.
    """
    names = list(labels)
    networks = _networks(about)
    centres = parcel_table(about)
    rows = []
    for name in names:
        of = _SCHAEFER.fullmatch(name)
        where = dict(zip(_AXES, centres[name], strict=True)) if name in centres else {}
        network = networks.get(name) or (of[1] if of else None)
        rows.append({"name": name, "network": network} | where)
    return pd.DataFrame(rows, columns=list(PARCEL_COLUMNS))


def _networks(about: Connectivity) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in (about.labels, about.parcels):
        if path is None:
            continue
        table = read_text(expand(path))
        name = next((column for column in ("label", "name") if column in table), None)
        if name is not None and "network" in table:
            rows = table[[name, "network"]].dropna()
            found |= dict(zip(rows[name].astype(str), rows["network"].astype(str), strict=True))
    return found


def given_sessions(
    squares: Mapping[str, Square], runs: pd.DataFrame, parcels: pd.DataFrame
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield the participant, the role and the matrix of Fisher z of every session.

    Runs of a session are averaged as the circuits are, by their volumes where all are known.

    Parameters
    ----------
    squares : mapping of str to Square
        By run, as Pearson's r.
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    parcels : pandas.DataFrame
        ``parcels.tsv``: the names on both axes of every matrix.
    """
    names = parcels["name"].tolist()
    known = {run: square.known.get("n_volumes") for run, square in squares.items()}
    weighted = all(known.values())
    for (participant, _, role), rows in runs.groupby(_SESSION, sort=True):
        total = weights = np.zeros((len(names), len(names)))
        for run in rows["run"]:
            square = squares.get(run)
            if square is None:
                continue
            r = pd.DataFrame(square.values, square.labels, square.labels)
            z = fisher_z(r.reindex(index=names, columns=names).to_numpy(dtype=np.float64))
            weight = float(known[run] or 1.0) if weighted else 1.0
            total = total + weight * np.nan_to_num(z)
            weights = weights + weight * np.isfinite(z)
        if (weights > 0).any():
            z = np.divide(total, weights, out=np.full_like(total, np.nan), where=weights > 0)
            yield str(participant), str(role), pd.DataFrame(z, names, names)


def sessions_of(
    runs: pd.DataFrame,
    parcels: pd.DataFrame,
    files: Mapping[str, tuple[str, str]],
    given: Mapping[str, Any] | None,
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield the participant, the role and the matrix of Fisher z of every session that has one.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    parcels : pandas.DataFrame
        The table of the parcellation.
    files : mapping of str to (str, str)
        Of images, the matrix and its sidecar, by run.
    given : mapping or None
        The configuration, where connectivity was computed elsewhere.
    """
    if given is None:
        return session_fisher_z(runs, files)
    return given_sessions(runs_known(parse_config(given).study, runs), runs, parcels)
