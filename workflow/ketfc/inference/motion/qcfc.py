"""QC–FC: association of connectivity with head motion over participants, edge by edge.

Arm, order of the drugs and site are partialled out: a drug that raises motion and shifts edges
would pass for a relation of the two over arms. Over few participants r is large by chance: what is
expected of edges that have nothing to do with motion stands beside what was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.files import read_json
from ketfc.imaging.group.sessions import session_fisher_z
from ketfc.inference.core.permutation import Floats, orthonormal
from ketfc.inference.design.samples import covariate_values
from ketfc.inference.motion.sessions import before_and_after, session_motion
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design

QCFC_COLUMNS = (
    "atlas",
    "strategy",
    "role",
    "n",
    "df",
    "adjusted_for",
    "n_edges",
    "median_abs_r",
    "median_abs_r_expected",
    "share_significant",
    "share_expected",
    "distance_rho",
    "tdof_mean",
    "tdof_lost_mean",
    "reason",
)
"""Columns of ``quality/qcfc.tsv``."""

CURVE_COLUMNS = ("strategy", "role", "kind", "x", "y", "low", "high", "expected")
"""Columns of ``quality/qcfc_curves.tsv``."""

CHANGE = "change"
"""Role of the paired version: change in mean FD against change in Fisher z."""

FEWEST = 5
"""An edge that fewer participants have, beyond the columns of nuisance, is left out."""

_R_BINS = np.linspace(-1, 1, 41)
_DISTANCE_BINS = 12
_POINTS = 300
_CHUNK = 4000
"""Edges at a time: bounds what is in memory beside the matrices."""


@dataclass(frozen=True, eq=False)
class EdgeCorrelations:
    """QC–FC of many edges.

    Attributes
    ----------
    r : numpy.ndarray, shape (n_edges,)
        Partial correlation (Pearson) of motion and Fisher z; NaN where fewer than :data:`FEWEST`
        participants beyond the columns of nuisance have the edge or either does not vary.
    n, df : numpy.ndarray, shape (n_edges,)
        Participants who have the edge; those less 2 and less the rank of the nuisance.
    p : numpy.ndarray, shape (n_edges,)
        Two-sided, from t with `df` degrees of freedom.
    """

    r: Floats
    n: NDArray[np.intp]
    df: NDArray[np.intp]
    p: Floats


def qcfc(
    sessions: Iterable[tuple[str, str, pd.DataFrame]],
    quality: pd.DataFrame,
    design: Design,
    centres: pd.DataFrame,
    tdof: Mapping[str, float],
    *,
    atlas: str,
    strategy: str,
    alpha: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summarise the association of edges with motion for one strategy: sessions and change.

    Parameters
    ----------
    sessions : iterable of (participant, role, matrix)
        Fisher z, regions × regions with names on both axes, missing where excluded, as
        :func:`ketfc.imaging.group.sessions.session_fisher_z` gives them. Gone through once; the
        upper triangles stay in memory at single precision.
    quality : pandas.DataFrame
        ``quality/runs.tsv``.
    design : Design
        The study's design, whose arm, order of the drugs and blocks are partialled out
        (:func:`partialled_out`). Who lacks one of these is left out.
    centres : pandas.DataFrame
        `x`, `y`, `z` in mm by region.
    tdof : mapping of str to float
        Temporal degrees of freedom that the strategy left, by run; those it could not clean are
        left out.
    atlas, strategy : str
        Written into the tables.
    alpha : float
        Level of the edges' tests, hence the share that is expected to be significant.

    Returns
    -------
    summary : pandas.DataFrame
        :data:`QCFC_COLUMNS`, a row for the baseline, the follow-up and ``change``. `n` are
        participants with mean FD, a matrix and what `adjusted_for` names, `df` the
        median over edges of the degrees of freedom of r, `n_edges` edges with a value;
        `median_abs_r` the median of abs(r) over edges, `median_abs_r_expected` its expectation
        where no edge goes with motion, given `df`; `share_significant` the share of edges with
        p < `alpha`, not
        corrected; `distance_rho` Spearman's rho of r with the Euclidean distance of the regions'
        centres. `tdof_mean` and `tdof_lost_mean` are temporal degrees of freedom left, and volumes
        recorded minus those left, per session of these participants. Edges share regions and are
        not independent: no p belongs to any of these.
    curves : pandas.DataFrame
        :data:`CURVE_COLUMNS`, what a figure needs: of kind ``density``, over bins of r (centre
        `x`), the density `y` of edges and `expected` under no relation; of kind ``distance``, in
        bins of as many edges each, median distance `x`, median r `y` and quartiles `low`, `high`;
        of kind ``point`` a few hundred edges spread over all distances.

    References
    ----------
    Ciric R et al. (2017), NeuroImage 154:174–187, doi:10.1016/j.neuroimage.2017.03.020.
    Parkes L et al. (2018), NeuroImage 171:415–436, doi:10.1016/j.neuroimage.2017.12.073.
    """
    roles = design.roles
    people = sorted(design.in_contrasts())
    regions, z = _collect(sessions, people, list(roles.values()))
    fd = before_and_after(session_motion(quality), "mean_fd", **roles).reindex(people)
    first, second = (fd[time].to_numpy(dtype=np.float64) for time in roles)
    before, after = (z[role] for role in roles.values())
    distance = _distances(centres, regions)
    dof = _degrees_of_freedom(quality, tdof)
    nuisance = _nuisance(design, people)
    given = ";".join(partialled_out(design)) or None
    rows, curves = [], []
    for role, motion, values in (
        (roles["baseline"], first, before),
        (roles["followup"], second, after),
        (CHANGE, second - first, after),
    ):
        if role == CHANGE:
            # in place, since nobody asks for the follow-up again: a third table would be as large
            after -= before
        known = np.isfinite(motion) & np.array([np.isfinite(row).any() for row in values], bool)
        known &= np.isfinite(nuisance).all(axis=1)
        of_role = list(roles.values()) if role == CHANGE else [role]
        entered = [(who, one) for who in np.array(people, dtype=object)[known] for one in of_role]
        row: dict[str, Any] = {
            "atlas": atlas,
            "strategy": strategy,
            "role": role,
            "n": int(known.sum()),
            "adjusted_for": given,
            "n_edges": 0,
            "share_expected": alpha,
            **{str(name): value for name, value in dof.reindex(entered).mean().items()},
        }
        needed = FEWEST + nuisance.shape[1]
        if known.sum() < needed:
            row["reason"] = (
                f"{known.sum()} participants have mean FD and a matrix, {needed} are needed"
            )
        else:
            edges = edge_correlations(values, motion, known, nuisance)
            row |= _summary(edges, distance, alpha)
            if row["n_edges"]:
                curves.append(_curves(edges, distance).assign(strategy=strategy, role=role))
            else:
                row["reason"] = "no edge varies over enough participants"
        rows.append(row)
    summary = pd.DataFrame(rows, columns=list(QCFC_COLUMNS))
    nothing = pd.DataFrame(columns=list(CURVE_COLUMNS))
    return summary, pd.concat(curves)[list(CURVE_COLUMNS)] if curves else nothing


def qcfc_of_strategies(
    runs: pd.DataFrame,
    quality: pd.DataFrame,
    design: Design,
    centres: pd.DataFrame,
    files: Mapping[str, Mapping[str, tuple[str, str]]],
    *,
    atlas: str,
    alpha: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Summarise the association of edges with motion for every strategy; see :func:`qcfc`.

    Parameters
    ----------
    runs, quality : pandas.DataFrame
        ``plan/runs.tsv`` and ``quality/runs.tsv``.
    design, centres, atlas, alpha
        As for :func:`qcfc`.
    files : mapping of str to mapping of str to (str, str)
        By strategy and run, the matrix and its sidecar. One strategy is in memory at a time.

    Returns
    -------
    summary, curves : pandas.DataFrame
        The tables of all strategies, one under the other.
    """
    tables = []
    for strategy, own in files.items():
        cleaned = {run: read_json(sidecar) for run, (_, sidecar) in own.items()}
        tdof = {
            run: about["DegreesOfFreedom"]
            for run, about in cleaned.items()
            if about["Excluded"] is None
        }
        sessions = session_fisher_z(runs, own)
        tables.append(
            qcfc(sessions, quality, design, centres, tdof,
                 atlas=atlas, strategy=strategy, alpha=alpha)
        )  # fmt: skip
    summary, curves = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
    return summary, curves


def edge_correlations(
    values: NDArray[Any],
    motion: Floats,
    people: NDArray[np.bool_] | None = None,
    nuisance: Floats | None = None,
) -> EdgeCorrelations:
    """Correlate every edge with motion over the participants who have it, given the nuisance.

    Parameters
    ----------
    values : numpy.ndarray, shape (n_participants, n_edges)
        Fisher z or its change, NaN where missing.
    motion : numpy.ndarray, shape (n_participants,)
        Mean FD or its change, mm.
    people : numpy.ndarray of bool, shape (n_participants,), optional
        Those to correlate over; by default everybody.
    nuisance : numpy.ndarray of shape (n_participants, k), optional
        Columns whose linear effects are taken out of both, finite for those people.
    """
    from scipy import stats

    rows = np.flatnonzero(np.ones(len(motion), dtype=bool) if people is None else people)
    motion = motion[rows]
    given = np.ones((len(rows), 1))
    if nuisance is not None:
        given = np.column_stack([given, nuisance[rows]])
    m = values.shape[1]
    r, n, df = np.full(m, nan), np.zeros(m, dtype=np.intp), np.zeros(m, dtype=np.intp)
    for start in range(0, m, _CHUNK):
        z = values[rows, start : start + _CHUNK].astype(np.float64)
        known = np.isfinite(z)
        n[start : start + _CHUNK] = known.sum(axis=0)
        # edges that the same participants have share one projection
        patterns, of_edge = np.unique(known, axis=1, return_inverse=True)
        for i, have in enumerate(patterns.T):
            edges = np.flatnonzero(of_edge.ravel() == i)
            basis = orthonormal(given[have]) if have.any() else np.empty((0, 0))
            df[start + edges] = have.sum() - basis.shape[1] - 1
            if have.sum() - basis.shape[1] < FEWEST - 1:
                continue
            x, y = motion[have], z[np.ix_(have, edges)]
            x, y = x - basis @ (basis.T @ x), y - basis @ (basis.T @ y)
            # what is left of values that are explained is rounding
            varies = (np.abs(x).max() > 1e-12) & (np.abs(y).max(axis=0) > 1e-7)
            with np.errstate(invalid="ignore", divide="ignore"):
                found = (x @ y) / np.sqrt((x**2).sum() * (y**2).sum(axis=0))
            r[start + edges] = np.where(varies, np.clip(found, -1, 1), nan)
    left = np.maximum(df, 1)
    with np.errstate(divide="ignore"):
        p = 2 * stats.t.sf(np.abs(r) * np.sqrt(left / (1 - r**2)), left)
    return EdgeCorrelations(r=r, n=n, df=df, p=p)


def partialled_out(design: Design) -> tuple[str, ...]:
    """Return in words what QC–FC is given: the arm or the order of the drugs, and the blocks."""
    side = ("the order of the drugs",) if design.within_drugs else ("arm",) if design.arms else ()
    blocks = design.terms.blocks
    return side if blocks is None else (*side, blocks)


def _nuisance(design: Design, people: list[str]) -> Floats:
    """Return the columns of :func:`partialled_out`, (n, k), NaN in rows of who lacks one."""
    index = pd.Index(people, dtype=object)
    columns: list[Floats] = []
    if design.within_drugs:
        sides = {KETAMINE_FIRST: 1.0, CONTROL_FIRST: -1.0}
        columns.append(np.array([sides.get(str(design.sequences[who]), nan) for who in people]))
    elif design.arms:
        arms, sides = design.in_contrasts(), {"ketamine": 1.0, "control": 0.0}
        columns.append(np.array([sides.get(str(arms[who]), nan) for who in people]))
    if design.terms.blocks is not None:
        labels = covariate_values(design, design.terms.blocks, index)
        known = labels.notna().to_numpy()
        columns += [
            np.where(known, (labels.astype(str) == level).to_numpy(), nan)
            for level in sorted(set(labels[known].astype(str)))[1:]
        ]
    return np.column_stack([np.empty((len(people), 0)), *columns])


def _collect(
    sessions: Iterable[tuple[str, str, pd.DataFrame]], people: list[str], roles: list[str]
) -> tuple[list[str], dict[str, NDArray[np.float32]]]:
    """Return the regions and, by role, Fisher z of the upper triangle, participants × edges."""
    place = {who: i for i, who in enumerate(people)}
    regions: list[str] = []
    z: dict[str, NDArray[np.float32]] = {
        role: np.empty((len(people), 0), dtype=np.float32) for role in roles
    }
    upper: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None
    for participant, role, matrix in sessions:
        if participant not in place or role not in z:
            continue
        if upper is None:
            regions = list(map(str, matrix.columns))
            upper = np.triu_indices(len(regions), k=1)
            shape = (len(people), len(upper[0]))
            z = {each: np.full(shape, nan, dtype=np.float32) for each in roles}
        ordered = matrix.reindex(index=regions, columns=regions)
        z[role][place[participant]] = ordered.to_numpy(dtype=np.float32)[upper]
    return regions, z


def _distances(centres: pd.DataFrame, regions: list[str]) -> Floats:
    """Return the distance of the regions of every edge, mm."""
    xyz = centres.reindex(regions)[["x", "y", "z"]].to_numpy(dtype=np.float64)
    rows, columns = np.triu_indices(len(regions), k=1)
    distances: Floats = np.linalg.norm(xyz[rows] - xyz[columns], axis=1)
    return distances


def _degrees_of_freedom(quality: pd.DataFrame, tdof: Mapping[str, float]) -> pd.DataFrame:
    """Return degrees of freedom left and lost in every session, over its usable runs."""
    usable = quality[quality["status"].astype(str) == "ok"]
    left = usable["run"].map(dict(tdof)).astype(np.float64)
    volumes = pd.to_numeric(usable["n_volumes"], errors="coerce").astype(np.float64)
    table = pd.DataFrame({"tdof_mean": left, "tdof_lost_mean": volumes - left})
    keys = [usable["participant_id"].astype(str), usable["role"].astype(str)]
    return table.groupby(keys).sum(min_count=1)


def _summary(edges: EdgeCorrelations, distance: Floats, alpha: float) -> dict[str, Any]:
    from scipy import stats

    known = np.isfinite(edges.r)
    if not known.any():
        return {}
    r, df = edges.r[known], edges.df[known]
    far = known & np.isfinite(distance)
    rho = nan
    if far.sum() > 2 and np.ptp(distance[far]) > 0:
        rho = float(stats.spearmanr(edges.r[far], distance[far]).statistic)
    return {
        "df": float(np.median(df)),
        "n_edges": len(r),
        "median_abs_r": float(np.median(np.abs(r))),
        # under no relation (r + 1)/2 has a beta distribution, symmetric about 1/2
        "median_abs_r_expected": float(np.median(2 * stats.beta.ppf(0.75, df / 2, df / 2) - 1)),
        "share_significant": float((edges.p[known] < alpha).mean()),
        "distance_rho": rho,
    }


def _curves(edges: EdgeCorrelations, distance: Floats) -> pd.DataFrame:
    from scipy import stats

    known = np.isfinite(edges.r)
    half = float(np.median(edges.df[known])) / 2
    width = np.diff(_R_BINS)
    density = np.histogram(edges.r[known], _R_BINS, density=True)[0]
    null = np.diff(stats.beta.cdf((_R_BINS + 1) / 2, half, half)) / width
    middle = (_R_BINS[:-1] + _R_BINS[1:]) / 2
    parts = [pd.DataFrame({"kind": "density", "x": middle, "y": density, "expected": null})]
    far = np.flatnonzero(known & np.isfinite(distance))
    far = far[np.argsort(distance[far], kind="stable")]
    if len(far):
        bins = [part for part in np.array_split(far, _DISTANCE_BINS) if len(part)]
        quartiles = np.array([np.quantile(edges.r[part], [0.25, 0.5, 0.75]) for part in bins])
        x = [float(np.median(distance[part])) for part in bins]
        low, y, high = quartiles.T
        parts.append(pd.DataFrame({"kind": "distance", "x": x, "y": y, "low": low, "high": high}))
        few = far[np.unique(np.linspace(0, len(far) - 1, _POINTS).astype(int))]
        parts.append(pd.DataFrame({"kind": "point", "x": distance[few], "y": edges.r[few]}))
    return pd.concat(parts).reindex(columns=list(CURVE_COLUMNS))
