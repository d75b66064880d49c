"""JSON sidecars of images, and the repetition time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ketfc.base.errors import RunError, raise_if_of_the_machine
from ketfc.base.files import read_json_of_others

TR_TOLERANCE = 1e-3
"""Seconds by which header and sidecar may differ (NIfTI stores the repetition time as float32)."""

LONGEST_TR = 30.0
"""Longest plausible repetition time in seconds; a larger one is most likely in milliseconds."""


def read_sidecar(path: Path) -> Mapping[str, Any]:
    """Return a JSON sidecar; empty if there is none.

    Raises
    ------
    RunError
        ``sidecar`` if it exists but is not a JSON object.
    """
    if not path.exists():
        return {}
    try:
        content = read_json_of_others(path)
    except (OSError, ValueError) as error:
        raise_if_of_the_machine(error)
        raise RunError("sidecar", f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise RunError("sidecar", f"{path.name} is not a JSON object")
    return content


def repetition_time(
    found: float | None, sidecar: Mapping[str, Any], override: float | None
) -> float:
    """Return the repetition time in seconds on which header and sidecar agree.

    Parameters
    ----------
    found : float or None
        In the header, seconds.
    sidecar : mapping
        Content of the JSON beside the image.
    override : float or None
        Seconds that the study sets, whatever those two say.

    Raises
    ------
    RunError
        ``repetition-time`` if they differ, or neither has one, and the study sets none.
    """
    if override is not None:
        return override
    told = sidecar.get("RepetitionTime")
    if told is not None and not _is_time(told):
        shown = repr(told)[:40]
        raise RunError(
            "repetition-time",
            f"RepetitionTime in the sidecar is {shown}, not seconds (above 0, at most "
            f"{LONGEST_TR:g})",
            value=shown,
            threshold=f"> 0 s, at most {LONGEST_TR:g} s",
        )
    if told is None and found is not None and found > LONGEST_TR:
        raise RunError(
            "repetition-time",
            f"the repetition time in the header is {found:g} s, above {LONGEST_TR:g} s: is it in "
            "milliseconds? Set study.repetition-time in the config",
            value=f"{found:g}",
            threshold=LONGEST_TR,
        )
    if told is None and found is None:
        raise RunError(
            "repetition-time",
            "neither the header nor the sidecar has a repetition time; "
            "set study.repetition-time in the config",
        )
    if told is not None and found is not None and abs(told - found) > TR_TOLERANCE:
        raise RunError(
            "repetition-time",
            f"the repetition time is {found:g} s in the header and {told:g} s in the sidecar; "
            "mend one of them, or set study.repetition-time in the config",
            value=f"{found:g}",
            threshold=f"{told:g}",
        )
    return float(told if told is not None else found)  # type: ignore[arg-type]


def _is_time(told: object) -> bool:
    return isinstance(told, int | float) and not isinstance(told, bool) and 0 < told <= LONGEST_TR
