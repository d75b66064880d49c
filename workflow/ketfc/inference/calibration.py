"""How often the tests reject and the intervals cover in simulated studies whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd

from ketfc.inference.association import association
from ketfc.inference.change import adjusted_difference, mean_change
from ketfc.inference.effect_sizes import paired_shift
from ketfc.inference.intervals import bca_mean
from ketfc.inference.inversion import freedman_lane_interval
from ketfc.inference.maxt import freedman_lane_family, sign_flip_family
from ketfc.inference.permutation import Floats, stream
from ketfc.inference.power import POWER, detectable_dz, detectable_partial_r
from ketfc.inference.ranks import rank_evidence
from ketfc.inference.robust import hc2_coefficient

CIRCUITS = 5
"""Circuits of a study: the size of the primary family."""

ALPHA = 0.05
"""Level of every test; intervals cover 1 − ALPHA."""

RANK_EFFICIENCY = 0.912
"""Share of the participants that a test by values would need for the power of one by ranks.

(3/π)², for normal values: Hotelling H, Pabst MR (1936), Ann Math Stat 7:29–43.
"""

_LENGTH = (90, 200)
"""Fewest and most volumes that are left of a session after censoring."""

_MISSING = 0.08
"""Probability that a session is missing."""


class _Drawn(TypedDict):
    permutations: int
    rng: np.random.Generator


class _Settings(_Drawn):
    alpha: float


@dataclass(frozen=True, eq=False)
class NullStudy:
    """A study in which nothing changes beyond what everybody's score does.

    Attributes
    ----------
    before, after : numpy.ndarray of shape (n, CIRCUITS)
        Fisher z; rows of NaN where a session is missing. Circuits are correlated, and the error of
        a session depends on how many volumes are left of it.
    arm : numpy.ndarray of shape (n,)
        1 or 0, in turn.
    si_before, si_after : numpy.ndarray of shape (n,)
        Whole numbers: skewed and at least 4 at baseline, with many zeros at follow-up, more
        varied where the baseline was high; neither depends on connectivity or arm.
    """

    before: Floats
    after: Floats
    arm: Floats
    si_before: Floats
    si_after: Floats


def null_study(n: int, rng: np.random.Generator) -> NullStudy:
    """Return a simulated study of `n` participants; see :class:`NullStudy`."""

    def session(own: Floats) -> Floats:
        error = 1.0 / np.sqrt(rng.integers(*_LENGTH, size=(n, 1)) - 3.0)
        shared = rng.normal(size=(n, 1))
        z = own + error * (0.6 * shared + 0.8 * rng.normal(size=(n, CIRCUITS)))
        return np.where(rng.random((n, 1)) < _MISSING, np.nan, z)

    own = 0.2 + 0.15 * rng.normal(size=(n, CIRCUITS))
    before, after = session(own), session(own)
    severity = rng.gamma(2.0, size=n)
    si_before: Floats = np.minimum(38.0, 4.0 + rng.poisson(4.0 * severity))
    left = rng.poisson(si_before * rng.beta(1.0, 1.5, size=n))
    si_after: Floats = np.where(rng.random(n) < 0.3, 0.0, left)
    return NullStudy(before, after, np.arange(n, dtype=np.float64) % 2, si_before, si_after)


def calibration(n: int, *, studies: int, permutations: int, seed: int) -> pd.DataFrame:
    """Return how often tests reject and intervals cover where nothing is to be found.

    Parameters
    ----------
    n : int
        Participants of each study, before sessions go missing.
    studies : int
        Simulated studies.
    permutations : int
        Arrangements of each test; 199 give the level of .05 exactly.
    seed : int
        Seed of the simulation.

    Returns
    -------
    pandas.DataFrame
        A row per test (`kind` ``rejection``, expected ALPHA) or interval (``coverage``, expected
        1 − ALPHA), with `n`, `name`, `studies` (those with a result), `rate`, and `low` and `high`,
        the binomial 99 % band about what is expected.
    """
    rng = stream(seed, f"calibration/{n}")
    found = [dict(_judged(null_study(n, rng), permutations, rng)) for _ in range(studies)]
    return _summary(found, n, expected={"rejection": ALPHA, "coverage": 1 - ALPHA})


def planted_power(n: int, *, studies: int, permutations: int, seed: int) -> pd.DataFrame:
    """Return how often effects of the size said to be detectable at 80 % are detected.

    Parameters
    ----------
    n, studies, permutations, seed
        As for :func:`calibration`. Sessions are complete and errors normal, as
        :mod:`ketfc.inference.power` takes them to be.

    Returns
    -------
    pandas.DataFrame
        As :func:`calibration`, `kind` ``power``, expected .80. Ranks get the effect that is
        detectable in :data:`RANK_EFFICIENCY` times as many participants.
    """
    rng = stream(seed, f"power/{n}")
    dz = detectable_dz(n, alpha=ALPHA)
    r = detectable_partial_r(n, nuisance=1, alpha=ALPHA)
    by_ranks = detectable_partial_r(int(RANK_EFFICIENCY * n), nuisance=1, alpha=ALPHA)
    settings: _Settings = {"alpha": ALPHA, "permutations": permutations, "rng": rng}
    rows = []
    for _ in range(studies):
        change, first, error = rng.normal(size=(3, n))
        score, steeper = (
            ("SI", 0.5 * first + slope * change + (1 - slope**2) ** 0.5 * error)
            for slope in (r, by_ranks)
        )
        found = {
            "change": mean_change(np.zeros(n), change + dz, **settings),
            "association": association(change, score, baseline_score=("before", first), **settings),
            "association by ranks": rank_evidence(
                steeper, {"change": change, "before": first}, **settings
            ),
        }
        rows.append({("power", k): _rejects(one.p_permutation) for k, one in found.items()})
    return _summary(rows, n, expected={"power": POWER})


def _judged(
    study: NullStudy, permutations: int, rng: np.random.Generator
) -> Iterator[tuple[tuple[str, str], float]]:
    """Yield 1 or 0 for every test that rejected and every interval that covered, or NaN."""
    seen = np.isfinite(study.before + study.after).all(axis=1)
    before, after, arm = study.before[seen], study.after[seen], study.arm[seen]
    si_before, si_after = study.si_before[seen], study.si_after[seen]
    settings: _Settings = {"alpha": ALPHA, "permutations": permutations, "rng": rng}
    change = after - before
    score = ("SI after", si_after)
    columns = {"change": change[:, 0], "SI before": si_before, "arm": arm}
    tests = {
        "change": mean_change(before[:, 0], after[:, 0], **settings),
        "ANCOVA": adjusted_difference(before[:, 0], after[:, 0], arm, **settings),
        "association": association(
            change[:, 0], score, baseline_score=("SI before", si_before), treated=arm, **settings
        ),
        "association by ranks": rank_evidence(score, columns, **settings),
        "rank ANCOVA of SI": rank_evidence(score, {"arm": arm, "SI before": si_before}, **settings),
    }
    for name, evidence in tests.items():
        yield ("rejection", name), _rejects(evidence.p_permutation)
        hc3 = name in ("ANCOVA", "association")
        if hc3:
            yield ("rejection", f"{name}, HC3"), _rejects(evidence.p_parametric)
        ends = evidence.ci_low, evidence.ci_high
        yield ("coverage", f"{name}, HC3" if hc3 else name), _covers(*ends)

    ones = np.ones(len(arm))
    for name, y, x, others in (
        ("ANCOVA", after[:, 0], arm, [before[:, 0]]),
        ("association", si_after, change[:, 0], [si_before, arm]),
    ):
        design = np.column_stack([ones, *others])
        fit = hc2_coefficient(y, x, design, alpha=ALPHA)
        yield ("coverage", f"{name}, HC2"), _covers(fit.ci_low, fit.ci_high)
        inverted = freedman_lane_interval(y, x, design, **settings)
        yield ("coverage", f"{name}, inverted"), _covers(inverted.low, inverted.high)

    drawn: _Drawn = {"permutations": permutations, "rng": rng}
    nuisance = np.column_stack([np.ones(len(arm)), si_before, arm])
    whole = study.after - study.before
    families = {
        "change": sign_flip_family(whole, **drawn),
        "ANCOVA": freedman_lane_family(after, arm, nuisance[:, :1], own_nuisance=before, **drawn),
        "association": freedman_lane_family(si_after, change, nuisance, **drawn),
    }
    for name, family in families.items():
        smallest = np.nan if np.isnan(family.p_fwer).all() else float(np.nanmin(family.p_fwer))
        yield ("rejection", f"family of {name}"), _rejects(smallest)

    bca = bca_mean(change[:, 0], alpha=ALPHA, resamples=999, rng=rng)
    yield ("coverage", "change, BCa"), _covers(bca.low, bca.high)
    shift = paired_shift(before[:, 0], after[:, 0], alpha=ALPHA)
    yield ("coverage", "change, Hodges–Lehmann"), _covers(shift.ci_low, shift.ci_high)


def _rejects(p: float) -> float:
    return np.nan if np.isnan(p) else float(p <= ALPHA)


def _covers(low: float, high: float) -> float:
    return np.nan if np.isnan(low) else float(low <= 0 <= high)


def _summary(
    studies: list[dict[tuple[str, str], float]], n: int, *, expected: Mapping[str, float]
) -> pd.DataFrame:
    """Return the rate of everything that was judged, and the band of what is expected of it."""
    from scipy import stats

    rows = []
    for kind, name in studies[0]:
        values = np.array([study[kind, name] for study in studies])
        known = values[np.isfinite(values)]
        m, rate = len(known), expected[kind]
        low, high = stats.binom.interval(0.99, m, rate)
        rows.append((n, kind, name, m, known.mean(), rate, low / m, high / m))
    columns = ["n", "kind", "name", "studies", "rate", "expected", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
