"""Default-mode, salience and frontoparietal networks of a parcellation: ``results/networks.tsv``.

The triple-network model (Menon V (2011), doi:10.1016/j.tics.2011.08.003) is measured by the mean
connectivity within each network and between each two, by how far a network is segregated from all
others, and by the strength of every parcel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DEFAULT, SALIENCE, CONTROL = "default-mode", "salience", "frontoparietal"

TRIPLE: Mapping[str, str] = {
    DEFAULT: "default-mode network",
    SALIENCE: "salience network",
    CONTROL: "frontoparietal network",
}
"""The three networks, in the order of all tables, with their names in words."""

EVERY = "all"
"""In place of a network: all networks that the parcellation names."""

WITHIN, BETWEEN, SEGREGATION, STRENGTH = "within", "between", "segregation", "strength"

NETWORK_COLUMNS = (
    "participant_id",
    "session",
    "role",
    "strategy",
    "atlas",
    "measure",
    "network_a",
    "network_b",
    "region",
    "value",
    "n_edges",
    "n_parcels",
    "n_covered",
    "reason",
)
"""Columns of ``results/networks.tsv``."""

NETWORK_NUMBERS = ("value", "n_edges", "n_parcels", "n_covered")

_LABELS = {
    DEFAULT: r"default|defaultmode|defaultnetwork|defaultmodenetwork|dmn|default[abc]",
    SALIENCE: r"salience|saliencenetwork|sal|sn|salventattn[ab]?|salienceventralattention[ab]?",
    CONTROL: (
        r"cont[abc]?|control[abc]?|frontoparietal|frontoparietalcontrol|fpn|fpcn"
        r"|centralexecutive|cen|executivecontrol|ecn"
    ),
}
_UNASSIGNED = re.compile(r"unassigned|none|na|unknown")

Matrix = NDArray[np.float64]


def triple_network_of(label: object) -> str | None:
    """Return which of the three networks a parcellation's label names, None if none of them.

    Known are the names of Yeo's and Schaefer's 7 and 17 networks, of Power's and of Gordon's, and
    the usual abbreviations, whatever their case and punctuation. Yeo's salience network is one with
    ventral attention; Power's and Gordon's is taken alone, without their cingulo-opercular network.
    """
    bare = _bare(label)
    return next((key for key, names in _LABELS.items() if re.fullmatch(names, bare)), None)


def _bare(label: object) -> str:
    return re.sub(r"[^a-z0-9]", "", label.casefold()) if isinstance(label, str) else ""


@dataclass(frozen=True)
class Networks:
    """Parcels of a parcellation by network.

    Attributes
    ----------
    regions : tuple of str
        The parcels that belong to some network, in the order of the parcellation.
    labels : numpy.ndarray of str, shape (parcels,)
        The network of each: of the three by its key, of others by the parcellation's own label.
    """

    regions: tuple[str, ...]
    labels: NDArray[np.str_]

    @classmethod
    def of(cls, parcels: pd.DataFrame) -> Networks:
        """Return the networks of a label table: `name` and `network` (missing where it has none).

        Parcels of no network, subcortical ones as a rule, belong to nothing here.
        """
        known = [
            (str(row["name"]), triple_network_of(row["network"]) or str(row["network"]))
            for row in parcels.to_dict("records")
            if (bare := _bare(row["network"])) and not _UNASSIGNED.fullmatch(bare)
        ]
        return cls(tuple(name for name, _ in known), np.array([of for _, of in known], dtype=str))

    def members(self, network: str) -> NDArray[np.bool_]:
        """Return which parcels a network has; those of :data:`EVERY` network are all."""
        if network == EVERY:
            return np.ones(len(self.labels), dtype=bool)
        own: NDArray[np.bool_] = self.labels == network
        return own

    @property
    def obstacle(self) -> str | None:
        """The reason that the parcellation measures nothing, None where it measures something."""
        missing = [name for key, name in TRIPLE.items() if not self.members(key).any()]
        if len(missing) == len(TRIPLE):
            return "the parcellation labels none of the three networks"
        return None


def network_rows(
    z: Matrix, covered: NDArray[np.bool_], networks: Networks, *, min_coverage: float
) -> Iterator[dict[str, Any]]:
    """Yield the measures of the three networks in one matrix.

    Parameters
    ----------
    z : numpy.ndarray, shape (parcels, parcels)
        Fisher z of every pair of the parcels of `networks`.
    covered : numpy.ndarray of bool, shape (parcels,)
        The parcels to use. What is taken from others is nothing, never zero.
    networks : Networks
        Whose parcels they are.
    min_coverage : float
        Share of a network's parcels that must be covered for it to be measured.

    Yields
    ------
    dict
        The columns of :data:`NETWORK_COLUMNS` from `measure` on, without strengths. ``within`` and
        ``between``: mean Fisher z of all pairs, negative ones as they are. ``segregation``:
        (W − B) / W, with W and B the mean Fisher z of a network's pairs within it and with the
        parcels of all other networks of the parcellation (of :data:`EVERY` network: of all pairs
        within and between networks), negative ones as 0, after Chan MY et al. (2014), PNAS
        111:E4997–E5006, doi:10.1073/pnas.1415122111.
    """
    positive = np.maximum(z, 0.0)
    upper = np.triu(np.ones(z.shape, dtype=bool), k=1)
    # a pair counts once, in the upper triangle, and with two covered ends
    usable = upper & covered[:, np.newaxis] & covered & np.isfinite(z)
    same = networks.labels[:, np.newaxis] == networks.labels

    def row(measure: str, ends: Sequence[str]) -> dict[str, Any]:
        several = np.any([networks.members(end) for end in ends], axis=0)
        return {
            "measure": measure,
            "network_a": ends[0],
            "network_b": ends[-1],
            "n_parcels": int(several.sum()),
            "n_covered": int((several & covered).sum()),
            "reason": _obstacle(ends, covered, networks, min_coverage),
        }

    for key in TRIPLE:
        own = networks.members(key)
        pairs = usable & own[:, np.newaxis] & own
        yield _filled(row(WITHIN, [key]), pairs, z)
    for a, b in combinations(TRIPLE, 2):
        ends = networks.members(a)[:, np.newaxis] & networks.members(b)
        yield _filled(row(BETWEEN, [a, b]), usable & (ends | ends.T), z)
    for network in (*TRIPLE, EVERY):
        own = networks.members(network)
        touching = usable & (own[:, np.newaxis] | own)
        about = row(SEGREGATION, [network])
        inside, outside = touching & same, touching & ~same
        about["n_edges"] = int(touching.sum())
        if about["reason"] is None:
            w, rest = _mean(positive, inside), _mean(positive, outside)
            if w > 0 and np.isfinite(rest):
                about["value"] = (w - rest) / w
            else:
                about["reason"] = "no positive connectivity within the network"
                if not inside.any() or not outside.any():
                    about["reason"] = "no pairs of parcels within or beside the network"
        yield about


def _mean(z: Matrix, pairs: NDArray[np.bool_]) -> float:
    return float(z[pairs].mean()) if pairs.any() else float("nan")


def _filled(row: dict[str, Any], pairs: NDArray[np.bool_], z: Matrix) -> dict[str, Any]:
    row["n_edges"] = int(pairs.sum())
    if row["reason"] is None:
        if pairs.any():
            row["value"] = z[pairs].mean()
        else:
            row["reason"] = "no pair of covered parcels"
    return row


def _obstacle(
    ends: Iterable[str], covered: NDArray[np.bool_], networks: Networks, min_coverage: float
) -> str | None:
    for end in ends:
        own = networks.members(end)
        name = TRIPLE.get(end, "networks")
        if not own.any():
            return f"the parcellation labels no parcel as {name}"
        share = covered[own].mean()
        if share < min_coverage:
            return f"{covered[own].sum()} of {own.sum()} parcels of the {name} are covered"
    return None


def strength_rows(
    z: Matrix, covered: NDArray[np.bool_], networks: Networks
) -> Iterator[dict[str, Any]]:
    """Yield the strength of every parcel of the three networks; parameters as `network_rows` has.

    Yields
    ------
    dict
        Mean Fisher z of a parcel with all other covered parcels that belong to a network, negative
        ones as 0: nodal strength (Rubinov M, Sporns O (2010), NeuroImage 52:1059–1069,
        doi:10.1016/j.neuroimage.2009.10.003) over the number of neighbours, so that a parcel
        without signal elsewhere does not lower it.
    """
    usable = covered[:, np.newaxis] & covered & np.isfinite(z) & ~np.eye(len(z), dtype=bool)
    count = usable.sum(axis=1)
    total = np.where(usable, np.maximum(z, 0.0), 0.0).sum(axis=1)
    for key in TRIPLE:
        for i in np.flatnonzero(networks.members(key)):
            yield {
                "measure": STRENGTH,
                "network_a": key,
                "network_b": key,
                "region": networks.regions[i],
                "value": total[i] / count[i] if count[i] else np.nan,
                "n_edges": int(count[i]),
                "n_parcels": 1,
                "n_covered": int(covered[i]),
                "reason": None if count[i] else "the parcel is not covered",
            }


def network_table(
    sessions: Mapping[str, Iterable[tuple[str, str, pd.DataFrame]]],
    runs: pd.DataFrame,
    parcels: pd.DataFrame,
    *,
    atlas: str,
    primary: str,
    min_coverage: float,
) -> pd.DataFrame:
    """Measure the three networks in every session, by every strategy.

    Parameters
    ----------
    sessions : mapping of str to iterable of (participant, role, matrix)
        By strategy, the Fisher z of sessions as
        :func:`ketfc.imaging.group.sessions.session_fisher_z` gives them: all sessions of one
        participant after another.
    runs : pandas.DataFrame
        ``plan/runs.tsv``: sessions whose runs were all excluded have rows without values.
    parcels : pandas.DataFrame
        The parcellation's label table: `name` and `network` (missing where it has none).
    atlas : str
        Its name.
    primary : str
        The strategy by which the strength of parcels is listed.
    min_coverage : float
        Share of a network's parcels that must be covered for it to be measured.

    Returns
    -------
    pandas.DataFrame
        :data:`NETWORK_COLUMNS`, by participant, session and strategy. Of a participant the parcels
        are used that are covered in all of the sessions, so that these have the same pairs. What
        could not be measured is missing, with a `reason`.
    """
    networks = Networks.of(parcels)
    planned = runs[["participant_id", "session", "role"]].drop_duplicates().astype(str)
    label = {
        (row["participant_id"], row["role"]): row["session"] for row in planned.to_dict("records")
    }
    rows: list[dict[str, Any]] = []
    for strategy, found in sessions.items():
        left = dict(label)
        for participant, group in groupby(found, key=lambda session: session[0]):
            read = [(role, _between(matrix, networks.regions)) for _, role, matrix in group]
            # a session whose runs were all excluded has a matrix too, without a number
            measured = [(role, z) for role, z in read if _present(z).any()]
            covered = _covered_in_all([_present(z) for _, z in measured])
            for role, z in measured:
                key = {
                    "participant_id": participant,
                    "session": left.pop((participant, role)),
                    "role": role,
                    "strategy": strategy,
                }
                own = list(network_rows(z, covered, networks, min_coverage=min_coverage))
                if strategy == primary:
                    own += strength_rows(z, covered, networks)
                rows += [key | row for row in own]
        nothing = np.full((len(networks.regions),) * 2, np.nan)
        for (participant, role), session in left.items():
            key = {"participant_id": participant, "session": session, "role": role}
            empty = network_rows(nothing, _present(nothing), networks, min_coverage=0)
            gone = {"strategy": strategy, "reason": networks.obstacle or "no usable run"}
            rows += [key | row | gone for row in empty]
    table = pd.DataFrame(rows, columns=list(NETWORK_COLUMNS)).assign(atlas=atlas)
    order = {strategy: place for place, strategy in enumerate(sessions)}
    place = table["strategy"].map(order)
    table = table.assign(_place=place, _row=np.arange(len(table)))
    by = ["participant_id", "session", "_place", "_row"]
    return table.sort_values(by, ignore_index=True)[list(NETWORK_COLUMNS)]


def _between(matrix: pd.DataFrame, regions: Sequence[str]) -> Matrix:
    return matrix.reindex(index=list(regions), columns=list(regions)).to_numpy(dtype=np.float64)


def _present(z: Matrix) -> NDArray[np.bool_]:
    """Return the parcels that have a connection with any other."""
    known = np.isfinite(z) & ~np.eye(len(z), dtype=bool)
    some: NDArray[np.bool_] = np.asarray(known.sum(axis=1) > 0)
    return some


def _covered_in_all(sessions: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    covered: NDArray[np.bool_] = np.asarray(np.sum(sessions, axis=0) == len(sessions))
    return covered
