"""The coefficient of a primary test with other intervals than HC3's."""

from __future__ import annotations

import numpy as np

from ketfc.inference.checks import Check, flagged
from ketfc.inference.intervals import Interval
from ketfc.inference.linear import Coefficient
from ketfc.inference.models import Model


def robust_intervals(
    model: Model, robust: Coefficient, inverted: Interval, *, what: str
) -> list[Check]:
    """Return the checks ``hc2`` and ``inverted-permutation``.

    Parameters
    ----------
    model : Model
        The model of the primary test.
    robust : Coefficient
        As :func:`ketfc.inference.robust.hc2_coefficient` gives it.
    inverted : Interval
        As :func:`ketfc.inference.inversion.freedman_lane_interval` gives it.
    what : str
        What the coefficient is, in the plural.
    """
    return [
        flagged(
            Check(
                "hc2",
                model.n,
                robust.estimate,
                robust.ci_low,
                robust.ci_high,
                robust.statistic,
                robust.df,
                robust.p,
                note="HC2 errors, Bell–McCaffrey degrees of freedom",
            ),
            "no-error" if np.isnan(robust.p) else None,
        ),
        flagged(
            Check(
                "inverted-permutation",
                model.n,
                robust.estimate,
                inverted.low,
                inverted.high,
                note=f"{what} that the permutation test does not reject",
            ),
            inverted.obstacle,
        ),
    ]
