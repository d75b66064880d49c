"""Connectivity of a study that was computed elsewhere, by participant and session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from ketfc.study.config.sources import AS_IS
from ketfc.study.runs.index import Index

if TYPE_CHECKING:
    import pandas as pd

FIELD = "study.connectivity"
"""The section of the config, and the field of the problems of what it names."""


@dataclass(frozen=True)
class Measure:
    """A value that every session has one of, and that is tested.

    Attributes
    ----------
    id, name : str
        What the tables of results call it, and what the report does.
    column, scale : str
        The column it comes from and that column's scale.
    file : str
        The table it comes from.
    primary : bool
        Whether it is a primary hypothesis.
    ends : tuple of str or None
        The two regions, where the table names them.
    """

    id: str
    name: str
    column: str
    scale: str
    file: str
    primary: bool
    ends: tuple[str, str] | None = None

    @property
    def unit(self) -> str:
        """The unit of what is tested."""
        return f"units of {self.column}" if self.scale == AS_IS else "Fisher z"

    @property
    def quantity(self) -> str:
        """The quantity that it is a value of."""
        return self.column if self.scale == AS_IS else "connectivity"


@dataclass(frozen=True)
class Given:
    """Contents of a lab's own tables.

    Attributes
    ----------
    index : Index
        Participants and sessions, a run for each session; and what is wrong.
    measures : tuple of Measure
        In the order of the tables, primary ones first.
    values : pandas.DataFrame
        `participant_id`, `session`, `role`, `measure` (its id) and `value` as Fisher z, or as it
        is; a row per session and measure, NaN where it is missing.
    """

    index: Index
    measures: tuple[Measure, ...]
    values: pd.DataFrame


def registry_text(given: Given) -> str:
    """Return the hypotheses on the values as a registry of circuits, in YAML."""
    circuits: dict[str, Any] = {
        one.id: {
            "name": one.name,
            "value": {"quantity": one.quantity, "unit": one.unit},
            "primary": one.primary,
            "hypothesis": f"{one.name} changes with treatment, and with the score.",
            "source": {"text": f"column {one.column} of {one.file}", "verified": False},
        }
        for one in given.measures
    }
    return yaml.safe_dump({"circuits": circuits}, sort_keys=False, allow_unicode=True)
