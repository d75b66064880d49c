"""The coefficient of a primary test with other intervals than its permutation test's."""

from __future__ import annotations

import numpy as np

from ketfc.inference.core.linear import Coefficient, hc3_coefficient, informative
from ketfc.inference.design.model import Model
from ketfc.inference.robustness.checks import Check, flagged


def robust_intervals(model: Model, hc2: Coefficient, *, alpha: float) -> list[Check]:
    """Return the checks ``hc3`` and ``hc2``.

    Parameters
    ----------
    model : Model
        The model of the primary test.
    hc2 : Coefficient
        As :func:`ketfc.inference.core.hc2.hc2_coefficient` gives it.
    alpha : float
        The intervals cover 1 − `alpha`.
    """
    hc3 = hc3_coefficient(*informative(model.outcome[1], model.tested, model.nuisance), alpha=alpha)
    return [
        flagged(
            Check(
                method,
                model.n,
                fit.estimate,
                fit.ci_low,
                fit.ci_high,
                fit.statistic,
                fit.df,
                fit.p,
                note=note,
            ),
            "no-error" if np.isnan(fit.p) else None,
        )
        for method, fit, note in (
            ("hc3", hc3, "HC3 errors, t with the residual degrees of freedom"),
            ("hc2", hc2, "HC2 errors, Bell–McCaffrey degrees of freedom"),
        )
    ]
