"""One coefficient of a linear model: HC3 and Freedman–Lane, and obstacles to a fit."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from math import nan

import numpy as np

from ketfc.base.english import listed
from ketfc.inference.core.evidence import (
    ONE_SIDED,
    Evidence,
    one_sided_p,
    permutation_flags,
    untestable,
)
from ketfc.inference.core.permutation import Blocks, Floats, freedman_lane_test, orthonormal
from ketfc.inference.core.permutation_intervals import freedman_lane_interval

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
        return untestable("too-few", f"{n} complete participants, at least {needed} are needed")
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
) -> Evidence:
    """Estimate and test the first regressor of a linear model with an intercept.

    The permutation p is Freedman–Lane's on the classical t, whose partial correlation is the
    effect size; the interval holds the coefficients that this test does not reject under the same
    orders, and so covers in samples of a dozen where HC3's is too wide. `statistic`, `df` and
    parametric p are HC3's.

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

    Returns
    -------
    Evidence
        Without numbers where :func:`obstacle_to_fit` finds a reason. Flag ``no-hc3``: `statistic`
        and parametric p do not exist; ``p-floor``: there are too few orders for any interval.
    """
    obstacle = obstacle_to_fit(outcome, regressors)
    if obstacle is not None:
        return obstacle
    y = outcome[1]
    tested, *others = regressors.values()
    nuisance = np.column_stack([np.ones(len(y)), *others])
    fit = hc3_coefficient(*informative(y, tested, nuisance), alpha=alpha)
    same_orders = deepcopy(rng)
    test = freedman_lane_test(
        y,
        tested,
        nuisance,
        permutations=permutations,
        rng=rng,
        direction=direction,
        blocks=blocks,
    )
    interval = freedman_lane_interval(
        y,
        tested,
        nuisance,
        alpha=alpha,
        permutations=permutations,
        rng=same_orders,
        blocks=blocks,
    )
    # twins among the orders can keep p above what their number alone would allow
    stuck = interval.obstacle == "p-floor" and direction is None
    smallest_p = 1.0 if stuck else test.smallest_p
    flags = permutation_flags(exhaustive=test.exhaustive, smallest_p=smallest_p, alpha=alpha) + (
        ("no-hc3",) if np.isnan(fit.p) else ()
    )
    p = fit.p
    if direction is not None:
        flags = (ONE_SIDED, *flags)
        p = one_sided_p(fit.statistic, fit.df, direction)
    return Evidence(
        estimate=fit.estimate,
        ci_low=interval.low,
        ci_high=interval.high,
        effect_size=test.partial_r,
        effect_size_type="partial r",
        statistic=fit.statistic,
        df=fit.df,
        p_permutation=test.p,
        p_parametric=p,
        permutations=test.permutations,
        flags=flags,
    )
