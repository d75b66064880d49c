"""Longitudinal ComBat of the circuits' connectivity between sites, fitted without any score."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.covariate_columns import covariate_columns
from ketfc.inference.design.samples import covariate_values
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

MIN_SITE = 2
"""The variance of a smaller site is that of one person, which is no property of a scanner."""


@dataclass(frozen=True)
class Harmonized:
    """The connectivity of one circuit after harmonisation.

    Attributes
    ----------
    z : pandas.Series
        Harmonised Fisher z by participant and role; empty where there is an obstacle.
    sites : int
        Sites that were harmonised.
    alone : tuple of str
        Sites that were left out, since one participant was measured there.
    flags : tuple of str
        ``not-converged`` where a mixed model stopped before its optimum; ``no-shrinkage`` where a
        single circuit was fitted, so that nothing could be borrowed from others.
    obstacle : Evidence or None
        The reason that nothing could be harmonised: ``single-site``, ``no-repeats``,
        ``site-confounded`` or ``not-fitted``.
    """

    z: pd.Series[float]
    sites: int = 0
    alone: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    obstacle: Evidence | None = None


def harmonized(
    connectivity: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
    covariates: Sequence[str],
) -> dict[str, Harmonized]:
    """Harmonise the mean connectivity of circuits between sites by longitudinal ComBat.

    A mixed model of every circuit with an intercept for each participant holds site, arm (order of
    drugs, group) by session, and covariates; what remains of a site's mean and variance, shrunken
    towards those of the other circuits (empirical Bayes), is taken out. Whatever the model holds
    beside the site stays in. It holds no score, so that harmonisation cannot make an association.
    Circuits that lack different sessions are fitted in turn, each with all others that were
    measured in its own; nothing is filled in.

    Parameters
    ----------
    connectivity : pandas.DataFrame
        ``connectivity.tsv``.
    design : Design
        The study's design; the blocks of its `terms` are the sites.
    circuits : iterable of Circuit
        Circuits to harmonise together.
    strategy : str
        The denoising strategy.
    covariates : sequence of str
        Covariates whose effects are kept, none of them a score. Who lacks one, or the site, is
        left out.

    Returns
    -------
    dict of str to Harmonized
        By circuit.

    Raises
    ------
    ValueError
        If the design has no blocks.

    References
    ----------
    Beer JC et al. (2020), NeuroImage 220:117129, doi:10.1016/j.neuroimage.2020.117129.
    """
    if design.terms.blocks is None:
        raise ValueError("the design names no sites")
    names = list(dict.fromkeys(circuit.id for circuit in circuits))
    own = connectivity[
        (connectivity["strategy"] == strategy)
        & (connectivity["measure"] == "mean")
        & connectivity["circuit"].isin(names)
    ]
    z = pd.to_numeric(own["z"])
    wide = (
        own.assign(z=z.where(np.isfinite(z)))
        .pivot_table(index=["participant_id", "role"], columns="circuit", values="z")
        .reindex(columns=names)
        .sort_index()
    )
    about = _about(design, wide.index, design.terms.blocks, covariates)
    wide, about = wide[about.notna().all(axis=1)], about[about.notna().all(axis=1)]
    found: dict[str, Harmonized] = {}
    patterns: dict[bytes, Mapping[str, Harmonized]] = {}
    for name in names:
        rows = wide[name].notna().to_numpy()
        key = rows.tobytes()
        if key not in patterns:
            complete = wide[rows].dropna(axis=1)
            patterns[key] = _fitted(complete, about[rows], covariates)
        found[name] = patterns[key][name]
    return found


def _about(
    design: Design, rows: pd.Index[Any], site: str, covariates: Sequence[str]
) -> pd.DataFrame:
    """Return site, cell of the design and covariates of every row."""
    people, roles = rows.get_level_values(0), rows.get_level_values(1)
    groups = design.groups.participants if design.groups else {}
    of = {
        who: "/".join(
            str(known.get(who)) for known in (design.participants, design.sequences, groups)
        )
        for who in people
    }
    table = pd.DataFrame(
        {
            "site": covariate_values(design, site, people).to_numpy(dtype=object),
            "cell": [f"{of[who]} {role}" for who, role in zip(people, roles, strict=True)],
        },
        index=rows,
    )
    for name in covariates:
        table[f"covariate_{name}"] = covariate_values(design, name, people).to_numpy()
    return table


def _fitted(
    values: pd.DataFrame, about: pd.DataFrame, covariates: Sequence[str]
) -> dict[str, Harmonized]:
    """Harmonise circuits that were measured in the same sessions."""
    people = pd.Series(values.index.get_level_values(0), index=values.index)
    labels = about["site"].astype(str)
    sizes = people.groupby(labels).nunique()
    alone = tuple(sorted(sizes.index[sizes < MIN_SITE]))
    kept = ~labels.isin(alone)
    values, about, people, labels = values[kept], about[kept], people[kept], labels[kept]
    sites = sorted(set(labels))
    keep = _independent(_kept_columns(about, covariates))
    site = (labels.to_numpy()[:, None] == np.array(sites[1:], dtype=object)).astype(float)
    found = Harmonized(pd.Series(dtype=float), len(sites), alone)
    obstacle = _obstacle(keep, site, people, found)
    harmonised, flags = values, found.flags
    if obstacle is None:
        harmonised, flags = _combat(values, labels, people, keep)
        if not np.isfinite(harmonised.to_numpy()).all():
            obstacle = untestable("not-fitted", "the mixed model of ComBat could not be fitted")
    if obstacle is not None:
        return dict.fromkeys(map(str, values), replace(found, obstacle=obstacle))
    return {name: replace(found, z=harmonised[name], flags=flags) for name in map(str, values)}


def _obstacle(
    keep: Floats, site: Floats, people: pd.Series[str], found: Harmonized
) -> Evidence | None:
    """Return the reason that sites cannot be harmonised, None where they can."""
    if found.sites < 2:
        left = f"; {len(found.alone)} with one participant left out" if found.alone else ""
        why = f"{found.sites} site with {MIN_SITE} or more participants{left}"
        return untestable("single-site", why)
    full = np.column_stack([keep, site])
    if np.linalg.matrix_rank(full) < full.shape[1]:
        why = "sites cannot be told apart from arms, sessions and covariates"
        return untestable("site-confounded", why)
    persons = pd.get_dummies(people).to_numpy(dtype=float)
    if len(people) - np.linalg.matrix_rank(np.column_stack([full, persons])) < 2:
        return untestable("no-repeats", "too few participants were measured in several sessions")
    return None


def _kept_columns(about: pd.DataFrame, covariates: Sequence[str]) -> Floats:
    """Return the intercept and columns for all that harmonisation keeps."""
    cells = sorted(set(about["cell"]))
    columns = [(about["cell"] == cell).to_numpy(dtype=np.float64) for cell in cells[1:]]
    for column in covariate_columns(about, covariates).values() if len(about) else ():
        spread = float(np.std(column))
        # optimisers want columns of one scale
        columns.append((column - column.mean()) / (spread or 1.0))
    return np.column_stack([np.ones(len(about)), *columns])


def _independent(columns: Floats) -> Floats:
    """Return the columns that are no combination of those before them."""
    kept: list[int] = []
    for i in range(columns.shape[1]):
        if np.linalg.matrix_rank(columns[:, [*kept, i]]) > len(kept):
            kept.append(i)
    return columns[:, kept]


def _combat(
    values: pd.DataFrame, labels: pd.Series[str], people: pd.Series[str], keep: Floats
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return harmonised values and flags; NaN where the model cannot be fitted."""
    from longcombat import long_combat

    # names without a meaning in its formulas
    features = {name: f"f{i}" for i, name in enumerate(values)}
    table = values.rename(columns=features).reset_index(drop=True)
    terms = [f"k{i}" for i in range(1, keep.shape[1])]
    table[terms] = keep[:, 1:]
    table["site"], table["person"] = labels.to_numpy(), people.to_numpy()
    table["time"] = range(len(table))
    shrunken = len(features) > 1
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            made = long_combat(
                table,
                batch_col="site",
                id_col="person",
                time_col="time",
                features=list(features.values()),
                formula=" + ".join(["1", *terms]),
                ranef="(1|person)",
                eb=shrunken,
                verbose=False,
            ).data_combat
        except (RuntimeError, np.linalg.LinAlgError):
            return values * np.nan, ()
    harmonised = values.copy()
    for name, feature in features.items():
        harmonised[name] = made[f"{feature}.combat"].to_numpy()
    late = any("did not converge" in str(one.message) for one in told)
    return harmonised, ("not-converged",) * late + ("no-shrinkage",) * (not shrunken)
