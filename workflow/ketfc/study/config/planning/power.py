"""Section `power` of the config: a study that is planned, and what is expected of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from ketfc.base.errors import Problem, StudyError
from ketfc.study.config.errors import explain, plain
from ketfc.study.config.statistics import Statistics
from ketfc.study.config.types import Group, Number, Whole, key, refuse

PlannedKind = Literal["single-arm", "parallel", "crossover"]
"""Designs that can be planned."""

_Correlation = Annotated[Number, Field(gt=-1.0, lt=1.0)]
_Size = Annotated[Number, Field(gt=0.0, le=5.0)]
_People = Annotated[Whole, Field(ge=4, le=1000)]


_SMALLEST_PER_LEVEL = 5
"""Smallest p values of a permutation test that have to lie below its level."""


_PERMUTATIONS = 999
"""Random arrangements of a test, where the config says none."""


class Points(Group):
    """Scores at one time: whole points between a floor and a ceiling."""

    mean: Number = key(
        ..., "Mean of those above the floor, before points are rounded.", "a number of points"
    )
    sd: Number = key(
        ..., "Their standard deviation, before points are rounded.", "a number above 0", gt=0.0
    )
    skew: Number = key(
        0.0,
        "Their skewness: 0 for a normal distribution, above 0 where few score high.",
        "a number between -3 and 3",
        ge=-3.0,
        le=3.0,
    )
    floor: Whole = key(0, "Fewest points that are possible.", "a whole number")
    ceiling: Whole = key(38, "Most points that are possible.", "a whole number above the floor")
    at_floor: Number = key(
        0.0,
        "Share of participants who are at the floor beside those whom the distribution puts there: "
        "the zeros of a scale of ideation.",
        "a number from 0 to below 1",
        ge=0.0,
        lt=1.0,
    )

    @field_validator("ceiling")
    @classmethod
    def _above_floor(cls, ceiling: int, info: ValidationInfo) -> int:
        if ceiling <= info.data.get("floor", ceiling - 1):
            raise refuse("is not above the floor")
        known = info.data
        if {"mean", "floor"} <= set(known) and not known["floor"] < known["mean"] < ceiling:
            raise refuse("puts the mean outside floor and ceiling", instead="mean")
        return ceiling


class PlannedScores(Group):
    """Scores of suicidal ideation before and after."""

    baseline: Points = key(
        {"mean": 14.0, "sd": 7.0, "skew": 0.5, "floor": 4},
        "Scores at baseline (of a crossover, after the control drug).",
        "a group of the keys mean, sd, skew, floor, ceiling and at-floor",
    )
    followup: Points = key(
        {"mean": 8.0, "sd": 6.0, "skew": 1.0, "at-floor": 0.3},
        "Scores at follow-up (of a crossover, after ketamine).",
        "a group of the keys mean, sd, skew, floor, ceiling and at-floor",
    )
    correlation: _Correlation = key(
        0.5,
        "Correlation of both, as if neither had a floor.",
        "a number between -1 and 1",
    )


class PlannedEffects(Group):
    """Effects that a planned study is to find, as they would be without error of measurement."""

    change: tuple[_Size, ...] = key(
        [0.3, 0.5, 0.8],
        "Changes in connectivity (two arms: differences between them; crossover: differences "
        "between the drugs), in standard deviations of connectivity between participants.",
        "a list of numbers above 0, at most 5",
    )
    association: tuple[_Correlation, ...] = key(
        [0.3, 0.4, 0.5],
        "Correlations of the change in connectivity with the score at follow-up, at equal baseline "
        "score.",
        "a list of numbers between -1 and 1, none of them 0",
    )

    @field_validator("association")
    @classmethod
    def _not_nothing(cls, association: tuple[float, ...]) -> tuple[float, ...]:
        if 0.0 in association:
            raise refuse("holds 0, which no study finds; false positives are simulated anyway")
        return association

    @field_validator("change", "association")
    @classmethod
    def _some_once(cls, effects: tuple[float, ...]) -> tuple[float, ...]:
        if not 1 <= len(effects) <= 5:
            raise refuse("does not hold one to five effects")
        if len(set(effects)) < len(effects):
            raise refuse("holds an effect twice")
        return effects


class Power(Group):
    """A study that is planned: what `snakemake power` simulates. No other target reads it."""

    design: PlannedKind | None = key(
        None,
        "Design of the planned study: one arm, two arms, or both drugs in turn.",
        "single-arm, parallel, crossover, or null: that of the study in this config",
        examples=["parallel"],
    )
    participants: _People | None = key(
        None,
        "Participants who are expected to be enrolled, in all arms together.",
        "a whole number from 4 to 1000, or null: as many as the study in this config has",
        examples=[40],
    )
    curve: tuple[_People, ...] | None = key(
        None,
        "Numbers of participants for the power curves.",
        "a list of whole numbers from 4 to 1000, or null: 0.4 to 2 times `participants`",
        examples=[[20, 40, 60, 80]],
    )
    allocation: tuple[Number, ...] | None = key(
        None,
        "How participants are divided between ketamine and control (of a crossover, between "
        "ketamine first and control first).",
        "a list of two numbers above 0, or null: as in the study of this config, else [1, 1]",
        examples=[[2, 1]],
    )
    drop_out: Number = key(
        0.0,
        "Probability that a participant does not come back, or that a scan cannot be used; "
        "whoever it is, at random.",
        "a number from 0 to below 1",
        ge=0.0,
        lt=1.0,
    )
    reliability: Number | None = key(
        None,
        "Reliability of the connectivity of one session (ICC): the share of its variance between "
        "participants that is no error.",
        "a number above 0, at most 1, or null: `statistics.reliability`, else 1",
        gt=0.0,
        le=1.0,
        examples=[0.5],
    )
    reliability_minutes: Number | None = key(
        None,
        "Minutes of usable data per session that the reliability was found with.",
        "a number above 0, or null: `minutes`",
        gt=0.0,
        examples=[10],
    )
    minutes: Number | None = key(
        None,
        "Minutes of usable data per session that are planned. Where `reliability-minutes` differs, "
        "the reliability is that which Spearman and Brown's formula gives.",
        "a number above 0, or null: `reliability-minutes`",
        gt=0.0,
        examples=[15],
    )
    stability: Number = key(
        0.5,
        "Correlation of connectivity before with that after treatment, were there no error. At 0.5 "
        "a change in standard deviations of participants is one in standard deviations of the "
        "change.",
        "a number from 0 to below 1",
        ge=0.0,
        lt=1.0,
    )
    scores: PlannedScores = key(
        {},
        "Distribution of the scores of suicidal ideation.",
        "a group of the keys baseline, followup and correlation",
    )
    effects: PlannedEffects = key(
        {},
        "Effects that the study is to find, as they would be without error of measurement.",
        "a group of the keys change and association",
    )
    target: Number = key(
        0.8, "Power that is asked for.", "a number from 0.5 to 0.99", ge=0.5, le=0.99
    )
    level: Number | None = key(
        None,
        "Two-sided level of significance of a family.",
        "a number between 0 and 1, or null: `statistics.alpha`, else 0.05",
        gt=0.0,
        lt=1.0,
    )
    circuits: Whole = key(
        1,
        "Primary circuits of the family. Each is tested at `level` divided by their number, which "
        "is the first step of Holm's method: what every one of them is sure to be granted.",
        "a whole number from 1 to 50",
        ge=1,
        le=50,
    )
    studies: Whole = key(
        2000,
        "Simulated studies for every point of a curve.",
        "a whole number from 100 to 100000",
        ge=100,
        le=100_000,
    )
    permutations: Whole | None = key(
        None,
        "Random arrangements of each test in them.",
        "a whole number from 199 to 99999, or null: 999, or more where `level` and `circuits` need "
        "more",
        ge=199,
        le=99_999,
    )
    seed: Whole | None = key(
        None,
        "Seed of the simulation.",
        "a whole number from 0, or null: `statistics.seed`",
        ge=0,
    )

    @field_validator("curve")
    @classmethod
    def _some(cls, curve: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if curve is not None and not 2 <= len(set(curve)) == len(curve) <= 20:
            raise refuse("does not hold two to twenty different numbers")
        return None if curve is None else tuple(sorted(curve))

    @field_validator("allocation")
    @classmethod
    def _two_shares(
        cls, allocation: tuple[float, ...] | None, info: ValidationInfo
    ) -> tuple[float, ...] | None:
        if allocation is None:
            return None
        if len(allocation) != 2 or min(allocation) <= 0:
            raise refuse("does not hold two numbers above 0")
        if info.data.get("design") == "single-arm":
            raise refuse("divides the participants of one arm")
        return allocation

    @field_validator("minutes")
    @classmethod
    def _of_use(cls, minutes: float | None, info: ValidationInfo) -> float | None:
        if minutes and info.data.get("reliability") == 1:
            raise refuse("changes nothing where the reliability is 1")
        return minutes


def completed(power: Power, statistics: Statistics, *, source: str = "config") -> Power:
    """Return a section whose level, seed and reliability are no longer left to `statistics`.

    Parameters
    ----------
    power : Power
        The section.
    statistics : Statistics
        Section `statistics` of the same config, or the default one.
    source : str
        What to call the config in messages.

    Raises
    ------
    StudyError
        If so few permutations could hardly reject anything at the level of a test.
    """
    level = statistics.alpha if power.level is None else power.level
    fewest = math.ceil(_SMALLEST_PER_LEVEL * power.circuits / level) - 1
    if power.permutations is not None and power.permutations < fewest:
        problem = Problem(
            "error",
            f"is too few for tests at {level:g} / {power.circuits}",
            file=source,
            field="power.permutations",
            value=str(power.permutations),
            allowed=f"a whole number from {fewest}",
        )
        raise StudyError([problem])
    given = {
        "level": level,
        "seed": statistics.seed,
        "reliability": statistics.reliability,
        "permutations": max(_PERMUTATIONS, fewest),
    }
    missing = {name: value for name, value in given.items() if getattr(power, name) is None}
    return power.model_copy(update=missing)


class _Alone(Group):
    """A file that plans a study and holds nothing else."""

    power: Power


def parse_power(raw: Mapping[str, Any], *, source: str = "config") -> Power:
    """Return the checked section `power` of a file without a study, with its defaults.

    Parameters
    ----------
    raw : mapping
        What the YAML file holds.
    source : str
        What to call it in messages.

    Raises
    ------
    StudyError
        With all problems at once, those among them that no study answers.
    """
    given = plain(raw)
    given["power"] = {} if given["power"] is None else given["power"]
    try:
        power = _Alone.model_validate(given).power
    except ValidationError as error:
        raise StudyError(explain(error, given, _Alone, source=source)) from None
    needed = {"design": "single-arm, parallel or crossover", "participants": "a whole number"}
    missing = [
        Problem(
            "error",
            "is needed where the config has no study that it could be taken from",
            file=source,
            field=f"power.{name}",
            allowed=allowed,
        )
        for name, allowed in needed.items()
        if getattr(power, name) is None
    ]
    for name in ("reliability_minutes", "minutes"):
        value = getattr(power, name)
        if value is not None and power.reliability is None:
            field = f"power.{name.replace('_', '-')}"
            message = "has no effect without power.reliability"
            missing.append(Problem("error", message, file=source, field=field, value=f"{value:g}"))
    if missing:
        raise StudyError(missing)
    return completed(power, Statistics(), source=source)
