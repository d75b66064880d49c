"""Whether connectivity changed: within one arm, or in one arm against another."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from ketfc.inference.core.effect_sizes import DZ, hedges_factor
from ketfc.inference.core.evidence import (
    ONE_SIDED,
    Evidence,
    one_sided_p,
    permutation_flags,
    untestable,
)
from ketfc.inference.core.linear import is_constant, regression_evidence
from ketfc.inference.core.permutation import Blocks, Floats, sign_flip_test
from ketfc.inference.core.permutation_intervals import sign_flip_interval

BASELINE_SD = "difference / baseline SD (Hedges g)"
"""Adjusted difference in pooled standard deviations at baseline, corrected for small samples."""


def describe_change(baseline: Floats, followup: Floats, *, alpha: float) -> Evidence:
    """Describe the mean change without testing it.

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,)
        Fisher z of the same participants.
    alpha : float
        The interval covers 1 − `alpha`.

    Returns
    -------
    Evidence
        Mean of followup − baseline, its t interval, df and dz; neither t nor p. Without numbers
        and flagged ``too-few`` (n < 3) or ``constant`` where there is nothing to describe.
    """
    from scipy import stats

    change = followup - baseline
    n = len(change)
    if n < 3:
        return untestable("too-few", f"{n} complete participants, at least 3 are needed")
    if is_constant(change):
        return untestable(
            "constant", f"the change in connectivity is the same in all {n} participants"
        )
    mean, sd = float(change.mean()), float(change.std(ddof=1))
    half = float(stats.t.ppf(1 - alpha / 2, n - 1)) * sd / n**0.5
    return Evidence(
        estimate=mean,
        ci_low=mean - half,
        ci_high=mean + half,
        effect_size=hedges_factor(n - 1) * mean / sd,
        effect_size_type=DZ,
        df=n - 1,
    )


def mean_change(
    baseline: Floats,
    followup: Floats,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    direction: str | None = None,
) -> Evidence:
    """Test the mean change of one group by sign flips.

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,)
        Fisher z of the same participants.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random sign patterns.
    rng : numpy.random.Generator
        Stream of this test.
    direction : str or None
        ``+`` or ``-`` for one-sided p values, flagged ``one-sided``; the interval stays two-sided.

    Returns
    -------
    Evidence
        As :func:`describe_change`, with t and p of the one-sample t test, the sign-flip p and the
        interval of what that test does not reject; flag ``p-floor`` where it rejects nothing.
    """
    from scipy import stats

    described = describe_change(baseline, followup, alpha=alpha)
    if described.obstacle is not None:
        return described
    change = followup - baseline
    n = len(change)
    parametric = stats.ttest_1samp(change, 0.0)
    same_signs = deepcopy(rng)
    test = sign_flip_test(change, permutations=permutations, rng=rng, direction=direction)
    interval = sign_flip_interval(change, alpha=alpha, permutations=permutations, rng=same_signs)
    flags = permutation_flags(exhaustive=test.exhaustive, smallest_p=test.smallest_p, alpha=alpha)
    p = float(parametric.pvalue)
    if direction is not None:
        flags = (ONE_SIDED, *flags)
        p = one_sided_p(float(parametric.statistic), n - 1, direction)
    return replace(
        described,
        ci_low=interval.low,
        ci_high=interval.high,
        statistic=float(parametric.statistic),
        p_parametric=p,
        p_permutation=test.p,
        permutations=test.permutations,
        flags=flags,
    )


def adjusted_difference(
    baseline: Floats,
    followup: Floats,
    treated: Floats,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    direction: str | None = None,
    covariates: Mapping[str, Floats] = MappingProxyType({}),
    blocks: Blocks | None = None,
) -> Evidence:
    """Compare two arms at follow-up, adjusted for baseline (ANCOVA).

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,)
        Fisher z of the same participants.
    treated : numpy.ndarray of shape (n,)
        1 in the ketamine arm, 0 in the control arm; at least two of each.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random orders.
    rng : numpy.random.Generator
        Stream of this test.
    direction : str or None
        ``+`` or ``-`` for one-sided p values, flagged ``one-sided``; the interval stays two-sided.
    covariates : mapping of str to numpy.ndarray of shape (n,)
        Further columns to be adjusted for, by their names.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are exchanged within their block (site) only.

    Returns
    -------
    Evidence
        Coefficient of `treated` in ``followup ~ 1 + baseline + treated`` with Freedman–Lane p and
        interval. The effect size divides it by the standard deviation of the baseline pooled over
        arms, which treatment cannot have changed, times Hedges' factor.

    References
    ----------
    Morris SB (2008), Organ Res Methods 11:364–386, doi:10.1177/1094428106291059 (standardiser
    and correction of d_ppc2).
    """
    evidence = regression_evidence(
        ("connectivity at follow-up", followup),
        {"arm": treated, "connectivity at baseline": baseline, **covariates},
        alpha=alpha,
        permutations=permutations,
        rng=rng,
        direction=direction,
        blocks=blocks,
    )
    if evidence.obstacle is not None:
        return evidence
    df = len(baseline) - 2
    within = [baseline[treated == arm] for arm in (0.0, 1.0)]
    pooled = (sum(float(((z - z.mean()) ** 2).sum()) for z in within) / df) ** 0.5
    return replace(
        evidence,
        effect_size=hedges_factor(df) * evidence.estimate / pooled,
        effect_size_type=BASELINE_SD,
    )
