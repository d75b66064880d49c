"""Simulated studies whose truth is known, as the tests of a real one see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.design.circuit_tests import Planned
from ketfc.inference.design.model import model_of
from ketfc.inference.design.planned_tests import PlannedTest
from ketfc.inference.design.samples import Sample
from ketfc.inference.power.planned import design_of
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST

DESIGNS = ("single-arm", "parallel", "crossover")
"""Kinds of design that are simulated."""

CIRCUITS = 5
"""Circuits of a study: the size of the primary family."""

_LENGTH, _AFTER_KETAMINE = (90, 200), (70, 180)
"""Fewest and most volumes that are left of a session after censoring."""

_MISSING = 0.08
"""Probability that a session is missing."""

_PERIOD = 0.05
"""Fisher z that the second period of a crossover adds."""

_RESPONSE, _RESPONDERS = 0.25, 0.6
"""Planted change in Fisher z of the first circuit under ketamine, and how many have it."""

_STEEPNESS = 6.0
"""Planted fall, per unit of Fisher z of the first circuit, of the logit of the share of the score
that is left."""

_TRUTH_FROM = 400_000
"""Participants of the one study that tells what a planted study estimates."""


@dataclass(frozen=True)
class Circuit:
    """A primary hypothesis."""

    id: str
    name: str
    primary: bool = True
    expected_sign: str = "?"
    direction: str | None = None
    registration: str | None = None
    variant_of: str | None = None


@dataclass(frozen=True, eq=False)
class SimulatedStudy:
    """A study of two sessions.

    Attributes
    ----------
    kind : str
        One of :data:`DESIGNS`.
    before, after : numpy.ndarray of shape (n, CIRCUITS)
        Fisher z (of a crossover after the control drug and after ketamine); rows of NaN where a
        session is missing. Circuits are correlated. The error of a session depends on how many
        volumes are left of it, fewer after ketamine.
    ketamine : numpy.ndarray of shape (n,)
        1 in the ketamine arm, or where ketamine came first in a crossover; in turn.
    si_before, si_after : numpy.ndarray of shape (n,)
        Whole numbers: skewed and at least 4 at baseline, with many zeros later, more varied where
        they were high. In a null study neither depends on connectivity, drug or order, save that
        the second period of a crossover has higher z and lower scores.
    """

    kind: str
    before: Floats
    after: Floats
    ketamine: Floats
    si_before: Floats
    si_after: Floats


def simulated_study(
    kind: str, n: int, rng: np.random.Generator, *, planted: bool = False
) -> SimulatedStudy:
    """Return a simulated study.

    Parameters
    ----------
    kind : str
        One of :data:`DESIGNS`.
    n : int
        Participants, before sessions go missing.
    rng : numpy.random.Generator
        Source of everything in it.
    planted : bool
        Whether 6 of 10 participants respond to ketamine by 0.25 in the first circuit, and the share
        of their score that is left falls with its change, in every arm, by 6 Δz as a logit: effects
        that differ between participants, make spreads unequal and run into the floor of the scale,
        as no model of the tests has them.
    """

    def session(own: Floats, volumes: tuple[int, int]) -> Floats:
        error = 1.0 / np.sqrt(rng.integers(*volumes, size=(n, 1)) - 3.0)
        shared = rng.normal(size=(n, 1))
        z: Floats = own + error * (0.6 * shared + 0.8 * rng.normal(size=(n, CIRCUITS)))
        return z

    def counted(score: Floats, left: Floats) -> Floats:
        points: Floats = np.where(rng.random(n) < 0.3, 0.0, rng.poisson(score * left))
        return points

    ketamine = np.arange(n, dtype=np.float64) % 2
    second = np.zeros(n)
    if kind == "crossover":
        second = ketamine  # whether the control drug came second
    treated = ketamine if kind == "parallel" else np.ones(n)
    own = 0.2 + 0.15 * rng.normal(size=(n, CIRCUITS))
    before = session(own, _LENGTH) + _PERIOD * second[:, np.newaxis]
    after = session(own, _AFTER_KETAMINE if kind != "parallel" else _LENGTH)
    if kind == "parallel":
        noisier = session(own, _AFTER_KETAMINE)
        after = np.where(treated[:, np.newaxis] == 1, noisier, after)
    if kind == "crossover":
        after = after + _PERIOD * (1 - second)[:, np.newaxis]
    if planted:
        after[:, 0] += _RESPONSE * treated * (rng.random(n) < _RESPONDERS)
    severity = rng.gamma(2.0, size=n)
    worst = np.minimum(38.0, 4.0 + rng.poisson(4.0 * severity))
    share = rng.beta(1.0, 1.5, size=n)
    if planted:
        odds = share / (1 - share) * np.exp(-_STEEPNESS * (after - before)[:, 0])
        share = odds / (1 + odds)
    if kind == "crossover":
        usual = rng.beta(1.0, 1.5, size=n)
        si_before = counted(worst, usual * (1 - 0.2 * second))
        si_after = counted(worst, share * (0.8 + 0.2 * second))
    else:
        si_before, si_after = worst, counted(worst, share)
    for z in (before, after):
        z[rng.random(n) < _MISSING] = np.nan
    return SimulatedStudy(kind, before, after, ketamine, si_before, si_after)


def plans(study: SimulatedStudy, *, circuits: int = CIRCUITS) -> list[Planned]:
    """Return change and association of every circuit, planned as for ``tests/hypotheses.tsv``.

    Parameters
    ----------
    study : SimulatedStudy
        The study.
    circuits : int
        How many of its circuits, from the first.
    """
    design = design_of(study.kind)
    labels = np.array([["control", CONTROL_FIRST], ["ketamine", KETAMINE_FIRST]], dtype=object)
    people = pd.Index([f"{i:06d}" for i in range(len(study.ketamine))], dtype=object)
    arms, sequences = (
        pd.Series(column, people, dtype=object)
        for column in labels[study.ketamine.astype(np.intp)].T
    )
    made = []
    for i in range(circuits):
        z = np.column_stack([study.before[:, i], study.after[:, i]])
        complete = np.isfinite(z).all(axis=1)
        table = pd.DataFrame(
            {
                "arm": arms,
                "sequence": sequences,
                "z_baseline": z[:, 0],
                "z_followup": z[:, 1],
                "si_baseline": study.si_before,
                "si_followup": study.si_after,
            },
            index=people,
        )
        sample = Sample(table.iloc[np.flatnonzero(complete)], {})
        for test in ("change", "association"):
            needs = ("z_baseline", "z_followup", "si_baseline", "si_followup")
            plan = PlannedTest(test, test, None, needs)
            made.append(Planned(Circuit(f"circuit-{i}", f"circuit {i}"), plan, design, sample))
    return made


class Truth(NamedTuple):
    """True estimate of a test, and true coefficient of its model by least squares.

    They differ where ranks are tested.
    """

    estimate: float
    coefficient: float


NOTHING = Truth(0.0, 0.0)
"""The truth of a null study."""


def true_values(kind: str, *, seed: int) -> dict[str, Truth]:
    """Return what the tests of the first circuit of a planted study estimate.

    Parameters
    ----------
    kind : str
        One of :data:`DESIGNS`.
    seed : int
        Of the one large study that it is taken from.

    Returns
    -------
    dict of str to Truth
        By test, ``change`` and ``association``.
    """
    rng = stream(seed, f"truth/{kind}")
    study = simulated_study(kind, _TRUTH_FROM, rng, planted=True)
    found = {}
    for planned in plans(study, circuits=1):
        model = model_of(planned.test, planned.sample.complete, planned.design)
        if model.term is None:
            mean = float(model.response[1].mean())
            found[planned.test.name] = Truth(mean, mean)
            continue
        columns = np.column_stack([model.tested, model.adjustment])
        slope = float(np.linalg.lstsq(columns, model.response[1])[0][0])
        estimate = model.ranked().partial_r if model.by_ranks else slope
        found[planned.test.name] = Truth(estimate, slope)
    return found


def null_course(n: int, rng: np.random.Generator, *, drifting: bool) -> Floats:
    """Return Fisher z of one circuit at three times, of which the mean never changes.

    Parameters
    ----------
    n : int
        Participants.
    rng : numpy.random.Generator
        Source of everything in it.
    drifting : bool
        Whether participants drift, so that times are the less alike the farther apart they are;
        else a random intercept is all that a participant's times share.

    Returns
    -------
    numpy.ndarray of shape (n, 3)
        NaN where a session is missing. The first has 90 to 200 volumes, the others 70 to 180.
    """
    own = 0.2 + 0.15 * rng.normal(size=(n, 1))
    volumes = np.column_stack(
        [rng.integers(*length, size=n) for length in (_LENGTH, _AFTER_KETAMINE, _AFTER_KETAMINE)]
    )
    z: Floats = own + rng.normal(size=(n, 3)) / np.sqrt(volumes - 3.0)
    if drifting:
        z += np.column_stack([np.zeros(n), 0.1 * rng.normal(size=(n, 2)).cumsum(axis=1)])
    z[rng.random((n, 3)) < _MISSING] = np.nan
    return z
