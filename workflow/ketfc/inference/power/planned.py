"""The study that is planned: what the config says, and what a study in it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ketfc.inference.power.measurement import Measurement, spearman_brown
from ketfc.study.config.planning.power import PlannedScores, Power
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design

QUESTIONS = ("change", "association")
"""Questions of a plan: the primary tests over everybody."""

_CURVE = (0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0)
"""Numbers of participants of a curve by default, in those expected."""

FEWEST = 4
"""Participants of the smallest study that is simulated."""


@dataclass(frozen=True)
class PlannedStudy:
    """A planned study, every open question answered.

    Attributes
    ----------
    design : Design
        As ``plan/design.json`` would have it.
    participants : int
        Enrolled, in all arms together.
    curve : tuple of int
        Numbers of participants of the curves.
    allocation : tuple of (float, float)
        Shares of ketamine and control, or of ketamine first and control first; (1, 0) in one arm.
    drop_out : float
        Probability that somebody is not complete.
    measurement : Measurement
        Reliability at the planned length of sessions, and stability.
    scores : PlannedScores
        Distribution of the scores.
    effects : mapping of str to tuple of float
        By question.
    level : float
        Two-sided level of each test.
    target : float
        Power that is asked for.
    studies, permutations, seed : int
        As in the config.
    """

    design: Design
    participants: int
    curve: tuple[int, ...]
    allocation: tuple[float, float]
    drop_out: float
    measurement: Measurement
    scores: PlannedScores
    effects: Mapping[str, tuple[float, ...]]
    level: float
    target: float
    studies: int
    permutations: int
    seed: int

    @property
    def two_groups(self) -> bool:
        """True where two arms, or two orders of the drugs, are compared."""
        return not self.design.one_arm

    def enrolled(self, n: int) -> tuple[int, int]:
        """Return how many of `n` participants are in each arm or order; (n, 0) in one arm."""
        if not self.two_groups:
            return n, 0
        first = round(n * self.allocation[0] / sum(self.allocation))
        first = min(max(first, 1), n - 1)
        return first, n - first

    def complete(self, n: int) -> tuple[int, int]:
        """Return how many of these are expected to be complete, rounded."""
        first, second = (round((1 - self.drop_out) * each) for each in self.enrolled(n))
        return first, second


def planned_study(power: Power, design: Design | None = None) -> PlannedStudy:
    """Return a planned study.

    Parameters
    ----------
    power : Power
        Section `power` of the config, :func:`completed` by that of the tests; names design and
        participants where there is no study.
    design : Design, optional
        That of the study in the config. Of several sessions the primary ones are planned.

    Raises
    ------
    ValueError
        If the section is not completed.
    """
    if power.level is None or power.seed is None or power.permutations is None:
        raise ValueError("level, seed and permutations are left to another section")
    kind = power.design or _kind(design)
    planned = design_of(kind, si=_instrument(design))
    reliability = 1.0 if power.reliability is None else power.reliability
    if power.minutes and power.reliability_minutes:
        reliability = spearman_brown(reliability, power.minutes / power.reliability_minutes)
    sizes = _sizes(design)
    participants = power.participants or max(FEWEST, sum(sizes))
    usual = {max(FEWEST, round(share * participants)) for share in _CURVE}
    return PlannedStudy(
        design=planned,
        participants=participants,
        curve=power.curve or tuple(sorted(usual)),
        allocation=_allocation(power, planned, sizes if kind == _kind(design) else ()),
        drop_out=power.drop_out,
        measurement=Measurement(reliability, power.stability),
        scores=power.scores,
        effects={question: getattr(power.effects, question) for question in QUESTIONS},
        level=power.level / power.circuits,
        target=power.target,
        studies=power.studies,
        permutations=power.permutations,
        seed=power.seed,
    )


def design_of(kind: str, **more: Any) -> Design:
    """Return the design of a study of two sessions that nobody has measured.

    Parameters
    ----------
    kind : str
        ``single-arm``, ``parallel`` or ``crossover``.
    **more : object
        Further fields of ``plan/design.json``.
    """
    crossover = kind == "crossover"
    return Design.from_json(
        {
            "kind": kind,
            "baseline": "control" if crossover else "pre",
            "followup": "ketamine" if crossover else "post",
            "arms": {"ketamine": "ketamine", "control": "midazolam"}
            if kind == "parallel"
            else None,
            "drugs": {"ketamine": "ketamine", "control": "midazolam"},
            "si": {"instrument": "SSI", "shape": "pre-post"},
            "study": "simulated",
            "detected": "simulated",
            "pre": None,
            "contrasts": [],
            "sessions": {},
            "participants": {},
            "sequences": None,
            "groups": None,
            "depression": None,
            "estimand": {},
            "may_not_say": [],
            "control_tested": True,
            "strategy": "simulated",
            "alpha": 0.05,
            "preregistered": False,
        }
        | more
    )


def _kind(design: Design | None) -> str:
    if design is None:
        return ""
    if design.between_arms:
        return "parallel"
    return "crossover" if design.within_drugs else "single-arm"


def _instrument(design: Design | None) -> dict[str, str]:
    known = None if design is None else design.si
    return {"instrument": known.instrument if known else "the score", "shape": "pre-post"}


def _sizes(design: Design | None) -> tuple[int, ...]:
    """Return how many participants a study has in its arms or orders; of one arm, in all."""
    if design is None:
        return ()
    arms = design.in_contrasts()
    if design.between_arms:
        return tuple(sum(arm == role for arm in arms.values()) for role in ("ketamine", "control"))
    if design.within_drugs:
        orders = [design.sequences.get(who) for who in arms]
        return orders.count(KETAMINE_FIRST), orders.count(CONTROL_FIRST)
    return (len(arms),)


def _allocation(power: Power, planned: Design, sizes: tuple[int, ...]) -> tuple[float, float]:
    if planned.one_arm:
        return 1.0, 0.0
    first, second = power.allocation or (sizes if all(sizes) and sizes else (1.0, 1.0))
    return float(first), float(second)
