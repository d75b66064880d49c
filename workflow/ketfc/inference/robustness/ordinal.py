"""Proportional-odds models of single items of a scale."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.core.linear import obstacle_to_fit
from ketfc.inference.core.permutation import Floats

LOG_ODDS = "log odds ratio per SD"
"""Effect size of :func:`ordinal_evidence`."""

_SEPARATED = 10.0
"""Log odds per standard deviation beyond which categories are told apart without error."""


def ordinal_evidence(
    outcome: tuple[str, Floats], regressors: Mapping[str, Floats], *, alpha: float
) -> Evidence:
    """Regress an ordinal item on the first regressor by a proportional-odds model.

    Parameters
    ----------
    outcome : tuple of str and numpy.ndarray of shape (n,)
        Name in plain words and the item's scores.
    regressors : mapping of str to numpy.ndarray of shape (n,)
        Columns by their names in plain words; the first is the tested one.
    alpha : float
        The interval covers 1 − `alpha`.

    Returns
    -------
    Evidence
        Log odds of a higher score per unit of the regressor with Wald interval, z and p (df is
        not a number); per standard deviation as effect size. No permutation p. Without numbers,
        flagged as :func:`ketfc.inference.core.linear.obstacle_to_fit` does, or
        ``not-converged``, or ``separated`` (a regressor tells categories
        apart without error, so that no finite estimate exists).

    References
    ----------
    McCullagh P (1980), J R Stat Soc B 42:109–142.
    """
    from scipy import stats
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    name, values = outcome
    obstacle = obstacle_to_fit(outcome, regressors)
    if obstacle is not None:
        return obstacle
    levels, codes = np.unique(values, return_inverse=True)
    if len(values) < len(levels) + len(regressors) + 2:
        return untestable(
            "too-few", f"{len(values)} participants for {len(levels)} values of {name}"
        )
    # standardised columns: the same fit, and an optimiser that does not depend on units
    spread = [float(column.std(ddof=1)) for column in regressors.values()]
    design = np.column_stack(
        [
            (column - column.mean()) / sd
            for column, sd in zip(regressors.values(), spread, strict=True)
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is read from the fit below
        try:
            fit = OrderedModel(codes, design, distr="logit").fit(
                method="bfgs", maxiter=500, disp=False
            )
            error = float(fit.bse[0])
        except (np.linalg.LinAlgError, ValueError):
            return untestable("not-converged", f"the proportional-odds model of {name} has no fit")
    slope = float(fit.params[0])
    if np.abs(fit.params[: design.shape[1]]).max() > _SEPARATED:
        return untestable("separated", f"a regressor tells the values of {name} apart exactly")
    if not fit.mle_retvals["converged"] or not np.isfinite(error):
        return untestable(
            "not-converged", f"the proportional-odds model of {name} did not converge"
        )
    half = float(stats.norm.ppf(1 - alpha / 2)) * error
    return Evidence(
        estimate=slope / spread[0],
        ci_low=(slope - half) / spread[0],
        ci_high=(slope + half) / spread[0],
        effect_size=slope,
        effect_size_type=LOG_ODDS,
        statistic=slope / error,
        p_parametric=float(2 * stats.norm.sf(abs(slope / error))),
    )
