"""Imputation of missing follow-ups by proper draws from normal regressions.

References
----------
Rubin DB (1987), Multiple imputation for nonresponse in surveys, Wiley, p. 167.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.covariate_columns import covariate_columns
from ketfc.inference.design.model import Model, model_of, values
from ketfc.inference.design.planned_tests import PlannedTest
from ketfc.study.design.design import Design

Flags = npt.NDArray[np.bool_]

CONNECTIVITY, SCORE = "connectivity", "score"
"""Kinds of values that are missing at a follow-up, and shifted."""

IMPUTATIONS = 50
"""Times that each gap is filled: with half of the values missing, p varies little from 40 on
(Graham JW et al. (2007), Prev Sci 8:206–213, doi:10.1007/s11121-007-0070-9)."""

_SPARE = 2
"""Residual degrees of freedom that a regression to impute by needs."""


@dataclass(frozen=True, eq=False)
class Gaps:
    """Participants of a test with a baseline, and what is not known of their follow-up.

    Attributes
    ----------
    model : Model
        The test's model, with anything finite in the place of what is missing.
    before, after : numpy.ndarray of shape (n,)
        Connectivity at baseline and follow-up, NaN where it is missing.
    score : numpy.ndarray of shape (n,), optional
        The score of an association, NaN where it is missing.
    given : numpy.ndarray of shape (n, k)
        What a follow-up is imputed from beside: the intercept, baselines, arm and covariates.
    arm : numpy.ndarray of shape (n,)
        1 in the ketamine arm; 0 in the control arm, or in everybody where there are no arms.
    shifted : numpy.ndarray of bool, shape (n,)
        Whose follow-up is shifted.
    what : str
        :data:`CONNECTIVITY` or :data:`SCORE`.
    spread : float
        Standard deviation of the observed values of that, pooled over the arms.
    """

    model: Model
    before: Floats
    after: Floats
    score: Floats | None
    given: Floats
    arm: Floats
    shifted: Flags
    what: str
    spread: float

    @property
    def imputed(self) -> int:
        """Number of participants with a gap."""
        gap = np.isnan(self.after)
        return int((gap if self.score is None else gap | np.isnan(self.score)).sum())


def gaps_of(test: PlannedTest, table: pd.DataFrame, design: Design) -> Gaps | None:
    """Return what is missing of a test, None where nothing is or nothing can be imputed by.

    Parameters
    ----------
    test : PlannedTest
        The change over everybody, or the association.
    table : pandas.DataFrame
        From :func:`ketfc.inference.design.samples.participant_table`.
    design : Design
        The study's design.
    """
    scored = "si_change" if design.si_changes_only else "si_followup"
    can_miss = {"z_followup", scored}
    needed = [need for need in test.required if need not in can_miss]
    known = table[table[needed].notna().all(axis=1)]
    after = values(known, "z_followup")
    score = values(known, scored) if test.kind == "association" else None
    gap = np.isnan(after) if score is None else np.isnan(after) | np.isnan(score)
    if not gap.any():
        return None
    filled = known.assign(**{name: known[name].fillna(known[name].mean()) for name in can_miss})
    # two sessions with the same mean in all who lack one would leave nothing to fit
    model = model_of(test, filled, design)
    if model.obstacle is not None:
        return None
    arms = design.between_arms
    arm = np.asarray((known["arm"] == "ketamine") & arms, dtype=np.float64)
    before = values(known, "z_baseline")
    columns = [np.ones(len(known)), before, *([arm] if arms else [])]
    if score is not None and not design.si_changes_only:
        columns.append(values(known, "si_baseline"))
    columns += covariate_columns(known, test.adjusted).values()
    shifting, what = np.isnan(after), CONNECTIVITY
    if score is not None and np.isnan(score).any():
        shifting, what = np.isnan(score), SCORE
    observed = after if what == CONNECTIVITY or score is None else score
    if score is None and arms:
        shifting &= arm == 1
    gaps = Gaps(
        model=model,
        before=before,
        after=after,
        score=score,
        given=np.column_stack(columns),
        arm=arm,
        shifted=shifting,
        what=what,
        spread=_pooled_sd(observed, arm),
    )
    complete = int((~gap).sum())
    return gaps if complete >= gaps.given.shape[1] + 1 + _SPARE and gaps.spread > 0 else None


def imputations(gaps: Gaps, rng: np.random.Generator) -> Iterator[tuple[Floats, Floats | None]]:
    """Yield connectivity at follow-up and scores (None of a change) without gaps, again and again.

    Parameters
    ----------
    gaps : Gaps
        What is missing.
    rng : numpy.random.Generator
        Stream of this test.
    """
    everybody = np.ones(len(gaps.before), dtype=bool)
    for _ in range(IMPUTATIONS):
        if gaps.score is None:
            yield _filled(gaps, gaps.after, gaps.given, everybody, rng), None
            continue
        # who has a score tells by it what the connectivity was
        scored = ~np.isnan(gaps.score)
        with_score = np.column_stack([gaps.given, np.where(scored, gaps.score, 0.0)])
        after = np.where(
            scored,
            _filled(gaps, gaps.after, with_score, scored, rng),
            _filled(gaps, gaps.after, gaps.given, everybody, rng),
        )
        with_change = np.column_stack([gaps.given, after - gaps.before])
        yield after, _filled(gaps, gaps.score, with_change, everybody, rng)


def _filled(
    gaps: Gaps, outcome: Floats, given: Floats, among: Flags, rng: np.random.Generator
) -> Floats:
    """Return an outcome with the gaps of some participants filled.

    Arms differ in spread, so each is imputed by its own members where there are enough of them.
    """
    sides = [among & (gaps.arm == side) for side in np.unique(gaps.arm)]
    least = given.shape[1] + _SPARE
    if min(int((side & ~np.isnan(outcome)).sum()) for side in sides) < least:
        sides = [among]
    found = outcome.copy()
    for side in sides:
        found[side] = _drawn(outcome[side], given[side], rng)
    return found


def _drawn(outcome: Floats, given: Floats, rng: np.random.Generator) -> Floats:
    """Return an outcome whose gaps are drawn from a normal regression (Rubin 1987, p. 167)."""
    gap = np.isnan(outcome)
    x, y = given[~gap], outcome[~gap]
    inverse = np.linalg.pinv(x.T @ x)
    slopes = inverse @ (x.T @ y)
    residual = y - x @ slopes
    sd = np.sqrt(float(residual @ residual) / rng.chisquare(len(y) - np.linalg.matrix_rank(x)))
    values, vectors = np.linalg.eigh(inverse)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    drawn = slopes + sd * (root @ rng.standard_normal(len(slopes)))
    filled = outcome.copy()
    filled[gap] = given[gap] @ drawn + sd * rng.standard_normal(int(gap.sum()))
    return filled


def _pooled_sd(observed: Floats, arm: Floats) -> float:
    """Return the standard deviation of what was observed, pooled over the arms."""
    seen = ~np.isnan(observed)
    own = [observed[seen & (arm == side)] for side in np.unique(arm)]
    squares = sum(float(((one - one.mean()) ** 2).sum()) for one in own if len(one))
    return float((squares / max(int(seen.sum()) - len(own), 1)) ** 0.5)
