"""The names of denoising strategies; what each regresses out is in imaging/denoise/confounds.py."""

from __future__ import annotations

BUILT_IN = (
    "none",
    "24P",
    "27P",
    "36P",
    "acompcor",
    "acompcor_gsr",
    "aroma",
    "aroma_gsr",
    "gsr_only",
)
"""The strategies that come with the workflow, with XCP-D's names."""

NOSCRUB = "_noscrub"
"""Ending of a strategy that censors no volume."""


def base_name(strategy: str) -> str:
    """Return the name of what is regressed out, such as ``36P`` for ``36P_noscrub``."""
    return strategy.removesuffix(NOSCRUB)


def scrubbed(strategy: str) -> bool:
    """Return whether a strategy leaves out the volumes that the study censors."""
    return not strategy.endswith(NOSCRUB)
