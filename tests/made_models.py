"""Evidence of single models, from arrays: through the models of a made design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from made_design import design_of

from ketfc.inference.core.evidence import Evidence
from ketfc.inference.design.fit import described, evidence_of
from ketfc.inference.design.model import Model, model_over
from ketfc.inference.design.planned_tests import PlannedTest

NOBODY: dict[str, Any] = {"covariates": {}, "blocks": None}
"""No covariates and no blocks."""
ARMS = {"ketamine": "ketamine", "control": "placebo"}
DRUGS: dict[str, Any] = {"kind": "crossover", "drugs": ARMS, "control_tested": True}


def model_like(
    kind: str,
    before: np.ndarray,
    after: np.ndarray,
    *,
    treated: np.ndarray | None = None,
    first: np.ndarray | None = None,
    covariates: Mapping[str, np.ndarray] = NOBODY["covariates"],
    blocks: np.ndarray | None = None,
    shape: str = "pre-post",
    **columns: np.ndarray,
) -> Model:
    """The model of a test of one arm, of two (`treated`), or of two drugs (`first`: ketamine)."""
    content: dict[str, Any] = {"si": {"instrument": "SSI", "shape": shape}}
    if treated is not None:
        content["arms"] = ARMS
    if first is not None:
        content |= DRUGS
    complete = pd.DataFrame(columns, index=range(len(before)))
    complete["arm"] = np.where(treated == 1, "ketamine", "control") if treated is not None else None
    if first is not None:
        complete["sequence"] = np.where(first == 1, "ketamine-first", "control-first")
    model = model_over(
        PlannedTest(kind, kind, None, ()), complete, before, after, design_of(content)
    )
    return replace(
        model,
        nuisance={**model.nuisance, **covariates},
        covariates=tuple(covariates),
        blocks=model.blocks if blocks is None else blocks,
    )


def mean_change(
    before: np.ndarray, after: np.ndarray, *, direction: str | None = None, **drawn: Any
) -> Evidence:
    """Evidence of a mean change of one arm."""
    return evidence_of(model_like("change", before, after), direction=direction, **drawn)


def describe_change(before: np.ndarray, after: np.ndarray, *, alpha: float) -> Evidence:
    """Description of a mean change of one arm."""
    return described(model_like("change", before, after), alpha=alpha)


def adjusted_difference(
    before: np.ndarray,
    after: np.ndarray,
    treated: np.ndarray,
    *,
    direction: str | None = None,
    **drawn: Any,
) -> Evidence:
    """Evidence of a difference between two arms."""
    model = model_like("change", before, after, treated=treated)
    return evidence_of(model, direction=direction, **drawn)


def drug_difference(
    control: np.ndarray, ketamine: np.ndarray, first: np.ndarray, **drawn: Any
) -> Evidence:
    """Evidence of a difference between two drugs."""
    return evidence_of(model_like("change", control, ketamine, first=first), **drawn)


def association(
    change: np.ndarray,
    score: np.ndarray,
    *,
    baseline_score: np.ndarray | None = None,
    treated: np.ndarray | None = None,
    first: np.ndarray | None = None,
    **drawn: Any,
) -> Evidence:
    """Evidence of an association with a score, with its change where there is no baseline."""
    scores = {"si_change": score}
    shape = "change"
    if baseline_score is not None:
        scores = {"si_followup": score, "si_baseline": baseline_score}
        shape = "pre-post"
    about: dict[str, Any] = {"treated": treated, "first": first, "shape": shape, **scores}
    return evidence_of(model_like("association", np.zeros(len(change)), change, **about), **drawn)


def follows_motion(
    change: np.ndarray,
    motion: np.ndarray,
    treated: np.ndarray | None = None,
    *,
    covariates: Mapping[str, np.ndarray] = NOBODY["covariates"],
    blocks: np.ndarray | None = None,
    **drawn: Any,
) -> Evidence:
    """Evidence of a change in connectivity that follows that in motion."""
    about: dict[str, Any] = {"treated": treated, "covariates": covariates, "blocks": blocks}
    before = np.zeros(len(change))
    return evidence_of(
        model_like("follows-motion", before, change, motion=motion, **about), **drawn
    )


def change_at_equal_motion(
    before: np.ndarray,
    after: np.ndarray,
    motion: np.ndarray,
    treated: np.ndarray | None = None,
    **drawn: Any,
) -> Evidence:
    """Evidence of a change beside that in motion."""
    model = model_like("change-at-equal-motion", before, after, treated=treated, motion=motion)
    return evidence_of(model, **drawn)


def welch(
    fit: Any, column: str | int, groups: Any, *, fewer: float = 0.0
) -> tuple[float, float, float]:
    """t, df and p of a column of statsmodels' OLS, with a residual variance for each group.

    Arrangements are compared with 1.5 degrees of freedom `fewer` in each of several groups.
    """
    from scipy import stats

    place = fit.model.exog_names.index(column) if isinstance(column, str) else column
    left = 1 - fit.get_influence().hat_matrix_diag
    weight = np.linalg.pinv(fit.model.exog)[place]
    residual, groups = np.asarray(fit.resid), np.asarray(groups)
    parts, dfs = [], []
    for group in set(groups.tolist()):
        own = groups == group
        dfs.append(left[own].sum())
        parts.append((residual[own] ** 2).sum() / dfs[-1] * (weight[own] ** 2).sum())
    t = np.asarray(fit.params)[place] / sum(parts) ** 0.5
    if len(dfs) > 1 and fewer:
        dfs = [max(own - fewer, 0.5) for own in dfs]
    df = sum(parts) ** 2 / sum(part**2 / own for part, own in zip(parts, dfs, strict=True))
    return t, df, 2 * stats.t.sf(abs(t), df)
