"""Planned studies as they may turn out, put to the tests of a real one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.model import Column, Model, model_over
from ketfc.inference.design.planned_tests import planned_tests
from ketfc.inference.families import edgewise_test
from ketfc.inference.power.planned import PlannedStudy
from ketfc.inference.power.points import points_of
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST

_TOGETHER = 50
"""Studies of the same numbers of participants that share their random arrangements. Of 2,000
studies 40 sets of 999 arrangements add some 2 % to the Monte-Carlo error of a power."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Measurements of studies of the same size; all of shape (participants, studies).

    Attributes
    ----------
    before, after : numpy.ndarray
        Connectivity (of a crossover after the control drug and after ketamine), in standard
        deviations between participants.
    score_before, score_after : numpy.ndarray
        Points.
    """

    before: Floats
    after: Floats
    score_before: Floats
    score_after: Floats


def simulated_p(
    planned: PlannedStudy, question: str, n: int, effect: float, *, rng: np.random.Generator
) -> Floats:
    """Return the p values of so many planned studies as are to be simulated.

    Parameters
    ----------
    planned : PlannedStudy
        The study.
    question : str
        ``change`` or ``association``.
    n : int
        Participants who are enrolled.
    effect : float
        As in :class:`ketfc.study.config.planning.power.PlannedEffects`; 0 for none.
    rng : numpy.random.Generator
        Source of everything in them.

    Returns
    -------
    numpy.ndarray of shape (studies,)
        The permutation p of the primary test; NaN where a study is too small for it, or where
        nobody's score differs from anybody's.
    """
    starts = range(0, planned.studies, _TOGETHER)
    found = []
    for start, groups in zip(starts, _complete(planned, n, len(starts), rng), strict=True):
        studies = min(_TOGETHER, planned.studies - start)
        outcomes = _outcomes(planned, question, groups, studies, effect, rng)
        found.append(_tested(planned, question, groups, outcomes, rng))
    return np.concatenate(found)


def _complete(
    planned: PlannedStudy, n: int, draws: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw how many of each group are complete, shape (draws, 2).

    Binomial numbers of drop-outs, one in each of as many equally likely parts of their
    distribution: so few draws have its mean and spread then (a Latin hypercube: McKay MD, Beckman
    RJ, Conover WJ (1979), Technometrics 21:239–245, doi:10.1080/00401706.1979.10489755).
    """
    from scipy import stats

    parts = rng.permuted(np.tile(np.arange(draws), (2, 1)), axis=1).T
    shares = (parts + rng.random((draws, 2))) / draws
    complete = stats.binom.ppf(shares, planned.enrolled(n), 1 - planned.drop_out)
    numbers: npt.NDArray[np.int64] = complete.astype(np.int64)
    return numbers


def _outcomes(
    planned: PlannedStudy,
    question: str,
    groups: npt.NDArray[np.int64],
    studies: int,
    effect: float,
    rng: np.random.Generator,
) -> Outcomes:
    """Return what studies with an effect measure, groups one after the other.

    An association is with the true change, and the drug has no effect on the mean then.
    """
    n = int(groups.sum())
    about, scores = planned.measurement, planned.scores

    def normal() -> Floats:
        return rng.normal(size=(n, studies))

    before, noise = normal(), (1 - about.stability**2) ** 0.5
    after = about.stability * before + noise * normal()
    change = (after - before) / about.true_change_sd
    r = effect if question == "association" else 0.0
    # given the baseline score, r is the correlation of what is scored later with the change
    later = r * change + (1 - r**2) ** 0.5 * normal()
    first, c = normal(), scores.correlation
    if planned.design.within_drugs:
        shared, own = ((1 + c) / 2) ** 0.5 * first, ((1 - c) / 2) ** 0.5 * later
        first, last = shared - own, shared + own
    else:
        last = c * first + (1 - c**2) ** 0.5 * later
    if question == "change":
        treated = np.ones(n)
        if planned.design.between_arms:
            treated = (np.arange(n) < groups[0]).astype(np.float64)
        after += effect * treated[:, np.newaxis]
    return Outcomes(
        before + about.error_sd * normal(),
        after + about.error_sd * normal(),
        points_of(scores.baseline)(first),
        points_of(scores.followup)(last),
    )


def _tested(
    planned: PlannedStudy,
    question: str,
    groups: npt.NDArray[np.int64],
    outcomes: Outcomes,
    rng: np.random.Generator,
) -> Floats:
    """Return the p values of the primary test of every study."""
    studies = outcomes.before.shape[1]
    model = _joint_model(planned, question, groups, outcomes)
    if model is None:
        return np.full(studies, np.nan)
    return edgewise_test(model, permutations=planned.permutations, rng=rng).p


def _joint_model(
    planned: PlannedStudy, question: str, groups: npt.NDArray[np.int64], outcomes: Outcomes
) -> Model | None:
    """Return the model of the test with a column for each study; None where they are too small.

    All columns of these models are made row by row, so that the model of one long table of all
    studies, cut in pieces again, is that of each.
    """
    n, studies = outcomes.before.shape
    (test,) = (one for one in planned_tests(planned.design) if one.name == question)
    labels = np.repeat([0, 1], groups)
    table = pd.DataFrame(
        {
            "arm": np.array(["ketamine", "control"], dtype=object)[labels],
            "sequence": np.array([KETAMINE_FIRST, CONTROL_FIRST], dtype=object)[labels],
            "si_baseline": outcomes.score_before[:, 0],
            "si_followup": outcomes.score_after[:, 0],
        }
    )
    one = model_over(test, table, outcomes.before[:, 0], outcomes.after[:, 0], planned.design)
    if one.sample_obstacle is not None or n < len(one.regressors) + 3:
        return None
    long = pd.concat([table] * studies, ignore_index=True)
    long["si_baseline"] = outcomes.score_before.ravel(order="F")
    long["si_followup"] = outcomes.score_after.ravel(order="F")
    sessions = outcomes.before.ravel(order="F"), outcomes.after.ravel(order="F")
    joint = model_over(test, long, *sessions, planned.design)

    def cut(values: Floats) -> Floats:
        return values.reshape((n, studies), order="F")

    def once(column: Column) -> Column:
        """Cut a column, and keep the first piece of one that is the same in all studies."""
        name, pieces = column[0], cut(column[1])
        return name, pieces[:, 0] if bool((pieces == pieces[:, :1]).all()) else pieces

    return replace(
        joint,
        response=(joint.response[0], cut(joint.response[1])),
        term=None if joint.term is None else once(joint.term),
        nuisance=dict(map(once, joint.nuisance.items())),
        blocks=one.blocks,
        variance_groups=one.variance_groups,
    )
