"""What is known, and what is not, of connectivity that was computed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ketfc.base.english import listed, plural
from ketfc.reporting.rows import setting
from ketfc.study.config.sources import AS_IS
from ketfc.study.connectivity.scales import IN_WORDS

_UNKNOWN = (
    "head motion, volumes, censoring, denoising, temporal degrees of freedom, signal and coverage "
    "of the regions"
)


def unknown_of_images() -> str:
    """Return the sentence of the report on what a table of connectivity cannot tell."""
    return (
        f"Connectivity was computed elsewhere. Not known here: {_UNKNOWN}. What rests on them is "
        "not assessed, which is no pass: head motion may explain any result of this page."
    )


def source_paragraphs(config: Mapping[str, Any]) -> list[str]:
    """Return the paragraphs of the methods on where connectivity came from.

    Parameters
    ----------
    config : mapping
        The configuration with all its defaults.
    """
    about = setting(config, "study", "connectivity") or {}
    paths = [PurePath(str(path)).name for path in about["path"]]
    values = about["values"]
    read = [f"`{name}` as {IN_WORDS[scale]}" for name, scale in values.items() if scale != AS_IS]
    as_is = [f"`{name}`" for name, scale in values.items() if scale == AS_IS]
    text = (
        f"Connectivity was computed elsewhere and read from {plural(len(paths), 'table')} "
        f"({listed(paths)}): {listed(read)}, tested as Fisher's z."
    )
    if as_is:
        text += f" {listed(as_is)} {'is' if len(as_is) == 1 else 'are'} tested as given."
    return [
        text,
        f"Not known to this workflow, and to be described by whoever computed it: {_UNKNOWN}. No "
        "result could be compared with head motion, with coverage, or with random regions.",
    ]
