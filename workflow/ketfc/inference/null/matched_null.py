"""Rank of a circuit's change among those of matched pairs of spheres.

Every edge of a circuit is matched with pairs of spheres in the cortex that have about its voxels
and its tSNR and lie about as far apart. Pseudo-circuits with as many edges are drawn from them,
their change is tested with the model of the circuit's own test (its covariates, blocks and own
baseline), and the circuit's t is ranked among theirs by its size. A high percentile says that
the change is particular to the circuit: larger than what scan, arm or motion do to edges of that
kind anywhere in the brain. It is not a p value: the pairs are not independent of one another, and a
change of the whole brain lifts them all. A low percentile does not say that nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.core.variance_groups import deviates
from ketfc.inference.design.many_connections import t_of_many
from ketfc.inference.design.model import model_of, model_over
from ketfc.inference.design.planned_tests import PlannedTest, planned_tests
from ketfc.inference.design.samples import participant_table, sample_of
from ketfc.inference.null.sphere_pairs import FEWEST, candidate_pairs, elsewhere, match_circuit
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

NULL_COLUMNS = (
    "circuit",
    "strategy",
    "n",
    "n_edges",
    "n_candidates",
    "n_null",
    "statistic",
    "df",
    "percentile",
    "size",
    "size_null",
    "tsnr",
    "tsnr_null",
    "distance",
    "distance_null",
    "unmatched",
    "reason",
)
"""Columns of ``tests/matched_null.tsv``."""

_NO_SCORES = pd.DataFrame(columns=["participant_id", "scale", "instrument", "role", "score"])


@dataclass(frozen=True, eq=False)
class _Task:
    """The participants and pseudo-circuits of one circuit."""

    row: dict[str, Any]
    test: PlannedTest
    complete: pd.DataFrame
    drawn: NDArray[np.intp]

    @property
    def participants(self) -> dict[str, int]:
        """Places of the participants."""
        return {str(who): i for i, who in enumerate(self.complete.index)}

    def t(self, baseline: Floats, followup: Floats, design: Design) -> tuple[Floats, Floats]:
        """Return t and df of the circuit's own test for many connections, shape (n, m)."""
        return t_of_many(model_over(self.test, self.complete, baseline, followup, design))


def matched_null(
    connectivity: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    sessions: Iterable[tuple[str, str, pd.DataFrame]],
    *,
    regions: pd.DataFrame,
    spheres: pd.DataFrame,
    measured: pd.DataFrame,
    strategy: str,
    seed: int,
) -> pd.DataFrame:
    """Rank the change of every circuit among pseudo-circuits of matched pairs of spheres.

    Parameters
    ----------
    connectivity : pandas.DataFrame
        ``connectivity.tsv``, rows in any order.
    design : Design
        The study's design.
    circuits : iterable of Circuit
        In the order of the table.
    sessions : iterable of (participant, role, matrix)
        Fisher z of every session, spheres × spheres with names on both axes, missing where not
        measured. Gone through once, so that one matrix is in memory at a time.
    regions, spheres : pandas.DataFrame
        Indexed by name: `x`, `y`, `z` (centre, mm), `size` (voxels that were averaged) and
        `tsnr`, of the circuits' regions and of the spheres (these with `radius` too).
    measured : pandas.DataFrame
        Which spheres were measured, bool, spheres as columns, indexed by participant and role.
    strategy : str
        Denoising strategy of both kinds of connectivity.
    seed : int
        The study's seed; each circuit has its own stream by its name.

    Returns
    -------
    pandas.DataFrame
        :data:`NULL_COLUMNS`, one row per circuit. `statistic` and `df` are t and
        degrees of freedom of the circuit's own test, with its covariates, blocks and variances;
        `percentile` the share of pseudo-circuits whose t, as a standard normal deviate, is smaller
        in size, from 0 to 100, ties counted half; `size`, `tsnr` and `distance` means
        over the circuit's edges, `…_null` those over the pseudo-circuits; `unmatched` the features
        whose means differ (see :func:`ketfc.inference.null.sphere_pairs.match_circuit`). Where
        there is no percentile there is a `reason`.
    """
    spheres = spheres.sort_index()
    tasks = []
    for circuit in circuits:
        rng = stream(seed, f"{circuit.id}/matched-null")
        tasks.append(
            _task(connectivity, design, circuit, regions, spheres, measured, strategy, rng)
        )
    nulls = _collect(sessions, tasks, list(spheres.index), design)
    rows = []
    for task, (baseline, followup) in zip(tasks, nulls, strict=True):
        row = dict(task.row)
        if row["reason"] is None:
            # as the permutation test compares values of t whose degrees of freedom differ
            null = deviates(*task.t(baseline, followup, design))
            null = null[np.isfinite(null)]
            own = task.complete[["z_baseline", "z_followup"]].to_numpy(dtype=np.float64)
            t, df = task.t(own[:, :1], own[:, 1:], design)
            row |= {"statistic": float(t[0]), "df": float(df[0]), "n_null": len(null)}
            if len(null) < FEWEST:
                row["reason"] = f"only {len(null)} pseudo-circuits were measured in everybody"
            else:
                row["percentile"] = percentile(float(deviates(t, df)[0]), null)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(NULL_COLUMNS))


def percentile(statistic: float, null: Floats) -> float:
    """Return the share of `null` whose size is below that of `statistic`, from 0 to 100.

    Ties count half, so that a statistic drawn like the null has a uniform percentile.
    """
    size = np.abs(null)
    below, equal = (size < abs(statistic)).sum(), (size == abs(statistic)).sum()
    return float(100 * (below + equal / 2) / len(null))


def _task(
    connectivity: pd.DataFrame,
    design: Design,
    circuit: Circuit,
    regions: pd.DataFrame,
    spheres: pd.DataFrame,
    measured: pd.DataFrame,
    strategy: str,
    rng: np.random.Generator,
) -> _Task:
    """Choose a circuit's participants and pseudo-circuits."""
    test = planned_tests(design)[0]
    table = participant_table(
        connectivity, _NO_SCORES, design, circuit=circuit.id, strategy=strategy
    )
    roles = [design.baseline, design.followup]
    complete = sample_of(table, test, design).complete
    obstacle = model_of(test, complete, design).obstacle
    row: dict[str, Any] = {
        "circuit": circuit.id,
        "strategy": strategy,
        "n": len(complete),
        "n_edges": len(circuit.edges),
        "n_null": 0,
        "reason": None if obstacle is None else obstacle.obstacle,
    }
    drawn = np.empty((0, len(circuit.edges), 2), dtype=np.intp)
    if circuit.regress:
        row["reason"] = "its edges are semipartial correlations, those of the spheres are not"
    if row["reason"] is None:
        wanted = pd.MultiIndex.from_product([complete.index, roles])
        usable = measured.reindex(wanted, fill_value=False)[list(spheres.index)].all(axis=0)
        names = list(dict.fromkeys(name for edge in circuit.edges for name in edge))
        ends = regions.reindex(names)
        pairs = candidate_pairs(spheres[usable])
        pairs = elsewhere(pairs, spheres[usable], ends, circuit.edges)
        row["n_candidates"] = len(pairs.ends)
        if len(pairs.ends) < FEWEST:
            row["reason"] = (
                f"{len(pairs.ends)} pairs of spheres measured in everybody, at least {FEWEST} are "
                "needed"
            )
        elif not (np.isfinite(ends.to_numpy(dtype=np.float64)).all() and (ends["size"] > 0).all()):
            row["reason"] = "size or tSNR of its regions is not known"
        else:
            chosen, matching = match_circuit(pairs, ends, circuit.edges, rng)
            row |= matching
            # from places among the usable spheres to places among all
            drawn = np.flatnonzero(usable.to_numpy())[pairs.ends[chosen]]
    return _Task(row, test, complete, drawn)


def _collect(
    sessions: Iterable[tuple[str, str, pd.DataFrame]],
    tasks: Sequence[_Task],
    spheres: list[str],
    design: Design,
) -> list[tuple[Floats, Floats]]:
    """Return every pseudo-circuit's mean Fisher z at both sessions, (n, n_null), for each task."""
    places = [task.participants for task in tasks]
    shapes = [(len(task.complete), len(task.drawn)) for task in tasks]
    # float32 keeps seven digits, more than a rank needs, in half the memory
    found = [(np.full(s, nan, np.float32), np.full(s, nan, np.float32)) for s in shapes]
    times = {design.baseline: 0, design.followup: 1}
    for participant, role, matrix in sessions:
        if role not in times:
            continue
        matrix = matrix.reindex(index=spheres, columns=spheres)
        z = matrix.to_numpy(dtype=np.float64)
        for task, own, sides in zip(tasks, places, found, strict=True):
            place = own.get(participant)
            if place is not None and len(task.drawn):
                values = z[task.drawn[..., 0], task.drawn[..., 1]]
                sides[times[role]][place] = values.mean(axis=1)
    return [(before.astype(np.float64), after.astype(np.float64)) for before, after in found]
