"""Power in simulated studies with planted effects, beside that of the power formulas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import cache, partial
from math import sqrt

import numpy as np
from calibration_cells import ALPHA, Cell, Seen
from scipy import stats

from ketfc.inference.core.permutation import (
    Blocks,
    Floats,
    PermutationTest,
    freedman_lane_test,
    sign_flip_test,
    stream,
)
from ketfc.inference.core.variance_groups import Groups
from ketfc.inference.power.formulas import (
    RANK_EFFICIENCY,
    detectable_difference,
    detectable_dz,
    detectable_partial_r,
)

POWERS = (0.5, 0.8, 0.95)
"""Powers whose detectable effects are planted."""

_BASELINE_R = 0.6
"""Correlation of baseline and follow-up within arms."""


def power_cell(design: str, n: int, *, power: float, permutations: int, seed: int) -> Cell:
    """Return studies with effects that are detectable with a given power.

    Parameters
    ----------
    design : str
        One of :data:`simulated_studies.DESIGNS`.
    n : int
        Participants of each study, an even number; half of them in each arm or order. Sessions are
        complete and errors normal, as :mod:`ketfc.inference.power.formulas` takes them to be.
    power : float
        The power predicted.
    permutations, seed
        As for :func:`calibration_rates.null_cell`.

    Returns
    -------
    Cell
        `kind` ``power``, of mean change and association in one arm, of change, association and
        moderation (``drug-by-baseline-score``) in two, of change in a crossover. Method
        ``permutation`` is the test of the design, ``values`` an association by values;
        ``classical`` is the permutation test by the t of one variance for all, in the same data,
        and of two arms' association or moderation it exchanges everybody with everybody. Ranks get
        the effect that is detectable in
        :data:`ketfc.inference.power.formulas.RANK_EFFICIENCY` times as many participants.
    """
    about = {"design": design, "truth": f"power {power}", "n": n}
    study = partial(_STUDIES[design], n, power, permutations, seed)
    return Cell(about, study, f"{permutations}-{seed}", power=power)


@cache
def _arms(n: int, power: float, explained: float, nuisance: int) -> float:
    half = n // 2
    return detectable_difference(
        half, half, nuisance=nuisance, explained=explained, alpha=ALPHA, power=power
    )


@cache
def _correlation(n: int, power: float, nuisance: int) -> float:
    return detectable_partial_r(n, nuisance=nuisance, alpha=ALPHA, power=power)


@cache
def _dz(n: int, power: float) -> float:
    return detectable_dz(n, alpha=ALPHA, power=power)


def _one_arm(n: int, power: float, permutations: int, seed: int, i: int) -> Iterator[Seen]:
    rng = stream(seed, f"power/single-arm/{power}/{n}/{i}")
    changes = _dz(n, power) + rng.normal(size=n)
    yield _found(
        "change", "permutation", sign_flip_test(changes, permutations=permutations, rng=rng)
    )
    change, first, error = rng.normal(size=(3, n))
    for method, people in (("values", n), ("permutation", int(RANK_EFFICIENCY * n))):
        r = _correlation(people, power, 1)
        columns = [0.5 * first + r * change + sqrt(1 - r**2) * error, change, first]
        if method == "permutation":
            columns = [stats.rankdata(column) for column in columns]
        yield _found("association", method, _tested(columns, permutations, rng))


def _two_arms(n: int, power: float, permutations: int, seed: int, i: int) -> Iterator[Seen]:
    rng = stream(seed, f"power/parallel/{power}/{n}/{i}")
    treated = np.arange(n) % 2
    arm = treated.astype(np.float64)
    noise = sqrt(1 - _BASELINE_R**2)
    before, error = rng.normal(size=(2, n))
    effect = _arms(n, power, _BASELINE_R**2, 1)
    ancova = [_BASELINE_R * before + noise * error + effect * arm, arm, before]
    r = _correlation(int(RANK_EFFICIENCY * n), power, 2)
    change, first, error = rng.normal(size=(3, n))
    score = 0.5 * first + r * change + sqrt(1 - r**2) * error
    association = [stats.rankdata(column) for column in (score, change, first, arm)]
    r = _correlation(n, power, 3)
    severity, before, error = rng.normal(size=(3, n))
    crossed = (arm - 0.5) * (severity - severity.mean())
    after = _BASELINE_R * before + noise * (2 * r * crossed + sqrt(1 - r**2) * error)
    moderation = [after, crossed, arm, severity, before]
    for test, columns, blocks in (
        ("change", ancova, None),
        ("association", association, treated),
        ("drug-by-baseline-score", moderation, treated),
    ):
        same = deepcopy(rng)
        found = _tested(columns, permutations, rng, groups=treated, blocks=blocks)
        yield _found(test, "permutation", found)
        yield _found(test, "classical", _tested(columns, permutations, same))


def _crossover(n: int, power: float, permutations: int, seed: int, i: int) -> Iterator[Seen]:
    rng = stream(seed, f"power/crossover/{power}/{n}/{i}")
    first = np.arange(n) % 2
    order = 2.0 * first - 1.0
    columns = [order * _arms(n, power, 0.0, 0) / 2 + rng.normal(size=n), order]
    same = deepcopy(rng)
    yield _found("change", "permutation", _tested(columns, permutations, rng, groups=first))
    yield _found("change", "classical", _tested(columns, permutations, same))


def _tested(
    columns: Sequence[Floats],
    permutations: int,
    rng: np.random.Generator,
    *,
    groups: Groups | None = None,
    blocks: Blocks | None = None,
) -> PermutationTest:
    """Test the second column in the first beside the others and an intercept."""
    outcome, tested, *nuisance = columns
    return freedman_lane_test(
        outcome,
        tested,
        np.column_stack([np.ones(len(outcome)), *nuisance]),
        permutations=permutations,
        rng=rng,
        groups=groups,
        blocks=blocks,
    )


def _found(test: str, method: str, result: PermutationTest) -> Seen:
    return Seen("power", test, method, float(result.p <= ALPHA + 1e-9))


_STUDIES = {"single-arm": _one_arm, "parallel": _two_arms, "crossover": _crossover}
