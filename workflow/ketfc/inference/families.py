"""Families of tests and the correction within each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from ketfc.inference.core.maxt import (
    FamilyTest,
    false_discovery,
    freedman_lane_family,
    sign_flip_family,
)
from ketfc.inference.core.permutation import Blocks, Floats
from ketfc.inference.core.variance_groups import Groups
from ketfc.inference.design.model import Model

PRIMARY_CHANGE = "primary-change"
PRIMARY_ASSOCIATION = "primary-association"
SECONDARY = "secondary"
DESCRIPTIVE = "descriptive"
SENSITIVITY = "sensitivity"
MODERATION = "moderation"
BASELINE = "baseline-connectivity"
ACTIVITY = "activity"
NETWORKS = "networks"


def family_of(*, kind: str, primary: bool, within_arm: bool, variant: bool = False) -> str:
    """Return the family that a test belongs to.

    Parameters
    ----------
    kind : str
        ``change``, ``association``, ``moderation`` or ``baseline``.
    primary : bool
        Whether its hypothesis is one of the registry's primary ones.
    within_arm : bool
        Whether it looks at one arm of several.
    variant : bool
        Whether its circuit is another definition of one that is tested.

    Returns
    -------
    str
        A change within one arm is descriptive: two arms are compared with one another, never
        by their p values. Other definitions are sensitivity analyses: no p value of theirs is
        corrected, or counts in the correction of others.
    """
    if variant:
        return SENSITIVITY
    if kind == "moderation":
        return MODERATION
    if kind == "baseline":
        return BASELINE
    if within_arm:
        return DESCRIPTIVE if kind == "change" else SECONDARY
    if not primary:
        return SECONDARY
    return PRIMARY_CHANGE if kind == "change" else PRIMARY_ASSOCIATION


def holm(p: pd.Series[float], family: pd.Series[str]) -> pd.DataFrame:
    """Correct p values within each family by Holm's method.

    Parameters
    ----------
    p : pandas.Series of float
        Uncorrected p values; missing ones stay missing and do not count.
    family : pandas.Series of str
        Family of each, with the same index.

    Returns
    -------
    pandas.DataFrame
        Columns `p_holm` and `tests` (how many p values the family has), with the same index.

    References
    ----------
    Holm S (1979), Scand J Stat 6:65–70.
    """
    from statsmodels.stats.multitest import multipletests

    values = p.to_numpy(dtype=np.float64)
    corrected = np.full(len(values), np.nan)
    tests = np.zeros(len(values), dtype=np.int64)
    for name in family.unique():
        member = (family == name).to_numpy(dtype=bool)
        known = member & ~np.isnan(values)
        tests[member] = known.sum()
        if known.any():
            corrected[known] = multipletests(values[known], method="holm")[1]
    return pd.DataFrame({"p_holm": corrected, "tests": tests}, index=p.index)


def false_discovery_rate(p: pd.Series[float], family: pd.Series[str]) -> Floats:
    """Correct p values of the families that are not primary by Benjamini and Hochberg.

    Parameters are those of :func:`holm`. Corrected within the secondary family and those of
    moderation, baseline connectivity, activity and networks, in the order of `p`; NaN for others.
    """
    corrected = np.full(len(p), np.nan)
    for name in (SECONDARY, MODERATION, BASELINE, ACTIVITY, NETWORKS):
        member = (family == name).to_numpy(dtype=bool)
        own = false_discovery(np.where(member, p.to_numpy(dtype=np.float64), np.nan))
        corrected = np.where(member, own, corrected)
    return corrected


def joint_test(
    models: Sequence[tuple[Sequence[str], Model]],
    *,
    shared: Mapping[str, Floats] = MappingProxyType({}),
    blocks: Blocks | None = None,
    variance_groups: Groups | None = None,
    permutations: int,
    rng: np.random.Generator,
) -> FamilyTest:
    """Test the same model of several circuits under joint permutations of whole participants.

    Parameters
    ----------
    models : sequence of (sequence of str, Model)
        Participants in the order of the model's rows, and the model; of one kind of test, so that
        all have the same columns but those of covariates. Participants may differ.
    shared : mapping of str to numpy.ndarray of shape (n,)
        The columns of the models' covariates for all participants in sorted order: labels that
        occur in one model may be missing from another.
    blocks : numpy.ndarray of shape (n,), optional
        Participants, in the same order, are exchanged within their block only.
    variance_groups : numpy.ndarray of shape (n,), optional
        Groups of participants, in the same order, whose residuals have a variance each.
    permutations : int
        Random arrangements, or all of them when they are no more than that.
    rng : numpy.random.Generator
        Stream of the family.

    Returns
    -------
    ketfc.inference.core.maxt.FamilyTest
        By joint sign flips where means are tested, else by joint orders in the manner of Freedman
        and Lane, each circuit's baseline its own; one value per model.

    Raises
    ------
    ValueError
        If more than one column of nuisance differs between circuits.
    """
    people = sorted({who for participants, _ in models for who in participants})
    place = {who: i for i, who in enumerate(people)}

    def gathered(column: int) -> Floats:
        """Put one column of all models side by side, NaN where a participant is missing."""
        wide = np.full((len(people), len(models)), np.nan)
        for j, (participants, model) in enumerate(models):
            own = [c for name, c in model.regressors.items() if name not in model.covariates]
            ordered = [model.response[1], *own]
            wide[[place[who] for who in participants], j] = ordered[column]
        return wide

    example = models[0][1]
    if example.term is None:
        return _family(gathered(0), [], permutations=permutations, rng=rng)
    columns = 1 + len(example.regressors) - len(example.covariates)
    outcome, tested, *nuisance = (gathered(i) for i in range(columns))
    # arms and scores are the same for all circuits; of the two one is connectivity
    if example.groups:
        tested = np.nanmax(tested, axis=1)
    else:
        outcome = np.nanmax(outcome, axis=1)
    regressors = [tested, *(_once(column) for column in nuisance), *shared.values()]
    return _family(
        outcome,
        regressors,
        blocks=blocks,
        variance_groups=variance_groups,
        by_ranks=example.by_ranks,
        permutations=permutations,
        rng=rng,
    )


def edgewise_test(model: Model, *, permutations: int, rng: np.random.Generator) -> FamilyTest:
    """Test one model of many edges under joint permutations of whole participants.

    Parameters
    ----------
    model : Model
        From :func:`ketfc.inference.design.model.model_over`, its connectivity of shape (n, edges),
        NaN where an edge is missing.
    permutations, rng
        As for :func:`joint_test`.

    Returns
    -------
    ketfc.inference.core.maxt.FamilyTest
        One value per edge.
    """
    return _family(
        model.response[1],
        list(model.regressors.values()),
        blocks=model.blocks,
        variance_groups=model.variance_groups,
        by_ranks=model.by_ranks,
        permutations=permutations,
        rng=rng,
    )


def _family(
    outcome: Floats,
    regressors: Sequence[Floats],
    *,
    blocks: Blocks | None = None,
    variance_groups: Groups | None = None,
    by_ranks: bool = False,
    permutations: int,
    rng: np.random.Generator,
) -> FamilyTest:
    """Test the first regressor, or the mean of the outcome where there is none."""
    if not regressors:
        return sign_flip_family(outcome, permutations=permutations, rng=rng)
    tested, *nuisance = regressors
    own = [column for column in nuisance if column.ndim == 2]
    if len(own) > 1:
        raise ValueError("more than one column of nuisance differs between circuits")
    return freedman_lane_family(
        outcome,
        tested,
        np.column_stack([np.ones(len(outcome)), *(c for c in nuisance if c.ndim == 1)]),
        own_nuisance=own[0] if own else None,
        blocks=blocks,
        groups=variance_groups,
        by_ranks=by_ranks,
        permutations=permutations,
        rng=rng,
    )


def _once(wide: Floats) -> Floats:
    """Return one column where all circuits have the same."""
    lowest: Floats = np.nanmin(wide, axis=1)
    return lowest if (lowest == np.nanmax(wide, axis=1)).all() else wide
