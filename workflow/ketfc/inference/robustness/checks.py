"""Results of one check beside a primary test, and the settings of all checks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan

import numpy as np

from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.linear import Coefficient, hc3_coefficient, informative
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.model import Model


@dataclass(frozen=True)
class Check:
    """Results of one method; numbers that it does not have are not-a-number.

    Attributes
    ----------
    method : str
        Its name in ``tests/robustness.tsv``.
    n : int
        Participants.
    estimate, ci_low, ci_high, statistic, df, effect_size : float
        As in :class:`ketfc.inference.core.evidence.Evidence`; the interval covers 1 − alpha, or
        what `note` says.
    p : float
        Two-sided, by permutation where the method permutes.
    effect_size_type, note : str or None
        What the effect size is, and what to know of the method.
    flags : tuple of str
        Short words; why there are no numbers among them.
    """

    method: str
    n: int
    estimate: float = nan
    ci_low: float = nan
    ci_high: float = nan
    statistic: float = nan
    df: float = nan
    p: float = nan
    effect_size: float = nan
    effect_size_type: str | None = None
    flags: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class Settings:
    """Settings that all methods share.

    Attributes
    ----------
    seed : int
        The study's seed.
    permutations : int
        Random arrangements, and bootstrap samples.
    alpha : float
        Level of tests; intervals cover 1 − `alpha`.
    margin : float
        The smallest change in Fisher z that matters.
    """

    seed: int
    permutations: int
    alpha: float
    margin: float

    def rng(self, name: str) -> np.random.Generator:
        """Return the random stream of one analysis, such as ``dmn/change/bca``."""
        return stream(self.seed, f"robustness/{name}")


def check_of(method: str, evidence: Evidence, n: int, *, note: str | None = None) -> Check:
    """Return evidence as a check; without numbers, its obstacle is the note."""
    permuted = np.isfinite(evidence.p_permutation)
    return Check(
        method=method,
        n=n,
        estimate=evidence.estimate,
        ci_low=evidence.ci_low,
        ci_high=evidence.ci_high,
        statistic=evidence.statistic,
        df=evidence.df,
        p=evidence.p_permutation if permuted else evidence.p_parametric,
        effect_size=evidence.effect_size,
        effect_size_type=evidence.effect_size_type,
        flags=evidence.flags,
        note=evidence.obstacle or note,
    )


def flagged(check: Check, *flags: str | None) -> Check:
    """Return a check with more flags; those that are None do not count."""
    return replace(check, flags=(*check.flags, *(flag for flag in flags if flag is not None)))


def error_intervals(model: Model, hc2: Coefficient, *, alpha: float) -> list[Check]:
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
    hc3 = hc3_coefficient(
        *informative(model.response[1], model.tested, model.adjustment), alpha=alpha
    )
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
