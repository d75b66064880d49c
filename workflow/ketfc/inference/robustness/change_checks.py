"""Checks of a change: BCa, HC2 and HC3, rank tests, equivalence, detectable effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan

import numpy as np

from ketfc.inference.core.bootstrap import bca_mean
from ketfc.inference.core.effect_sizes import (
    Shift,
    paired_effect,
    paired_shift,
    stratified_shift,
    two_sample_shift,
)
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.hc2 import hc2_coefficient
from ketfc.inference.core.linear import informative
from ketfc.inference.core.permutation import Floats, orthonormal
from ketfc.inference.core.ranks import rank_evidence
from ketfc.inference.design.model import Model
from ketfc.inference.power.formulas import POWER, detectable_difference, detectable_dz
from ketfc.inference.robustness.checks import (
    Check,
    Settings,
    check_of,
    error_intervals,
    flagged,
)
from ketfc.inference.robustness.equivalence import Equivalence, tost_coefficient, tost_paired
from ketfc.inference.robustness.mixed_model import contrasts_over_time

MEAN_METHODS = ("t", "bca", "d-av", "wilcoxon", "tost", "detectable")
GROUP_METHODS = ("hc3", "hc2", "ranks", "mann-whitney", "tost", "detectable")

_BASELINE = "connectivity at baseline"


def no_checks(methods: Sequence[str], obstacle: Evidence, n: int) -> list[Check]:
    """Return a check without numbers for each method, with the reason."""
    return [check_of(method, obstacle, n) for method in methods]


def mean_checks(baseline: Floats, followup: Floats, name: str, settings: Settings) -> list[Check]:
    """Return :data:`MEAN_METHODS` of a mean change within participants.

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,)
        Fisher z of the same participants; n ≥ 3 and the change varies.
    name : str
        Name of the test in random streams.
    settings : Settings
        Levels, seed and margin.
    """
    from scipy import stats

    change, alpha = followup - baseline, settings.alpha
    n, mean, sd = len(change), float(change.mean()), float(change.std(ddof=1))
    bca = bca_mean(
        change, alpha=alpha, resamples=settings.permutations, rng=settings.rng(f"{name}/bca")
    )
    effect = paired_effect(baseline, followup)
    smallest = detectable_dz(n, alpha=alpha)
    t = stats.ttest_1samp(change, 0.0)
    ends_of_t = t.confidence_interval(1 - alpha)
    return [
        Check(
            "t",
            n,
            mean,
            float(ends_of_t.low),
            float(ends_of_t.high),
            float(t.statistic),
            n - 1,
            float(t.pvalue),
            note="one-sample t of the change",
        ),
        flagged(Check("bca", n, mean, bca.low, bca.high, note="bootstrap"), bca.obstacle),
        Check("d-av", n, mean, effect_size=effect.d_av, effect_size_type="d_av (Hedges g)"),
        _shift("wilcoxon", paired_shift(baseline, followup, alpha=alpha), n),
        _equivalence(tost_paired(baseline, followup, alpha=alpha, margin=settings.margin), mean, n),
        _detectable(smallest, sd, n, "dz"),
    ]


def group_checks(
    model: Model, name: str, settings: Settings, *, unheeded: Sequence[str] = ()
) -> list[Check]:
    """Return :data:`GROUP_METHODS` of a comparison of arms, or of orders of two drugs.

    Parameters
    ----------
    model : Model
        One that compares groups and can be fitted. In a crossover the tested column is −1 or 1, so
        that all estimates are differences between the drugs.
    name, settings
        As for :func:`mean_checks`.
    unheeded : sequence of str
        Covariates of the model beside its blocks, which no test of ranks of changes can hold: its
        note names them.
    """
    alpha, outcome = settings.alpha, model.response[1]
    first = model.tested == model.tested.max()
    unit = 1 / float(np.ptp(model.tested))
    before = model.nuisance.get(_BASELINE)
    robust = hc2_coefficient(*informative(outcome, model.tested, model.adjustment), alpha=alpha)
    ranked = rank_evidence(
        model.response,
        model.regressors,
        alpha=alpha,
        permutations=settings.permutations,
        rng=settings.rng(f"{name}/ranks"),
        blocks=model.blocks,
        groups=model.variance_groups,
    )
    changes = (outcome if before is None else outcome - before) * unit
    if model.blocks is None:
        shift, within = two_sample_shift(changes[first], changes[~first], alpha=alpha), ""
    else:
        within = " within blocks, by van Elteren's test"
        shift = stratified_shift(
            changes,
            first,
            model.blocks,
            alpha=alpha,
            permutations=settings.permutations,
            rng=settings.rng(f"{name}/mann-whitney"),
        )
    smallest = detectable_difference(
        int(first.sum()),
        int((~first).sum()),
        nuisance=len(model.nuisance),
        explained=_explained(model),
        alpha=alpha,
    )
    spread = _pooled(outcome, first)
    given = [] if before is None else [_BASELINE]
    given += ["covariates"] if model.covariates else []
    kind = "difference / SD within arms" if before is not None else "dz within orders"
    return [
        *error_intervals(model, robust, alpha=alpha),
        check_of("ranks", ranked, model.n, note="the model of the primary test on ranks"),
        _shift("mann-whitney", shift, model.n, within=within, unheeded=unheeded),
        _equivalence(
            tost_coefficient(robust, margin=settings.margin, alpha=alpha), robust.estimate, model.n
        ),
        _detectable(smallest * unit, spread, model.n, kind, given),
    ]


def time_checks(
    values: Floats, roles: Sequence[str], name: str, settings: Settings
) -> Mapping[str, Check]:
    """Return the change at every follow-up by a mixed model of all sessions.

    Parameters
    ----------
    values : numpy.ndarray of shape (n, times)
        Fisher z, a row per participant; NaN where a session is missing.
    roles : sequence of str
        Names of the times, the reference first.
    name, settings
        As for :func:`mean_checks`.

    Returns
    -------
    mapping of str to Check
        By follow-up. Estimate, interval, `statistic` and `df` are the model's, `p` is that of sign
        flips within who has both sessions: the model takes all pairs of sessions to be equally
        alike, and its own p is too small for the farther ones where participants drift.
    """
    weights = {
        role: [-1.0, *(1.0 if other == role else 0.0 for other in roles[1:])] for role in roles[1:]
    }
    found = contrasts_over_time(
        values,
        weights,
        alpha=settings.alpha,
        permutations=settings.permutations,
        seed=settings.seed,
        name=f"robustness/{name}",
    )
    n = int(np.isfinite(values).any(axis=1).sum())
    note = "all sessions of everybody, a random intercept per participant; p by sign flips of pairs"
    return {
        role: Check(
            "mixed-model",
            n,
            one.estimate,
            one.ci_low,
            one.ci_high,
            one.statistic,
            one.df,
            one.p_permutation,
            one.effect_size,
            one.effect_size_type,
            one.flags,
            one.obstacle or note,
        )
        for role, one in found.items()
    }


def _shift(
    method: str, shift: Shift, n: int, *, within: str = "", unheeded: Sequence[str] = ()
) -> Check:
    note = f"Hodges–Lehmann shift of the change{within}"
    if unheeded:
        note += f"; not adjusted for {' and '.join(unheeded)}"
    check = Check(
        method,
        n,
        shift.estimate,
        shift.ci_low,
        shift.ci_high,
        shift.statistic,
        nan,
        shift.p,
        shift.effect_size,
        None if shift.obstacle else "rank-biserial r",
        note=note,
    )
    no_interval = shift.obstacle is None and np.isnan(shift.ci_low)
    return flagged(check, shift.obstacle, "too-few-for-interval" if no_interval else None)


def _equivalence(found: Equivalence, estimate: float, n: int) -> Check:
    check = Check(
        "tost",
        n,
        estimate,
        found.ci_low,
        found.ci_high,
        p=found.p,
        note=f"smaller than ±{found.margin:g} Fisher z; the interval covers 1 − 2α",
    )
    return flagged(check, found.obstacle, "equivalent" if found.equivalent else None)


def _detectable(
    smallest: float, unit: float, n: int, kind: str, given: Sequence[str] = ()
) -> Check:
    equal = f", at equal {' and '.join(given)}" if given else ""
    check = Check(
        "detectable",
        n,
        smallest * unit,
        effect_size=smallest,
        effect_size_type=kind,
        note=f"smallest effect detected with a power of {POWER:.0%}, in Fisher z at the spread "
        f"observed{equal}",
    )
    return flagged(check, "too-few" if np.isnan(smallest) else None)


def _pooled(values: Floats, first: np.ndarray) -> float:
    """Return the standard deviation pooled within two groups."""
    squares = sum(float(((v - v.mean()) ** 2).sum()) for v in (values[first], values[~first]))
    return float((squares / (len(values) - 2)) ** 0.5)


def _explained(model: Model) -> float:
    """Return the share of the variance within groups that the nuisance explains, adjusted for df.

    With it the spread that is left is that of the residuals of the model. Below 1; 0 where the
    nuisance explains no more than chance, or leaves no degrees of freedom.
    """

    def variance(columns: Floats) -> float:
        basis = orthonormal(columns)
        left = model.response[1] - basis @ (basis.T @ model.response[1])
        df = model.n - basis.shape[1]
        return float(left @ left) / df if df > 0 else nan

    groups = np.column_stack([np.ones(model.n), model.tested])
    within = variance(groups)
    share = 1 - variance(np.column_stack([groups, model.adjustment])) / within if within > 0 else 0
    return min(max(share, 0.0), 1 - 1e-9) if np.isfinite(share) else 0.0
