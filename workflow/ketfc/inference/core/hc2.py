"""HC2 errors with Bell and McCaffrey's degrees of freedom, for small samples."""

from __future__ import annotations

from math import nan

import numpy as np

from ketfc.inference.core.linear import Coefficient
from ketfc.inference.core.permutation import Floats, orthonormal


def hc2_coefficient(
    outcome: Floats, tested: Floats, nuisance: Floats, *, alpha: float
) -> Coefficient:
    """Return the tested column's coefficient with HC2 errors and fitting degrees of freedom.

    HC3 with n − k − 1 degrees of freedom covers too often in samples of a dozen, where few
    participants decide on a coefficient; HC2 has the right expectation under equal variances, and
    its degrees of freedom are those of the χ² with the same mean and variance.

    Parameters
    ----------
    outcome, tested, nuisance, alpha
        As for :func:`ketfc.inference.core.linear.hc3_coefficient`.

    Returns
    -------
    ketfc.inference.core.linear.Coefficient
        `df` is that of Bell and McCaffrey, no whole number. Not a number, save the estimate, where
        a participant has leverage 1 or there are no residuals.

    References
    ----------
    Bell RM, McCaffrey DF (2002), Surv Methodol 28:169–181.
    Imbens GW, Kolesár M (2016), Rev Econ Stat 98:701–712, doi:10.1162/REST_a_00552.
    """
    from scipy import stats

    basis = orthonormal(nuisance)
    own = tested - basis @ (basis.T @ tested)
    weight = own / (own @ own)  # the estimate is its product with the outcome
    estimate = float(weight @ outcome)
    space = orthonormal(np.column_stack([tested, nuisance]))
    maker = np.eye(len(outcome)) - space @ space.T
    residual = maker @ outcome
    free = np.diag(maker)
    spread = np.linalg.norm(outcome - outcome.mean())
    if free.min() < 1e-9 or np.linalg.norm(residual) <= 1e-9 * spread:
        return Coefficient(estimate, nan, nan, nan, nan, nan)
    scaled = weight / np.sqrt(free)
    error = float(np.linalg.norm(scaled * residual))
    df = float((weight @ weight) ** 2 / ((maker * np.outer(scaled, scaled)) ** 2).sum())
    half = float(stats.t.ppf(1 - alpha / 2, df)) * error
    return Coefficient(
        estimate=estimate,
        ci_low=estimate - half,
        ci_high=estimate + half,
        statistic=estimate / error,
        df=df,
        p=float(2 * stats.t.sf(abs(estimate / error), df)),
    )
