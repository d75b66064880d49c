"""Section `quality` of the config: thresholds of exclusion, and exclusions by hand."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import model_validator

from ketfc.study.config.types import Group, Number, PathText, key

PRESETS: Mapping[str, Mapping[str, float | None]] = MappingProxyType(
    {
        "lenient": {"max-mean-fd": 0.55, "max-fd": None, "max-censored": 0.5},
        "strict": {"max-mean-fd": 0.25, "max-fd": 5.0, "max-censored": 0.2},
    }
)
"""Thresholds by preset, keys as in YAML.

After the lenient and the stringent criteria of Parkes et al. 2018, NeuroImage 171:415 (the numbers
were not verified in the paper), who took Jenkinson's displacement: Power's, which
fMRIPrep writes, is larger, so that the same numbers exclude more. Their share of 20 % counts
displacements above 0.2 mm, here volumes censored by the study's own rule; the lenient share of
50 % is the default of giga_auto_qc.
"""


class Quality(Group):
    """Exclusion of runs by their quality, and exclusions by hand."""

    preset: Literal["lenient", "strict"] | None = key(
        None,
        "Values for the thresholds below that are not given. lenient: max-mean-fd 0.55, "
        "max-censored 0.5; strict: max-mean-fd 0.25, max-fd 5, max-censored 0.2 (after Parkes "
        "2018, whose FD is Jenkinson's and smaller than the one used here; unverified). null: "
        "only the thresholds that are given, and min-time, exclude a run.",
        "lenient, strict or null",
    )
    max_mean_fd: Number | None = key(
        None,
        "Mean framewise displacement in mm, over all volumes, above which a run is excluded; "
        "null: no limit, whatever the preset.",
        "a number above 0 (mm), or null",
        examples=[0.55],
        gt=0.0,
    )
    max_fd: Number | None = key(
        None,
        "Largest framewise displacement in mm above which a run is excluded; null: no limit.",
        "a number above 0 (mm), or null",
        examples=[5.0],
        gt=0.0,
    )
    max_censored: Number | None = key(
        None,
        "Share of a run's volumes that may be censored; with more it is excluded. null: no limit.",
        "a number from 0 to 1, or null",
        examples=[0.5],
        ge=0.0,
        le=1.0,
    )
    exclusions: PathText | None = key(
        None,
        "Table (TSV or CSV) of what the lab leaves out by hand: participant_id, reason, and "
        "where it is not the whole participant session and run (the run's number or file name). "
        "Runs named there are never read, and are in `quality/exclusions.tsv` with the reason.",
        "a path, or null",
        examples=["my_exclusions.tsv"],
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        """Take what is not written from the preset; a null that is written stays."""
        if not isinstance(given, dict) or not isinstance(given.get("preset"), str):
            return given
        return {**PRESETS.get(given["preset"], {}), **given}
