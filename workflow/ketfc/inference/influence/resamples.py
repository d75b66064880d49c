"""Signs and ranks of the primary results in resamples of whole participants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan, sqrt

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.inference.core.linear import is_constant
from ketfc.inference.core.permutation import Floats, orthonormal
from ketfc.inference.core.variance_groups import Studentised
from ketfc.inference.design.circuit_tests import Planned
from ketfc.inference.design.exchangeability import exchange_blocks, variance_groups
from ketfc.inference.design.model import Model, model_of

Places = npt.NDArray[np.int64]

_ROUNDING = 1e-9
"""Share of a column's size below which what the nuisance leaves of it is rounding."""


@dataclass(frozen=True)
class Resampled:
    """Sign and rank of one result over the resamples.

    Attributes
    ----------
    resamples : int
        Those in which the result could be computed.
    share_same_sign : float
        Share of these in which it has the sign that it has in the sample.
    rank : float
        Rank of its |t| among those of the family in the sample, the largest first.
    rank_low, rank_high : float
        Between these its rank is in 1 − alpha of the resamples.
    share_same_rank : float
        Share of the resamples in which it has that rank.
    """

    resamples: int = 0
    share_same_sign: float = nan
    rank: float = nan
    rank_low: float = nan
    rank_high: float = nan
    share_same_rank: float = nan


def resampled(
    family: Sequence[Planned], *, resamples: int, alpha: float, rng: np.random.Generator
) -> list[Resampled]:
    """Draw participants with replacement and follow the sign and rank of each result of a family.

    Whole participants are drawn, with all their circuits, within the sites, arms or orders that the
    test keeps apart, so that each of these keeps its size.

    Parameters
    ----------
    family : sequence of Planned
        One question put to several circuits.
    resamples : int
        How many samples to draw.
    alpha : float
        The span of the ranks covers 1 − `alpha`.
    rng : numpy.random.Generator
        Stream of the family.

    Returns
    -------
    list of Resampled
        Of each member.

    References
    ----------
    Efron B, Tibshirani RJ (1993), An introduction to the bootstrap, Chapman & Hall.
    """
    from scipy import stats

    models = [model_of(one.test, one.sample.complete, one.design) for one in family]
    observed = np.array([nan if model.obstacle else t_of(model) for model in models])
    if not np.isfinite(observed).any():
        return [Resampled() for _ in family]
    people, strata = _strata(family)
    places = []
    for one in family:
        found = {str(who): i for i, who in enumerate(one.sample.complete.index)}
        places.append(np.array([found.get(who, -1) for who in people], dtype=np.int64))
    t = np.full((resamples, len(family)), nan)
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    for b in range(resamples):
        drawn = np.concatenate([rng.choice(own, size=len(own)) for own in members])
        for j, model in enumerate(models):
            if np.isfinite(observed[j]):
                own = places[j][drawn]
                t[b, j] = t_of(taken(model, own[own >= 0]))
    ranks = stats.rankdata(-np.abs(t), axis=1, nan_policy="omit")
    rank = stats.rankdata(-np.abs(observed), nan_policy="omit")
    return [
        _summary(t[:, j], ranks[:, j], float(observed[j]), float(rank[j]), alpha)
        for j in range(len(family))
    ]


def taken(model: Model, places: Places) -> Model:
    """Return the model of the participants at some places, who may be there more than once."""

    def of(column: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64] | None:
        return None if column is None else column[places]

    return replace(
        model,
        response=(model.response[0], model.response[1][places]),
        term=None if model.term is None else (model.term[0], model.term[1][places]),
        nuisance={name: column[places] for name, column in model.nuisance.items()},
        unit=None,
        blocks=of(model.blocks),
        variance_groups=of(model.variance_groups),
    )


def t_of(model: Model) -> float:
    """Return the t that the test of a model permutes, NaN where the model cannot be fitted.

    A column of the nuisance that says nothing, such as a site that was not drawn, counts for
    nothing.
    """
    if model.by_ranks:
        model = model.ranked()
    response = model.response[1]
    if model.term is None:
        if model.n < 3 or is_constant(response):
            return nan
        return float(response.mean() / (response.std(ddof=1) / sqrt(model.n)))
    basis = orthonormal(model.adjustment)
    left, own = (column - basis @ (basis.T @ column) for column in (response, model.tested))
    sizes = np.linalg.norm(left), np.linalg.norm(own)
    least = [_ROUNDING * np.linalg.norm(column) for column in (response, model.tested)]
    if model.n < basis.shape[1] + 2 or sizes[0] <= least[0] or sizes[1] <= least[1]:
        return nan
    fit = Studentised.of(own / sizes[1], basis, model.variance_groups)
    outcome: Floats = (left / sizes[0])[np.newaxis, fit.order]
    along = outcome @ fit.columns
    return float(fit.t(along[:, 0], fit.squares(outcome, along))[0][0])


def _strata(family: Sequence[Planned]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return everybody in a family, and a number for who may be drawn in whose place."""
    everybody = pd.concat([one.sample.complete for one in family])
    everybody = everybody[~everybody.index.duplicated()].sort_index()
    about = (family[0].test, everybody, family[0].design)
    parts = [
        codes for codes in (exchange_blocks(*about), variance_groups(*about)) if codes is not None
    ]
    people = list(map(str, everybody.index))
    if not parts:
        return people, np.zeros(len(people), dtype=np.int64)
    codes = np.unique(np.column_stack(parts), axis=0, return_inverse=True)[1]
    return people, codes.reshape(-1).astype(np.int64)


def _summary(t: Floats, ranks: Floats, observed: float, rank: float, alpha: float) -> Resampled:
    known = ~np.isnan(t)
    if not np.isfinite(observed) or not known.any():
        return Resampled(rank=rank)
    low, high = np.quantile(ranks[known], [alpha / 2, 1 - alpha / 2], method="inverted_cdf")
    return Resampled(
        resamples=int(known.sum()),
        share_same_sign=float((np.sign(t[known]) == np.sign(observed)).mean()),
        rank=rank,
        rank_low=float(low),
        rank_high=float(high),
        share_same_rank=float((ranks[known] == rank).mean()),
    )
