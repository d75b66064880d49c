"""A study that is planned, as the rules see it: alone, or beside the study of a config."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ketfc.base.errors import RefusalError, StudyError
from ketfc.base.source import code_digests
from ketfc.inference.power.planned import QUESTIONS
from ketfc.study.config.planning.power import Power, completed, parse_power
from ketfc.workflow.study import StudyWorkflow

_TESTS_PER_MINUTE = 2000 * 999 * 10
"""Studies times arrangements that a slow core simulates in a minute, at ten points of a curve."""


@dataclass(frozen=True)
class PowerWorkflow:
    """A planned study as the rules see it.

    Attributes
    ----------
    power : Power
        The section of the config, completed.
    questions : sequence of str
        What it asks.
    design : sequence of str
        ``plan/design.json``, where the config has a study; empty where it has none.
    code : mapping of str to str
        By script, the digest of the code behind it.
    """

    power: Power
    questions: Sequence[str]
    design: Sequence[str]
    code: Mapping[str, str]

    @property
    def section(self) -> dict[str, Any]:
        """The section as plain values."""
        return self.power.model_dump(mode="json", by_alias=True)

    @property
    def minutes(self) -> int:
        """The minutes that one question is given."""
        work = self.power.studies * (self.power.permutations or 1)
        return 10 + math.ceil(100 * work / _TESTS_PER_MINUTE)


def power_alone(given: Mapping[str, Any]) -> PowerWorkflow:
    """Return what the rules need to know where the config has a plan and no study.

    Parameters
    ----------
    given : mapping
        The configuration as Snakemake has it.

    Raises
    ------
    RefusalError
        If the section `power` is wrong, or leaves open what only a study could answer.
    """
    try:
        return PowerWorkflow(parse_power(given), QUESTIONS, (), code_digests())
    except StudyError as error:
        raise RefusalError(f"The configuration cannot be used:\n{error}") from None


def power_beside(work: StudyWorkflow) -> PowerWorkflow:
    """Return what the rules need to know where the design is that of a study.

    Raises
    ------
    RefusalError
        If the section `power` does not go with the rest of the configuration.
    """
    config = work.config
    try:
        power = completed(config.power, config.statistics)
    except StudyError as error:
        raise RefusalError(f"The configuration cannot be used:\n{error}") from None
    questions = QUESTIONS if config.scores.si else QUESTIONS[:1]
    return PowerWorkflow(power, questions, ("results/plan/design.json",), work.code)
