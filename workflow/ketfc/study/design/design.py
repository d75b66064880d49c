"""The design of a study: kind, roles, arms, participants and instruments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from ketfc.base.files import read_json, write_json
from ketfc.study.config.config import AS_GIVEN

BASELINE, FOLLOWUP = "pre", "post"
"""Roles of the primary sessions, in every design but a crossover."""

PATIENTS, CONTROLS = "patients", "controls"
"""Groups of participants."""

KETAMINE_FIRST, CONTROL_FIRST = "ketamine-first", "control-first"
KETAMINE_ONLY, CONTROL_ONLY = "ketamine-only", "control-only"
SEQUENCES = (KETAMINE_FIRST, CONTROL_FIRST, KETAMINE_ONLY, CONTROL_ONLY)
"""Orders of the drugs of a crossover: both in that order, or the first one alone."""

UNIPOLAR, BIPOLAR = "unipolar", "bipolar"
"""Diagnoses."""

FIRST_PERIOD = "change-first-period"
"""Test of the first drugs alone, as if the crossover had ended there."""

AFTER_FIRST = "first period"
"""Role of the session after a participant's first drug, in that test."""


class Kind(StrEnum):
    """Kinds of design; no other package tells them apart but by the properties of `Design`."""

    SINGLE_ARM = "single-arm"
    PARALLEL = "parallel"
    CROSSOVER = "crossover"
    LONGITUDINAL = "longitudinal"


@dataclass(frozen=True)
class Instrument:
    """The instrument of a scale.

    Attributes
    ----------
    instrument : str
        Its name.
    shape : str
        ``pre-post`` for a score per session, ``change`` where only changes exist.
    """

    instrument: str
    shape: str = "pre-post"

    @property
    def changes_only(self) -> bool:
        """True where the scores exist as changes alone."""
        return self.shape == "change"


@dataclass(frozen=True)
class LaterOutcome:
    """A question on the change in connectivity and a score of another session.

    Attributes
    ----------
    name : str
        Its name in the config.
    connectivity, score : tuple of str
        The roles between which connectivity changed, and those of the scores; reference first.
    """

    name: str
    connectivity: tuple[str, str]
    score: tuple[str, str]

    @property
    def test(self) -> str:
        """Name of its test in the tables."""
        return f"later-{self.name}"


@dataclass(frozen=True)
class Groups:
    """Patients and healthy controls.

    Attributes
    ----------
    patients, controls : sequence of str
        Labels of the config.
    participants : mapping of str to (str or None)
        ``patients``, ``controls`` or None for everybody.
    """

    patients: tuple[str, ...]
    controls: tuple[str, ...]
    participants: Mapping[str, str | None]


@dataclass(frozen=True)
class Diagnoses:
    """Unipolar and bipolar depression.

    Attributes
    ----------
    unipolar, bipolar : sequence of str
        Labels of the config.
    participants : mapping of str to (str or None)
        ``unipolar``, ``bipolar`` or None for everybody.
    """

    unipolar: tuple[str, ...]
    bipolar: tuple[str, ...]
    participants: Mapping[str, str | None]


@dataclass(frozen=True)
class Terms:
    """Terms of the models beside connectivity and scores.

    Attributes
    ----------
    covariates : sequence of str
        Names that tests are adjusted for, in the order of the config.
    blocks : str or None
        Covariate within whose labels participants are exchanged.
    values : mapping of str to mapping of str to (float, str or None)
        Number or label of every participant, by name.
    diagnosis : Diagnoses or None
        Who has which diagnosis, where the config names them.
    """

    covariates: tuple[str, ...] = ()
    blocks: str | None = None
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    diagnosis: Diagnoses | None = None


@dataclass(frozen=True)
class Design:
    """The design of a study; ``plan/design.json`` holds the same fields.

    Attributes
    ----------
    study : str
        Name of the study.
    kind : Kind
        Kind of design.
    detected : str
        What decided the kind, in words.
    baseline, followup : str
        Roles that the primary tests compare: `pre` and `post`, or in a crossover the sessions
        after the control drug and after ketamine.
    pre : str or None
        Role of the session before any drug, None where there is none.
    contrasts : sequence of (str, str)
        Pairs of roles, reference first, the primary pair first.
    sessions : mapping of str to str
        Session label by role.
    arms : mapping of str to str
        Labels of ``ketamine`` and ``control``; empty where there is one arm.
    participants : mapping of str to (str or None)
        Everybody, with the role of the arm.
    drugs : mapping of str to str
        Names of the drugs of a crossover, by ``ketamine`` and ``control``; else empty.
    sequences : mapping of str to (str or None)
        Order of the drugs of a crossover by participant; else empty.
    groups : Groups or None
        Patients and healthy controls, where the config names them.
    si, depression : Instrument or None
        Instruments of the scores.
    estimand : mapping of str to str
        What each test estimates, in a sentence.
    may_not_say : sequence of str
        Words that no sentence about the results may hold.
    control_tested : bool
        Whether ketamine is compared with a control drug or arm.
    strategy : str
        Primary denoising strategy.
    alpha : float
        Level of the tests.
    preregistered : bool
        Whether the hypotheses were locked.
    covariates : mapping of str to str
        ``numeric`` or ``categorical`` by covariate.
    hours_since_dose : mapping of str to float
        Hours between dose and scan by role.
    terms : Terms
        What else enters the models.
    later_outcomes : tuple of LaterOutcome
        The questions on later scores, in the order of the config.
    scored : tuple of (str, str), optional
        Roles of the scores, reference first, where a test takes them from other sessions than
        connectivity; None in ``plan/design.json``.
    """

    study: str
    kind: Kind
    detected: str
    baseline: str
    followup: str
    pre: str | None
    contrasts: tuple[tuple[str, str], ...]
    sessions: Mapping[str, str]
    arms: Mapping[str, str]
    drugs: Mapping[str, str]
    participants: Mapping[str, str | None]
    sequences: Mapping[str, str | None]
    groups: Groups | None
    si: Instrument | None
    depression: Instrument | None
    estimand: Mapping[str, str]
    may_not_say: tuple[str, ...]
    control_tested: bool
    strategy: str
    alpha: float
    preregistered: bool
    covariates: Mapping[str, str] = field(default_factory=dict)
    hours_since_dose: Mapping[str, Any] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)
    later_outcomes: tuple[LaterOutcome, ...] = ()
    primary_question: str = "both"
    scored: tuple[str, str] | None = None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Design:
        """Return the design that ``plan/design.json`` describes.

        Raises
        ------
        ValueError
            If there is no such kind of design.
        TypeError
            If a field is missing or not known.
        """
        given = dict(content)
        given["kind"] = Kind(given["kind"])
        given["contrasts"] = tuple((before, after) for before, after in given["contrasts"])
        given["may_not_say"] = tuple(given["may_not_say"])
        for name in ("arms", "drugs", "sequences"):
            given[name] = given[name] or {}
        for name in ("si", "depression"):
            given[name] = Instrument(**given[name]) if given[name] else None
        given["groups"] = Groups(**_tuples(given["groups"])) if given["groups"] else None
        terms = dict(given.get("terms") or {})
        if terms.get("diagnosis"):
            terms["diagnosis"] = Diagnoses(**_tuples(terms["diagnosis"]))
        given["terms"] = Terms(**_tuples(terms))
        asked = given.get("later_outcomes", ())
        given["later_outcomes"] = tuple(LaterOutcome(**_tuples(one)) for one in asked)
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``plan/design.json``."""
        content = asdict(self)
        return content | {name: content[name] or None for name in ("arms", "drugs", "sequences")}

    @property
    def as_given(self) -> bool:
        """True where connectivity was computed elsewhere, so that nothing is known of images."""
        return self.strategy == AS_GIVEN

    @property
    def between_arms(self) -> bool:
        """True where participants of two arms are compared with one another."""
        return self.kind is Kind.PARALLEL

    @property
    def within_drugs(self) -> bool:
        """True where every participant had both drugs (a crossover)."""
        return self.kind is Kind.CROSSOVER

    @property
    def many_followups(self) -> bool:
        """True where one arm was followed over three or more sessions."""
        return self.kind is Kind.LONGITUDINAL

    @property
    def one_arm(self) -> bool:
        """True where there is neither a control arm nor a control drug."""
        return self.kind in (Kind.SINGLE_ARM, Kind.LONGITUDINAL)

    @property
    def kind_in_words(self) -> str:
        """The kind of design as the report names it."""
        return {
            Kind.SINGLE_ARM: "one arm",
            Kind.PARALLEL: "two arms, parallel",
            Kind.CROSSOVER: "crossover",
            Kind.LONGITUDINAL: "one arm, several follow-ups",
        }[self.kind]

    @property
    def group_column(self) -> str | None:
        """Column of a sample that tells its groups apart: `arm`, `sequence`, or None."""
        return {Kind.PARALLEL: "arm", Kind.CROSSOVER: "sequence"}.get(self.kind)

    @property
    def roles(self) -> dict[str, str]:
        """The roles that are compared, by ``baseline`` and ``followup``."""
        return {"baseline": self.baseline, "followup": self.followup}

    @property
    def score_roles(self) -> dict[str, str]:
        """The roles of the scores that are compared, by ``baseline`` and ``followup``."""
        if self.scored is None:
            return self.roles
        return dict(zip(("baseline", "followup"), self.scored, strict=True))

    @property
    def scores(self) -> dict[str, Instrument]:
        """The instruments that there are, by ``si`` and ``depression``."""
        both = {"si": self.si, "depression": self.depression}
        return {scale: each for scale, each in both.items() if each is not None}

    @property
    def instrument(self) -> str:
        """Name of the SI instrument, or ``SI`` where the study has none."""
        return self.si.instrument if self.si else "SI"

    @property
    def si_changes_only(self) -> bool:
        """True where SI scores exist, and as changes alone."""
        return self.si is not None and self.si.changes_only

    def in_contrasts(self) -> dict[str, str | None]:
        """Return the participants of the contrasts of drugs and sessions, with their arms.

        Everybody, or where there are groups the patients alone.
        """
        return {
            who: arm
            for who, arm in self.participants.items()
            if self.groups is None or self.groups.participants[who] == PATIENTS
        }

    def healthy_controls(self) -> list[str]:
        """Return the healthy controls of a study, none where it has no groups."""
        groups = self.groups.participants if self.groups else {}
        return [who for who, group in groups.items() if group == CONTROLS]

    def comparing(
        self, baseline: str, followup: str, *, scored: tuple[str, str] | None = None
    ) -> Design:
        """Return the design with another pair of roles, of scores too, as those compared."""
        return replace(self, baseline=baseline, followup=followup, scored=scored)

    def first_period(self) -> Design:
        """Return a crossover as the parallel study that it was until its first drugs.

        Returns
        -------
        Design
            With the drugs as arms, everybody in the arm of the first drug, also those who had no
            second one, and :data:`AFTER_FIRST` as follow-up.

        Raises
        ------
        ValueError
            If the design is no crossover with a session before both drugs.
        """
        if not self.sequences or self.pre is None:
            raise ValueError("only a crossover with a session before the drugs has a first period")
        first = {
            who: sequence.partition("-")[0] if sequence else None
            for who, sequence in self.sequences.items()
        }
        return replace(
            self,
            kind=Kind.PARALLEL,
            baseline=self.pre,
            followup=AFTER_FIRST,
            arms=self.drugs,
            participants=first,
        )


def read_design(path: str | Path) -> Design:
    """Return the design in ``plan/design.json``."""
    return Design.from_json(read_json(path))


def write_design(path: str | Path, design: Design) -> None:
    """Write ``plan/design.json``."""
    write_json(path, design.to_json())


def _tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON with tuples in place of lists."""
    return {key: tuple(each) if isinstance(each, list) else each for key, each in content.items()}
