"""Instruments of scores: their ranges, directions, and rules of response and remission."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError, ValidationInfo, field_validator

from ketfc.base.bundled import bundled
from ketfc.base.errors import Problem
from ketfc.base.yaml import read_yaml
from ketfc.study.config.errors import explain, plain
from ketfc.study.config.scores import Direction, Score, ScoreRange
from ketfc.study.config.types import Group, Number, Text, Whole, YesNo, key, refuse

BUNDLED = bundled("config/instruments.yaml")
"""The catalogue that comes with ketfc."""

RESPONSE = 0.5
"""Share of the baseline score by which a responder has improved, where nothing else is said."""


class Source(Group):
    """Source of the facts about an instrument."""

    text: Text = key(..., "The source in words.", "text")
    doi: Text | None = key(None, "Its DOI.", "text, or null")
    verified: YesNo = key(..., "Whether the source was read.", "true or false")


class SuicideItem(Group):
    """The suicide item that a total contains."""

    item: Whole = key(..., "Its number.", "a whole number, at least 1", ge=1)
    range: ScoreRange = key(..., "Its lowest and highest score.", "two numbers, the lower first")


class Instrument(Group):
    """Facts about one instrument, or one item that is used as a score."""

    name: Text = key(..., "Its name in full.", "text")
    aliases: tuple[Text, ...] = key([], "Other names for it.", "a list of text")
    measures: Literal["suicidal ideation", "depression", "other"] = key(
        "other", "What it measures.", "suicidal ideation, depression or other"
    )
    items: Whole | None = key(None, "How many items it has.", "a whole number, or null", ge=1)
    range: ScoreRange | None = key(
        None, "Lowest and highest possible score; null: unknown.", "two numbers, the lower first"
    )
    gaps: tuple[Number, ...] = key(
        [], "Numbers within the range that cannot occur.", "a list of numbers"
    )
    step: Number | None = key(
        None,
        "Distance of possible scores; null: any number.",
        "a number above 0, or null",
        gt=0.0,
    )
    direction: Direction = key(
        "higher-worse", "What a higher score means.", "higher-worse or higher-better"
    )
    response: Number | None = key(
        None,
        "Share of the baseline score by which a responder has improved; null: a half where "
        "higher is worse, no rule where higher is better.",
        "a number above 0 and at most 1, or null",
        gt=0.0,
        le=1.0,
    )
    remission: Number | None = key(
        None,
        "Score up to which (higher-worse) or from which (higher-better) somebody is remitted.",
        "a number, or null",
    )
    recall: Text | None = key(None, "The time its questions are about.", "text, or null")
    si_item: SuicideItem | None = key(
        None, "The suicide item a total contains.", "a group with item and range, or null"
    )
    item_of: Text | None = key(
        None, "The instrument that this item is taken from.", "an instrument, or null"
    )
    source: Source = key(..., "Where this is from.", "a group with text, doi and verified")

    @field_validator("remission")
    @classmethod
    def _within_range(cls, remission: float | None, info: ValidationInfo) -> float | None:
        span = info.data.get("range")
        if remission is not None and span and not span[0] <= remission <= span[1]:
            raise refuse(f"is outside the range {span[0]:g} to {span[1]:g}")
        return remission


@dataclass(frozen=True)
class Rule:
    """Possible values of a column of scores, and rules of response and remission.

    Attributes
    ----------
    instrument : str
        The name it has in the config.
    low, high : float or None
        The range; None where it is unknown.
    gaps : tuple of float
        Numbers within the range that cannot occur.
    step : float or None
        Distance of possible scores; None where any number is possible.
    direction : {"higher-worse", "higher-better"}
        What a higher score means.
    response : float or None
        Share of the baseline score by which a responder has improved.
    remission : float or None
        The score at which somebody counts as remitted.
    """

    instrument: str
    low: float | None = None
    high: float | None = None
    gaps: tuple[float, ...] = ()
    step: float | None = None
    direction: Direction = "higher-worse"
    response: float | None = RESPONSE
    remission: float | None = None

    @property
    def allowed(self) -> str:
        """Possible values of the column, in words."""
        kind = "a whole number" if self.step == 1 else "a number"
        if self.low is None or self.high is None:
            return kind
        gaps = f" other than {', '.join(f'{gap:g}' for gap in self.gaps)}" if self.gaps else ""
        return f"{kind} from {self.low:g} to {self.high:g}{gaps}"

    def complaint(self, value: float) -> str | None:
        """Return the problem of a score, or None if it is possible."""
        if self.low is not None and self.high is not None:
            if not self.low <= value <= self.high:
                return f"is out of the range of {self.instrument}"
            if value in self.gaps:
                return f"is not a possible score of {self.instrument}"
        if self.step is not None:
            steps = (value - (self.low or 0.0)) / self.step
            if abs(steps - round(steps)) > 1e-9:
                return f"is not a possible score of {self.instrument}"
        return None

    def impossible_change(self, value: float) -> str | None:
        """Return the possible changes, in words, if a change is none of them."""
        if self.low is None or self.high is None:
            return None
        span = self.high - self.low
        steps = value / self.step if self.step else 0.0
        if abs(value) <= span and abs(steps - round(steps)) <= 1e-9:
            return None
        kind = "a whole number" if self.step == 1 else "a number"
        return f"{kind} from {-span:g} to {span:g}"

    def less(self, item: Rule) -> Rule:
        """Return the rule of this total without one of its items; it has no remission."""
        known = None not in (self.low, self.high, item.low, item.high)
        return Rule(
            self.instrument,
            low=self.low - item.low if known else None,  # type: ignore[operator]
            high=self.high - item.high if known else None,  # type: ignore[operator]
            direction=self.direction,
            response=self.response,
        )


@dataclass(frozen=True)
class Catalogue:
    """Instruments by name, and the names that lead to them.

    Attributes
    ----------
    instruments : mapping of str to Instrument
        By the name they have in the catalogue.
    """

    instruments: Mapping[str, Instrument] = field(default_factory=dict)

    def find(self, name: str) -> Instrument | None:
        """Return an instrument by name or alias; case, hyphens and spaces do not matter."""
        for known, instrument in self.instruments.items():
            if _folded(name) in map(_folded, (known, *instrument.aliases)):
                return instrument
        return None

    @property
    def names(self) -> list[str]:
        """Names and aliases of all instruments."""
        return [n for known, one in self.instruments.items() for n in (known, *one.aliases)]

    def rule(self, score: Score) -> Rule:
        """Return the rule of a total: what the config says of it, else the catalogue."""
        known = self.find(score.instrument)
        direction = score.direction or (known.direction if known else "higher-worse")
        response = score.response or (known.response if known else None)
        if response is None and direction == "higher-worse":
            response = RESPONSE
        remission = score.remission
        own = score.range is not None or known is None
        if remission is None and known is not None and direction == known.direction:
            remission = known.remission
        span = score.range or (known.range if known else None)
        return Rule(
            score.instrument,
            low=span[0] if span else None,
            high=span[1] if span else None,
            gaps=() if own or known is None else known.gaps,
            # a range of the lab's own may belong to prorated or standardised scores
            step=None if own or known is None else known.step,
            direction=direction,
            response=response,
            remission=remission,
        )

    def item_rule(self, score: Score) -> Rule:
        """Return the rule of the suicide item of a depression scale."""
        known = self.find(score.instrument)
        item = known.si_item if known else None
        named = f"item {item.item} of {score.instrument}" if item else f"{score.instrument} item"
        low, high = item.range if item else (None, None)
        return Rule(named, low=low, high=high, step=1.0 if item else None)


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def load_instruments(own: Path | None = None) -> tuple[Catalogue, list[Problem]]:
    """Return the bundled catalogue, with a study's own instruments added over it.

    Parameters
    ----------
    own : pathlib.Path or None
        A file of the form of ``config/instruments.yaml``.

    Returns
    -------
    catalogue : Catalogue
        Every instrument that could be read.
    problems : list of Problem
        All that is wrong with the files, by file, instrument and key.
    """
    known, problems = _bundled()
    if own is None:
        return Catalogue(known), [*problems]
    found, wrong = _read(own)
    return Catalogue({**known, **found}), [*problems, *wrong]


@cache
def _bundled() -> tuple[dict[str, Instrument], list[Problem]]:
    return _read(BUNDLED)


def _read(path: Path) -> tuple[dict[str, Instrument], list[Problem]]:
    where = "scores.instruments"
    if not path.is_file():
        return {}, [Problem("error", "there is no such file", field=where, value=str(path))]
    try:
        raw = read_yaml(path)
    except (OSError, ValueError) as error:
        message = f"cannot be read as YAML: {error}"
        return {}, [Problem("error", message, file=path.name, field=where)]
    if not isinstance(raw, Mapping):
        message = "is not a set of instruments, each a name with its keys"
        return {}, [Problem("error", message, file=path.name, field=where)]
    found: dict[str, Instrument] = {}
    problems: list[Problem] = []
    for name, content in plain(raw).items():
        one, wrong = _instrument(content, f"{path.name}: {name}")
        problems += wrong
        if one is not None:
            found[str(name)] = one
    return found, problems


def _instrument(content: Any, source: str) -> tuple[Instrument | None, Iterable[Problem]]:
    if not isinstance(content, Mapping):
        return None, [Problem("error", "is not a group of keys", file=source)]
    try:
        return Instrument.model_validate(content), []
    except ValidationError as error:
        return None, explain(error, content, Instrument, source=source)
