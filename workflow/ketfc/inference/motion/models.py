"""What goes with a change in head motion, and what is left of a change where motion stayed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.core.linear import hc3_coefficient, obstacle_to_fit, regression_evidence
from ketfc.inference.core.permutation import Blocks, Floats, freedman_lane_test

FEWEST = 5
"""With fewer participants nothing is decided."""


def follows_motion(
    change: Floats,
    motion: Floats,
    treated: Floats | None = None,
    order: Floats | None = None,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    covariates: Mapping[str, Floats] = MappingProxyType({}),
    blocks: Blocks | None = None,
) -> Evidence:
    """Correlate the change in connectivity with the change in motion over participants.

    Parameters
    ----------
    change, motion : numpy.ndarray of shape (n,)
        Change in Fisher z and in mean FD (mm) of the same participants.
    treated : numpy.ndarray of shape (n,) or None
        1 in the ketamine arm, 0 in the control arm, adjusted for; None where there is one arm.
    order : numpy.ndarray of shape (n,) or None
        Of a crossover, 1 where ketamine came first and −1 where it came second, adjusted for: a
        difference between periods in both would pass for a relation.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random orders.
    rng : numpy.random.Generator
        Stream of this test.
    covariates : mapping of str to numpy.ndarray of shape (n,)
        Further columns to be adjusted for, by their names.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are exchanged within their block (site) only.

    Returns
    -------
    Evidence
        `estimate` is Pearson's r, with two arms the partial r given arm. Its interval is Fisher's
        (standard error 1/√(n − 3 − k) with k columns adjusted for, 1 for the arm); `statistic`,
        `df` and `p_parametric` are those of its t, `p_permutation` is two-sided by permutation of
        the residuals (Freedman–Lane), which with one arm permutes the pairs. Flagged ``too-few``
        below :data:`FEWEST` participants.

    References
    ----------
    Fisher RA (1924), Metron 3:329–332 (partial correlations).
    """
    from scipy import stats

    n = len(change)
    if n < FEWEST:
        return untestable("too-few", f"{n} participants with both changes, {FEWEST} are needed")
    others = _given(treated, order) | dict(covariates)
    obstacle = obstacle_to_fit(
        ("the change in connectivity", change), {"the change in mean FD": motion} | others
    )
    if obstacle is not None:
        return obstacle
    nuisance = np.column_stack([np.ones(n), *others.values()])
    test = freedman_lane_test(
        change, motion, nuisance, permutations=permutations, rng=rng, blocks=blocks
    )
    df, r = n - 1 - nuisance.shape[1], test.partial_r
    low = high = math.nan
    if abs(r) < 1 and df > 1:
        half = float(stats.norm.ppf(1 - alpha / 2)) / math.sqrt(df - 1)
        low, high = (math.tanh(math.atanh(r) + side * half) for side in (-1, 1))
    return Evidence(
        estimate=r,
        ci_low=low,
        ci_high=high,
        statistic=test.statistic,
        df=df,
        p_permutation=test.p,
        p_parametric=float(2 * stats.t.sf(abs(test.statistic), df)),
        permutations=test.permutations,
    )


def change_at_equal_motion(
    baseline: Floats,
    followup: Floats,
    motion: Floats,
    treated: Floats | None = None,
    order: Floats | None = None,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    covariates: Mapping[str, Floats] = MappingProxyType({}),
    blocks: Blocks | None = None,
) -> Evidence:
    """Estimate the change in connectivity beside the change in motion.

    Parameters
    ----------
    baseline, followup, motion : numpy.ndarray of shape (n,)
        Fisher z at both sessions and the change in mean FD (mm) of the same participants.
    treated : numpy.ndarray of shape (n,) or None
        1 in the ketamine arm, 0 in the control arm; None where there is one arm.
    order : numpy.ndarray of shape (n,) or None
        Of a crossover, 1 where ketamine came first and −1 where it came second.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random orders, with two arms.
    rng : numpy.random.Generator
        Stream of this test.
    covariates, blocks
        As for :func:`follows_motion`, with two arms; nothing else is adjusted for them.

    Returns
    -------
    Evidence
        With one arm the intercept of ``change ~ 1 + motion``: the change at no change in motion,
        an extrapolation where nobody moved as little as before. With two the coefficient of the
        arm in ``followup ~ 1 + arm + baseline + motion``. Its interval is the permutation test's,
        that of the intercept, which has no permutation p, HC3's; so are both `statistic` and
        `p_parametric`.
    """
    if treated is not None:
        return regression_evidence(
            ("connectivity at follow-up", followup),
            {
                "arm": treated,
                "connectivity at baseline": baseline,
                "the change in mean FD": motion,
                **covariates,
            },
            alpha=alpha,
            permutations=permutations,
            rng=rng,
            blocks=blocks,
        )
    change = followup - baseline
    if len(change) < FEWEST:
        return untestable(
            "too-few", f"{len(change)} participants with both changes, {FEWEST} are needed"
        )
    others = {"the change in mean FD": motion} | _given(None, order)
    obstacle = obstacle_to_fit(("the change in connectivity", change), others)
    if obstacle is not None:
        return obstacle
    nuisance = np.column_stack(list(others.values()))
    fit = hc3_coefficient(change, np.ones(len(change)), nuisance, alpha=alpha)
    return Evidence(
        estimate=fit.estimate,
        ci_low=fit.ci_low,
        ci_high=fit.ci_high,
        statistic=fit.statistic,
        df=fit.df,
        p_parametric=fit.p,
    )


def _given(treated: Floats | None, order: Floats | None) -> dict[str, Floats]:
    sides = {"arm": treated, "the order of the drugs": order}
    return {name: values for name, values in sides.items() if values is not None}
