"""The configuration of a study: its sections, and the check of a whole file.

The models of the sections are the single source: ``config/config.default.yaml``, the JSON schema
and the reference in ``config/README.md`` are made from them (:mod:`ketfc.study.config.docs`). Keys
are spelt with hyphens in YAML and with underscores as attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, ValidationError

from ketfc.base.errors import Problem, StudyError
from ketfc.study.config.circuits import Circuits
from ketfc.study.config.denoising import Denoising
from ketfc.study.config.errors import explain, plain
from ketfc.study.config.maps import Activity, Maps
from ketfc.study.config.planning.power import Power
from ketfc.study.config.printing.figures import Figures
from ketfc.study.config.quality import Quality
from ketfc.study.config.scores import Scores
from ketfc.study.config.statistics import Statistics
from ketfc.study.config.study import Study
from ketfc.study.config.types import DEFAULT_SPACE, Group

AS_GIVEN = "as_given"
"""Name in place of a denoising strategy for connectivity that was computed elsewhere."""

QUESTION = "? "
"""Beginning of a value that asks what should stand in its place; ``ketfc init`` writes such."""

OF_IMAGES = ("denoising", "quality", "maps", "activity")
"""Sections that only images can heed, but for ``quality.exclusions``."""


class Config(Group):
    """The configuration of a study."""

    study: Study
    scores: Scores
    denoising: Denoising = Field(default_factory=Denoising)
    quality: Quality = Field(default_factory=Quality)
    circuits: Circuits = Field(default_factory=Circuits)
    statistics: Statistics = Field(default_factory=Statistics)
    maps: Maps = Field(default_factory=Maps)
    activity: Activity = Field(default_factory=Activity)
    figures: Figures = Field(default_factory=Figures)
    power: Power = Field(default_factory=Power)

    @property
    def primary_strategy(self) -> str:
        """The denoising that the tests are of; of connectivity from elsewhere, whatever it was."""
        return AS_GIVEN if self.study.connectivity else self.denoising.primary

    @property
    def strategies(self) -> tuple[str, ...]:
        """All denoising strategies that there are results of."""
        return (AS_GIVEN,) if self.study.connectivity else tuple(self.denoising.strategies)

    @property
    def harmonized_beside(self) -> tuple[str, ...] | None:
        """The covariates that ComBat keeps, none of them a score; None without ComBat."""
        if self.statistics.harmonize is None:
            return None
        scales = [scale for scale in (self.scores.si, self.scores.depression) if scale]
        scores = {name for scale in scales for name in (scale.column, scale.change_column)}
        if self.scores.depression:
            scores.add(self.scores.depression.si_item)
        columns = self.study.covariates
        return tuple(
            name
            for name in self.statistics.covariates
            if name != self.statistics.blocks and columns[name].split("_ses-")[0] not in scores
        )


def parse_config(raw: Mapping[str, Any], *, source: str = "config") -> Config:
    """Return the checked configuration of a study.

    Parameters
    ----------
    raw : mapping
        What the YAML file holds.
    source : str
        What to call it in messages, such as the file's name.

    Returns
    -------
    Config
        With every default filled in. Paths stay as they are written; see :func:`expand`.

    Raises
    ------
    StudyError
        With all problems at once: unknown and missing keys, wrong types, impossible values,
        environment variables that are not set. While a question is open, with these alone: what
        else is wrong may follow from them.
    """
    if not isinstance(raw, Mapping) or not raw:
        found = "is empty" if not raw else "is not a set of keys with values"
        needed = "study (name, derivatives, sessions) and scores (table, si)"
        message = f"the configuration {found}; it needs at least {needed}"
        raise StudyError([Problem("error", message, file=source)])
    given = plain(raw)
    if open_questions := [
        Problem("error", f"answer here: {text}", file=source, field=field)
        for field, text in questions(given)
    ]:
        raise StudyError(open_questions)
    # a section that is left out, or whose keys are all commented out, has only defaults
    for section in Config.model_fields:
        if given.get(section) is None:
            given[section] = {}
    study = given["study"]
    space = study.get("space", DEFAULT_SPACE) if isinstance(study, dict) else DEFAULT_SPACE
    circuits = given["circuits"]
    anywhere = isinstance(circuits, dict) and circuits.get("allow-template-mismatch")
    named = study.get("covariates") if isinstance(study, dict) else None
    known = frozenset(named if isinstance(named, dict) else ())
    context = {"space": space, "any template": anywhere, "covariates": known}
    context["strategies"] = _strategies(given["denoising"])
    useless = _without_effect(given, source)
    context["other scores"] = _other_scores(given["scores"])
    try:
        config = Config.model_validate(given, context=context)
    except ValidationError as error:
        wrong = explain(error, given, Config, source=source)
        raise StudyError([*wrong, *useless]) from None
    if useless:
        raise StudyError(useless)
    return config


def questions(given: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Yield the questions that stand in place of values: key and text of each.

    Parameters
    ----------
    given : object
        A config, or a part of it.
    field : str
        The key that the part belongs to.
    """
    if isinstance(given, Mapping):
        for name, value in given.items():
            yield from questions(value, f"{field}.{name}" if field else str(name))
    elif isinstance(given, list | tuple):
        for i, value in enumerate(given):
            yield from questions(value, f"{field}[{i}]")
    elif isinstance(given, str) and given.startswith(QUESTION):
        yield field, given.removeprefix(QUESTION)


def _without_effect(given: Mapping[str, Any], source: str) -> list[Problem]:
    """Return an error for every key that does nothing to connectivity from elsewhere."""
    study = given["study"]
    if not isinstance(study, dict) or not study.get("connectivity"):
        return []
    return [
        Problem(
            "error",
            "has no effect on study.connectivity, which was computed elsewhere; leave it out",
            file=source,
            field=f"{section}.{name}",
            allowed="nothing beside study.connectivity",
        )
        for section in OF_IMAGES
        if isinstance(given[section], dict)
        for name in given[section]
        if (section, name) != ("quality", "exclusions")
    ]


def _strategies(denoising: Any) -> tuple[str, ...] | None:
    """Return the strategies that a config lists, or the default; None if they are wrong."""
    if not isinstance(denoising, dict):
        return None
    listed = denoising.get("strategies", list(Denoising().strategies))
    sound = isinstance(listed, list) and listed and all(isinstance(one, str) for one in listed)
    return tuple(listed) if sound else None


def _other_scores(scores: Any) -> tuple[str, ...]:
    """Return the scores of a config that may stand in for that of suicidal ideation."""
    depression = scores.get("depression") if isinstance(scores, dict) else None
    if not isinstance(depression, dict):
        return ()
    return ("depression",) if depression.get("si-item") is None else ("depression", "si-item")
