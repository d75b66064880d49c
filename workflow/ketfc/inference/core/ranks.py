"""Associations of ordinal scores by ranks, and Theil–Sen slopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from ketfc.inference.core.evidence import Evidence, permutation_flags
from ketfc.inference.core.linear import POOLED, obstacle_to_fit, parametric_p
from ketfc.inference.core.permutation import Blocks, Floats, freedman_lane_test, orthonormal
from ketfc.inference.core.variance_groups import Groups

RHO, PARTIAL_RHO = "Spearman rho", "partial Spearman rho"
"""Correlations of ranks, plain and given other ranks."""


@dataclass(frozen=True)
class Slope:
    """A slope with its interval, in units of outcome per unit of regressor; or why there is none.

    `obstacle` is ``too-few`` (n < 3) or ``constant``, or None.
    """

    slope: float
    ci_low: float
    ci_high: float
    intercept: float
    obstacle: str | None = None


def rank_evidence(
    outcome: tuple[str, Floats],
    regressors: Mapping[str, Floats],
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    blocks: Blocks | None = None,
    groups: Groups | None = None,
) -> Evidence:
    """Test the first regressor by ranks: partial Spearman correlation, or rank ANCOVA.

    Outcome and regressors are replaced by their ranks (mean ranks for ties) and tested as
    :func:`ketfc.inference.core.linear.regression_evidence` does: with the arm first and the
    baseline after it this is a rank ANCOVA, with a change in connectivity first a partial Spearman
    correlation. A regressor of two values means the same in ranks.

    Parameters
    ----------
    outcome : tuple of str and numpy.ndarray of shape (n,)
        Name in plain words and values.
    regressors : mapping of str to numpy.ndarray of shape (n,)
        Columns beside the intercept by their names in plain words; the first is the tested one.
    alpha, permutations, rng, blocks, groups
        As for :func:`ketfc.inference.core.linear.regression_evidence`.

    Returns
    -------
    Evidence
        Estimate and effect size are the partial Spearman ρ, with an interval by the error of
        Bonett and Wright, on n less the number of nuisance regressors; `statistic`, `df`,
        `p_parametric` and `p_permutation` are those of the t of ranks. Without numbers
        where values or ranks cannot be fitted
        (:func:`ketfc.inference.core.linear.obstacle_to_fit`). Flag ``ties``: more than half
        of the outcomes share one value.

    References
    ----------
    Conover WJ, Iman RL (1982), Biometrics 38:715–724 (rank ANCOVA).
    Bonett DG, Wright TA (2000), Psychometrika 65:23–28, doi:10.1007/BF02294183.
    """
    from scipy import stats

    name, values = outcome
    ranked = {label: stats.rankdata(column) for label, column in regressors.items()}
    y = stats.rankdata(values)
    obstacle = obstacle_to_fit(outcome, regressors) or obstacle_to_fit((name, y), ranked)
    if obstacle is not None:
        return obstacle
    tested, *others = ranked.values()
    nuisance = np.column_stack([np.ones(len(y)), *others])
    test = freedman_lane_test(
        y, tested, nuisance, permutations=permutations, rng=rng, blocks=blocks, groups=groups
    )
    rho = test.partial_r
    low, high = _spearman_interval(rho, len(y) - len(others), alpha, test.error_ratio)
    crowded = np.unique(values, return_counts=True)[1].max() > len(values) / 2
    return Evidence(
        estimate=rho,
        ci_low=low,
        ci_high=high,
        effect_size=rho,
        effect_size_type=PARTIAL_RHO if others else RHO,
        statistic=test.statistic,
        df=test.df,
        p_permutation=test.p,
        p_parametric=parametric_p(test),
        permutations=test.permutations,
        flags=permutation_flags(exhaustive=test.exhaustive, smallest_p=test.smallest_p, alpha=alpha)
        + (("ties",) if crowded else ())
        + ((POOLED,) if test.pooled else ()),
    )


def theil_sen(outcome: Floats, tested: Floats, nuisance: Floats, *, alpha: float) -> Slope:
    """Return the median of the slopes between all pairs of participants.

    Parameters
    ----------
    outcome, tested : numpy.ndarray of shape (n,)
        Outcome and regressor.
    nuisance : numpy.ndarray of shape (n, k)
        What is taken out of both by least squares first; the intercept alone leaves them as they
        are but for their mean.
    alpha : float
        The interval covers 1 − `alpha`; it does not know that the nuisance was estimated.

    Returns
    -------
    Slope
        With the median residual as intercept, in units of what the nuisance leaves.

    References
    ----------
    Sen PK (1968), J Am Stat Assoc 63:1379–1389.
    """
    from scipy import stats

    if len(outcome) < 3:
        return Slope(nan, nan, nan, nan, "too-few")
    y, x = _residuals(outcome, nuisance), _residuals(tested, nuisance)
    if _nothing_left(x, tested) or _nothing_left(y, outcome):
        return Slope(nan, nan, nan, nan, "constant")
    fit = stats.theilslopes(y, x, alpha=1 - alpha)
    return Slope(
        float(fit.slope), float(fit.low_slope), float(fit.high_slope), float(fit.intercept)
    )


def _residuals(values: Floats, nuisance: Floats) -> Floats:
    basis = orthonormal(nuisance)
    left: Floats = values - basis @ (basis.T @ values)
    return left


def _nothing_left(left: Floats, values: Floats) -> bool:
    """Return whether residuals are rounding only, beside the size of the values."""
    return bool(np.linalg.norm(left) <= 1e-9 * max(1e-300, float(np.linalg.norm(values))))


def _spearman_interval(rho: float, n: int, alpha: float, error_ratio: float) -> tuple[float, float]:
    """Return the ρ that Bonett and Wright's error does not reject; NaN where there are none.

    That error takes all residuals to be equally varied, and is multiplied by `error_ratio`.
    The error is taken at each end, not at the estimate: a chance ρ of .8 in a dozen participants
    does not say that the error is that of a true .8.
    """
    from scipy import optimize, stats

    if n < 4 or abs(rho) >= 1 - 1e-12:
        return nan, nan
    z = float(stats.norm.ppf(1 - alpha / 2))
    start = float(np.arctanh(rho))

    def end(side: int) -> float:
        def beyond(at: float) -> float:
            error = error_ratio * ((1 + float(np.tanh(at)) ** 2 / 2) / (n - 3)) ** 0.5
            difference: float = side * (at - start) - z * error
            return difference

        # the error is at most √1.5 / √(n − 3)
        furthest = start + side * 1.3 * z * error_ratio
        return float(np.tanh(optimize.brentq(beyond, start, furthest)))

    return end(-1), end(1)
