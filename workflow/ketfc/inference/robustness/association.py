"""The primary tests of association by other methods: ranks, single participants, depression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.inference.core.hc2 import hc2_coefficient
from ketfc.inference.core.linear import informative, regression_evidence
from ketfc.inference.core.permutation import Floats
from ketfc.inference.core.ranks import leave_one_out, rank_evidence, theil_sen
from ketfc.inference.design.model import Model
from ketfc.inference.robustness.checks import Check, Settings, check_of, flagged
from ketfc.inference.robustness.intervals import robust_intervals
from ketfc.inference.robustness.mediation import LABEL, mediation
from ketfc.inference.robustness.ordinal import ordinal_evidence
from ketfc.inference.robustness.power import POWER, RANK_EFFICIENCY, detectable_partial_r
from ketfc.inference.robustness.reliability import attenuated, change_reliability

ASSOCIATION_METHODS = (
    "values",
    "hc3",
    "hc2",
    "theil-sen",
    "leave-one-out",
    "detectable",
)
DEPRESSION_METHODS = ("depression-adjusted", "mediation")

_FEW_LEVELS = 7
"""An outcome of no more values is treated as an ordinal item too."""


@dataclass(frozen=True)
class Depression:
    """How much each participant's depression changed.

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


def association_checks(
    model: Model, people: Sequence[str], name: str, settings: Settings
) -> list[Check]:
    """Return :data:`ASSOCIATION_METHODS`, and ``ordinal`` where the outcome has few values.

    Parameters
    ----------
    model : Model
        A test of association that can be fitted.
    people : sequence of str
        Participants in the order of its rows.
    name : str
        Name of the test in random streams.
    settings : Settings
        Levels and seed.
    """
    alpha, outcome = settings.alpha, model.outcome[1]
    line = regression_evidence(
        model.outcome,
        model.regressors,
        alpha=alpha,
        permutations=settings.permutations,
        rng=settings.rng(f"{name}/values"),
        blocks=model.blocks,
    )
    robust = hc2_coefficient(*informative(outcome, model.tested, model.nuisance), alpha=alpha)
    median = theil_sen(outcome, model.tested, model.nuisance, alpha=alpha)
    checks = [
        check_of("values", line, model.n, note="slope of values, Freedman–Lane interval and p"),
        *robust_intervals(model, robust, alpha=alpha),
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
        _influence(model, people, alpha),
        _detectable(model, alpha),
    ]
    if len(np.unique(outcome)) <= _FEW_LEVELS:
        evidence = ordinal_evidence(model.outcome, model.regressors, alpha=alpha)
        checks.append(check_of("ordinal", evidence, model.n, note="proportional odds"))
    return checks


def attenuation(baseline: Floats, followup: Floats, connectivity: float, score: float) -> Check:
    """Return the largest correlation that measures of such reliability can show.

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,)
        Fisher z of the same participants, whose correlation tells how reliable their difference is.
    connectivity, score : float
        Reliability of one session's connectivity, and of the score.
    """
    n = len(baseline)
    r = float(np.corrcoef(baseline, followup)[0, 1]) if n > 2 else nan
    if not np.isfinite(r):
        return Check("attenuation-bound", n, flags=("constant" if n > 2 else "too-few",))
    change = change_reliability(connectivity, r)
    check = Check(
        "attenuation-bound",
        n,
        effect_size=attenuated(1.0, change, score),
        effect_size_type="largest observable r",
        note=f"reliability of the change {change:.2f}, at r = {r:.2f} between the sessions",
    )
    return flagged(check, "unreliable-change" if change == 0 else None)


def depression_checks(
    model: Model, people: Sequence[str], depression: Depression, name: str, settings: Settings
) -> list[Check]:
    """Return :data:`DEPRESSION_METHODS`: the association beside the change in depression.

    Parameters
    ----------
    model, people, name, settings
        As for :func:`association_checks`.
    depression : Depression
        Change in depression; who lacks it does not enter.
    """
    change = depression.change.reindex(list(people)).to_numpy(dtype=np.float64)
    kept = np.isfinite(change)
    mediating: Floats = np.asarray(change[kept], dtype=np.float64)
    outcome = (model.outcome[0], model.outcome[1][kept])
    tested, *others = model.regressors.items()
    covariates = {label: column[kept] for label, column in others}
    slope = (tested[0], tested[1][kept])
    mediator = (depression.name, mediating)
    adjusted = rank_evidence(
        outcome,
        dict([slope, mediator]) | covariates,
        alpha=settings.alpha,
        permutations=settings.permutations,
        rng=settings.rng(f"{name}/depression"),
        blocks=None if model.blocks is None else model.blocks[kept],
    )
    found = mediation(
        outcome,
        slope,
        mediator,
        covariates,
        alpha=settings.alpha,
        resamples=settings.permutations,
        rng=settings.rng(f"{name}/mediation"),
        blocks=None if model.blocks is None else model.blocks[kept],
    )
    n = int(kept.sum())
    note = f"adjusted for {depression.name}"
    indirect = Check(
        "mediation",
        n,
        found.indirect,
        found.interval.low,
        found.interval.high,
        effect_size=found.direct,
        effect_size_type="direct slope",
        flags=depression.flags,
        note=found.obstacle
        or f"{LABEL}: the slope that runs along {depression.name}, of {found.total:.3g} in all",
    )
    return [
        flagged(check_of("depression-adjusted", adjusted, n, note=note), *depression.flags),
        flagged(indirect, found.flag or found.interval.obstacle),
    ]


def _influence(model: Model, people: Sequence[str], alpha: float) -> Check:
    """Return the range of the rank correlation when each participant is left out in turn."""
    from scipy import stats

    found = leave_one_out(model.outcome[1], model.regressors, ranks=True)
    if found.most_influential is None:
        return Check("leave-one-out", model.n, found.whole, flags=("undefined",))

    def significant(r: Floats, n: int) -> npt.NDArray[np.bool_]:
        df = n - len(model.regressors) - 1
        t = r * np.sqrt(df / np.maximum(1 - r**2, 1e-15))
        decided: npt.NDArray[np.bool_] = 2 * stats.t.sf(np.abs(t), df) < alpha
        return decided

    before = significant(np.array([found.whole]), model.n)
    after = significant(found.without[np.isfinite(found.without)], model.n - 1)
    return flagged(
        Check(
            "leave-one-out",
            model.n,
            found.whole,
            found.lowest,
            found.highest,
            note="range of the rank correlation without each participant in turn, no interval; "
            f"moved most by {people[found.most_influential]}",
        ),
        None if found.sign_holds else "sign-flips",
        "significance-flips" if (after != before).any() else None,
    )


def _detectable(model: Model, alpha: float) -> Check:
    people = int(RANK_EFFICIENCY * model.n)
    smallest = detectable_partial_r(people, nuisance=len(model.regressors) - 1, alpha=alpha)
    check = Check(
        "detectable",
        model.n,
        effect_size=smallest,
        effect_size_type="partial r",
        note=f"smallest correlation of normal values detected by ranks with a power of {POWER:.0%}",
    )
    return flagged(check, "too-few" if np.isnan(smallest) else None)
