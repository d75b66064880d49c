"""Checks of an association and of moderation: values, errors, ranks, further adjustment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import pandas as pd

from ketfc.inference.core.hc2 import hc2_coefficient
from ketfc.inference.core.linear import informative, regression_evidence
from ketfc.inference.core.permutation import Floats
from ketfc.inference.core.ranks import rank_evidence, theil_sen
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.model import Model
from ketfc.inference.power.formulas import POWER, RANK_EFFICIENCY, detectable_partial_r
from ketfc.inference.robustness.checks import (
    Check,
    Settings,
    check_of,
    error_intervals,
    flagged,
)
from ketfc.inference.robustness.ordinal import ordinal_evidence

ASSOCIATION_METHODS = (
    "values",
    "hc3",
    "hc2",
    "theil-sen",
    "detectable",
)

_FEW_LEVELS = 7
"""An outcome of no more values is treated as an ordinal item too."""


@dataclass(frozen=True)
class Depression:
    """Change in depression of each participant.

    Attributes
    ----------
    name : str
        In plain words.
    change : pandas.Series of float
        By participant.
    flags : tuple of str
        ``totals-only``: the total still contains the suicide item.
    """

    name: str
    change: pd.Series[float]
    flags: tuple[str, ...] = ()


def association_checks(model: Model, name: str, settings: Settings) -> list[Check]:
    """Return :data:`ASSOCIATION_METHODS`, and ``ordinal`` where the outcome has few values.

    Parameters
    ----------
    model : Model
        A test of association that can be fitted.
    name : str
        Name of the test in random streams.
    settings : Settings
        Levels and seed.
    """
    alpha, outcome = settings.alpha, model.response[1]
    line = regression_evidence(
        model.response,
        model.regressors,
        alpha=alpha,
        permutations=settings.permutations,
        rng=settings.rng(f"{name}/values"),
        blocks=model.blocks,
        groups=model.variance_groups,
    )
    robust = hc2_coefficient(*informative(outcome, model.tested, model.adjustment), alpha=alpha)
    median = theil_sen(outcome, model.tested, model.adjustment, alpha=alpha)
    checks = [
        check_of("values", line, model.n, note="slope of values, Freedman–Lane interval and p"),
        *error_intervals(model, robust, alpha=alpha),
        flagged(
            Check(
                "theil-sen",
                model.n,
                median.slope,
                median.ci_low,
                median.ci_high,
                note="median slope of all pairs, covariates taken out before",
            ),
            median.obstacle,
        ),
        _detectable(model, alpha),
    ]
    if len(np.unique(outcome)) <= _FEW_LEVELS:
        evidence = ordinal_evidence(model.response, model.regressors, alpha=alpha)
        checks.append(check_of("ordinal", evidence, model.n, note="proportional odds"))
    return checks


def depression_check(
    model: Model, people: Sequence[str], depression: Depression, name: str, settings: Settings
) -> Check:
    """Return ``depression-adjusted``: the association beside the change in depression.

    Parameters
    ----------
    model, name, settings
        As for :func:`association_checks`.
    people : sequence of str
        Participants in the order of the rows of `model`.
    depression : Depression
        Change in depression; who lacks it does not enter.
    """
    change = depression.change.reindex(list(people)).to_numpy(dtype=np.float64)
    kept = np.isfinite(change)
    (tested, slope), *others = model.regressors.items()
    moved: Floats = np.asarray(change[kept], dtype=np.float64)
    adjusted = rank_evidence(
        (model.response[0], model.response[1][kept]),
        {tested: slope[kept], depression.name: moved}
        | {label: column[kept] for label, column in others},
        alpha=settings.alpha,
        permutations=settings.permutations,
        rng=settings.rng(f"{name}/depression"),
        blocks=None if model.blocks is None else model.blocks[kept],
        groups=None if model.variance_groups is None else model.variance_groups[kept],
    )
    note = f"adjusted for {depression.name}"
    check = check_of("depression-adjusted", adjusted, int(kept.sum()), note=note)
    return flagged(check, *depression.flags)


def baseline_check(model: Model, baseline: Floats, name: str, settings: Settings) -> Check:
    """Return ``baseline-adjusted``: the association at equal connectivity at baseline.

    A change in connectivity goes with where it started (regression to the mean), and so may a
    score. At equal connectivity at baseline, change and follow-up are the same regressor.

    Parameters
    ----------
    model, name, settings
        As for :func:`association_checks`.
    baseline : numpy.ndarray of shape (n,)
        Fisher z at baseline of the same participants.
    """
    given = {**model.nuisance, "connectivity at baseline": baseline}
    evidence = evidence_of(
        replace(model, nuisance=given),
        alpha=settings.alpha,
        permutations=settings.permutations,
        rng=settings.rng(f"{name}/baseline"),
    )
    note = "adjusted for connectivity at baseline too"
    return check_of("baseline-adjusted", evidence, model.n, note=note)


def moderation_check(model: Model, name: str, settings: Settings) -> Check:
    """Return ``ranks``: the interaction of ranks beside their main effects.

    It stands less in the shadow of a few extreme scores than the test of values does, but is no
    judge over it: where both main effects are strong, ranks can show an interaction that values
    do not have, or hide one.

    Parameters
    ----------
    model : Model
        A test of moderation that can be fitted.
    name, settings
        As for :func:`association_checks`.

    Returns
    -------
    Check
        Estimate and effect size are the partial correlation, without an interval; `statistic`,
        `df` and `p` are those of the test of values on ranks.

    References
    ----------
    Thompson GL (1991), Biometrika 78:697–701, doi:10.1093/biomet/78.3.697 (when ranks deceive).
    """
    evidence = evidence_of(
        model.ranked(),
        alpha=settings.alpha,
        permutations=settings.permutations,
        rng=settings.rng(f"{name}/ranks"),
    )
    note = "the model of values on ranks, the interaction as the product of the ranks"
    # a slope in ranks per rank says less than a correlation
    correlation = replace(evidence, estimate=evidence.effect_size, ci_low=nan, ci_high=nan)
    return check_of("ranks", correlation, model.n, note=note)


def _detectable(model: Model, alpha: float) -> Check:
    people = int(RANK_EFFICIENCY * model.n)
    smallest = detectable_partial_r(people, nuisance=len(model.nuisance), alpha=alpha)
    check = Check(
        "detectable",
        model.n,
        effect_size=smallest,
        effect_size_type="partial r",
        note=f"smallest correlation of normal values detected by ranks with a power of {POWER:.0%}",
    )
    return flagged(check, "too-few" if np.isnan(smallest) else None)
