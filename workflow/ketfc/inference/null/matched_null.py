"""Whether a circuit's change is unusual among pairs of regions like its own.

Every edge of a circuit is matched with pairs of spheres in the cortex that have about its voxels
and its tSNR and lie about as far apart. Pseudo-circuits with as many edges are drawn from them,
their change is tested with the contrast of the circuit's own test, and the circuit's t is ranked
among theirs by its size. A high percentile says that the change is particular to the circuit:
larger than what scan, arm or motion do to edges of that kind anywhere in the brain. It is not a p
value: the pairs are not independent of one another, and a change of the whole brain lifts them
all. A low percentile does not say that nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.inference.core.linear import is_constant, obstacle_to_fit
from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.design.crossover import period_statistic
from ketfc.inference.design.model import MIN_ARM
from ketfc.inference.design.samples import participant_table, planned_tests, sample_of
from ketfc.inference.null.sphere_pairs import FEWEST, candidate_pairs, elsewhere, match_circuit
from ketfc.study.design.design import KETAMINE_FIRST, Design

NULL_COLUMNS = (
    "circuit",
    "strategy",
    "n",
    "n_edges",
    "n_candidates",
    "n_null",
    "statistic",
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


class CircuitLike(Protocol):
    """What must be known of a circuit: a ``ketfc.imaging.regions.registry.Circuit`` has it."""

    @property
    def id(self) -> str:
        """Identifier, as in connectivity.tsv."""

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Pairs of region ids."""

    @property
    def regress(self) -> Mapping[str, tuple[str, ...]]:
        """What is regressed from which region before they are correlated."""


@dataclass(frozen=True, eq=False)
class _Task:
    """What one circuit needs from the matrices, or why it needs nothing."""

    circuit: str
    row: dict[str, Any]
    participants: Mapping[str, int]
    baseline: Floats
    followup: Floats
    treated: Floats | None
    ketamine_first: Floats | None
    drawn: NDArray[np.intp]

    def statistic(self, baseline: Floats, followup: Floats) -> Floats:
        """Return the t of the circuit's own test for many connections, shape (n, m)."""
        if self.ketamine_first is not None:
            return period_statistic(baseline, followup, self.ketamine_first)
        return change_statistic(baseline, followup, self.treated)


def matched_null(
    connectivity: pd.DataFrame,
    design: Design,
    circuits: Iterable[CircuitLike],
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
    circuits : iterable of CircuitLike
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
        :data:`NULL_COLUMNS`, one row per circuit. `statistic` is the circuit's t (ordinary least
        squares, as the permutation test uses it); `percentile` the share of pseudo-circuits whose
        t is smaller in size, from 0 to 100, ties counted half; `size`, `tsnr` and `distance` means
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
            null = task.statistic(baseline, followup)
            null = null[np.isfinite(null)]
            observed = task.statistic(task.baseline[:, np.newaxis], task.followup[:, np.newaxis])
            row["statistic"], row["n_null"] = float(observed[0]), len(null)
            if len(null) < FEWEST:
                row["reason"] = f"only {len(null)} pseudo-circuits were measured in everybody"
            else:
                row["percentile"] = percentile(float(observed[0]), null)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(NULL_COLUMNS))


def change_statistic(baseline: Floats, followup: Floats, treated: Floats | None) -> Floats:
    """Return t of the change of many connections at once.

    Parameters
    ----------
    baseline, followup : numpy.ndarray, shape (n, m)
        Fisher z of the same n participants.
    treated : numpy.ndarray, shape (n,), or None
        1 in the ketamine arm, 0 in the control arm; None where there is one arm.

    Returns
    -------
    numpy.ndarray, shape (m,)
        With one arm, the paired t; with two, t of `treated` in ``followup ~ 1 + treated +
        baseline``, by ordinary least squares. NaN where it is undefined.
    """
    n = len(baseline)
    if treated is None:
        change = followup - baseline
        spread = change.std(axis=0, ddof=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            t: Floats = np.where(spread > 0, change.mean(axis=0) / spread * n**0.5, nan)
        return t
    arm = (treated - treated.mean())[:, np.newaxis]
    before = baseline - baseline.mean(axis=0)
    after = followup - followup.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # what the baseline does not explain, of the arm and of the follow-up (Frisch–Waugh)
        length = (before**2).sum(axis=0)
        own = arm - before * ((before * arm).sum(axis=0) / length)
        rest = after - before * ((before * after).sum(axis=0) / length)
        weight = (own**2).sum(axis=0)
        slope = (own * rest).sum(axis=0) / weight
        variance = ((rest - own * slope) ** 2).sum(axis=0) / (n - 3)
        t = np.where(variance > 0, slope / np.sqrt(variance / weight), nan)
    return t


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
    circuit: CircuitLike,
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
    baseline = complete["z_baseline"].to_numpy(dtype=np.float64)
    followup = complete["z_followup"].to_numpy(dtype=np.float64)
    treated = (
        np.asarray(complete["arm"] == "ketamine", dtype=np.float64) if design.between_arms else None
    )
    ketamine_first = (
        np.asarray(complete["sequence"] == KETAMINE_FIRST, dtype=np.float64)
        if design.within_drugs
        else None
    )
    row: dict[str, Any] = {
        "circuit": circuit.id,
        "strategy": strategy,
        "n": len(complete),
        "n_edges": len(circuit.edges),
        "n_null": 0,
        "reason": _untestable(baseline, followup, treated, ketamine_first),
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
    return _Task(
        circuit=circuit.id,
        row=row,
        participants={str(who): i for i, who in enumerate(complete.index)},
        baseline=baseline,
        followup=followup,
        treated=treated,
        ketamine_first=ketamine_first,
        drawn=drawn,
    )


def _untestable(
    baseline: Floats,
    followup: Floats,
    treated: Floats | None,
    ketamine_first: Floats | None,
) -> str | None:
    """Return why the change of a circuit has no t, if it has none."""
    if ketamine_first is not None:
        if min(ketamine_first.sum(), (1 - ketamine_first).sum()) < MIN_ARM:
            return f"fewer than {MIN_ARM} complete participants had the drugs in one of the orders"
        order = 2 * ketamine_first - 1
        found = obstacle_to_fit(
            ("the difference between periods", (followup - baseline) * order), {"order": order}
        )
        return None if found is None else found.obstacle
    if treated is None:
        if len(baseline) < 3:
            return f"{len(baseline)} complete participants, at least 3 are needed"
        return "the change is the same in everybody" if is_constant(followup - baseline) else None
    if min(treated.sum(), (1 - treated).sum()) < MIN_ARM:
        return f"an arm has fewer than {MIN_ARM} complete participants"
    found = obstacle_to_fit(
        ("connectivity at follow-up", followup),
        {"arm": treated, "connectivity at baseline": baseline},
    )
    return None if found is None else found.obstacle


def _collect(
    sessions: Iterable[tuple[str, str, pd.DataFrame]],
    tasks: Sequence[_Task],
    spheres: list[str],
    design: Design,
) -> list[tuple[Floats, Floats]]:
    """Return every pseudo-circuit's mean Fisher z at both sessions, (n, n_null), for each task."""
    shapes = [(len(task.participants), len(task.drawn)) for task in tasks]
    # float32 keeps seven digits, more than a rank needs, in half the memory
    found = [(np.full(s, nan, np.float32), np.full(s, nan, np.float32)) for s in shapes]
    times = {design.baseline: 0, design.followup: 1}
    for participant, role, matrix in sessions:
        if role not in times:
            continue
        matrix = matrix.reindex(index=spheres, columns=spheres)
        z = matrix.to_numpy(dtype=np.float64)
        for task, sides in zip(tasks, found, strict=True):
            place = task.participants.get(participant)
            if place is not None and len(task.drawn):
                values = z[task.drawn[..., 0], task.drawn[..., 1]]
                sides[times[role]][place] = values.mean(axis=1)
    return [(before.astype(np.float64), after.astype(np.float64)) for before, after in found]
