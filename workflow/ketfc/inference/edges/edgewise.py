"""Edge-wise tests, exploratory: change, and association with suicidal ideation.

The edges of a parcellation and the single edges of the circuits are put to the primary tests of
the design, each set and test a family of its own that no other p value enters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.inference.core.maxt import FamilyTest, false_discovery
from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.core.sequential import sequential_p
from ketfc.inference.design.model import model_over
from ketfc.inference.design.planned_tests import PlannedTest, planned_tests
from ketfc.inference.design.samples import MIN_ARM, participant_table, sample_obstacle
from ketfc.inference.families import edgewise_test
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

EDGE_COLUMNS = (
    "family",
    "atlas",
    "test",
    "strategy",
    "circuit",
    "region_a",
    "region_b",
    "network_a",
    "network_b",
    "estimate",
    "statistic",
    "df",
    "p_permutation",
    "p_parametric",
    "p_fwer",
    "p_fdr",
    "n",
    "permutations",
    "reason",
)
"""Columns of ``tests/edges.tsv``."""

EDGE_NUMBERS = EDGE_COLUMNS[9:18]
"""Those of them that hold numbers."""

CIRCUITS = "Circuits"
"""Name in place of an atlas for the circuits' own edges."""

NOT_MEASURED = "not-measured"
"""Reason of an edge that nobody has at both sessions; the others are those of
:class:`ketfc.inference.core.maxt.FamilyTest` and of
:func:`ketfc.inference.design.samples.sample_obstacle`."""

_TIMES = ("baseline", "followup")
_NO_CONNECTIVITY = pd.DataFrame(
    columns=["participant_id", "strategy", "circuit", "measure", "role", "z"]
)


@dataclass(frozen=True, eq=False)
class Edges:
    """Fisher z of many edges at the two sessions that are compared.

    Attributes
    ----------
    atlas : str
        Where they come from.
    names : pandas.DataFrame
        `circuit`, `region_a`, `region_b`, `network_a`, `network_b` of each edge.
    baseline, followup : numpy.ndarray of shape (participants, edges)
        NaN where missing; a row per participant of the contrasts, sorted.
    """

    atlas: str
    names: pd.DataFrame
    baseline: Floats
    followup: Floats


def parcel_edges(
    sessions: Iterable[tuple[str, str, pd.DataFrame]],
    design: Design,
    parcels: pd.DataFrame,
    *,
    atlas: str,
) -> Edges:
    """Gather every edge of a parcellation.

    Parameters
    ----------
    sessions : iterable of (participant, role, matrix)
        Fisher z, parcels × parcels with names on both axes, as
        :func:`ketfc.imaging.group.sessions.session_fisher_z` gives them. Gone through once.
    design : Design
        The study's design.
    parcels : pandas.DataFrame
        The parcellation's label table: `name` and `network` (missing where it has none).
    atlas : str
        Its name.
    """
    regions = parcels["name"].to_numpy(dtype=object)
    network = parcels["network"].to_numpy(dtype=object)
    a, b = np.triu_indices(len(regions), k=1)
    names = pd.DataFrame(
        {
            "circuit": None,
            "region_a": regions[a],
            "region_b": regions[b],
            "network_a": network[a],
            "network_b": network[b],
        }
    )
    place = {who: i for i, who in enumerate(sorted(design.in_contrasts()))}
    sides = {design.roles[time]: np.full((len(place), len(a)), np.nan) for time in _TIMES}
    for participant, role, matrix in sessions:
        if role in sides and participant in place:
            z = matrix.reindex(index=regions, columns=regions).to_numpy(dtype=np.float64)
            sides[role][place[participant]] = z[a, b]
    return Edges(atlas, names, *(sides[design.roles[time]] for time in _TIMES))


def circuit_edges(
    connectivity: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
) -> Edges:
    """Gather every single edge of the circuits.

    Parameters
    ----------
    connectivity : pandas.DataFrame
        ``connectivity.tsv``.
    design : Design
        The study's design.
    circuits : iterable of Circuit
        A pair of regions that two circuits share is an edge once, of the first; semipartial
        correlations are edges of their own.
    strategy : str
        Denoising strategy.
    """
    seen: set[frozenset[str]] = set()
    column: dict[tuple[str, str, str], int] = {}
    for circuit in circuits:
        for a, b in circuit.edges:
            if not circuit.regress:
                if frozenset((a, b)) in seen:
                    continue
                seen.add(frozenset((a, b)))
            column[circuit.id, a, b] = len(column)
    place = {who: i for i, who in enumerate(sorted(design.in_contrasts()))}
    sides = {design.roles[time]: np.full((len(place), len(column)), np.nan) for time in _TIMES}
    rows = connectivity[connectivity["strategy"] == strategy]
    for row in rows[rows["measure"] == "edge"].to_dict("records"):
        key = row["circuit"], row["region_a"], row["region_b"]
        if row["role"] in sides and row["participant_id"] in place and key in column:
            sides[row["role"]][place[row["participant_id"]], column[key]] = row["z"]
    names = pd.DataFrame(list(column), columns=["circuit", "region_a", "region_b"], dtype=object)
    names = names.assign(network_a=None, network_b=None)
    return Edges(CIRCUITS, names, *(sides[design.roles[time]] for time in _TIMES))


def edge_tests(
    sets: Iterable[Edges],
    scores: pd.DataFrame,
    design: Design,
    *,
    strategy: str,
    seed: int,
    permutations: int,
    alpha: float,
) -> pd.DataFrame:
    """Put every edge to the two primary tests of the design.

    The models are those of the primary hypotheses (:func:`ketfc.inference.design.model.model_of`):
    change by joint sign flips in one arm, by Freedman–Lane with each edge's own baseline in two,
    by exchange of the orders of the drugs in a crossover; association by Freedman–Lane on ranks.

    Parameters
    ----------
    sets : iterable of Edges
        Families are formed within each.
    scores : pandas.DataFrame
        ``plan/scores.tsv``.
    design : Design
        The study's design.
    strategy : str
        Denoising strategy of the edges.
    seed : int
        The study's seed; each family has its own streams by its name.
    permutations : int
        Joint arrangements of each family, or all there are. Edges that fewer than ten of them reach
        get more where the false discovery rate needs them
        (:func:`ketfc.inference.core.sequential.sequential_p`).
    alpha : float
        Level of the corrections, to which the p values of such edges are refined.

    Returns
    -------
    pandas.DataFrame
        :data:`EDGE_COLUMNS`, a row per edge and test; no association without a score. `estimate`
        is in Fisher z, or the partial Spearman correlation of an association; `statistic`, `df`
        and `p_parametric` are those of the t that was permuted (of ranks); all p are two-sided.
        `p_fwer` is by the largest |t| of the family under joint arrangements, `p_fdr` is
        `p_permutation` corrected by Benjamini and Hochberg's method, each within `family` alone.
        An edge that some participants lack is tested in the others (`n`). What cannot be tested
        has a row without numbers and a `reason`, and is no part of its family.
    """
    table = participant_table(_NO_CONNECTIVITY, scores, design, circuit="", strategy=strategy)
    tests = [test for test in planned_tests(design)[:2] if test.kind == "change" or design.si]
    parts = []
    for edges in sets:
        for test in tests:
            family = f"edges-{test.name}-{edges.atlas}"
            numbers = _family(
                edges,
                test,
                table,
                design,
                seed=seed,
                name=family,
                permutations=permutations,
                alpha=alpha,
            )
            about = {"family": family, "atlas": edges.atlas, "test": test.name}
            parts.append(edges.names.assign(**about, strategy=strategy, **numbers))
    found = pd.concat(parts, ignore_index=True)[list(EDGE_COLUMNS)]
    # whole numbers that may be missing
    return found.astype({"permutations": "Int64"})


def _family(
    edges: Edges,
    test: PlannedTest,
    table: pd.DataFrame,
    design: Design,
    *,
    seed: int,
    name: str,
    permutations: int,
    alpha: float,
) -> dict[str, Any]:
    """Return the numbers of one family, by column."""
    from scipy import stats

    present = np.isfinite(edges.baseline) & np.isfinite(edges.followup)
    needs = [need for need in test.required if not need.startswith("z_")]
    # who has no edge at all is no part of the joint arrangements
    enter = table[needs].notna().all(axis=1).to_numpy() & present.any(axis=1)
    complete, present = table[enter], present[enter]
    n = present.sum(axis=0)
    reason = np.full(len(n), None, dtype=object)
    reason[_smallest_group(complete, present, design) < MIN_ARM] = "too-few"
    obstacle = sample_obstacle(test, complete, design)
    if obstacle is not None:
        reason[:] = obstacle.flags[0]
    reason[n == 0] = NOT_MEASURED
    testable = np.flatnonzero(pd.isna(reason))
    numbers: dict[str, Any] = {
        column: np.full(len(n), np.nan)
        for column in (
            *("estimate", "statistic", "df"),
            *("p_permutation", "p_parametric", "p_fwer", "p_fdr", "permutations"),
        )
    }
    if len(testable):
        mask = np.where(present[:, testable], 0.0, np.nan)
        before, after = (
            side[np.ix_(enter, testable)] + mask for side in (edges.baseline, edges.followup)
        )

        def again(some: npt.NDArray[np.intp], count: int, draw: int) -> FamilyTest:
            few = model_over(test, complete, before[:, some], after[:, some], design)
            return edgewise_test(few, permutations=count, rng=stream(seed, f"{name}/{draw}"))

        model = model_over(test, complete, before, after, design)
        found = edgewise_test(model, permutations=permutations, rng=stream(seed, name))
        p, drawn = sequential_p(found, again, alpha=alpha)
        for place, why in found.untestable.items():
            reason[testable[place]] = why
        for column, values in {
            "estimate": found.estimate,
            "statistic": found.statistic,
            "df": found.df,
            "p_permutation": p,
            "p_parametric": 2 * stats.t.sf(np.abs(found.statistic), found.df),
            "p_fwer": np.maximum(found.p_fwer, p),
            "p_fdr": false_discovery(p),
            "permutations": np.where(drawn > 0, drawn, np.nan),
        }.items():
            numbers[column][testable] = values
    return {**numbers, "n": n, "reason": reason}


def _smallest_group(
    complete: pd.DataFrame, present: npt.NDArray[np.bool_], design: Design
) -> npt.NDArray[np.int64]:
    """Return the size of the smaller arm, or order of the drugs, by edge; of all in one arm."""
    of = design.group_column
    if of is None:
        whole: npt.NDArray[np.int64] = present.sum(axis=0)
        return whole
    groups = complete[of].to_numpy()
    first = groups == groups[:1]
    smaller: npt.NDArray[np.int64] = np.minimum(
        present[first].sum(axis=0), present[~first].sum(axis=0)
    )
    return smaller
