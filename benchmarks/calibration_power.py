"""Power in simulated studies with planted effects, beside that of the power formulas."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
import pandas as pd
from calibration_rates import ALPHA, COLUMNS, rate_of

from ketfc.inference.core.permutation import Floats, freedman_lane_test, sign_flip_test, stream
from ketfc.inference.robustness.power import (
    RANK_EFFICIENCY,
    detectable_difference,
    detectable_dz,
    detectable_partial_r,
)

POWERS = (0.5, 0.8, 0.95)
"""Powers whose detectable effects are planted."""

_BASELINE_R = 0.6
"""Correlation of baseline and follow-up within arms."""


def planted_power(
    n: int, *, power: float, studies: int, permutations: int, seed: int
) -> pd.DataFrame:
    """Return how often effects are found that are detectable with a given power.

    Parameters
    ----------
    n : int
        Participants of each study, an even number. Sessions are complete and errors normal, as
        :mod:`ketfc.inference.robustness.power` takes them to be.
    power : float
        The power predicted.
    studies, permutations, seed
        As for :func:`calibration_rates.null_rates`.

    Returns
    -------
    pandas.DataFrame
        :data:`calibration_rates.COLUMNS`, `kind` ``power``, of the permutation tests of
        mean change, two arms (ANCOVA), two drugs in a crossover, and association by ranks (method
        ``permutation``) and by ``values``. Ranks get the effect that is detectable in
        :data:`ketfc.inference.robustness.power.RANK_EFFICIENCY` times as many participants.
    """
    from scipy import stats

    rng = stream(seed, f"power/{power}/{n}")
    half, explained = n // 2, _BASELINE_R**2
    dz = detectable_dz(n, alpha=ALPHA, power=power)
    arms = detectable_difference(
        half, half, nuisance=1, explained=explained, alpha=ALPHA, power=power
    )
    drugs = detectable_difference(half, half, alpha=ALPHA, power=power) / 2
    by_values, by_ranks = (
        detectable_partial_r(people, nuisance=1, alpha=ALPHA, power=power)
        for people in (n, int(RANK_EFFICIENCY * n))
    )
    treated = np.arange(n, dtype=np.float64) % 2
    order = 2 * treated - 1

    def regression(outcome: Floats, tested: Floats, *nuisance: Floats) -> float:
        columns = np.column_stack([np.ones(n), *nuisance])
        return freedman_lane_test(outcome, tested, columns, permutations=permutations, rng=rng).p

    def p_values() -> Iterator[tuple[tuple[str, str, str], float]]:
        flips = sign_flip_test(dz + rng.normal(size=n), permutations=permutations, rng=rng)
        yield ("single-arm", "change", "permutation"), flips.p
        before, error = rng.normal(size=(2, n))
        after = _BASELINE_R * before + sqrt(1 - explained) * error + arms * treated
        yield ("parallel", "change", "permutation"), regression(after, treated, before)
        periods = order * drugs + rng.normal(size=n)
        yield ("crossover", "change", "permutation"), regression(periods, order)
        change, first, error = rng.normal(size=(3, n))
        score = 0.5 * first + by_values * change + sqrt(1 - by_values**2) * error
        yield ("single-arm", "association", "values"), regression(score, change, first)
        score = 0.5 * first + by_ranks * change + sqrt(1 - by_ranks**2) * error
        ranked = map(stats.rankdata, (score, change, first))
        yield ("single-arm", "association", "permutation"), regression(*ranked)

    found: dict[tuple[str, str, str], list[float]] = {}
    for _ in range(studies):
        for key, p in p_values():
            found.setdefault(key, []).append(float(p <= ALPHA))
    rows = [
        {
            "design": design,
            "truth": "as predicted",
            "n": n,
            "test": test,
            "method": method,
            "kind": "power",
            "level": ALPHA,
        }
        | rate_of(np.array(hits), power)
        for (design, test, method), hits in found.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
