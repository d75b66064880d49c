"""One coefficient of a linear model: HC3 and Freedman–Lane, and obstacles to a fit."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from ketfc.base.english import listed
from ketfc.inference.core.evidence import (
    ONE_SIDED,
    Evidence,
    one_sided_p,
    permutation_flags,
    too_few,
    untestable,
)
from ketfc.inference.core.permutation import (
    Blocks,
    Floats,
    PermutationTest,
    freedman_lane_test,
    orthonormal,
)
from ketfc.inference.core.permutation_intervals import freedman_lane_interval
from ketfc.inference.core.variance_groups import Groups

POOLED = "pooled-variance"
"""Flag: groups share one residual variance, because one is too small to have its own."""

_ZERO = 1e-9
"""Share of a column's size below which what is left of it is rounding."""


@dataclass(frozen=True)
class Coefficient:
    """An estimate with its HC3 interval, t, degrees of freedom and two-sided p."""

    estimate: float
    ci_low: float
    ci_high: float
    statistic: float
    df: float
    p: float


def is_constant(values: Floats) -> bool:
    """Return whether all values are the same but for rounding (of the largest, or of 1)."""
    return bool(np.ptp(values) <= _ZERO * max(1.0, float(np.abs(values).max())))


def obstacle_to_fit(
    outcome: tuple[str, Floats], regressors: Mapping[str, Floats]
) -> Evidence | None:
    """Return the reason that a linear model with an intercept cannot be fitted, if there is one.

    Parameters
    ----------
    outcome : tuple of str and numpy.ndarray of shape (n,)
        Name in plain words and values.
    regressors : mapping of str to numpy.ndarray of shape (n,)
        Columns beside the intercept by their names in plain words; the first is the tested one.

    Returns
    -------
    Evidence or None
        Without numbers, flagged ``too-few`` (n below the number of columns + 2), ``constant``
        (the outcome, a regressor, or the outcome once the nuisance is accounted for) or
        ``collinear``; None when the model can be fitted.
    """
    name, y = outcome
    n = len(y)
    needed = len(regressors) + 3
    if n < needed:
        return too_few(n, needed)
    for label, values in {name: y, **regressors}.items():
        if is_constant(values):
            return untestable("constant", f"{label} is the same in all {n} participants")
    scaled = [(values - values.mean()) / values.std() for values in regressors.values()]
    singular = np.linalg.svd(np.column_stack(scaled), compute_uv=False)
    if singular[-1] < 1e-7 * singular[0]:
        return untestable("collinear", f"{listed(list(regressors))} determine one another")
    nuisance = list(regressors)[1:]
    if nuisance:
        basis = orthonormal(np.column_stack([np.ones(n), *scaled[1:]]))
        centred = y - y.mean()
        left = centred - basis @ (basis.T @ centred)
        if np.linalg.norm(left) <= _ZERO * np.linalg.norm(centred):
            return untestable("constant", f"{name} follows from {listed(nuisance)} exactly")
    return None


def hc3_coefficient(
    outcome: Floats, tested: Floats, nuisance: Floats, *, alpha: float
) -> Coefficient:
    """Return the tested column's coefficient with heteroscedasticity-consistent inference.

    Parameters
    ----------
    outcome, tested : numpy.ndarray of shape (n,)
        Outcome and tested regressor.
    nuisance : numpy.ndarray of shape (n, k)
        Other columns, the intercept among them; the whole design has full rank.
    alpha : float
        The interval covers 1 − `alpha`.

    Returns
    -------
    Coefficient
        With t and interval from the t distribution with n − k − 1 degrees of freedom. Not a
        number, save estimate and df, where HC3 is undefined: a participant whom the design fits
        whatever the outcome (leverage 1), or no residuals at all.

    References
    ----------
    Long JS, Ervin LH (2000), Am Stat 54:217–224, doi:10.1080/00031305.2000.10474549.
    """
    from scipy import stats

    basis = orthonormal(nuisance)
    own = tested - basis @ (basis.T @ tested)
    weight = own / (own @ own)  # the estimate is its product with the outcome
    estimate = float(weight @ outcome)
    space = np.column_stack([own / np.linalg.norm(own), basis])
    residual = outcome - space @ (space.T @ outcome)
    free = 1 - (space**2).sum(axis=1)
    df = float(len(outcome) - space.shape[1])
    spread = np.linalg.norm(outcome - outcome.mean())
    if free.min() < 1e-9 or np.linalg.norm(residual) <= _ZERO * spread:
        return Coefficient(estimate, nan, nan, nan, df, nan)
    error = float(np.linalg.norm(weight * residual / free))
    half = float(stats.t.ppf(1 - alpha / 2, df)) * error
    return Coefficient(
        estimate=estimate,
        ci_low=estimate - half,
        ci_high=estimate + half,
        statistic=estimate / error,
        df=df,
        p=float(2 * stats.t.sf(abs(estimate / error), df)),
    )


def informative(outcome: Floats, tested: Floats, nuisance: Floats) -> tuple[Floats, Floats, Floats]:
    """Leave out the participants whom the nuisance fits whatever their outcome.

    Somebody alone at a site, once sites are in the model, says nothing of the tested column: its
    coefficient and all other residuals are the same without them, while HC3 is undefined with
    them.

    Parameters
    ----------
    outcome, tested : numpy.ndarray of shape (n,)
        Outcome and tested regressor.
    nuisance : numpy.ndarray of shape (n, k)
        Other columns, the intercept among them.

    Returns
    -------
    tuple of numpy.ndarray
        The same three of all others; where somebody is left out, the nuisance as an orthonormal
        basis of what is left of it.
    """
    said = (orthonormal(nuisance) ** 2).sum(axis=1) < 1 - 1e-9
    if said.all():
        return outcome, tested, nuisance
    return outcome[said], tested[said], orthonormal(nuisance[said])


def regression_evidence(
    outcome: tuple[str, Floats],
    regressors: Mapping[str, Floats],
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    direction: str | None = None,
    blocks: Blocks | None = None,
    groups: Groups | None = None,
) -> Evidence:
    """Estimate and test the first regressor of a linear model with an intercept.

    Freedman–Lane's permutation test of Aspin and Welch's t, which without groups is the classical
    one. `statistic`, `df` and `p_parametric` are those of this t, and the interval holds the
    coefficients that the test does not reject under the same orders. The effect size is the
    partial correlation.

    Parameters
    ----------
    outcome, regressors
        As for :func:`obstacle_to_fit`.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random orders.
    rng : numpy.random.Generator
        Stream of this test.
    direction : str or None
        ``+`` or ``-`` for one-sided p values, flagged ``one-sided``; the interval stays two-sided.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are exchanged within their block (site) only.
    groups : numpy.ndarray of shape (n,), optional
        Groups whose residuals have a variance each.

    Returns
    -------
    Evidence
        Without numbers where :func:`obstacle_to_fit` finds a reason. Flag ``p-floor``: there are
        too few orders for any interval; ``pooled-variance``: see :data:`POOLED`.
    """
    obstacle = obstacle_to_fit(outcome, regressors)
    if obstacle is not None:
        return obstacle
    y = outcome[1]
    tested, *others = regressors.values()
    nuisance = np.column_stack([np.ones(len(y)), *others])
    drawn: dict[str, Any] = {"permutations": permutations, "blocks": blocks, "groups": groups}
    same_orders = deepcopy(rng)
    test = freedman_lane_test(y, tested, nuisance, rng=rng, direction=direction, **drawn)
    interval = freedman_lane_interval(y, tested, nuisance, alpha=alpha, rng=same_orders, **drawn)
    # twins among the orders can keep p above what their number alone would allow
    stuck = interval.obstacle == "p-floor" and direction is None
    smallest_p = 1.0 if stuck else test.smallest_p
    return Evidence(
        estimate=slope(y, tested, nuisance),
        ci_low=interval.low,
        ci_high=interval.high,
        effect_size=test.partial_r,
        effect_size_type="partial r",
        statistic=test.statistic,
        df=test.df,
        p_permutation=test.p,
        p_parametric=parametric_p(test, direction),
        permutations=test.permutations,
        flags=((ONE_SIDED,) if direction is not None else ())
        + permutation_flags(exhaustive=test.exhaustive, smallest_p=smallest_p, alpha=alpha)
        + ((POOLED,) if test.pooled else ()),
    )


def slope(outcome: Floats, tested: Floats, nuisance: Floats) -> float:
    """Return the coefficient of a column beside nuisance columns by ordinary least squares."""
    basis = orthonormal(nuisance)
    own = tested - basis @ (basis.T @ tested)
    return float(own @ outcome / (own @ own))


def parametric_p(test: PermutationTest, direction: str | None = None) -> float:
    """Return the p of a test's t by the t distribution, two-sided or in one direction."""
    from scipy import stats

    if direction is not None:
        return one_sided_p(test.statistic, test.df, direction)
    return float(2 * stats.t.sf(abs(test.statistic), test.df))
