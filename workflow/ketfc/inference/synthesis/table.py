"""Meta-analyses of all hypotheses, and each of them without every study in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.synthesis.pooling import TO_POOL, Pooled, pooled

KEYS = ("hypothesis", "name", "primary", "test", "design", "metric")
"""Columns that name what is pooled: a test of one hypothesis in studies of one design."""

_NUMBERS = (
    "estimate",
    "se",
    "ci_low",
    "ci_high",
    "df",
    "p",
    "prediction_low",
    "prediction_high",
    "prediction_normal_low",
    "prediction_normal_high",
    "tau2",
    "q",
    "q_p",
    "i2",
    "common_estimate",
    "common_se",
    "common_ci_low",
    "common_ci_high",
)

SYNTHESIS_COLUMNS = (*KEYS, "k", "n", *_NUMBERS, "flags")

LEAVE_ONE_OUT_COLUMNS = (
    *KEYS,
    "left_out",
    "k",
    "estimate",
    "ci_low",
    "ci_high",
    "p",
    "tau2",
    "i2",
)

SYNTHESIS_NUMBERS = ("k", "n", *_NUMBERS)

FEW = 5
"""With fewer studies the variance between them is hardly known, and all intervals with it."""

ONE_STUDY, FEW_STUDIES, OTHER_DESIGNS = "one-study", "few-studies", "other-designs"
DEFINITIONS, STRATEGIES = "definitions-differ", "strategies-differ"
SESSIONS, INSTRUMENTS = "sessions-differ", "instruments-differ"
AGREEING, SUPPRESSED = "studies-agree", "suppressed"


def synthesis(effects: pd.DataFrame, *, alpha: float) -> pd.DataFrame:
    """Pool every test over the studies of one design.

    Parameters
    ----------
    effects : pandas.DataFrame
        From :func:`ketfc.inference.synthesis.studies.study_effects`.
    alpha : float
        Intervals cover 1 − `alpha`.

    Returns
    -------
    pandas.DataFrame
        :data:`SYNTHESIS_COLUMNS`. Studies of different designs are rows of their own, flagged
        ``other-designs``. Of one study alone there are no numbers (``one-study``). Further flags:
        ``few-studies`` (below five), ``suppressed`` (a study kept a small cell to itself),
        ``definitions-differ``, ``strategies-differ``, ``sessions-differ``, ``instruments-differ``
        (of associations), and ``studies-agree`` where they do so well that the error with a known
        variance between studies stands in for Knapp and Hartung's.
    """
    rows = []
    for key, own, every in _groups(effects):
        row: dict[str, Any] = dict(zip(KEYS, key, strict=True))
        row |= {"k": len(own), "n": int(own["n"].sum())}
        flags = _flags(own, every)
        if len(own) >= TO_POOL:
            found = pooled(*_arrays(own), alpha=alpha)
            row |= _numbers(found)
            flags += [AGREEING] if found.truncated else []
        rows.append(row | {"flags": ";".join(flags) or None})
    table = pd.DataFrame(rows, columns=list(SYNTHESIS_COLUMNS))
    return table.astype(dict.fromkeys(_NUMBERS, np.float64))


def leave_one_out(effects: pd.DataFrame, *, alpha: float) -> pd.DataFrame:
    """Pool every test without each study in turn.

    Parameters are those of :func:`synthesis`.

    Returns
    -------
    pandas.DataFrame
        :data:`LEAVE_ONE_OUT_COLUMNS`; no rows where one study would be left.
    """
    rows = []
    for key, own, _ in _groups(effects):
        if len(own) <= TO_POOL:
            continue
        for study in own["study"]:
            rest = own[own["study"] != study]
            found = pooled(*_arrays(rest), alpha=alpha)
            row: dict[str, Any] = dict(zip(KEYS, key, strict=True))
            kept = ("estimate", "ci_low", "ci_high", "p", "tau2", "i2")
            numbers = {name: getattr(found, name) for name in kept}
            rows.append(row | {"left_out": study, "k": len(rest)} | numbers)
    return pd.DataFrame(rows, columns=list(LEAVE_ONE_OUT_COLUMNS))


def weights(effects: pd.DataFrame, *, alpha: float) -> pd.Series[float]:
    """Return the weight of every effect in its meta-analysis, per cent; NaN where there is none.

    Parameters are those of :func:`synthesis`.
    """
    found = pd.Series(np.nan, index=effects.index)
    for _, own, _ in _groups(effects):
        if len(own) >= TO_POOL:
            found[own.index] = pooled(*_arrays(own), alpha=alpha).weights
    return found


def _groups(
    effects: pd.DataFrame,
) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame, pd.DataFrame]]:
    """Yield what is pooled: its keys, the studies with numbers, and all studies of the test."""
    order = effects.drop_duplicates(["hypothesis", "test"])[["hypothesis", "test"]]
    for hypothesis, test in order.itertuples(index=False):
        every = effects[(effects["hypothesis"] == hypothesis) & (effects["test"] == test)]
        known = every[every["estimate"].notna()]
        first = every.iloc[0]
        for (design, metric), own in known.groupby(["design", "metric"], sort=True):
            key = (hypothesis, first["name"], first["primary"], test, design, metric)
            yield key, own, every


def _arrays(own: pd.DataFrame) -> tuple[Any, Any]:
    return own["estimate"].to_numpy(dtype=np.float64), own["variance"].to_numpy(dtype=np.float64)


def _flags(own: pd.DataFrame, every: pd.DataFrame) -> list[str]:
    k = len(own)
    found = {
        ONE_STUDY: k < TO_POOL,
        FEW_STUDIES: TO_POOL <= k < FEW,
        OTHER_DESIGNS: len(set(every["design"])) > 1,
        SUPPRESSED: bool(every["suppressed"].notna().any()),
        DEFINITIONS: len(set(own["definition"])) > 1,
        STRATEGIES: len(set(own["strategy"])) > 1,
        SESSIONS: len(own[["baseline", "followup"]].drop_duplicates()) > 1,
        INSTRUMENTS: own["test"].iloc[0] != "change" and len(set(own["instrument"])) > 1,
    }
    return [name for name, holds in found.items() if holds]


def _numbers(found: Pooled) -> dict[str, float]:
    return {
        **{
            name: getattr(found, name)
            for name in ("estimate", "se", "ci_low", "ci_high", "df", "p")
        },
        "prediction_low": found.prediction_low,
        "prediction_high": found.prediction_high,
        "prediction_normal_low": found.normal_low,
        "prediction_normal_high": found.normal_high,
        **{name: getattr(found, name) for name in ("tau2", "q", "q_p", "i2")},
        "common_estimate": found.common,
        "common_se": found.common_se,
        "common_ci_low": found.common_low,
        "common_ci_high": found.common_high,
    }
