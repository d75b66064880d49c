"""Which design a study has, what it estimates, and what its words may claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ketfc.study.config import Config
from ketfc.study.scores import CHANGE

BASELINE, FOLLOWUP = "pre", "post"


def describe_design(config: Config, participants: Mapping[str, str | None]) -> dict[str, Any]:
    """Return ``design.json``: kind, roles, arms, participants, instruments and estimands.

    Parameters
    ----------
    config : Config
        The study's configuration.
    participants : mapping of str to (str or None)
        Everybody in the study, with the arm (``ketamine``, ``control``, or None).
    """
    arms = config.study.arms
    parallel = arms is not None
    si = config.scores.si
    depression = config.scores.depression
    if parallel and arms is not None:
        change = (
            f"Difference between {arms.ketamine} and {arms.control} in Fisher z at "
            f"{config.study.sessions[FOLLOWUP]}, adjusted for Fisher z at "
            f"{config.study.sessions[BASELINE]} (ANCOVA)."
        )
        given = f"given baseline {si.instrument if si else 'SI'} and arm"
        if si and si.change_column is not None:
            given = "given arm"
    else:
        change = (
            f"Mean change in Fisher z from {config.study.sessions[BASELINE]} to "
            f"{config.study.sessions[FOLLOWUP]} within participants, without a control arm."
        )
        given = f"given baseline {si.instrument if si else 'SI'}"
        if si and si.change_column is not None:
            given = "without adjustment for baseline"
    association = "Not estimated: the study has no score of suicidal ideation."
    if si is not None:
        outcome = (
            f"change in {si.instrument}"
            if si.change_column is not None
            else f"{si.instrument} at {config.study.sessions[FOLLOWUP]}"
        )
        association = (
            f"Difference in {outcome} per unit of change in Fisher z, {given}; an association, "
            "not an effect."
        )
    return {
        "study": config.study.name,
        "kind": "parallel" if parallel else "single-arm",
        "baseline": BASELINE,
        "followup": FOLLOWUP,
        "sessions": dict(config.study.sessions),
        "arms": {"ketamine": arms.ketamine, "control": arms.control} if arms else None,
        "participants": dict(sorted(participants.items())),
        "si": ({"instrument": si.instrument, "shape": _shape(si.change_column)} if si else None),
        "depression": (
            {"instrument": depression.instrument, "shape": _shape(depression.change_column)}
            if depression
            else None
        ),
        "estimand": {
            "change": change,
            "association": association,
        },
        "control_tested": parallel,
        "strategy": config.denoising.primary,
        "alpha": config.statistics.alpha,
    }


def _shape(change_column: str | None) -> str:
    return CHANGE if change_column is not None else "pre-post"
