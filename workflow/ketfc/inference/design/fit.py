"""Estimates and tests of models: from a model to its evidence."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace

import numpy as np

from ketfc.inference.core.bayes import (
    JEFFREYS,
    JEFFREYS_RANKS,
    JZS_DIFFERENCE,
    JZS_MEAN,
    correlation_bf10,
    jzs,
)
from ketfc.inference.core.effect_sizes import DZ, hedges_factor, standardised_interval
from ketfc.inference.core.evidence import (
    ONE_SIDED,
    Evidence,
    one_sided_p,
    permutation_flags,
)
from ketfc.inference.core.linear import (
    POOLED,
    hc3_coefficient,
    parametric_p,
    regression_evidence,
)
from ketfc.inference.core.permutation import freedman_lane_test, orthonormal, sign_flip_test
from ketfc.inference.core.permutation_intervals import sign_flip_interval
from ketfc.inference.core.ranks import rank_evidence
from ketfc.inference.design.model import Model

UNEQUAL_SPREAD = "unequal-spread"
"""Flag: one group is more than twice as large as the other, and their spreads differ."""

_SIZES, _SPREADS = 2.0, 1.5
"""Ratios of sizes and of residual standard deviations from which groups are flagged: conventions.
In simulated studies of 4 and 10 participants the test rejects up to 6.5 % of true nulls there."""


def evidence_of(
    model: Model,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    direction: str | None = None,
) -> Evidence:
    """Estimate and test the term of interest of a model.

    Parameters
    ----------
    model : Model
        The model of one connection.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random arrangements.
    rng : numpy.random.Generator
        Stream of this test.
    direction : str or None
        ``+`` or ``-`` for one-sided p values of a mean or a slope, flagged ``one-sided``; the
        interval stays two-sided.

    Returns
    -------
    Evidence
        Of a mean by sign flips; of a slope as
        :func:`ketfc.inference.core.linear.regression_evidence` gives it, standardised by the
        model's `unit`; of ranks as :func:`ketfc.inference.core.ranks.rank_evidence` does; of a
        correlation of values with Fisher's interval. Of a mean beside nuisance HC3's, without a
        permutation p. Without numbers where the model has an `obstacle`.
    """
    if model.sample_obstacle is not None:
        return model.sample_obstacle
    if model.term is None and model.nuisance:
        return _mean_beside(model, alpha=alpha)
    if model.term is None:
        return _mean(model, alpha, permutations, rng, direction)
    if model.correlation:
        return _partial_correlation(model, alpha, permutations, rng)
    if model.by_ranks:
        evidence = rank_evidence(
            model.response,
            model.regressors,
            alpha=alpha,
            permutations=permutations,
            rng=rng,
            blocks=model.blocks,
            groups=model.variance_groups,
        )
        return replace(
            evidence,
            partial_r=evidence.effect_size,
            effect_low=evidence.ci_low,
            effect_high=evidence.ci_high,
        )
    evidence = regression_evidence(
        model.response,
        model.regressors,
        alpha=alpha,
        permutations=permutations,
        rng=rng,
        direction=direction,
        blocks=model.blocks,
        groups=model.variance_groups,
    )
    if model.groups and evidence.obstacle is None and _spreads_differ(model):
        evidence = replace(evidence, flags=(*evidence.flags, UNEQUAL_SPREAD))
    # what it gives as the effect size, until there is a unit to divide by
    evidence = replace(evidence, partial_r=evidence.effect_size)
    if model.unit is None or evidence.obstacle is not None:
        return evidence
    name, spread = model.unit
    df = model.n - 2
    within = [spread[model.tested == side] for side in np.unique(model.tested)]
    pooled = (sum(float(((z - z.mean()) ** 2).sum()) for z in within) / df) ** 0.5
    return _standardised(evidence, pooled, df, name, alpha=alpha)


def described(model: Model, *, alpha: float) -> Evidence:
    """Describe the mean of a model without testing it.

    Parameters
    ----------
    model : Model
        The model of a mean.
    alpha : float
        The interval covers 1 − `alpha`.

    Returns
    -------
    Evidence
        Mean, its t interval, df and dz; neither t nor p. Without numbers and flagged ``too-few``
        (n < 3) or ``constant`` where there is nothing to describe.
    """
    from scipy import stats

    obstacle = model.obstacle
    if obstacle is not None:
        return obstacle
    change, n = model.response[1], model.n
    mean, sd = float(change.mean()), float(change.std(ddof=1))
    half = float(stats.t.ppf(1 - alpha / 2, n - 1)) * sd / n**0.5
    evidence = Evidence(estimate=mean, ci_low=mean - half, ci_high=mean + half, df=n - 1)
    return _standardised(evidence, sd, n - 1, DZ, alpha=alpha)


def bayes_factor(model: Model) -> tuple[float, str]:
    """Return BF10 of a model that can be fitted, and what it is.

    Parameters
    ----------
    model : Model
        Without an obstacle.

    Returns
    -------
    bf10 : float
        JZS of a mean, or of what two groups differ by beside the nuisance, in residual standard
        deviations: in a crossover of the mean difference between the drugs, so that the same prior
        holds for dz within orders as for dz of a single arm. Of an association Jeffreys' of the
        partial correlation, on n less the columns of nuisance, and of ranks where the model is
        tested by ranks, as if they were values. Infinite for a perfect fit.
    kind : str
        One of :data:`JZS_MEAN`, :data:`JZS_DIFFERENCE`, :data:`JEFFREYS` and
        :data:`JEFFREYS_RANKS`.
    """
    from scipy import stats

    kind = JEFFREYS_RANKS if model.by_ranks else JEFFREYS
    if model.by_ranks:
        model = model.ranked()
    if model.term is None:
        t = float(stats.ttest_1samp(model.response[1], 0.0).statistic)
        return jzs(t, model.n, model.n - 1), JZS_MEAN
    r = model.partial_r
    nuisance = len(model.nuisance)
    if not model.groups:
        return correlation_bf10(r, model.n - nuisance), kind
    if abs(r) >= 1 - 1e-14:
        return np.inf, JZS_DIFFERENCE
    df = model.n - nuisance - 2
    basis = orthonormal(model.adjustment)
    own = model.tested - basis @ (basis.T @ model.tested)
    return jzs(r * (df / (1 - r**2)) ** 0.5, float(own @ own), df), JZS_DIFFERENCE


def _spreads_differ(model: Model) -> bool:
    """Return whether groups of unequal size have residuals of unequal spread."""
    names = np.unique(model.tested)
    basis = orthonormal(np.column_stack([model.tested, model.adjustment]))
    outcome = model.response[1]
    residual, df = outcome - basis @ (basis.T @ outcome), 1 - (basis**2).sum(axis=1)
    members = [model.tested == name for name in names]
    sizes = [int(own.sum()) for own in members]
    if max(sizes) <= _SIZES * min(sizes):
        return False
    spread = [float((residual[own] ** 2).sum() / max(df[own].sum(), 1e-9)) for own in members]
    return max(spread) > _SPREADS**2 * min(spread)


def _mean(
    model: Model, alpha: float, permutations: int, rng: np.random.Generator, direction: str | None
) -> Evidence:
    """Test a mean by sign flips, with the interval of what they do not reject."""
    from scipy import stats

    evidence = described(model, alpha=alpha)
    if evidence.obstacle is not None:
        return evidence
    change = model.response[1]
    parametric = stats.ttest_1samp(change, 0.0)
    same_signs = deepcopy(rng)
    test = sign_flip_test(change, permutations=permutations, rng=rng, direction=direction)
    interval = sign_flip_interval(change, alpha=alpha, permutations=permutations, rng=same_signs)
    flags = permutation_flags(exhaustive=test.exhaustive, smallest_p=test.smallest_p, alpha=alpha)
    p = float(parametric.pvalue)
    if direction is not None:
        flags = (ONE_SIDED, *flags)
        p = one_sided_p(float(parametric.statistic), model.n - 1, direction)
    evidence = replace(evidence, ci_low=interval.low, ci_high=interval.high)
    return replace(
        _standardised(evidence, float(change.std(ddof=1)), model.n - 1, DZ, alpha=alpha),
        partial_r=test.partial_r,
        statistic=float(parametric.statistic),
        p_parametric=p,
        p_permutation=test.p,
        permutations=test.permutations,
        flags=flags,
    )


def _standardised(
    evidence: Evidence, spread: float, df: int, name: str, *, alpha: float
) -> Evidence:
    """Return evidence with its estimate and interval in standard deviations (Hedges g)."""
    if not spread > 0:
        return replace(evidence, effect_size=math.nan, effect_size_type=name)
    low, high = standardised_interval(
        evidence.estimate, evidence.ci_low, evidence.ci_high, spread=spread, df=df, alpha=alpha
    )
    return replace(
        evidence,
        effect_size=hedges_factor(df) * evidence.estimate / spread,
        effect_low=low,
        effect_high=high,
        effect_size_type=name,
    )


def _mean_beside(model: Model, *, alpha: float) -> Evidence:
    """Estimate the mean of the response at a nuisance of zero, with HC3 errors.

    An extrapolation where no participant's nuisance is near zero.
    """
    obstacle = model.obstacle
    if obstacle is not None:
        return obstacle
    others = np.column_stack(list(model.nuisance.values()))
    fit = hc3_coefficient(model.response[1], np.ones(model.n), others, alpha=alpha)
    return Evidence(
        estimate=fit.estimate,
        ci_low=fit.ci_low,
        ci_high=fit.ci_high,
        statistic=fit.statistic,
        df=fit.df,
        p_parametric=fit.p,
    )


def _partial_correlation(
    model: Model, alpha: float, permutations: int, rng: np.random.Generator
) -> Evidence:
    """Test the partial Pearson correlation of response and term, with Fisher's interval.

    Fisher RA (1924), Metron 3:329–332: the standard error is 1/√(n − 3 − k) with k columns of
    nuisance.
    """
    from scipy import stats

    obstacle = model.obstacle
    if obstacle is not None:
        return obstacle
    nuisance = model.adjustment
    test = freedman_lane_test(
        model.response[1],
        model.tested,
        nuisance,
        permutations=permutations,
        rng=rng,
        blocks=model.blocks,
        groups=model.variance_groups,
    )
    left, r = model.n - 1 - nuisance.shape[1], test.partial_r
    low = high = math.nan
    if abs(r) < 1 and left > 1:
        half = float(stats.norm.ppf(1 - alpha / 2)) / math.sqrt(left - 1)
        low, high = (math.tanh(math.atanh(r) + side * half) for side in (-1, 1))
    return Evidence(
        estimate=r,
        ci_low=low,
        ci_high=high,
        statistic=test.statistic,
        df=test.df,
        p_permutation=test.p,
        p_parametric=parametric_p(test),
        permutations=test.permutations,
        flags=(POOLED,) if test.pooled else (),
    )
