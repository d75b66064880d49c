"""Simulated null studies of the kinds that trials really are, as the product's tests see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from simulated_studies import CIRCUITS, Circuit

from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.circuit_tests import Planned
from ketfc.inference.design.moderation import moderation_tests
from ketfc.inference.design.planned_tests import PlannedTest, planned_tests
from ketfc.inference.design.samples import Sample
from ketfc.inference.power.planned import design_of
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design

Scores = Literal["skewed", "zeros", "one item"]
"""Kinds of scores: see :attr:`Case.scores`."""

_OWN, _NOISE = 0.15, 0.12
"""Standard deviation of Fisher z between participants, and of what a follow-up adds to it."""

_KEPT = 0.5
"""Share of a participant's deviation at baseline that the follow-up keeps."""

_PERIOD = 0.05
"""Fisher z that the second period of a crossover adds; its scores are lower by 2 points."""

_SITE_Z, _SITE_SCORE = np.array([0.0, 0.08, -0.06]), np.array([0.0, 2.0, -1.5])
"""Shift of Fisher z and of scores at each of three sites, at both sessions."""

_AGE, _SEX = 0.004, 0.03
"""Fisher z per year of age, and of women over men, at follow-up."""

_MISSING = 0.2
"""Probability that a participant's change in one circuit or edge is missing, where sites differ."""

_DRIFT, _ABSENT = 0.1, 0.1
"""Standard deviation of Fisher z between two follow-ups, and probability that one is missing."""

_SCORE_NOISE = 3.0
"""Standard deviation in points of a score at follow-up at equal baseline."""

_MOVED_Z, _MOVED_SCORE = 0.1, -4.0
"""Effect in the ketamine arm, on Fisher z and the score, of a drug that moves both."""


Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Case:
    """A kind of study in which nothing that is tested is true.

    Attributes
    ----------
    design : str
        One of :data:`simulated_studies.DESIGNS`.
    ketamine, control : int
        Participants of the arms, or those who had ketamine or the control drug first in a
        crossover; in one arm all are `ketamine`.
    spread : float
        Standard deviation of what a follow-up adds, to Fisher z and to the score, in the first of
        these groups over that in the second.
    moves : bool
        Whether the drug raises connectivity and lowers scores, each by itself.
    sites : str
        Nothing for one site; ``sorted`` or ``interleaved`` for three sites in the order of the
        participants, with age and sex, and one change in five missing, of each circuit others.
    scores : str
        ``skewed``: whole points. ``zeros``: three of five are 0 at follow-up.
        ``one item``: a single item of 0 to 4 points.
    followups : int
        With 2 there is a later session, to which participants drift, and each session of either is
        missing with a probability of a tenth.
    """

    design: str
    ketamine: int
    control: int = 0
    spread: float = 1.0
    moves: bool = False
    sites: Literal["", "sorted", "interleaved"] = ""
    scores: Scores = "skewed"
    followups: int = 1

    @property
    def n(self) -> int:
        """Participants."""
        return self.ketamine + self.control

    def __str__(self) -> str:
        """Name the case; the streams of its studies are keyed by it."""
        parts = [self.design, f"{self.ketamine}/{self.control}", f"spread {self.spread}"]
        parts += ["moved"] * self.moves + [f"sites {self.sites}"] * bool(self.sites)
        parts += [f"{self.followups} follow-ups"] * (self.followups > 1)
        return ", ".join([*parts, self.scores])


@dataclass(frozen=True, eq=False)
class HardStudy:
    """A simulated study.

    Attributes
    ----------
    case : Case
        Its kind.
    before, after, later : numpy.ndarray of shape (n, circuits)
        Fisher z, of a crossover after the control drug and after ketamine; NaN where missing. All
        of the last are, where there is but one follow-up.
    people : pandas.DataFrame
        A row per participant: `arm`, `sequence`, `si_baseline`, `si_followup` and, where there are
        sites, `covariate_site`, `covariate_age` and `covariate_sex`.
    """

    case: Case
    before: Floats
    after: Floats
    later: Floats
    people: pd.DataFrame


def hard_study(case: Case, rng: np.random.Generator, *, circuits: int = CIRCUITS) -> HardStudy:
    """Return a simulated study.

    Parameters
    ----------
    case : Case
        Its kind.
    rng : numpy.random.Generator
        Source of everything in it.
    circuits : int
        Circuits, or edges; they are correlated with one another.
    """
    n, crossover = case.n, case.design == "crossover"
    first = rng.permutation(np.repeat([1.0, 0.0], [case.ketamine, case.control]))
    scale = np.where(first == 1, case.spread, 1.0)

    def spread(sd: float) -> Floats:
        shared, single = rng.normal(size=(n, 1)), rng.normal(size=(n, circuits))
        z: Floats = sd * (0.6 * shared + 0.8 * single)
        return z

    own = spread(_OWN)
    before, after = 0.2 + own, 0.2 + _KEPT * own + spread(_NOISE) * scale[:, np.newaxis]
    worst = np.minimum(34.0, 4.0 + rng.poisson(4.0 * rng.gamma(2.0, size=n)))
    left = 0.6 * worst + _SCORE_NOISE * scale * rng.normal(size=n)
    earlier = 0.6 * worst + _SCORE_NOISE * rng.normal(size=n)
    if case.moves:
        after += _MOVED_Z * first[:, np.newaxis]
        left += _MOVED_SCORE * first
    if crossover:
        # who had ketamine first had the control drug second
        before, earlier = before + _PERIOD * first[:, np.newaxis], earlier - 2.0 * first
        after, left = after + _PERIOD * (1 - first)[:, np.newaxis], left - 2.0 * (1 - first)
    people = pd.DataFrame(index=pd.Index([f"{i:03d}" for i in range(n)], dtype=object))
    labels = {"arm": ("control", "ketamine"), "sequence": (CONTROL_FIRST, KETAMINE_FIRST)}
    for column, names in labels.items():
        people[column] = _labels(names, first.astype(np.intp), people.index)
    people["diagnosis"] = None
    if case.sites:
        site = np.arange(n) * 3 // n if case.sites == "sorted" else np.arange(n) % 3
        age, woman = rng.integers(18, 66, size=n), rng.random(n) < 0.5
        for z in (before, after):
            z += _SITE_Z[site][:, np.newaxis]
        after += (_AGE * (age - 41.5) + _SEX * (woman - 0.5))[:, np.newaxis]
        for score in (worst, earlier, left):
            score += _SITE_SCORE[site]
        people["covariate_site"] = _labels(("A", "B", "C"), site, people.index)
        people["covariate_age"] = age.astype(np.float64)
        people["covariate_sex"] = _labels(("M", "F"), woman.astype(np.intp), people.index)
        after[rng.random((n, circuits)) < _MISSING] = np.nan
    people["si_baseline"] = _points(earlier if crossover else worst, case.scores, floor=False)
    people["si_followup"] = _points(left, case.scores)
    later = np.full_like(after, np.nan)
    if case.followups == 2:
        later = after + spread(_DRIFT) * scale[:, np.newaxis]
        for z in (after, later):
            z[rng.random(n) < _ABSENT] = np.nan
    return HardStudy(case, before, after, later, people)


def _labels(names: tuple[str, ...], codes: Places, index: pd.Index[str]) -> pd.Series[Any]:
    return pd.Series(np.array(names, dtype=object)[codes], index, dtype=object)


def _points(latent: Floats, scores: Scores, *, floor: bool = True) -> Floats:
    """Return whole points from 0, made as the case says."""
    if scores == "zeros" and floor:
        latent = latent - np.quantile(latent, 0.6)
    if scores == "one item":
        latent = np.minimum(4.0, latent / 4.0)
    points: Floats = np.maximum(0.0, np.round(latent))
    return points


def design_for(case: Case) -> Design:
    """Return the design of a case's studies, as ``plan/design.json`` has it."""
    more: dict[str, Any] = {}
    if case.sites:
        terms = {"covariates": ["age", "sex", "site"], "blocks": "site"}
        kinds = {"age": "numeric", "sex": "categorical", "site": "categorical"}
        more = {"terms": terms, "covariates": kinds}
    return design_of(case.design, **more)


def planned_by_name(design: Design) -> dict[str, PlannedTest]:
    """Return the tests over everybody that a design calls for, by name, moderation included."""
    every = (*planned_tests(design), *moderation_tests(design))
    return {test.name: test for test in every if test.arm is None}


def plan(study: HardStudy, circuit: int, test: PlannedTest, design: Design) -> Planned:
    """Return one test of one circuit, planned as for ``tests/hypotheses.tsv``."""
    z = study.before[:, circuit], study.after[:, circuit]
    table = study.people.assign(z_baseline=z[0], z_followup=z[1])
    sample = Sample(table[np.isfinite(z[0] + z[1])], {})
    return Planned(Circuit(f"circuit-{circuit}", f"circuit {circuit}"), test, design, sample)
